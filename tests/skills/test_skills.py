"""The built-in skills and how third parties' come in."""

import math
import textwrap
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbiter.errors import RobotError, SkillError
from arbiter.estimation.rotation import rows_of
from arbiter.execution.caller import ask
from arbiter.execution.run import Run
from arbiter.skill import Outcome, Parameter, Progress, RunContext, Skill, SkillCall
from arbiter.types import BaseEstimate, Sighting
from skills import builtin_skills, criteria
from skills.arrival import Arrival, Stage
from skills.contract import check_skill, default_parameters, standing_state
from skills.course import Course, Place
from skills.gestures import WaveRight
from skills.placing import BRIEF, PLACES, SmallSteps
from skills.registry import load_skills
from skills.response import STANDS, Response
from skills.rotations import rotations
from skills.walking import WalkForward
from tests.fakes import MODEL

NAMES = {
    "stand_still",
    "stop",
    "walk_forward",
    "walk_backward",
    "sidestep_left",
    "sidestep_right",
    "turn_left",
    "turn_right",
    "walk_in_circle",
    "wave_right",
    "wave_left",
    "raise_arms",
    "lower_arms",
    "bow",
    "sit_down",
    "stand_up",
    "point_at",
    "touch_ball",
    "walk_to_ball",
    "face_ball",
    "come_back",
}


def progress(skill, elapsed=1.0, travelled=(0.0, 0.0, 0.0), turned=0.0, **parameters):
    values = default_parameters(skill) | parameters
    return Progress(elapsed, np.array(travelled), turned, values, 0, standing_state(), robot=MODEL)


def test_the_built_in_names():
    assert {skill.name for skill in builtin_skills()} == NAMES


@pytest.mark.parametrize("skill", builtin_skills(), ids=lambda skill: skill.name)
def test_built_in_skills_keep_the_contract(skill):
    assert check_skill(skill) == []


STOOD = {"stand_still", "stop", "lower_arms", "stand_up"}  # what a robot that stands with hanging arms has done already


@pytest.mark.parametrize("skill", builtin_skills(), ids=lambda skill: skill.name)
def test_every_built_in_skill_has_a_criterion_that_standing_still_does_not_meet(skill):
    q = np.zeros(22)
    q[[12, 18]], q[[13, 19]], q[[14, 20]] = -0.2, 0.4, -0.3
    stands = replace(standing_state(), joint_pos=q)
    readings = [replace(stands, stamp=0.02 * k) for k in range(200)]
    seen = (Sighting(0.0, {"red": np.array((0.3, 0.2, 0.6))}),)
    found = skill.verify(readings, replace(progress(skill, elapsed=4.0, travelled=(1.0, 0.0, 1.0)), sightings=seen))
    assert found is not None and found.success is (skill.name in STOOD), found.text
    assert found.text and found.unit
    assert len(skill.utterances) >= 8


def by_name(name):
    """A run of it."""
    return (next(skill for skill in builtin_skills() if skill.name == name)).begin(RunContext(MODEL))


def come(skill, ahead=0.0, left=0.0, turned=0.0):
    """Makes legs and IMU tell that the robot has come so far [m, rad]."""
    skill._course.at = lambda state, progress: Place(ahead, left, turned)


class Floor:
    """A robot that goes at `gain` times what it is told, drifts by `drift` (x, y [m/s], yaw [rad/s]), and does not follow
    commands up to `dead` in size: without a body, tick by tick."""

    def __init__(self, walk, gain=1.0, drift=(0.0, 0.0, 0.0), dead=0.0, legs=None, **parameters):
        self.walk, self.gain, self.drift, self.dead, self.legs = walk, gain, np.array(drift), dead, legs
        self.parameters = parameters
        self.place, self.speed, self.travelled = np.zeros(3), np.zeros(3), np.zeros(3)
        self.elapsed, self.speeds = 0.0, []
        walk._course.at = lambda state, progress: Place(*((legs or (lambda place: place))(self.place)))

    def tick(self, dt=0.02):
        """Its velocity follows within 0.2 s."""
        at = progress(self.walk, self.elapsed, self.travelled, self.place[2], **self.parameters)
        state = replace(standing_state(), stamp=self.elapsed)
        velocity, outcome = self.walk.request(state, at).velocity, self.walk.finish(state, at)
        follows = np.linalg.norm(velocity) > self.dead
        self.speed += 0.1 * (follows * (self.gain * velocity + self.drift * velocity.any()) - self.speed)
        c, s = math.cos(self.place[2]), math.sin(self.place[2])
        self.place = self.place + dt * np.array(
            (c * self.speed[0] - s * self.speed[1], s * self.speed[0] + c * self.speed[1], self.speed[2])
        )
        self.travelled = self.travelled + dt * velocity
        self.elapsed += dt
        self.speeds.append(self.speed.copy())
        return outcome

    def walk_to_the_end(self, limit=120.0):
        while self.tick() is not Outcome.SUCCESS:
            assert self.elapsed < limit
        return self


