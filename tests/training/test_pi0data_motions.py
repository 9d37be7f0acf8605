"""Motion files of others on the robot: skeletons, AMASS, joint trajectories, speed, reference frames, what cannot be reached."""

from __future__ import annotations

from tests.needs import needs

pytestmark = needs("train", "mink", "h5py")

import pickle

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from deploy.robots.description import load_model
from tests.motion_clips import SKELETONS, joint_names, raising, write_bvh
from training.pi0.data import g1_limbs, mocap
from training.pi0.data.bvh import axis_rotations, read_bvh
from training.pi0.data.disk import RecordingError
from training.pi0.data.joint_motion import JointMotion
from training.pi0.data.motion_reading import MotionReading
from training.pi0.data.motions import judged, on_robot
from training.pi0.data.retarget import without_reference
from training.pi0.data.retarget_picture import draw
from training.pi0.data.skeletons import joint_map, limb_directions, read_names
from training.pi0.data.smpl import rotations_of
from training.pi0.data.time_warp import ACCELERATION_SHARE, SPEED_SHARE, warped

MODEL = load_model()
HOW = MotionReading()
PITCH = MODEL.index("arm_left_shoulder_pitch_joint")


def directions(path, names=None):
    return limb_directions(read_bvh(path).body(), str(path), names)


# -- skeletons


@pytest.mark.parametrize("skeleton", SKELETONS)
def test_the_joints_of_any_skeleton_are_found_by_its_structure(tmp_path, skeleton):
    path = write_bvh(tmp_path / "a.bvh", raising(8, -90.0), 8, skeleton=skeleton)
    wanted = {limb: name for limb, name in joint_names(skeleton)[1].items() if limb[1] != "collar"}
    assert joint_map(read_bvh(path).body(), "a") == wanted
    assert np.allclose(directions(path)["arm", "left"][-1], (1, 0, 0), atol=1e-3)


def test_turning_and_moving_as_a_whole_changes_nothing(tmp_path):
    plain = directions(write_bvh(tmp_path / "a.bvh", raising(3), 3))
    turned = directions(write_bvh(tmp_path / "b.bvh", raising(3), 3, turn=130.0))
    assert all(np.allclose(plain[key], turned[key], atol=1e-4) for key in plain)


def test_joints_that_are_not_found_are_named_in_a_file(tmp_path):
    path = write_bvh(tmp_path / "a.bvh", raising(8, -90.0), 8)
    text = path.read_text()
    for side in ("Left", "Right"):
        text = text.replace(f"{side}Hand", f"{side} Tentacle")
    path.write_text(text)
    with pytest.raises(RecordingError, match="no joint for the left hand is found; it has Hips, .*Left Tentacle.*--names FILE"):
        directions(path)
    lines = [f"{s}: {{arm: {S}Arm, forearm: {S}ForeArm, hand: {S} Tentacle, thigh: {S}UpLeg, shank: {S}Leg, foot: {S}Foot}}"
             for s, S in (("left", "Left"), ("right", "Right"))]  # fmt: skip
    (tmp_path / "names.yaml").write_text("\n".join(lines))
    found = directions(path, read_names(tmp_path / "names.yaml"))
    assert np.allclose(found["arm", "left"][-1], (1, 0, 0), atol=1e-3)
    (tmp_path / "names.yaml").write_text(lines[0])
    with pytest.raises(RecordingError, match="missing or unknown: right arm, .*each of arm, forearm"):
        read_names(tmp_path / "names.yaml")


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 5000), st.binary(max_size=20))
def test_damaged_files_are_refused_not_misread(tmp_path_factory, at, rubbish):
    path = write_bvh(tmp_path_factory.mktemp("bvh") / "a.bvh", raising(2), 2)
    whole = path.read_bytes()
    at = at % len(whole)
    path.write_bytes(whole[:at] + rubbish)
    try:
        motion = read_bvh(path)
    except RecordingError as error:
        assert "not BVH" in str(error) and "near line" in str(error)
    else:
        assert np.isfinite(motion.values).all() and len(motion.values) == 2


# -- on the robot


def test_retargeting_keeps_the_limits_and_follows_the_arm(tmp_path):
    found = on_robot(write_bvh(tmp_path / "a.bvh", raising(), 60), MODEL, HOW)
    assert np.all(found.q >= MODEL.lower) and np.all(found.q <= MODEL.upper)
    assert found.q[-1, PITCH] == pytest.approx(np.radians(-70.0), abs=0.15) and abs(found.q[0, PITCH]) < 0.15
    assert found.residual["left forearm"] < np.radians(8.0) and found.slowed < 1.05 and judged(found, HOW, "a") == []


