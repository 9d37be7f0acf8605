"""A command that was interrupted, run again with the same arguments, makes what is missing and nothing twice."""

from __future__ import annotations

from tests.needs import needs

pytestmark = needs("train", "mink", "h5py")

import json

import numpy as np
import pytest

from arbiter.skill import Verification
from deploy.robots.description import load_model
from training.pi0.data import augment, mocap, rollouts, store
from training.pi0.data.demos import Demonstration, Settings
from training.pi0.data.disk import DiskError
from training.pi0.data.episode import EpisodeFrame, Layout, RecordingError
from training.pi0.data.episode_recorder import EpisodeRecorder
from training.pi0.data.sources import open_source

MODEL = load_model()
SETTINGS = Settings(seed=1, picture=8, walker="walker.onnx")
LAYOUT = Layout(MODEL.joints, (8, 8))


def frames(mark: int = 0) -> list[EpisodeFrame]:
    image = np.full((8, 8, 3), mark, np.uint8)
    return [EpisodeFrame(0.02 * i, image, MODEL.default, np.zeros(MODEL.n), MODEL.default) for i in range(3)]


def kept(root) -> list[str]:
    return [one.instruction for one in store.episodes(store.open_dataset(root))]


@pytest.fixture
def walks(monkeypatch):
    """Roll-outs whose second task always fails; returns the numbers that were asked for, and one at which to die."""
    asked, die = [], [None]

    def make(task):
        settings, number, text = task
        asked.append(number)
        if number == die[0]:
            raise KeyboardInterrupt
        if number == 1:
            return None, [f"{text}: it fell"]
        return Demonstration(text, tuple(frames()), Verification(True, 1.0, 0.0, "m", ""), 0), []

    monkeypatch.setattr(rollouts, "make", make)
    return asked, die


def test_walks_go_on_behind_one_that_failed(tmp_path, walks):
    asked, die = walks
    texts = ["walk forward", "turn left", "walk backward", "turn right"]
    die[0] = 3
    with pytest.raises(KeyboardInterrupt):
        rollouts.record(tmp_path / "set", SETTINGS, texts, pictures="png", quiet=True)
    die[0] = None
    report = rollouts.record(tmp_path / "set", SETTINGS, texts, pictures="png", quiet=True)
    assert asked == [0, 1, 2, 3, 1, 3] and report["recorded now"] == 1 and report["failed"] == {"turn left": "turn left: it fell"}
    rollouts.record(tmp_path / "set", SETTINGS, texts, pictures="png", quiet=True)  # the journal is packed by now
    assert asked[6:] == [1] and kept(tmp_path / "set") == ["walk forward", "walk backward", "turn right"]
    assert rollouts.record(tmp_path / "set", Settings(2, 8, walker="w"), texts, pictures="png", quiet=True)["recorded now"] == 3


def test_copies_go_on_where_they_were(tmp_path, monkeypatch):
    with EpisodeRecorder(tmp_path / "in", LAYOUT, pictures="png", quiet=True) as recorder:
        for mark in (50, 100):
            recorder.begin("bow")
            for frame in frames(mark):
                recorder.add(frame)
            recorder.end()

    def run(root) -> int:
        return augment.augment(
            open_source(tmp_path / "in", MODEL), tmp_path / root, augment.Augmentation(), 2, 4, pictures="png", quiet=True
        )

    vary, calls = augment.vary, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return vary(*arguments)

    monkeypatch.setattr(augment, "vary", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run("more")
    assert run("more") == 2 and run("whole") == 4 and run("whole") == 0
    some, all_of_it = (store.open_dataset(tmp_path / name) for name in ("more", "whole"))
    for one, other in zip(store.episodes(some), store.episodes(all_of_it), strict=True):
        assert one.instruction == other.instruction
        for a, b in zip(store.frames(some, one), store.frames(all_of_it, other), strict=True):
            assert np.array_equal(a.image, b.image) and np.array_equal(a.joint_pos, b.joint_pos)


@pytest.fixture
def captured(tmp_path, monkeypatch):
    """Runs the motion capture command on files; a motion named so makes the robot fall."""
    played = []

    def on_robot(file, model, how, quiet):
        played.append(file.stem)
        if file.stem == "rubbish":
            raise RecordingError(f"{file}: not BVH")
        return mocap.Retargeted(np.zeros((3, model.n)), {}, {}, 0.0, 1.0, 0.0)

    def perform(simulation, q, recorder, instruction, legs, job=""):
        recorder.begin(instruction, job)
        for frame in frames():
            recorder.add(frame)
        if played[-1] == "full":
            raise DiskError("the disk is full")
        if played[-1] == "falls":
            recorder.discard()
            raise RecordingError("the robot fell after 1.0 s of the motion")
        recorder.end()

    for name, value in (("on_robot", on_robot), ("perform", perform)):
        monkeypatch.setattr(mocap, name, value)

    def run(*names: str) -> list[str]:
        played.clear()
        mocap.main(
            [
                *(str(tmp_path / f"{name}.bvh") for name in names),
                "--instruction",
                "bow",
                "--root",
                str(tmp_path / "set"),
                "--picture",
                "8",
                "--pictures",
                "png",
            ]
        )
        return list(played)

    return run


def test_captured_motions_go_on_after_a_fall_and_are_recorded_once(tmp_path, captured, capsys):
    assert captured("first", "falls", "rubbish", "last") == ["first", "falls", "rubbish", "last"]
    out = capsys.readouterr().out
    assert f"not recorded: {tmp_path}/falls.bvh: the robot fell after 1.0 s" in out
    assert f"not recorded: {tmp_path}/rubbish.bvh: not BVH" in out
    assert captured("first", "falls", "last", "new") == ["falls", "new"] and kept(tmp_path / "set") == ["bow"] * 3
    with pytest.raises(RecordingError, match="none of 2 files was recorded; the reasons stand above"):
        captured("falls", "rubbish")
    with pytest.raises(DiskError, match="the disk is full"):
        captured("full", "later")
    assert json.loads((tmp_path / "set" / "jobs.json").read_text())[0] == json.dumps(
        {"command": "mocap", "file": f"{tmp_path}/first.bvh", "instruction": "bow", "legs": False}
    )