WALKS = ("walk_forward", "walk_backward", "sidestep_left", "sidestep_right", "turn_left", "turn_right", "walk_in_circle")


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(WALKS),
    gain=st.floats(0.8, 1.4),
    aside=st.floats(-0.01, 0.01),
    turn=st.floats(-0.02, 0.02),
    share=st.floats(0.0, 1.0),
    far=st.floats(0.1, 0.4),
)
def test_a_policy_that_is_too_fast_or_slow_and_drifts_goes_as_far_and_as_fast_as_it_is_told(name, gain, aside, turn, share, far):
    walk = by_name(name)
    ranges = {parameter.name: parameter for parameter in walk.parameters}
    speed = ranges["speed"].low + share * (0.8 * ranges["speed"].high - ranges["speed"].low)
    amount = next(ranges[key] for key in ("distance", "angle") if key in ranges)
    asked = {"speed": speed, amount.name: amount.low + far * (amount.high - amount.low)}
    floor = Floor(walk, gain, (aside, aside, turn), **asked).walk_to_the_end()
    off = walk.off(Place(*floor.place), progress(walk, **asked))
    assert np.abs(off).max() < 0.03
    axis = {"turn": 2, "sideways": 1}.get(walk.way, 0)
    steady = np.abs(np.array(floor.speeds)[200:-350, axis])
    if len(steady):
        assert steady.mean() == pytest.approx(walk.pace(progress(walk, **asked)), rel=0.08)


def test_a_walk_ends_at_rest():
    walk, state = by_name("walk_forward"), standing_state()
    swaying = replace(state, base_ang_vel=np.array((0.5, 0.0, 0.0)))
    floor = Floor(walk, distance=0.5)
    while walk._arrival.stage is not Stage.STOPPING:
        floor.tick()
    stopped = floor.elapsed
    for later, seen, outcome in (
        (0.7, state, Outcome.RUNNING),  # the step under way
        (0.85, swaying, Outcome.RUNNING),
        (1.0, state, Outcome.RUNNING),  # still for a moment only: the turn of a sway
        (1.1, state, Outcome.SUCCESS),
        (2.6, swaying, Outcome.SUCCESS),  # it had the time
    ):
        at = progress(walk, stopped + later, floor.travelled, distance=0.5)
        assert not walk.request(seen, at).velocity.any() and walk.finish(seen, at) is outcome


def stops_of(floor, *drifts):
    """Walks to the end. At each stop the robot drifts ahead by the next of `drifts` [m], or the last. Returns how many stops."""
    stages = [Stage.GOING]
    while floor.tick() is not Outcome.SUCCESS:
        stage = floor.walk._arrival.stage
        if stage is not stages[-1]:
            stages.append(stage)
            if stage is Stage.STOPPING:
                floor.place[0] += drifts[min(stages.count(stage), len(drifts)) - 1]
    return stages.count(Stage.STOPPING)


@pytest.mark.parametrize("asked", [{"distance": 1.0}, {"duration": 1.0, "speed": 0.4}])
def test_a_robot_that_drifts_as_it_comes_to_rest_steps_once_more_and_later_walks_allow_for_it(asked):
    context, stops = RunContext(MODEL), []
    for _ in range(3):
        floor = Floor(WalkForward().begin(context), **asked)
        stops.append(stops_of(floor, 0.05))
        assert floor.place[0] == pytest.approx(asked.get("distance", 0.4), abs=0.03)
    assert stops == [2, 1, 1]


def test_a_robot_that_drifts_otherwise_the_second_time_steps_once_more_again():
    floor = Floor(by_name("walk_forward"), distance=1.0)
    assert stops_of(floor, 0.04, 0.09, 0.06) == 3
    assert floor.place[0] == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("brief", [True, False])
def test_a_walk_for_a_duration_corrects_its_place_for_a_moment_only_and_steps_again_once(brief):
    arrival, off, spans, began = Arrival({}, "walk", lambda again: SmallSteps()), np.array((0.2, 0.06, 0.0)), [], 0.0
    for now in np.arange(0.0, 20.0, 0.02).tolist():  # it is never in its place
        was, stage = arrival.stage, arrival.follow(replace(progress(by_name("walk_forward")), elapsed=now), off, off, brief=brief)
        if stage is not was:
            spans += [now - began] if stage is Stage.STOPPING else []
            began = now
        if arrival.rested(standing_state()):
            break
        began = now if arrival.stage is Stage.PLACING and stage is Stage.STOPPING else began
    assert spans == pytest.approx([BRIEF, PLACES] if brief else [PLACES] * 4, abs=0.05)


