"""Terms against cases worked out by hand, the reference gait, and left-right symmetry of all of them."""

from __future__ import annotations

from tests.needs import needs

pytestmark = needs("train", "torch")

import math
from dataclasses import fields

import pytest
import torch

from policies.locomotion.gait_clock import at_rest
from training.locomotion import gait, terms
from training.locomotion.gait import GaitConfig
from training.locomotion.state import LEFT, RIGHT, BatchState
from training.locomotion.symmetry import SymmetricModel, actor_mirror, critic_mirror, joint_mirror
from training.locomotion.task import Task, TaskConfig, rewards
from training.locomotion.velocity_commands import Commands

GAIT = GaitConfig()


@pytest.fixture(scope="module")
def task() -> Task:
    return Task(TaskConfig())


def state(**values) -> BatchState:
    s = BatchState.zeros(1, 12)
    for name, value in values.items():
        setattr(s, name, torch.tensor([value]))
    return s


def random_state(n: int, m: int) -> BatchState:
    torch.manual_seed(0)
    s = BatchState.zeros(n, m)
    for f in fields(s):
        setattr(s, f.name, torch.randn_like(getattr(s, f.name)))
    s.phase, s.foot_force = s.phase.abs() % gait.TWO_PI, 40.0 * s.foot_force.abs()
    s.gravity = s.gravity / s.gravity.norm(dim=-1, keepdim=True)
    s.command[::4] = 0.0
    return s


def mirrored(s: BatchState, joints: tuple[str, ...]) -> BatchState:
    """The same situation seen in a mirror, written out independently of symmetry.py's observation maps."""
    j = joint_mirror(joints)
    polar, axial = torch.tensor([1.0, -1.0, 1.0]), torch.tensor([-1.0, 1.0, -1.0])
    planar = torch.tensor([1.0, -1.0, -1.0])
    out = BatchState.zeros(len(s.height), len(joints))
    for name in ("joint_pos", "joint_vel", "torque", "torque_excess", "action", "last_action", "last_last_action"):
        setattr(out, name, j(getattr(s, name)))
    for name, sign in (
        ("command", planar),
        ("mean_vel", planar),
        ("gravity", polar),
        ("lin_vel", polar),
        ("ang_vel", axial),
        ("foot_gap", torch.tensor([-1.0, 1.0])),
    ):
        setattr(out, name, getattr(s, name) * sign)
    for name in ("foot_height", "foot_vel", "foot_force", "contact_time"):
        setattr(out, name, getattr(s, name)[:, [RIGHT, LEFT]])
    out.phase, out.height, out.dynamics = (s.phase + math.pi) % gait.TWO_PI, s.height, s.dynamics
    out.self_distance = s.self_distance
    return out


# --- terms ------------------------------------------------------------------------------------------------------


def test_tracking_is_one_at_the_command_and_falls_off_with_the_kernel():
    at = state(command=[0.3, 0.0, 0.5], mean_vel=[0.3, 0.0, 0.5])
    off = state(command=[0.3, 0.0, 0.5], mean_vel=[0.1, 0.0, 0.3])
    assert terms.track_lin_vel_xy_exp(at, 0.04).item() == pytest.approx(1.0)
    assert terms.track_lin_vel_xy_exp(off, 0.04).item() == pytest.approx(math.exp(-1.0))
    assert terms.track_ang_vel_z_exp(off, 0.08).item() == pytest.approx(math.exp(-0.5), rel=1e-5)
    assert terms.lin_vel_xy_l1(off).item() == pytest.approx(0.2)


def test_a_loaded_swing_foot_costs_by_its_phase():
    quarter = state(command=[0.3, 0.0, 0.0], phase=math.pi / 2, foot_force=[60.0, 90.0])  # the left leg swings
    assert terms.swing_contact(quarter).item() == pytest.approx(1.0)
    quarter.foot_force = torch.tensor([[0.0, 150.0]])
    assert terms.swing_contact(quarter).item() == 0.0
    assert terms.stance_no_contact(quarter).item() == 0.0


def test_standing_costs_every_foot_in_the_air_and_no_swing():
    s = state(command=[0.0, 0.0, 0.0], phase=math.pi / 2, foot_force=[0.0, 160.0])
    assert terms.swing_contact(s).item() == 0.0
    assert terms.stance_no_contact(s).item() == 1.0


def test_clearance_is_full_at_its_target_height():
    s = state(command=[0.3, 0.0, 0.0], phase=math.pi / 2, foot_height=[0.02, 0.0])
    assert terms.foot_clearance(s).item() == pytest.approx(0.5)
    s.foot_height = torch.tensor([[0.3, 0.0]])
    assert terms.foot_clearance(s).item() == pytest.approx(1.0)


