"""The report of a run: one JSON object, and a summary as text."""

from __future__ import annotations

import json
import math
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from arbiter.execution.instruction import RESULTS, Instruction
from arbiter.execution.run import yaw_of
from arbiter.tick import STAGES, Arbiter, TickReport
from deploy.observers.in_truth import Beside, row_of
from deploy.observers.tally import BasePath, Durations, Rows, Trims, trims_told
from deploy.observers.whereabouts import Whereabouts

PATH_HZ = 10.0
CHANGES = 10_000  # newest changes of the mode, and faults, that are kept
SLOW = 0.02  # share of missed periods from which the summary says so


class RunRecorder:
    """Collects the contents of the report tick by tick.

    Args:
        arbiter: The arbiter of the run.
        truth: The simulated robot's true state, for the base's path and the judgement of instructions; None on a real robot.
        say: Takes a line of text: the judgement of an instruction.
        about: Versions and files of the run, for `provenance` in the report.
    """

    def __init__(
        self, arbiter: Arbiter, truth=None, say: Callable[[str], None] = lambda line: None, about: Mapping[str, Any] | None = None
    ) -> None:
        self._arbiter, self._truth, self._about = arbiter, truth, dict(about or {})
        self._beside = Beside(arbiter, truth, say) if truth is not None else None
        self._trims = Trims()
        self._ns = Durations(("tick", *STAGES))
        self._modes: deque[dict[str, Any]] = deque(maxlen=CHANGES)
        self._faults: deque[dict[str, Any]] = deque(maxlen=CHANGES)
        self._path, self._whereabouts = BasePath(PATH_HZ), Whereabouts(arbiter.model.dt)
        self._instructions = Rows(arbiter.executor.log, self._instruction, lambda item: item.finished is not None)
        self._handovers = Rows(arbiter.handover.log, self._handover, lambda item: True)
        self._start: float | None = None
        self._end = 0.0
        self.falls = 0
        self._fallen = False

    def __call__(self, report: TickReport) -> None:
        if self._start is None:
            self._start = report.now
        self._end, at = report.now, round(report.now - self._start, 6)
        self._ns.add((sum(report.stage_ns), *report.stage_ns))
        if self._beside is not None:
            self._beside(report)
        self._instructions.take()
        self._handovers.take()
        self._trims.take(report.verdict.interventions)
        mode = report.verdict.mode.value
        if not self._modes or self._modes[-1]["mode"] != mode:
            self._modes.append({"at_s": at, "mode": mode, "reason": report.verdict.reason})
        for event in report.events:
            if event.kind == "fault":
                self._faults.append({"at_s": at, "text": event.text})
        self._whereabouts.take(report.state.estimate)
        fallen = report.state.tilt > self._arbiter.model.fall_tilt
        self.falls += fallen and not self._fallen
        self._fallen = fallen
        if self._truth is not None and self._path.due(at):
            truth = self._truth()
            self._path.add([round(at, 3), *(round(float(v), 4) for v in truth.base_pos[:2]), round(yaw_of(truth.base_quat), 4)])

    def _since(self, now: float | None) -> float | None:
        return None if now is None or self._start is None else round(now - self._start, 6)

    @property
    def ticks(self) -> int:
        return self._ns.count

    def build(self, overruns: int, ended: str = "", unsaid: Sequence[str] = ()) -> dict[str, Any]:
        """The whole report.

        Args:
            overruns: Number of missed periods.
            ended: Why the run ended before everything was done; "" if it did not.
            unsaid: Instructions that were not begun.
        """
        duration = self._end - (self._start or 0.0) + self._arbiter.model.dt if self.ticks else 0.0
        counts = {" / ".join(str(part) for part in key if part): n for key, n in self._arbiter.safety.counts.items()}
        return _finite(
            {
                "duration_s": round(duration, 6),
                "ticks": self.ticks,
                "control_hz": round(self.ticks / duration, 3) if duration else 0.0,
                "overruns": overruns,
                "falls": self.falls,
                "ended": ended,
                "instructions": [*self._instructions.build(), *(self._never(text, ended) for text in unsaid)],
                "handovers": self._handovers.build(),
                "safety": {
                    "modes": list(self._modes),
                    "interventions": counts,
                    "trims": self._trims.rows(),
                    "faults": [*self._faults, *self._unseen()],
                },
                "base_path": self._path.points,
                "estimate": self._whereabouts.build(),
                "timing_us": self._ns.build(),
                "provenance": self._about,
            }
        )

    def _unseen(self) -> list[dict[str, Any]]:
        """A fault that is latched and that no report told: it came while the harness lifted the robot, at the very end."""
        fault = self._arbiter.safety.fault
        at = self._since(self._end)
        return [{"at_s": at, "text": f"{fault}, while the harness lifted it"}] if fault and not self._faults else []

    def _never(self, text: str, ended: str) -> dict[str, Any]:
        reason = f"never said: {ended or 'the time of the run was over'}"
        return self._instruction(Instruction(0, text, "", reason=reason)) | {"at_s": None, "outcome": "unsaid", "truth": None}

    def _instruction(self, item: Instruction) -> dict[str, Any]:
        route = item.route
        steps = route.steps if route is not None else ()
        calls = [call for step in steps for call in step]
        outcome = route.outcome if route is not None else ("stopped" if item.result == "stopped" else "rejected")
        return {
            "text": item.text,
            "by": item.by,
            "at_s": self._since(item.at),
            "outcome": outcome,
            "skills": [call.skill for call in calls],
            "parameters": [dict(call.parameters) for call in calls],
            "score": route.score if route else None,
            "margin": route.margin if route else None,
            "reason": item.reason or (route.reason if route else ""),
            "route_ms": route.ms if route else None,
            "first_command_s": self._since(item.first_command),
            "blend_end_s": self._since(item.blend_end),
            "finished_s": self._since(item.finished),
            "result": str(item.result) or "unfinished",
            "verified": [row_of(*found) for found in item.measured],
            "truth": self._beside.of(item) if self._beside is not None else None,
        }

    def _handover(self, item) -> dict[str, Any]:
        return {
            "from": item.from_policy,
            "to": item.to_policy,
            "skill": item.skill,
            "joints": item.joints,
            "requested_s": self._since(item.requested),
            "first_command_s": self._since(item.first_command),
            "blend_end_s": self._since(item.blend_end),
            "peak_velocity_rad_s": round(item.peak_velocity, 4),
            "peak_acceleration_rad_s2": round(item.peak_acceleration, 3),
            "result": item.result,
        }