@pytest.mark.parametrize("legs", [lambda place: 0.0 * place, lambda place: 5.0 * place + (1.0, 0.0, 0.0), lambda place: -place])
def test_a_walk_does_not_go_by_the_legs_alone(legs):
    """Odometry that is far from what was commanded neither ends a walk at once nor keeps it from ending."""
    floor = Floor(by_name("walk_forward"), legs=legs, distance=1.0).walk_to_the_end(30.0)
    assert -0.5 < floor.place[0] < 3.0


def test_a_walk_gives_up_where_it_does_not_move_and_says_how_fast_it_went():
    for name, asked in (("walk_forward", {"distance": 3.0}), ("turn_left", {"angle": 1.0}), ("walk_in_circle", {})):
        floor = Floor(by_name(name), dead=2.0, **asked).walk_to_the_end(12.0)
        assert not floor.place.any()


class DeadBand(Floor):
    """A robot whose policy was made for commands up to `MADE_FOR`, stands still at small ones, and turns only while it walks; its
    base is calm while it stands, and where it is is measured."""

    MADE_FOR, SEEN = (1.0, 0.3, 0.2), BaseEstimate(np.zeros(3), np.zeros(3), 0.0, np.zeros((5, 5)))

    def tick(self, dt=0.02):
        at = progress(self.walk, self.elapsed, self.travelled, self.place[2], **self.parameters)
        steps = np.hypot(*self.speed[:2]) > 0.05
        sways = np.array((0.5 * steps, 0.0, 0.0))
        state = replace(standing_state(), stamp=self.elapsed, base_ang_vel=sways, estimate=self.SEEN)
        velocity = self.walk.request(state, replace(at, commands=self.MADE_FOR)).velocity
        outcome = self.walk.finish(state, at)
        moves = np.hypot(*velocity[:2]) > self.dead
        self.speed += 0.1 * (moves * self.gain * velocity * (1.0, 1.0, 0.6) - self.speed)
        c, s = math.cos(self.place[2]), math.sin(self.place[2])
        self.place = self.place + dt * np.array(
            (c * self.speed[0] - s * self.speed[1], s * self.speed[0] + c * self.speed[1], self.speed[2])
        )
        self.travelled, self.elapsed = self.travelled + dt * velocity, self.elapsed + dt
        return outcome


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("turn_right", {"angle": 1.6}),
        ("turn_left", {"angle": 0.4}),
        ("walk_in_circle", {"radius": 0.6, "angle": 3.0}),
        ("walk_forward", {"distance": 0.3}),
        ("sidestep_left", {"distance": 0.5, "speed": 0.2}),
    ],
)
def test_a_policy_that_stands_still_at_small_commands_and_turns_only_while_it_walks_is_led_to_its_goal(name, asked):
    context = RunContext(MODEL)
    for _ in range(2):  # the second knows what the first has learned
        walk = next(skill for skill in builtin_skills() if skill.name == name).begin(context)
        floor = DeadBand(walk, dead=0.12, **asked).walk_to_the_end(80.0)
        off = np.abs(walk.off(Place(*floor.place), progress(walk, **asked)))
    assert math.hypot(*off[:2]) < 0.04 and off[2] < 0.035


@pytest.mark.parametrize("gain", [0.0, 0.2, 0.7, 1.0])
@pytest.mark.parametrize("velocity", [(0.01, 0.0, 0.0), (0.0, -0.018, 0.0), (0.012, 0.0, 0.005), (0.0, 0.0, 0.03), (0.08, 0, 0)])
def test_a_calm_robot_stands_where_it_does_not_follow_its_command_however_small(velocity, gain):
    learned, seen = {}, BaseEstimate(np.zeros(3), np.zeros(3), 0.0, np.zeros((5, 5)))
    response, told = Response(learned), np.array(velocity)
    stood = False
    for now in np.arange(0.0, 3.0, 0.02).tolist():
        state = replace(standing_state(), stamp=now, estimate=seen)
        stood |= response.watch(state, Place(*(gain * now * told).tolist()), told, now)
    assert stood is (gain < 0.5) and (STANDS in learned) is stood


class Sluggish(DeadBand):
    """It begins to walk only at more than what it goes on at."""

    dead = property(lambda self: 0.12 if np.hypot(*self.speed[:2]) > 0.05 else 0.31, lambda self, value: None)


def test_a_policy_that_does_not_begin_at_its_fastest_step_aside_is_set_going_by_a_stroke():
    floor = Sluggish(by_name("sidestep_left"), distance=0.5, speed=0.2).walk_to_the_end(40.0)
    assert floor.place[1] == pytest.approx(0.5, abs=0.04)


