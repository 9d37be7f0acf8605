"""Bad readings, drivers and clocks, judged by the simulation's truth: one costs nothing, a lasting one ends in a stand."""

from dataclasses import replace

import numpy as np
import pytest

from arbiter.types import Mode
from tests.sim.rig import SimRun
from tests.sim.tamper import ELBOW, KNEE, MOMENTS, Tampered, changed, clock_jumps, frozen_in, imu_silent, raises, silent, walking

NAN = float("nan")
K, E = 13, 3  # knee and elbow, in robot order


def to(value):
    return lambda _: value


def by(offset):
    return lambda values: values + offset


def stamped(change):
    return lambda state, now, memory: replace(state, stamp=change(state.stamp))


def wrong_sign(state, now, memory):
    q, dq = np.array(state.joint_pos), np.array(state.joint_vel)
    q[K], dq[K] = -q[K], -dq[K]
    return replace(state, joint_pos=q, joint_vel=dq)


def nothing_of_the_knee(state, now, memory):
    return changed("joint_vel", K, to(NAN))(changed("joint_pos", K, to(NAN))(state, now, memory), now, memory)


STAMPS = {"stamp +1 h": stamped(by(3600.0)), "stamp -1 h": stamped(by(-3600.0)), "stamp nan": stamped(to(NAN))}
IMU = {
    "gyro nan": changed("base_ang_vel", 0, to(NAN)),
    "gyro 1e6": changed("base_ang_vel", 1, to(1e6)),
    "gyro +3": changed("base_ang_vel", 1, by(3.0)),
    "quaternion nan": changed("base_quat", 0, to(NAN)),
    "quaternion zero": changed("base_quat", slice(None), to(0.0)),
}
LEG = {
    "knee nan": changed("joint_pos", K, to(NAN)),
    "knee velocity nan": changed("joint_vel", K, to(NAN)),
    "knee nan, both": nothing_of_the_knee,
    "knee velocity 900": changed("joint_vel", K, to(900.0)),
    "knee +0.3": changed("joint_pos", K, by(0.3)),
    "knee -0.6": changed("joint_pos", K, by(-0.6)),
    "knee +2 pi": changed("joint_pos", K, by(2 * np.pi)),
    "knee position negative": changed("joint_pos", K, np.negative),
    "knee negative": wrong_sign,
    "knee silent": silent(K),
    "knee frozen": frozen_in("joint_pos", "joint_vel", joints=K),
}
ARM = {
    "elbow nan": changed("joint_pos", E, to(NAN)),
    "elbow +2 pi": changed("joint_pos", E, by(2 * np.pi)),
    "elbow +0.8": changed("joint_pos", E, by(0.8)),
    "elbow silent": silent(E),
}
ONCE = STAMPS | IMU | LEG | ARM | {"read raises": raises, "read returns None": lambda state, now, memory: None}


def modes(sim, since):
    """Modes since tick `since`, each once."""
    return list(dict.fromkeys(report.verdict.mode for report in sim.reports[since:]))


def settled_after(sim, since):
    """Ticks from `since` to SETTLE."""
    return next(k for k, report in enumerate(sim.reports[since:]) if report.verdict.mode is Mode.SETTLE)


@pytest.mark.parametrize("moment", MOMENTS)
def test_one_bad_reading_of_any_kind_costs_nothing(moment):
    """Every 0.3 s another one."""
    with SimRun() as sim:
        assert sim.model.index(KNEE) == K and sim.model.index(ELBOW) == E
        tampered = Tampered(sim)
        MOMENTS[moment](sim, 0)
        since = sim.mark()
        for name, spoil in ONCE.items():
            tampered.begin(spoil, 1)
            sim.wait(0.3)
            assert modes(sim, since) == [Mode.RUN], name
        assert sim.falls == 0 and sim.broken_limits() == [] and not sim.arbiter.safety.fault and not sim.arbiter.bank.banned
        sim.wait(0.6)
        told = [event.text for report in sim.reports[since:] for event in report.events if event.kind == "reading"]
        assert len([text for text in told if "not believed" in text]) >= 5 and "believed again" in told[-1]


