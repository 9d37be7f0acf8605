"""Self-collision: the step that leads into one is refused, the way out is free."""

import numpy as np
import pytest

from arbiter.safety import Safety
from arbiter.safety.shaper import braking
from arbiter.types import Mode
from deploy.robots.collision import SelfCollision
from deploy.robots.description import load_model
from tests.safety_rig import DT, Drive, armed, check_limits, reading, small_model

MODEL = small_model()
ROBOT = load_model()
LIMIT = 0.5


def arm_hits_body(q):
    """The shoulder touches the body beyond 0.5 rad."""
    return [("arm_shoulder", "base", q[2] - LIMIT)] if q[2] > LIMIT else []


def arm_hits_leg(q):
    """The elbow's link touches the knee's when both are forward."""
    return [("arm_elbow", "leg_knee")] if q[3] > 0.2 and q[1] > 0.6 else []


def posture(**values):
    q = MODEL.default.copy()
    for name, value in values.items():
        q[[i for i, joint in enumerate(MODEL.joints) if name in joint]] = value
    return q


def test_an_arm_stops_before_the_body_and_legs_go_on():
    drive = Drive(armed(MODEL, collision=arm_hits_body), owners=("walk", "walk", "wave", "wave"))
    for k in range(60):
        command, verdict = drive.tick(posture(shoulder=1.5, hip=0.3 * np.sin(0.2 * k)))
        assert command.q[2] <= LIMIT
        assert command.q[0] == pytest.approx(0.3 * np.sin(0.2 * k), abs=1e-9)
    assert command.q[2] > LIMIT - 0.17  # one step at full speed short of it
    assert verdict.mode is Mode.RUN and verdict.reason == "arm_shoulder and base would touch"
    notes = [i for i in verdict.interventions if i.check == "collision"]
    assert [(i.joint, i.policy) for i in notes] == [("arm_shoulder_joint", "wave")]
    assert notes[0].given == command.q[2] and notes[0].asked > command.q[2]
    check_limits(MODEL, MODEL.default, drive.sent)


def test_the_way_back_is_free():
    drive = Drive(armed(MODEL, collision=arm_hits_body))
    drive.ticks(40, posture(shoulder=1.5))
    command, verdict = drive.ticks(40, posture(shoulder=-0.3))
    assert command.q[2] == pytest.approx(-0.3) and verdict.interventions == ()


def test_a_robot_that_starts_in_a_collision_can_leave_it_but_not_go_deeper():
    start = posture(shoulder=0.8)
    drive = Drive(armed(MODEL, start, collision=arm_hits_body), start)
    command, verdict = drive.ticks(10, posture(shoulder=1.5))
    assert command.q[2] == pytest.approx(0.8) and verdict.interventions[-1].check == "collision"
    command, _ = drive.ticks(60, posture(shoulder=0.0))
    assert command.q[2] == pytest.approx(0.0)
    command, _ = drive.ticks(60, posture(shoulder=1.5))
    assert command.q[2] <= LIMIT  # once free, it stays out


def test_where_stopping_the_arm_is_enough_the_legs_go_on_and_else_they_stop_too():
    start = posture(elbow=0.3)
    drive = Drive(armed(MODEL, start, collision=arm_hits_leg), start)
    drive.ticks(30, posture(elbow=0.3, knee=1.0))
    assert all(not arm_hits_leg(command.q) for command in drive.sent)
    assert drive.sent[-1].q[1] <= 0.6
    start = posture(knee=1.0)
    drive = Drive(armed(MODEL, start, collision=arm_hits_leg), start)
    command, _ = drive.ticks(80, posture(elbow=0.4, knee=1.3))
    assert all(not arm_hits_leg(command.q) for command in drive.sent)
    assert command.q[1] == pytest.approx(1.3) and command.q[3] < 0.2
    check_limits(MODEL, start, drive.sent)


def test_names_that_are_not_known_stop_every_joint():
    drive = Drive(armed(MODEL, collision=lambda q: [("left", "right")] if q[2] > 0.1 else []))
    command, _ = drive.ticks(20, posture(shoulder=1.0, hip=0.5))
    assert command.q[0] < 0.5 and command.q[2] <= 0.1