def test_a_robot_that_runs_on_after_its_last_command_stops_earlier_the_next_time():
    context, stops = RunContext(MODEL), []
    for _ in range(2):
        floor = DeadBand(WalkForward().begin(context), dead=0.12, distance=1.0)
        context.learned[STANDS] = np.array((0.12, 0.2))
        stops.append(stops_of(floor, 0.12, 0.0))
    assert stops == [2, 1] and floor.place[0] == pytest.approx(1.0, abs=0.03)


def test_a_walk_that_is_far_from_its_line_gives_up():
    floor = Floor(by_name("walk_forward"), drift=(0.0, 0.3, 0.0), distance=4.0).walk_to_the_end(12.0)
    assert 0.4 < floor.place[1] < 0.8 and floor.place[0] < 3.0


def test_no_more_is_asked_than_the_policy_was_made_for():
    turn, made_for = by_name("turn_left"), (1.0, 0.3, 0.2)
    floor = Floor(turn, gain=0.7, angle=1.0)
    for _ in range(200):
        at = replace(progress(turn, floor.elapsed, floor.travelled, angle=1.0), commands=made_for)
        assert (np.abs(turn.request(standing_state(), at).velocity) <= made_for).all()
        floor.tick()


def test_where_the_policy_was_not_made_to_go_is_impossible():
    for name, commands in (
        ("sidestep_left", (0.5, 0.0, 0.8)),
        ("turn_right", (0.5, 0.2, 0.0)),
        ("walk_in_circle", (0.5, 0.2, 0.0)),
    ):
        walk = by_name(name)
        there = replace(progress(walk), commands=commands)
        assert ask(walk, standing_state(), there).impossible == "the policy was not made to go that way"
        assert walk.impossible(standing_state(), replace(progress(walk), commands=(0.5, 0.2, 0.8))) == ""


def test_a_straight_walk_goes_back_to_its_line_and_heading():
    for name, velocity in (("walk_forward", (1, -1, -1)), ("walk_backward", (-1, -1, -1)), ("sidestep_left", (-1, 1, -1))):
        walk = by_name(name)
        come(walk, ahead=0.02, left=0.02, turned=0.02)
        assert np.array_equal(np.sign(walk.request(standing_state(), progress(walk, 2.0)).velocity), velocity)


@pytest.mark.parametrize("gain", [0.8, 1.0, 1.3])
def test_a_walk_for_a_duration_goes_as_far_as_its_speed_makes_in_that_time(gain):
    floor = Floor(by_name("walk_forward"), gain, speed=0.3, duration=4.0).walk_to_the_end()
    assert floor.place[0] == pytest.approx(1.2, abs=0.03) and floor.elapsed < 10.0


def test_every_run_of_a_walk_has_a_goal_of_its_own():
    skill = WalkForward()
    for distance in (0.5, 1.0):
        floor = Floor(skill.begin(RunContext(MODEL)), distance=distance).walk_to_the_end()
        assert floor.place[0] == pytest.approx(distance, abs=0.02)


def seen(place, heading, doubt="", stamp=0.0):
    """A reading with an estimate: place x, y [m] and heading [rad] in the odometry frame."""
    estimate = BaseEstimate(np.array((*place, 0.5)), np.zeros(3), heading, 1e-4 * np.eye(5), doubt)
    quat = np.array((math.cos(0.5 * heading), 0.0, 0.0, math.sin(0.5 * heading)))
    return replace(standing_state(), stamp=stamp, base_quat=quat, estimate=estimate)


def followed(course, readings, velocity=(0.0, 0.0)):
    """Lets it follow `readings`, while `velocity` is commanded in the body frame [m/s]. Returns the last place."""
    walk = by_name("walk_forward")
    for state in readings:
        travelled = state.stamp * np.array((*velocity, 0.0))
        turned = state.estimate.heading - readings[0].estimate.heading
        at = replace(progress(walk, state.stamp, travelled, turned), start=readings[0])
        place = course.at(state, at)
    return place


@pytest.mark.parametrize("heading", [0.0, 1.0, -2.5])
@pytest.mark.parametrize("turn", [0.0, 0.8])
def test_the_way_is_that_of_the_estimate_in_the_frame_in_which_the_run_began(heading, turn):
    """Wherever the odometry frame lies: two metres ahead and one to the left, turning meanwhile."""
    c, s = math.cos(heading), math.sin(heading)
    share = np.linspace(0.0, 1.0, 50)
    readings = [seen((3.0 + k * (2.0 * c - s), -1.0 + k * (2.0 * s + c)), heading + k * turn, stamp=k) for k in share.tolist()]
    course = Course()
    place = followed(course, readings)
    assert (place.ahead, place.left, place.turned) == pytest.approx((2.0, 1.0, turn))
    track = course.track()
    assert track.place[-1] == pytest.approx((2.0, 1.0)) and track.drift == 0.0 and len(track.time) == 50


