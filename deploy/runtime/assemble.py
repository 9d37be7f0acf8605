"""Puts a run together from a tree file: robot, policies, skills, router, safety, arbiter. Nothing moves yet."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from arbiter.aside import PATIENCE
from arbiter.ball_memory import BallMemory, blind
from arbiter.errors import ConfigError
from arbiter.execution.caller import MakeCaller, SkillCaller, ThreadedCaller
from arbiter.execution.inbox import RouteRequest
from arbiter.policy import Policy
from arbiter.robot import FaultLatching, Hangable, Robot
from arbiter.routing import Router, stop_guard
from arbiter.routing.reach import lost_utterances
from arbiter.safety import Safety, SafetyLimits
from arbiter.skill import Route, RunContext, Skill
from arbiter.strict import Problems
from arbiter.threads import ThreadWatch
from arbiter.tick import Arbiter
from arbiter.types import Sighting
from arbiter.worker import LockstepWorker, ThreadWorker, Worker
from deploy.drivers.door import Truthful
from deploy.drivers.sensors.balls import camera_of
from deploy.drivers.simulated.simulated_robot import Scene
from deploy.robots.collision import SelfCollision
from deploy.runtime.bodies import Wish, no_beat, open_body
from deploy.runtime.clock import Clock, LockstepClock, RealClock
from deploy.runtime.config import Loaded
from deploy.runtime.detectors import open_sight
from deploy.runtime.doors import load_doors
from deploy.runtime.ramp import RampWatch
from deploy.runtime.simulated_operator import ClearsFaults, SimulatedOperator
from deploy.runtime.tree_check import check_tree, examine, groups_of, load_node_set, load_skill_set
from deploy.runtime.tree_robot import robot_of
from policies.chunk.camera_record import RecordedCamera
from policies.chunk.inference import InferenceRecorder
from policies.late_waits import LateRecorder
from policies.registry import PolicyContext, load_policies
from skills.registry import SkillSet

RouteWork = Callable[[RouteRequest], Route]
FOREIGN_PATIENCE = 1.0  # [s] a foreign skill may take in lockstep, where waiting does not disturb the clock


@dataclass(slots=True)
class Assembly:
    """Everything of a run.

    Attributes:
        robot, arbiter, clock: What the session drives.
        observers: Called after each tick: the harness of a simulated robot, the camera.
        notes: Lines for the user before the start.
        truth: The simulation's truth; None on a real robot.
        by_operator: A person arms it and says when it stands by itself.
        closers: Called by `close`, in order.
        sources: Polled before each tick beside those of the command line: the operator of a real robot.
        beat: Called after every tick: the heartbeat of a real robot's supervisor.
    """

    robot: Robot
    arbiter: Arbiter
    clock: Clock
    observers: list[Callable] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    truth: Callable | None = None
    by_operator: bool = False
    closers: list[Callable[[], None]] = field(default_factory=list)
    sources: list = field(default_factory=list)
    beat: Callable[[], None] = no_beat

    def close(self) -> None:
        """Damps and frees everything."""
        with contextlib.ExitStack() as stack:  # the robot is damped, whatever the closers before it raise
            for close in reversed(self.closers):
                stack.callback(close)


def assemble(
    loaded: Loaded,
    *,
    robot: str = "simulated",
    fast: bool = False,
    seed: int = 0,
    scene: Scene | None = None,
    hardware: str | None = None,
    operator: str = "none",
    camera: str = "0",
) -> Assembly:
    """A run of the tree file `loaded`. Raises ArbiterError before anything is opened that could move.

    Args:
        loaded: The tree file.
        robot: "simulated"; "rig" or a robot's name for the drivers on CAN; or the name of a driver from outside.
        fast: Lockstep simulation.
        seed: Of all random generators.
        scene: Surroundings of the simulated robot.
        hardware: Of the real robot: another hardware file than its own.
        operator: The device that arms, stops and drives it: "gamepad", "keyboard" or "none".
        camera: Of the real robot: number or path of its head camera; "none": it goes without.
    """
    config = loaded.config
    model = robot_of(loaded)
    skills = load_skill_set(loaded, model)
    if operator != "none":
        offer_the_hand(skills)
    opened = open_body(Wish(robot, fast, seed, scene, hardware, operator, camera), model, loaded)
    body, eye = opened.robot, opened.eye
    recorder, seen, late = InferenceRecorder(), RecordedCamera(eye), LateRecorder()
    doors = load_doors(loaded)
    delay = config.simulation.chunk_delay if fast else None
    context = PolicyContext(
        model, loaded.path.parent, seen, delay, seed, recorder, None if fast else late, doors.kinds, doors.backends
    )
    sight = open_sight(eye, loaded, model, FOREIGN_PATIENCE if fast else PATIENCE)
    arbiter = wire(
        loaded,
        skills,
        body,
        context,
        _routing(config.simulation.routing_delay if fast else None),
        caller_for(skills.foreign, fast),
        sight,
    )
    arbiter.recorder.taps += [seen.take, late.take, recorder.take, sight.take]
    watch = ThreadWatch()
    arbiter.alarms.append(watch.take)
    opened.connect()
    clock = LockstepClock(model.dt) if fast else RealClock(model.dt)
    notes = [*opened.notes, *(f"warning: {line}" for line in skills.problems + doors.problems), *skills.left_out()]
    assembly = Assembly(body, arbiter, clock, opened.observers, notes)
    assembly.observers.append(RampWatch(arbiter))
    assembly.closers = [arbiter.close, eye.close, sight.close, body.close, *opened.closers, watch.close]
    assembly.sources, assembly.beat = opened.sources, opened.beat
    if isinstance(body, Truthful):
        assembly.truth = lambda: body.truth
    _operate(assembly)
    return assembly


def _operate(assembly: Assembly) -> None:
    """Who arms the robot and lets it down: a simulated operator, or the one who sits before it."""
    body = assembly.robot
    if isinstance(body, Hangable):
        assembly.observers.append(SimulatedOperator(body, assembly.arbiter))
        return
    assembly.by_operator = True
    if isinstance(body, FaultLatching):
        assembly.observers.append(ClearsFaults(body))
    assembly.notes.append("passive. Type `arm` to go to the start posture in the harness, `go` once it stands by itself.")


def wire(
    loaded: Loaded,
    skills: SkillSet,
    body: Robot,
    context: PolicyContext,
    routing: Callable[[RouteWork], Worker[RouteRequest, Route]],
    caller: MakeCaller,
    sight: Callable[[float], Sighting | None] = blind,
) -> Arbiter:
    """The arbiter of a tree file on `body`: everything checked, nothing moved.

    Args:
        loaded: The tree file.
        skills: Its skills.
        body: The robot, not yet connected.
        context: What policies are made with.
        routing: Makes the worker that routes beside the tick, from the function that it runs.
        caller: Makes the object that calls a skill.
        sight: Finds the balls in the head camera's picture.
    """
    config, model = loaded.config, body.model
    unfit: dict[str, str] = {}
    policies = _open_policies(loaded, context, unfit)
    skills.without_policies(unfit)
    skills.without_joints({name: groups_of(players, model) for name, players in policies.items()})
    nodes = load_node_set(loaded, PATIENCE if context.chunk_delay is None else FOREIGN_PATIENCE)
    skills.problems += nodes.problems
    skills.problems += [line for players in policies.values() for line in getattr(players[0], "warnings", ())]
    try:
        spec = check_tree(loaded, skills, policies, nodes.types)
        limits = SafetyLimits.from_model(model)
        if config.limits:
            limits = limits.tightened(**{name: node.plain() for name, node in config.limits.items()})
    except ConfigError:
        for players in policies.values():
            for player in players:
                player.close()
        raise
    safety = Safety(model, limits, SelfCollision(model))
    router = Router(list(skills.skills.values()), groups=model.groups)
    skills.problems += lost_utterances(router, skills.foreign)
    return Arbiter(
        body,
        policies,
        skills.skills,
        {group: name for group, name in config.home.items() if name not in unfit},
        safety,
        routing(lambda request: router.route(request.text, request.last, request.left, request.under_way)),
        spec,
        stop_guard,
        config.control.handover,
        config.control.instructions,
        caller,
        BallMemory(sight, model, camera_of(model)),
        skills.trees,
    )


def _open_policies(loaded: Loaded, context: PolicyContext, unfit: dict[str, str]) -> dict[str, tuple[Policy, ...]]:
    """The policies of a tree file; `unfit` takes those that ship and are made for another robot. Raises ConfigError with
    everything that is wrong with the file."""
    try:
        return load_policies(loaded.config.policies, context, unfit)
    except ConfigError:
        problems = Problems()
        examine(loaded, problems)
        problems.raise_if_any()
        raise


def offer_the_hand(skills: SkillSet) -> None:
    """Adds the skill that follows the operator's stick, unless a file of the tree already brings it."""
    from deploy.operator.hand import DriveByHand

    if DriveByHand.name not in skills.skills:
        skills.add(skills.made(DriveByHand, "the operator"), "the operator", foreign=False)


def _routing(delay: float | None) -> Callable[[RouteWork], Worker[RouteRequest, Route]]:
    return (lambda work: ThreadWorker(work, "routing")) if delay is None else lambda work: LockstepWorker(work, delay)


def caller_for(foreign: set[str], fast: bool) -> MakeCaller:
    """Makes the object that calls a skill: skills of plug-ins are called on threads of their own."""

    def make(skill: Skill, context: RunContext) -> SkillCaller:
        if skill.name not in foreign:
            return SkillCaller(skill, context)
        return ThreadedCaller(skill, context, FOREIGN_PATIENCE if fast else PATIENCE)

    return make
