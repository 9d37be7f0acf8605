"""HDF5 in the integration guide's layout, to a LeRobotDataset and back: nothing lost, every difference found."""

from __future__ import annotations

from tests.needs import needs

pytestmark = needs("train", "h5py")

import json
import re

import h5py
import numpy as np
import pytest

from deploy.robots.description import load_model
from training.pi0 import memory
from training.pi0.data import convert, inspect
from training.pi0.data.augment import Augmentation, augment
from training.pi0.data.episode import ACTIONS, IMAGES, POSITIONS, TIMES, VELOCITIES, RecordingError
from training.pi0.data.episode_reader import layout_of, read_frames, read_instruction
from training.pi0.data.sources import episode_files, open_source

MODEL = load_model()
JOINTS = MODEL.joints


def guide_file(path, text: str, frames: int, seed: int, dtype=np.float32, **attributes) -> None:
    """As the guide's collector writes it: no joint names, no rate (unless in `attributes`), whole arrays."""
    rng = np.random.default_rng(seed)
    with h5py.File(path, "w") as file:
        file[IMAGES] = rng.integers(0, 256, (frames, 12, 16, 3), dtype=np.uint8)
        for name in (POSITIONS, VELOCITIES, ACTIONS):
            file[name] = rng.normal(size=(frames, len(JOINTS))).astype(dtype)
        file[TIMES] = 0.0201 * np.arange(frames) + 0.001 * rng.random(frames)
        file.attrs["language_instruction"] = text
        file.attrs.update(attributes)


def check(source, target) -> convert.Difference:
    return convert.check(open_source(source, MODEL), target, MODEL)


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
    found = check(converted / "in", converted / "set")
    assert found.exact and (found.episodes, found.frames) == (2, 12)


@pytest.mark.parametrize(
    ("name", "index", "by", "field"),
    [(ACTIONS, (3, 4), 0.5, "joints"), (TIMES, (2,), 0.001, "time"), (IMAGES, (1, 2, 3, 0), 1, "picture")],
)
def test_the_check_finds_a_single_changed_number(converted, tmp_path, name, index, by, field):
    guide_file(tmp_path / "episode_0000.hdf5", "walk forward", 5, 1)
    guide_file(tmp_path / "episode_0001.hdf5", "wave the left hand", 7, 2)
    with h5py.File(tmp_path / "episode_0001.hdf5", "r+") as file:
        file[name][index] += by
    found = check(tmp_path, converted / "set")
    assert not found.exact and getattr(found, field) > 0.0


def test_the_check_finds_other_words_and_missing_frames(converted, tmp_path):
    guide_file(tmp_path / "episode_0000.hdf5", "walk forward", 5, 1)
    with pytest.raises(RecordingError, match="has 1 episodes, .* has 2"):
        check(tmp_path, converted / "set")
    guide_file(tmp_path / "episode_0001.hdf5", "bow", 7, 2)
    with pytest.raises(RecordingError, match="the instruction became 'wave the left hand', it was 'bow'"):
        check(tmp_path, converted / "set")
    guide_file(tmp_path / "episode_0001.hdf5", "wave the left hand", 6, 2)
    with pytest.raises(RecordingError, match="another number of frames"):
        check(tmp_path, converted / "set")


