"""Robots that are a folder and nothing else: found from anywhere, used for everything, run as far as their parts go."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path

import mujoco
import numpy as np
import pytest
import yaml
from safetensors.numpy import save_file

from arbiter.errors import ConfigError
from arbiter.routing import Router
from arbiter.safety import SafetyLimits
from arbiter.skill import Skill
from deploy.drivers.sensors.balls import finder_of
from deploy.drivers.sensors.raycast import RayCaster, look_at
from deploy.drivers.sensors.sim_camera import SimCamera
from deploy.drivers.sensors.visible import not_drawn
from deploy.drivers.simulated.motors import ImplicitMotors
from deploy.drivers.simulated.scene import Scene
from deploy.drivers.simulated.simulated_robot import SimulatedRobot
from deploy.replay import main as replay
from deploy.robot import main as robot_command
from deploy.robots.collision import SelfCollision
from deploy.robots.description import description_dir, load_model
from deploy.robots.stability import unstable
from deploy.run import main as run_command
from deploy.runtime.robot_contract import check_robot_folder
from policies.fallback.policies import PolicyStand
from policies.locomotion.card import check_card
from skills.registry import load_skills
from tests import robots
from tests.onnx_policies import card_for, save_policy
from tests.sim.rig import SimRun

ROOT = Path(__file__).parents[2]


ARM_ENDS = '<site name="{side}_palm" pos="0 0 -0.12"/>'


def settings_for(folder, *more):
    return [f"robot={json.dumps(str(folder))}", *more]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Folders of the small robots by name."""
    place = tmp_path_factory.mktemp("small")
    return {make.__name__: make(place / make.__name__) for make in (robots.biped, robots.legs_first, robots.two_arms)}


@pytest.fixture(scope="module")
def arms_up(tmp_path_factory):
    """Settings: a chunk policy that has two arms in its hands and raises or lowers them."""
    file = tmp_path_factory.mktemp("motions") / "arms.safetensors"
    way = 2.9 * np.sin(np.linspace(0.0, np.pi / 2, 150))[:, None] * np.array([1.0, 0.0, 1.0, 0.0])
    motions = {"raise both arms": way, "lower both arms": way[-1] - way}
    save_file(motions, file, {"joints": json.dumps(robots.ARMS), "rate_hz": "50.0"})
    return f"policies.chunk={{kind: chunk, backend: recorded, path: {json.dumps(str(file))}}}"


# --- found and used ------------------------------------------------------------------------------------------------


def test_a_folder_is_used_for_everything_wherever_it_is_and_whatever_its_name(tmp_path, monkeypatch):
    folder = shutil.copytree(description_dir("berkeley_humanoid_lite"), tmp_path / "heavy")
    model = (folder / "model.xml").read_text()
    (folder / "model.xml").write_text(model.replace('mass="4.44401"', 'mass="44.4401"', 1))
    text = (folder / "robot.yaml").read_text()
    (folder / "robot.yaml").write_text(text.replace("name: berkeley_humanoid_lite", "name: heavy", 1))
    heavy = load_model(folder)
    body = SimulatedRobot(heavy)
    assert heavy.name == "heavy" and body.mj_model.body_subtreemass[1] == pytest.approx(16.331 + 39.996, abs=0.01)
    assert SelfCollision(heavy).pairs == SelfCollision(load_model()).pairs
    monkeypatch.chdir(tmp_path)
    assert load_model("heavy").folder == heavy.folder, "relative to where one stands"
    tree = tmp_path / "trees" / "mine.yaml"
    tree.parent.mkdir()
    shown = (description_dir().parents[1] / "trees" / "default.yaml").read_text()
    tree.write_text(shown.replace("robot: berkeley_humanoid_lite", "robot: ../heavy", 1))
    from deploy.runtime.config import load_tree

    monkeypatch.chdir("/")
    assert load_model(load_tree(str(tree)).robot).name == "heavy", "relative to the tree file"


