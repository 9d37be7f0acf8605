"""What a run writes: the pages of the report and of the trace. A test compares the keys with those of a run."""

from __future__ import annotations

from arbiter.execution.instruction import RESULTS
from arbiter.tick import STAGES
from arbiter.types import Mode
from deploy.reference.keys import table
from deploy.trace.writer import FORMAT, RING

REPORT = {
    "duration_s": "length of the run [s]",
    "ticks": "ticks that ran",
    "control_hz": "ticks per second",
    "overruns": "periods that were missed (real time only)",
    "falls": "how often the base tilted beyond the fall angle",
    "ended": "why the run ended before everything was done; empty if it was not",
    "instructions": "one row for each instruction, in the order of arrival",
    "handovers": "one row for each change of joints from one policy to another",
    "safety": "what the safety layer did",
    "base_path": "simulation: rows of time [s], x, y [m] and yaw [rad], ten a second",
    "estimate": "where the robot says that it is: distance walked, last position in the odometry frame [m], heading [rad], their "
    "standard deviations, for how long [s] and why it was not trusted; null for a robot whose feet are not known",
    "timing_us": "p50, p99 and max [µs] of the tick and of each stage: " + ", ".join(STAGES),
    "provenance": "versions, files and their hashes, seed, machine",
}
INSTRUCTION = {
    "text": "as it was said; of the tree's own the name of its node",
    "by": "`words` or `tree`",
    "at_s": "when it arrived, since the start [s]; null: never said",
    "outcome": "of routing: accepted, rejected, stopped; unsaid",
    "skills": "names, in the order to be done",
    "parameters": "a mapping for each skill",
    "score": "calibrated probability of the weakest step; null where nothing was scored",
    "margin": "that score minus the next candidate's",
    "reason": "why it was refused, failed or cancelled; what was measured",
    "route_ms": "time that routing took [ms]",
    "first_command_s": "first command of its first skill [s since the start]",
    "blend_end_s": "end of that hand-over's blend [s]",
    "finished_s": "when it was over [s]",
    "result": ", ".join(RESULTS) + " or unfinished",
    "verified": "for each skill that was done: success, measured, required, unit and text; null where there is no criterion",
    "truth": "simulation: the same judged by the simulator's truth, and where the robot went",
}
HANDOVER = {
    "from": "policy that had the joints",
    "to": "policy that gets them",
    "skill": "for which skill",
    "joints": "joint group, or number of joints",
    "requested_s": "when it was asked for [s]",
    "first_command_s": "first command of the new policy [s]",
    "blend_end_s": "end of the blend [s]",
    "peak_velocity_rad_s": "largest joint velocity of the command meanwhile",
    "peak_acceleration_rad_s2": "largest joint acceleration of the command meanwhile",
    "result": "done, or why not",
}
SAFETY = {
    "modes": "each change: at_s, mode, reason",
    "interventions": 'counts by "check / joint / policy"',
    "trims": "the same by kind, with the largest change",
    "faults": "each fault: at_s, text",
}
TICK = {
    "i": "number of the tick, from 0",
    "t": "time [s] of the clock",
    "state": "the reading: stamp [s], q [rad], dq [rad/s], quat (w, x, y, z), gyro [rad/s], age [s] by joint, imu_age "
    "[s], battery, faults, acc [m/s²], mean_gyro [rad/s]; null: none",
    "estimate": "where the base is: position [m], velocity [m/s] and heading [rad] in the odometry frame, their standard "
    "deviations, and why it is not trusted (`doubt`); null for a robot whose feet are not known",
    "inputs": "what reached the tick, as (kind, ...): say, stop, damp, reset, alarm, go, halt, safety, arm, route, chunk, "
    "picture, late (a wait for a policy that was in vain), sight",
    "asked": "joint targets after blending, before the safety layer [rad]",
    "q": "commanded joint positions [rad]",
    "kp": "commanded gains [N·m/rad]",
    "kd": "commanded damping [N·m·s/rad]",
    "mode": "of the safety layer: " + ", ".join(mode.value for mode in Mode),
    "reason": "why it is in that mode",
    "interventions": "rows of check, joint, policy, asked, given",
    "owners": "policy of each joint",
    "branch": "nodes of the tree that ran",
    "events": "rows of kind and text",
    "ns": "duration of each stage [ns]: " + ", ".join(STAGES),
}
HEADER = {
    "format": f"version of the format ({FORMAT})",
    "start": "time of the first tick [s] of the clock",
    "joints": "joint names, the order of all arrays",
    "creep": "by which the estimate takes loaded soles to creep [s]; not there: 0",
    "robot": "what `--robot` named",
    "fast": "whether it ran in lockstep (`--fast`)",
    "tree": "path of the tree file",
    "config": "all settings in force, as YAML; secrets are `***`",
    "seed": "seed of all random generators",
    "provenance": "what ran: version, commit, hashes of the files, machine; `deploy.replay --verify` first says what differs",
}


def _table(keys: dict[str, str]) -> str:
    return table(("key", "what"), [(f"`{key}`", text) for key, text in keys.items()])


def report_page() -> str:
    """The page of `--report`."""
    return "\n\n".join(
        (
            "`python -m deploy.run --report FILE.json` writes one JSON object when the run ends, by Ctrl-C and SIGTERM "
            "too. NaN is null. What the results mean: [add-a-skill.md](../how-to/add-a-skill.md#what-succeeded-means).",
            f"## The object\n\n{_table(REPORT)}",
            f"## instructions\n\n{_table(INSTRUCTION)}",
            f"## handovers\n\n{_table(HANDOVER)}",
            f"## safety\n\n{_table(SAFETY)}",
        )
    )


def trace_page() -> str:
    """The page of `--log`."""
    return "\n\n".join(
        (
            "`python -m deploy.run --log DIR` makes a folder for each run (`DIR/20261129-210540`) with `trace.jsonl`, "
            f"`config.yaml` and, for each fault, `fault_TICK.jsonl`: the last {RING} ticks. `DIR/trace.jsonl` leads to "
            "the newest run. A trace keeps its newest half when it reaches `--log-limit`; the half before is "
            "`earlier.jsonl`. `python -m deploy.replay DIR` shows it, plots it, or decides everything again and "
            "compares. Numbers are written so that reading gives the same bits; NaN is null.",
            f"## First line\n\n{_table(HEADER)}",
            f"## Every other line: one tick\n\n{_table(TICK)}",
        )
    )
