"""LeRobot in both directions, on the rig: what its commands record is trained on here, and what is trained here it rolls out."""

from tests.needs import needs

NEEDS = needs("train", "lerobot", "torch", "h5py", "mink")

import signal
import sys

import numpy as np
import pytest
from lerobot.configs.dataset import DatasetRecordConfig
from lerobot.robots import make_robot_from_config
from lerobot.scripts.lerobot_record import RecordConfig, record
from lerobot.teleoperators import make_teleoperator_from_config
from lerobot.utils.errors import DeviceNotConnectedError
from lerobot.utils.feature_utils import hw_to_dataset_features

from arbiter.errors import ConfigError, RobotError
from arbiter.types import frozen
from deploy import lerobot_rollout
from deploy.lerobot import (
    BerkeleyGamepadConfig,
    BerkeleyHumanoidLite,
    BerkeleyHumanoidLiteConfig,
    BerkeleyKeyboardConfig,
    BerkeleyMirrorConfig,
    teleoperators,
)
from deploy.lerobot.head_camera import HeadCamera
from deploy.operator.teleop_devices import Controls
from deploy.rig.rig_camera import RigCamera
from deploy.robots.description import load_model
from tests import lerobot_rig
from tests.sim.test_rig_lerobot import wait_for

pytestmark = [NEEDS, pytest.mark.timeout(900), pytest.mark.usefixtures("offline")]
WAVE = "wave the right hand"
WHOLE = ("--robot.type=berkeley_humanoid_lite", "--robot.rig=true", "--robot.armed=true", "--robot.group=whole_body")


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch):
    """LeRobot's commands read the command line and take the signals."""
    monkeypatch.setattr(sys, "argv", ["pytest"])
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Two episodes of a robot that hangs limp and swings, by LeRobot's own command."""
    folder = tmp_path_factory.mktemp("recorded")
    before, sys.argv = sys.argv, ["lerobot-record"]
    try:
        record(
            RecordConfig(
                robot=BerkeleyHumanoidLiteConfig(id="one", calibration_dir=folder, rig=True, group="whole_body"),
                teleop=BerkeleyMirrorConfig(id="hand", calibration_dir=folder, group="whole_body"),
                dataset=DatasetRecordConfig(
                    repo_id="local/set",
                    root=folder / "set",
                    single_task=WAVE,
                    fps=50,
                    num_episodes=2,
                    episode_time_s=1,
                    reset_time_s=0,
                    video=False,
                    push_to_hub=False,
                ),
                play_sounds=False,
            )
        )
    finally:
        sys.argv = before
    return folder / "set"


def test_what_lerobot_records_is_what_was_done_in_the_form_of_our_demonstrations(recorded):
    from training.pi0.data import store
    from training.pi0.data.episode import Layout

    model, dataset = load_model(), store.open_dataset(recorded)
    ours = store.features(Layout(model.joints), "png")
    for key in (store.STATE, store.ACTION, store.IMAGE):
        assert all(dataset.features[key][what] == ours[key][what] for what in ("shape", "names")), key
    table = dataset.hf_dataset.with_format("numpy").select_columns([store.STATE, store.ACTION])[:]
    state, action = (np.asarray(table[key]) for key in (store.STATE, store.ACTION))
    assert np.abs(action - state[:, :22]).max() < 0.1, "at most as far as it swings from one reading to the next"
    assert np.abs(state[:, 22:]).max() > 0.0 and np.isfinite(state).all()
    picture = dataset[0][store.IMAGE].numpy()
    assert picture.shape == (3, 224, 224) and picture.std() > 0.05, "the rig's camera sees something"