def test_an_installed_package_brings_a_robot(tmp_path, monkeypatch, small):
    """The example's metadata on the path is what an installation leaves; a function may name the folder, too."""
    site = tmp_path / "site"
    info = site / "tiny_biped-0.1.0.dist-info"
    info.mkdir(parents=True)
    shutil.copytree(ROOT / "examples" / "tiny_biped" / "tiny_biped", site / "tiny_biped")
    (site / "tiny_robot.py").write_text(f"def folder():\n    return {str(small['biped'])!r}\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-biped\nVersion: 0.1.0\n")
    lines = ["[arbiter.robots]", "tiny_biped = tiny_biped", "tiny = tiny_robot:folder", "broken = no_such_module:x"]
    (info / "entry_points.txt").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(str(site))
    assert load_model("tiny").n == 6 and load_model("tiny_biped").name == "tiny_biped"
    assert check_robot_folder("tiny_biped") == []
    with pytest.raises(ConfigError, match=r"robot 'broken': entry point of group arbiter.robots: ModuleNotFoundError"):
        load_model("broken")
    with pytest.raises(ConfigError, match="no description by that name or path; known: .*tiny"):
        load_model("tinny")


def test_parts_are_found_in_the_model(small):
    model = load_model(small["legs_first"])
    groups = {name: [model.joints[i] for i in np.flatnonzero(mask)] for name, mask in model.groups.items()}
    assert groups["legs"] == robots.LEGS and groups["arms"] == robots.ARMS and groups["head"] == ["nod"]
    body = model.body
    assert [model.joints[i] for i in (*body.hips, *body.knees, *body.ankles)] == [
        f"{side}_{part}" for part in ("hip", "knee", "ankle") for side in ("left", "right")
    ]
    up = model.default.copy()
    up[model.index("left_lift")] = np.pi
    assert body.hand(up, "left") == pytest.approx((0.0, 0.09, 0.18 + 0.24), abs=1e-6)
    assert body.reach == pytest.approx(0.24, abs=1e-3) and body.shoulders == pytest.approx(0.18)


@pytest.mark.parametrize("height", [0.0, 0.4, 0.793, -3.0])
def test_the_root_body_may_be_at_any_height(tmp_path, height):
    text = robots.mjcf(robots.both(robots.LEG, 0.06), height=height)
    folder = robots.write(tmp_path / "biped", text, [robots.joint(name, "legs") for name in robots.LEGS])
    body = SimulatedRobot(load_model(folder), hanging=False)
    body.connect()
    for _ in range(50):
        body.step(0.02)
    assert body.loaded == pytest.approx(1.0, abs=0.2) and body.truth.torso_height < body.model.body.standing + 0.02


# --- limits and gains ----------------------------------------------------------------------------------------------


def test_the_robot_says_how_far_gains_may_go(tmp_path):
    joints = [robots.joint(name, "legs", kd_max=6.3) for name in robots.LEGS]
    model = load_model(robots.write(tmp_path / "biped", robots.mjcf(robots.both(robots.LEG, 0.06)), joints))
    assert SafetyLimits.from_model(model).kd.tolist() == [6.3] * 6 and SafetyLimits.from_model(model).kp.tolist() == [80.0] * 6
    check_card(card_for(model, kd=(6.3,) * 6), model, "walk.onnx")
    with pytest.raises(ConfigError, match="kd of left_hip is 6.4; the robot allows 0 to 6.3"):
        check_card(card_for(model, kd=(6.4, *(6.3,) * 5)), model, "walk.onnx")


def test_damping_that_explicit_motors_cannot_take_is_implicit_and_named(tmp_path):
    folder = robots.legs_first(tmp_path / "stiff")
    text = yaml.safe_load((folder / "robot.yaml").read_text())
    text["joints"][-1] |= {"kd": 10.0, "armature": 0.001}
    (folder / "robot.yaml").write_text(yaml.safe_dump(text))
    with SimRun(settings=settings_for(folder)) as run:
        assert isinstance(run.robot._motors, ImplicitMotors) and unstable(run.robot.mj_model, run.model, 0.002)[0] == "nod"
        run.wait(2.0)
        assert run.arbiter.world.ready and np.abs([truth.joint_vel[-1] for truth in run.truth]).max() < 3.0
        assert run.broken_limits() == []