def test_where_the_estimate_is_not_trusted_the_command_stands_in_and_the_way_is_not_verified():
    steps = np.arange(0.0, 4.001, 0.02).tolist()
    lost = [seen((0.3 * min(t, 1.0), 0.0), 0.0, "no foot carries" if t > 1.0 else "", t) for t in steps]
    course = Course()
    place = followed(course, lost, velocity=(0.2, 0.1))
    assert place.ahead == pytest.approx(0.3 + 0.2 * 2.7, abs=0.02) and place.left == pytest.approx(0.27, abs=0.02)
    assert criteria.distance(course.track(), (1.0, 0.0), place.ahead) is None
    course = Course()  # a moment without a foot on the floor changes nothing
    followed(course, [seen((0.3 * t, 0.0), 0.0, "" if t % 1.0 > 0.25 else "aloft", t) for t in steps], (0.3, 0.0))
    assert course.track().drift == 0.0
    assert Course().track() is None


def test_a_robot_without_an_estimate_walks_as_it_is_commanded_along_the_heading_of_its_imu():
    course, walk, quarter = Course(), by_name("walk_forward"), math.pi / 2
    for k, turned in enumerate((0.0, 0.0, quarter, quarter)):
        state = replace(standing_state(), stamp=0.1 * k)
        place = course.at(state, progress(walk, 0.1 * k, (0.5 * k, 0.0, 0.0), turned))
    assert (place.ahead, place.left) == pytest.approx((1.0, 0.5)) and course.track() is None


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("walk_forward", (1, 0, 0)),
        ("walk_backward", (-1, 0, 0)),
        ("sidestep_left", (0, 1, 0)),
        ("sidestep_right", (0, -1, 0)),
        ("turn_left", (0, 0, 1)),
        ("turn_right", (0, 0, -1)),
        ("walk_in_circle", (1, 0, 1)),
    ],
)
def test_velocity_points_where_the_name_says(name, direction):
    skill = by_name(name)
    velocity = skill.request(standing_state(), progress(skill)).velocity
    assert np.array_equal(np.sign(velocity), direction)


def ends_at(skill, signal, dt=0.0, **parameters):
    """Index of the first state at which the skill is done, or None; `signal` gives the joints that matter [rad] by index,
    `dt` [s] apart."""
    at = progress(skill, **parameters)
    for index, joints in enumerate(signal):
        q = np.array(standing_state().joint_pos)
        q[list(joints)] = list(joints.values())
        if skill.finish(replace(standing_state(), joint_pos=q), replace(at, elapsed=index * dt)) is Outcome.SUCCESS:
            return index
    return None


def arm_up(side, yaw=0.0, lift=1.0):
    """Joints of one arm [rad] by index, as `ends_at` takes them: raised by the share `lift`, the upper arm turned by `yaw`."""
    first, mirror = {"left": (0, 1.0), "right": (5, -1.0)}[side]
    raised = (-1.3 * lift, 0.2 * lift, yaw, 1.42 * lift)
    return {first + i: mirror * angle for i, angle in enumerate(raised)}


@pytest.mark.parametrize("side", ["left", "right"])
def test_three_waves_are_three_waves_of_the_raised_hand(side):
    to_and_fro = 0.3 * np.sin(np.arange(0.0, 10.0, 0.05) * 2 * math.pi)  # twenty states a period
    waves = [arm_up(side, yaw) for yaw in to_and_fro]
    for count in (1, 2, 3, 8):
        end = ends_at(by_name(f"wave_{side}"), waves, count=float(count))
        assert 20 * count - 10 <= end <= 20 * count, "not before the last sweep, and not a sweep longer"
    for still in (
        [arm_up(side, yaw, lift=0.3) for yaw in to_and_fro],  # the hand is still down
        [arm_up(side, 0.2 * yaw) for yaw in to_and_fro],
    ):  # it only trembles
        assert ends_at(by_name(f"wave_{side}"), still, count=1.0) is None


@pytest.mark.parametrize("side", ("left", "right"))
def test_a_wave_that_was_not_seen_goes_on_for_a_while(side):
    times = np.arange(0.0, 12.0, 0.05)
    still = [arm_up(side, 0.0)] * len(times)
    waves = [arm_up(side, 0.3 * math.sin(2 * math.pi * time)) for time in times]
    late = [arm_up(side, 0.3 * math.sin(2 * math.pi * time) * (time > 4.5)) for time in times]
    for states, duration, end in ((waves, 4.0, 4.0), (still, 4.0, 8.0), (still, 2.0, 2.0), (still, 3.0, 7.0)):
        assert ends_at(by_name(f"wave_{side}"), states, 0.05, duration=duration, count=None) == pytest.approx(end / 0.05, abs=1)
    assert 5.0 < 0.05 * ends_at(by_name(f"wave_{side}"), late, 0.05, duration=4.0, count=None) < 7.0


