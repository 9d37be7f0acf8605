"""The ladder: each fault to its rung, latched until an operator resets it."""

from dataclasses import replace

import numpy as np
import pytest

from arbiter.safety import Safety
from arbiter.types import Mode, frozen
from tests.safety_rig import DT, Drive, armed, check_limits, reading, small_model, target

MODEL = small_model()
N = MODEL.n
LEG_AGE = np.array((0.1, 0.0, 0.0, 0.0))
LEGS_AGE = np.array((0.1, 0.1, 0.0, 0.0))
ARM_AGE = np.array((0.0, 0.0, 0.0, 0.1))
STAND = ("stand", "stand", "rest", "rest")


def running(**options) -> Drive:
    drive = Drive(armed(MODEL, **options))
    _, verdict = drive.ticks(3, MODEL.default)
    assert verdict.mode is Mode.RUN and drive.safety.armed and not drive.safety.fault and verdict.reason == ""
    return drive


# -- arming ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"joint_age": LEG_AGE}, "reading of leg_hip_joint is 0.100 s old, at most 0.06 s"),
        ({"joint_age": ARM_AGE}, "reading of arm_elbow_joint is 0.100 s old, at most 0.06 s"),
        ({"imu_age": 0.1}, "IMU reading is 0.100 s old, at most 0.06 s"),
        ({"faults": ("can1: bus off", "low voltage")}, "the robot reports can1: bus off, low voltage"),
        ({"joint_pos": np.array((0.0, -0.3, 0.0, 0.0))}, "leg_knee_joint is at -0.30 rad, outside 0.00 to 2.00; move it by hand"),
        ({"joint_pos": np.array((0.0, np.nan, 0.0, 0.0))}, "leg_knee_joint reads position nan; -0.5 to 2.5 is possible"),
        ({"joint_vel": np.array((0.0, 0.0, 2e3, 0.0))}, "arm_shoulder_joint reads velocity 2000; -40 to 40 is possible"),
        ({"base_quat": np.zeros(4)}, "base_quat has a squared length of 0; 1 is expected"),
    ],
)
def test_arming_is_refused_with_the_reason(changes, text):
    safety = Safety(MODEL)
    assert text in safety.arm(reading(MODEL, 0.0, **changes), 0.0)
    assert safety.mode is Mode.PASSIVE and not safety.armed
    assert safety.arm(reading(MODEL, 0.02), 0.02) == "" and safety.mode is Mode.RUN


def test_arming_needs_a_reading_and_takes_the_last_one():
    safety = Safety(MODEL)
    assert safety.arm() == "no reading was taken yet"
    safety.filter(target(MODEL, MODEL.default), STAND, reading(MODEL, 1.0), 1.0)
    assert safety.arm() == ""
    assert safety.arm() == "the robot is in run; it has to be passive"


def test_a_robot_that_lies_on_the_floor_is_not_armed():
    safety = Safety(MODEL)
    for k in range(2):
        safety.filter(None, STAND, reading(MODEL, k * DT, tilt=1.5), k * DT)
    assert safety.arm() == "the robot has fallen: tilt 1.50 rad, at most 0.9; set it up and reset"
    assert safety.fault == ""


def test_the_command_starts_at_the_measured_posture_drawn_into_the_range():
    start = np.array((0.3, -0.05, 1.0, 0.2))
    drive = Drive(armed(MODEL, start), start)
    command, _ = drive.tick(MODEL.default)
    assert command.q[1] == pytest.approx(0.12)  # the knee starts at its end, 0, and may move by 300 rad/s² x dt²
    assert command.q[3] == pytest.approx(0.196)
    check_limits(MODEL, np.clip(start, MODEL.lower, MODEL.upper), drive.sent)


def test_disarm_damps_and_may_be_armed_again():
    drive = running()
    drive.safety.disarm()
    command, verdict = drive.tick(MODEL.default)
    assert verdict.mode is Mode.PASSIVE and verdict.reason == "disarmed" and not command.kp.any()
    assert drive.safety.arm() == ""


# -- HOLD -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"joint_age": LEGS_AGE}, "reading of leg_hip_joint is 0.100 s old, at most 0.06 s"),
        ({"imu_age": 0.1}, "IMU reading is 0.100 s old, at most 0.06 s"),
    ],
)
def test_stale_legs_or_imu_hold_everything_and_recover(changes, text):
    drive = running()
    asked = MODEL.default + 0.003
    command, verdict = drive.tick(asked, **changes)
    assert verdict.mode is Mode.HOLD and verdict.reason == text and np.array_equal(command.q, MODEL.default)
    assert [(i.check, i.policy) for i in verdict.interventions] == [("age", "robot")]
    command, verdict = drive.tick(asked)
    assert verdict.mode is Mode.RUN and np.array_equal(command.q, asked) and not drive.safety.fault


def test_a_stale_arm_holds_the_arms_only():
    drive = running()
    asked = MODEL.default + 0.003
    command, verdict = drive.tick(asked, joint_age=ARM_AGE)
    assert verdict.mode is Mode.HOLD and "arm_elbow_joint" in verdict.reason
    assert np.array_equal(command.q[:2], asked[:2]) and np.array_equal(command.q[2:], MODEL.default[2:])


@pytest.mark.parametrize("age", [0.059, 0.061])
def test_the_boundary_of_age(age):
    drive = running()
    for changes in ({"joint_age": np.full(N, age)}, {"imu_age": age}):
        assert drive.tick(MODEL.default, **changes)[1].mode is (Mode.RUN if age < 0.06 else Mode.HOLD)


