"""The driver on the rig, in lockstep: start, drive, stop, and every fault to its reaction, counted in command cycles."""

from tests.needs import needs

pytestmark = needs("robot", "can")

from dataclasses import replace

import numpy as np
import pytest

import deploy.rig
from arbiter.errors import RobotError
from arbiter.safety.command import issue
from arbiter.types import Mode, SafeCommand
from deploy.drivers.can.calibration import Calibration
from deploy.drivers.can.hardware_file import load_hardware
from deploy.drivers.can.motor_protocol import MotorMode, MotorParameter
from deploy.rig.fault_injection import parse_fault

KNEE, ELBOW = "leg_left_knee_pitch_joint", "arm_left_elbow_pitch_joint"
PERIOD = 0.004
HARDWARE = load_hardware()
JOINTS = [motor.joint for motor in HARDWARE.motors]


def command(model, mode=Mode.RUN, q=None, kp=None, kd=None) -> SafeCommand:
    block = np.array([model.default if q is None else q, model.kp if kp is None else kp, model.kd if kd is None else kd])
    return issue(0.0, block, mode)


def rig(*faults, **options):
    robot = deploy.rig.start(faults=faults, body="joints", **options)
    robot.connect()
    return robot


def drive(robot, cycles, mode=Mode.RUN, **what):
    """Command cycles one by one, with a fresh command every fifth, as the tick does."""
    for k in range(cycles):
        if k % 5 == 0:
            robot.write(command(robot.model, mode, **what))
        robot.step(PERIOD)


def modes(robot):
    return {motor.mode for motor in robot.rig.motors}


def healthy(robot, fault_bus):
    """The motors that the driver can still reach."""
    wiring = robot.hardware.motor_of(robot.model)
    return [m for m, at in zip(robot.rig.motors, wiring, strict=True) if at.bus != fault_bus and not m.disturbance.silent]


def test_start_writes_every_limit_and_leaves_the_motors_damped():
    robot = rig()
    assert modes(robot) == {MotorMode.DAMPING}
    for i, motor in enumerate(robot.rig.motors):
        values, model, direction = motor.values, robot.model, robot.calibration.direction[i]
        ends = sorted(((model.lower[i] - 0.05) * direction, (model.upper[i] + 0.05) * direction))
        assert values[MotorParameter.TORQUE_LIMIT] == model.effort[i]
        assert values[MotorParameter.POSITION_KP] == model.kp[i] and values[MotorParameter.VELOCITY_KP] == model.kd[i]
        assert values[MotorParameter.WATCHDOG_TIMEOUT] == 100 and values[MotorParameter.VELOCITY_LIMIT] == 20.0
        np.testing.assert_allclose(
            (values[MotorParameter.POSITION_LIMIT_LOWER], values[MotorParameter.POSITION_LIMIT_UPPER]), ends, rtol=1e-6
        )
    state = robot.read(0.0)
    assert state.faults == () and np.isfinite(state.joint_age).all() and state.joint_age.max() <= 2 * PERIOD
    robot.close()


def test_passive_until_a_command_runs_and_off_when_told():
    robot = rig()
    drive(robot, 20, Mode.PASSIVE)
    assert modes(robot) == {MotorMode.DAMPING}
    for mode, expected in (
        (Mode.RUN, MotorMode.POSITION),
        (Mode.HOLD, MotorMode.POSITION),
        (Mode.SETTLE, MotorMode.POSITION),
        (Mode.DAMP, MotorMode.DAMPING),
        (Mode.OFF, MotorMode.IDLE),
    ):
        drive(robot, 10, mode)
        assert modes(robot) == {expected}, mode
    assert robot.read(0.0).faults == ()
    robot.close()


def test_joints_follow_in_joint_coordinates_whatever_the_offsets():
    robot = deploy.rig.start(body="joints")
    offset = np.linspace(-0.3, 0.3, robot.model.n)
    robot.rig.calibration = robot.calibration = Calibration(offset, robot.calibration.direction)
    robot.rig.advance(0.0)
    robot.connect()
    goal = 0.5 * (robot.model.lower + robot.model.upper)
    drive(robot, 500, q=goal)
    np.testing.assert_allclose(robot.read(0.0).joint_pos, goal, atol=0.01)
    np.testing.assert_allclose([m.position for m in robot.rig.motors], (goal + offset) * robot.calibration.direction, atol=0.01)
    robot.close()