@pytest.mark.parametrize("wrong", [lambda q: 1 / 0, lambda q: 5, lambda q: [("a",)], lambda q: [("a", "b", "deep")]])
def test_a_check_that_fails_settles_the_robot(wrong):
    calls = []

    def find(q):
        calls.append(1)
        return [] if len(calls) < 3 else wrong(q)

    drive = Drive(armed(MODEL, collision=find))
    for _ in range(4):
        command, verdict = drive.tick(MODEL.default + 0.003)
    assert drive.safety.fault.startswith("collision check failed: ") and drive.safety.wants_settle
    assert verdict.mode is Mode.SETTLE and np.isfinite(command.q).all()
    broken = Safety(MODEL, collision=wrong)
    assert broken.arm(reading(MODEL, 0.0), 0.0).startswith("the collision check fails: ") and not broken.armed


def test_a_check_that_fails_while_no_fallback_can_stand_damps():
    drive = Drive(armed(MODEL, collision=lambda q: [] if np.allclose(q, MODEL.default) else 1 / 0))
    command, verdict = drive.tick(MODEL.default + 0.003, joint_age=np.array((0.0, 0.0, 0.0, 0.1)))
    assert verdict.mode is Mode.SETTLE and command.kp.any()
    drive = Drive(armed(MODEL, collision=lambda q: [] if np.allclose(q, MODEL.default) else 1 / 0))
    drive.ticks(5, MODEL.default + np.array((0.0, 0.0, 0.0, 0.0)))
    drive.safety.trip("another fault first")
    drive.owners = ("stand",) * MODEL.n
    command, verdict = drive.tick(MODEL.default + 0.003)
    assert verdict.mode is Mode.DAMP and not command.kp.any()


def legs_cross(q):
    """The hip's link touches the other leg's beyond a line that two joints of the legs share."""
    depth = q[0] + 0.2 * q[1] - 0.5
    return [("leg_hip", "leg_knee", depth)] if depth > 0.0 else []


def test_of_two_legs_one_joint_stops_and_the_other_goes_on():
    """To freeze both legs for a hip that swings out too far throws a walking robot."""
    drive = Drive(armed(MODEL, collision=legs_cross), owners=("walk", "walk", "wave", "wave"))
    for k in range(40):
        command, verdict = drive.tick(posture(hip=0.9, knee=0.4 + 0.05 * np.sin(0.3 * k), elbow=0.1))
        assert not legs_cross(command.q)
        assert command.q[1] == pytest.approx(0.4 + 0.05 * np.sin(0.3 * k), abs=1e-9)
    notes = {i.joint for i in verdict.interventions if i.check == "collision"}
    assert notes == {"leg_hip_joint"} and verdict.reason == "leg_hip and leg_knee would touch"
    assert command.q[3] == pytest.approx(0.1), "arms have nothing to do with it"
    check_limits(MODEL, MODEL.default, drive.sent)


def test_a_stopped_joint_goes_as_far_as_it_may():
    drive = Drive(armed(MODEL, collision=legs_cross))
    command, _ = drive.ticks(40, posture(hip=0.9, knee=0.4))
    left = 0.5 - (command.q[0] + 0.2 * command.q[1])
    assert 0.0 <= left < 0.15, "a quarter of its step short of the line, at most"


def test_where_no_single_joint_will_do_several_stop():
    def touch(q):
        """Each of two joints of the legs leads into it by itself."""
        depth = max(q[0], q[1] - 0.4) - 0.3
        return [("leg_hip", "leg_knee", depth)] if depth > 0.0 else []

    drive = Drive(armed(MODEL, collision=touch))
    for _ in range(40):
        command, _ = drive.tick(posture(hip=0.9, knee=1.5, elbow=0.1))
        assert not touch(command.q)
    assert command.q[3] == pytest.approx(0.1)
    command, verdict = drive.ticks(40, posture())
    assert command.q[:2] == pytest.approx(MODEL.default[:2]) and verdict.interventions == ()


def test_where_arm_and_leg_meet_it_is_the_arm_that_stops():
    """Both cross the line in the same tick; to stop either would do."""

    def touch(q):
        return [("arm_elbow", "leg_knee")] if q[3] > 0.2 and q[1] > 0.5 else []

    free = Drive(armed(MODEL))
    free.ticks(40, posture(elbow=0.5))
    elbow = np.array([command.q[3] for command in free.sent])
    rest = elbow + braking(np.diff(elbow, prepend=0.0), np.full(40, MODEL.acceleration[3] * DT * DT))
    ticks = 1 + int(np.argmax(rest > 0.2))  # the first step that cannot be braked before the line
    drive = Drive(armed(MODEL, collision=touch))
    for k in range(1, 60):
        asked = posture(elbow=0.5, knee=0.45 if k < ticks else 0.51)
        command, verdict = drive.tick(asked)
        assert command.q[1] == asked[1] and command.q[3] <= 0.2, k
    assert {i.joint for i in verdict.interventions if i.check == "collision"} == {"arm_elbow_joint"}