@pytest.mark.parametrize(("gap", "cost"), [(0.06, 0.06), (0.12, 0.0), (0.16, 0.0), (0.20, 0.04)])
def test_feet_too_close_or_too_far_apart_cost(gap, cost):
    assert terms.stance_width(state(foot_gap=[0.0, gap])).item() == pytest.approx(cost, abs=1e-6)


def test_action_terms_are_first_and_second_differences():
    s = BatchState.zeros(1, 12)
    s.action[0, 0], s.last_action[0, 0], s.last_last_action[0, 0] = 3.0, 2.0, 0.0
    assert terms.action_rate_l2(s).item() == 1.0
    assert terms.action_acc_l2(s).item() == 1.0


@pytest.mark.parametrize(
    ("lean", "height", "fell"), [(0.79, 0.0, False), (0.81, 0.0, True), (0.0, -0.14, False), (0.0, -0.16, True)]
)
def test_a_fall_is_a_lean_or_a_drop(lean, height, fell):
    assert terms.has_fallen(state(gravity=[math.sin(lean), 0.0, -math.cos(lean)], height=height)).item() is fell


@pytest.mark.parametrize(("seconds", "stuck"), [(0.99, False), (1.01, True)])
def test_a_foot_that_never_leaves_the_floor_ends_the_episode(seconds, stuck):
    assert terms.is_stuck(state(contact_time=[0.1, seconds])).item() is stuck


def test_observation_widths_and_order(task):
    s = random_state(2, 12)
    obs = terms.actor_observation(s)
    assert obs.shape == (2, 47)
    assert torch.equal(obs[:, :3], s.command) and torch.equal(obs[:, 3:6], s.ang_vel) and torch.equal(obs[:, 33:45], s.action)
    assert torch.allclose(obs[:, 45:], torch.stack((s.phase.sin(), s.phase.cos()), -1) * gait.moving(s.command)[:, None])
    assert terms.critic_observation(s).shape == (2, 66)


def test_power_counts_what_the_motors_give_not_what_they_take_back():
    s = state(torque=[2.0, -3.0, 1.0] + [0.0] * 9, joint_vel=[3.0, 1.0, 2.0] + [1.0] * 9)
    assert terms.joint_power(s).item() == pytest.approx(8.0)


def test_only_what_motors_cannot_give_is_overreach():
    assert terms.torque_excess_l2(state(torque=[6.0] * 12)).item() == 0.0
    assert terms.torque_excess_l2(state(torque_excess=[3.0, -4.0] + [0.0] * 10)).item() == pytest.approx(25.0)


# --- gait -------------------------------------------------------------------------------------------------------


def legs_at(command, sine: float, cosine: float, shape: GaitConfig, gravity=(0.0, 0.0, -1.0), spin=(0.0, 0.0, 0.0)):
    rows = (torch.tensor([row]) for row in (command, (sine, cosine), gravity, spin))
    return gait.reference(*rows, torch.zeros(1, 12), shape)[0]


def test_joints_near_the_ends_of_their_ranges_count_in_legs_that_carry():
    lower, upper, legs = torch.full((12,), -0.5), torch.full((12,), 1.0), torch.arange(12)
    left = [-0.45, 0.97, -0.38, 0.88, 1.02, 0.0]  # 0.07 and 0.09 inside the band, at its edge twice, 0.14 with 0.02 beyond
    near = left + [0.95] + [0.0] * 5

    def penalty(force):
        return terms.joint_pos_limits(state(joint_pos=near, foot_force=force), legs, lower, upper).item()

    assert penalty([80.0, 0.0]) == pytest.approx(0.07 + 0.09 + 0.14)
    assert penalty([0.0, 80.0]) == pytest.approx(0.07)
    assert penalty([80.0, 80.0]) == pytest.approx(0.07 + 0.09 + 0.14 + 0.07)
    assert penalty([0.0, 0.0]) == 0.0


def test_bracing_counts_only_ankles_and_only_while_standing():
    torque, ankles = [5.0] * 4 + [3.0] + [5.0] * 5 + [-4.0, 5.0], torch.tensor([4, 10])
    assert terms.stand_ankle_torque(state(torque=torque), ankles).item() == pytest.approx(25.0)
    assert terms.stand_ankle_torque(state(torque=torque, command=[0.3, 0.0, 0.0]), ankles).item() == 0.0


