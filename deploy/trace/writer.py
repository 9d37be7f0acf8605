"""The trace of a run: JSON lines, one a tick, written on a thread. `python -m deploy.replay FILE` opens it.

The first line holds the settings in force. Numbers are written so that reading gives the same bits back.
A fault leaves a dump of the last ticks beside the trace, whatever the disk does to the trace itself.
"""

from __future__ import annotations

import json
import math
import queue
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

from arbiter.errors import ConfigError
from arbiter.rules import Rule
from arbiter.skill import Route, SkillCall
from arbiter.threads import start_thread
from arbiter.tick import TickReport
from arbiter.types import BaseEstimate, RobotState, Sighting, frozen
from deploy.cli.streams import warn
from deploy.trace.folders import CONFIG, EARLIER, TRACE

FORMAT = 1
RING = 500  # ticks kept for a dump: 10 s at 50 Hz
MOST_DUMPS = 20  # of a run: a fault that comes and goes shall not fill the disk


def encode(report: TickReport) -> dict[str, Any]:
    """One tick as JSON values. NaN becomes null."""
    command, verdict = report.command, report.verdict
    return {
        "i": report.index,
        "t": report.now,
        "state": encode_state(report.reading, len(command.q)),
        "estimate": _estimate(report.state.estimate),
        "inputs": [[encode_input(part) for part in item] for item in report.inputs],
        "asked": _list(report.asked),
        "q": _list(command.q),
        "kp": _list(command.kp),
        "kd": _list(command.kd),
        "mode": verdict.mode.value,
        "reason": verdict.reason,
        "interventions": [[iv.check, iv.joint, iv.policy, _number(iv.asked), _number(iv.given)] for iv in verdict.interventions],
        "owners": list(report.owners),
        "branch": report.branch,
        "events": [[event.kind, event.text] for event in report.events],
        "ns": list(report.stage_ns),
    }


def encode_state(state: RobotState | None, joints: int | None = None) -> dict[str, Any] | None:
    """A reading as JSON values; a value that is not a number, or not an array of the right size, becomes null."""
    if state is None:
        return None
    n = np.size(state.joint_pos) if joints is None else joints
    faults = state.faults if type(state.faults) is tuple else None
    return {
        "stamp": _scalar(state.stamp),
        "q": _array(state.joint_pos, n),
        "dq": _array(state.joint_vel, n),
        "quat": _array(state.base_quat, 4),
        "gyro": _array(state.base_ang_vel, 3),
        "age": _array(state.joint_age, n),
        "imu_age": _scalar(state.imu_age),
        "battery": _scalar(state.battery),
        "faults": None if faults is None else [fault if type(fault) is str else None for fault in faults],
        "acc": _array(state.acceleration, 3),
        "mean_gyro": _array(state.mean_ang_vel, 3),
    }


def decode_state(value: dict[str, Any] | None) -> RobotState | None:
    """The reading again, bit for bit; what was no number is nan or None, and as little believed."""
    if value is None:
        return None

    def array(key: str) -> Any:
        return None if value[key] is None else frozen([math.nan if item is None else item for item in value[key]])

    def number(key: str) -> float:
        return math.nan if value[key] is None else value[key]

    faults: Any = None if value["faults"] is None else tuple(value["faults"])
    return RobotState(
        stamp=number("stamp"),
        joint_pos=array("q"),
        joint_vel=array("dq"),
        base_quat=array("quat"),
        base_ang_vel=array("gyro"),
        joint_age=array("age"),
        imu_age=number("imu_age"),
        battery=number("battery"),
        faults=faults,
        acceleration=None if value.get("acc") is None else array("acc"),
        mean_ang_vel=None if value.get("mean_gyro") is None else array("mean_gyro"),
    )


def _estimate(found: BaseEstimate | None) -> dict[str, Any] | None:
    """Where the base is, as JSON values; the covariance as standard deviations of position, velocity and heading."""
    if found is None:
        return None
    return {
        "position": _list(found.position),
        "velocity": _list(found.velocity),
        "heading": _number(found.heading),
        "deviations": [_number(value) for value in found.deviations],
        "doubt": found.doubt,
    }


def _scalar(value: object) -> float | None:
    return _number(value) if isinstance(value, int | float) and -1e300 < value < 1e300 else None


def _array(values: object, size: int) -> list[float | None] | None:
    real = isinstance(values, np.ndarray) and values.shape == (size,) and values.dtype.kind in "fiu"
    return _list(values) if real else None