def test_the_hand_is_where_the_robot_description_has_it():
    import mujoco

    from deploy.robots.description import description_dir

    model, rng = MODEL, np.random.default_rng(0)
    body = mujoco.MjModel.from_xml_path(str(description_dir(model.name) / "model.xml"))
    data = mujoco.MjData(body)
    for _ in range(20):
        q = rng.uniform(model.lower, model.upper)
        data.qpos[7:] = q  # behind the free base, which is at the origin
        mujoco.mj_kinematics(body, data)
        for side in ("left", "right"):
            assert model.body.hand(q, side) == pytest.approx(data.site(f"hand_{side}").xpos - data.qpos[:3], abs=1e-5)


def test_a_bow_ends_upright_and_two_are_two():
    depth = 0.25 * (np.cos(np.arange(0.0, 5.0, 0.05) * 2 * math.pi) - 1.0)  # of the hips; twenty states a bow
    bows = [{12: standing_state().joint_pos[12] + x, 18: standing_state().joint_pos[18] + x} for x in depth]
    assert 14 <= ends_at(by_name("bow"), bows) <= 20
    assert 34 <= ends_at(by_name("bow"), bows, count=2.0) <= 40


def test_a_count_starts_anew_with_each_run():
    skill = WaveRight()
    waves = [arm_up("right", 0.3 * math.sin(0.1 * math.pi * k)) for k in range(200)]
    first, second = (ends_at(skill.begin(RunContext(MODEL)), waves, count=3.0) for _ in range(2))
    assert first == second > 40


def test_a_circle_to_the_right_turns_right():
    skill = by_name("walk_in_circle")
    assert skill.request(standing_state(), progress(skill, side="right")).velocity[2] < 0


def test_the_soles_are_where_the_robot_description_has_them():
    import mujoco

    from deploy.robots.description import description_dir

    model, rng = MODEL, np.random.default_rng(0)
    body = mujoco.MjModel.from_xml_path(str(description_dir(model.name) / "model.xml"))
    data = mujoco.MjData(body)
    for _ in range(20):
        data.qpos[7:] = rng.uniform(model.lower, model.upper)
        mujoco.mj_kinematics(body, data)
        for foot, corners in zip(("left", "right"), model.body.soles(data.qpos[7:]), strict=True):
            box = data.geom(f"leg_{foot}_ankle_roll_collision")
            local = (corners + data.qpos[:3] - box.xpos) @ box.xmat.reshape(3, 3)
            assert np.abs(local) == pytest.approx(np.tile(body.geom(box.id).size, (4, 1)), abs=2e-5)
        assert model.body.torso_height(data.qpos[7:], np.eye(3)) == pytest.approx(
            data.body("base").xipos[2] - data.qpos[2] - model.body.soles(data.qpos[7:])[..., 2].min(), abs=1e-5
        )


def test_one_orientation_turns_as_a_run_of_them_does():
    quats = np.random.default_rng(0).normal(size=(5, 4))
    assert np.array([rows_of(quat, 0.0) for quat in quats]) == pytest.approx(rotations(quats), abs=1e-12)


def test_forearms_point_from_the_elbow_to_the_hand():
    assert MODEL.body.hands["left"].pointing(np.zeros(22)) == pytest.approx((0.06, 0.375, -0.925), abs=0.03)
    out = np.zeros(22)
    out[1] = np.pi / 2 - np.radians(15.0)
    assert MODEL.body.hands["left"].pointing(out)[1] > 0.9, "to the left"


def test_prompts_carry_their_parameters():
    touch, point = by_name("touch_ball"), by_name("point_at")
    assert touch.request(standing_state(), progress(touch, colour="blue")).prompt == "touch the blue ball"
    assert point.request(standing_state(), progress(point, direction="left")).prompt == "point to the left"


class Nod(Skill):
    name = "nod"
    utterances = ("nod", "nod your head", "say yes with your head")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"name": "Nod!"}, "name is 'Nod!'"),
        ({"utterances": ("nod",)}, "utterances is not a tuple of three or more"),
        ({"joints": "head"}, "joints is 'head'; allowed: legs, arms, whole_body"),
        ({"time_limit": math.nan}, "time_limit is nan"),
        ({"parameters": (Parameter("speed", "m/s", 2.0, 0.0, 1.0),)}, "parameter speed: default 2 is outside 0 to 1"),
        ({"parameters": (Parameter("side", "", "up", choices=("left",)),)}, "default 'up' is not among its choices left"),
        ({"request": lambda self, state, progress: 3}, "request() returned int; an arbiter.types.Request is expected"),
        ({"finish": lambda self, state, progress: True}, "finish() returned True; an arbiter.skill.Outcome is expected"),
        ({"finish": lambda self, state, progress: 1 / 0}, "ZeroDivisionError"),
        ({"verify": lambda self, readings, progress: True}, "verify() returned True; an arbiter.skill.Verification or None"),
        ({"impossible": lambda self, state, progress: None}, "impossible() returned None; the reason as a text"),
    ],
)
def test_the_contract_names_what_is_wrong(changes, error):
    assert any(error in problem for problem in check_skill(type("Broken", (Nod,), changes)()))


