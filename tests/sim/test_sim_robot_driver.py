"""The simulated robot behind the driver protocol: motors, harness, faults on demand, repeatability."""

import mujoco
import numpy as np
import pytest

from arbiter.errors import ConfigError, RobotError
from arbiter.types import Mode, SafeCommand
from deploy.drivers.simulated.simulated_robot import Noise, Scene, SimulatedRobot
from deploy.robots.description import load_model
from tests.safety_rig import issued

MODEL = load_model()
KNEE = MODEL.index("leg_left_knee_pitch_joint")
SHOULDER = MODEL.index("arm_left_shoulder_pitch_joint")


def make(**options) -> SimulatedRobot:
    robot = SimulatedRobot(MODEL, **options)
    robot.connect()
    return robot


def command(robot, q=None, mode=Mode.RUN, kp=None) -> SafeCommand:
    return issued(robot.time, MODEL.default if q is None else q, MODEL.kp if kp is None else kp, MODEL.kd, mode)


def drive(robot, seconds: float, q=None, mode=Mode.RUN) -> None:
    """Writes at 50 Hz."""
    for _ in range(round(seconds * 50)):
        robot.write(command(robot, q, mode))
        robot.step(0.02)


def test_passive_robot_hangs_upright():
    robot = make()
    for _ in range(3):
        robot.step(1.0)
        state = robot.read(robot.time)
        assert state.tilt < 0.05 and robot.supported == 1.0 and state.faults == ()
    assert robot.truth.foot_contact == (False, False)


def test_release_puts_the_feet_down_and_lets_go():
    robot = make()
    drive(robot, 0.5)
    robot.release(1.0)
    seen = []
    for _ in range(60):
        drive(robot, 0.02)
        seen.append(robot.supported)
    assert seen == sorted(seen, reverse=True) and 0.0 < seen[20] < 1.0 and seen[-1] == 0.0
    truth = robot.truth
    assert truth.foot_contact == (True, True) and truth.torso_height > 0.55
    assert truth.foot_force.sum() == pytest.approx(16.331 * 9.81, rel=0.25)
    robot.release(1.0)
    assert robot.supported == 0.0


def test_a_free_passive_robot_falls_and_the_harness_picks_it_up():
    robot = make(hanging=False)
    robot.push((0.6, 0.0, 0.0))
    robot.step(2.5)
    assert robot.read(robot.time).tilt > MODEL.fall_tilt
    robot.hang(1.5)
    robot.step(4.0)
    assert robot.read(robot.time).tilt < 0.1 and robot.truth.foot_contact == (False, False) and robot.supported == 1.0
    drive(robot, 1.0)
    robot.release(1.0)
    drive(robot, 1.0)
    assert robot.truth.torso_height > 0.55


def test_torque_is_clamped_and_follows_kp_and_kd():
    robot = make(physics_dt=0.001, motor_hz=1000.0)
    q = MODEL.default.copy()
    q[SHOULDER] -= 1.5  # kp 10: asks 15 N·m of a 4 N·m motor
    q[KNEE] += 0.1  # kp 20: 2 N·m
    robot.write(command(robot, q))
    robot.step(0.001)
    torque = robot.truth.joint_torque
    assert torque[SHOULDER] == -4.0 and torque[KNEE] == pytest.approx(2.0)
    drive(robot, 1.0, q)
    truth = robot.truth
    assert np.all(np.abs(truth.joint_torque) <= MODEL.effort)
    assert abs(truth.joint_pos[SHOULDER] - q[SHOULDER]) < 0.3


def test_damping_resists_and_off_does_not():
    def swing(mode: Mode) -> float:
        robot = make()
        robot.reset(joint_pos=np.where(np.arange(MODEL.n) == SHOULDER, -1.2, MODEL.default))
        robot.write(command(robot, mode=mode, kp=np.zeros(MODEL.n)))
        robot.step(0.4)
        return abs(robot.truth.joint_pos[SHOULDER] + 1.2)

    assert swing(Mode.OFF) > 3.0 * swing(Mode.DAMP) > 0.0


