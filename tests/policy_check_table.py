"""Measures `deploy.policy check` on wrong cards: how many are refused or warned of, and whose likeliest right card is right.

    POLICY_ARBITER_PUBLISHED=DIR UNITREE_G1_POLICY=DIR python -m tests.policy_check_table [--all] [POLICY ...]
    python -m tests.policy_check_table --file POLICY.onnx --robot FOLDER

Prints a line for each wrong card and a summary; docs/results/policy-check.md holds what came out. `--all` takes every mistake
there is, not one of each kind; `--file` takes any policy with its right card beside it.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from arbiter.errors import ConfigError
from arbiter.robot import RobotModel
from deploy.policies.check.locomotion import check_locomotion
from deploy.robots.description import load_model
from policies.context import SHIPPED
from policies.locomotion.card import PolicyCard, read_card, to_json
from policies.locomotion.probes.cards import alternatives
from policies.locomotion.probes.mirror import mirror_of
from policies.onnx_file import strip_metadata
from policies.registry import CARDS
from tests.unitree_g1 import VARIABLE, write_folder
from tests.wrong_cards import FORTY, MISTAKES, with_history

HISTORY = 5  # frames that a policy without a history is asked through


@dataclass(frozen=True)
class Right:
    """A policy and its right card."""

    file: Path
    card: PolicyCard
    model: RobotModel


def given(file: Path, robot: str, folder: Path) -> dict[str, Right]:
    """Any policy, and the same with a history."""
    bare = folder / "bare.onnx"  # without what its makers wrote into it, which a wrong card would contradict
    bare.write_bytes(strip_metadata(file.read_bytes()))
    model = load_model(robot)
    one = Right(bare, replace(read_card(file, robot=model), sha256=""), model)
    data, card = with_history(bare.read_bytes(), one.card, HISTORY)
    (folder / "given.onnx").write_bytes(data)
    return {"given": one, "given/history": Right(folder / "given.onnx", card, one.model)}


def right_ones(folder: Path) -> dict[str, Right]:
    """What ships, and what the environment names; of each without a history one that has it, as NAME/history."""
    model, published = load_model(), os.environ.get("POLICY_ARBITER_PUBLISHED", "")
    found = {"shipped": Right(SHIPPED / "locomotion.onnx", read_card(SHIPPED / "locomotion.onnx"), model)}
    for name in ("humanoid", "humanoid_legs") if published else ():
        file = Path(published) / f"policy_{name}.onnx"
        found[name] = Right(file, read_card(file, CARDS / f"published_{name}.yaml"), model)
    for name, one in list(found.items()):
        data, card = with_history(one.file.read_bytes(), one.card, HISTORY)
        file = folder / f"{name}.onnx"
        file.write_bytes(data)
        found[f"{name}/history"] = Right(file, card, model)
    if os.environ.get(VARIABLE):
        g1 = write_folder(folder / "unitree_g1", Path(os.environ[VARIABLE]))
        file = g1 / "policies" / "locomotion.onnx"
        robot = load_model(g1)
        found["g1"] = Right(file, read_card(file, robot=robot), robot)
    return found


def wrong_ones(found: dict[str, Right], every: bool) -> Iterator[tuple[str, str, str, Right, PolicyCard]]:
    """(policy, kind, mistake, right, wrong card)."""
    for name in (name for name in found if "/" not in name):
        for kind, mistakes in MISTAKES.items():
            right = found.get(f"{name}/history", found[name]) if kind == "history" else found[name]
            for mistake in mistakes if every else [FORTY.get(name, FORTY["g1"])[kind]]:
                try:
                    yield name, kind, mistake, right, mistakes[mistake](right.card, right.model)
                except ConfigError as error:
                    print(f"{name} {kind} {mistake}: cannot be said in a card: {error}")


def same(one: PolicyCard, other: PolicyCard) -> bool:
    """Equal but for rounding of scales, names and hashes."""
    keys = ("joints", "default_pos", "kp", "kd", "action_scale", "rate_hz", "history_order", "history_layout")
    terms = zip(one.observations, other.observations, strict=True)
    close = all(a.joints == b.joints and np.allclose(a.scale, b.scale) for a, b in terms)
    values = (getattr(card, key) for key in keys for card in (one, other))
    return close and all(_equal(a, b) for a, b in zip(values, values, strict=True))


def _equal(a: object, b: object) -> bool:
    return np.allclose(a, b) if isinstance(a, tuple) and isinstance(a[0], float) else a == b


def measure(right: Right, card: PolicyCard) -> tuple[str, list[str], str]:
    """The worst level, the checks that found something, and whether the card that is named is the right one."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "card.yaml"
        file.write_text(to_json(replace(card, sha256="")))
        found = check_locomotion(right.file, file, right.model, lambda steps, what: steps)
    doubts = [one for one in found if one.level in ("warn", "fail")]
    level = "fail" if any(one.level == "fail" for one in doubts) else "warn" if doubts else "pass"
    told = next((one.seen.removeprefix("fits better: ") for one in doubts if one.check == "another card"), "")
    others = alternatives(replace(card, sha256=""), right.model, mirror_of(right.model)) if told else []
    named = next((one.card for one in others if one.what == told), None)
    verdict = "" if named is None else "right" if same(named, right.card) else "another"
    return level, [one.check for one in doubts if one.check != "another card"], f"{verdict}: {told}" if told else ""


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("policies", nargs="*", help="some of them only")
    p.add_argument("--file", type=Path, help="any other policy, with its right card beside it")
    p.add_argument("--robot", default="berkeley_humanoid_lite", help="its robot")
    p.add_argument("--all", action="store_true", help="every mistake, not one of each kind")
    args = p.parse_args()
    counts: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        found = given(args.file, args.robot, Path(folder)) if args.file else right_ones(Path(folder))
        found = {name: one for name, one in found.items() if not args.policies or name.split("/")[0] in args.policies}
        jobs = [(name, "right", "", one, one.card) for name, one in found.items()] + list(wrong_ones(found, args.all))
        for name, kind, mistake, right, card in jobs:
            start = time.process_time()
            level, checks, named = measure(right, card)
            key = f"{'right' if kind == 'right' else 'wrong'} {level}"
            counts[key] = counts.get(key, 0) + 1
            if named.startswith("right"):
                counts["named"] = counts.get("named", 0) + 1
            seconds = time.process_time() - start
            print(f"| {name} | {kind} | {mistake} | {level} | {', '.join(checks)} | {named} | {seconds:.0f} |", flush=True)
    print(counts)


if __name__ == "__main__":
    main()