def test_a_pose_for_reference_is_skipped_and_says_so(tmp_path):
    angles = raising(40)
    tee = {(side, "arm"): np.array((sign * 90.0, 0.0, 0.0)) for side, sign in (("left", 1.0), ("right", -1.0))}
    for limb, pose in tee.items():
        angles[limb] = np.concatenate((pose[None], angles.get(limb, np.zeros((40, 3)))))
    found = on_robot(write_bvh(tmp_path / "a.bvh", angles, 41), MODEL, HOW)
    assert found.skipped == (1, 0) and found.slowed < 1.1
    assert "1 frames at the start and 0 at the end skipped" in judged(found, HOW, "a")[0]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.5, 25.0))
def test_no_calm_motion_loses_its_ends(seed, speed):
    rng = np.random.default_rng(seed)
    angle = np.cumsum(rng.uniform(-1.0, 1.0, 60)) * speed / 60.0
    along = np.stack((np.sin(angle), np.zeros(60), -np.cos(angle)), axis=1)
    if np.abs(np.diff(angle)).max() < 0.3:
        assert without_reference({("arm", "left"): along}, 1 / 60)[1] == (0, 0)


def test_one_fast_frame_slows_its_surroundings_only(tmp_path):
    angles = raising(120, -60.0)
    angles["left", "arm"][70:] += (0.0, -60.0, 0.0)
    found = on_robot(write_bvh(tmp_path / "a.bvh", angles, 120), MODEL, HOW)
    assert 1.0 < found.slowed < 1.5, "five times as long before"
    calm = np.searchsorted(-found.q[:, PITCH], np.radians(25.0)) * MODEL.dt
    assert calm == pytest.approx(50 / 60, abs=0.1), "what came before keeps its speed"


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from((30.0, 60.0, 120.0)), st.floats(0.02, 0.6))
def test_a_stretched_motion_keeps_the_limits_and_the_way(seed, fps, wild):
    rng = np.random.default_rng(seed)
    q = np.cumsum(rng.normal(0.0, wild, (40, 3)), axis=0) * 0.2
    velocity, acceleration = np.full(3, 8.0), np.full(3, 200.0)
    played, slowed = warped(q, 1 / fps, velocity, acceleration, 0.02)
    assert np.abs(np.diff(played, axis=0)).max(initial=0.0) <= SPEED_SHARE * 8.0 * 0.02 * 1.02
    assert np.abs(np.diff(played, 2, axis=0)).max(initial=0.0) <= ACCELERATION_SHARE * 200.0 * 0.02**2 * 1.5 + 1e-9
    assert slowed >= 1.0 and np.allclose(played[0], q[0])
    assert np.abs(played[-1] - q[-1]).max() < SPEED_SHARE * 8.0 * 0.021


def test_what_the_robot_cannot_reach_is_warned_of_refused_and_drawn(tmp_path, capsys):
    for name, angle in (("some.bvh", 75.0), ("far.bvh", 130.0)):
        write_bvh(tmp_path / name, raising(40, angle), 40, 30.0)
    some, far = (on_robot(tmp_path / name, MODEL, HOW) for name in ("some.bvh", "far.bvh"))
    assert any("the robot comes short by left" in warning for warning in judged(some, HOW, "some.bvh"))
    with pytest.raises(RecordingError, match="far.bvh: the robot cannot do this motion: off by left .*--most-residual"):
        judged(far, HOW, "far.bvh")
    assert judged(far, MotionReading(residual=180.0), "far.bvh"), "on request"
    draw(far, tmp_path / "far.png")
    drawn = np.asarray(Image.open(tmp_path / "far.png"))
    captured, robot = (drawn[row * 168 + 18 : (row + 1) * 168, -150:] for row in (2, 3))
    assert (captured != robot).any(axis=2).sum() > 100, "the two differ, and the picture shows it"
    hasty = {("left", "arm"): np.repeat(np.tile(((0.0, 0.0, 0.0), (0.0, -80.0, 0.0)), (4, 1)), 5, axis=0)}
    with pytest.raises(RecordingError, match="times longer, because the joints cannot follow .*--most-slowed"):
        judged(on_robot(write_bvh(tmp_path / "c.bvh", hasty, 40, 30.0), MODEL, HOW), MotionReading(slow=1.3), "c.bvh")