def test_watchdog_damps_latches_and_is_cleared_by_hand():
    robot = make(watchdog=0.1)
    robot.step(1.0)
    assert robot.read(robot.time).faults == (), "nothing was driving: nothing to time out"
    robot.write(command(robot))
    robot.step(0.09)
    assert robot.read(robot.time).faults == ()
    robot.step(0.03)
    assert robot.read(robot.time).faults == ("watchdog",)
    q = MODEL.default.copy()
    q[KNEE] = 1.5
    drive(robot, 0.5, q)
    assert robot.read(robot.time).faults == ("watchdog",) and robot.truth.joint_pos[KNEE] < 0.7, "it re-armed by itself"
    robot.clear_faults()
    drive(robot, 1.0, q)
    assert robot.read(robot.time).faults == () and robot.truth.joint_pos[KNEE] > 1.0


@pytest.mark.parametrize("bad", ["q", "kp", "kd"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_command_that_is_not_finite_is_refused(bad, value):
    robot = make()
    good = command(robot)
    poisoned = getattr(good, bad).copy()
    poisoned[3] = value
    with pytest.raises(RobotError, match=rf"{bad} of the command is {value} for {MODEL.joints[3]}; a finite number"):
        robot.write(issued(**{name: getattr(good, name) for name in ("stamp", "q", "kp", "kd", "mode")} | {bad: poisoned}))


def test_a_command_of_the_wrong_shape_is_refused():
    robot = make()
    with pytest.raises(RobotError, match=r"q of the command has the shape \(21,\); \(22,\) is expected"):
        robot.write(issued(0.0, np.zeros(21), np.zeros(21), np.zeros(21)))


def test_only_a_safe_command_is_taken():
    robot = make()
    for forged in (MODEL.default, SafeCommand(0.0, MODEL.default, MODEL.kp, MODEL.kd, Mode.RUN)):
        with pytest.raises(RobotError, match=f"{type(forged).__name__} did not come from the safety layer; only arbiter.safety"):
            robot.write(forged)


def test_nothing_before_connect():
    robot = SimulatedRobot(MODEL)
    with pytest.raises(RobotError, match=r"read before connect\(\); call connect\(\) first"):
        robot.read(0.0)
    robot.connect()
    robot.close()
    robot.close()
    with pytest.raises(RobotError, match="written to before connect"):
        robot.write(command(robot))


@pytest.mark.parametrize("options", [{"motor_hz": 200.0}, {"motor_hz": 300.0}, {"physics_dt": 0.005}])
def test_motors_slower_than_real_ones_are_refused(options):
    with pytest.raises(RobotError, match="at least 250 Hz and a whole number of physics steps are needed"):
        SimulatedRobot(MODEL, **options)


def test_silent_and_garbled_joints():
    robot = make()
    robot.failures.silent.add(MODEL.joints[KNEE])
    robot.failures.garbled.add(MODEL.joints[SHOULDER])
    robot.step(0.1)
    state = robot.read(5.0)
    assert state.stamp == 5.0
    assert state.joint_age[KNEE] == pytest.approx(0.1) and np.delete(state.joint_age, KNEE).max() == 0.0
    assert np.isnan(state.joint_pos[SHOULDER]) and np.isfinite(np.delete(state.joint_pos, SHOULDER)).all()
    assert state.joint_pos[KNEE] == MODEL.default[KNEE] != robot.truth.joint_pos[KNEE]
    robot.failures.clear()
    state = robot.read(5.1)
    assert state.joint_age.max() == 0.0 and np.isfinite(state.joint_pos).all()


def test_dead_imu_battery_and_reported_faults():
    robot = make()
    robot.failures.imu = "silent"
    robot.battery = 0.15
    robot.failures.reported.append("can1: bus off")
    robot.step(0.2)
    state = robot.read(0.2)
    assert state.imu_age == pytest.approx(0.2) and state.battery == 0.15 and state.faults == ("can1: bus off",)
    robot.failures.imu = "garbled"
    state = robot.read(0.2)
    for values in (state.base_quat, state.base_ang_vel, state.acceleration, state.mean_ang_vel):
        assert np.isnan(values).all()


def spun(robot, seconds: float) -> tuple[np.ndarray, float]:
    """A free robot falls over: its mean angular velocities [rad/s], and what they miss of its true rotation, rms a tick [rad]."""
    means, missed, before = [], [], robot.truth.base_quat
    for _ in range(round(seconds / MODEL.dt)):
        robot.step(MODEL.dt)
        means.append(robot.read(robot.time).mean_ang_vel)
        turned, ending = np.zeros(3), robot.truth.base_quat
        mujoco.mju_subQuat(turned, ending, before)
        missed.append(MODEL.dt * means[-1] - turned)
        before = ending
    return np.array(means), float(np.sqrt(np.mean(np.square(missed))))


def test_the_gyroscope_tells_how_it_turned_since_the_last_reading_with_the_noise_of_its_samples():
    ideal, missed = spun(make(hanging=False), 0.6)
    assert np.abs(ideal).max() > 1.0, "it falls"
    assert missed < 3e-4, "samples of 200 Hz"
    noisy, _ = spun(make(hanging=False, seed=1, noise=Noise(ang_vel=0.02)), 0.6)
    assert np.std(noisy - ideal) == pytest.approx(0.02 / 2.0, rel=0.2), "four samples a tick"
    biased, _ = spun(make(hanging=False, seed=1, noise=Noise(ang_vel_bias=0.1)), 0.6)
    assert np.ptp(biased - ideal, axis=0) == pytest.approx(0.0, abs=1e-9) and np.abs(biased - ideal).max() > 0.02


def test_a_limp_motor_makes_no_torque():
    robot = make()
    robot.failures.torqueless.add(MODEL.joints[KNEE])
    q = MODEL.default.copy()
    q[KNEE] = 1.5
    drive(robot, 0.2, q)
    assert robot.truth.joint_torque[KNEE] == 0.0 and np.abs(robot.truth.joint_torque).max() > 0.0


def history(seed: int, noise: Noise) -> np.ndarray:
    robot = make(seed=seed, noise=noise)
    rows = []
    for count in range(60):
        if count == 10:
            robot.release(0.4)
        if count == 40:
            robot.push((0.3, 0.1, 0.0))
        state = robot.read(robot.time)
        rows.append(np.concatenate((state.joint_pos, state.joint_vel, state.base_quat, robot.truth.base_pos)))
        robot.write(command(robot, state.joint_pos + 0.1 * (MODEL.default - state.joint_pos)))
        robot.step(0.02)
    return np.array(rows)


def test_repeatable_bit_for_bit():
    noise = Noise(joint_pos=0.002, joint_vel=0.05, orientation=0.004, ang_vel=0.02)
    first = history(7, noise)
    assert history(7, noise).tobytes() == first.tobytes()
    assert history(8, noise).tobytes() != first.tobytes()


def test_reset_is_as_new():
    robot = make(noise=Noise(joint_pos=0.01), seed=3)
    fresh = robot.read(0.0)
    drive(robot, 0.3)
    robot.failures.silent.add(MODEL.joints[0])
    robot.reset()
    again = robot.read(0.0)
    assert again.joint_pos.tobytes() == fresh.joint_pos.tobytes() and robot.time == 0.0 and robot.supported == 1.0


def test_odd_steps_add_up():
    robot = make()
    for _ in range(300):
        robot.step(0.0033)
    assert robot.time == pytest.approx(0.99)


def test_balls_move_and_touch_nothing():
    robot = make()
    robot.set_balls({"red": (0.0, 0.0, 0.7)})  # inside the torso
    robot.step(0.5)
    assert robot.truth.balls["red"].tolist() == [0.0, 0.0, 0.7] and robot.read(0.5).tilt < 0.05
    with pytest.raises(ConfigError, match="no ball of colour 'black'; there are: red, green, blue"):
        robot.set_balls({"black": (0, 0, 0)})
    assert make(scene=Scene(balls={})).truth.balls == {}


def test_states_are_read_only():
    state = make().read(0.0)
    with pytest.raises(ValueError, match="read-only"):
        state.joint_pos[0] = 1.0
