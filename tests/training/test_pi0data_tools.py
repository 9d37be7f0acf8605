"""Inspecting and augmenting demonstrations."""

from __future__ import annotations

from tests.needs import needs

pytestmark = needs("train", "mink", "h5py")

from dataclasses import replace

import numpy as np
import pytest

from arbiter.errors import ConfigError
from deploy.robots.description import load_model
from training.pi0.data import fanout, inspect
from training.pi0.data.augment import Augmentation, recolour, reword, vary
from training.pi0.data.episode import EpisodeFrame, EpisodeWriter, Layout
from training.pi0.data.instructions import find
from training.pi0.data.sources import open_source

MODEL = load_model()
DT = 0.02


def frames(count: int = 20, image: np.ndarray | None = None) -> list[EpisodeFrame]:
    image = np.full((16, 16, 3), 100, np.uint8) if image is None else image
    return [EpisodeFrame(DT * i, image, MODEL.default, np.zeros(MODEL.n), MODEL.default) for i in range(count)]


# -- inspect


def test_a_clean_episode_has_nothing_to_report():
    report = inspect.examine("bow", frames(), MODEL, DT)
    assert (report.frames, report.dropped, report.outside, report.fast, report.jerk) == (20, 0, 0, 0, 0.0)
    assert report.seconds == pytest.approx(0.4)


def test_gaps_limits_and_leaps_are_counted():
    some = frames()
    some = [replace(frame, time=frame.time + (3 * DT if i >= 10 else 0.0)) for i, frame in enumerate(some)]
    beyond = MODEL.default.copy()
    beyond[0] = MODEL.upper[0] + 0.01
    some[5] = replace(some[5], action=beyond)
    report = inspect.examine("bow", some, MODEL, DT)
    assert (report.dropped, report.outside) == (3, 1)
    assert report.fast == 2, "there and back"


def test_the_report_of_a_folder_of_episodes(tmp_path):
    for number, text in enumerate(("bow", "bow", "sit down")):
        writer = EpisodeWriter(tmp_path / f"episode_{number:06d}.hdf5", text, Layout(MODEL.joints, (16, 16)))
        for frame in frames(10 + number):
            writer.add(frame)
        writer.commit()
    report = inspect.inspect(open_source(tmp_path, MODEL), tmp_path / "out", MODEL, quiet=True)
    assert report["episodes"] == 3 and report["frames"] == 33
    assert report["instructions"]["bow"]["episodes"] == 2 and "sit down" in inspect.table(report)
    assert {"report.json", "coverage.png", "sheet.png", "sheet.mp4"} <= {path.name for path in (tmp_path / "out").iterdir()}
    assert all((tmp_path / "out" / name).stat().st_size > 500 for name in ("coverage.png", "sheet.png", "sheet.mp4"))


# -- augment


def test_nothing_asked_changes_nothing():
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    how = Augmentation(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, words=False)
    text, changed = vary("bow", frames(3, image), how, np.random.default_rng(1))
    for got, want in zip(changed, frames(3, image), strict=True):
        assert text == "bow" and np.array_equal(got.image, want.image) and np.array_equal(got.joint_pos, want.joint_pos)


def test_actions_and_times_stay_while_everything_else_varies():
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    text, changed = vary("bow", frames(30, image), Augmentation(), np.random.default_rng(3))
    changed = list(changed)
    noise = np.array([frame.joint_pos - MODEL.default for frame in changed])
    assert find(text).text == "bow"
    assert 0.003 < noise.std() < 0.007
    assert not np.array_equal(changed[0].image, image) and np.array_equal(changed[0].image, changed[9].image)
    assert all(
        np.array_equal(got.action, want.action) and got.time == want.time for got, want in zip(changed, frames(30), strict=True)
    )


def test_colours_go_where_they_are_told():
    image = np.zeros((4, 4, 3), np.uint8)
    image[..., 0], image[..., 1] = 100, 50
    assert np.array_equal(recolour(image, 2.0, 1.0, 1.0), 2 * image)
    grey = recolour(image, 1.0, 1.0, 0.0)
    assert np.ptp(grey, axis=-1).max() == 0
    assert recolour(np.full((4, 4, 3), 250, np.uint8), 1.5, 1.0, 1.0).max() == 255


def test_unknown_words_stay_and_known_ones_vary():
    rng = np.random.default_rng(0)
    assert reword("juggle three balls", rng) == "juggle three balls"
    assert len({reword("wave the right hand", rng) for _ in range(40)}) > 3


def test_impossible_augmentations_are_refused():
    with pytest.raises(ConfigError, match="augmentation: crop 1.0; 0 to 1 is possible"):
        Augmentation(crop=1.0)
    with pytest.raises(ConfigError, match="it cannot be negative"):
        Augmentation(joint_pos=-0.1)


# -- fan-out


def test_without_an_address_jobs_run_here_in_order():
    seen = []
    assert list(fanout.run(lambda job: seen.append(job) or 2 * job, range(4))) == [0, 2, 4, 6] and seen == [0, 1, 2, 3]