def test_age_counts_from_the_stamp_and_a_repeated_reading_ages():
    drive = running()
    old = reading(MODEL, drive.t)
    modes = [drive.tick(MODEL.default, state=old)[1].mode for _ in range(11)]
    assert modes[:3] == [Mode.RUN] * 3 and modes[3:9] == [Mode.HOLD] * 6 and modes[10] is Mode.DAMP
    assert "IMU reading is" in drive.safety.fault


KNOWN_STILL = [
    {"joint_pos": np.array((np.nan, 0.0, 0.0, 0.0))},
    {"joint_pos": np.array((9.0, 0.0, 0.0, 0.0))},
    {"joint_vel": np.array((0.0, np.inf, 0.0, 0.0))},
    {"joint_vel": np.array((0.0, 900.0, 0.0, 0.0))},
    {"joint_age": np.array((-1.0, 0.0, 0.0, 0.0))},
    {"joint_age": np.array((np.nan, 0.0, 0.0, 0.0))},
    {"base_quat": np.full(4, np.nan)},
    {"base_quat": None},
    {"base_quat": np.array((0.5, 0.0, 0.0, 0.0))},
    {"base_ang_vel": np.array((1e6, 0.0, 0.0))},
    {"base_ang_vel": np.zeros(2)},
    {"faults": None},
]


@pytest.mark.parametrize("spoil", KNOWN_STILL)
def test_what_another_sensor_still_tells_is_settled_with(spoil):
    """One leg joint, half of it, or half of the IMU: a stand-in serves, and the robot is brought to rest while it can be."""
    drive = running()
    modes = [drive.tick(MODEL.default, **spoil)[1].mode for _ in range(5)]
    assert modes[:3] == [Mode.RUN] * 3 and modes[4] is Mode.SETTLE
    assert drive.safety.fault.startswith("robot: ")


@pytest.mark.parametrize("spoil", KNOWN_STILL)
def test_one_bad_reading_is_helped_over(spoil):
    drive = running()
    _, verdict = drive.tick(MODEL.default, **spoil)
    assert verdict.mode is Mode.RUN and {i.policy for i in verdict.interventions} == {"robot"}
    _, verdict = drive.ticks(20, MODEL.default)
    assert verdict.mode is Mode.RUN and verdict.interventions == () and not drive.safety.fault and not drive.safety.doubts


@pytest.mark.parametrize(
    "spoil",
    [
        {"joint_age": np.full(N, -1.0)},
        {"joint_pos": np.zeros(3)},
        {"imu_age": np.nan},
        {"imu_age": -1.0},
        {"base_quat": None, "base_ang_vel": None},
        {"stamp": np.nan},
        {"stamp": 99.0},
        {"joint_pos": np.full(N, np.nan), "joint_vel": np.full(N, np.nan)},
    ],
)
def test_a_bad_reading_is_not_believed_and_ages(spoil):
    drive = running()
    _, verdict = drive.tick(MODEL.default, **spoil)
    assert verdict.mode is Mode.RUN and {i.policy for i in verdict.interventions} == {"robot"}
    modes = [drive.tick(MODEL.default, **spoil)[1].mode for _ in range(10)]
    assert modes[1] is Mode.RUN and modes[3] is Mode.HOLD and modes[-1] is Mode.DAMP
    assert drive.safety.fault


def test_a_hold_brakes_within_the_acceleration():
    drive = running()
    goal = MODEL.default + np.array((0.0, 0.0, 1.9, 0.4))
    drive.ticks(6, goal)
    drive.tick(np.full(N, np.nan))
    at = drive.sent[-1].q
    drive.ticks(12, np.full(N, np.nan))
    assert np.abs(drive.sent[-1].q - drive.sent[-2].q).max() < 1e-9
    assert drive.sent[-1].q[2] - at[2] == pytest.approx(0.0, abs=1e-9)  # 8 rad/s stop within one more tick
    assert 0.01 < drive.sent[-1].q[3] - at[3] < 0.2
    check_limits(MODEL, MODEL.default, drive.sent)


def test_a_hold_that_lasts_settles_and_latches():
    drive = running()
    modes = [drive.tick(None, state=reading(MODEL, drive.t + DT))[1].mode for _ in range(26)]
    assert modes == [Mode.HOLD] * 25 + [Mode.SETTLE]
    assert drive.safety.fault == "held for 0.5 s: the target is NoneType; a JointTarget is expected"
    assert drive.safety.wants_settle and drive.safety.armed


def test_a_flickering_target_runs_out_of_time_too():
    drive = running()
    bad = np.full(N, np.nan)
    for k in range(100):
        drive.tick(bad if k % 2 else MODEL.default)
        if drive.safety.fault:
            break
    assert 50 < k < 80 and drive.safety.mode is Mode.SETTLE


def test_rare_glitches_are_forgiven():
    drive = running()
    for k in range(600):
        drive.tick(np.full(N, np.nan) if k % 10 == 0 else MODEL.default)
    assert drive.safety.mode is Mode.RUN and not drive.safety.fault


# -- SETTLE ---------------------------------------------------------------------------------------------------------


def settling() -> Drive:
    drive = running()
    _, verdict = drive.tick(MODEL.default, faults=("can1: error passive",))
    assert verdict.mode is Mode.SETTLE and drive.safety.fault == "robot: can1: error passive"
    return drive


@pytest.mark.parametrize(
    ("faults", "told"),
    [(("",), "a fault without a name"), (("can1", " \n"), "can1, a fault without a name"), (("can1:\n off",), "can1: off")],
)
def test_a_fault_is_told_on_one_line_and_never_nameless(faults, told):
    drive = running()
    _, verdict = drive.tick(MODEL.default, faults=faults)
    assert verdict.mode is Mode.SETTLE and drive.safety.fault == f"robot: {told}"


