"""HDF5 in the integration guide's layout, to a LeRobotDataset and back: nothing lost, every difference found."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from deploy.robots.description import load_model
from training.pi0.data import convert
from training.pi0.data.episode import ACTIONS, IMAGES, POSITIONS, TIMES, VELOCITIES, RecordingError, read_frames, read_instruction

JOINTS = load_model().joints


def guide_file(path, text: str, frames: int, seed: int, dtype=np.float32) -> None:
    """As the guide's collector writes it: no joint names, no rate, whole arrays."""
    rng = np.random.default_rng(seed)
    with h5py.File(path, "w") as file:
        file[IMAGES] = rng.integers(0, 256, (frames, 12, 16, 3), dtype=np.uint8)
        for name in (POSITIONS, VELOCITIES, ACTIONS):
            file[name] = rng.normal(size=(frames, len(JOINTS))).astype(dtype)
        file[TIMES] = 0.0201 * np.arange(frames) + 0.001 * rng.random(frames)
        file.attrs["language_instruction"] = text


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("convert")
    (folder / "in").mkdir()
    guide_file(folder / "in" / "episode_0000.hdf5", "walk forward", 5, 1)
    guide_file(folder / "in" / "episode_0001.hdf5", "wave the left hand", 7, 2)
    convert.main([str(folder / "in"), str(folder / "set")])
    convert.main([str(folder / "set"), str(folder / "out")])
    return folder


def test_there_and_back_is_exact(converted):
    before, after = (sorted((converted / name).glob("*.hdf5")) for name in ("in", "out"))
    assert len(before) == len(after) == 2
    for one, other in zip(before, after, strict=True):
        assert read_instruction(one) == read_instruction(other)
        for a, b in zip(read_frames(one), read_frames(other), strict=True):
            assert a.time == b.time and np.array_equal(a.image, b.image)
            assert np.array_equal(a.joint_pos, b.joint_pos) and np.array_equal(a.joint_vel, b.joint_vel)
            assert np.array_equal(a.action, b.action)


def test_the_check_reports_exactness(converted):
    found = convert.check(converted / "in", converted / "set")
    assert found.exact and (found.episodes, found.frames) == (2, 12)


@pytest.mark.parametrize(("name", "index", "field"), [(ACTIONS, (3, 4), "joints"), (TIMES, (2,), "time"),
                                                      (IMAGES, (1, 2, 3, 0), "picture")])
def test_the_check_finds_a_single_changed_number(converted, tmp_path, name, index, field):
    guide_file(tmp_path / "episode_0000.hdf5", "walk forward", 5, 1)
    guide_file(tmp_path / "episode_0001.hdf5", "wave the left hand", 7, 2)
    with h5py.File(tmp_path / "episode_0001.hdf5", "r+") as file:
        file[name][index] += 1
    found = convert.check(tmp_path, converted / "set")
    assert not found.exact and getattr(found, field) > 0.0


def test_the_check_finds_other_words_and_missing_frames(converted, tmp_path):
    guide_file(tmp_path / "episode_0000.hdf5", "walk forward", 5, 1)
    with pytest.raises(RecordingError, match="has 1 episodes, .* has 2"):
        convert.check(tmp_path, converted / "set")
    guide_file(tmp_path / "episode_0001.hdf5", "bow", 7, 2)
    with pytest.raises(RecordingError, match="the instruction became 'wave the left hand', it was 'bow'"):
        convert.check(tmp_path, converted / "set")
    guide_file(tmp_path / "episode_0001.hdf5", "wave the left hand", 6, 2)
    with pytest.raises(RecordingError, match="another number of frames"):
        convert.check(tmp_path, converted / "set")


def test_doubles_are_rounded_and_the_check_says_so(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    guide_file(tmp_path / "in" / "episode_0000.hdf5", "bow", 3, 3, np.float64)
    convert.main([str(tmp_path / "in"), str(tmp_path / "set")])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert 0.0 < told["joints"] < 1e-6 and told["exact"] is False and told["picture"] == 0.0


def test_files_that_are_no_episodes_are_named(tmp_path):
    with pytest.raises(RecordingError, match="neither a LeRobotDataset nor a folder"):
        convert.episode_files(tmp_path)
    (tmp_path / "episode_0000.hdf5").write_bytes(b"rubbish")
    with pytest.raises(RecordingError, match="not a readable HDF5 file"):
        read_instruction(tmp_path / "episode_0000.hdf5")
    with h5py.File(tmp_path / "episode_0001.hdf5", "w") as file:
        file[ACTIONS] = np.zeros((3, 22))
    with pytest.raises(RecordingError, match="no observations/images/head_camera, .* in it"):
        read_instruction(tmp_path / "episode_0001.hdf5")


def test_an_existing_target_is_left_alone(converted):
    with pytest.raises(RecordingError, match="exists; name another folder"):
        convert.to_dataset(converted / "in", converted / "set", JOINTS)
    with pytest.raises(RecordingError, match="is not empty; name another folder"):
        convert.to_files(converted / "set", converted / "out")
