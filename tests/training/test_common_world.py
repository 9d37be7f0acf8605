"""The worlds that training simulates are the robot's own model with the changes that were asked for, and no others."""

from tests.needs import needs

pytestmark = needs("train", "torch")

import mujoco
import numpy as np
import pytest

from deploy.robots.description import load_model
from deploy.robots.mjcf import open_spec
from training.common.mujoco_world import (
    RobotParts,
    add_payload,
    add_position_motors,
    bare_spec,
    compile_physics,
    fixed_base,
    keep_soles,
    scale_masses,
    weld_joint,
)

ROBOT = load_model()
PARTS = RobotParts(ROBOT)
PLAIN = open_spec(ROBOT).compile()


def posture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(ROBOT.lower, ROBOT.upper)


def places(mj: mujoco.MjModel, q: np.ndarray) -> dict[str, np.ndarray]:
    """Position of each body that has a role [m], by name; `q`: the last joints' positions [rad]."""
    data = mujoco.MjData(mj)
    if len(q):
        data.qpos[-len(q) :] = q
    mujoco.mj_kinematics(mj, data)
    return {name: data.body(name).xpos - data.body(PARTS.base).xpos for name in (*PARTS.feet, *PARTS.hands)}


def same(here: dict[str, np.ndarray], there: dict[str, np.ndarray]) -> None:
    for name, at in here.items():
        np.testing.assert_allclose(at, there[name], atol=1e-9, err_msg=name)


def test_a_fixed_base_changes_no_kinematics():
    q = posture(0)
    same(places(fixed_base(ROBOT), q), places(PLAIN, q))


def test_welded_joints_stay_where_they_were_put():
    q, arms = posture(1), ROBOT.groups["arms"]
    spec = bare_spec(ROBOT)
    for i in np.flatnonzero(arms):
        weld_joint(spec, ROBOT.joints[i], q[i])
    welded = spec.compile()
    assert welded.nq == 7 + np.count_nonzero(~arms)
    same(places(welded, q[~arms]), places(PLAIN, q))


def test_masses_and_payload_add_up():
    spec = bare_spec(ROBOT)
    scale_masses(spec, 1.1)
    add_payload(spec, PARTS, (0.2, 0.5))
    assert spec.compile().body_mass.sum() == pytest.approx(1.1 * PLAIN.body_mass.sum() + 0.7)


def test_only_soles_touch_and_motors_hold_with_the_robot_s_gains():
    spec = bare_spec(ROBOT)
    keep_soles(spec, PARTS)
    add_position_motors(spec, ROBOT, ROBOT.joints, kp=0.5, kd=2.0)
    world = compile_physics(spec, 0.004)
    assert {world.body(body).name for body in world.geom_bodyid} == set(PARTS.feet)
    assert world.opt.timestep == 0.004 and world.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_AUTORESET
    data = mujoco.MjData(world)
    data.qvel[6:] = 0.1
    data.ctrl[:] = 0.05
    mujoco.mj_forward(world, data)
    np.testing.assert_allclose(data.actuator_force, 0.5 * ROBOT.kp * 0.05 - 2.0 * ROBOT.kd * 0.1)
    data.ctrl[:] = 10.0
    mujoco.mj_forward(world, data)
    np.testing.assert_allclose(data.actuator_force, ROBOT.effort)
