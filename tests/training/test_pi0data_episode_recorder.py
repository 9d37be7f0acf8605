"""The recorder: an episode is whole or absent, whatever the source, the disk or a crash does."""

from __future__ import annotations

from tests.needs import needs

pytestmark = needs("train", "h5py")

import errno
import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from deploy.robots.description import load_model
from training.pi0.data import episode, store
from training.pi0.data.episode import EpisodeFrame, EpisodeWriter, Layout, RecordingError
from training.pi0.data.episode_reader import read_frames, read_instruction
from training.pi0.data.episode_recorder import EpisodeRecorder

JOINTS = load_model().joints
N = len(JOINTS)
LAYOUT = Layout(JOINTS, (16, 16), 50)


def frame(i: int, seed: int = 0) -> EpisodeFrame:
    rng = np.random.default_rng((seed, i))
    return EpisodeFrame(0.02 * i, rng.integers(0, 256, (16, 16, 3), dtype=np.uint8), *rng.normal(size=(3, N)).astype(np.float32))


def record(recorder: EpisodeRecorder, text: str, count: int = 4, seed: int = 0) -> None:
    recorder.begin(text)
    for i in range(count):
        recorder.add(frame(i, seed))
    recorder.end()


@pytest.fixture
def recorder(tmp_path) -> EpisodeRecorder:
    return EpisodeRecorder(tmp_path / "set", LAYOUT, pictures="png", quiet=True)


def spoil(name: str, value: float) -> EpisodeFrame:
    values = np.array(getattr(frame(1), name))
    values[3] = value
    return replace(frame(1), **{name: values})


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (spoil("joint_pos", np.nan), f"joint_pos of {JOINTS[3]} is not finite"),
        (spoil("joint_vel", np.inf), f"joint_vel of {JOINTS[3]} is not finite"),
        (spoil("action", np.nan), f"action of {JOINTS[3]} is not finite"),
        (replace(frame(1), action=np.zeros(21)), "action has shape \\(21,\\); \\(22,\\) is expected"),
        (replace(frame(1), image=np.zeros((16, 15, 3), np.uint8)), "the picture is \\(16, 15, 3\\); \\(16, 16, 3\\) is expected"),
        (
            replace(frame(1), image=np.zeros((16, 16, 3), np.float32)),
            "picture is float32 .*of values from 0 to 1, \\(picture \\* 255\\)",
        ),
        (replace(frame(1), time=0.0), "time must go forward"),
        (replace(frame(1), time=np.nan), "time is nan"),
    ],
)
def test_a_bad_frame_drops_the_episode_and_says_why(recorder, bad, says):
    recorder.begin("bow")
    recorder.add(frame(0))
    with pytest.raises(RecordingError, match=says):
        recorder.add(bad)
    assert recorder.writing is None and recorder.pending == []
    record(recorder, "bow")  # and the next one is recorded as if nothing had been
    assert len(recorder.pending) == recorder.recorded == 1


def test_what_was_recorded_comes_back_bit_for_bit(recorder):
    record(recorder, "sit down", 5)
    (file,) = recorder.pending
    assert read_instruction(file) == "sit down"
    for got, i in zip(read_frames(file), range(5), strict=True):
        want = frame(i)
        assert got.time == want.time and np.array_equal(got.image, want.image)
        for name in ("joint_pos", "joint_vel", "action"):
            assert np.array_equal(getattr(got, name), getattr(want, name))


def test_calls_out_of_order_are_refused(recorder):
    with pytest.raises(RecordingError, match="call begin"):
        recorder.add(frame(0))
    with pytest.raises(RecordingError, match="call begin"):
        recorder.end()
    recorder.begin("bow")
    with pytest.raises(RecordingError, match="no frames"):
        recorder.end()
    with pytest.raises(RecordingError, match="needs an instruction"):
        recorder.begin("  ")


def test_a_discarded_episode_leaves_nothing(recorder):
    recorder.begin("bow")
    recorder.add(frame(0))
    recorder.discard()
    assert recorder.dropped == 1 and list(recorder.root.with_name("set.journal").iterdir()) == []


def test_a_full_disk_is_one_clear_error_and_earlier_episodes_are_safe(recorder, monkeypatch):
    record(recorder, "bow")
    full = os.statvfs_result((4096, 4096, 1000, 10, 10, 0, 0, 0, 0, 255))
    monkeypatch.setattr(episode.os, "statvfs", lambda path: full)
    with pytest.raises(RecordingError, match="the disk is full; free some space; this episode was not recorded"):
        recorder.begin("bow")
    monkeypatch.undo()
    assert len(recorder.pending) == 1


