"""Recordings of others: rates, gaps, the guide's converted layout, LeRobot data sets of other robots, bad episodes in a batch."""

from __future__ import annotations

from tests.needs import needs

pytestmark = needs("train", "h5py", "lerobot")

import json
import re

import h5py
import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.robots.description import load_model
from training.pi0 import memory
from training.pi0.data import cache, convert, inspect
from training.pi0.data.episode import ACTIONS, IMAGES, POSITIONS, PROPRIO, TIMES, VELOCITIES, RecordingError
from training.pi0.data.frame_times import LowDimensional
from training.pi0.data.reading import Reading
from training.pi0.data.sources import open_source

MODEL = load_model()
N = MODEL.n


def motion(time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions and velocities of a swing of 0.2 rad a second, each (T, 22)."""
    phase = np.pi * time[:, None]
    return (MODEL.default + 0.2 * np.sin(phase)).astype(np.float32), (0.2 * np.pi * np.cos(phase) + np.zeros(N)).astype(
        np.float32
    )


def guide_file(path, time: np.ndarray, text: str = "bow", scale: float = 1.0, **attributes) -> None:
    """As the guide's collector writes it. `scale`: 57.3 for degrees."""
    pos, vel = motion(time)
    path.parent.mkdir(exist_ok=True)
    with h5py.File(path, "w") as file:
        file[IMAGES] = np.arange(len(time), dtype=np.uint8)[:, None, None, None] * np.ones((1, 12, 16, 3), np.uint8)
        file[POSITIONS], file[VELOCITIES], file[ACTIONS] = scale * pos, scale * vel, scale * pos
        file[TIMES] = time
        file.attrs["language_instruction"] = text
        file.attrs.update(attributes)


def seconds(demonstrations: memory.Demonstrations) -> float:
    return len(demonstrations) / MODEL.control_hz


def test_a_motion_keeps_its_speed_through_conversion_and_training(tmp_path):
    hz = 30
    guide_file(tmp_path / "in" / "a.hdf5", np.arange(2 * hz) / hz)
    assert convert.main([str(tmp_path / "in"), str(tmp_path / "set")]) == 0
    assert json.loads((tmp_path / "set" / "meta" / "info.json").read_text())["fps"] == hz, "kept as it was recorded"
    for source in ("in", "set"):
        read = memory.load(tmp_path / source, 8, progress=False)
        assert seconds(read) == pytest.approx(2.0, abs=2.0 / hz)
        expected = motion(np.arange(len(read)) / MODEL.control_hz)[0]
        assert np.abs(read.state[:, :N] - expected).max() < 0.01, "as fast as it was captured"
    convert.main([str(tmp_path / "set"), str(tmp_path / "fifty"), "--to", "dataset", "--rate", "50"])
    assert json.loads((tmp_path / "fifty" / "meta" / "info.json").read_text())["fps"] == 50
    assert seconds(memory.load(tmp_path / "fifty", 8, progress=False)) == pytest.approx(2.0, abs=2.0 / hz)


def test_gaps_are_named_and_filled_where_a_rate_is_asked_for(tmp_path, capsys):
    time = np.arange(40) / 20.0
    time[15:] += 0.5
    guide_file(tmp_path / "in" / "gap.hdf5", time)
    convert.main([str(tmp_path / "in"), str(tmp_path / "set")])
    assert "gap.hdf5: 0.50 s missing after 0.70 s (the motion leaps there; --rate HZ interpolates)" in capsys.readouterr().err
    convert.main([str(tmp_path / "in"), str(tmp_path / "fifty"), "--rate", "50"])
    assert "0.50 s missing after 0.70 s (interpolated)" in capsys.readouterr().err
    assert seconds(memory.load(tmp_path / "fifty", 8, progress=False)) == pytest.approx(2.45, abs=0.03)
    report = inspect.inspect(open_source(tmp_path / "in", MODEL), tmp_path / "report", MODEL, quiet=True)
    assert report["gaps"] == {"gap.hdf5": "0.50 s missing after 0.70 s"} and report["frames per second"]["by the times"] == [20.0]


@settings(max_examples=30, deadline=None)
@given(st.floats(5.0, 200.0), st.floats(0.0, 0.3), st.integers(1, 200), st.integers(0, 2**32 - 1))
def test_resampling_keeps_duration_speed_and_order(hz, jitter, rate, seed):
    rng = np.random.default_rng(seed)
    time = 3.0 + (np.arange(80) + jitter * rng.random(80)) / hz
    line = (2.0 * time[:, None]).astype(np.float32)
    new, rows = LowDimensional(time, line, np.full_like(line, 2.0), line).at_rate(rate)
    assert -1e-9 <= time[-1] - new.time[-1] < 1.0 / rate + 1e-6 and new.time[0] == time[0]
    assert np.allclose(new.joint_pos[:, 0], 2.0 * new.time, atol=1e-4) and (np.diff(rows) >= 0).all()
    assert (time[rows] <= new.time + 1e-5).all(), "no picture from the future"


def test_the_rate_that_a_file_names_must_be_that_of_its_times(tmp_path):
    guide_file(tmp_path / "in" / "a.hdf5", np.arange(20) / 30.0, fps=50)
    with pytest.raises(RecordingError, match="it says 50 frames a second, and its times tell 30.0; .*--rate HZ"):
        open_source(tmp_path / "in", MODEL)
    assert open_source(tmp_path / "in", MODEL, Reading(50)).layout.fps == 50
    guide_file(tmp_path / "ms" / "a.hdf5", np.arange(20) * 33.0)
    with pytest.raises(RecordingError, match="seconds are expected"):
        open_source(tmp_path / "ms", MODEL)


def converted_file(path, frames: int, text: str = "bow") -> None:
    """As the guide's converter writes it."""
    pos, vel = motion(np.arange(frames) / 25.0)
    path.parent.mkdir(exist_ok=True)
    with h5py.File(path, "w") as file:
        observations = file.create_group("observations")
        images = np.zeros((frames, 12, 16, 3), np.uint8)
        observations.create_group("images").create_dataset("head_camera", data=images, compression="gzip", compression_opts=4)
        observations.create_dataset("proprio", data=np.concatenate([pos, vel], axis=-1))
        file.create_dataset("actions", data=pos)
        file.attrs["language_instruction"], file.attrs["robot_name"], file.attrs["num_frames"] = text, "lite", frames


def test_the_guides_converted_layout_is_read_with_its_rate(tmp_path):
    converted_file(tmp_path / "in" / "berkeley_humanoid_lite_episode_00000.hdf5", 30)
    with pytest.raises(RecordingError, match="it holds no times, and no dataset_info.yaml .*--source-rate HZ"):
        open_source(tmp_path / "in", MODEL)
    assert open_source(tmp_path / "in", MODEL, Reading(source_rate=25.0)).layout.fps == 25
    (tmp_path / "in" / "dataset_info.yaml").write_text("name: demos\nrobot: lite\ncontrol_frequency: 25  # Hz\n")
    assert convert.main([str(tmp_path / "in"), str(tmp_path / "set")]) == 0
    read = memory.load(tmp_path / "set", 8, progress=False)
    assert seconds(read) == pytest.approx(1.2, abs=0.05)
    assert np.allclose(read.state[:, N:], motion(np.arange(len(read)) / 50.0)[1], atol=0.02), "velocities are its second half"


def test_the_guides_converted_layout_is_written_as_the_guide_has_it(tmp_path):
    guide_file(tmp_path / "in" / "a.hdf5", np.arange(10) / 50.0, "wave the left hand")
    assert convert.main([str(tmp_path / "in"), str(tmp_path / "out"), "--to", "proprio"]) == 0
    (file,) = (tmp_path / "out").glob("*.hdf5")
    assert file.name == "berkeley_humanoid_lite_episode_00000.hdf5"
    with h5py.File(file) as made:
        assert made[PROPRIO].shape == (10, 44) and made[IMAGES].compression == "gzip" and made[ACTIONS].dtype == np.float32
        assert dict(made.attrs)["num_frames"] == 10 and made.attrs["language_instruction"] == "wave the left hand"
    said = yaml.safe_load((tmp_path / "out" / "dataset_info.yaml").read_text())
    assert (said["num_episodes"], said["control_frequency"]) == (1, 50)
    assert said["observation_space"]["proprio"]["shape"] == [44] and said["action_space"]["shape"] == [22]
    convert.main([str(tmp_path / "out"), str(tmp_path / "back")])
    assert open_source(tmp_path / "back", MODEL).episodes[0].instruction == "wave the left hand"


def test_a_batch_survives_its_bad_episodes(tmp_path, capsys):
    time = np.arange(12) / 50.0
    for name, text in (("a", "bow"), ("z", "sit down")):
        guide_file(tmp_path / "in" / f"{name}.hdf5", time, text)
    guide_file(tmp_path / "in" / "empty.hdf5", time[:0])
    guide_file(tmp_path / "in" / "mute.hdf5", time, "  ")
    guide_file(tmp_path / "in" / "degrees.hdf5", time, scale=57.3)
    (tmp_path / "in" / "cut.hdf5").write_bytes((tmp_path / "in" / "a.hdf5").read_bytes()[:5000])
    with h5py.File(tmp_path / "in" / "other.hdf5", "w") as aloha:
        aloha["observations/qpos"], aloha["action"] = np.zeros((4, 14)), np.zeros((4, 14))
    assert convert.main([str(tmp_path / "in"), str(tmp_path / "set")]) == 1
    err = capsys.readouterr().err
    for why in ("empty.hdf5: it has no frames", "mute.hdf5: its instruction is empty", "degrees.hdf5: .*more than a whole turn",
                "cut.hdf5: not a readable HDF5 file", "other.hdf5: no observations/images/head_camera"):  # fmt: skip
        assert re.search(f"left out: .*{why}", err), why
    assert [one.instruction for one in open_source(tmp_path / "set", MODEL).episodes] == ["bow", "sit down"]
    assert cache.main([str(tmp_path / "in"), "--out", str(tmp_path / "cache.npz"), "--side", "8"]) == 1
    assert memory.load_cache(tmp_path / "cache.npz").tasks == ("bow", "sit down")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")], "nothing half-made is left behind"


def test_degrees_are_taken_where_they_are_said(tmp_path, capsys):
    guide_file(tmp_path / "in" / "a.hdf5", np.arange(12) / 50.0, scale=180.0 / np.pi)
    with pytest.raises(RecordingError, match="none of its 1 episodes can be used; .*radians are expected.*--degrees"):
        convert.main([str(tmp_path / "in"), str(tmp_path / "set")])
    convert.main([str(tmp_path / "in"), str(tmp_path / "set"), "--degrees"])
    assert np.allclose(open_source(tmp_path / "set", MODEL).episodes[0].low.joint_pos, motion(np.arange(12) / 50.0)[0], atol=1e-5)
    guide_file(tmp_path / "small" / "a.hdf5", np.arange(12) / 50.0, scale=10.0)
    open_source(tmp_path / "small", MODEL).tell()
    assert re.search("a.hdf5: .*% of its positions are outside the joints' ranges.*--degrees", capsys.readouterr().err)


# -- LeRobot data sets of others


def foreign(root, fps: int, names: list[str], state: list[str] | None, cameras=("front",), frames: int = 30, version: str = ""):
    """A set as LeRobot's own recorder makes it: no capture times; positions only, unless `state` says otherwise."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    state = state or names
    features = {
        "observation.state": {"dtype": "float32", "shape": (len(state),), "names": state},
        "action": {"dtype": "float32", "shape": (len(names),), "names": names},
        **{
            f"observation.images.{one}": {"dtype": "image", "shape": (12, 16, 3), "names": ["height", "width", "channels"]}
            for one in cameras
        },
    }
    made = LeRobotDataset.create("local/set", fps=fps, features=features, root=root, robot_type="so100", use_videos=False)
    pos, vel = motion(np.arange(frames) / fps)
    values = {name: vel[:, i // 2] if name.endswith(".vel") else pos[:, i % N] for i, name in enumerate(state)}
    by_joint = {name: pos[:, i] for i, name in enumerate(names)}
    values |= by_joint if state == names else {}
    for i in range(frames):
        made.add_frame(
            {
                "observation.state": np.array([values[name][i] for name in state], np.float32),
                "action": np.array([by_joint[name][i] for name in names], np.float32),
                "task": "pick up the cube",
                **{f"observation.images.{one}": np.full((12, 16, 3), i, np.uint8) for one in cameras},
            }
        )
    made.save_episode()
    made.finalize()
    if version:
        info = json.loads((root / "meta" / "info.json").read_text())
        (root / "meta" / "info.json").write_text(json.dumps({**info, "codebase_version": version}))
    return root


ARM = [f"{name}.pos" for name in ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")]


def test_a_set_of_another_robot_is_told_by_its_joints_and_converts(tmp_path, capsys):
    root = foreign(tmp_path / "so100", 30, ARM, None)
    message = "so100: 6 names of joints; 22 are expected; use data of one robot .it has shoulder_pan, shoulder_lift"
    with pytest.raises(RecordingError, match=message):
        inspect.main([str(root), "--out", str(tmp_path / "report")])
    with pytest.raises(RecordingError, match=message):
        memory.gather([root], 8)
    assert convert.main([str(root), str(tmp_path / "files")]) == 0
    assert "no velocities in observation.state; they are computed from its positions" in capsys.readouterr().err
    with h5py.File(next((tmp_path / "files").glob("*.hdf5"))) as file:
        assert list(file.attrs["joints"]) == [name.removesuffix(".pos") for name in ARM] and file.attrs["fps"] == 30
        assert np.allclose(np.diff(file[TIMES][:]), 1 / 30, atol=1e-5), "LeRobot's own timestamps"
        assert np.allclose(file[VELOCITIES][5:-5, 0], motion(np.arange(30) / 30)[1][5:-5, 0], atol=0.02)


def test_a_set_of_this_robot_by_others_is_trained_on_at_its_own_speed(tmp_path, capsys):
    names = [f"{joint}.pos" for joint in MODEL.joints]
    root = foreign(tmp_path / "plugin", 30, names, None)
    read = memory.gather([root], 8)
    assert seconds(read) == pytest.approx(1.0, abs=0.05) and read.tasks == ("pick up the cube",)
    assert "30 frames a second; resampled to 50" in capsys.readouterr().err
    assert np.abs(read.state - np.concatenate(motion(np.arange(len(read)) / 50.0), 1)).max() < 0.15
    report = inspect.inspect(open_source(root, MODEL), tmp_path / "report", MODEL, quiet=True)
    assert report["episodes"] == 1 and report["frames per second"]["stated"] == 30


def test_velocities_are_found_by_name_in_any_order(tmp_path):
    state = [f"{joint}.{kind}" for joint in MODEL.joints for kind in ("pos", "vel")]
    root = foreign(tmp_path / "mixed", 50, [f"{joint}.pos" for joint in MODEL.joints], state, ("front", "head_camera"))
    low = open_source(root, MODEL).episodes[0].low
    pos, vel = motion(np.arange(30) / 50.0)
    assert np.allclose(low.joint_vel, vel, atol=1e-5) and np.allclose(low.action, pos, atol=1e-5)


def test_cameras_are_chosen_and_versions_told(tmp_path):
    names = [f"{joint}.pos" for joint in MODEL.joints]
    two = foreign(tmp_path / "two", 50, names, None, ("front", "top"), 4)
    with pytest.raises(RecordingError, match="no camera 'head_camera'; it has front, top; choose: --camera NAME"):
        open_source(two, MODEL)
    assert open_source(two, MODEL, Reading(camera="top")).layout.image == (12, 16)
    info = json.loads((two / "meta" / "info.json").read_text())
    (two / "meta" / "info.json").write_text(json.dumps({**info, "codebase_version": "v2.1"}))
    for command in (
        lambda: convert.main([str(two), str(tmp_path / "out")]),
        lambda: inspect.main([str(two), "--out", str(tmp_path / "report")]),
        lambda: memory.gather([two], 8),
    ):
        with pytest.raises(RecordingError, match="a LeRobotDataset v2.1; v3.0 is read. .*convert_dataset_v21_to_v30 --repo-id"):
            command()
