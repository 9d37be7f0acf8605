"""Checks a robot's folder, and writes the first draft of one from a MuJoCo model.

python -m deploy.robot check FOLDER
python -m deploy.robot new MODEL.xml FOLDER
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from arbiter.errors import ConfigError
from deploy.cli.command import CommandParser, command

STATUS = "exit status: 0 when all is well (warnings included), 1 when the folder does not keep the contract, 2 for a wrong option"
MARKS = {"ok": "ok     ", "warning": "warning", "error": "ERROR  "}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("deploy.robot", description=__doc__.splitlines()[0], epilog=STATUS)
    commands = p.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="whether a folder keeps the contract: it compiles, has its parts, stands for 5 s")
    check.add_argument("folder", help="the folder, or the name of a robot")
    check.add_argument("--no-stand", action="store_true", help="leave the simulation of the stand out")
    new = commands.add_parser("new", help="writes the first draft of robot.yaml for a MuJoCo model")
    new.add_argument("model", help="MJCF file, or package:PACKAGE/PATH")
    new.add_argument("folder", type=Path, help="to be made")
    new.add_argument("--name", help="of the robot (default: that of the folder)")
    balance = commands.add_parser("balance", help="makes balance.json, the gains of the balance reflex of a biped")
    balance.add_argument("folder", help="the folder, or the name of a robot")
    return p


@command
def main(argv: list[str] | None = None) -> int:
    """Exit status: see `--help`."""
    args = parser().parse_args(argv)
    return {"check": _check, "new": _new, "balance": _balance}[args.command](args)


def _check(args) -> int:
    from deploy.runtime.robot_contract import examine_folder

    found = examine_folder(args.folder, stands=not args.no_stand)
    for one in found:
        print(f"{MARKS[one.level]} {one.check}: {one.text}")
    return 1 if any(one.level == "error" for one in found) else 0


def _new(args) -> int:
    from deploy.robots.draft import draft

    file = args.folder / "robot.yaml"
    if file.exists():
        raise ConfigError(f"{file}: is there already; remove it, or name another folder")
    text = draft(args.model, args.folder, args.name or args.folder.resolve().name)
    args.folder.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    print(f"{file}: a draft; read it through, then: python -m deploy.robot check {args.folder}")
    return 0


def _balance(args) -> int:
    from deploy.robots.description import description_dir, load_model
    from deploy.robots.mjcf import open_spec
    from deploy.robots.roles import find_roles
    from policies.fallback.balance.gains import make
    from policies.fallback.reflex import GAINS

    robot = load_model(args.folder)
    mj = open_spec(robot).compile()
    feet = tuple(mj.body(foot).name for foot in find_roles(mj, robot).feet)
    out = description_dir(args.folder) / GAINS
    out.write_text(json.dumps(make(mj, robot, feet)) + "\n")
    print(f"{out}: gains of the balance reflex")
    return 0


if __name__ == "__main__":
    sys.exit(main())
