"""What goes wrong, or who stops the robot: the causes of `python -m tests.faults.moments` and of the fault table.

A cause is a function (sim, rng) that is called once, in a fork of the run, between two ticks. It may leave a wish, break a
sensor, or replace a method of a driver, a policy or a class: the fork ends with the moment. Add one with three lines:

    @cause("my-cause", "healthy")
    def my_cause(sim, rng):
        sim.robot.failures.reported.append("motor 3: hot")

Groups say what a robot has left to stand with, and so what may be asked of it:

    healthy  legs, IMU and walking policy are healthy
    policy   the walking policy failed, or asks for nonsense
    cut      a leg, the IMU or the power of the legs is gone, or the operator asked for damping: a fall is what is expected
    none     nothing happens: the situation by itself
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from arbiter.types import JointTarget, RobotState, frozen
from deploy.rig.fault_injection import parse_fault
from policies.onnx_network import Network
from tests.sim.rig import SimRun

Act = Callable[[SimRun, np.random.Generator], None]
ELBOW, KNEE = "arm_left_elbow_pitch_joint", "leg_left_knee_pitch_joint"


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause, and what is healthy besides it.

    Attributes:
        name: As told to `--causes`.
        group: "healthy", "policy", "cut" or "none".
        act: Does it.
        robot: "simulated" or "rig": which robot can break like this.
    """

    name: str
    group: str
    act: Act
    robot: str = "simulated"


CAUSES: dict[str, Cause] = {}


def cause(name: str, group: str, robot: str = "any") -> Callable[[Act], Act]:
    """Registers a cause under its name. `robot`: "simulated", "rig" or "any"."""

    def register(act: Act) -> Act:
        CAUSES[name] = Cause(name, group, act, robot)
        return act

    return register


# -- what causes are made of ----------------------------------------------------------------------------------------


def players(sim: SimRun, name: str = "locomotion") -> tuple:
    """The players of a policy."""
    return sim.arbiter.bank.players(name)


def alter_readings(sim: SimRun, change: Callable[[RobotState, float], RobotState], ticks: int | None = None) -> None:
    """What the driver reads goes through `change(state, now)` from now on, or for that many readings."""
    read, left = sim.robot.read, [ticks]

    def altered(now: float) -> RobotState:
        state = read(now)
        if left[0] == 0:
            return state
        left[0] = None if left[0] is None else left[0] - 1
        return change(state, now)

    sim.robot.read = altered


def alter_targets(
    sim: SimRun, change: Callable[[JointTarget], object], name: str = "locomotion", ticks: int | None = None
) -> None:
    """What a policy's `act` returns goes through `change(target)` from now on, or for that many ticks."""
    for player in players(sim, name):
        act, left = player.act, [ticks]

        def altered(state, request, now, act=act, left=left):
            target = act(state, request, now)
            if left[0] == 0:
                return target
            left[0] = None if left[0] is None else left[0] - 1
            return change(target)

        player.act = altered


def alter_network(sim: SimRun, change: Callable[[np.ndarray], np.ndarray], ticks: int | None = None) -> None:
    """What the walking network answers, shape (1, m), goes through `change` from now on. Only the session in use."""
    for player in players(sim):
        network, left = player._network, [ticks]
        run = network.run

        def altered(run=run, left=left):
            y = run()
            if left[0] == 0:
                return y
            left[0] = None if left[0] is None else left[0] - 1
            return change(y)

        network.run = altered


def at_joint(values: np.ndarray, i: int, value: float) -> np.ndarray:
    """A read-only copy of `values` with another value at `i`."""
    copy = np.array(values)
    copy[i] = value
    return frozen(copy)


def raiser(text: str) -> Callable:
    """A function that raises, whatever it is called with."""

    def fail(*args, **kwargs):
        raise RuntimeError(text)

    return fail


# -- nothing ----------------------------------------------------------------------------------------------------------


@cause("nothing", "none")
def nothing(sim: SimRun, rng: np.random.Generator) -> None:
    """The situation goes on."""


# -- stops ------------------------------------------------------------------------------------------------------------


@cause("stop-word", "healthy")
def stop_word(sim: SimRun, rng: np.random.Generator) -> None:
    sim.arbiter.inbox.say("stop")


