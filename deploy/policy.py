"""Describes a policy that others trained, from the files of its makers; checks one before anything moves.

python -m deploy.policy describe policy.onnx --from deploy.yaml --robot FOLDER --out policy.yaml
python -m deploy.policy check policy.onnx --robot FOLDER
"""

from __future__ import annotations

import argparse
import sys

from deploy.cli.command import CommandParser, command

STATUS = (
    "exit status: describe 0 when the policy is described completely, 1 when something is missing, contradicts or does not fit "
    "the robot; check 0 when nothing failed (a warning may still mean a wrong card), 1 when something did; 2 for a wrong option "
    "or file"
)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("deploy.policy", description=__doc__.splitlines()[0], epilog=STATUS)
    commands = p.add_subparsers(dest="command", required=True)
    describe = commands.add_parser("describe", help="drafts the card of a policy, with the source of every value")
    describe.add_argument("file", help="the policy: an ONNX file, or a checkpoint of rsl_rl (model_N.pt)")
    describe.add_argument(
        "--from", dest="sources", action="append", default=[], metavar="FILE", help="what describes it; may be given again"
    )
    describe.add_argument("--robot", help="name or folder of the robot (default: the one that ships, if the joints are its)")
    describe.add_argument("--out", metavar="CARD", help="YAML card to write")
    describe.add_argument(
        "--order", metavar="NAMES", help="joints that indices count: names with commas, a file, robot or breadth-first"
    )
    describe.add_argument(
        "--rename", action="append", default=[], metavar="NAME=JOINT", help="the robot's name of a joint of the maker"
    )
    describe.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a key of the card, such as rate_hz=50")
    check = commands.add_parser("check", help="whether a policy fits its card and the robot: contract, probes, simulation")
    check.add_argument("file", help="the policy: an ONNX file; or a chunk policy: a folder, an address, recorded motions")
    check.add_argument("--robot", default="berkeley_humanoid_lite", help="name or folder of the robot that it is to run on")
    check.add_argument("--card", metavar="CARD", help="YAML card, or a file of the makers (default: in the file, or beside it)")
    check.add_argument("--json", action="store_true", help="print one JSON value instead of the table")
    check.add_argument("--prompt", default="wave your right hand", help="what a chunk policy is asked to do")
    return p


@command
def main(argv: list[str] | None = None) -> int:
    """Exit status: see `--help`."""
    args = parser().parse_args(argv)
    return {"describe": _describe, "check": _check}[args.command](args)


def _describe(args: argparse.Namespace) -> int:
    from deploy.policies.describe import run

    return run(args)


def _check(args: argparse.Namespace) -> int:
    from deploy.policies.check.check_table import run

    return run(args)


if __name__ == "__main__":
    sys.exit(main())