def test_recorded_by_lerobot_trained_here_rolled_out_by_lerobot_and_by_a_tree(recorded, tmp_path, monkeypatch):
    from training.pi0 import finetune
    from training.pi0.rollout import ClosedLoop

    out = tmp_path / "run"
    quick = ["--steps", "2", "--pretrain", "2", "--every", "2", "--batch", "2", "--flow-samples", "1"]
    finetune.main(["--preset", "tiny", "--dataset", str(recorded), "--out", str(out), *quick])
    sent = []
    send = BerkeleyHumanoidLite.send_action
    monkeypatch.setattr(BerkeleyHumanoidLite, "send_action", lambda robot, action: sent.append(action) or send(robot, action))
    ends = ("--task", WAVE, "--fps=50", "--duration=1", "--play_sounds=false", "--return_to_initial_position=false")
    lerobot_rollout.main([str(out / "best"), *WHOLE, "--robot.id=two", f"--robot.calibration_dir={tmp_path}", *ends])
    assert sent and all(len(action) == 22 and np.isfinite(list(action.values())).all() for action in sent)
    loop = ClosedLoop(str(out / "best"), "auto", seed=1)
    try:
        assert not loop.assembly.notes, "names and rate lie beside the checkpoint: nothing is assumed"
        loop.begin()
        loop.say(WAVE)
        assert loop.chunk_ms and not loop.session.faulted
    finally:
        loop.close()


def test_lerobots_own_rollout_runs_a_policy_of_its_own_trainer(tmp_path, monkeypatch):
    """In the form of our demonstrations: 44 values of state, 22 of action, the head camera."""
    from lerobot.scripts.lerobot_rollout import rollout as lerobot_rollout

    act = lerobot_rig.untrained("act", tmp_path / "act")
    sent = []
    send = BerkeleyHumanoidLite.send_action
    monkeypatch.setattr(BerkeleyHumanoidLite, "send_action", lambda robot, action: sent.append(send(robot, action)) or sent[-1])
    ends = ("--task=wave", "--fps=50", "--duration=1", "--play_sounds=false", "--return_to_initial_position=false")
    sys.argv = ["lerobot-rollout", f"--policy.path={act}", *WHOLE, "--robot.id=x", f"--robot.calibration_dir={tmp_path}", *ends]
    lerobot_rollout()
    assert len(sent) > 3 and len(sent[0]) == 22


def test_with_arms_alone_features_are_theirs(tmp_path):
    robot = BerkeleyHumanoidLite(BerkeleyHumanoidLiteConfig(id="t", calibration_dir=tmp_path, rig=True))
    described = hw_to_dataset_features(robot.observation_features, "observation")
    names = described["observation.state"]["names"]
    assert names == [f"{joint}.{what}" for what in ("pos", "vel") for joint in robot.model.joints[:10]]
    assert described["observation.images.head_camera"]["shape"] == (224, 224, 3)
    for settings in ({}, {"rig": True, "rig_body": "joints"}, {"rig": True, "head_camera": "none"}):
        bare = BerkeleyHumanoidLite(BerkeleyHumanoidLiteConfig(id="t", calibration_dir=tmp_path, **settings))
        assert "head_camera" not in bare.observation_features and not bare.cameras
    there = BerkeleyHumanoidLiteConfig(
        id="t", calibration_dir=tmp_path, head_camera="http://127.0.0.1:1/head.mjpg", velocities=False
    )
    assert len(BerkeleyHumanoidLite(there).observation_features) == 11
    with pytest.raises(ConfigError, match="head_camera is 'rig'; that is for robot.rig=true"):
        BerkeleyHumanoidLiteConfig(id="t", head_camera="rig")


def test_the_head_camera_by_its_address():
    """As `python -m deploy.rig` tells it, or any network camera has one."""
    rig, camera = RigCamera("berkeley_humanoid_lite"), None
    try:
        camera = HeadCamera(rig.url)
        with pytest.raises(RobotError, match="no picture of the last 0.5 s"):
            camera.read_latest()
        camera.connect()
        picture = camera.read_latest()
        assert picture.shape == (camera.height, camera.width, 3) and picture.dtype == np.uint8 and picture.std() > 10.0
    finally:
        if camera is not None:
            camera.disconnect()
        rig.close()
    with pytest.raises(RobotError, match="no picture of the last"):
        camera.read_latest()


