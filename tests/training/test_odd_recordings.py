"""Motions and episode files that are nearly right: used as they were captured, or refused in one line, never at another speed."""

from __future__ import annotations

from tests.needs import needs

pytestmark = needs("train", "h5py", "mink")

import h5py
import numpy as np
import pytest

from deploy.robots.description import load_model
from tests.motion_clips import raising, write_bvh
from tests.training.test_pi0data_sources import guide_file
from training.pi0.data.episode import ACTIONS, TIMES, RecordingError
from training.pi0.data.joint_motion import JointMotion
from training.pi0.data.motion_reading import MotionReading
from training.pi0.data.motions import read_motion
from training.pi0.data.sources import open_source

MODEL = load_model()
JOINTS = list(MODEL.joints)
TIME = np.arange(60) / 30.0
Q = MODEL.default + 0.2 * np.sin(np.pi * TIME)[:, None]


def table(path, rows, head=None, start=""):
    lines = [",".join(head)] if head else []
    path.write_text(start + "\n".join(lines + [",".join(f"{value:.9f}" for value in row) for row in rows]) + "\n")
    return path


def motion_of(path, **how) -> JointMotion:
    found = read_motion(path, MODEL, MotionReading(**how))
    assert isinstance(found, JointMotion)
    return found


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("Frame Time: 0.0166667", "Frame Time: 16.6667", "Frame Time 16.6667; .* are these milliseconds"),
        ("Frame Time: 0.0166667", "Frame Time: inf", "Frame Time inf"),
        ("Frames: 60", "Frames: 30", "Frames: 30, and 30 more rows follow"),
        ("Frames: 60", "Frames: 61", "the file ends too early"),
        ("\nMOTION", "\nMOTION\nFrames: 1\nFrame Time: 0.1\n1 2 3\n", "line .* has 3 numbers; 48 channels"),
    ],
)
def test_a_bvh_file_that_counts_wrongly(old, new, words, tmp_path):
    path = write_bvh(tmp_path / "a.bvh", raising(), 60)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(RecordingError, match=words):
        read_motion(path, MODEL, MotionReading())


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path):
    path = write_bvh(tmp_path / "a.bvh", raising(), 60)
    path.write_text("\ufeff" + path.read_text().replace(" ", "\t").replace("\n", "\r\n"), encoding="utf-8", newline="")
    assert read_motion(path, MODEL, MotionReading()) is not None
    assert motion_of(table(tmp_path / "a.csv", np.c_[TIME, Q], ["time", *JOINTS], "\ufeff")).joints == MODEL.joints


def test_what_is_missing_between_two_times_is_not_skipped(tmp_path):
    late = TIME + np.where(np.arange(60) < 30, 0.0, 1.0)
    found = motion_of(table(tmp_path / "a.csv", np.c_[late, Q], ["time", *JOINTS]))
    assert found.rate == pytest.approx(30.0) and len(found.q) == 90
    assert np.allclose(found.q[-1], Q[-1], atol=1e-6) and np.allclose(found.q[:30], Q[:30], atol=1e-6)
    np.savez(tmp_path / "a.npz", joint_pos=Q, joint_names=np.array(JOINTS, "S"), time=late)
    assert np.allclose(motion_of(tmp_path / "a.npz").q, found.q, atol=1e-6)


@pytest.mark.parametrize(
    ("time", "words"),
    [
        (1000.0 * TIME, "milliseconds"),
        (TIME[::-1], "do not rise"),
        (np.zeros(60), "do not rise"),
        (np.where(TIME == 0.5, np.nan, TIME), "do not rise"),
    ],
)
def test_times_that_are_none(time, words, tmp_path):
    with pytest.raises(RecordingError, match=words):
        motion_of(table(tmp_path / "a.csv", np.c_[time, Q], ["t", *JOINTS]))


def test_two_rates_and_two_columns_of_a_joint_are_refused(tmp_path):
    path = table(tmp_path / "a.csv", np.c_[TIME, Q], ["t", *JOINTS])
    with pytest.raises(RecordingError, match="it tells 30 Hz, and --source-rate 60"):
        motion_of(path, rate=60.0)
    with pytest.raises(RecordingError, match=f"{JOINTS[0]} stands there twice"):
        motion_of(table(tmp_path / "b.csv", np.c_[Q, Q[:, 0]], [*JOINTS, JOINTS[0]]), rate=30.0)
    with pytest.raises(RecordingError, match="not a table of numbers"):
        (tmp_path / "c.csv").write_text("a" * 200_000 + ",b\n1,2\n")
        motion_of(tmp_path / "c.csv", rate=30.0)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"fps": np.zeros(0)}, "its rate has 0 values"),
        ({"joint_pos": 1j * Q}, "holds complex128; real numbers"),
        ({"joint_pos": Q[:0]}, "no frames"),
        ({"joint_names": np.array(JOINTS, object)}, "joint_names: objects, which are pickles and are not read"),
        ({"joint_names": np.array([JOINTS[1], *JOINTS[1:]])}, "stands there twice"),
    ],
)
def test_arrays_that_are_no_motion(arrays, words, tmp_path):
    np.savez(tmp_path / "a.npz", **({"joint_pos": Q, "joint_names": np.array(JOINTS), "fps": 30} | arrays))
    with pytest.raises(RecordingError, match=words):
        motion_of(tmp_path / "a.npz")


def test_another_file_under_the_name_of_an_archive_gives_no_advice_to_trust_it(tmp_path):
    for data in (b"junk", b"\x80\x04K\x01.", b"PK\3\4"):
        (tmp_path / "a.npz").write_bytes(data)
        with pytest.raises(RecordingError, match="not a readable .npz file: cut short, or another kind"):
            motion_of(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        (ACTIONS, np.full((12, 22), b"x"), "holds .S1 of shape"),
        (ACTIONS, np.zeros((12, 22), np.complex64), "holds complex64"),
        (ACTIONS, np.float32(3.0), r"of shape \(\)"),
        (TIMES, np.full(12, b"1"), "timestamps holds"),
        ("fps", float("nan"), "its fps is .*nan"),
        ("fps", [20, 30], "its fps is array"),
        ("joints", 5, "22 joints; 1 are expected"),
        ("language_instruction", ["bow", "wave"], "language_instruction is array.*; a text is expected"),
    ],
)
def test_an_episode_file_with_something_else_in_a_place(key, value, words, tmp_path):
    for name in ("bad", "good"):
        guide_file(tmp_path / "in" / f"{name}.hdf5", np.arange(12) / 20.0)
    with h5py.File(tmp_path / "in" / "bad.hdf5", "a") as file:
        if key in (ACTIONS, TIMES):
            del file[key]
            file[key] = value
        else:
            file.attrs[key] = value
    (tmp_path / "in" / "folder.hdf5").mkdir()
    found = open_source(tmp_path / "in", MODEL)
    assert [one.name for one in found.episodes] == ["good.hdf5"] and {*found.left_out} == {"bad.hdf5", "folder.hdf5"}
    with pytest.raises(RecordingError, match=words):
        raise RecordingError(found.left_out["bad.hdf5"])
    assert all("\n" not in line for line in found.left_out.values())