def test_in_settle_only_a_fallback_drives():
    drive = settling()
    asked = MODEL.default + 0.003
    command, verdict = drive.tick(asked, faults=("can1: error passive",))
    assert np.array_equal(command.q, MODEL.default) and verdict.mode is Mode.SETTLE
    assert [(i.check, i.joint, i.policy) for i in verdict.interventions] == [("mode", "", "walk")]
    drive.owners = STAND
    command, verdict = drive.tick(asked, faults=("can1: error passive",))
    assert np.array_equal(command.q, asked) and verdict.interventions == ()
    drive.owners = ("stand", "stand", "wave", "wave")
    command, _ = drive.tick(asked + 0.003)
    assert np.allclose(command.q[:2], asked[:2] + 0.003) and np.allclose(command.q[2:], asked[2:], atol=0.004)


def test_settle_without_a_fallback_damps():
    drive = settling()
    for _ in range(26):
        _, verdict = drive.tick(MODEL.default)
    assert verdict.mode is Mode.DAMP and "no fallback policy drives the legs" in verdict.reason
    assert drive.safety.fault == "robot: can1: error passive"  # the first cause stays


@pytest.mark.parametrize("age", [{"imu_age": 0.1}, {"joint_age": LEGS_AGE}])
def test_a_fault_that_is_reported_beside_an_old_reading_settles_once_the_reading_is_new(age):
    """To damp at once would drop a robot that can stand a tick later. A single report is latched meanwhile."""
    drive = running()
    drive.owners = STAND
    assert drive.tick(MODEL.default, faults=("can1: error passive",), **age)[1].mode is Mode.HOLD
    assert drive.safety.fault == "robot: can1: error passive"
    assert drive.tick(MODEL.default)[1].mode is Mode.SETTLE
    lost = running()
    modes = [lost.tick(MODEL.default, faults=("can1: error passive",), imu_age=0.1 + 0.02 * k)[1].mode for k in range(8)]
    assert modes[0] is Mode.HOLD and modes[-1] is Mode.DAMP


def test_settle_stays_until_the_reset():
    drive = settling()
    drive.owners = STAND
    _, verdict = drive.ticks(200, MODEL.default)
    assert verdict.mode is Mode.SETTLE
    assert drive.safety.arm().startswith("a fault is latched: robot: can1: error passive; an operator has to reset it")
    drive.safety.reset()
    _, verdict = drive.tick(MODEL.default)
    assert verdict.mode is Mode.PASSIVE and drive.safety.fault == "" and not drive.safety.wants_settle
    assert drive.safety.arm() == ""
    assert drive.tick(MODEL.default)[1].mode is Mode.RUN


@pytest.mark.parametrize("changes", [{"joint_age": 3 * LEGS_AGE}, {"imu_age": 0.3}])
def test_a_fault_damps_where_no_fallback_can_stand(changes):
    drive = running()
    _, verdict = drive.tick(MODEL.default, faults=("low voltage",), **changes)
    assert verdict.mode is Mode.DAMP and "0.300 s old" in drive.safety.fault


def test_an_arm_that_is_lost_settles_and_legs_damp():
    drive = running()
    _, verdict = drive.tick(MODEL.default, joint_age=3 * ARM_AGE)
    assert verdict.mode is Mode.SETTLE and "reading of arm_elbow_joint is 0.300 s old" in drive.safety.fault
    drive = running()
    command, verdict = drive.tick(MODEL.default, joint_age=3 * LEGS_AGE)
    assert verdict.mode is Mode.DAMP and "reading of leg_hip_joint is 0.300 s old" in drive.safety.fault
    assert not command.kp.any() and np.array_equal(command.kd, MODEL.kd)
    drive = running()
    assert drive.tick(MODEL.default, imu_age=0.21)[1].mode is Mode.DAMP


def test_a_trip_goes_down_one_rung_at_a_time():
    drive = running()
    drive.safety.trip("driver: write failed")
    assert drive.safety.wants_settle and drive.safety.fault == "driver: write failed"
    drive.owners = STAND
    assert drive.ticks(3, MODEL.default)[1].mode is Mode.SETTLE
    drive.safety.trip("fallback stand failed")
    assert drive.tick(MODEL.default)[1].mode is Mode.DAMP and drive.safety.fault == "driver: write failed"
    hanging = running()
    hanging.safety.trip("a joint is held", Mode.DAMP)  # in a harness nothing falls
    assert hanging.tick(MODEL.default)[1].mode is Mode.DAMP and hanging.safety.fault == "a joint is held"
    passive = Safety(MODEL)
    passive.trip("early")
    assert passive.mode is Mode.PASSIVE and "a fault is latched: early" in passive.arm(reading(MODEL, 0.0), 0.0)


# -- fall -----------------------------------------------------------------------------------------------------------


def test_a_fall_damps_after_two_readings():
    drive = running()
    assert drive.tick(MODEL.default, tilt=0.91)[1].mode is Mode.RUN
    assert drive.tick(MODEL.default, tilt=0.2)[1].mode is Mode.RUN
    fallen = reading(MODEL, drive.t + DT, tilt=0.91)
    assert drive.tick(MODEL.default, state=fallen)[1].mode is Mode.RUN
    assert drive.tick(MODEL.default, state=fallen)[1].mode is Mode.RUN  # the same reading does not count twice
    command, verdict = drive.tick(MODEL.default, tilt=0.91)
    assert verdict.mode is Mode.DAMP and drive.safety.fault == "fall" and not command.kp.any()
    assert verdict.reason == "fall: tilt 0.91 rad, at most 0.9"
    drive.safety.reset()
    assert drive.tick(MODEL.default)[1].mode is Mode.PASSIVE and drive.safety.arm() == ""