class Device:
    """A hand on a device: `now` is what it asks for."""

    help = ""

    def __init__(self):
        self.now, self.closed = Controls(), False

    def poll(self, now):
        return self.now

    def close(self):
        self.closed = True


@pytest.mark.parametrize("config", [BerkeleyKeyboardConfig, BerkeleyGamepadConfig])
def test_a_hand_is_steered_and_the_action_is_what_is_done(tmp_path, monkeypatch, config):
    device, opened = Device(), []
    monkeypatch.setattr(teleoperators, "open_teleop_device", lambda name: opened.append(name) or device)
    teleop = make_teleoperator_from_config(config(id="t", calibration_dir=tmp_path))
    teleop.connect()
    with pytest.raises(DeviceNotConnectedError, match="no robot .* is connected in this process"):
        teleop.get_action()
    robot = make_robot_from_config(
        BerkeleyHumanoidLiteConfig(id="r", calibration_dir=tmp_path, rig=True, armed=True, head_camera="none")
    )
    robot.connect()
    try:
        assert opened == [teleop.device] and teleop.action_features == robot.action_features
        first, start = teleop.get_action(), robot._robot.truth.hands[1].copy()
        device.now = Controls(hand=frozen(np.array([0.15, 0.0, 0.2])), side="right")
        while max(abs(teleop._q[i] - first[name]) for name, i in teleop._index.items()) < 0.9:
            action = teleop.get_action()
            assert robot.send_action(action) == pytest.approx(action), "inside the ranges, so sent as it is"
        device.now = Controls(command="stop")
        held = teleop.get_action()
        device.now = Controls(hand=frozen(np.array([0.0, 0.0, 0.2])), side="right")
        assert teleop.get_action() == held, "it holds until steering is taken up again"
        wait_for(lambda: (robot._robot.truth.hands[1] - start)[[0, 2]].min() > 0.02)  # forward and up, in truth
        device.now = Controls(command="damp")
        with pytest.raises(RobotError, match="damped by the operator"):
            teleop.get_action()
        with pytest.raises(RobotError, match="stopped: damped by operator"):
            robot.get_observation()
        device.now = Controls(lost=True)
        with pytest.raises(DeviceNotConnectedError, match="has gone"):
            teleop.get_action()
    finally:
        robot.disconnect()
        teleop.disconnect()
    assert device.closed


def test_the_mirror_wants_a_robot_that_is_led(tmp_path):
    teleop = make_teleoperator_from_config(BerkeleyMirrorConfig(id="m", calibration_dir=tmp_path, robot_id="r"))
    teleop.connect()
    settings = {"calibration_dir": tmp_path, "rig": True, "rig_body": "joints"}
    robot, armed = (
        make_robot_from_config(BerkeleyHumanoidLiteConfig(**settings | {"id": name, "armed": name == "armed"}))
        for name in ("r", "armed")
    )
    try:
        armed.connect()
        with pytest.raises(DeviceNotConnectedError, match="no robot r is connected"):
            teleop.get_action()
        teleop.config.robot_id = ""
        with pytest.raises(ConfigError, match="led by hand, and this one is armed"):
            teleop.get_action()
        robot.connect()
        with pytest.raises(ConfigError, match="2 robots are connected; name one with --teleop.robot_id"):
            teleop.get_action()
        teleop.config.robot_id = "r"
        assert teleop.get_action() == pytest.approx(
            {name: robot.get_observation()[name] for name in robot.action_features}, abs=0.05
        )
    finally:
        for one in (robot, armed):
            if one.is_connected:
                one.disconnect()
    assert not BerkeleyHumanoidLite.connected
    with pytest.raises(ConfigError, match="teleop.group is 'arm'; allowed"):
        BerkeleyMirrorConfig(id="m", group="arm")
