"""LeRobotDatasets of which something is missing or cut short: refused in one line, without a look at the network."""

from __future__ import annotations

from tests.needs import needs

pytestmark = needs("train", "h5py", "lerobot")

import json
import shutil
import socket

import numpy as np
import pytest

from deploy.robots.description import load_model
from tests.training.test_pi0data_sources import guide_file
from training.pi0.data import convert
from training.pi0.data.episode import RecordingError
from training.pi0.data.sources import open_source

MODEL = load_model()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A data set of two episodes, pictures as video."""
    root = tmp_path_factory.mktemp("whole")
    for name in ("a", "b"):
        guide_file(root / "in" / f"{name}.hdf5", np.arange(14) / 20.0, name)
    convert.main([str(root / "in"), str(root / "set"), "--pictures", "h264"])
    return root / "set"


@pytest.fixture
def offline(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("looked at the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def cut(root, pattern):
    file = next(root.glob(pattern))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def said(root, **changes):
    file = root / "meta" / "info.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda root: shutil.rmtree(root / "data"), "data has no files; copy"),
        (lambda root: cut(root, "data/*/*"), "data/chunk-000/file-000.parquet cannot be read, it is cut short"),
        (lambda root: shutil.rmtree(root / "meta" / "episodes"), "meta/episodes has no files"),
        (lambda root: cut(root, "meta/episodes/*/*"), "meta/episodes/.* cannot be read"),
        (lambda root: (root / "meta" / "tasks.parquet").unlink(), "meta/tasks.parquet is missing"),
        (lambda root: cut(root, "meta/stats.json"), "LeRobot cannot open it"),
        (lambda root: next(root.glob("videos/*/*/*")).write_bytes(b""), "file-000.mp4 is missing or empty"),
        (lambda root: (root / "meta" / "info.json").write_text("[]"), "meta/info.json holds .*a mapping is expected"),
        (lambda root: said(root, fps="20"), "has fps '20'; a whole number"),
        (lambda root: said(root, features=[]), "has features .*; names with dtype and shape"),
        (lambda root: said(root, total_episodes=9), "says 9 episodes with 28 frames, meta/episodes has 2 with 28"),
        (lambda root: said(root, video_path="../../{video_key}/{chunk_index}/{file_index}.mp4"), "outside the folder"),
    ],
)
def test_what_is_missing_is_named(change, words, whole, tmp_path, offline):
    root = tmp_path / "set"
    shutil.copytree(whole, root)
    change(root)
    with pytest.raises(RecordingError, match=words) as found:
        open_source(root, MODEL)
    assert "\n" not in str(found.value)


def test_a_video_that_is_cut_leaves_no_half_a_result(whole, tmp_path):
    root = tmp_path / "set"
    shutil.copytree(whole, root)
    cut(root, "videos/*/*/*")
    with pytest.raises(RecordingError, match=r"file-000.mp4: cannot be decoded .*; copy or record it again"):
        convert.main([str(root), str(tmp_path / "files")])
    assert not (tmp_path / "files").exists()
