"""A policy card, whole or in part, as one description among others: what the user says outweighs what files say."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from arbiter.errors import ConfigError
from arbiter.strict import short
from policies.locomotion.card import PolicyCard
from policies.locomotion.readers.policy_description import PER_JOINT, Entries, PolicyDescription, Sourced, by_joint, number

MAKER = "policy card"
KEYS = tuple(field.name for field in dataclasses.fields(PolicyCard))
REQUIRED = tuple(field.name for field in dataclasses.fields(PolicyCard) if field.default is dataclasses.MISSING)
FEW = 4  # keys of a card that make a mapping one, whatever else stands there


def recognises(top: Mapping[str, Any]) -> bool:
    """Whether it is a card: its own kind, or nothing but its keys, or several of them."""
    return top.get("kind") == "locomotion" or bool(top) and ({*top} <= {*KEYS} or len({*top} & {*KEYS}) >= FEW)


def whole(top: Mapping[str, Any]) -> bool:
    """Whether it has all that a card needs."""
    return {*REQUIRED} <= {*top}


def read(file: str, top: Mapping[str, Any], between: str = ":") -> PolicyDescription:
    """Raises ConfigError for lists by joint that do not fit.

    Args:
        file: Name of the file.
        top: Keys of the card.
        between: Stands between the file and the key in a source.
    """
    found, entries = PolicyDescription(MAKER, file), Entries(file, top)
    joints: list[str] | None = None
    if "joints" in entries:
        joints = entries.texts("joints")
        found.joints = Sourced(joints, f"{file}{between}joints")
    for key, right in (("format", 1), ("kind", "locomotion")):
        if top.get(key, right) != right:
            raise ConfigError(f"{file}: {key} is {short(top[key])}; {right!r} is expected")
    if not isinstance(top.get("observations", []), list | type(None)):
        raise ConfigError(f"{file}: observations is {short(top['observations'])}; a list of terms is expected")
    for key, value in top.items():
        if key in ("format", "kind", "joints", "observations") or value is None:
            continue
        if key in PER_JOINT:
            found.values[key] = Sourced(_by_joint(entries, key, joints), f"{file}{between}{key}")
        else:
            found.values[key] = Sourced(value, f"{file}{between}{key}")
    if "observations" in entries and isinstance(top["observations"], list):
        found.terms = [
            Sourced(dict(Entries(file, term, f"observations[{i}]").values), f"{file}{between}observations[{i}]")
            for i, term in enumerate(top["observations"])
        ]
    return found


def _by_joint(entries: Entries, key: str, joints: list[str] | None) -> Any:
    """Values by joint; as they stand there where the joints are not named: one number, or a list in the order of the outputs."""
    single = number(entries.get(key))
    if joints is not None:
        return by_joint(joints, entries.numbers(key, len(joints)))
    return entries.numbers(key) if single is None else single


def of_card(card: PolicyCard, file: str) -> PolicyDescription:
    """A card that has been read and checked."""
    top = {key: value for key, value in dataclasses.asdict(card).items() if value not in ("", None, ())}
    top["observations"] = [_term(term) for term in card.observations]
    for key in ("joints", *PER_JOINT):
        top[key] = list(top[key])
    return read(file, top)


def _term(term: Any) -> dict[str, Any]:
    defaults = {field.name: field.default for field in dataclasses.fields(term)}
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in dataclasses.asdict(term).items()
        if value != defaults[key]
    }
