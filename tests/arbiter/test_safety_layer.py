"""The filter's own part: its clock, readings that it takes again, who drives while readings are old or in SETTLE, its verdict."""

import numpy as np
import pytest

from arbiter.safety import Safety, SafetyLimits
from arbiter.safety.intake import is_array
from arbiter.types import Mode
from tests.safety_rig import DT, Drive, armed, reading, small_model, target

MODEL = small_model()
N = MODEL.n
NAN = float("nan")


def running(**options) -> Drive:
    drive = Drive(armed(MODEL, **options))
    assert drive.ticks(3, MODEL.default)[1].mode is Mode.RUN
    return drive


def by_policy(verdict):
    """(check, policy) of what was told."""
    return {(note.check, note.policy) for note in verdict.interventions}


# -- clock ----------------------------------------------------------------------------------------------------------


def test_a_clock_that_is_no_number_goes_on_by_a_tick():
    drive = running()
    for now in (None, NAN, "now", True):
        drive.t += DT
        command, verdict = drive.safety.filter(target(MODEL, MODEL.default), drive.owners, reading(MODEL, drive.t), now)
        assert verdict.mode is Mode.RUN and command.stamp == pytest.approx(drive.t)


def test_a_reading_that_comes_while_the_clock_is_no_number_is_dated_a_tick_later():
    drive = running()
    assert drive.safety.believe(reading(MODEL, drive.t + DT), NAN).stamp == drive.t + DT and not drive.safety.doubts


@pytest.mark.parametrize("back", [0.05, 1.0, 20.0])
def test_a_clock_that_goes_back_once_costs_one_tick(back):
    drive = running()
    drive.t -= back
    assert drive.tick(MODEL.default)[1].mode is Mode.HOLD
    assert all(drive.tick(MODEL.default)[1].mode is Mode.RUN for _ in range(60))


def test_arming_goes_by_the_time_that_it_is_told():
    safety = Safety(MODEL)
    assert safety.arm(reading(MODEL, 5.0), 5.0) == "" and not safety.doubts


# -- readings -------------------------------------------------------------------------------------------------------


def test_a_believed_reading_is_older_in_the_next_tick():
    drive = running()
    drive.t += DT
    believed = drive.safety.believe(reading(MODEL, drive.t, imu_age=0.05), drive.t)
    drive.t += DT
    _, verdict = drive.safety.filter(target(MODEL, MODEL.default), drive.owners, believed, drive.t)
    assert verdict.mode is Mode.HOLD and verdict.reason.startswith("IMU reading is 0.070 s old")


def test_readings_that_were_missing_for_long_are_made_up_for_soon():
    safety = Safety(MODEL)
    for k in range(300):
        now = k * DT
        safety.filter(None, ("walk",) * N, reading(MODEL, now) if k == 0 or k > 250 else None, now)
        if k == 251:
            assert safety.arm() == "the robot reports most of its readings are missing"
    assert safety.arm() == ""


@pytest.mark.parametrize(
    ("kind", "taken"),
    [(float, True), (np.float32, True), (np.float16, True), (">f8", True), (np.int8, True), (np.uint64, True)]
    + [(np.longdouble, False), (bool, False), (complex, False), (object, False), ("U1", False), ("M8[s]", False)],
)
def test_an_array_of_real_numbers_is_taken(kind, taken):
    assert is_array(np.zeros(3, kind), (3,)) is taken
    assert not is_array(np.zeros((3, 1), kind), (3,))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_where_everything_is_out_of_range_everything_is_clamped(sign):
    start = MODEL.upper if sign > 0.0 else MODEL.lower
    drive = Drive(armed(MODEL, start), start)
    command, verdict = drive.tick(start + 0.5 * sign, kp=np.full(N, 99.0 * sign), kd=np.full(N, 99.0 * sign))
    assert np.array_equal(command.q, start) and len(verdict.interventions) == 3 * N and verdict.mode is Mode.RUN
    assert np.array_equal(command.kp, 2.0 * MODEL.kp * (sign > 0.0)) and np.array_equal(command.kd, 2.0 * MODEL.kd * (sign > 0.0))


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(("beyond", "refused"), [(3.1, False), (3.2, True)])
def test_a_leg_half_a_turn_beyond_its_range_is_refused_and_an_arm_is_clamped(sign, beyond, refused):
    start = MODEL.upper if sign > 0.0 else MODEL.lower
    drive = Drive(armed(MODEL, start), start)
    drive.owners = ("walk", "stand", "wave", "wave")
    _, verdict = drive.tick(start + sign * np.array((0.0, beyond, 0.0, 9.0)))
    assert verdict.mode is (Mode.HOLD if refused else Mode.RUN)
    told = {(note.check, note.joint, note.policy) for note in verdict.interventions}
    assert told == {("position", "leg_knee_joint", "stand"), ("position", "arm_elbow_joint", "wave")}
    assert not refused or verdict.reason == "stand asked for a leg far beyond its range"


# -- who drives -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("walking", ["walk", ""])
def test_where_readings_are_old_a_walk_goes_on_and_nobody_else(walking):
    drive = running()
    drive.owners, drive.safety.walking = ("walk", "", "walk", "wave"), walking
    asked = MODEL.default + 0.003
    command, verdict = drive.tick(asked, imu_age=0.1)
    assert verdict.mode is Mode.HOLD and np.array_equal(command.q[1:], MODEL.default[1:])
    assert command.q[0] == (asked[0] if walking else MODEL.default[0])


def test_in_settle_a_walk_is_brought_to_rest_for_a_limited_time():
    drive = running(limits=SafetyLimits.from_model(MODEL).tightened(stop_limit=10.5 * DT))
    drive.safety.stop("key")
    for k in range(1, 15):
        _, verdict = drive.tick(MODEL.default)
        assert verdict.mode is Mode.SETTLE and drive.safety.settling == pytest.approx(k * DT)
        assert (("mode", "walk") in by_policy(verdict)) is (k == 1 or k > 10)
        drive.safety.let_stop("walk")
    drive.safety.reset()
    drive.tick(MODEL.default)
    assert drive.safety.arm() == "" and drive.tick(MODEL.default)[1].mode is Mode.RUN
    drive.safety.stop("key")
    drive.tick(MODEL.default)
    assert drive.safety.settling == pytest.approx(DT), "counted anew"


def test_in_settle_the_legs_stand_on_while_an_arm_is_not_known():
    drive = running()
    drive.safety.stop("key")
    drive.tick(MODEL.default)
    drive.owners = ("stand",) * N
    _, verdict = drive.ticks(40, MODEL.default, joint_age=np.array((0.0, 0.0, 0.0, 0.1)))
    assert verdict.mode is Mode.SETTLE and {note.check for note in verdict.interventions} == {"age"}


# -- verdict --------------------------------------------------------------------------------------------------------


def test_a_verdict_is_made_anew_only_where_it_says_something_else():
    drive = running()
    good = drive.tick(MODEL.default)[1]
    assert drive.tick(MODEL.default)[1] is good
    assert drive.tick(MODEL.default, imu_age=0.1)[1].mode is Mode.HOLD
    again = drive.tick(MODEL.default)[1]
    assert again == good and drive.tick(MODEL.default)[1] is again


def test_a_verdict_has_the_reason_of_its_own_tick():
    drive = Drive(Safety(MODEL))
    assert drive.tick(MODEL.default)[1].reason == "not armed"
    assert drive.safety.arm() == ""
    drive.safety.disarm()
    assert drive.tick(MODEL.default)[1].reason == "disarmed"