@cause("stop", "healthy")
def stop(sim: SimRun, rng: np.random.Generator) -> None:
    sim.arbiter.inbox.stop("operator")


@cause("settle", "healthy")
def settle(sim: SimRun, rng: np.random.Generator) -> None:
    sim.arbiter.safety.stop("operator", "settle")


class WithoutHarness:
    """A driver as it is, but nothing can catch its robot."""

    def __init__(self, robot: object) -> None:
        self._robot = robot

    def __getattr__(self, name: str) -> object:
        if name == "hang":
            raise AttributeError(name)
        return getattr(self._robot, name)


@cause("end-of-program", "healthy")
def end_of_program(sim: SimRun, rng: np.random.Generator) -> None:
    """The session's own stop, without the harness that catches a simulated robot on the way. Judged until motors damp."""
    sim.session.robot = WithoutHarness(sim.robot)
    sim.session.stop()


@cause("damp", "cut")
def damp(sim: SimRun, rng: np.random.Generator) -> None:
    """An operator asks for damping while the robot stands free: it falls."""
    sim.arbiter.safety.stop("operator", "damp")


# -- faults of a robot whose legs and IMU are healthy -----------------------------------------------------------------


@cause("arm-motor-fault", "healthy", "simulated")
def arm_motor_fault(sim: SimRun, rng: np.random.Generator) -> None:
    sim.robot.failures.reported.append(f"can0/{ELBOW}: over temperature")


@cause("arm-silent", "healthy", "simulated")
def arm_silent(sim: SimRun, rng: np.random.Generator) -> None:
    sim.robot.failures.silent.add(ELBOW)


@cause("arm-nan", "healthy")
def arm_nan(sim: SimRun, rng: np.random.Generator) -> None:
    i = sim.model.index(ELBOW)
    alter_readings(sim, lambda state, now: replace(state, joint_pos=at_joint(state.joint_pos, i, np.nan)))


@cause("arm-slip", "healthy")
def arm_slip(sim: SimRun, rng: np.random.Generator) -> None:
    """An arm's encoder reads one turn too much, for ever."""
    i = sim.model.index(ELBOW)
    alter_readings(sim, lambda s, now: replace(s, joint_pos=at_joint(s.joint_pos, i, s.joint_pos[i] + 2.0 * np.pi)))


@cause("leg-nan-once", "healthy")
def leg_nan_once(sim: SimRun, rng: np.random.Generator) -> None:
    """One tick of NaN in one leg's velocity."""
    i = sim.model.index(KNEE)
    alter_readings(sim, lambda state, now: replace(state, joint_vel=at_joint(state.joint_vel, i, np.nan)), ticks=1)


@cause("read-raises-once", "healthy")
def read_raises_once(sim: SimRun, rng: np.random.Generator) -> None:
    alter_readings(sim, raiser("bus read timed out"), ticks=1)


@cause("chunk-fails", "healthy")
def chunk_fails(sim: SimRun, rng: np.random.Generator) -> None:
    """The chunk policy raises whenever it is asked."""
    for player in players(sim, "chunk"):
        player.act = raiser("no answer from the model")


# -- the walking policy fails -----------------------------------------------------------------------------------------


@cause("locomotion-raises", "policy")
def locomotion_raises(sim: SimRun, rng: np.random.Generator) -> None:
    """The session of the walking network raises for ever; another session of the same weights would not."""
    for player in players(sim):
        player._network.run = raiser("inference failed")


@cause("locomotion-act-raises", "policy")
def locomotion_act_raises(sim: SimRun, rng: np.random.Generator) -> None:
    """The policy as a whole raises for ever."""
    for player in players(sim):
        player.act = raiser("policy failed")


@cause("both-sessions-raise", "policy")
def both_sessions_raise(sim: SimRun, rng: np.random.Generator) -> None:
    """Every session of the walking network, whoever made it."""
    for player in players(sim):
        player._network.run = raiser("inference failed")
    Network.run = raiser("inference failed")


@cause("network-nan", "policy")
def network_nan(sim: SimRun, rng: np.random.Generator) -> None:
    alter_network(sim, lambda y: np.full_like(y, np.nan))


@cause("network-1e30", "policy")
def network_huge(sim: SimRun, rng: np.random.Generator) -> None:
    alter_network(sim, lambda y: np.full_like(y, 1e30))


