"""Opens a trace: prints it, plots it, and verifies that the same decisions come out again.

    python -m deploy.replay LOG                     # what happened, line by line
    python -m deploy.replay LOG --at 12.3           # one tick, whole
    python -m deploy.replay LOG --plot out.png      # commands, modes and owners over time
    python -m deploy.replay LOG --verify            # decides the recorded run again: the same decisions must come out

LOG is a folder given to `deploy.run --log` (its newest run), the folder of one run, or a trace or fault dump in it.
"""

from __future__ import annotations

import argparse
import bisect
import json
import sys
from pathlib import Path
from typing import Any

from arbiter.errors import ArbiterError, ConfigError
from deploy.cli.command import CommandParser, command
from deploy.cli.extras import extra
from deploy.cli.outputs import writable


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("deploy.replay", description=__doc__)
    p.add_argument("log", type=Path, help="folder, run, trace or fault dump")
    p.add_argument("--at", type=float, metavar="SECONDS", help="shows the tick at this time since the start")
    p.add_argument("--plot", type=Path, metavar="FILE.png", help="draws commands and owners")
    p.add_argument("--verify", action="store_true", help="decides the recorded run again and compares")
    p.add_argument("--rerun", dest="verify", action="store_true", help=argparse.SUPPRESS)  # its earlier name
    return p


with extra(__name__, parser):
    import numpy as np

    from arbiter.extras import needed
    from arbiter.strict import short
    from deploy.runtime.config import load_text
    from deploy.runtime.provenance import changed_since
    from deploy.runtime.tree_robot import robot_of
    from deploy.trace.check import check_header, check_tick
    from deploy.trace.folders import EARLIER, TRACE, newest
    from deploy.trace.writer import FORMAT

PLOTS = (".png", ".pdf", ".svg")