def test_a_lean_is_no_fall():
    drive = running()
    for _ in range(10):
        assert drive.tick(MODEL.default, tilt=0.89)[1].mode is Mode.RUN


# -- stop -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "mode", "told"),
    [
        ("settle", Mode.SETTLE, "settled: page"),
        ("damp", Mode.DAMP, "damped: page"),
        ("off", Mode.OFF, "switched off: page"),
        ("nonsense", Mode.DAMP, "damped: page"),
    ],
)
def test_a_stop_takes_effect_in_the_next_tick_without_a_fault(level, mode, told):
    drive = running()
    drive.safety.stop("page", level)
    command, verdict = drive.tick(MODEL.default)
    assert verdict.mode is mode and verdict.reason == told and drive.safety.fault == ""
    assert bool(command.kd.any()) is (mode is not Mode.OFF) and bool(command.kp.any()) is (mode is Mode.SETTLE)
    drive.owners = STAND
    assert drive.ticks(40, MODEL.default)[1].mode is mode
    if mode is not Mode.SETTLE:
        assert drive.safety.arm() == f"the robot is in {mode.value}; it has to be passive"
    drive.safety.reset()
    assert drive.safety.mode is Mode.PASSIVE and drive.safety.arm() == ""


@pytest.mark.parametrize("level", ["damp", "off"])
def test_a_settle_stop_never_leads_back_up(level):
    """Neither out of a lower rung nor out of passive does a stop drive a motor."""
    drive = running()
    drive.safety.stop("first", level)
    lower = drive.tick(MODEL.default)[1].mode
    drive.safety.stop("second", "settle")
    assert drive.tick(MODEL.default)[1].mode is lower and not drive.safety.armed
    passive = Drive(Safety(MODEL))
    passive.tick(MODEL.default)
    passive.safety.stop("early", "settle")
    assert passive.tick(MODEL.default)[1].mode is Mode.PASSIVE


def test_a_settle_stop_damps_where_no_fallback_can_stand():
    drive = running()
    drive.safety.stop("key")
    assert drive.tick(MODEL.default, imu_age=0.1)[1].mode is Mode.DAMP and not drive.safety.fault


def test_the_stronger_of_two_stops_wins_whatever_the_order():
    for levels in (("off", "damp", "settle"), ("settle", "damp", "off")):
        drive = running()
        for level in levels:
            drive.safety.stop("twice", level)
        assert drive.tick(MODEL.default)[1].mode is Mode.OFF
        drive.safety.stop("again", "damp")
        assert drive.tick(MODEL.default)[1].mode is Mode.OFF


@pytest.mark.parametrize(
    ("first", "level", "mode"), [("settle", "damp", Mode.DAMP), ("settle", "off", Mode.OFF), ("damp", "off", Mode.OFF)]
)
def test_a_stop_that_arrives_while_another_is_obeyed_is_not_lost(monkeypatch, first, level, mode):
    """From a signal handler or another thread: after the ladder has read its slots, before it empties them."""
    drive = running()
    ladder = drive.safety._ladder

    class Interrupted(type(ladder)):
        """Stops once more at the moment that the first stop sets the reason."""

        def __setattr__(self, name, value):
            super().__setattr__(name, value)
            if name == "reason" and value.endswith(": one"):
                self.stop("another", level)

    monkeypatch.setattr(ladder, "__class__", Interrupted)
    drive.safety.stop("one", first)
    drive.tick(MODEL.default)
    _, verdict = drive.tick(MODEL.default)
    assert verdict.mode is mode and verdict.reason.endswith(": another")


def test_what_hangs_askew_or_swings_is_not_armed():
    """A reset forgets that it fell; it does not set it up."""
    drive = running()
    drive.ticks(3, MODEL.default, tilt=1.5)
    assert drive.safety.fault == "fall"
    drive.safety.reset()
    assert drive.safety.arm() == "the robot has fallen: tilt 1.50 rad, at most 0.9; set it up and reset"
    safety = Safety(MODEL)
    swings = replace(reading(MODEL, 0.0), base_ang_vel=frozen((0.0, -2.5, 0.0)))
    assert safety.arm(swings, 0.0) == "the base turns at 2.5 rad/s, at most 1 is right; let it hang still, then arm"
    assert safety.arm(reading(MODEL, 0.02), 0.02) == ""


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (dict(stamp=9.8), "the newest reading is stamped 0.200 s ago, at most 0.06 s is right: driver and tick need one clock"),
        (dict(stamp=10.5), "the reading is stamped 0.500 s in the future"),
        (dict(imu_age=-1.0), "imu_age is -1.0; a finite number of seconds is expected"),
        (dict(joint_age=frozen(np.full(MODEL.n, -1.0))), f"{MODEL.joints[0]} reads age -1"),
        (dict(joint_age=frozen(np.full(MODEL.n, np.nan))), f"{MODEL.joints[0]} reads age nan"),
    ],
)
def test_a_reading_that_is_nonsense_for_ever_is_refused_before_anything_moves(change, why):
    safety = Safety(MODEL)
    for k in range(5):
        shift = {"stamp": change["stamp"] + k * 0.02} if "stamp" in change else change
        assert safety.arm(replace(reading(MODEL, 10.0 + k * 0.02), **shift), 10.0 + k * 0.02) == why
    assert safety.arm(reading(MODEL, 10.2), 10.2) == ""


def test_a_stop_before_arming_is_not_forgotten():
    safety = Safety(MODEL)
    safety.stop("key", "damp")
    assert safety.arm(reading(MODEL, 0.0), 0.0) == "stopped: key; an operator has to reset it"
    safety.reset()
    assert safety.arm(reading(MODEL, 0.0), 0.0) == ""