def test_doubles_are_rounded_and_the_check_says_so(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    guide_file(tmp_path / "in" / "episode_0000.hdf5", "bow", 3, 3, np.float64)
    convert.main([str(tmp_path / "in"), str(tmp_path / "set")])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert 0.0 < told["joints"] < 1e-6 and told["exact"] is False and told["picture"] == 0.0


def test_files_that_are_no_episodes_are_named(tmp_path):
    with pytest.raises(RecordingError, match="neither a LeRobotDataset nor a folder"):
        episode_files(tmp_path)
    (tmp_path / "episode_0000.hdf5").write_bytes(b"rubbish")
    with pytest.raises(RecordingError, match="not a readable HDF5 file"):
        read_instruction(tmp_path / "episode_0000.hdf5")
    with h5py.File(tmp_path / "episode_0001.hdf5", "w") as file:
        file[ACTIONS] = np.zeros((3, 22))
    with pytest.raises(RecordingError, match="no observations/images/head_camera, .* in it"):
        read_instruction(tmp_path / "episode_0001.hdf5")


def test_an_existing_target_is_left_alone(converted):
    with pytest.raises(RecordingError, match="exists; name another folder"):
        convert.to_dataset(open_source(converted / "in", MODEL), converted / "set")
    with pytest.raises(RecordingError, match="is not empty; name another folder"):
        convert.to_files(open_source(converted / "set", MODEL), converted / "out")


@pytest.mark.parametrize(
    ("name", "index", "value", "says"),
    [
        (ACTIONS, (3, 4), np.nan, f"frame at .* action of {JOINTS[4]} is not finite"),
        (TIMES, (2,), 0.0, "follows one at .* time must go forward"),
        (TIMES, (2,), np.nan, "time is nan"),
    ],
)
def test_a_file_with_bad_numbers_is_left_out_by_name(tmp_path, capsys, name, index, value, says):
    (tmp_path / "in").mkdir()
    for number, text in enumerate(("walk forward", "wave the left hand")):
        guide_file(tmp_path / "in" / f"episode_000{number}.hdf5", text, 5 + 2 * number, 1 + number)
    with h5py.File(tmp_path / "in" / "episode_0001.hdf5", "r+") as file:
        file[name][index] = value
    assert convert.main([str(tmp_path / "in"), str(tmp_path / "set")]) == 1
    assert re.search(f"left out: .*episode_0001.hdf5: .*{says}", capsys.readouterr().err)
    assert [one.instruction for one in open_source(tmp_path / "set", MODEL).episodes] == ["walk forward"]


def reordered(folder, names=JOINTS[::-1], **attributes):
    """A folder with one file whose joints are in another order."""
    folder.mkdir(parents=True)
    guide_file(folder / "episode_0000.hdf5", "bow", 4, 7, joints=list(names), **attributes)
    return folder


def test_joints_in_another_order_stay_in_it_there_and_back(tmp_path):
    before = reordered(tmp_path / "in", np.array(JOINTS[::-1], "S"), fps=50)
    convert.main([str(before), str(tmp_path / "set")])
    convert.main([str(tmp_path / "set"), str(tmp_path / "out")])
    one, other = (next((tmp_path / name).glob("*.hdf5")) for name in ("in", "out"))
    assert layout_of(one, ()) == layout_of(other, ()) and layout_of(other, ()).joints == JOINTS[::-1]
    for a, b in zip(read_frames(one), read_frames(other), strict=True):
        assert np.array_equal(a.joint_pos, b.joint_pos) and np.array_equal(a.action, b.action)
    with pytest.raises(RecordingError, match=f"set: joint 0 is '{JOINTS[-1]}'; '{JOINTS[0]}' is expected"):
        memory.load(tmp_path / "set", 8, progress=False)
    with pytest.raises(RecordingError, match=f"out: joint 0 is '{JOINTS[-1]}'; '{JOINTS[0]}' is expected"):
        inspect.inspect(open_source(tmp_path / "out", MODEL), tmp_path / "report", MODEL, quiet=True)


def test_files_of_different_joints_do_not_mix(tmp_path, converted):
    folder = reordered(tmp_path / "in")
    guide_file(folder / "episode_0001.hdf5", "bow", 4, 7)
    with pytest.raises(RecordingError, match=f"episode_0001.hdf5: joint 0 is '{JOINTS[0]}'; '{JOINTS[-1]}' is expected"):
        open_source(folder, MODEL)
    with pytest.raises(RecordingError, match=f"in: joint 0 is '{JOINTS[-1]}'; '{JOINTS[0]}' is expected"):
        memory.load(reordered(tmp_path / "other" / "in"), 8, progress=False)
    with pytest.raises(RecordingError, match=f"in beside .*set: joint 0 is '{JOINTS[-1]}'"):
        check(tmp_path / "other" / "in", converted / "set")


def test_one_file_of_another_kind_among_several_is_left_out_by_name(tmp_path, capsys):
    folder = reordered(tmp_path / "in")
    for number in (1, 2):
        guide_file(folder / f"episode_000{number}.hdf5", "bow", 4, number, fps=50)
    assert convert.main([str(folder), str(tmp_path / "set")]) == 1
    told = capsys.readouterr().err
    assert f"left out: {folder / 'episode_0000.hdf5'}: joint 0 is '{JOINTS[-1]}'; '{JOINTS[0]}' is expected" in told
    assert len(open_source(tmp_path / "set", MODEL).episodes) == 2


def test_the_rate_of_files_is_their_own(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    guide_file(folder / "episode_0000.hdf5", "bow", 5, 1, fps=25)
    with h5py.File(folder / "episode_0000.hdf5", "r+") as file:
        file[TIMES][:] = 0.04 * np.arange(5)
    source = open_source(folder, MODEL)
    assert inspect.inspect(source, tmp_path / "report", MODEL, quiet=True)["dropped frames"] == 0
    assert augment(source, tmp_path / "more", Augmentation(), 1, 0, pictures="png", quiet=True) == 1
    assert json.loads((tmp_path / "more" / "meta" / "info.json").read_text())["fps"] == 25