@cause("target-nan", "policy")
def target_nan(sim: SimRun, rng: np.random.Generator) -> None:
    alter_targets(sim, lambda target: replace(target, q=frozen(np.full(len(target.q), np.nan))))


@cause("target-1e6", "policy")
def target_huge(sim: SimRun, rng: np.random.Generator) -> None:
    alter_targets(sim, lambda target: replace(target, q=frozen(np.full(len(target.q), 1e6))))


@cause("target-sign", "policy")
def target_sign(sim: SimRun, rng: np.random.Generator) -> None:
    """The sign of every target is flipped."""
    alter_targets(sim, lambda target: replace(target, q=frozen(-target.q)))


@cause("target-reversed", "policy")
def target_reversed(sim: SimRun, rng: np.random.Generator) -> None:
    """Joints in reversed order."""
    alter_targets(sim, lambda target: replace(target, q=frozen(target.q[::-1])))


@cause("target-swapped", "policy")
def target_swapped(sim: SimRun, rng: np.random.Generator) -> None:
    """What is meant for the left leg goes to the right one, and the other way round."""
    left, right = (
        [i for i, joint in enumerate(sim.model.joints) if joint.startswith(f"leg_{side}")] for side in ("left", "right")
    )
    order = np.arange(sim.model.n)
    order[left], order[right] = right, left
    alter_targets(sim, lambda target: replace(target, q=frozen(target.q[order])))


@cause("target-soft", "policy")
def target_soft(sim: SimRun, rng: np.random.Generator) -> None:
    """Its stiffness is 30 % of what it was trained with."""
    alter_targets(sim, lambda target: replace(target, kp=frozen(0.3 * target.kp)))


@cause("network-sign", "policy")
def network_sign(sim: SimRun, rng: np.random.Generator) -> None:
    """The sign of every action is flipped: the network sees as its last action what it has not answered."""
    alter_network(sim, lambda y: -y)


@cause("both-networks-sign", "policy")
def both_networks_sign(sim: SimRun, rng: np.random.Generator) -> None:
    """The sign of every action is flipped in every session, as if the weights were wrong: nobody is left who can walk."""
    run = Network.run
    for player in players(sim):
        player._network.__class__.run = lambda network: -run(network)


@cause("target-same", "policy")
def target_same(sim: SimRun, rng: np.random.Generator) -> None:
    """The policy asks for the same targets for ever."""
    kept: list[JointTarget] = []
    alter_targets(sim, lambda target: kept[0] if kept else kept.append(target) or target)


@cause("target-no-stiffness", "policy")
def target_no_stiffness(sim: SimRun, rng: np.random.Generator) -> None:
    """Its targets have no stiffness."""
    alter_targets(sim, lambda target: replace(target, kp=frozen(np.zeros(len(target.kp)))))


# -- the robot cannot stand by itself any more ------------------------------------------------------------------------


@cause("imu-silent", "cut", "simulated")
def imu_silent(sim: SimRun, rng: np.random.Generator) -> None:
    sim.robot.failures.imu = "silent"


@cause("knee-silent", "cut", "simulated")
def knee_silent(sim: SimRun, rng: np.random.Generator) -> None:
    sim.robot.failures.silent.add(KNEE)


# -- the rig's own faults -------------------------------------------------------------------------------------------

RIG = {
    f"{ELBOW}:silent": "healthy",
    f"{ELBOW}:error=over temperature": "healthy",
    "can0:unplug": "healthy",
    "can0:bus_off": "healthy",
    "can0:drop=0.2": "healthy",
    "can2:error_passive": "healthy",
    "can2:delay=0.01": "healthy",
    "can2:drop=0.2": "healthy",
    "imu:corrupt=0.3": "healthy",
    "can2:unplug": "cut",
    "can2:bus_off": "cut",
    "imu:silent": "cut",
    "imu:frozen": "cut",
    "imu:unplug": "cut",
    f"{KNEE}:silent": "cut",
}


def rig_fault(text: str) -> Act:
    """A fault of the rig, from now on."""

    def act(sim: SimRun, rng: np.random.Generator) -> None:
        rig = sim.robot.rig
        rig.set_fault(parse_fault(text, tuple(rig.nodes), sim.model.joints), True)

    return act


CAUSES.update({text: Cause(text, group, rig_fault(text), "rig") for text, group in RIG.items()})