def encode_input(part: object) -> object:
    """A part of what reached the tick, as JSON values."""
    if isinstance(part, RobotState):
        return encode_state(part)
    if isinstance(part, Sighting):
        return {"stamp": part.stamp, "balls": {colour: _list(at) for colour, at in part.balls.items()}, "error": part.error}
    if isinstance(part, Route):
        return {
            "text": part.text,
            "outcome": part.outcome,
            "reason": part.reason,
            "score": _number(part.score),
            "margin": _number(part.margin),
            "ms": part.ms,
            "forbids": list(part.forbids),
            "rule": part.rule,
            "steps": [
                [[call.skill, dict(call.parameters), call.score, call.margin, call.phrase] for call in step]
                for step in part.steps
            ],
        }
    return part.tolist() if isinstance(part, np.ndarray) else part


def decode_route(value: dict[str, Any]) -> Route:
    """The route again."""
    steps = tuple(tuple(SkillCall(*call) for call in step) for step in value["steps"])
    score, margin = (math.nan if value[key] is None else value[key] for key in ("score", "margin"))
    forbids = tuple(value.get("forbids", ()))
    rule = Rule(value["rule"]) if value.get("rule") else None
    return Route(value["text"], value["outcome"], steps, value["reason"], score, margin, value["ms"], forbids, rule)


def decode_sighting(value: dict[str, Any]) -> Sighting:
    """The sighting again, bit for bit."""
    return Sighting(value["stamp"], {colour: frozen(at) for colour, at in value["balls"].items()}, value.get("error", ""))


def _list(values: np.ndarray) -> list[float | None]:
    return [_number(value) for value in values.tolist()]


def _number(value: float) -> float | None:
    value = float(value)
    return value if math.isfinite(value) else None


class TraceWriter:
    """Writes every tick into `folder/trace.jsonl` and the settings into `folder/config.yaml`, on its own thread.

    An existing trace is never overwritten. A full disk ends the trace with one message; the run continues.

    Args:
        folder: Made if it is not there.
        header: First line of the trace.
        config: The settings in force, as YAML.
        limit: Most bytes of the trace; older ticks make room, so that at least the newest half of it is there. A dump of a fault
            does not count and is never given up. None: as long as there is room.
    """

    def __init__(self, folder: Path, header: dict[str, Any], config: str, limit: float | None = None) -> None:
        self._folder, self._half = folder, math.inf if limit is None else 0.5 * limit
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = (folder / TRACE).open("x")
            (folder / CONFIG).write_text(config)
        except OSError as error:
            raise ConfigError(f"--log {folder}: cannot be written: {error.strerror}; name another folder") from error
        self._ring: deque[TickReport] = deque(maxlen=RING)
        self._header = {"format": FORMAT} | header
        self._queue: queue.SimpleQueue[TickReport | None] = queue.SimpleQueue()
        self._written, self._broken = 0, False
        self.dumps: list[Path] = []
        self._thread = start_thread("trace", self._write)

    def __call__(self, report: TickReport) -> None:
        self._queue.put(report)

    def _write(self) -> None:
        while (report := self._queue.get()) is not None:
            if not self._ring:
                self._header["start"] = report.now  # times are the clock's, so that they can be decided again
                self._line(self._header)
            self._ring.append(report)
            self._line(encode(report))
            if any(event.kind == "fault" for event in report.events):
                self._dump(report)

    def _line(self, value: dict[str, Any]) -> None:
        if self._broken:
            return
        line = json.dumps(value, separators=(",", ":")) + "\n"
        try:
            if self._written + len(line) > self._half and "i" in value:
                self._make_room()
            self._file.write(line)
            self._written += len(line)
        except OSError as error:
            self._broken = True
            warn(f"trace {self._folder}: ended: {error.strerror}")

    def _make_room(self) -> None:
        """The written part becomes the earlier half; the previous earlier half is deleted."""
        self._file.close()
        (self._folder / TRACE).replace(self._folder / EARLIER)
        self._file = (self._folder / TRACE).open("x")
        header = json.dumps(self._header, separators=(",", ":")) + "\n"
        self._file.write(header)
        self._written = len(header)

    def _dump(self, report: TickReport) -> None:
        if len(self.dumps) >= MOST_DUMPS:
            return
        path = self._folder / f"fault_{report.index}.jsonl"
        try:
            lines = [self._header, *(encode(item) for item in self._ring)]
            path.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
            self.dumps.append(path)
            warn(f"fault: the last {len(self._ring)} ticks are in {path}; look at them with: python -m deploy.replay {path}")
        except OSError as error:
            warn(f"fault dump {path}: {error.strerror}")

    def close(self) -> None:
        """Writes what is left."""
        self._queue.put(None)
        self._thread.join(10.0)
        try:
            self._file.close()
        except OSError as error:
            warn(f"trace {self._folder}: {error.strerror}")
