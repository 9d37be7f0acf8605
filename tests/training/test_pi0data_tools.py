"""Inspecting and augmenting demonstrations; BVH files."""

from __future__ import annotations

from tests.needs import needs

pytestmark = needs("train", "mink", "h5py")

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbiter.errors import ConfigError
from deploy.robots.description import load_model
from training.pi0.data import fanout, inspect
from training.pi0.data.augment import Augmentation, recolour, reword, vary
from training.pi0.data.bvh import read_bvh
from training.pi0.data.episode import EpisodeFrame, EpisodeWriter, Layout, RecordingError
from training.pi0.data.instructions import find
from training.pi0.data.mocap import SPEED_SHARE, limb_directions, retarget
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


# -- motion capture

SKELETON = """HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation
"""


def limb(side: str, sign: int) -> str:
    return f"""  JOINT {side}UpLeg
  {{
    OFFSET {10 * sign} 0 0
    CHANNELS 3 Zrotation Yrotation Xrotation
    JOINT {side}Leg
    {{
      OFFSET 0 -40 0
      CHANNELS 3 Zrotation Yrotation Xrotation
      JOINT {side}Foot
      {{
        OFFSET 0 -40 0
        CHANNELS 3 Zrotation Yrotation Xrotation
      }}
    }}
  }}
  JOINT {side}Arm
  {{
    OFFSET {20 * sign} 50 0
    CHANNELS 3 Zrotation Yrotation Xrotation
    JOINT {side}ForeArm
    {{
      OFFSET 0 -30 0
      CHANNELS 3 Zrotation Yrotation Xrotation
      JOINT {side}Hand
      {{
        OFFSET 0 -25 0
        CHANNELS 3 Zrotation Yrotation Xrotation
        End Site
        {{
          OFFSET 0 -5 0
        }}
      }}
    }}
  }}
"""


def bvh(path, rows: np.ndarray, frame_time: float = 1 / 60):
    """A person who faces z, y up; `rows`: channels, shape (T, 42)."""
    text = SKELETON + limb("Left", 1) + limb("Right", -1) + "}\nMOTION\n"
    text += f"Frames: {len(rows)}\nFrame Time: {frame_time}\n" + "\n".join(" ".join(map(str, row)) for row in rows)
    path.write_text(text + "\n")
    return path


LEFT_ARM_X = 6 + 9 + 2  # channel of the left upper arm's rotation about x


def raising(count: int = 60, angle: float = -70.0) -> np.ndarray:
    rows = np.zeros((count, 42))
    rows[:, LEFT_ARM_X] = np.linspace(0.0, angle, count)
    return rows


def test_a_known_motion_is_read_and_seen_from_the_torso(tmp_path):
    motion = read_bvh(bvh(tmp_path / "a.bvh", raising(3, -90.0)))
    assert motion.frame_time == pytest.approx(1 / 60) and motion.values.shape == (3, 42)
    assert np.allclose(motion.positions()["LeftHand"][0], (20, -5, 0))
    directions = limb_directions(motion, "a.bvh")
    assert np.allclose(directions["arm", "left"], ((0, 0, -1), (0.7071, 0, -0.7071), (1, 0, 0)), atol=1e-3)
    assert np.allclose(directions["arm", "right"], (0, 0, -1))


def test_turning_and_moving_as_a_whole_changes_nothing(tmp_path):
    rows = raising(3)
    rows[:, :6] = (100.0, 90.0, -30.0, 0.0, 130.0, 0.0)
    plain, turned = (
        limb_directions(read_bvh(bvh(tmp_path / name, some)), name) for name, some in (("a", raising(3)), ("b", rows))
    )
    assert all(np.allclose(plain[key], turned[key], atol=1e-6) for key in plain)


def test_retargeting_keeps_the_limits_and_follows_the_arm(tmp_path):
    found = retarget(read_bvh(bvh(tmp_path / "a.bvh", raising())), MODEL)
    assert np.all(found.q >= MODEL.lower) and np.all(found.q <= MODEL.upper)
    pitch = MODEL.index("arm_left_shoulder_pitch_joint")
    assert found.q[-1, pitch] == pytest.approx(np.radians(-70.0), abs=0.15) and abs(found.q[0, pitch]) < 0.15
    assert found.residual["left forearm"] < np.radians(8.0) and found.slowed == 1.0


def test_a_motion_that_is_too_fast_is_slowed_and_one_out_of_range_leaves_a_residual(tmp_path):
    found = retarget(read_bvh(bvh(tmp_path / "a.bvh", raising(12, 120.0), 1 / 100)), MODEL)
    assert found.slowed > 1.0
    assert np.abs(np.diff(found.q, axis=0)).max() <= SPEED_SHARE * MODEL.velocity.max() * MODEL.dt * 1.01
    assert found.worst > np.radians(30.0), "the robot's arm does not go that far back"


def test_missing_joints_are_named(tmp_path):
    path = bvh(tmp_path / "a.bvh", raising(2))
    path.write_text(path.read_text().replace("LeftForeArm", "Tentacle"))
    with pytest.raises(RecordingError, match="no joint for the left forearm .*it has Hips.*Tentacle"):
        limb_directions(read_bvh(path), str(path))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 5000), st.binary(max_size=20))
def test_damaged_files_are_refused_not_misread(tmp_path_factory, at, rubbish):
    path = bvh(tmp_path_factory.mktemp("bvh") / "a.bvh", raising(2))
    whole = path.read_bytes()
    at = at % len(whole)
    path.write_bytes(whole[:at] + rubbish)
    try:
        motion = read_bvh(path)
    except RecordingError as error:
        assert "not BVH" in str(error) and "near line" in str(error)
    else:
        assert np.isfinite(motion.values).all() and len(motion.values) == 2


# -- fan-out


def test_without_an_address_jobs_run_here_in_order():
    seen = []
    assert list(fanout.run(lambda job: seen.append(job) or 2 * job, range(4))) == [0, 2, 4, 6] and seen == [0, 1, 2, 3]