# --- they run what they can ----------------------------------------------------------------------------------------


def test_a_biped_without_arms_stands_and_tells_what_it_cannot_do(small, tmp_path, capsys):
    log = tmp_path / "log"
    words = ["--say", "wave your right hand", "--for", "5", "--log", str(log)]
    assert run_command(["--robot", str(small["biped"]), "--fast", *words]) == 0
    told = capsys.readouterr().out
    assert "stands by itself" in told and "no skill is loaded" in told and "0 falls" in told
    assert "left out: wave_right, wave_left, raise_arms, lower_arms, point_at, touch_ball (the robot biped has no arms)" in told
    assert replay([str(log), "--plot", str(tmp_path / "plot.png")]) == 0 and (tmp_path / "plot.png").stat().st_size > 1000
    assert replay([str(log), "--verify"]) == 0


def test_legs_first_raises_its_arms_and_not_its_legs(small, arms_up):
    with SimRun(settings=settings_for(small["legs_first"], arms_up)) as run:
        assert set(run.arbiter.executor.skills) >= {"raise_arms", "lower_arms", "wave_left"}
        item = run.say("raise your arms")
        assert str(item.result) == "succeeded", item.reason
        legs, truth = run.model.groups["legs"], run.truth[-1]
        assert truth.hands[:, 2].min() > truth.base_pos[2] + run.model.body.head
        assert np.abs(truth.joint_pos - run.model.default)[legs].max() < 0.1
        owners = dict(zip(run.model.joints, run.reports[-1].owners, strict=True))
        assert owners["left_lift"] == "chunk" and owners["nod"] == "rest" and owners["left_knee"] == "stand"
        item = run.say("lower your arms")
        assert str(item.result) == "succeeded", item.reason
        run.arbiter.safety.stop("a test", "settle")
        run.wait(3.0)
        assert run.falls == 0 and set(run.reports[-1].owners) == {"stand", "rest"}


def test_two_arms_on_a_table_need_no_legs(small, arms_up):
    with SimRun(settings=settings_for(small["two_arms"], arms_up)) as run:
        assert run.now < 4.0 and "walk_forward" not in run.arbiter.executor.skills
        item = run.say("raise your arms")
        assert str(item.result) == "succeeded", item.reason
        assert run.truth[-1].hands[:, 2].min() > 0.3 and run.truth[-1].foot_force.shape == (0,)
        run.say("stop")
        run.arbiter.inbox.damp("a test")
        run.wait(1.0)
        assert run.reports[-1].command.kp.max() == 0.0


def test_walks_have_the_speeds_of_the_robot(tmp_path):
    skills = load_skills(robot=load_model(robots.biped(tmp_path / "quick", speeds={"sideways": [0.2, 0.3, 0.6]}))).skills
    speeds = {name: skills[name].parameters[0] for name in ("sidestep_left", "sidestep_right", "walk_forward")}
    assert [(one.low, one.default, one.high) for one in speeds.values()] == [(0.2, 0.3, 0.6)] * 2 + [(0.1, 0.35, 0.5)]
    assert "sidestep_left" not in load_skills(robot=load_model(robots.two_arms(tmp_path / "arms"))).skills


class Nod(Skill):
    name, joints, policy = "nod", "head", "stand"
    utterances = ("nod your head", "nod", "say yes with your head")


class Flap(Skill):
    name, joints, policy = "flap", "arms", "rest"
    utterances = ("flap your arms", "flap", "flap them like wings")


@pytest.fixture
def walker(tmp_path):
    """A biped whose folder holds a policy; what it asks for is its default posture, a little nearer to where the legs are."""
    folder = robots.biped(tmp_path / "walker", stand="locomotion")
    model = load_model(folder)
    card = card_for(model, action_scale=(0.1,) * model.n)
    weights = np.zeros((card.observation_size, model.n))
    weights[9 : 9 + model.n] = np.eye(model.n)
    (folder / "policies").mkdir()
    save_policy(folder / "policies" / "locomotion.onnx", card, weights)
    return folder


