"""The calibration command on the rig: joints moved through their ranges by hand give back the true offsets."""

from tests.needs import needs

pytestmark = needs("robot", "can")

import json
from dataclasses import replace

import numpy as np
import pytest

import deploy.rig
from arbiter.errors import ConfigError, RobotError
from deploy.calibrate import Calibrator, Sweep, calibrate, main, offsets
from deploy.drivers.can.calibration import Calibration, load_calibration, save_calibration, save_creep
from deploy.drivers.can.can_robot import open_robot
from deploy.drivers.can.hardware_file import load_hardware
from deploy.replay import load_trace
from deploy.rig.fault_injection import parse_fault
from deploy.robots.description import description_dir, load_model
from deploy.run import main as run

ENDS = ("lower", "upper")


def rig_with(offset):
    robot = deploy.rig.start(body="joints")
    robot.rig.calibration = Calibration(offset, robot.calibration.direction)
    return robot


def by_hand(robot, share=1.0):
    """Someone moves the joints: to the lower ends, then to the upper ones; then he is done."""
    left = list(ENDS)

    def done():
        if not left:
            return True
        end = getattr(robot.model, left.pop(0))
        middle = 0.5 * (robot.model.lower + robot.model.upper)
        robot.rig.body._q[:] = middle + share * (end - middle)
        robot.rig._feel()
        return False

    return done


def calibrator_of(robot):
    return Calibrator(robot.model, robot.hardware, robot.open_bus, robot.wait)


def test_offsets_come_back(tmp_path):
    true = np.random.default_rng(1).uniform(-1.0, 1.0, 22)
    robot, path = rig_with(true), tmp_path / "calibration.yaml"
    calibrator = calibrator_of(robot)
    robot.rig.body._q[:] = 0.5 * (robot.model.lower + robot.model.upper)
    robot.rig._feel()
    calibrate(calibrator, path, by_hand(robot), "2025-05-01")
    loaded = load_calibration(path, robot.model, robot.calibration.direction)
    np.testing.assert_allclose(loaded.offset, true, atol=1e-5)
    np.testing.assert_allclose(loaded.to_joint(loaded.to_motor(robot.model.default)), robot.model.default)
    assert all(motor.mode == 1 for motor in robot.rig.motors)
    calibrator.close()


def test_the_rigs_own_hand_moves_every_joint_far_enough(tmp_path):
    true = np.random.default_rng(2).uniform(-1.0, 1.0, 22)
    robot, path = rig_with(true), tmp_path / "calibration.yaml"
    calibrator = calibrator_of(robot)
    robot.rig.sweep()
    end = robot.rig.time + 6.5
    calibrate(calibrator, path, lambda: robot.rig.time > end, "today")
    np.testing.assert_allclose(load_calibration(path, robot.model, robot.calibration.direction).offset, true, atol=0.02)
    calibrator.close()


def test_joints_that_were_not_moved_through_are_named_and_nothing_is_written(tmp_path):
    robot, path = rig_with(np.zeros(22)), tmp_path / "calibration.yaml"
    with pytest.raises(RobotError, match="nothing written:\n.*arm_left_shoulder_pitch_joint: moved .* push it to both ends"):
        calibrate(calibrator_of(robot), path, by_hand(robot, share=0.5), "today")
    assert not path.exists()


def test_a_joint_that_moved_too_far_is_another_motor():
    model = deploy.rig.start(body="joints").model
    _, wrong = offsets(Sweep(model.lower - 0.5, model.upper + 0.5), model)
    assert len(wrong) == 22 and "is it the right motor?" in wrong[0]
    found, wrong = offsets(Sweep(model.lower + 0.2, model.upper + 0.2), model)
    assert not wrong
    np.testing.assert_allclose(found, 0.2)


def test_a_motor_that_does_not_answer_is_named():
    robot = rig_with(np.zeros(22))
    robot.rig.set_fault(parse_fault("leg_left_knee_pitch_joint:silent", tuple(robot.rig.nodes), robot.model.joints), True)
    with pytest.raises(RobotError, match="can2: motor 7 does not answer"):
        calibrator_of(robot).read()


def test_the_command_names_what_is_missing(capsys, tmp_path):
    assert main(["--hardware", str(tmp_path / "none.yaml")]) == 1
    assert "none.yaml is missing" in capsys.readouterr().err
    assert main([]) == 1
    assert "ip link set can0 up" in capsys.readouterr().err


def test_joints_that_are_measured_again_keep_the_creep_of_the_file(tmp_path):
    robot, path = rig_with(np.zeros(22)), tmp_path / "calibration.yaml"
    save_calibration(path, robot.model, np.zeros(22), "2025-01-01", 0.004)
    calibrator = calibrator_of(robot)
    calibrate(calibrator, path, by_hand(robot), "2025-05-01")
    assert load_calibration(path, robot.model, robot.calibration.direction).creep == 0.004
    path.write_text("robot: [")
    with pytest.raises(ConfigError, match="calibration.yaml"):
        calibrate(calibrator, path, lambda: pytest.fail("joints are moved for a file that cannot be read"), "2025-05-01")
    calibrator.close()