def write(path, text):
    path.write_text(textwrap.dedent(text))
    return path


GOOD = """
    from arbiter.skill import Skill
    class Nod(Skill):
        name = "nod"
        utterances = ("nod", "nod your head", "say yes")
"""


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("raise RuntimeError('no licence')", "left out: RuntimeError: no licence"),
        ("import sys; sys.exit(3)", "left out: SystemExit: 3"),
        ("def nod(:", "left out: SyntaxError"),
        ("x = 1", "left out: SkillError: holds no subclass of arbiter.skill.Skill"),
        (GOOD.replace('"nod"\n', '"bow"\n', 1), "the name is taken"),
        (GOOD.replace("utterances", "utterance"), "utterances is not a tuple"),
        ("import time; time.sleep(60)", "left out: blocks: not loaded within 0.3 s"),
    ],
)
def test_a_broken_file_is_left_out_by_name_and_the_others_stay(tmp_path, text, error):
    broken, good = write(tmp_path / "broken.py", text), write(tmp_path / "good.py", GOOD)
    found = load_skills([broken, good], use_entry_points=False, patience=0.3)
    assert set(found.skills) == NAMES | {"nod"}
    assert found.foreign == {"nod"}
    assert len(found.problems) == 1 and "broken.py" in found.problems[0] and error in found.problems[0]


SEVERAL = """
    from arbiter.skill import Skill
    class Good(Skill):
        name = "good"
        utterances = ("be good", "do good", "good one")
    class Bad(Skill):
        name = "bad"
        utterances = ("be bad",)
    class Worse(Skill):
        name = "worse"
        utterances = ("be worse", "do worse", "worse still")
        def __init__(self):
            raise RuntimeError("no licence")
    class Slow(Skill):
        name = "slow"
        utterances = ("be slow", "do it slowly", "slow down")
        def __init__(self):
            import time; time.sleep(60)
    class Better(Skill):
        name = "better"
        utterances = ("be better", "do better", "better still")
    class Twin(Better):
        utterances = ("be a twin", "do as a twin", "twins")
"""


def test_a_bad_skill_does_not_take_those_beside_it_with_it(tmp_path):
    file = write(tmp_path / "several.py", SEVERAL)
    found = load_skills([file], use_entry_points=False, patience=0.5)
    assert found.foreign == {"good", "better"} and set(found.skills) == NAMES | found.foreign
    told = ["utterances is not a tuple of three", "RuntimeError: no licence", "blocks: not loaded", "the name is taken"]
    assert len(found.problems) == len(told)
    for line, problem, text in zip((6, 9, 14, 22), found.problems, told, strict=True):
        assert problem.startswith(f"{file}:{line} left out: ") and text in problem
    assert found.broken[file].startswith("line 6: ") and "; line 22: " in found.broken[file]


def test_a_missing_file_is_reported(tmp_path):
    found = load_skills([tmp_path / "none.py"], use_entry_points=False)
    assert "none.py: no such file" in found.problems[0]


def test_a_skill_file_may_hold_dataclasses(tmp_path):
    """They look their module up in sys.modules while they are made."""
    file = tmp_path / "counting.py"
    file.write_text(
        textwrap.dedent("""
        from __future__ import annotations
        from dataclasses import dataclass
        from arbiter.skill import Outcome, Skill
        from arbiter.types import Request

        @dataclass(slots=True)
        class Count:
            value: int = 0

        class Counting(Skill):
            name = "counting"
            utterances = tuple(f"count to {k}" for k in range(8))
            joints = "legs"

            def request(self, state, progress):
                return Request(elapsed=progress.elapsed)

            def finish(self, state, progress):
                return Outcome.RUNNING
        """)
    )
    found = load_skills([file], use_entry_points=False)
    assert found.problems == [] and "counting" in found.skills and found.foreign == {"counting"}


class Counting(Skill):
    """Counts its own questions: on itself, as a plug-in's author does first."""

    name = "counting"
    utterances = ("count", "count on", "count your ticks")
    asked = 0

    def finish(self, state, progress):
        self.asked += 1
        return Outcome.SUCCESS if self.asked >= 5 else Outcome.RUNNING