def test_gains_that_change_reach_every_motor_within_a_tick_and_a_half():
    robot = rig()
    drive(robot, 20)
    kp, kd = robot.model.kp * 0.5, robot.model.kd * 1.5
    drive(robot, 8, kp=kp, kd=kd)
    assert [m.values[MotorParameter.POSITION_KP] for m in robot.rig.motors] == list(kp)
    assert [m.values[MotorParameter.VELOCITY_KP] for m in robot.rig.motors] == list(kd)
    robot.close()


def test_a_gain_that_got_lost_is_written_again():
    robot = rig()
    drive(robot, 60)
    robot.rig.motors[13].values[MotorParameter.POSITION_KP] = 1.0  # as if the write had been lost
    drive(robot, 120)
    assert robot.rig.motors[13].values[MotorParameter.POSITION_KP] == robot.model.kp[13]
    assert robot.read(0.0).faults == ()
    robot.close()


def test_velocity_feedforward_is_the_commands_own_rate():
    hardware = load_hardware()
    hardware = replace(hardware, limits=replace(hardware.limits, velocity_feedforward=0.5))
    robot = rig(hardware=hardware)
    q = robot.model.default.copy()
    for _ in range(5):
        q[3] += 0.02
        robot.write(command(robot.model, q=q))
        robot.step(robot.model.dt)
    assert robot.rig.motors[3].velocity_target == pytest.approx(-0.5, rel=1e-5)  # 0.5 * 0.02 rad / 20 ms, turned
    assert robot.rig.motors[0].velocity_target == 0.0
    robot.close()


def test_only_commands_of_the_safety_layer_are_taken():
    robot = rig()
    model = robot.model
    with pytest.raises(RobotError, match="did not come from the safety layer"):
        robot.write(SafeCommand(0.0, model.default, model.kp, model.kd, Mode.RUN))
    robot.close()


def test_read_and_write_before_connect_name_the_way_out():
    robot = deploy.rig.start(body="joints")
    for call in (lambda: robot.read(0.0), lambda: robot.write(command(robot.model))):
        with pytest.raises(RobotError, match="call connect\\(\\) first"):
            call()


def test_close_damps_then_lets_go_and_may_be_called_twice():
    robot = rig()
    drive(robot, 50)
    motors = robot.rig.motors
    robot.close()
    robot.close()
    assert {motor.mode for motor in motors} == {MotorMode.IDLE}


