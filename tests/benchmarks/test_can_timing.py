"""Benchmarks of the drivers on the rig. Times are recorded, never asserted; cycles are."""

from tests.needs import needs

pytestmark = needs("robot", "can")

import numpy as np
import pytest

import deploy.rig
from deploy.drivers.can import motor_protocol
from deploy.host.lateness import lateness
from deploy.rig.measure import FAULTS, PostureLoop, cycle_times, cycles_to_damping
from deploy.rig.simulated_motor import SimulatedMotor

# Silence is left to the safety layer, which waits; a mode read-back or equal readings take their time; all else is known at once.
SLOW = {
    "can2:enobufs": 40,
    "can2:drop=1": 40,
    "leg_left_knee_pitch_joint:silent": 40,
    "leg_left_knee_pitch_joint:mode=2": 40,
    "imu:silent": 50,
    "imu:frozen": 70,
}


def test_command_cycle_of_all_joints(benchmark):
    times = benchmark.pedantic(cycle_times, args=(100,), rounds=1, iterations=1)
    benchmark.extra_info["median_ms"] = 1000 * float(np.median(times))
    benchmark.extra_info["p99_ms"] = 1000 * float(np.percentile(times, 99))
    assert times.shape == (100,) and (times > 0).all()


def test_jitter_at_250_hz(benchmark):
    worst, realtime = benchmark.pedantic(lateness, args=(125,), rounds=1, iterations=1)
    benchmark.extra_info.update(worst_ms=1000 * worst, realtime=realtime)


@pytest.mark.parametrize("fault", FAULTS)
def test_cycles_from_fault_to_damping(benchmark, fault):
    cycles = benchmark.pedantic(cycles_to_damping, args=(fault,), rounds=1, iterations=1)
    benchmark.extra_info["cycles"] = cycles
    assert cycles <= SLOW.get(fault, 3)


def test_encoding_and_decoding_one_answer(benchmark):
    motor = SimulatedMotor(7)
    frame = motor_protocol.targets(7, 0.1, 0.0)

    def exchange():
        motor.handle(frame, 0.0)
        return motor_protocol.unpack_pair(motor.take_frames()[0].data)

    assert benchmark(exchange) == (0.0, 0.0)


def test_a_tick_of_the_bench_in_lockstep(benchmark):
    robot = deploy.rig.start(body="joints")
    robot.connect()
    driver = PostureLoop(robot)
    benchmark(driver.run, 5)
    assert robot.read(0.0).faults == ()
    robot.close()