def test_what_a_skill_stores_on_itself_is_of_one_run():
    """Two runs of one skill, asked in turn: neither ends the other, and the skill itself is never asked."""
    skill, joints = Counting(), MODEL.groups["legs"]
    runs = [Run(skill, SkillCall("counting"), joints, 0.0) for _ in range(2)]
    state = standing_state()
    for run in runs:
        run.prepare(state, 0.0)
        run.prepare(state, 0.0)
        run.begin(state, 0.0)
    ends = []
    for k in range(1, 9):
        for run in runs[: 1 if k < 3 else 2]:
            if not run.over:
                run.step(state, 0.02 * k)
                ends += [(runs.index(run), k)] * run.over
    assert ends == [(0, 5), (1, 7)] and skill.asked == 0


def test_a_begin_that_makes_no_run_is_named():
    class Wrong(Counting):
        def begin(self, context):
            return None

    assert check_skill(Wrong()) == [
        "begin(): SkillError: begin() returned None; what the run asks, an arbiter.skill.Skill, is expected"
    ]


def test_a_parameter_is_read_with_its_type_or_named():
    state = standing_state()
    given = {"distance": 2, "side": "left", "duration": None}
    told = Progress(0.0, np.zeros(3), 0.0, given, 0, state)
    assert (told.number("distance"), told.given("duration"), told.word("side")) == (2, None, "left")
    for read, name, said in (
        (told.number, "duration", "duration is not set"),
        (told.number, "radius", "radius is not set"),
        (told.given, "side", "side is 'left'; a number"),
        (told.word, "distance", "distance is 2; a word"),
    ):
        with pytest.raises(SkillError, match=said):
            read(name)
    with pytest.raises(SkillError, match="no robot is known"):
        _ = told.body
    with pytest.raises(RobotError, match="no body that is known"):
        _ = replace(told, robot=replace(MODEL, body=None)).body


@pytest.mark.parametrize(
    ("balls", "asked", "told"),
    [
        ({"red": (0.30, 0.14, 0.62)}, {"colour": "red", "side": "left"}, ""),
        ({"red": (0.30, 0.14, 0.62)}, {"colour": "red", "side": "right"}, "the red ball is 0.30 m ahead and 0.14 m to my left: "),
        ({"red": (0.30, 0.14, 0.62)}, {"side": "right"}, "the right hand touches balls on the right"),
        ({"red": (0.30, 0.14, 0.62), "blue": (0.30, -0.14, 0.62)}, {"side": "right"}, ""),
        ({"red": (0.30, 0.14, 0.62), "blue": (0.30, -0.14, 0.62)}, {}, "which ball? red, blue are within reach; say its colour"),
        (
            {"red": (0.30, 0.14, 0.62), "blue": (0.30, 0.2, 0.62)},
            {"side": "right"},
            "no ball in view that the right hand reaches",
        ),
        ({"red": (0.35, 0.10, 0.52)}, {"colour": "red"}, "out of reach by 0.04 m"),
        ({"red": (0.20, 0.10, 0.74)}, {"colour": "red"}, "0.10 m to my left, too close to my shoulder by 0.0"),
        ({"red": (0.20, 0.10, 0.74)}, {}, "the red ball is 0.20 m ahead and 0.10 m to my left, too close to my shoulder"),
        ({"red": (0.20, 0.10, 0.74), "blue": (0.30, -0.14, 0.62)}, {}, ""),
        ({"red": (0.20, 0.10, 0.60)}, {"colour": "red"}, ""),
        ({"red": (0.30, 0.10, 0.88)}, {"colour": "red"}, "out of reach by 0.06 m"),
        ({"red": (0.30, 0.10, 0.79)}, {"colour": "red"}, ""),
        ({"purple": (0.30, 0.10, 0.60)}, {}, "the only ball there is purple; it touches red, green or blue ones"),
    ],
)
def test_a_touch_is_refused_where_no_hand_or_not_the_one_that_is_named_gets_there(balls, asked, told):
    skill = by_name("touch_ball")
    seen = (Sighting(0.0, {colour: np.array(at) for colour, at in balls.items()}),)
    why = skill.impossible(standing_state(), replace(progress(skill, **asked), sightings=seen))
    assert (told in why) if told else why == ""


@pytest.mark.parametrize(("side", "gap"), [("", 0.0), ("left", 0.0), ("right", 0.1)])
def test_the_hand_that_is_named_is_the_one_that_has_to_touch(side, gap):
    readings = [replace(standing_state(), stamp=0.02 * k) for k in range(20)]
    seen = (Sighting(0.0, {"red": MODEL.known_body.hand(readings[0].joint_pos, "left")}),)
    skill = by_name("touch_ball")
    found = skill.verify(readings, replace(progress(skill, colour="red", side=side or None), sightings=seen))
    assert found.success == (gap == 0.0) and found.measured >= gap and found.text.startswith(f"{side} hand".strip())