def load_trace(path: Path, verify: bool = False) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(header, ticks) of a trace. A last line that was cut off is left out. Raises ConfigError with line and field.

    `verify`: it is to be verified, for which it must hold the run's settings.
    """
    if not path.is_dir():
        return _load(path, verify)
    run = newest(path)
    header, ticks = _load(run / TRACE, verify)
    earlier = _load(run / EARLIER, verify)[1] if (run / EARLIER).exists() else []
    return header, earlier + ticks


def _load(path: Path, verify: bool) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    try:
        lines = path.read_text("utf-8").split("\n")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}; a folder written by deploy.run --log is expected") from error
    values = []
    for number, line in enumerate(lines, 1):
        try:
            values += [json.loads(line)] if line else []
        except (ValueError, RecursionError) as error:
            if any(lines[number:]):
                raise ConfigError(f"{path}:{number}: not JSON: {error}") from error
    header = values[0] if values and isinstance(values[0], dict) else {}
    if header.get("format") != FORMAT:
        raise ConfigError(f"{path}:1: not a trace of format {FORMAT}; the first line says {short(header.get('format'))}")
    header.setdefault("start", 0.0)
    check_header(header, f"{path}:1", verify)
    for number, tick in enumerate(values[1:], 2):
        check_tick(tick, len(header["joints"]), f"{path}:{number}")
    return header, values[1:]


def tick_at(ticks: list[dict[str, Any]], start: float, at: float) -> dict[str, Any]:
    """The first tick at or after `at` [s] since `start`. Raises ConfigError where the trace holds none."""
    times = [tick["t"] - start for tick in ticks]
    if not times[0] - 1e-9 <= at <= times[-1] + 1e-9:
        raise ConfigError(f"--at {at:g}: the trace goes from {times[0]:.2f} to {times[-1]:.2f} s")
    return ticks[min(bisect.bisect_left(times, at - 1e-9), len(ticks) - 1)]


def story(ticks: list[dict[str, Any]], start: float = 0.0) -> list[str]:
    """What happened: events, and changes of mode, branch and owners. `start`: of the run [s]."""
    lines, last = [], {}
    for tick in ticks:
        owners = dict.fromkeys(tick["owners"])
        now = {"mode": tick["mode"], "branch": tick["branch"], "owners": " ".join(owners)}
        lines += [f"{tick['t'] - start:9.3f}  {kind:<9} {text}" for kind, text in tick["events"]]
        lines += [f"{tick['t'] - start:9.3f}  {key:<9} {value}" for key, value in now.items() if last.get(key) != value]
        last = now
    return lines


def describe(tick: dict[str, Any], joints: list[str], start: float = 0.0) -> str:
    """One tick as a table. `start`: of the run [s]."""
    lines = [
        f"tick {tick['i']} at {tick['t'] - start:.4f} s: {tick['mode']} {tick['reason']}",
        f"branch {tick['branch']}",
        f"{'joint':<32} {'measured':>9} {'asked':>9} {'sent':>9} {'kp':>6} {'kd':>6}  owner",
    ]
    measured = (tick["state"] or {}).get("q") or [None] * len(joints)
    for i, joint in enumerate(joints):
        cells = (measured[i], tick["asked"][i], tick["q"][i], tick["kp"][i], tick["kd"][i])
        shown = [f"{value:9.4f}" if value is not None else "      nan" for value in cells[:3]]
        lines.append(f"{joint:<32} {' '.join(shown)} {cells[3]:6.1f} {cells[4]:6.2f}  {tick['owners'][i]}")
    lines += [
        f"changed by {check}: {joint or 'the whole command'}, charged to {policy}: {asked} -> {given}"
        for check, joint, policy, asked, given in tick["interventions"]
    ]
    return "\n".join(lines)


def plot(header: dict[str, Any], ticks: list[dict[str, Any]], path: Path) -> None:
    """Commands of each joint group, with owners, over time."""
    try:
        import matplotlib
    except ImportError as error:
        raise ConfigError(f"--plot {needed('matplotlib')}") from error
    matplotlib.use("Agg")
    from matplotlib import pyplot

    t = np.array([tick["t"] for tick in ticks]) - header["start"]
    q = np.array([tick["q"] for tick in ticks], dtype=float)
    groups = _groups(header)
    figure, axes = pyplot.subplots(len(groups) + 1, 1, sharex=True, figsize=(12, 3 * (len(groups) + 1)), constrained_layout=True)
    names = sorted({owner for tick in ticks for owner in tick["owners"]})
    for axis, (group, joints) in zip(axes, groups.items(), strict=False):
        for i in joints:
            axis.plot(t, q[:, i], linewidth=0.8, label=header["joints"][i].removesuffix("_joint"))
        axis.set_ylabel(f"{group} targets [rad]")
        axis.legend(fontsize=5, ncol=2, loc="upper right")
        axes[-1].step(t, [names.index(tick["owners"][joints[0]]) for tick in ticks], where="post", label=group)
    axes[-1].set_yticks(range(len(names)), names)
    axes[-1].set_xlabel("time [s]")
    axes[-1].legend()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _groups(header: dict[str, Any]) -> dict[str, list[int]]:
    """Indices of the joints by group; all of them as one where the robot is not there any more."""
    everything = {"joint": list(range(len(header["joints"])))}
    try:
        model = robot_of(load_text(header["config"], Path(header["tree"])))
    except ArbiterError:
        return everything
    if model.joints != tuple(header["joints"]):
        return everything
    found: dict[str, list[int]] = {}
    for group, mask in model.groups.items():
        rest = [i for i in np.flatnonzero(mask).tolist() if not any(i in others for others in found.values())]
        if rest and group != "whole_body":
            found[group] = rest
    return found


@command
def main(argv: list[str] | None = None) -> int:
    """Exit status 1 when other decisions came out, 2 for a file that is not a trace."""
    args = parser().parse_args(argv)
    header, ticks = load_trace(args.log, args.verify)
    if not ticks:
        raise ConfigError(f"{args.log}: the trace holds no tick")
    if args.verify:
        from deploy.trace.redecide import redecide

        if ticks[0]["i"] != 0:
            raise ConfigError(
                f"{args.log}: begins with tick {ticks[0]['i']}; decisions are made again from the first on, "
                "which a dump does not hold, nor a trace that grew beyond --log-limit"
            )
        for line in changed_since(header.get("provenance"), load_text(header["config"], Path(header["tree"]))):
            print(f"note: {line}")
        return report(redecide(header, ticks, str(args.log)), len(ticks))
    start = header["start"]
    if args.plot:
        if args.plot.suffix.lower() not in PLOTS:
            raise ConfigError(f"--plot {args.plot}: the name must end in {', '.join(PLOTS)}")
        writable("--plot", args.plot)
        plot(header, ticks, args.plot)
    elif args.at is not None:
        print(describe(tick_at(ticks, start, args.at), header["joints"], start))
    else:
        print("\n".join(story(ticks, start)))
    return 0


def report(differences: list[str], count: int) -> int:
    """Prints what came out differently."""
    if not differences:
        print(f"{count} ticks: the same decisions came out")
        return 0
    print(f"{len(differences)} of {count} ticks came out differently; the first:\n{differences[0]}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
