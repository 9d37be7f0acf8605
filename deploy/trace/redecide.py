"""Verifies a recorded run: feeds the recorded readings, inputs, routes and chunks to an arbiter and compares tick by tick."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from arbiter.errors import ConfigError
from arbiter.execution.inbox import RouteRequest
from arbiter.robot import RobotModel
from arbiter.skill import Route, Skill
from arbiter.strict import nearest, short
from arbiter.tick import Arbiter
from arbiter.types import RobotState, SafeCommand, Sighting
from arbiter.worker import ReplayWorker
from deploy.cli.progress import progress
from deploy.drivers.sensors.balls import KEPT
from deploy.runtime.assemble import caller_for, wire
from deploy.runtime.config import load_text
from deploy.runtime.doors import load_doors
from deploy.runtime.ramp import RampWatch
from deploy.runtime.tree_check import load_skill_set
from deploy.runtime.tree_robot import robot_of
from deploy.trace.writer import decode_route, decode_sighting, decode_state, encode
from policies.chunk.camera_record import ReplayedCamera
from policies.chunk.inference import InferenceReplay
from policies.late_waits import LateReplay
from policies.registry import PolicyContext

ROUNDING = 1e-9  # [m, m/s, rad] between two estimates that are the same: a version may take sums in another order
COMPARED = ("q", "kp", "kd", "mode", "owners", "branch", "interventions")


class RecordedRobot:
    """A robot that returns the recorded readings."""

    def __init__(self, model: RobotModel) -> None:
        self.model = model
        self.state: Any = None  # what was read, whatever it was: None where the driver failed

    def connect(self) -> None:
        """Nothing to open."""

    def read(self, now: float) -> RobotState:
        """The recorded reading of this tick."""
        return self.state

    def write(self, command: SafeCommand) -> None:
        """No effect."""

    def step(self, dt: float) -> None:
        """Time is the trace's."""

    def close(self) -> None:
        """Nothing to free."""


class RecordedSight:
    """Returns the recorded sightings."""

    def __init__(self) -> None:
        self.seen: Sighting | None = None

    def __call__(self, now: float) -> Sighting | None:
        """The last recorded sighting, unless it had become too old."""
        return None if self.seen is None or now - self.seen.stamp > KEPT else self.seen


def redecide(header: dict[str, Any], ticks: list[dict[str, Any]], file: str = "the trace") -> list[str]:
    """The differences, a line for each tick; empty when the decisions are the same.

    Args:
        header, ticks: From `deploy.replay.load_trace`; the ticks must begin with the first of the run.
        file: Where they are from, for errors.
    """
    loaded = load_text(header["config"], Path(header["tree"]))
    robot, playback, late = (
        RecordedRobot(replace(robot_of(loaded), creep=header.get("creep", 0.0))),
        InferenceReplay(),
        LateReplay(),
    )
    routing: ReplayWorker[RouteRequest, Route] = ReplayWorker(key=lambda request: request.ticket)
    if tuple(header["joints"]) != robot.model.joints:
        raise ConfigError(f"{file}:1: of another robot than {loaded.robot}: its joints are not that robot's")
    skills = load_skill_set(loaded, robot.model)
    for tick in ticks:
        for kind, *rest in tick["inputs"]:
            if kind == "route":
                _check_route(decode_route(rest[1]), skills.skills, f"{file}: tick {tick['i']}")
            if kind == "late":
                late.add(*rest)
    camera = ReplayedCamera()
    doors = load_doors(loaded)
    context = PolicyContext(
        robot.model, loaded.path.parent, camera, 0.0, header["seed"], playback, late, doors.kinds, doors.backends
    )
    sight = RecordedSight()
    arbiter = wire(loaded, skills, robot, context, lambda work: routing, caller_for(skills.foreign, True), sight)
    ramp, alarms, differences = RampWatch(arbiter), deque(), []
    arbiter.alarms.append(lambda: alarms.popleft() if alarms else "")
    try:
        for tick in progress(ticks, "deciding again", len(ticks)):
            camera.now = tick["t"]
            alarms += (rest[0] for kind, *rest in tick["inputs"] if kind == "alarm")
            _deliver(routing, playback, tick)
            _feed(arbiter, robot, sight, camera, tick)
            report = arbiter.tick(tick["t"])
            ramp(report)
            differences += _differences(tick, encode(report))
    finally:
        arbiter.close()
    return differences


def _check_route(route: Route, skills: Mapping[str, Skill], where: str) -> None:
    """Raises ConfigError for a route that no router of these skills gives."""
    for call in (call for step in route.steps for call in step):
        if call.skill not in skills:
            raise ConfigError(f"{where}: the trace routes to the skill {short(call.skill)}; {nearest(call.skill, skills)}")
        wanted = {parameter.name for parameter in skills[call.skill].parameters}
        if not all(name in wanted and isinstance(value, float | int | str | None) for name, value in call.parameters.items()):
            raise ConfigError(
                f"{where}: the trace calls {call.skill} with {short(dict(call.parameters))}; "
                f"it takes {', '.join(sorted(wanted)) or 'nothing'}"
            )


def _deliver(routing: ReplayWorker[RouteRequest, Route], playback: InferenceReplay, tick: dict[str, Any]) -> None:
    """By tick, not by time: decisions go by a time that a jump of the clock does not move."""
    for kind, *rest in tick["inputs"]:
        if kind == "route":
            routing.deliver(rest[0], decode_route(rest[1]))
        elif kind == "chunk":
            policy, player, _, rows, error = rest
            playback.deliver(policy, player, None if rows is None else np.array(rows), error)


def _feed(arbiter: Arbiter, robot: RecordedRobot, sight: RecordedSight, camera: ReplayedCamera, tick: dict[str, Any]) -> None:
    inbox, was_reset = arbiter.inbox, any(kind == "reset" for kind, *_ in tick["inputs"])
    for kind, *rest in tick["inputs"]:
        if kind == "arm" and was_reset and rest[0] == tick["t"]:  # in the tick that was reset, with its reading
            inbox.arm()
        elif kind == "arm":
            robot.state = decode_state(rest[1])
            arbiter.arm(rest[0])
        elif kind == "picture":
            camera.deliver(*rest)
        elif kind == "sight":
            sight.seen = decode_sighting(rest[0])
        elif kind == "say":
            inbox.say(*rest)
        elif kind in ("stop", "damp"):
            getattr(inbox, kind)(*rest)
        elif kind == "safety":
            arbiter.safety.stop(rest[1], rest[0])
        elif kind in ("reset", "go", "halt"):
            getattr(inbox, kind)()
    robot.state = decode_state(tick["state"])


def _differences(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    parts = [key for key in COMPARED if then[key] != now[key]]
    if "estimate" in then and not _alike(then["estimate"], now["estimate"]):  # traces of earlier versions have none
        parts.append("estimate")
    return [f"tick {then['i']} at {then['t']:.3f} s: {', '.join(parts)}"] if parts else []


def _alike(then: object, now: object) -> bool:
    """Whether two JSON values are the same but for rounding."""
    if isinstance(then, dict) and isinstance(now, dict):
        return then.keys() == now.keys() and all(_alike(then[key], now[key]) for key in then)
    if isinstance(then, list) and isinstance(now, list):
        return len(then) == len(now) and all(map(_alike, then, now))
    if isinstance(then, int | float) and isinstance(now, int | float):
        return abs(then - now) <= ROUNDING
    return then == now