# A send fails in the cycle after the fault began, so refused sends have three cycles, one of which is not the driver's.
# fault at 0.4 s -> (words in RobotState.faults, cycles until seen, whether the driver damps by itself)
FAULTS = {
    "can2:bus_off": ("can2: bus off", 2, True),
    "can0:bus_off": ("can0: bus off", 2, False),
    "can2:enobufs": ("can2: transmit queue full", 3, False),
    "can2:unplug": ("can2: adapter gone", 3, True),
    "can1:unplug": ("can1: adapter gone", 3, False),
    "can3:error_passive": ("can3: error passive", 2, False),
    f"{KNEE}:duplicate_id": (f"can2/{KNEE}: two motors answer as one", 2, True),
    f"{KNEE}:wrong_id=9": ("can2: id 9: unknown id answers", 2, True),
    f"{KNEE}:nan": (f"can2/{KNEE}: sends what is not a number", 2, True),
    f"{KNEE}:error=over current": (f"can2/{KNEE}: over current", 2, True),
    f"{KNEE}:error=over temperature": (f"can2/{KNEE}: over temperature", 2, False),
    f"{ELBOW}:error=powerstage": (f"can0/{ELBOW}: powerstage", 2, False),
    f"{ELBOW}:error=estop": (f"can0/{ELBOW}: estop", 2, True),
    f"{KNEE}:silent": (f"can2/{KNEE}: does not answer", 5 + 2, False),
    f"{ELBOW}:silent": (f"can0/{ELBOW}: does not answer", 5 + 2, False),
    "can3:drop=1": ("can3/leg_right_hip_roll_joint: does not answer", 5 + 2, False),
    f"{KNEE}:voltage=19": (f"can2/{KNEE}: low voltage (19.0 V)", 24 + 2, False),
    f"{KNEE}:voltage=28": (f"can2/{KNEE}: high voltage (28.0 V)", 24 + 2, False),
    f"{KNEE}:mode=2": (f"can2/{KNEE}: left position mode", 40 + 2, True),
    "imu:unplug": ("imu: imu unplugged", 2, True),
    "imu:frozen": ("imu: imu frozen", 63 + 2, True),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_named_and_answered_in_time(fault):
    """Two cycles from the moment that the bus or the read-back can tell; then every reachable motor is damped."""
    words, cycles, damps = FAULTS[fault]
    robot = rig(f"{fault}@0.4s")
    drive(robot, 100)
    assert modes(robot) == {MotorMode.POSITION} and robot.read(0.0).faults == ()
    drive(robot, cycles)
    assert words in robot.read(0.0).faults
    assert bool(robot.damped_by) == damps
    drive(robot, 1)
    reached = healthy(robot, fault.split(":")[0])
    if damps:
        assert {motor.mode for motor in reached} == {MotorMode.DAMPING}
    else:
        assert MotorMode.POSITION in {motor.mode for motor in reached}
    robot.close()


def test_a_silent_imu_is_told_and_its_reading_ages():
    robot = rig("imu:silent@0.4s")
    drive(robot, 100 + 15)
    assert robot.warnings == ("imu: imu silent",) and robot.read(0.0).faults == () and not robot.damped_by
    assert 0.05 < robot.read(0.0).imu_age < 0.07
    robot.close()


@pytest.mark.parametrize("phase", range(0, 24, 5))
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("voltage=19", "low voltage (19.0 V)"),
        ("error=over temperature", "over temperature"),
        ("error=encoder fault", "encoder fault"),
    ],
)
def test_what_the_motors_do_not_tell_is_known_within_two_cycles_whenever_it_begins(fault, words, phase):
    """Firmware 0x20250226 reports nothing by itself. The supply is one: any motor's voltage tells it."""
    begin = 0.4 + phase * PERIOD
    joints = JOINTS if fault.startswith("voltage") else (KNEE,)
    robot = rig(*(f"{joint}:{fault}@{begin}s" for joint in joints))
    drive(robot, 100 + phase)
    assert robot.read(0.0).faults == ()
    robot.step(2 * PERIOD)
    assert any(line.endswith(words) for line in robot.read(0.0).faults)
    robot.close()


def test_a_motor_that_tells_of_its_error_is_heard():
    robot = rig(f"{KNEE}:error=over current@0.4s", hardware=replace(HARDWARE, limits=replace(HARDWARE.limits, error_reads=1)))
    for motor in robot.rig.motors:
        motor.reports = True
    drive(robot, 102)
    assert f"can2/{KNEE}: over current" in robot.read(0.0).faults and robot.damped_by
    robot.close()


@pytest.mark.parametrize("latency", [0.003, 0.009])
def test_slow_answers_starve_no_read_back(latency):
    robot = rig(latency=latency)
    drive(robot, 400)
    assert not np.isnan([motor.voltage for motor in robot.cycle.motors]).any() and not np.isnan(robot.torque).any()
    assert robot.read(0.0).faults == () and robot.cycle.buses[2].loss < 0.01
    robot.close()


def test_a_damped_robot_never_arms_itself_again():
    robot = rig(f"{KNEE}:nan@0.4s+0.1s")
    drive(robot, 300)
    assert robot.damped_by == f"can2/{KNEE}: sends what is not a number" and robot.damped_by in robot.read(0.0).faults
    assert modes(robot) == {MotorMode.DAMPING}  # the motor sends numbers again, and RUN is still asked for
    robot.clear_faults()
    robot.step(0.2)
    assert modes(robot) == {MotorMode.DAMPING} and robot.read(0.0).faults == ()  # nor does the reset arm it
    drive(robot, 20)
    assert modes(robot) == {MotorMode.POSITION}
    robot.close()


