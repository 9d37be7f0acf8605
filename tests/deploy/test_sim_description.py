"""The robot's model against the published figures, written down here by hand."""

import re

import mujoco
import numpy as np
import pytest

from arbiter.errors import ConfigError
from deploy.drivers.simulated.scene import Scene, compile_scene
from deploy.robots.berkeley_humanoid_lite.build import HERE, build
from deploy.robots.description import description_dir, load_model

MODEL = load_model()


@pytest.fixture(scope="module")
def mj() -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_path(str(description_dir() / "model.xml"))


def at(mj, **angles) -> mujoco.MjData:
    """The robot with its base at the origin and every joint at zero but those given."""
    data = mujoco.MjData(mj)
    for joint, angle in angles.items():
        data.qpos[mj.joint(joint).qposadr[0]] = angle
    mujoco.mj_kinematics(mj, data)
    return data


def test_model_xml_is_what_the_yaml_files_make():
    """Up to the last places of its numbers, in which MuJoCo's versions and processors differ."""
    kept, made = (HERE / "model.xml").read_text(), build()
    number = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e-?\d+)?(?![\w.])")
    assert number.sub("0", kept) == number.sub("0", made), "run python -m deploy.robots.berkeley_humanoid_lite.build"
    values = [np.array([float(value) for value in number.findall(text)]) for text in (kept, made)]
    np.testing.assert_allclose(*values, atol=1e-7)


def test_total_mass(mj):
    assert mj.body_mass.sum() == pytest.approx(16.331, abs=1e-3)


def test_joints_ranges_and_motors(mj):
    names = [mj.joint(i).name for i in range(1, mj.njnt)]
    assert tuple(names) == MODEL.joints == tuple(mj.actuator(i).name for i in range(mj.nu))
    np.testing.assert_allclose(mj.jnt_range[1:], np.column_stack((MODEL.lower, MODEL.upper)), atol=1e-6)
    np.testing.assert_allclose(mj.jnt_actfrcrange[1:, 1], np.where(MODEL.groups["arms"], 4.0, 6.0))
    np.testing.assert_allclose(mj.dof_armature[6:], 0.005)
    np.testing.assert_allclose(mj.dof_frictionloss[6:], 0.1)


def test_forward_kinematics_with_straight_legs(mj):
    data = at(mj)
    # Sums of the published offsets along each limb.
    np.testing.assert_allclose(data.body("leg_left_knee_pitch").xpos, (-0.0104, 0.0350, 0.2999), atol=2e-3)
    np.testing.assert_allclose(data.body("leg_left_ankle_roll").xpos, (0.0196, 0.0570, 0.0899), atol=2e-3)
    np.testing.assert_allclose(data.body("arm_left_shoulder_roll").xpos, (0.0255, 0.1760, 0.764028), atol=1e-6)
    np.testing.assert_allclose(data.body("imu_2").xpos, (0.061722, 0.0, 0.68), atol=1e-6)


def test_a_knee_swings_the_foot_on_a_circle(mj):
    """Shank of 0.16 m between knee and ankle: bent by 90 degrees it lies level, foot behind."""
    straight, bent = at(mj), at(mj, leg_left_knee_pitch_joint=np.pi / 2)
    knee = straight.body("leg_left_knee_pitch").xpos
    down = straight.body("leg_left_ankle_pitch").xpos - knee
    back = bent.body("leg_left_ankle_pitch").xpos - knee
    assert down[2] == pytest.approx(-0.16, abs=1e-3) and back[0] == pytest.approx(-0.16, abs=1e-3)
    assert back[2] == pytest.approx(0.0, abs=2e-3)


def test_the_two_sides_mirror(mj):
    left = at(mj, arm_left_shoulder_pitch_joint=-1.0, arm_left_elbow_pitch_joint=0.7)
    right = at(mj, arm_right_shoulder_pitch_joint=1.0, arm_right_elbow_pitch_joint=-0.7)
    np.testing.assert_allclose(left.site("hand_left").xpos, right.site("hand_right").xpos * (1, -1, 1), atol=2e-3)


def test_what_is_seen_weighs_and_touches_nothing(mj):
    seen = mj.geom_group == 2
    assert seen.sum() > 60 and {3, 5} <= set(mj.geom_group.tolist())
    assert not mj.geom_contype[seen].any() and not mj.geom_conaffinity[seen].any()
    apart = mj.geom_group == 5
    assert not mj.geom_contype[apart].any() and not mj.geom_conaffinity[apart].any()


def test_feet_are_the_figures_boxes(mj):
    for side in ("left", "right"):
        foot = mj.geom(f"leg_{side}_ankle_roll_collision")
        np.testing.assert_allclose(foot.size, (0.036, 0.11, 0.02))
        assert foot.friction[0] == 1.0


def test_every_problem_of_a_robot_file_at_once(tmp_path):
    text = (description_dir() / "robot.yaml").read_text()
    text = text.replace("lower: 0.0, upper: 2.443461", "lower: 3.0, upper: 2.443461", 1).replace("control_hz", "control_hs")
    (tmp_path / "robot.yaml").write_text(text)
    with pytest.raises(ConfigError) as error:
        load_model(str(tmp_path))
    assert "unknown key 'control_hs'; did you mean 'control_hz'?" in str(error.value)
    assert "joint leg_left_knee_pitch_joint: lower 3.0 is not below upper 2.443461" in str(error.value)


def test_unknown_robot():
    with pytest.raises(ConfigError, match="robot 'g1': no description by that name or path; known: berkeley_humanoid_lite"):
        load_model("g1")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"friction": float("nan")}, "friction nan; 0 to 5 is possible"),
        ({"payload": (0.0, 9.0)}, "payload .* 0 to 5 kg a hand is possible"),
        ({"balls": {"pink": (0, 0, 0)}}, "no ball of colour 'pink'; there are: red, green, blue"),
        ({"balls": {"red": (0, 0)}}, "the red ball's centre is .*three numbers from -100 to 100 m"),
    ],
)
def test_a_wrong_scene(options, text):
    with pytest.raises(ConfigError, match=text):
        Scene(**options)


def test_payload_and_friction_arrive():
    scene = compile_scene(MODEL.name, Scene(friction=0.3, payload=(0.5, 0.0)), 0.002)
    bare = compile_scene(MODEL.name, Scene(), 0.002)
    hand = "arm_left_hand_link"
    assert scene.body(hand).mass[0] - bare.body(hand).mass[0] == pytest.approx(0.5)
    assert scene.geom("floor").friction[0] == pytest.approx(0.3) and scene.geom("floor").priority[0] == 1