def test_command_and_clock_of_the_training_are_those_of_the_robot(task):
    import numpy as np

    from arbiter.types import Request, RobotState, frozen
    from policies.locomotion.observation import ObservationBuilder
    from training.locomotion.export import card_of

    model, upright = task.model, frozen((1.0, 0.0, 0.0, 0.0))
    builder = ObservationBuilder(card_of(task, "x", "1"), model)
    builder.reset(RobotState(0.0, model.default, frozen(np.zeros(22)), upright, frozen(np.zeros(3)), np.zeros(22)))
    s, commands, stands = BatchState.zeros(1, 12), Commands(1), []
    task.enter(1.0)
    commands.reset(task, s, torch.tensor([0]))
    commands.time_left[:] = 1e9
    assert task.ticks_in_place == 32
    for speed, yaw, roll, ticks in (
        (0.0, 0.0, 0.0, 3),
        (0.3, -0.5, 0.0, 40),
        (0.0, 0.0, 0.0, 80),
        (-0.2, 0.0, 0.0, 7),
        (0.0, 0.0, 0.0, 2),
        (0.3, 0.4, 0.0, 30),
        (0.0, 0.0, 0.0, 80),
        (0.0, 0.0, -0.5, 2),  # it tips over to the left, and steps
        (0.0, 0.0, 0.0, 80),
        (0.0, 0.0, 0.5, 2),
        (0.0, 0.0, 0.0, 80),
    ):
        s.ang_vel = torch.tensor([[roll, 0.0, 0.0]])
        state = RobotState(0.0, model.default, frozen(np.zeros(22)), upright, frozen((roll, 0.0, 0.0)), np.zeros(22))
        for tick in range(ticks):
            asked = (speed, 0.0, yaw)
            commands.target[:] = torch.tensor(asked)
            commands.follow(task, s)
            builder.update(state, Request(velocity=frozen(asked)))
            clock = torch.stack((s.phase.sin(), s.phase.cos()), -1).numpy()
            np.testing.assert_allclose(builder.vector[0, :3], s.command[0].numpy() * task.config.gain, atol=1e-5)
            np.testing.assert_allclose(builder.vector[0, -2:], clock[0], atol=1e-4)
            if roll and not tick:
                assert s.command.any() and s.phase.item() == pytest.approx(math.pi if roll < 0.0 else 0.0)
            if not s.command.any():
                assert at_rest(torch, s.phase, math.pi).all()  # nobody stands in the middle of a step
                stands.append(tick)
            builder.acted(np.zeros(12))
            commands.advance(task, s)
    assert 90 < len(stands) < 200


def test_without_a_command_the_reference_stands_whatever_the_clock_says():
    legs = legs_at((0.0, 0.0, 0.0), 1.0, 0.0, GAIT)
    assert legs[[2, 3, 4]].tolist() == pytest.approx(GAIT.stand) and legs[[0, 1, 5]].abs().max() == 0.0
    torch.testing.assert_close(legs[:6], legs[6:])
    torch.testing.assert_close(legs, legs_at((0.0, 0.0, 0.0), 0.0, -1.0, GAIT))


def test_who_stands_and_leans_forward_pushes_back_with_the_toes():
    legs = legs_at((0.0, 0.0, 0.0), 0.0, 1.0, GAIT, (0.05, 0.0, -1.0))
    assert legs[4] > GAIT.stand[2] + 0.1 and legs[10] > GAIT.stand[2] + 0.1


def test_a_quarter_into_the_cycle_only_the_left_leg_is_lifted():
    legs = legs_at((0.3, 0.0, 0.0), 1.0, 0.0, gait.PLAIN)
    ahead = 0.42 * 0.3 * 0.1 * 2.0 * math.pi / gait.PLAIN.period  # targets lead by 0.1 s
    assert legs[:6].tolist() == pytest.approx([0.0, 0.0, -0.4 - ahead, 0.8, -0.4 + ahead, 0.0])
    assert legs[6:].tolist() == pytest.approx([-0.28, -0.28, ahead, 0.0, -ahead, 0.0])


def test_a_leg_that_lands_is_in_front_when_walking_forward():
    legs = legs_at((0.5, 0.0, 0.0), 0.0, -1.0, gait.PLAIN)  # left lands
    assert legs[2].item() == pytest.approx(-0.21) and legs[8].item() == pytest.approx(0.21)


def test_who_leans_forward_steps_forward():
    upright, leaning = (legs_at((0.3, 0.0, 0.0), 1.0, 0.0, GAIT, (lean, 0.0, -1.0)) for lean in (0.0, 0.1))
    assert leaning[gait.HIP_PITCH] < upright[gait.HIP_PITCH] - 0.1


# --- symmetry ---------------------------------------------------------------------------------------------------