def test_a_tick_that_stops_is_not_repeated_for_ever():
    robot = rig()
    drive(robot, 50)
    robot.step(0.2)  # no write
    assert robot.damped_by.startswith("tick: command too old") and modes(robot) == {MotorMode.DAMPING}
    robot.close()


def test_what_the_supervisor_did_is_learnt():
    robot = rig()
    drive(robot, 50)
    robot._supervisor = lambda now: "supervisor gone"
    drive(robot, 2)
    assert robot.read(0.0).faults == ("supervisor: supervisor gone",) and modes(robot) == {MotorMode.POSITION}
    robot._supervisor = lambda now: "supervisor damped"
    drive(robot, 2)
    assert "supervisor: supervisor damped" in robot.read(0.0).faults and modes(robot) == {MotorMode.DAMPING}
    robot.close()


def test_another_host_on_the_bus_is_a_fault():
    robot = rig()
    drive(robot, 50)
    robot.rig.nodes["can1"].bus.send(robot.ports["can1"].message(0x302, bytes(8)))
    drive(robot, 2)
    assert "can1: another host commands this bus" in robot.read(0.0).faults and modes(robot) == {MotorMode.DAMPING}
    robot.close()


def test_a_few_lost_frames_do_not_stop_the_robot():
    robot = rig("can2:drop=0.01@0.1s")
    drive(robot, 600)
    assert robot.read(0.0).faults == () and modes(robot) == {MotorMode.POSITION}
    robot.close()


def test_lossy_and_noisy_buses_are_reported():
    robot = rig("can1:drop=0.1@0.1s", "can3:error_frame@0.1s")
    drive(robot, 600)
    faults = robot.read(0.0).faults
    assert any(line.startswith("can1: replies lost (") for line in faults)
    assert "can3: many error frames" in faults and "can3: error frame" in robot.warnings
    assert [bus.port.count.error_frames > 0 for bus in robot.cycle.buses] == [False, False, False, True]
    robot.close()


def test_a_battery_that_runs_low_is_a_warning_first():
    robot = rig(*(f"{joint}:voltage=20.5@0.1s" for joint in JOINTS))
    drive(robot, 200)
    state = robot.read(0.0)
    assert state.faults == () and any("battery runs low (20.5 V)" in line for line in robot.warnings)
    assert state.battery == pytest.approx((20.5 / 6 - 3.3) / 0.9, abs=1e-3)
    robot.close()


@pytest.mark.parametrize(
    "fault, words",
    [
        (f"{KNEE}:silent", "can2: motor 7 does not answer when asked for ERROR; check power"),
        (f"{KNEE}:deaf", "can2: motor 7 keeps POSITION_KP at"),
        ("imu:silent", "imu: no reading from"),
    ],
)
def test_start_refuses_a_robot_that_is_not_whole(fault, words):
    robot = deploy.rig.start(body="joints")
    robot.rig.set_fault(parse_fault(fault, tuple(robot.rig.nodes), robot.model.joints), True)
    with pytest.raises(RobotError, match=words):
        robot.connect()
    assert MotorMode.POSITION not in modes(robot)


def test_bus_load_is_what_the_frames_take():
    """Legs: 12 PDO 2 of about 128 bits, 14 frames of read-backs of about 83 and a heartbeat, out of 4000 bits a cycle."""
    robot = rig()
    drive(robot, 400)
    loads = [bus.load for bus in robot.cycle.buses]
    assert 0.5 < loads[0] < loads[2] < 0.75
    robot.close()


def test_two_runs_are_equal_bit_for_bit():
    def run():
        robot = rig("can1:drop=0.05@0.1s", noise=0.001, seed=5)
        drive(robot, 150)
        state = robot.read(0.0)
        robot.close()
        return state

    a, b = run(), run()
    np.testing.assert_array_equal(a.joint_pos, b.joint_pos)
    np.testing.assert_array_equal(a.joint_age, b.joint_age)


def test_over_python_cans_virtual_bus():
    hardware = load_hardware()
    hardware = replace(hardware, buses=tuple(replace(bus, interface="virtual") for bus in hardware.buses))
    robot = rig(hardware=hardware)
    drive(robot, 60, q=robot.model.default + 0.1)
    assert modes(robot) == {MotorMode.POSITION} and robot.read(0.0).faults == ()
    robot.close()
