"""The command line of deploy.run."""

from __future__ import annotations

import argparse

from deploy.cli.command import CommandParser
from deploy.cli.options import robot_name, seed

EPILOG = """\
examples:
  python -m deploy.run --tree default.yaml --say "walk forward" --say "wave your right hand"
  python -m deploy.run --tree default.yaml                       # type instructions; "stop", "reset", "quit"
  python -m deploy.run --tree default.yaml --viewer web          # the same in a browser
  python -m deploy.run --tree default.yaml --fast --seed 1 --script demo.yaml --report run.json

Ctrl-C, SIGTERM, SIGHUP (a closed terminal, a lost ssh) and SIGQUIT: it comes to rest, then ends. Ctrl-C again: it damps. A third
time: it ends, whatever hangs.

exit status: 0 when nothing faulted, whatever became of the instructions; 1 when the robot faulted; 2 for a wrong option or
file; 130 when it was ended by force; with --strict 3 when nothing faulted and an instruction did not succeed (it was refused,
failed, ended without being verified, was stopped, cancelled or not finished).
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser(
        "deploy.run",
        description="Runs a humanoid, simulated or real, that carries out instructions in plain words.",
        epilog=EPILOG,
    )
    p.add_argument("--tree", default="default.yaml", metavar="FILE", help="tree file, or a name in deploy/trees")
    p.add_argument(
        "--robot",
        type=robot_name,
        default="simulated",
        help="simulated (default), a robot's folder (simulated), rig, the robot's name (the real one), or a driver's",
    )
    p.add_argument("--say", action="append", default=[], metavar="TEXT", help="an instruction; several run one after the other")
    p.add_argument("--script", metavar="FILE", help="YAML list of {at: seconds, say: text}; or stop: true, damp: true")
    p.add_argument("--for", dest="seconds", type=float, metavar="SECONDS", help="end after this time")
    p.add_argument("--fast", action="store_true", help="lockstep: as fast as it goes, repeatable bit for bit")
    p.add_argument("--seed", type=seed, default=0, help="seed of all random generators (default 0)")
    p.add_argument(
        "--viewer",
        choices=("auto", "web", "native", "none"),
        default="auto",
        help="auto: native where there is a display and standard input is a terminal, else none",
    )
    p.add_argument("--port", type=int, default=8080, help="of the web viewer (default 8080, on 127.0.0.1)")
    p.add_argument("--video", metavar="FILE.mp4", help="films the run (no OpenGL needed)")
    p.add_argument("--report", metavar="FILE.json", help="writes the report of the run")
    p.add_argument("--log", metavar="DIR", help="writes the trace of every tick and the settings in force, in a folder per run")
    p.add_argument(
        "--log-limit",
        type=float,
        default=1000.0,
        metavar="MB",
        help="largest trace of a run (default 1000, about 1.6 h); the oldest ticks make room",
    )
    p.add_argument("--hardware", metavar="FILE", help="of the real robot: another hardware file than its own, such as a rig's")
    p.add_argument(
        "--camera",
        default="0",
        metavar="SOURCE",
        help="of the real robot: number, path, video file or address (default 0); none: without",
    )
    p.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="SPEC",
        help="of the rig: what goes wrong, such as can1:drop=0.2@5s (docs/how-to/run-on-the-robot.md)",
    )
    p.add_argument(
        "--operator",
        choices=("none", "gamepad", "keyboard"),
        default="none",
        help="whose hands arm, stop, drive and record (docs/how-to/run-on-the-robot.md)",
    )
    p.add_argument("--strict", action="store_true", help="exit status 3 unless every instruction succeeded: for scripts")
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="overrides a key of the tree file")
    return p