def test_a_disk_that_fills_while_an_episode_is_closed_leaves_no_half_of_it(recorder, monkeypatch):
    def fsync(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    recorder.begin("bow")
    recorder.add(frame(0))
    monkeypatch.setattr(episode.os, "fsync", fsync)
    with pytest.raises(RecordingError, match="the disk is full"):
        recorder.end()
    assert list(recorder.root.with_name("set.journal").iterdir()) == []


def test_a_crash_costs_the_episode_under_way_and_the_next_run_goes_on(tmp_path):
    crashed = EpisodeRecorder(tmp_path / "set", LAYOUT, pictures="png", quiet=True)
    record(crashed, "bow")
    crashed.begin("sit down")
    crashed.add(frame(0))
    crashed._writer._file.flush()  # the process dies here
    after = EpisodeRecorder(tmp_path / "set", LAYOUT, pictures="png", quiet=True)
    assert after.recorded == 1
    assert [read_instruction(file) for file in after.pending] == ["bow"]
    assert not list((tmp_path / "set.journal").glob(".*"))


def test_runs_add_up_in_one_data_set(tmp_path):
    for text, seed in (("bow", 1), ("sit down", 2)):
        with EpisodeRecorder(tmp_path / "set", LAYOUT, pictures="png", quiet=True) as recorder:
            record(recorder, text, 6, seed)
    dataset = store.open_dataset(tmp_path / "set")
    stored = store.episodes(dataset)
    assert [(one.instruction, one.start, one.stop) for one in stored] == [("bow", 0, 6), ("sit down", 6, 12)]
    assert dataset.meta.features[store.STATE]["shape"] == (2 * N,) and dataset.meta.fps == 50
    got = list(store.frames(dataset, stored[1]))[3]
    want = frame(3, 2)
    assert np.array_equal(got.image, want.image) and got.time == want.time
    assert np.array_equal(got.action, want.action) and np.array_equal(got.joint_vel, want.joint_vel)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set"]


def test_a_crash_while_packing_loses_nothing(tmp_path, monkeypatch):
    with EpisodeRecorder(tmp_path / "set", LAYOUT, pictures="png", quiet=True) as recorder:
        record(recorder, "bow")
    recorder = EpisodeRecorder(tmp_path / "set", LAYOUT, pictures="png", quiet=True)
    record(recorder, "sit down")

    def die(new, root):
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        recorder.close()
    monkeypatch.undo()
    assert [one.instruction for one in store.episodes(store.open_dataset(tmp_path / "set"))] == ["bow"]
    EpisodeRecorder(tmp_path / "set", LAYOUT, pictures="png", quiet=True).close()
    assert [one.instruction for one in store.episodes(store.open_dataset(tmp_path / "set"))] == ["bow", "sit down"]


def test_a_crash_between_packing_and_clearing_up_does_not_count_twice(tmp_path):
    recorder = EpisodeRecorder(tmp_path / "set", LAYOUT, pictures="png", quiet=True)
    record(recorder, "bow")
    shutil.copytree(tmp_path / "set.journal", tmp_path / "kept")
    recorder.close()
    shutil.copytree(tmp_path / "kept", tmp_path / "set.journal")
    again = EpisodeRecorder(tmp_path / "set", LAYOUT, pictures="png", quiet=True)
    assert again.recorded == 1 and again.pending == []


def test_unknown_kind_of_pictures_is_refused(tmp_path):
    with pytest.raises(RecordingError, match="pictures 'gif'; h264, av1, png are possible"):
        EpisodeRecorder(tmp_path / "set", LAYOUT, pictures="gif")


def kept(folder) -> list[str]:
    return [one.instruction for one in store.episodes(store.open_dataset(folder))]


def test_a_file_taken_out_of_the_journal_costs_no_other(tmp_path):
    before = EpisodeRecorder(tmp_path / "set", LAYOUT, pictures="png", quiet=True)
    for text in ("bow", "wave", "sit down"):
        record(before, text)
    before.pending[1].unlink()
    recorder = EpisodeRecorder(tmp_path / "set", LAYOUT, pictures="png", quiet=True)
    record(recorder, "stand up")
    assert recorder.recorded == 3 and [read_instruction(file) for file in recorder.pending] == ["bow", "sit down", "stand up"]
    recorder.close()
    assert kept(tmp_path / "set") == ["bow", "sit down", "stand up"]


def test_a_crash_after_packing_a_journal_with_a_gap_does_not_count_twice(tmp_path, monkeypatch):
    recorder = EpisodeRecorder(tmp_path / "set", LAYOUT, pictures="png", quiet=True)
    for text in ("bow", "wave", "sit down"):
        record(recorder, text)
    recorder.pending[1].unlink()
    pack = store.pack

    def die(*arguments):
        pack(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "pack", die)
    with pytest.raises(KeyboardInterrupt):
        recorder.close()
    again = EpisodeRecorder(tmp_path / "set", LAYOUT, pictures="png", quiet=True)
    assert again.recorded == 2 and again.pending == []


def test_an_episode_is_never_written_over_another(tmp_path):
    writer = EpisodeWriter(tmp_path / "episode_000000.hdf5", "bow", LAYOUT)
    writer.add(frame(0))
    (tmp_path / "episode_000000.hdf5").write_bytes(b"another recorder's")
    with pytest.raises(RecordingError, match="episode_000000.hdf5 exists and is not overwritten; move it away"):
        writer.commit()
    with pytest.raises(RecordingError, match="exists and is not overwritten"):
        EpisodeWriter(tmp_path / "episode_000000.hdf5", "bow", LAYOUT)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"another recorder's"]


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A data set of one episode, as PNG."""
    root = tmp_path_factory.mktemp("packed") / "set"
    with EpisodeRecorder(root, LAYOUT, pictures="png", quiet=True) as recorder:
        record(recorder, "bow")
    return root


OTHERS = [
    (replace(LAYOUT, image=(8, 8)), "head_camera: .* \\(16, 16, 3\\) .* \\(8, 8, 3\\)", "\\(16, 16\\) px at 50 Hz; \\(8, 8\\)"),
    (replace(LAYOUT, fps=25), "frames per second: 50 in the data set, 25 in what", "px at 50 Hz; .* px at 25 Hz are expected"),
    (
        replace(LAYOUT, joints=JOINTS[::-1]),
        f"{JOINTS[0]}.pos in the data set, {JOINTS[-1]}.pos",
        f"'{JOINTS[0]}'; '{JOINTS[-1]}'",
    ),
]


@pytest.mark.parametrize(("layout", "says"), [(layout, says) for layout, says, _ in OTHERS])
def test_what_does_not_fit_the_data_set_is_refused_before_it_is_recorded(packed, layout, says):
    with pytest.raises(RecordingError, match=f"set: .*{says}.*or name another folder"):
        EpisodeRecorder(packed, layout, pictures="png", quiet=True)
    assert not packed.with_name("set.journal").exists()


def test_another_kind_of_pictures_is_refused_before_anything_is_recorded(packed):
    with pytest.raises(RecordingError, match="head_camera: image .* in the data set, video .*; ask for what it has"):
        EpisodeRecorder(packed, LAYOUT, pictures="h264", quiet=True)
    info = json.loads((packed / "meta" / "info.json").read_text())
    info["features"][store.IMAGE].update(dtype="video", info={"video.codec": "h264"})
    other = packed.with_name("other")
    (other / "meta").mkdir(parents=True)
    (other / "meta" / "info.json").write_text(json.dumps(info))
    with pytest.raises(RecordingError, match="pictures: h264 in the data set, av1 in what is to be recorded"):
        EpisodeRecorder(other, LAYOUT, pictures="av1", quiet=True)


def test_a_folder_that_is_no_data_set_is_refused_before_anything_is_recorded(tmp_path):
    (tmp_path / "set").mkdir()
    with pytest.raises(RecordingError, match="set exists and is no LeRobotDataset .*; remove it, or name another folder"):
        EpisodeRecorder(tmp_path / "set", LAYOUT, quiet=True)


@pytest.mark.parametrize(("layout", "says"), [(layout, says) for layout, _, says in OTHERS])
def test_what_does_not_fit_the_journal_is_refused_too(recorder, layout, says):
    record(recorder, "bow")
    with pytest.raises(RecordingError, match=f"episode_000000.hdf5, left by an earlier run with other arguments: .*{says}"):
        EpisodeRecorder(recorder.root, layout, pictures="png", quiet=True)
    assert len(recorder.pending) == 1


def test_the_data_set_is_on_the_disk_before_the_journal_goes(recorder, monkeypatch):
    record(recorder, "bow")
    (journal,) = recorder.pending
    synced, fsync = [], os.fsync

    def seen(descriptor):
        assert journal.exists()
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    monkeypatch.setattr(episode.os, "fsync", seen)
    recorder.close()
    root, fresh = recorder.root, str(recorder.root.with_name(".set.new"))
    everything = [str(path).replace(str(root), fresh, 1) for path in (root, *root.rglob("*"))]
    assert set(everything) <= set(synced) and synced[-1] == str(root.parent), "the new name comes last"
    assert not journal.exists() and kept(root) == ["bow"]