def test_a_batch_survives_what_is_no_motion(tmp_path, monkeypatch, capsys):
    write_bvh(tmp_path / "good.bvh", raising(24), 24, 30.0)
    write_bvh(tmp_path / "two.bvh", raising(2), 2)
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04rubbish")
    (tmp_path / "gmr.pkl").write_bytes(pickle.dumps({"dof_pos": np.zeros((4, 29))}))
    names = ["two.bvh", "broken.npz", "gmr.pkl", "absent.bvh", "walk.fbx", "good.bvh"]
    command = [*(str(tmp_path / name) for name in names), "--root", str(tmp_path / "set"), "--picture", "16", "--pictures", "png"]
    with pytest.raises(RecordingError, match="--instruction is empty"):
        mocap.main([*command, "--instruction", " "])
    assert mocap.main([*command, "--instruction", "raise the left hand"]) == 1
    out = capsys.readouterr().out
    for why in ("two.bvh: 2 frames, 0.03 s; at least 0.3 s", "broken.npz: not a readable .npz", "a pickle can run any code",
                "absent.bvh: no such file", "export it as BVH"):  # fmt: skip
        assert f"{why}" in out, why
    assert not list(tmp_path.glob(".*")) and (tmp_path / "set.motions" / "good.png").is_file()


# -- AMASS


def test_an_amass_file_is_read_with_its_rate(tmp_path):
    poses = np.zeros((120, 156), np.float64)
    poses[:, 3 * 16 + 1] = np.linspace(0.0, -np.pi / 2, 120)  # L_Shoulder about y: the level arm of the T-pose swings ahead
    poses[:, 3 * 17 + 2] = np.pi / 2  # R_Shoulder about z: the right arm hangs
    poses[:, :3] = (np.pi / 2, 0.0, 0.0)  # AMASS is z up
    path = tmp_path / "a_poses.npz"
    np.savez(path, poses=poses, trans=np.zeros((120, 3)), mocap_framerate=np.array(120.0), betas=np.zeros(16),
             gender=np.array("neutral"), dmpls=np.zeros((120, 8)))  # fmt: skip
    found = on_robot(path, MODEL, MotionReading(residual=180.0))
    captured = found.limbs[0]
    for limb, frame, along in (
        (("arm", "left"), -1, (1, 0, 0)),
        (("arm", "left"), 0, (0, 1, 0)),
        (("arm", "right"), 0, (0, 0, -1)),
        (("thigh", "left"), 0, (0, 0, -1)),
    ):
        assert captured[limb][frame] @ along > np.cos(np.radians(12.0)), limb
    assert found.slowed < 1.3 and len(found.q) * MODEL.dt == pytest.approx(1.0 * found.slowed, abs=0.1)
    np.savez(path, poses=poses[:, :72])
    with pytest.raises(RecordingError, match="it does not tell its rate .*--source-rate HZ"):
        on_robot(path, MODEL, HOW)
    np.savez(path, root_orient=poses[:, :3], pose_body=poses[:, 3:66], mocap_frame_rate=np.array(120.0))
    assert np.allclose(on_robot(path, MODEL, MotionReading(residual=180.0)).limbs[0]["arm", "left"], captured["arm", "left"])


def test_rotation_vectors_turn_as_euler_angles_do():
    angles = np.array((0.0, 1e-9, 0.7, -2.0))
    for axis in range(3):
        assert np.allclose(rotations_of(angles[:, None] * np.eye(3)[axis]), axis_rotations(angles, axis), atol=1e-8)


# -- joint trajectories


def arm_motion(frames: int = 50) -> np.ndarray:
    q = np.tile(MODEL.default, (frames, 1))
    q[:, PITCH] = np.linspace(0.0, -1.0, frames)
    return q


@pytest.mark.parametrize(
    "form", ["csv", "csv with time", "csv without names", "csv with a root", "npz", "npz of MuJoCo", "degrees"]
)
def test_trajectories_of_this_robot_keep_names_rate_and_units(tmp_path, form):
    q, how, head = arm_motion(), MotionReading(rate=25.0), ",".join(MODEL.joints)
    root = np.tile((0.0, 0.0, 0.8, 0.0, 0.0, 0.0, 1.0), (len(q), 1))
    path = tmp_path / ("a.npz" if form.startswith("npz") else "a.csv")
    if form == "csv":
        np.savetxt(path, q, delimiter=",", header=head, comments="")
    elif form == "csv with time":
        stamped, how = np.c_[np.arange(len(q)) / 25.0, q], HOW
        np.savetxt(path, stamped, delimiter=",", header=f"time,{head.replace('_joint', '')}", comments="")
    elif form == "csv without names":
        np.savetxt(path, q, delimiter=",")
    elif form == "csv with semicolons":
        np.savetxt(path, q, delimiter="; ", header=head.replace(",", "; "), comments="")
    elif form == "csv with a root":
        np.savetxt(path, np.c_[root, q], delimiter=",")
    elif form == "npz":
        order = np.arange(MODEL.n)[::-1]
        np.savez(path, joint_names=np.array(MODEL.joints)[order], joint_pos=q[:, order], fps=np.array(25))
        how = HOW
    elif form == "npz of MuJoCo":
        np.savez(path, joint_names=np.array(MODEL.joints), qpos=np.c_[root, q], fps=25.0)
        how = HOW
    else:
        np.savetxt(path, np.degrees(q), delimiter=",")
        with pytest.raises(RecordingError, match="radians are expected, or say --degrees"):
            on_robot(path, MODEL, how)
        how = MotionReading(rate=25.0, degrees=True)
    found = on_robot(path, MODEL, how)
    assert len(found.q) * MODEL.dt == pytest.approx(2.0, abs=0.1) and found.q[-1, PITCH] == pytest.approx(-1.0, abs=0.05)
    assert np.allclose(np.delete(found.q, PITCH, axis=1), np.delete(MODEL.default, PITCH)), "nothing else moves"