LASTING = [(name, "walking", 7 * k % 40) for k, name in enumerate(STAMPS | IMU | LEG) if name != "stamp -1 h"] + [
    ("knee nan, both", "gesturing", 0),
    ("gyro 1e6", "gesturing", 0),
    ("knee +0.3", "handing over", 0),
    ("quaternion zero", "handing over", 0),
]


@pytest.mark.parametrize(("name", "moment", "phase"), LASTING)
def test_what_another_sensor_still_tells_ends_in_a_stand(name, moment, phase):
    with SimRun() as sim:
        tampered = Tampered(sim)
        MOMENTS[moment](sim, phase)
        since = sim.mark()
        tampered.begin((STAMPS | IMU | LEG)[name])
        sim.wait(3.0)
        assert sim.falls == 0 and sim.arbiter.safety.mode is Mode.SETTLE and Mode.HOLD not in modes(sim, since)
        assert settled_after(sim, since) <= 12
        part = KNEE if name.startswith("knee") else "stamp" if name.startswith("stamp") else "IMU"
        assert part in sim.arbiter.safety.fault


@pytest.mark.parametrize("name", ["elbow nan", "elbow +2 pi"])
def test_an_arm_that_is_not_believed_holds_then_settles(name):
    with SimRun() as sim:
        tampered = Tampered(sim)
        walking(sim, 3)
        since = sim.mark()
        tampered.begin(ARM[name])
        sim.wait(3.0)
        assert sim.falls == 0 and sim.arbiter.safety.mode is Mode.SETTLE and ELBOW in sim.arbiter.safety.fault
        assert settled_after(sim, since) <= 12


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (imu_silent, "IMU reading is"),
        (frozen_in("base_quat", "base_ang_vel"), "the IMU reads the same again and again"),
        (frozen_in("joint_pos", "joint_vel"), "leg_"),
        (raises, "old, at most 0.06 s"),
    ],
)
def test_what_nothing_tells_is_named_before_the_robot_falls(spoil, named):
    """Without its IMU, or without its legs' encoders, it cannot stand: DAMP, told as what it is."""
    with SimRun() as sim:
        tampered = Tampered(sim)
        walking(sim, 0)
        since = sim.mark()
        tampered.begin(spoil)
        sim.until(lambda: sim.arbiter.safety.mode is Mode.DAMP, 0.4)
        assert sim.falls == 0 and named in sim.arbiter.safety.fault, modes(sim, since)


@pytest.mark.parametrize(
    ("seconds", "moment"), [(3600.0, "handing over"), (-3600.0, "handing over"), (-3600.0, "walking"), (0.5, "gesturing")]
)
def test_a_clock_that_jumps_costs_two_ticks_at_most(seconds, moment):
    with SimRun() as sim:
        MOMENTS[moment](sim, 0)
        since, item = sim.mark(), sim.arbiter.executor.active[0]
        clock_jumps(sim, seconds)
        sim.wait(3.0 if moment == "walking" else 8.0)
        assert sim.falls == 0 and not sim.arbiter.safety.fault and sim.broken_limits() == []
        assert [report.verdict.mode for report in sim.reports[since:]].count(Mode.HOLD) <= 2
        assert item.result in ("" if moment == "walking" else "succeeded", "ended")


@pytest.mark.parametrize("noise", ["true", "false"])
def test_good_readings_raise_no_doubt(noise):
    """Walks, turns, gestures, crouches, pushes; at rest without noise readings may repeat themselves."""
    with SimRun(seed=4, settings=[f"simulation.noise={noise}"]) as sim:
        for text in ("walk forward half a meter and wave your left hand", "take a bow", "turn left"):
            sim.say(text)
            sim.robot.push((0.0, 0.2, 0.0))
        sim.wait(2.0)
        doubts = [event.text for report in sim.reports for event in report.events if event.kind == "reading"]
        assert doubts == [] and sim.falls == 0


def test_nobody_alters_what_the_others_see():
    with SimRun() as sim:
        state = sim.reports[-1].state
        for array in (state.joint_pos, state.joint_vel, state.joint_age, state.base_quat, state.base_ang_vel):
            with pytest.raises(ValueError, match="WRITEABLE"):
                array.setflags(write=True)
        reading = sim.reports[-1].reading
        assert not np.shares_memory(state.joint_pos, reading.joint_pos) and np.array_equal(state.joint_pos, reading.joint_pos)