def test_a_policy_at_zero_velocity_stands(walker):
    with SimRun(settings=settings_for(walker)) as run:
        assert run.arbiter.world.ready and set(run.reports[-1].owners) == {"locomotion"}
        early = next(report for report in run.reports if report.command.kp.any())
        assert set(early.owners) == {"stand"}, "out of the harness as well"
        run.arbiter.safety.stop("a test", "settle")
        run.wait(3.0)
        assert set(run.reports[-1].owners) == {"stand"} and run.falls == 0 and run.robot.loaded > 0.8
        stand = run.arbiter.bank.fallback("stand")
        assert isinstance(stand, PolicyStand) and stand.carries


def test_a_policy_that_fails_leaves_the_stand_to_another_session(walker, monkeypatch):
    with SimRun(settings=settings_for(walker)) as run:
        policy = run.arbiter.bank.players("locomotion")[0]
        monkeypatch.setattr(policy, "act", lambda *_: 1 / 0)
        run.wait(6.0)
        assert set(run.reports[-1].owners) == {"stand"} and run.falls == 0


def test_a_stand_that_is_not_there_is_told(tmp_path):
    folder = robots.biped(tmp_path / "biped", stand="dancing")
    assert any("stand is 'dancing'" in line and "dancing.onnx" in line for line in check_robot_folder(folder))


def test_skills_of_any_groups_that_share_no_joint_run_at_once(small):
    model = load_model(small["legs_first"])
    route = Router([Nod(), Flap()], groups=model.groups).route("nod your head and flap your arms")
    assert [[call.skill for call in step] for step in route.steps] == [["nod", "flap"]]
    shared = Router([Nod(), Flap()], groups={"head": model.groups["arms"], "arms": model.groups["arms"]})
    assert len(shared.route("nod your head and flap your arms").steps) == 2


def test_any_mjcf_as_it_is(tmp_path):
    """Bodies without names, position motors, a keyframe, a floor and a light of its own, a locked finger."""
    text = robots.mjcf(robots.both(robots.LEG, 0.06), robots.both(robots.ARM, 0.09), robots.HEAD, height=0.37)
    finger = '<body><joint name="finger" axis="1 0 0" range="-1 1"/><geom size="0.005" mass="0.01"/></body>'
    text = text.replace('<body name="left_upper"', "<body").replace('<site name="left_palm"', finger + '<site name="left_palm"')
    text = text.replace("<worldbody>", '<worldbody><light pos="0 0 3"/><geom name="floor" type="plane" size="1 1 1"/>')
    motors = "".join(f'<position name="m_{name}" joint="{name}" kp="7"/>' for name in (*robots.ARMS, *robots.LEGS))
    places = " ".join(["0 0 0.37 1 0 0 0", *(["0"] * 12)])
    text = text.replace("</mujoco>", f'<actuator>{motors}</actuator><keyframe><key qpos="{places}"/></keyframe></mujoco>')
    joints = [robots.joint(name, "legs") for name in robots.LEGS] + [
        robots.joint(name, "arms", 10.0, 0.3) for name in robots.ARMS
    ]
    folder = robots.write(tmp_path / "odd", text, [*joints, robots.joint("nod", "head", 5.0, 0.2)], fixed=["finger"])
    assert check_robot_folder(folder) == []


def test_ready_only_on_loaded_feet(small, monkeypatch):
    monkeypatch.setattr(SimulatedRobot, "loaded", property(lambda robot: 0.2))
    with SimRun(settings=settings_for(small["biped"])) as run:
        assert not run.arbiter.world.ready and run.robot.supported == 0.0


def test_parts_that_touch_name_the_joints_to_stop(small):
    model = load_model(small["legs_first"])
    q = model.default.copy()
    q[model.index("left_knee")], q[model.index("right_hip")] = 1.9, 0.0
    check = SelfCollision(model)
    assert {name for pair in check.pairs for name in pair} <= {*model.joints, "trunk"} and not check(model.default)