def test_mirrors_are_involutions(task):
    for mirror, width in (
        (joint_mirror(task.joints), 12),
        (actor_mirror(task.joints), 47),
        (critic_mirror(task.joints), 66),
        (joint_mirror(Task(TaskConfig(group="whole_body")).joints), 22),
    ):
        x = torch.randn(5, width)
        assert torch.equal(mirror(mirror(x)), x)
        assert not torch.equal(mirror(x), x)


def test_a_mirrored_situation_earns_the_same(task):
    s = random_state(64, 12)
    here, there = rewards(task, s), rewards(task, mirrored(s, task.joints))
    for name in here:
        assert torch.allclose(here[name], there[name], atol=1e-5), name


def test_the_observation_mirrors_agree_with_a_mirrored_situation(task):
    s = random_state(64, 12)
    other = mirrored(s, task.joints)
    assert torch.allclose(actor_mirror(task.joints)(terms.actor_observation(s)), terms.actor_observation(other), atol=1e-5)
    assert torch.allclose(critic_mirror(task.joints)(terms.critic_observation(s)), terms.critic_observation(other), atol=1e-5)


def test_the_reference_gait_is_symmetric(task):
    s = random_state(64, 12)
    other = mirrored(s, task.joints)
    here, there = (terms.reference_gait(terms.actor_observation(x), task.legs, GAIT) for x in (s, other))
    assert torch.allclose(joint_mirror(task.joints)(here), there, atol=1e-5)


def test_the_networks_are_symmetric(task):
    from rsl_rl.models import MLPModel
    from tensordict import TensorDict

    s = random_state(64, 12)
    other = mirrored(s, task.joints)
    views = [
        TensorDict({"actor": terms.actor_observation(x), "critic": terms.critic_observation(x)}, batch_size=[64])
        for x in (s, other)
    ]
    groups = {"actor": ["actor"], "critic": ["critic"]}
    for who, width in (("actor", 12), ("critic", 1)):
        kind = {"obs": views[0], "obs_groups": groups, "obs_set": who, "output_dim": width, "obs_normalization": True}
        here, there = (SymmetricModel(joints=list(task.joints), **kind).eval() for _ in range(2))
        there.load_state_dict(here.state_dict())
        answer = joint_mirror(task.joints) if who == "actor" else lambda x: x
        assert torch.allclose(answer(here(views[0])), there(views[1]), atol=1e-5)
        plain = MLPModel(**kind)
        assert not torch.allclose(answer(plain(views[0])), plain(views[1]), atol=1e-2)


def test_the_joint_mirror_is_that_of_the_robot():
    """Forward kinematics: mirrored joints put the mirrored hand and foot where the mirror shows them."""
    import mujoco
    import numpy as np

    from deploy.robots.description import description_dir, load_model

    figures = load_model()
    model = mujoco.MjModel.from_xml_path(str(description_dir() / "model.xml"))
    data = mujoco.MjData(model)
    q = np.random.default_rng(0).uniform(-0.3, 0.3, figures.n)

    def places(joints):
        data.qpos[7:] = joints
        mujoco.mj_kinematics(model, data)
        return [
            data.site(name).xpos.copy()
            for name in ("leg_left_ankle_roll_sole", "leg_right_ankle_roll_sole", "hand_left", "hand_right")
        ]

    left_foot, right_foot, left_hand, right_hand = places(q)
    mirror = joint_mirror(figures.joints)(torch.tensor(q)).numpy()
    left_foot_m, right_foot_m, left_hand_m, right_hand_m = places(mirror)
    flip = np.array([1.0, -1.0, 1.0])
    for here, there in (
        (left_foot, right_foot_m),
        (right_foot, left_foot_m),
        (left_hand, right_hand_m),
        (right_hand, left_hand_m),
    ):
        assert np.allclose(here * flip, there, atol=5e-3)


# --- commands ---------------------------------------------------------------------------------------------------


def test_commands_keep_their_range_and_a_share_stands(task):
    torch.manual_seed(0)
    task.enter(0.0)
    commands = task.sample_velocities(4000)
    limit = torch.tensor(task.config.command_range)
    assert (commands.abs() <= limit + 1e-6).all()
    still = (commands == 0.0).all(-1).float().mean().item()
    assert still == pytest.approx(task.stage.zero_fraction, abs=0.02)
    positive = (commands[:, 0] > 0.05).float().mean(), (commands[:, 0] < -0.05).float().mean()
    assert abs(positive[0] - positive[1]) < 0.04


def test_stages_follow_the_progress(task):
    for progress, stage in ((0.0, 0), (0.04, 0), (0.06, 1), (0.4, 2), (0.5, 3), (0.7, 4), (1.0, 4)):
        task.enter(progress)
        assert task.stage is task.config.stages[stage]
    task.enter(0.0)
