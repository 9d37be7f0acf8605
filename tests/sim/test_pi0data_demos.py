"""Demonstrations in simulation: experts meet their criteria, runs repeat, people steer through the arbiter."""

from __future__ import annotations

from tests.needs import needs

pytestmark = needs("train", "mink", "h5py")

import dataclasses
import importlib.util

import numpy as np
import pytest

from arbiter.errors import ConfigError
from arbiter.skill import Verification
from arbiter.types import frozen
from deploy.drivers.simulated.simulated_robot import SimulatedRobot
from deploy.operator.teleop_devices import Controls
from deploy.robots.description import load_model
from policies.fallback.policies import Stand
from training.pi0.data import demos, rollouts, store
from training.pi0.data.demo_simulation import DemoSimulation
from training.pi0.data.demos import BALLS_A_ROUND, Demonstrator, Settings, plan
from training.pi0.data.episode import Layout, RecordingError
from training.pi0.data.episode_reader import read_frames
from training.pi0.data.episode_recorder import EpisodeRecorder
from training.pi0.data.instructions import GESTURES, find, select
from training.pi0.data.mocap import perform
from training.pi0.data.teleop import Teleoperation
from training.pi0.data.upper_body import UpperBody

MODEL = load_model()
SETTINGS = Settings(seed=5, picture=8, camera_hz=2.0)


@pytest.fixture(scope="module")
def demonstrator() -> Demonstrator:
    return Demonstrator(SETTINGS)


@pytest.mark.parametrize("one", GESTURES, ids=lambda one: one.text)
def test_every_gesture_is_demonstrated(demonstrator, one):
    made, dropped = demonstrator.make(0, one)
    assert made is not None and made.judgement.success, dropped
    assert len(dropped) <= 1
    actions = np.array([frame.action for frame in made.frames])
    assert np.all(actions >= MODEL.lower - 1e-9) and np.all(actions <= MODEL.upper + 1e-9)


def test_the_same_number_gives_the_same_demonstration():
    one = find("touch the green ball")
    first, again = (Demonstrator(SETTINGS).make(3, one)[0] for _ in range(2))
    other = Demonstrator(SETTINGS).make(4, one)[0]
    for a, b in zip(first.frames, again.frames, strict=True):
        assert np.array_equal(a.joint_pos, b.joint_pos) and np.array_equal(a.image, b.image)
        assert np.array_equal(a.action, b.action)
    assert not np.array_equal(first.frames[0].joint_pos, other.frames[0].joint_pos)


def test_the_plan_is_balanced_and_a_longer_one_begins_the_same():
    one_round = plan(GESTURES, 1, 0)
    assert {text: one_round.count(text) for text in set(one_round)} == {
        one.text: BALLS_A_ROUND if one.skill == "touch_ball" else 1 for one in GESTURES
    }
    assert plan(GESTURES, 3, 0)[: len(one_round)] == one_round


def test_a_run_goes_on_where_it_was_interrupted(tmp_path, monkeypatch):
    settings = dataclasses.replace(SETTINGS, seed=6)
    texts = ["raise both arms", "lower both arms"]
    calls = []
    real = demos.make

    def interrupted(task):
        calls.append(task[1])
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(task)

    monkeypatch.setattr(demos, "make", interrupted)
    with pytest.raises(KeyboardInterrupt):
        demos.record(tmp_path / "set", settings, texts, pictures="png", quiet=True)
    report = demos.record(tmp_path / "set", settings, texts, pictures="png", quiet=True)
    assert calls == [0, 1, 1] and report["episodes"] == 2 and report["recorded now"] == 1
    stored = store.episodes(store.open_dataset(tmp_path / "set"))
    assert [one.instruction for one in stored] == texts


def test_an_expert_that_always_fails_stops_the_run_with_the_reason(tmp_path, monkeypatch):
    failed = Verification(False, 0.0, 1.0, "m", "the hand did nothing")
    monkeypatch.setattr(demos, "judge", lambda run, one: failed)
    monkeypatch.setattr(demos, "TRIES", 2)
    monkeypatch.setattr(demos, "SECONDS", {"raise_arms": 0.1})
    with pytest.raises(ConfigError, match="no success in 2 tries: raise both arms: the hand did nothing"):
        demos.record(tmp_path / "set", SETTINGS, ["raise both arms"], pictures="png", quiet=True)


def test_a_walk_is_judged_by_what_the_robot_did():
    simulation = DemoSimulation(MODEL, picture=8, camera_hz=2.0, walker=Stand(MODEL, joints=MODEL.groups["legs"]))
    standing = rollouts.roll_out(simulation, find("stop walking"), np.random.default_rng(0))
    walking = rollouts.roll_out(simulation, find("walk forward"), np.random.default_rng(0))
    assert standing.judgement.success and len(standing.frames) == round(rollouts.SECONDS / MODEL.dt)
    assert not walking.judgement.success, "a policy that only stands follows no walking instruction"