# --- pictures ------------------------------------------------------------------------------------------------------

CUBE = " ".join(f"{x} {y} {z}" for x in (-0.2, 0.2) for y in (-0.1, 0.1) for z in (-0.3, 0.3))


def picture(shape, asset=""):
    floor = '<geom name="floor" type="plane" size="0 0 0.1"/>'
    text = f'<mujoco><asset>{asset}</asset><worldbody>{floor}<body pos="0 0 0.5"><freejoint/>{shape}</body></worldbody></mujoco>'
    mj = mujoco.MjModel.from_xml_string(text)
    data = mujoco.MjData(mj)
    mujoco.mj_kinematics(mj, data)
    eye = np.array((1.5, 1.0, 1.0))
    caster = RayCaster(mj, 120, 90, 0.8, shadows=True)
    return mj, caster.render(data, eye, look_at(eye, np.array((0.0, 0.0, 0.5))))


def test_a_mesh_is_drawn_as_the_shape_that_it_is():
    _, box = picture('<geom type="box" size="0.2 0.1 0.3" rgba="1 0 0 1"/>')
    mj, mesh = picture('<geom type="mesh" mesh="cube" rgba="1 0 0 1"/>', f'<mesh name="cube" vertex="{CUBE}"/>')
    off = np.abs(box.astype(int) - mesh).max(axis=2) > 12
    assert off.mean() < 0.01 and (box[..., 0] > box[..., 2] + 40).mean() > 0.1 and not_drawn(mj) == []


def test_what_no_picture_shows_is_named(tmp_path):
    mj, _ = picture('<geom type="box" size="0.2 0.1 0.3" group="3"/>')
    assert len(not_drawn(mj)) == 1
    folder = robots.biped(tmp_path / "hidden")
    model = (folder / "model.xml").read_text()
    (folder / "model.xml").write_text(model.replace('name="chest"', 'name="chest" group="3"'))
    with SimRun(settings=settings_for(folder)) as run:
        assert "warning: not drawn in film and camera: trunk" in run.assembly.notes


def test_its_own_eye_finds_a_ball_where_it_is(small):
    robot = SimulatedRobot(load_model(small["legs_first"]), scene=Scene(balls={"red": (0.6, 0.1, 0.5)}), hanging=False)
    camera, truth = SimCamera(robot.mj_model, camera=robot.head_camera), robot.truth
    found = finder_of(robot.model).find(camera.render(robot.pose))
    assert found["red"] == pytest.approx(truth.balls["red"] - truth.base_pos, abs=0.02)


# --- the contract --------------------------------------------------------------------------------------------------


def test_folders_that_keep_the_contract(small):
    for folder in small.values():
        assert check_robot_folder(folder) == []
    assert check_robot_folder("berkeley_humanoid_lite", stands=False) == []


