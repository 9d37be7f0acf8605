"""Settling: who walks stops first, then `stand` takes the legs; a policy that fails in mid-step has a spare."""

from dataclasses import replace

import numpy as np
import pytest

from arbiter.tick import Arbiter
from arbiter.types import JointTarget, Mode
from tests.arbiter_rig import Rig
from tests.fakes import MODEL, FakePolicy

STEPPING = np.zeros(MODEL.n)
STEPPING[MODEL.index("leg_left_knee_pitch_joint")] = 7.0


class SparedPolicy(FakePolicy):
    """A walking policy with a spare that notes whom it resumed."""

    def __init__(self) -> None:
        super().__init__("locomotion", "locomotion", "legs", 0.05)
        self.second = FakePolicy("locomotion_spare", "locomotion", "legs", 0.05)
        self.second.resumed = []
        self.second.resume = lambda failed, state, now: self.second.resumed.append((failed, now))

    def spare(self):
        return self.second


class KnowingPolicy(SparedPolicy):
    """One whose spare tells what its weights answer: `right`, the policy's own offset where None."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.right = 0, lambda: JointTarget(MODEL.default + 0.05, MODEL.kp, MODEL.kd, self.joints)
        self.second.recompute = self.recompute

    def recompute(self, policy):
        assert policy is self
        self.asked += 1
        return self.right()


class SparedRig(Rig):
    """A rig whose walking policy has a spare."""

    def __init__(self, policy: type[SparedPolicy] = SparedPolicy) -> None:
        super().__init__()
        old = self.arbiter
        self.locomotion = policy()
        policies = self.fallbacks | {"locomotion": (self.locomotion,), "chunk": tuple(self.players)}
        self.arbiter = Arbiter(
            self.robot,
            policies,
            self.skills,
            {"legs": "locomotion", "arms": "rest"},
            type(old.safety)(MODEL),
            old.executor.arrivals.routing,
            self.spec,
            lambda text: text == "stop",
            old.handover.settings,
        )
        assert self.arbiter.arm(0.0) == ""


@pytest.fixture(params=[Rig, SparedRig])
def walking(request):
    rig = request.param().ready()
    rig.say("walk_forward").tick(30)
    rig.robot.changes["joint_vel"] = STEPPING
    rig.tick(30)
    assert rig.locomotion.requests[-1].velocity[0] > 0.0
    return rig


def stand_still(rig):
    rig.robot.changes.pop("joint_vel", None)


CAUSES = {
    "stopped": lambda rig: rig.arbiter.safety.stop("test", "settle"),
    "an arm's driver": lambda rig: rig.robot.changes.update(faults=("can0: bus off",)),
    "fault of another": lambda rig: rig.arbiter.safety.trip("something else"),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_a_walk_is_brought_to_rest_before_the_stand_takes_the_legs(walking, cause):
    CAUSES[cause](walking)
    for _ in range(60):
        report = walking.tick()
        assert report.verdict.mode is Mode.SETTLE
        assert walking.owner()["legs"] == "locomotion", "a stand in mid-step is a fall"
        assert not any(item.check == "mode" for item in report.verdict.interventions), "its targets pass, from the first tick on"
    assert not walking.locomotion.requests[-1].velocity.any()
    stand_still(walking)
    walking.tick(14)
    assert walking.owner()["legs"] == "locomotion"
    walking.tick(4)
    assert walking.owner() == {"legs": "stand", "arms": "rest"}
    assert walking.arbiter.safety.mode is Mode.SETTLE


UNQUIET = {
    "joint_vel": STEPPING * 0.3,  # 2.1 rad/s: the beginning of a step, before it is as fast as one
    "base_ang_vel": np.array([0.7, -0.6, 0.0]),
}


@pytest.mark.parametrize("reading", UNQUIET)
def test_a_step_in_place_that_has_just_begun_is_waited_for(walking, reading):
    """At zero velocity a policy steps again where it tips: a stand took the legs three ticks later, and the robot fell."""
    walking.arbiter.safety.stop("test", "settle")
    walking.tick(10)
    stand_still(walking)
    walking.tick(14)
    walking.robot.changes[reading] = UNQUIET[reading]
    walking.tick(20)
    assert walking.owner()["legs"] == "locomotion", "a stand in mid-step is a fall"
    walking.robot.changes.pop(reading)
    walking.tick(2)
    assert walking.owner()["legs"] == "stand" and walking.arbiter.safety.mode is Mode.SETTLE


def test_feet_that_stay_apart_are_not_waited_for(walking):
    """A policy that does not step leaves its feet where they are: to wait for another posture took the whole `stop_limit`."""
    walking.arbiter.safety.stop("test", "settle")
    walking.tick(10)
    stand_still(walking)
    apart = MODEL.default + 0.3 * np.eye(MODEL.n)[MODEL.index("leg_left_hip_roll_joint")]
    walking.robot.changes["joint_pos"] = apart
    walking.tick(18)
    assert walking.owner()["legs"] == "stand"


def test_a_walk_that_does_not_end_is_not_waited_for_for_ever(walking):
    walking.arbiter.safety.stop("test", "settle")
    ticks = round(walking.arbiter.safety.limits.stop_limit / MODEL.dt)
    walking.tick(ticks - 5)
    assert walking.owner()["legs"] == "locomotion"
    walking.tick(10)
    assert walking.owner()["legs"] == "stand" and walking.arbiter.safety.mode is Mode.SETTLE


def test_late_ticks_give_a_walk_no_more_time_than_the_safety_layer_does(walking):
    """A walk for which the stand came too late would be held in mid-step, then damped."""
    walking.arbiter.safety.stop("test", "settle")
    walking.tick()
    while walking.arbiter.safety.mode is not Mode.DAMP and walking.now < 20.0 and walking.owner()["legs"] != "stand":
        walking.now += 0.02  # every other tick is one late
        for report in (walking.tick(), walking.tick()):
            assert not any(item.check == "mode" for item in report.verdict.interventions)
    assert walking.owner()["legs"] == "stand" and walking.arbiter.safety.mode is Mode.SETTLE


def test_a_second_walk_is_given_its_whole_time_to_come_to_rest():
    rig = Rig().ready()
    for _ in range(400):  # a node of the tree has long settled the robot, which stands
        rig.now += 0.02
        rig.arbiter.rest.step(rig.arbiter.reader.state, rig.now)
    rig.arbiter.handover.take_over(MODEL.groups["legs"], rig.locomotion, rig.now, "test")
    rig.arbiter.handover.steps.stepped = rig.now + 0.02
    assert not rig.arbiter.rest.step(rig.arbiter.reader.state, rig.now + 0.02), "a stand in mid-step is a fall"


def test_the_safety_layer_itself_ends_the_time_of_a_walk_in_settle(walking):
    """Whatever the arbiter thinks: past the limit only fallbacks pass, and without one it damps."""
    walking.arbiter.rest.step = lambda *args, **kwargs: walking.arbiter.safety.let_stop("locomotion")
    walking.arbiter.safety.stop("test", "settle")
    walking.tick(round((walking.arbiter.safety.limits.stop_limit + 0.3) / MODEL.dt))
    assert any(item.check == "mode" for item in walking.tick().verdict.interventions)
    walking.tick(30)
    assert walking.arbiter.safety.mode is Mode.DAMP


def test_in_settle_only_the_policy_that_was_named_may_go_on(walking):
    walking.arbiter.rest.step = lambda *args, **kwargs: walking.arbiter.safety.let_stop("another")
    walking.arbiter.safety.stop("test", "settle")
    walking.tick(3)
    assert any(item.check == "mode" and item.policy == "locomotion" for item in walking.tick().verdict.interventions)


class TestSpare:
    """What takes over when the walking policy fails."""

    @pytest.fixture
    def rig(self):
        rig = SparedRig().ready()
        rig.say("walk_forward").tick(30)
        rig.robot.changes["joint_vel"] = STEPPING
        rig.tick(30)
        return rig

    def test_it_acts_in_the_same_tick(self, rig):
        rig.locomotion.fail = "weights lost"
        rig.tick()
        assert rig.owner()["legs"] == "locomotion_spare"
        assert len(rig.locomotion.second.requests) == 1, "a walk must not miss a tick"
        assert rig.locomotion.second.resumed == [(rig.locomotion, rig.now)]
        assert not rig.locomotion.second.requests[0].velocity.any()
        assert rig.arbiter.safety.mode is Mode.SETTLE
        assert rig.arbiter.safety.fault == "policy locomotion failed: PolicyError: weights lost"
        rig.tick()
        assert rig.arbiter.executor.log[-1].result == "failed"
        assert "policy locomotion: PolicyError: weights lost" in rig.arbiter.executor.log[-1].reason

    def test_a_walking_policy_without_a_spare_gets_that_of_another(self, rig):
        bank = rig.arbiter.bank
        guest = FakePolicy("guest", "locomotion", "legs")
        assert bank.spare(guest) is rig.locomotion.second
        assert bank.spare(FakePolicy("guest", "locomotion", "whole_body")) is None, "it drives the legs only"
        bank.ban("locomotion_spare", "test")
        assert bank.spare(guest) is None

    def test_one_that_cannot_begin_leaves_the_walk_to_the_next(self, rig):
        """A session whose network raises may do so in `resume`; the walk fell, as nobody asked what goes on without any."""
        bank = rig.arbiter.bank
        bank.replay = FakePolicy("replay", "locomotion", "whole_body")
        bank.replay.resume = bank.replay.note = lambda *args: None
        rig.locomotion.fail = "weights lost"
        rig.locomotion.second.resume = lambda *args: 1 / 0
        rig.tick()
        assert rig.owner()["legs"] == "replay" and rig.arbiter.safety.mode is Mode.SETTLE
        assert rig.locomotion.second.requests == [], "what could not begin does not drive"
        assert bank.banned["locomotion_spare"] == "ZeroDivisionError: division by zero"

    def test_then_it_stands(self, rig):
        rig.locomotion.fail = "weights lost"
        rig.tick(60)
        assert rig.owner()["legs"] == "locomotion_spare"
        stand_still(rig)
        rig.tick(20)
        assert rig.owner()["legs"] == "stand"

    def test_when_it_fails_too_the_stand_is_what_is_left(self, rig):
        rig.locomotion.fail = rig.locomotion.second.fail = "weights lost"
        rig.tick(2)
        assert rig.owner()["legs"] == "stand"
        assert rig.arbiter.safety.fault == "policy locomotion failed: PolicyError: weights lost"

    @pytest.mark.parametrize("value", [np.nan, np.inf, 1e6, -1e30])
    def test_targets_that_cannot_be_meant_are_held_two_ticks_then_it_takes_over(self, rig, value):
        rig.locomotion.q = np.full(MODEL.n, value)
        for _ in range(2):
            report = rig.tick()
            assert report.verdict.mode is Mode.HOLD and rig.owner()["legs"] == "locomotion"
        rig.tick()
        assert rig.owner()["legs"] == "locomotion_spare" and rig.arbiter.safety.mode is Mode.SETTLE
        assert "asks leg_left_hip_roll_joint for" in rig.arbiter.safety.fault

    def test_it_is_not_blended_in_after_them(self, rig):
        """It continues the motion; a blend from the held posture shook it (4 of 12 moments fell)."""
        rig.locomotion.q = np.full(MODEL.n, 1e30)
        report = rig.tick(3)
        legs = MODEL.groups["legs"]
        assert rig.owner()["legs"] == "locomotion_spare"
        assert report.asked[legs] == pytest.approx(MODEL.default[legs] + 0.05)
        assert not rig.arbiter.blend.active[legs].any()

    def test_one_such_target_is_forgiven(self, rig):
        for _ in range(12):
            rig.locomotion.q = np.full(MODEL.n, np.nan)
            rig.tick()
            rig.locomotion.q = None
            rig.tick(12)
        assert rig.owner()["legs"] == "locomotion" and rig.arbiter.safety.fault == ""

    def test_every_other_target_is_not(self, rig):
        for _ in range(4):
            rig.locomotion.q = np.full(MODEL.n, np.nan)
            rig.tick()
            rig.locomotion.q = None
            rig.tick()
        assert rig.owner()["legs"] == "locomotion_spare"

    def test_negative_gains_and_whole_numbers_are_no_targets(self, rig):
        act = rig.locomotion.act

        def whole(*args):
            target = act(*args)
            return type(target)(np.zeros(MODEL.n, np.int64), target.kp, target.kd, target.joints)

        rig.locomotion.act = whole
        rig.tick()
        assert "q holds int64; floating-point numbers are expected" in rig.arbiter.safety.fault
        assert rig.owner()["legs"] == "locomotion_spare"

    def test_a_list_is_no_target_and_is_told_as_one(self, rig):
        act = rig.locomotion.act

        def listed(*args):
            target = act(*args)
            return type(target)(target.q.tolist(), target.kp, target.kd, target.joints)

        rig.locomotion.act = listed
        rig.tick()
        assert f"q is list; an array of shape ({MODEL.n},) is expected" in rig.arbiter.safety.fault

    def test_targets_that_stay_the_same_are_no_walk(self, rig):
        rig.locomotion.stuck = True
        rig.tick(5)
        assert rig.owner()["legs"] == "locomotion", "a policy may decide at a fifth of the tick's rate"
        rig.tick(2)
        assert rig.owner()["legs"] == "locomotion_spare" and rig.arbiter.safety.mode is Mode.SETTLE
        assert "it walks, but has asked the legs for the same targets 6 times in a row" in rig.arbiter.safety.fault

    def test_a_policy_that_decides_slowly_may_repeat_itself_for_so_long(self, rig):
        rig.locomotion.rate_hz = 5.0
        rig.locomotion.stuck = True
        rig.tick(10)
        assert rig.owner()["legs"] == "locomotion" and not rig.arbiter.safety.fault
        rig.tick(2)
        assert rig.owner()["legs"] == "locomotion_spare"

    def test_a_target_that_leaves_out_joints_that_it_has_to_drive_is_none(self, rig):
        act, mask = rig.locomotion.act, rig.locomotion.joints.copy()
        mask[-1] = False
        rig.locomotion.act = lambda *args: replace(act(*args), joints=mask)
        rig.tick()
        assert rig.owner()["legs"] == "locomotion_spare"
        said = f"its target leaves out {MODEL.joints[-1]}, which it has to drive"
        assert rig.arbiter.safety.fault == f"policy locomotion failed: PolicyError: {said}"

    def test_legs_that_stand_may_be_asked_for_the_same_for_ever(self, rig):
        rig.say("stop").tick(5)
        stand_still(rig)
        rig.tick(30)
        rig.locomotion.stuck = True
        rig.tick(50)
        assert rig.owner()["legs"] == "locomotion" and rig.arbiter.safety.fault == ""

    def test_legs_without_stiffness_carry_nothing(self, rig):
        rig.locomotion.kp = 0.04 * MODEL.kp
        rig.tick(3)
        assert rig.owner()["legs"] == "locomotion_spare" and "gains of at least 1 and 0" in rig.arbiter.safety.fault

    def test_targets_that_pull_the_legs_with_many_times_their_torque_are_noticed(self, rig):
        rig.locomotion.q = MODEL.default + 3.0 * np.where(MODEL.default > 0, -1.0, 1.0)
        rig.robot.write = lambda command: None  # the joints do not follow
        rig.tick(8)
        assert rig.owner()["legs"] == "locomotion_spare" and "times the torque they have" in rig.arbiter.safety.fault

    def test_a_robot_that_tips_over_is_told_before_it_has_fallen(self, rig):
        rig.robot.tilt = 0.55 * MODEL.fall_tilt - 0.01
        rig.tick(20)
        assert rig.owner()["legs"] == "locomotion" and rig.arbiter.safety.fault == ""
        rig.robot.tilt = 0.55 * MODEL.fall_tilt + 0.01
        rig.tick()
        assert rig.arbiter.safety.fault == "", "one tilted reading may be a glitch"
        rig.tick()
        assert "the robot tips over: tilt 0.51 rad, no walk recovers from more than 0.50" in rig.arbiter.safety.fault
        assert rig.arbiter.safety.mode is Mode.SETTLE

    def test_a_policy_that_does_not_walk_may_lean(self):
        rig = SparedRig().ready()
        rig.say("bow").tick(40)
        assert rig.owner()["legs"].startswith("chunk")
        rig.robot.tilt = 0.55 * MODEL.fall_tilt + 0.01
        rig.tick(10)
        assert rig.owner()["legs"].startswith("chunk") and rig.arbiter.safety.fault == ""

    def test_after_a_reset_the_policy_is_used_again(self, rig):
        rig.locomotion.fail = "weights lost"
        rig.tick(5)
        rig.locomotion.fail = ""
        stand_still(rig)
        rig.tick(20)
        rig.arbiter.inbox.reset()
        rig.tick(2)
        assert rig.arbiter.arm(rig.now) == ""
        rig.ready()
        assert rig.owner()["legs"] == "locomotion"


def test_the_arms_policy_that_fails_leaves_the_walk_alone():
    rig = Rig().ready()
    rig.say("wave_right").tick(30)
    for player in rig.players:
        player.q = np.full(MODEL.n, np.nan)
    rig.tick(5)
    assert rig.last().result == "failed" and rig.owner()["legs"] == "locomotion"
    rig.tick(30)
    assert rig.arbiter.safety.mode is Mode.RUN and rig.arbiter.safety.fault == ""


class TestComparedWithItsSpare:
    """A policy whose spare tells what the same weights answer to the same observation."""

    @pytest.fixture(params=["walking", "standing"])
    def rig(self, request):
        rig = SparedRig(KnowingPolicy).ready()
        if request.param == "walking":
            rig.say("walk_forward").tick(30)
            rig.robot.changes["joint_vel"] = STEPPING
        rig.tick(30)
        assert rig.owner()["legs"] == "locomotion"
        return rig

    def taken_out(self, rig):
        return rig.owner()["legs"] in ("locomotion_spare", "stand") and rig.arbiter.safety.mode is Mode.SETTLE

    WRONG = {  # noqa: RUF012
        "sign": -MODEL.default,
        "order": MODEL.default[::-1],
        "one joint": MODEL.default + 0.4 * np.eye(MODEL.n)[MODEL.index("leg_left_knee_pitch_joint")],
    }

    @pytest.mark.parametrize("wrong", WRONG)
    def test_wrong_targets_are_found_in_their_first_tick(self, rig, wrong):
        rig.locomotion.q = self.WRONG[wrong]
        report = rig.tick()
        assert self.taken_out(rig)
        assert "where a second session of the same weights answers" in rig.arbiter.safety.fault
        assert report.asked == pytest.approx(MODEL.default, abs=0.051), "not one of them goes on"

    @pytest.mark.parametrize("gains", [0.3, 0.97, 1.05])
    def test_wrong_gains_are_found_in_their_first_tick(self, rig, gains):
        rig.locomotion.kp = gains * MODEL.kp
        rig.tick()
        assert self.taken_out(rig) and f"with kp {20.0 * gains:.3g} and kd 2" in rig.arbiter.safety.fault

    def test_a_target_that_stands_still_is_found_at_once(self, rig):
        rig.locomotion.stuck = True
        rig.locomotion.right = lambda: JointTarget(MODEL.default + 0.07, MODEL.kp, MODEL.kd, rig.locomotion.joints)
        rig.tick(2)
        assert self.taken_out(rig)

    def test_targets_that_part_slowly_are_found_within_ten_ticks(self, rig):
        rig.locomotion.offset = 0.062
        rig.tick(10)
        assert self.taken_out(rig)

    def test_it_may_ask_for_the_same_for_as_long_as_its_weights_do(self, rig):
        rig.locomotion.stuck = True
        rig.tick(100)
        assert rig.owner()["legs"] == "locomotion" and rig.arbiter.safety.fault == ""

    def test_it_is_asked_in_every_tenth_tick_only(self, rig):
        before = rig.locomotion.asked
        rig.tick(100)
        assert rig.locomotion.asked - before == 10

    @pytest.mark.parametrize(
        "answer",
        [
            lambda: None,
            lambda: 1 / 0,
            lambda: "0.3 rad",
            lambda: JointTarget(np.full(MODEL.n, np.nan), MODEL.kp, MODEL.kd, MODEL.groups["legs"]),
            lambda: JointTarget(*np.zeros((3, 3)), MODEL.groups["legs"]),
            lambda: JointTarget(np.zeros(3), MODEL.kp, MODEL.kd, MODEL.groups["legs"]),
        ],
    )
    def test_a_spare_that_cannot_tell_takes_nobody_out(self, rig, answer):
        rig.locomotion.right = answer
        rig.tick(20)
        assert rig.owner()["legs"] == "locomotion" and rig.arbiter.safety.fault == ""

    def test_a_spare_that_has_failed_is_not_asked(self, rig):
        rig.arbiter.bank.ban("locomotion_spare", "test")
        rig.locomotion.right = lambda: JointTarget(-MODEL.default, MODEL.kp, MODEL.kd, rig.locomotion.joints)
        rig.tick(20)
        assert rig.owner()["legs"] == "locomotion" and rig.arbiter.safety.fault == ""
