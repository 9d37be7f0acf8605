"""The way from the harness to the start posture, simulated and on the rig: slow, and given up where a joint meets
something."""

import numpy as np
import pytest

from arbiter.types import Mode
from deploy.drivers.can.motor_protocol import MotorMode
from deploy.runtime.assemble import assemble
from deploy.runtime.config import load_tree
from deploy.runtime.ramp import RampWatch
from deploy.runtime.session import Session
from policies.fallback.policies import START_SPEED

ELBOW, KNEE = "arm_left_elbow_pitch_joint", "leg_left_knee_pitch_joint"
BENT = 1.0  # [rad]


def hanging(kind="simulated"):
    """A session of the default tree, not yet armed, an elbow and a knee bent in the harness; and its watch."""
    assembly = assemble(load_tree("default.yaml"), robot=kind, fast=True)
    robot = assembly.robot
    body = robot if kind == "simulated" else robot.rig.body
    for joint in (ELBOW, KNEE):
        body._data.qpos[body.mj_model.joint(joint).qposadr[0]] = BENT
    robot.step(0.02)
    session = Session(robot, assembly.arbiter, assembly.clock, [], assembly.observers)
    return session, next(o for o in assembly.observers if isinstance(o, RampWatch)), assembly.close


def jam(robot, joint):
    """Something holds the joint where it is: it turns as if in tar."""
    robot.mj_model.dof_damping[robot.mj_model.joint(joint).dofadr[0]] = 1e3


def run(session, seconds):
    reports = []
    for _ in range(round(seconds / session.robot.model.dt)):
        reports.append(session.step())
    return reports


def test_a_free_robot_goes_there_slowly_and_the_watch_ends():
    session, watch, close = hanging()
    session.start()
    reports = run(session, 0.1)
    while watch.watching and len(reports) < 250:
        reports += run(session, 0.02)
    moved = np.abs(np.diff([report.command.q for report in reports], axis=0)) / session.robot.model.dt
    arms = [session.robot.model.index(ELBOW)]
    assert START_SPEED / 2 < moved[:, arms].max() < 1.5 * START_SPEED  # a blend adds a little at the start
    assert reports[-1].verdict.mode is Mode.RUN and not watch.watching
    np.testing.assert_allclose(reports[-1].state.joint_pos, session.robot.model.default, atol=0.15)
    assert not session.arbiter.safety.fault
    close()


@pytest.mark.parametrize(
    ("kind", "joint"), [("simulated", ELBOW), ("simulated", KNEE), pytest.param("rig", ELBOW, marks=pytest.mark.robot)]
)
def test_a_joint_that_is_held_ends_the_ramp_in_damping(kind, joint):
    session, watch, close = hanging(kind)
    robot, arbiter = session.robot, session.arbiter
    jam(robot, joint)
    session.start()
    reports = run(session, 2.0)
    assert arbiter.safety.mode is Mode.DAMP and not watch.watching
    fault = arbiter.safety.fault
    assert fault.startswith(f"start ramp: {joint} pushes with ") and "N·m, at most " in fault
    assert fault.endswith("Free it or calibrate it, then reset and arm")
    if kind == "rig":
        assert {motor.mode for motor in robot.rig.motors} == {MotorMode.DAMPING}
    tripped = next(i for i, report in enumerate(reports) if report.verdict.mode is Mode.DAMP)
    model = robot.model
    i = model.index(joint)
    pushed = [model.kp[i] * abs(r.command.q[i] - r.state.joint_pos[i]) > 0.6 * model.effort[i] for r in reports[:tripped]]
    assert sum(pushed) <= 15  # 0.2 s, and what noise interrupts
    assert any("start ramp" in event.text for report in reports for event in report.events)
    assert arbiter.arm(session.clock.now).startswith("a fault is latched: start ramp")
    close()


def test_once_it_stands_its_legs_may_push():
    """The watch is for the air: what carries a body pushes harder than that."""
    session, watch, close = hanging()
    session.start()
    run(session, 12.0)
    assert session.arbiter.world.ready and not watch.watching
    session.robot.push((0.3, 0.0, 0.0))
    assert run(session, 2.0)[-1].verdict.mode is Mode.RUN
    close()


def lowering(session):
    """Ticks on until the harness has begun to lower it."""
    while session.robot.supported == 1.0:
        session.step()
    run(session, 0.2)


@pytest.mark.parametrize(
    ("kind", "press", "when"),
    [
        ("simulated", "inbox.stop", 0.4),
        ("simulated", "inbox.say", 0.4),
        ("simulated", "safety.stop", 0.4),
        ("simulated", "inbox.stop", "lowering"),
        pytest.param("rig", "inbox.stop", "lowering", marks=pytest.mark.robot),
    ],
)
def test_a_stop_on_the_way_up_holds_it_in_the_harness(kind, press, when):
    session, _, close = hanging(kind)
    session.start()
    lowering(session) if when == "lowering" else run(session, when)
    arbiter, robot = session.arbiter, session.robot
    part, name = press.split(".")
    before = robot.truth.joint_pos.copy()
    getattr(getattr(arbiter, part), name)("stop")
    reports = run(session, 5.0)
    truth = robot.truth
    assert truth.supported == 1.0 and not arbiter.world.ready and np.abs(truth.joint_vel).max() < 0.05
    most = 0.1 if when == 0.4 else 0.3  # legs that were on the floor hang in the air again
    assert np.abs(truth.joint_pos - before).max() < most
    assert any("holds where it is, in the harness: " in event.text for report in reports for event in report.events)
    arbiter.inbox.go()
    arbiter.inbox.say("walk forward")
    run(session, 0.5)
    assert not arbiter.world.ready and arbiter.executor.log[-1].reason.startswith("stopped on its way up (")
    arbiter.inbox.stop("again")
    assert run(session, 0.1)[0].verdict.mode is Mode.DAMP and not arbiter.safety.fault
    arbiter.inbox.reset()
    run(session, 13.0)
    assert arbiter.world.ready and robot.truth.supported == 0.0, "reset and armed again, it stands"
    close()


def test_a_fault_on_the_way_up_leaves_it_where_it_hangs():
    session, _, close = hanging()
    session.start()
    run(session, 0.4)
    before = session.robot.truth.joint_pos.copy()
    session.arbiter.safety.trip("a fault on an arm")
    run(session, 3.0)
    assert session.arbiter.safety.mode is Mode.SETTLE and np.abs(session.robot.truth.joint_pos - before).max() < 0.1
    assert session.robot.truth.supported == 1.0
    close()


def test_a_stop_while_the_harness_lifts_it_leaves_it_passive():
    session, _, close = hanging()
    session.start()
    run(session, 0.2)
    session.arbiter.inbox.reset()
    run(session, 1.0)
    session.arbiter.inbox.stop("key")
    run(session, 4.0)
    assert session.arbiter.safety.mode is Mode.PASSIVE and not session.arbiter.world.ready
    session.arbiter.inbox.say("walk forward")
    run(session, 0.1)
    assert session.arbiter.executor.log[-1].result == "cancelled"
    session.arbiter.inbox.reset()
    run(session, 13.0)
    assert session.arbiter.world.ready
    close()