@pytest.mark.parametrize("level", ["settle", "damp", "off"])
def test_a_stop_and_an_arm_in_one_tick_drive_nothing(level):
    """The one that came first refuses the other; one that comes after it is obeyed by the same tick's filter."""
    safety = Safety(MODEL)
    safety.stop("key", level)
    assert safety.arm(reading(MODEL, 0.0), 0.0) == "stopped: key; an operator has to reset it"
    late = Safety(MODEL)
    assert late.arm(reading(MODEL, 0.0), 0.0) == ""
    late.stop("key", level)
    command, verdict = late.filter(target(MODEL, MODEL.default + 0.1), STAND, reading(MODEL, 0.0), 0.0)
    assert verdict.mode.value == level and (level == "settle" or not command.kp.any())


# -- clock ----------------------------------------------------------------------------------------------------------


def test_a_clock_that_stands_still_moves_nothing_and_then_damps():
    drive = running()
    safety, state = drive.safety, reading(MODEL, drive.t)
    first = drive.sent[-1]
    modes = []
    for _ in range(60):
        command, verdict = safety.filter(target(MODEL, MODEL.default + 0.003), ("walk",) * N, state, drive.t)
        modes.append(verdict.mode)
        assert np.array_equal(command.q, first.q)
    assert modes[0] is Mode.HOLD and Mode.SETTLE in modes and modes[-1] is Mode.DAMP
    assert "the clock moved by 0.0000 s since the last tick; 0.02 s is a tick" in safety.fault


def test_ticks_that_come_early_do_not_double_the_speed():
    drive = running()
    safety, t = drive.safety, drive.t
    goal = MODEL.default + np.array((0.9, 0.0, 1.9, 0.4))
    last, moved = drive.sent[-1].q, 0
    for k in range(1, 12):
        now = t + k * 0.3 * DT
        command, _ = safety.filter(target(MODEL, goal), ("walk",) * N, reading(MODEL, now, last), now)
        moved += command.q[0] != last[0]
        last = command.q
    assert 2 <= moved <= 6


# -- what must not be carried over ------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["damp", "off"])
def test_disarming_lifts_no_damping(level):
    drive = running()
    drive.safety.stop("page", level)
    lower = drive.tick(MODEL.default)[1].mode
    drive.safety.disarm()
    assert drive.tick(MODEL.default)[1].mode is lower and drive.safety.arm().endswith("it has to be passive")


@pytest.mark.parametrize("back", ["disarm", "reset"])
def test_a_settle_that_is_over_is_over(back):
    """What comes after it holds and goes on as ever."""
    drive = running()
    drive.safety.stop("key")
    assert drive.tick(MODEL.default)[1].mode is Mode.SETTLE
    getattr(drive.safety, back)()
    assert drive.safety.arm() == ""
    assert drive.tick(MODEL.default)[1].mode is Mode.RUN
    assert drive.tick(np.full(N, np.nan))[1].mode is Mode.HOLD
    assert drive.tick(MODEL.default)[1].mode is Mode.RUN


def test_time_on_hold_is_not_carried_over_a_reset():
    drive = running()
    drive.ticks(24, np.full(N, np.nan))
    drive.safety.disarm()
    assert drive.safety.arm() == ""
    assert drive.ticks(18, np.full(N, np.nan))[1].mode is Mode.HOLD


def test_a_target_that_lags_is_forgotten_when_it_is_armed_anew():
    drive = running()
    drive.ticks(3, MODEL.default + np.array((0.0, 0.0, 1.5, 0.3)))
    drive.safety.disarm()
    drive.measured = MODEL.default.copy()
    drive.tick(MODEL.default)
    assert drive.safety.arm() == ""
    asked = MODEL.default + 0.0015
    command, verdict = drive.tick(asked)
    assert np.array_equal(command.q, asked) and verdict.interventions == ()


def test_one_sample_of_the_imu_read_twice_is_no_fall():
    drive = running()
    assert drive.tick(MODEL.default, tilt=0.95)[1].mode is Mode.RUN
    for k in (1, 2):
        assert drive.tick(MODEL.default, tilt=0.95, imu_age=k * DT)[1].mode is Mode.RUN
    assert drive.tick(MODEL.default, tilt=0.95)[1].mode is Mode.DAMP


def test_what_was_clamped_in_one_tick_is_not_told_in_the_next():
    drive = running()
    _, verdict = drive.tick(MODEL.default + np.array((0.0, 0.0, 0.0, 1.0)))
    assert ("position", "arm_elbow_joint") in {(note.check, note.joint) for note in verdict.interventions}
    drive.ticks(60, MODEL.default)
    command, verdict = drive.tick(MODEL.default)
    assert verdict.interventions == () and np.array_equal(command.q, MODEL.default)


def test_the_clock_may_go_back_once():
    drive = running()
    drive.t -= 3600.0
    assert drive.tick(MODEL.default)[1].mode is Mode.HOLD
    for _ in range(100):
        assert drive.tick(MODEL.default)[1].mode is Mode.RUN
    assert not drive.safety.fault and not drive.safety.doubts


def test_a_clock_that_jumps_ahead_makes_no_reading_old():
    drive = running()
    drive.t += 3600.0
    assert drive.ticks(5, MODEL.default)[1].mode is Mode.RUN and not drive.safety.fault


def test_stamps_without_sense_settle_where_the_readings_are_new():
    drive = running()
    for k in range(20):  # velocities that change: what they tell is new
        _, verdict = drive.tick(MODEL.default, stamp=float("nan"), joint_vel=np.full(N, 1e-6 * (k % 2)))
        assert verdict.mode is (Mode.RUN if k < 3 else Mode.SETTLE)
    assert drive.safety.fault == "robot: stamps of the readings: the reading's stamp is not a finite number"