def test_of_two_joints_of_the_legs_the_one_that_moves_most_stops():
    """Both cross the line in the same tick."""
    start = posture(knee=1.0)
    drive = Drive(armed(MODEL, start, collision=lambda q: [("leg_hip", "leg_knee")][: bool(q[0] > 0.2 and q[1] > 1.02)]), start)
    command, _ = drive.tick(posture(hip=0.3, knee=1.05))
    assert command.q[1] == 1.05 and 0.1 < command.q[0] <= 0.2


def test_of_several_joints_those_stop_that_help_most():
    """One pair by either of two joints; a third one has only a little part in it, a fourth one none."""
    first, second, little, none = moved = np.flatnonzero(ROBOT.groups["legs"])[[0, 1, 2, 4]]
    start = 0.5 * (ROBOT.lower + ROBOT.upper)

    def touch(q):
        d = q - start
        pairs = [("a", "b", d[first] + 0.1 * d[little] - 0.005), ("c", "d", d[second] + 0.1 * d[little] - 0.005)]
        return [pair for pair in pairs if pair[2] > 0.0]

    drive, asked = Drive(armed(ROBOT, start, collision=touch), start), start.copy()
    asked[moved] += 0.01
    command, verdict = drive.tick(asked)
    assert not touch(command.q) and (command.q[[first, second]] > start[[first, second]]).all()
    assert np.array_equal(command.q[[little, none]], asked[[little, none]])
    assert {i.joint for i in verdict.interventions} == {ROBOT.joints[first], ROBOT.joints[second]}


def test_a_pair_that_touches_as_deep_as_before_stops_nothing():
    start = posture(shoulder=0.8)
    drive = Drive(armed(MODEL, start, collision=arm_hits_body), start)
    for k in range(40):
        asked = posture(shoulder=0.8, elbow=0.002 * k, hip=0.01 * k)
        command, verdict = drive.tick(asked)
        assert np.array_equal(command.q, asked) and verdict.interventions == ()


@pytest.mark.parametrize("offset", np.linspace(-0.04, 0.04, 5).tolist())
def test_a_fast_limb_does_not_pass_through_another_one(offset):
    """The posture that the step would come to rest in is free again; the one that is sent is not."""
    start = np.array((0.0, 0.0, -0.8 + offset, 0.0))
    free = Drive(armed(MODEL, start), start)
    free.ticks(20, np.array((0.0, 0.0, 1.0, 0.0)))
    there = min((command.q[2] for command in free.sent), key=abs)

    def touch(q):
        return [("arm_shoulder", "base", 0.01)] if abs(q[2] - there) < 0.01 else []

    drive = Drive(armed(MODEL, start, collision=touch), start)
    drive.ticks(20, np.array((0.0, 0.0, 1.0, 0.0)))
    assert not any(touch(command.q) for command in drive.sent)


def test_legs_that_dance_at_random_never_meet_and_never_lock_up():
    rng, find = np.random.default_rng(5), SelfCollision(ROBOT)
    drive = Drive(armed(ROBOT, collision=find), owners=("walk",) * ROBOT.n)
    legs, goal, stopped = ROBOT.groups["legs"], ROBOT.default.copy(), []
    for k in range(600):
        if k % 8 == 0:
            goal[legs] = ROBOT.default[legs] + rng.normal(0.0, 0.35, int(legs.sum()))
        command, verdict = drive.tick(np.clip(goal, ROBOT.lower, ROBOT.upper))
        assert not find(command.q), k
        stopped.append(len({i.joint for i in verdict.interventions if i.check == "collision"}))
    stopped = np.array([n for n in stopped if n])
    assert len(stopped) > 20 and np.median(stopped) <= 3, "of twelve"
    check_limits(ROBOT, ROBOT.default, drive.sent)
    command, _ = drive.ticks(80, ROBOT.default)
    assert np.abs(command.q - ROBOT.default).max() < 1e-6