def test_gestures_are_not_rolled_out(tmp_path):
    with pytest.raises(ConfigError, match="'bow' is no walking instruction"):
        rollouts.main(["none.onnx", "--root", str(tmp_path / "set"), "--instructions", "bow"])


def test_a_captured_motion_is_played_and_a_fall_is_not_recorded(tmp_path):
    simulation = DemoSimulation(MODEL, picture=8, camera_hz=2.0)
    recorder = EpisodeRecorder(tmp_path / "set", Layout(MODEL.joints, (8, 8)), quiet=True)
    q = np.tile(MODEL.default, (60, 1))
    pitch = MODEL.index("arm_left_shoulder_pitch_joint")
    q[:, pitch] = np.linspace(0.0, -0.8, 60)
    perform(simulation, q, recorder, "raise your left arm", legs=False)
    (file,) = recorder.pending
    assert list(read_frames(file))[-1].joint_pos[pitch] == pytest.approx(-0.8, abs=0.1)
    toppling = np.tile(MODEL.default, (250, 1))
    toppling[30:, MODEL.index("leg_left_hip_roll_joint")] = 1.2  # on one leg, which nobody taught it
    with pytest.raises(RecordingError, match="the robot fell after"):
        perform(simulation, toppling, recorder, "jump", legs=True)
    assert recorder.recorded == 1 and len(recorder.pending) == 1


class Script:
    """An operator who does everything by the tick."""

    help = ""

    def __init__(self, commands: dict[int, str], moving: range) -> None:
        self._commands, self._moving, self._tick = commands, moving, 0

    def poll(self, now: float) -> Controls:
        self._tick += 1
        hand = frozen((0.1, 0.0, 0.1) if self._tick in self._moving else np.zeros(3))
        return Controls(hand=hand, side="left", command=self._commands.get(self._tick, ""))

    def close(self) -> None:
        """Nothing to give back."""


def teleoperation(tmp_path, commands: dict[int, str]):
    robot = SimulatedRobot(MODEL)
    robot.connect()
    recorder = EpisodeRecorder(tmp_path / "set", Layout(MODEL.joints, (8, 8)), quiet=True)
    told = []
    stand = Stand(MODEL, name="locomotion", joints=MODEL.groups["legs"])
    teleop = Teleoperation(
        robot,
        lambda: np.zeros((8, 8, 3), np.uint8),
        stand,
        Script(commands, range(260, 360)),
        recorder,
        "reach forward",
        fast=True,
        tell=told.append,
    )
    return robot, recorder, teleop, told


def test_an_operator_moves_a_hand_and_keeps_or_discards_episodes(tmp_path):
    robot, recorder, teleop, told = teleoperation(
        tmp_path, {250: "record", 370: "record", 380: "record", 390: "discard", 400: "record", 405: "quit"}
    )
    teleop.run(500)
    assert told == [
        "recording 'reach forward'",
        "kept; 1 episodes",
        "recording 'reach forward'",
        "discarded",
        "recording 'reach forward'",
    ]
    assert recorder.recorded == 1 and recorder.dropped == 2
    frames = list(read_frames(recorder.pending[0]))
    body = UpperBody(MODEL)
    moved = body.hands(frames[-1].joint_pos)[0] - body.hands(frames[0].joint_pos)[0]
    assert len(frames) == 120 and moved[0] > 0.1 and moved[2] > 0.1
    assert np.allclose(np.diff([frame.time for frame in frames]), MODEL.dt)


def test_an_episode_that_is_stopped_is_dropped(tmp_path):
    robot, recorder, teleop, told = teleoperation(tmp_path, {250: "record"})

    def stop(report):
        if report.index == 270:
            teleop.session.arbiter.inbox.stop("a word")

    teleop.session.observers.append(stop)
    teleop.run(300)
    assert recorder.recorded == 0 and recorder.pending == []
    assert told == ["recording 'reach forward'", "discarded: the operator no longer steers"]


def test_after_an_episode_was_dropped_the_same_key_begins_the_next(tmp_path):
    robot, recorder, teleop, told = teleoperation(tmp_path, {250: "record", 270: "record", 280: "record"})
    count = iter(range(1000))
    teleop._camera = lambda: np.zeros((8, 9 if next(count) == 5 else 8, 3), np.uint8)
    teleop.run(290)
    assert [text.split(":")[0] for text in told] == [
        "recording 'reach forward'",
        "frame at 0.100 s",
        "recording 'reach forward'",
        "kept; 1 episodes",
    ]


def test_jobs_fan_out_over_ray_in_order():
    if importlib.util.find_spec("ray") is None:  # not imported before `run` has said how
        pytest.skip("no ray")
    from training.pi0.data import fanout

    texts = ["wave right hand", "bow down", "crouch"]
    assert [one.text for one in fanout.run(find, texts, "local")] == ["wave the right hand", "bow", "sit down"]


def test_selecting_for_demonstrations_keeps_the_order_given():
    assert [one.skill for one in select("stand_up,bow")] == ["stand_up", "bow"]
