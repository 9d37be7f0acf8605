"""`deploy.policy describe`: what the files of a policy say of it, with the source of every value, and the card that follows."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from arbiter.errors import ConfigError
from arbiter.robot import RobotModel
from arbiter.strict import nearest, parse_text
from deploy.cli.outputs import writable
from deploy.policies.named_orders import order_of
from deploy.robots.description import describe as robot_description
from deploy.robots.description import figures
from policies.locomotion.card import check_card
from policies.locomotion.readers import own_card
from policies.locomotion.readers.card_draft import Draft
from policies.locomotion.readers.finding import CHECKPOINTS, Described, Hints, describe
from policies.locomotion.readers.writing import card_text, table


def run(args: argparse.Namespace) -> int:
    """Prints the draft, writes it where asked. Exit status 0: complete; 1: something is missing, contradicts or does not fit."""
    path, out = Path(args.file), writable("--out", args.out) if args.out else None
    described, robot = _described(path, args)
    draft = described.draft
    misfit = _misfit(draft, robot, path)
    print(f"{path}: described by {', '.join(f'{one.file} ({one.maker})' for one in described.descriptions)}")
    print(table(draft))
    _tell(draft, misfit)
    if out is not None:
        out.write_text(card_text(draft), encoding="utf-8")
        print(f"{out}: the card as far as it is known" if not draft.complete else f"{out}: the card")
    if path.suffix in CHECKPOINTS and draft.complete:
        card = out or path.with_suffix(".yaml")
        print(f"a checkpoint: python -m training.locomotion.export {path} {path.with_suffix('.onnx')} --card {card}")
    elif out is None and draft.complete and not misfit:
        print(
            f"complete: runs in a tree as it is ({{kind: onnx, file: {path.name}}}) where its files stay beside it, or --out CARD"
        )
    return 0 if draft.complete and not misfit else 1


def _described(path: Path, args: argparse.Namespace) -> tuple[Described, RobotModel | None]:
    """With the robot that is named; without one, with the one that ships if its joints are the policy's."""
    settings = dict(_setting(text) for text in args.set)
    renamed = dict(_renaming(text) for text in args.rename)

    def hints(robot: RobotModel | None) -> Hints:
        order = order_of(args.order, robot) if args.order else ()
        return Hints([Path(source) for source in args.sources], order, renamed, settings)

    robot = figures(robot_description(args.robot)) if args.robot else figures(robot_description())
    try:
        described = describe(path, robot, hints(robot))
    except ConfigError:
        if args.robot or not args.order or {*order_of(args.order, robot)} <= {*robot.joints}:
            raise
        return describe(path, None, hints(None)), None
    if args.robot or args.rename or ({"robot", "joints"} <= {*described.draft.values} and not described.draft.problems):
        return described, robot
    return describe(path, None, hints(None)), None


def _misfit(draft: Draft, robot: RobotModel | None, path: Path) -> str:
    """Why the complete card does not fit the robot."""
    if robot is None or not draft.complete:
        return ""
    try:
        check_card(draft.card(str(path)), robot, path)
    except ConfigError as error:
        return str(error)
    return ""


def _tell(draft: Draft, misfit: str) -> None:
    groups = (
        ("contradiction", draft.contradictions),
        ("cannot be played", draft.problems),
        ("missing", [f"{key}: {way}" for key, way in draft.missing.items()]),
        ("does not fit", [misfit] if misfit else []),
        ("note", draft.notes),
    )
    for title, lines in groups:
        for line in dict.fromkeys(lines):
            print(f"{title}: {line}")


def _setting(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or key not in own_card.KEYS:
        raise ConfigError(f"--set {text}: KEY=VALUE is expected, KEY of the card; {nearest(key, own_card.KEYS)}")
    return key, parse_text(value, f"--set {key}").plain()


def _renaming(text: str) -> tuple[str, str]:
    name, equals, joint = text.partition("=")
    if not (name and equals and joint):
        raise ConfigError(f"--rename {text}: NAME=JOINT is expected: the maker's name and the robot's")
    return name, joint