def test_trajectories_of_other_robots_and_unknown_ones_are_told(tmp_path):
    path = tmp_path / "a.csv"
    np.savetxt(path, arm_motion(), delimiter=",")
    with pytest.raises(RecordingError, match="it does not tell its rate .*--source-rate HZ"):
        on_robot(path, MODEL, HOW)
    np.savetxt(path, np.zeros((50, 12)), delimiter=",")
    with pytest.raises(RecordingError, match="12 columns without names; 22 or 29, 29 or 36 are known"):
        on_robot(path, MODEL, HOW)
    np.savetxt(path, np.zeros((50, 2)), delimiter=",", header="joint_a,joint_b", comments="")
    with pytest.raises(RecordingError, match="joints of another robot .joint_a, joint_b"):
        on_robot(path, MODEL, MotionReading(rate=30.0))
    np.savez(tmp_path / "isaac.npz", joint_pos=np.zeros((50, 29)), fps=np.array([50]), body_pos_w=np.zeros((50, 30, 3)))
    with pytest.raises(RecordingError, match="29 positions a frame without names; add joint_names"):
        on_robot(tmp_path / "isaac.npz", MODEL, HOW)
    q = arm_motion()
    q[20, 3] = np.nan
    np.savetxt(path, q, delimiter=",")
    with pytest.raises(RecordingError, match=f"frame 20: {MODEL.joints[3]} is not finite"):
        on_robot(path, MODEL, MotionReading(rate=30.0))


def test_lafan1_for_the_g1_goes_on_to_this_robot(tmp_path):
    q = np.zeros((60, 36))
    q[:, 6] = 1.0
    for name, value in (("left_shoulder_pitch_joint", -1.2), ("left_elbow_joint", 1.4), ("right_elbow_joint", 1.4)):
        q[:, 7 + g1_limbs.JOINTS.index(name)] = np.linspace(0.0 if "pitch" in name else value, value, 60)
    np.savetxt(tmp_path / "dance1_subject1.csv", q, delimiter=",")
    found = on_robot(tmp_path / "dance1_subject1.csv", MODEL, HOW)
    assert len(found.q) * MODEL.dt == pytest.approx(2.0, abs=0.15), "30 frames a second"
    assert found.q[-1, PITCH] == pytest.approx(-1.2, abs=0.25) and judged(found, HOW, "a") == []


def test_the_limbs_of_a_g1_are_those_of_its_model():
    """Against MuJoCo's kinematics of mjlab's model."""
    g1 = pytest.importorskip("mjlab.asset_zoo.robots.unitree_g1.g1_constants")
    model = mujoco.MjModel.from_xml_path(str(g1.G1_XML))
    data, rng = mujoco.MjData(model), np.random.default_rng(0)
    q = rng.uniform(-0.6, 0.6, (20, len(g1_limbs.JOINTS)))
    found = g1_limbs.directions(JointMotion(g1_limbs.JOINTS, 30.0, q), "a")
    for t, row in enumerate(q):
        for name, value in zip(g1_limbs.JOINTS, row, strict=True):
            data.qpos[model.joint(name).qposadr[0]] = value
        mujoco.mj_kinematics(model, data)
        trunk, hips = (data.body(name).xmat.reshape(3, 3) for name in ("torso_link", "pelvis"))
        ends = {"arm": ("shoulder_roll", "elbow", trunk), "forearm": ("elbow", "wrist_roll", trunk),
                "thigh": ("hip_roll", "knee", hips), "shank": ("knee", "ankle_pitch", hips)}  # fmt: skip
        for part, (near, far, frame) in ends.items():
            for side in ("left", "right"):
                along = frame.T @ (data.body(f"{side}_{far}_link").xpos - data.body(f"{side}_{near}_link").xpos)
                assert found[part, side][t] @ along / np.linalg.norm(along) > np.cos(np.radians(3.0)), (part, side)