def swapped(text):
    text["joints"][0], text["joints"][1] = text["joints"][1], text["joints"][0]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (swapped, "joint 0 of model.xml is 'left_hip', of robot.yaml 'left_knee'; list them in the order of the model"),
        (lambda text: text["joints"].pop(), "joints that robot.yaml does not list: right_ankle"),
        (lambda text: text["joints"][0].update(name="left_hop"), "model.xml has no joint 'left_hop'; it has: left_hip"),
        (lambda text: text.update(model="robot.xml"), r"model .*robot.xml: no such file"),
        (lambda text: text.update(model="package:no_such_package/a.xml"), "no package 'no_such_package' is installed here"),
        (lambda text: text["joints"][0].update(default=1.2), "the soles are at different heights"),
        (lambda text: text["joints"][0].update(kd_max=0.1), "kd_max 0.1 is below kd 1.0"),
        (lambda text: text.update(roles={"feet": ["left_foot"]}), "roles.feet: no body 'left_foot'; there are: trunk"),
        (lambda text: text.update(roles={"head_camera": "eye"}), "roles.head_camera: no camera 'eye'; there are: none"),
        (lambda text: text.update(groups={"legs": ["left"]}), "groups.legs: no joint has the group 'left'"),
        (
            lambda text: text.update(speeds={"forwards": [0.1, 0.2, 0.3]}),
            "speeds.forwards is .*of forward, backward, sideways, turn",
        ),
        (lambda text: text.update(speeds={"turn": [0.5, 0.2, 0.3]}), "speeds.turn is .*least, usual and largest are expected"),
        (lambda text: [one.update(group="wheels") for one in text["joints"]], "no joint is of group legs, which carry a robot"),
        (lambda text: text.update(total_mass=5.0), r"2.30 kg; total_mass is 5"),
        (lambda text: text.update(standing="x"), "unknown key 'standing'; did you mean 'stand'?"),
    ],
)
def test_a_folder_that_does_not_keep_it(tmp_path, change, error):
    folder = robots.biped(tmp_path / "biped")
    text = yaml.safe_load((folder / "robot.yaml").read_text())
    change(text)
    (folder / "robot.yaml").write_text(yaml.safe_dump(text))
    found = check_robot_folder(folder, stands=False)
    assert any(re.search(error, line) for line in found), found


def test_a_robot_that_falls_does_not_keep_it(tmp_path):
    joints = [robots.joint(name, "legs", kp=1.0, kd=0.05) for name in robots.LEGS]
    folder = robots.write(tmp_path / "torqueless", robots.mjcf(robots.both(robots.LEG, 0.06)), joints)
    (stand,) = [line for line in check_robot_folder(folder) if line.startswith("stand: ")]
    assert "Its ankles have kp 1;" in stand and "N·m/rad each would hold its weight" in stand and "`stand: locomotion`" in stand


def test_a_draft_from_a_bare_model(tmp_path, capsys):
    (tmp_path / "plain.xml").write_text(robots.mjcf(robots.both(robots.LEG, 0.06), robots.both(robots.ARM, 0.09), robots.HEAD))
    folder = tmp_path / "plain"
    assert robot_command(["new", str(tmp_path / "plain.xml"), str(folder)]) == 0
    model = load_model(folder)
    assert {name: int(mask.sum()) for name, mask in model.groups.items()} == {"legs": 6, "arms": 5, "whole_body": 11}
    assert (model.lower < model.upper).all() and "guessed: effort, kp, kd" in (folder / "robot.yaml").read_text()
    assert robot_command(["check", str(folder), "--no-stand"]) == 0
    assert "ok      groups: legs (6), arms (5)" in capsys.readouterr().out
    assert robot_command(["new", str(tmp_path / "plain.xml"), str(folder)]) == 2 and "is there already" in capsys.readouterr().err


def test_a_draft_tells_fingers_from_arms(tmp_path):
    finger = """
        <body name="{side}_{name}" pos="0.02 {y} -0.12">
          <joint name="{side}_{name}_0_joint" axis="0 1 0" range="-1 0"/>
          <geom type="capsule" fromto="0 0 0 0 0 -0.04" size="0.006" mass="0.01"/>
        </body>"""
    hand = ARM_ENDS + "".join(
        finger.format(side="{side}", name=name, y=0.02 * i) for i, name in enumerate(("hand_index", "hand_middle", "spring"))
    )
    arm = robots.ARM.replace(ARM_ENDS, hand)
    (tmp_path / "plain.xml").write_text(robots.mjcf(robots.both(robots.LEG, 0.06), robots.both(arm, 0.09)))
    assert robot_command(["new", str(tmp_path / "plain.xml"), str(tmp_path / "plain")]) == 0
    model = load_model(tmp_path / "plain")
    fingers = [name for name in model.joints if "hand_" in name]
    assert len(fingers) == 4 and model.groups["hands"].sum() == 4
    assert all(model.groups["hands"][model.index(name)] for name in fingers)
    assert model.groups["arms"].sum() == 6  # a joint called spring is no ring finger


def test_a_model_without_a_folder_is_still_a_model():
    assert dataclasses.replace(load_model(), folder=None).body is not None