def test_one_leg_joint_may_be_lost_two_may_not():
    one, two = running(), running()
    for _ in range(12):
        _, first = one.tick(MODEL.default, joint_age=3 * LEG_AGE)
        _, second = two.tick(MODEL.default, joint_age=3 * LEGS_AGE)
    assert first.mode is Mode.SETTLE and second.mode is Mode.DAMP
    assert one.safety.fault.startswith("robot: reading of leg_hip_joint is 0.300 s old")


def moving(k):
    """Positions and velocities of a robot in motion, tick `k`."""
    phase = 0.2 * k + np.arange(N)
    return {"joint_pos": MODEL.default + 0.05 * np.sin(phase), "joint_vel": 0.5 * np.cos(phase)}


def swaying(k):
    """Orientation and angular velocity of a base in motion, tick `k`."""
    angle = 0.1 * np.sin(0.2 * k)
    return {
        "base_quat": np.array((np.cos(angle / 2), np.sin(angle / 2), 0.0, 0.0)),
        "base_ang_vel": np.array((np.cos(0.2 * k), 0.0, 0.0)),
    }


def test_an_encoder_that_has_slipped_is_a_fault():
    drive = running()
    for k in range(50):
        state = moving(k)
        state["joint_pos"][1] += 0.5 * (k >= 30)
        _, verdict = drive.tick(MODEL.default, **state)
        assert k >= 30 or verdict.mode is Mode.RUN
    assert verdict.mode is Mode.SETTLE and drive.safety.fault.startswith("robot: reading of leg_knee_joint is 0.080 s old")
    believed = drive.safety.believe(reading(MODEL, drive.t + DT, **state), drive.t + DT)
    assert believed.faults == ("leg_knee_joint has slipped by +0.50 rad",)


@pytest.mark.parametrize(("q", "check"), [(np.nan, "finite"), (9.0, "position")])
def test_what_is_wrong_with_a_position_is_told_by_its_check(q, check):
    _, verdict = running().tick(MODEL.default, joint_pos=MODEL.default + np.array((0.0, q, 0.0, 0.0)))
    assert [(note.check, note.joint, note.policy) for note in verdict.interventions] == [(check, "leg_knee_joint", "robot")]


def test_what_is_doubted_is_told_by_name():
    drive = running()
    assert drive.safety.doubts == {}
    drive.tick(MODEL.default, base_quat=np.zeros(4))
    assert drive.safety.doubts == {"IMU": "base_quat has a squared length of 0; 1 is expected"}
    drive.tick(MODEL.default, joint_pos=np.array((0.0, np.nan, 0.0, 0.0)))
    assert drive.safety.doubts == {"leg_knee_joint": "reads position nan; -0.5 to 2.5 is possible"}


def test_an_imu_that_repeats_itself_while_the_legs_move_is_found():
    drive = running()
    for k in range(30):
        assert drive.tick(MODEL.default, **moving(k), **swaying(k))[1].mode is Mode.RUN
    found = [drive.tick(MODEL.default, **moving(30 + k), **swaying(29))[1].mode for k in range(16)]
    assert found[4] is Mode.RUN and Mode.HOLD in found and found[-1] is Mode.DAMP
    assert "the IMU reads the same again and again, though the legs moved" in drive.safety.fault
    for _ in range(2):
        drive.ticks(10, MODEL.default, **moving(45), **swaying(29))
        assert "though the legs moved" in drive.safety.doubts["IMU"]
        drive.safety.reset()
        assert "though the legs moved" in drive.safety.arm()
    drive.ticks(2, MODEL.default, **moving(45), **swaying(0))
    assert not drive.safety.doubts and not drive.safety.arm()


def test_an_imu_may_repeat_itself_while_nothing_moves():
    drive = running()
    for k in range(30):
        drive.tick(MODEL.default, **moving(k), **swaying(k))
    for k in range(60):
        still = moving(29) | {"joint_vel": np.full(N, 1e-6 * (k % 2))}
        assert drive.tick(MODEL.default, **still, **swaying(29) | {"base_ang_vel": np.zeros(3)})[1].mode is Mode.RUN


def test_legs_that_repeat_themselves_while_the_base_turns_are_found():
    drive = running()
    for k in range(30):
        drive.tick(MODEL.default, **moving(k), **swaying(k))
    still = moving(29) | {"joint_vel": np.zeros(N)}
    drive.tick(MODEL.default, **still, **swaying(30))
    found = [drive.tick(MODEL.default, **still, **swaying(31 + k))[1].mode for k in range(20)]
    assert found[3] is Mode.RUN and found[-1] is Mode.DAMP and "leg_" in drive.safety.fault


# -- what everything decides by ----------------------------------------------------------------------------------------


def test_what_is_believed_carries_the_whole_reading():
    safety = armed(MODEL)
    quat = np.array((0.9, 0.1, -0.2, 0.3)) / np.linalg.norm((0.9, 0.1, -0.2, 0.3))
    read = reading(
        MODEL,
        0.02,
        MODEL.default + np.array((0.01, 0.02, 0.03, 0.04)),
        joint_vel=np.array((0.1, 0.2, 0.3, 0.4)),
        base_quat=quat,
        base_ang_vel=np.array((0.5, -0.6, 0.7)),
        acceleration=np.array((0.1, 0.2, 9.8)),
        mean_ang_vel=np.array((0.4, -0.5, 0.6)),
        joint_age=np.array((0.001, 0.002, 0.003, 0.004)),
        imu_age=0.005,
        battery=0.5,
        faults=("can1: bus off",),
    )
    believed = safety.believe(read, 0.02)
    for name in ("joint_pos", "joint_vel", "base_quat", "base_ang_vel", "acceleration", "mean_ang_vel"):
        assert np.array_equal(getattr(believed, name), getattr(read, name)), name
    assert believed.joint_age == pytest.approx(read.joint_age) and believed.imu_age == pytest.approx(0.005)
    assert (believed.stamp, believed.faults) == (0.02, ("can1: bus off",))