@pytest.fixture(scope="module")
def walks(tmp_path_factory):
    """Four logs, each of a walk that ends sooner than the last, of a simulated robot; where a creep of 0.005 s says they end."""
    folder = tmp_path_factory.mktemp("walks")
    settings = ["--set", "simulation.creep=0.005", "--fast", "--log", str(folder), "--say", "sidestep left 60 cm"]
    assert run([*settings, "--viewer", "none", "--for", "9"]) == 0
    header, ticks = load_trace(folder)
    found = []
    for count in (len(ticks), 420, 390, 360):
        log = folder / f"{count}.jsonl"
        log.write_text("\n".join(map(json.dumps, [header, *ticks[:count]])) + "\n")
        found.append((log, ticks[count - 1]["estimate"]["position"][0]))
    return found


def test_the_real_robots_estimate_has_the_creep_of_its_file(tmp_path):
    path = tmp_path / "calibration.yaml"
    save_calibration(path, load_model(), np.zeros(22), "2025-05-01", 0.004)
    robot = open_robot(hardware=replace(load_hardware(), calibration=str(path), imu=None))
    assert robot.model.creep == 0.004


def driven_by(walks, folder, robot):
    """The same logs of a run of another `--robot`; as options."""
    options = []
    for log, tape in walks:
        first, _, rest = log.read_text().partition("\n")
        copy = folder / log.name
        copy.write_text(json.dumps(json.loads(first) | {"robot": robot}) + "\n" + rest)
        options += ["--walk", str(copy), f"{tape:.5f}"]
    return options


@pytest.fixture
def hardware(tmp_path):
    """Of a robot whose calibration file is in `tmp_path`."""
    model, file = load_model(), tmp_path / "hardware.yaml"
    own = (description_dir(model.name) / "hardware.yaml").read_text()
    file.write_text(own.replace(load_hardware().calibration, str(tmp_path / "calibration.yaml")))
    return file


def test_the_floor_is_calibrated_and_everything_else_in_the_file_stays(walks, hardware, tmp_path, capsys):
    path, options = tmp_path / "calibration.yaml", driven_by(walks, tmp_path, "berkeley_humanoid_lite")
    command = ["floor", "--hardware", str(hardware), *options]
    assert main(command) == 1
    assert "calibration.yaml: no calibration" in capsys.readouterr().err
    kept = tmp_path / "kept.yaml"
    save_calibration(kept, load_model(), np.linspace(-0.2, 0.2, 22), "2025-05-01")
    before = [line for line in kept.read_text().splitlines() if not line.startswith("creep")] + ["# left hip: bent in May"]
    kept.write_text("\n".join(before))
    kept.chmod(0o640)
    path.symlink_to(kept)
    for _ in range(2):  # without the key, then with it
        assert main(command) == 0
        assert f"written: {path}" in capsys.readouterr().out
        after = kept.read_text().splitlines()
        assert [line for line in after if not line.startswith("creep")] == before and len(after) == len(before) + 1
        assert load_calibration(path, load_model(), np.ones(22)).creep == pytest.approx(0.005, abs=1e-4)
    assert path.is_symlink() and kept.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("robot", ["simulated", "rig", "of_a_plug_in"])
def test_walks_of_another_body_are_not_written(robot, walks, hardware, tmp_path, capsys):
    path = tmp_path / "calibration.yaml"
    save_calibration(path, load_model(), np.zeros(22), "2025-05-01")
    before = path.read_text()
    options = driven_by(walks, tmp_path, robot)
    assert main(["floor", "--hardware", str(hardware), *options]) == 0
    assert f"nothing written: the walks are of {robot}; " in capsys.readouterr().out and path.read_text() == before


def test_too_few_walks_the_same_twice_or_of_two_floors_write_nothing(walks, hardware, tmp_path, capsys):
    path, command = tmp_path / "calibration.yaml", ["floor", "--hardware", str(hardware)]
    save_calibration(path, load_model(), np.zeros(22), "2025-05-01")
    before, real = path.read_text(), driven_by(walks, tmp_path, "berkeley_humanoid_lite")
    assert main([*command, *real[:3]]) == 0
    assert "standard deviation unknown, of 1 walk: " in (told := capsys.readouterr().out) and "nothing written: 4 walks" in told
    assert main([*command, *real, *real[:3]]) == 1
    assert "the same run as --walk" in capsys.readouterr().err
    assert main([*command, *real, "--walk", str(walks[0][0]), "0.0"]) == 1
    assert "the walks are of berkeley_humanoid_lite and of simulated" in capsys.readouterr().err
    assert main([*command, "--walk", real[1], "3cm"]) == 1
    assert "a number of metres is expected" in capsys.readouterr().err
    assert path.read_text() == before
    with pytest.raises(SystemExit):
        main(["joints", *real[:3]])
    assert "--walk belongs to floor" in capsys.readouterr().err


def test_a_file_into_which_the_creep_cannot_be_put_stays_as_it_is(tmp_path):
    path, model = tmp_path / "calibration.yaml", load_model()
    offsets = ", ".join(f"{joint}: 0.1" for joint in model.joints)
    path.write_text(f"{{robot: {model.name}, measured: today, offsets: {{{offsets}}}}}\n")
    before = path.read_text()
    with pytest.raises(ConfigError, match="calibration.yaml: nothing written: 'creep: 0.00400 .* put it in by hand"):
        save_creep(path, model, 0.004)
    assert path.read_text() == before and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("metres", ["-1e-3", "-.5", "-2", "-1E0"])
def test_a_small_negative_number_is_no_option(tmp_path, metres, capsys):
    assert main(["floor", "--walk", str(tmp_path / "none"), metres]) == 1
    assert f"{tmp_path / 'none'}" in capsys.readouterr().err