def _finite(value):
    """JSON has no NaN: it becomes null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_report(report: dict[str, Any], path: Path) -> None:
    """Writes the report atomically."""
    partial = path.with_name(path.name + ".part")
    partial.write_text(json.dumps(report, indent=1) + "\n")
    partial.replace(path)


def _walked(found: dict[str, Any] | None) -> list[str]:
    if not found or not any(found["deviations"]):
        return []
    (x, y, _), (doubt, _, _) = found["position_m"], found["deviations"]
    lost = f"; not trusted for {found['doubted_s']:.1f} s" if found["doubted_s"] else ""
    return [f"  by its own estimate it walked {found['walked_m']:.2f} m and is at x {x:.2f} m, y {y:.2f} m (±{doubt:.2f}){lost}"]


def _number(count: int, thing: str) -> str:
    return f"{count} {thing}" + ("" if count == 1 else "s")


def summary(report: dict[str, Any]) -> str:
    """The report as a few lines of text."""
    results = Counter(item["result"] for item in report["instructions"])
    told = ", ".join(f"{results[name]} {name}" for name in (*RESULTS, "unfinished") if results[name])
    timing = report["timing_us"].get("tick", {})
    counts = (
        f"{_number(len(report['instructions']), 'instruction')}{f': {told}' if told else ''}; "
        f"{_number(report['falls'], 'fall')}; {report['duration_s']:.1f} s at {report['control_hz']:.1f} Hz, "
        f"{_number(report['overruns'], 'overrun')}; "
    )
    lines = ["", f"{counts}tick p50 {timing.get('p50', 0):.0f} µs, p99 {timing.get('p99', 0):.0f} µs"]
    for item in report["instructions"]:
        skills = ", ".join(item["skills"]) or "-"
        lines.append(f"  {item['result']:<10} {item['text']!r} -> {skills}" + (f"  ({item['reason']})" if item["reason"] else ""))
    blended = [
        item["blend_end_s"] - item["requested_s"]
        for item in report["handovers"]
        if item["blend_end_s"] is not None and item["result"] == "done"
    ]
    if blended:
        lines.append(
            f"  {_number(len(blended), 'hand-over')}; request to blend end: median {np.median(blended):.2f} s, "
            f"longest {max(blended):.2f} s"
        )
    lines += _walked(report["estimate"])
    faults = "".join(f"; FAULT {fault['text']}" for fault in report["safety"]["faults"])
    lines.append(f"  safety: {trims_told(report['safety'])}{faults}")
    if report["overruns"] > SLOW * max(report["ticks"], 1):
        lines.append(
            "  this machine was too busy for real time: periods were missed (overruns). Motors held their last command "
            "meanwhile, a simulated robot was slower than it should be; --fast does not depend on it"
        )
    return "\n".join(lines)