@pytest.mark.parametrize(("name", "most"), [("acceleration", 320.0), ("mean_ang_vel", 35.0)])
def test_a_mean_since_the_last_reading_that_no_sensor_can_tell_is_none(name, most):
    safety = Safety(MODEL)
    safety.believe(reading(MODEL, 0.0), 0.0)
    for k, value in enumerate((most, -most, 0.0), 1):
        good = np.array((0.1, value, 0.3))
        assert np.array_equal(getattr(safety.believe(reading(MODEL, DT * k, **{name: good}), DT * k), name), good)
    bad = ((0.1, np.nan, 0.3), (1.01 * most, 0.2, 0.3), (0.1, 0.2, -np.inf), (0.1, 0.2), None, "rubbish")
    for k, value in enumerate(bad, 4):
        value = np.array(value) if isinstance(value, tuple) else value
        believed = safety.believe(reading(MODEL, DT * k, **{name: value}), DT * k)
        assert getattr(believed, name) is None and believed.imu_age == pytest.approx(0.0), "the others are believed"
    assert safety.believe(reading(MODEL, DT * 10), DT * 10).mean_ang_vel is None, "a driver that has none"


def test_the_mean_of_an_angular_velocity_that_is_not_believed_is_not_believed_either():
    safety, mean = Safety(MODEL), np.zeros(3)
    first = safety.believe(reading(MODEL, -DT, mean_ang_vel=mean), -DT)
    assert first.mean_ang_vel is None, "there is no reading that it could be the mean since"
    assert safety.believe(reading(MODEL, 0.0, mean_ang_vel=mean), 0.0).mean_ang_vel is not None
    wrong = reading(MODEL, DT, base_ang_vel=np.array((0.0, np.nan, 0.0)), mean_ang_vel=mean)
    assert safety.believe(wrong, DT).mean_ang_vel is None
    after = safety.believe(reading(MODEL, 2 * DT, mean_ang_vel=mean), 2 * DT)
    assert after.mean_ang_vel is None, "it is the mean since a reading of which nothing was believed"
    assert safety.believe(reading(MODEL, 3 * DT, mean_ang_vel=mean), 3 * DT).mean_ang_vel is not None


def test_a_charge_counts_once_it_has_stayed():
    """A reading of 0 for a tick is no empty battery, and no reason to break a walk off."""
    safety, ticks = Safety(MODEL), iter(range(10_000))

    def told(value, count):
        now = [0.02 * k for _, k in zip(range(count), ticks, strict=False)]
        return [safety.believe(reading(MODEL, t, battery=value), t).battery for t in now]

    assert told(0.8, 1) == [0.8] and told(0.0, 10) == [0.8] * 10 and told(0.77, 3) == [0.77] * 3
    assert told(np.nan, 5) == [0.77] * 5 and told(0.77, 1) == [0.77]
    assert told(0.0, 10)[-1] == 0.77 and told(0.0, 1) == [0.0], "it is empty"
    for odd in ("full", None, -1.0, 87.0, np.nan, np.inf, True):
        found = told(odd, 20)
        assert not found[0] > 1.0 and np.isnan(found[-1]), "-1 is no empty battery"
        assert np.isnan(told(0.5, 5)).all() and told(0.5, 20)[-1] == 0.5
    for value in (0, 1, np.float64(0.25)):
        assert told(value, 20)[-1] == value


@pytest.mark.parametrize(("came", "of", "fault"), [(1, 5, True), (1, 4, True), (1, 3, True), (1, 2, False), (3, 4, False)])
def test_a_driver_most_of_whose_readings_are_missing_is_a_fault(came, of, fault):
    safety, latched = armed(MODEL), []
    for k in range(1, 100):
        now = 0.02 * k
        safety.filter(target(MODEL, MODEL.default), STAND, reading(MODEL, now) if k % of < came else None, now)
        latched += [k] * bool(safety.fault)
    assert bool(latched) is fault and (not fault or latched[0] <= 50)
    assert not fault or safety.fault.endswith("most of its readings are missing")


@pytest.mark.parametrize("quat", [(0.9, 0.3, 0.2, 0.1), (0.5, 0.5, -0.5, 0.5), (0.2, -0.1, 0.3, 0.9), (0.1, 0.9, 0.3, -0.2)])
@pytest.mark.parametrize("length", [0.95, 1.0, 1.05])
def test_the_tilt_is_that_of_the_orientation(quat, length):
    unit = np.array(quat) / np.linalg.norm(quat)
    safety = Safety(MODEL)
    safety.believe(reading(MODEL, 0.02, base_quat=length * unit), 0.02)
    w, x, y, z = unit
    assert safety._watch.fall.tilt == pytest.approx(np.arccos(w * w - x * x - y * y + z * z))


def test_a_clock_that_jumps_while_the_driver_fails_makes_the_last_reading_a_little_older():
    drive = running()
    drive.t += 3600.0
    drive.t += DT
    _, verdict = drive.safety.filter(target(MODEL, MODEL.default), drive.owners, "no reading", drive.t)
    assert verdict.mode is Mode.HOLD and not drive.safety.fault


def test_a_reading_without_a_stamp_that_is_new_counts_as_a_tick_old():
    safety = armed(MODEL)
    safety.believe(reading(MODEL, float("nan"), joint_vel=np.full(N, 0.005)), 0.02)
    believed = safety.believe(reading(MODEL, float("nan"), joint_vel=np.full(N, 0.01)), 0.04)
    assert believed.stamp == pytest.approx(0.02) and believed.joint_vel[0] == 0.01
    again = safety.believe(reading(MODEL, float("nan"), joint_vel=np.full(N, 0.01)), 0.06)
    assert again.stamp == pytest.approx(0.02), "what is not new ages"


@pytest.mark.parametrize(("age", "undated"), [(0.48, False), (0.6, True)])
def test_no_honest_stamp_gets_old_all_at_once(age, undated):
    safety = armed(MODEL)
    safety.believe(reading(MODEL, 0.02 - age), 0.02)
    assert ("stamp" in safety.doubts) is undated


def test_a_short_hold_is_paid_back_in_full():
    drive = running()
    drive.ticks(4, np.full(N, np.nan))
    drive.ticks(100, MODEL.default)
    assert drive.ticks(24, np.full(N, np.nan))[1].mode is Mode.HOLD


def test_the_reason_of_a_settle_is_its_fault():
    drive = running()
    _, verdict = drive.tick(MODEL.default, faults=("low voltage",))
    assert verdict.reason == drive.safety.fault == "robot: low voltage"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"joint_pos": np.zeros(3)}, "joint_pos has shape (3,); (4,) is expected"),
        ({"joint_vel": None}, "joint_vel is NoneType; an array of shape (4,) is expected"),
        ({"faults": None}, "faults is NoneType; a tuple of names is expected"),
        ({"imu_age": None}, "imu_age is NoneType; a finite number of seconds is expected"),
        ({"base_quat": None, "base_ang_vel": None}, "base_quat is NoneType; an array of shape (4,) is expected"),
        ({"stamp": 5.0}, "the reading is stamped 5.000 s in the future"),
    ],
)
def test_what_is_wrong_with_a_reading_is_said(changes, text):
    assert Safety(MODEL).arm(reading(MODEL, 0.0, **changes), 0.0) == text


@pytest.mark.parametrize("changes", [{"imu_age": np.nan}, {"joint_pos": np.zeros(3)}, {"joint_age": np.full(N, np.nan)}])
def test_nothing_is_believed_before_joints_and_imu_were_read(changes):
    safety = Safety(MODEL)
    assert safety.believe(reading(MODEL, 0.0, **changes), 0.0) is None and safety.believe(None, 0.02) is None
    assert safety.filter(None, STAND, None, 0.04)[1].mode is Mode.PASSIVE
    assert safety.believe(reading(MODEL, 0.06), 0.06).stamp == 0.06 and safety.believe(None, 0.08).stamp == 0.06


def test_legs_may_repeat_themselves_while_the_base_only_trembles():
    drive = running()
    for k in range(30):
        drive.tick(MODEL.default, **moving(k), **swaying(k))
    still = moving(29) | {"joint_vel": np.zeros(N)}
    for k in range(60):
        tremble = {"base_quat": swaying(29)["base_quat"], "base_ang_vel": np.array((1e-3 * (k % 2), 0.0, 0.0))}
        assert drive.tick(MODEL.default, **still, **tremble)[1].mode is Mode.RUN
    assert not drive.safety.doubts


def test_legs_that_repeat_themselves_for_a_moment_are_not_frozen():
    drive = running()
    for k in range(30):
        drive.tick(MODEL.default, **moving(k), **swaying(k))
    still = moving(29) | {"joint_vel": np.zeros(N)}
    for k in range(5):
        drive.tick(MODEL.default, **still, **swaying(30 + k))
    assert not drive.safety._watch.joints.repeats.frozen.any()
    drive.ticks(2, MODEL.default, **still, **swaying(36))
    assert drive.safety._watch.joints.repeats.frozen[:2].all()


def test_a_joint_is_as_old_as_the_older_half_of_it():
    drive = running()
    for _ in range(2):
        drive.tick(MODEL.default, joint_vel=np.array((np.nan, 0.0, 0.0, 0.0)))
    drive.t += DT
    believed = drive.safety.believe(reading(MODEL, drive.t, joint_vel=np.array((np.nan, 0.0, 0.0, 0.0))), drive.t)
    assert believed.joint_age == pytest.approx((3 * DT, 0.0, 0.0, 0.0)) and believed.imu_age == pytest.approx(0.0)
    drive.t += DT
    believed = drive.safety.believe(reading(MODEL, drive.t, base_quat=np.zeros(4)), drive.t)
    assert believed.joint_age == pytest.approx((0.0,) * N) and believed.imu_age == pytest.approx(DT)


def test_in_settle_the_legs_need_a_fallback_and_the_arms_do_not():
    for owners, mode in ((("stand", "stand", "wave", "wave"), Mode.SETTLE), (("walk", "walk", "rest", "rest"), Mode.DAMP)):
        drive = settling()
        drive.owners = owners
        assert drive.ticks(40, MODEL.default)[1].mode is mode


def test_what_was_believed_a_while_ago_ages_like_any_reading():
    drive = running()
    drive.t += DT
    believed = drive.safety.believe(reading(MODEL, drive.t), drive.t)
    drive.t -= DT
    modes = [drive.tick(MODEL.default, state=believed)[1].mode for _ in range(14)]
    assert modes[:3] == [Mode.RUN] * 3 and modes[4] is Mode.HOLD and modes[-1] is Mode.DAMP


def test_a_reading_that_comes_late_is_as_old_as_its_stamp_says():
    safety = armed(MODEL)
    believed = safety.believe(reading(MODEL, 0.03, imu_age=0.01, joint_age=np.full(N, 0.005)), 0.05)
    assert believed.imu_age == pytest.approx(0.01) and believed.joint_age == pytest.approx((0.005,) * N)
    assert believed.stamp == 0.03
