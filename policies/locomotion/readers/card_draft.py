"""Several descriptions of one policy put together: the card's values with their sources, what is missing, what contradicts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from arbiter.errors import ConfigError
from arbiter.strict import Problems, build, short
from arbiter.strict.json_text import parse_json
from policies.locomotion.card import ObservationTerm, PolicyCard
from policies.locomotion.readers.agreement import close, same
from policies.locomotion.readers.policy_description import PER_JOINT, PolicyDescription, Sourced

NEEDED = ("name", "version", "robot", "rate_hz", "joints", *PER_JOINT, "input", "output", "observations")
WAYS = {
    "rate_hz": "steps per second of the policy: --set rate_hz=50, or --from the file that has it (params/env.yaml)",
    "joints": "names in the order of the network's output: --set 'joints=[...]', or --from a file that has them",
    "default_pos": "posture of an action of zero [rad], by joint: --from a file that has it, or --set 'default_pos=[...]'",
    "kp": "position gains of training [N·m/rad]: --from a file that has them, or --set 'kp=[...]'",
    "kd": "velocity gains of training [N·m·s/rad]: --from a file that has them, or --set 'kd=[...]'",
    "action_scale": "[rad] per unit of action: --set action_scale=0.25, or --from a file that has it",
    "observations": "terms in the order of the network's input: --from a file that has them",
    "robot": "the robot that it was trained for: --robot NAME or FOLDER",
    "input": "name of the graph's input: describe the ONNX file itself",
    "output": "name of the graph's output: describe the ONNX file itself",
}


@dataclass(slots=True)
class Draft:
    """A card on its way.

    Attributes:
        values: By key of the card, in the robot's names; lists by joint are in the order of `joints`.
        by_joint: The PER_JOINT keys again, by joint name, also of joints that the policy does not drive.
        terms: Observation terms as in a card.
        missing: Keys that nobody says, with the way to give them.
        contradictions: Two files that say different things, naming both.
        problems: What the policy asks for and this project cannot do.
        notes: What to know.
    """

    values: dict[str, Sourced] = field(default_factory=dict)
    by_joint: dict[str, dict[str, float]] = field(default_factory=dict)
    terms: list[Sourced] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    contradictions: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return not (self.missing or self.contradictions or self.problems)

    def as_card(self) -> dict[str, Any]:
        """What a card file would hold."""
        found: dict[str, Any] = {"format": 1, "kind": "locomotion"}
        found |= {key: sourced.value for key, sourced in self.values.items()}
        return found | ({"observations": [term.value for term in self.terms]} if self.terms else {})

    def card(self, file: str) -> PolicyCard:
        """The card. Raises ConfigError with everything that is in its way."""
        lines = [*self.contradictions, *self.problems, *(f"{key} is missing: {way}" for key, way in self.missing.items())]
        if lines:
            raise ConfigError(f"{file}: " + f"\n{file}: ".join(lines))
        problems = Problems()
        found = build(PolicyCard, parse_json(json.dumps(self.as_card()), file), problems)
        problems.raise_if_any()
        return found


Rename = Callable[[str], str]


def put_together(descriptions: Sequence[PolicyDescription], rename: Mapping[str, str]) -> Draft:
    """One draft out of several descriptions: the first that says something is taken, the others must agree.

    Args:
        descriptions: The most trusted one first.
        rename: The robot's joint names by those of the makers; what is not in it keeps its name.
    """
    draft = Draft()

    def named(joint: str) -> str:
        return rename.get(joint, joint)

    for one in descriptions:
        draft.notes += one.notes
        draft.problems += one.problems
    _joints(draft, descriptions, named)
    for key in PER_JOINT:
        _per_joint(draft, key, descriptions, named)
    _plain(draft, descriptions)
    _terms(draft, descriptions, named)
    _all_joints(draft)
    _undriven(draft)
    said = {key: way for one in reversed(descriptions) for key, way in one.missing.items()}
    for key in (*NEEDED, *said):
        there = bool(draft.terms) if key == "observations" else key in draft.values
        if not there and key not in draft.missing:
            draft.missing[key] = said.get(key) or WAYS.get(key, f"--set {key}=...")
    return draft


def _joints(draft: Draft, descriptions: Sequence[PolicyDescription], named: Rename) -> None:
    given = [
        Sourced([named(joint) for joint in one.joints.value], one.joints.source) for one in descriptions if one.joints is not None
    ]
    if not given:
        return
    draft.values["joints"] = given[0]
    for other in given[1:]:
        if len(other.value) != len(given[0].value):
            draft.contradictions.append(
                f"joints: {len(given[0].value)} in {given[0].source}, {len(other.value)} in {other.source}"
            )
            continue
        apart = [i for i, (one, two) in enumerate(zip(given[0].value, other.value, strict=True)) if one != two]
        if not apart:
            draft.values["joints"] = Sourced(given[0].value, _agreed(draft.values["joints"], other))
        else:
            k = apart[0]
            draft.contradictions.append(
                f"joints: output {k} is {given[0].value[k]} in {given[0].source}, {other.value[k]} in {other.source}"
                + (f" ({len(apart)} outputs differ)" if len(apart) > 1 else "")
            )


def _per_joint(draft: Draft, key: str, descriptions: Sequence[PolicyDescription], named: Rename) -> None:
    joints = draft.values["joints"].value if "joints" in draft.values else None
    given = []
    for one in descriptions:
        if key in one.values:
            sourced = one.values[key]
            given.append(Sourced(_by_name(draft, key, sourced, joints, named), sourced.source))
    if not given:
        return
    first = given[0]
    for other in given[1:]:
        shared = [joint for joint in first.value if joint in other.value]
        apart = [joint for joint in shared if not close(first.value[joint], other.value[joint])]
        if apart:
            joint = apart[0]
            draft.contradictions.append(
                f"{key} of {joint}: {first.value[joint]:g} in {first.source}, {other.value[joint]:g} in {other.source}"
                + (f" ({len(apart)} joints differ)" if len(apart) > 1 else "")
            )
        first = Sourced({**other.value, **first.value}, _agreed(first, other) if shared and not apart else first.source)
    draft.by_joint[key] = first.value
    without = [joint for joint in joints or () if joint not in first.value]
    if without:
        draft.missing[key] = f"{first.source} has no value for {', '.join(without)}; {WAYS[key]}"
    else:
        draft.values[key] = Sourced([first.value[joint] for joint in joints or first.value], first.source)


def _agreed(one: Sourced, two: Sourced) -> str:
    """The sources of a value that stands in two places."""
    return one.source if two.source in one.source.split("; ") else f"{one.source}; {two.source}"


def _by_name(draft: Draft, key: str, sourced: Sourced, joints: list[str] | None, named: Rename) -> dict[str, float]:
    """Values by the robot's joint names; what stands there without names is in the order of the outputs."""
    value = sourced.value
    if isinstance(value, Mapping):
        return {named(joint): item for joint, item in value.items()}
    order = joints or [f"#{i}" for i in range(len(value) if isinstance(value, list) else 1)]
    values = value if isinstance(value, list) else [value] * len(order)
    if len(values) != len(order):
        draft.contradictions.append(
            f"{key}: {len(values)} values in {sourced.source}, {len(order)} joints in {draft.values['joints'].source}"
        )
        return {}
    return dict(zip(order, values, strict=True))


def _plain(draft: Draft, descriptions: Sequence[PolicyDescription]) -> None:
    for one in descriptions:
        for key, sourced in one.values.items():
            if key in PER_JOINT:
                continue
            known = draft.values.setdefault(key, sourced)
            if key in ("name", "version"):
                continue
            if same(known.value, sourced.value):
                draft.values[key] = Sourced(known.value, _agreed(known, sourced))
            else:
                draft.contradictions.append(
                    f"{key}: {short(known.value)} in {known.source}, {short(sourced.value)} in {sourced.source}"
                )


def _terms(draft: Draft, descriptions: Sequence[PolicyDescription], named: Rename) -> None:
    given = [[_named(term, named) for term in one.terms] for one in descriptions if one.terms is not None]
    if not given:
        return
    draft.terms = given[0]
    for other in given[1:]:
        names = [[term.value["term"] for term in terms] for terms in (draft.terms, other)]
        if names[0] != names[1]:
            draft.contradictions.append(
                f"observations: {', '.join(names[0])} in {draft.terms[0].source}; {', '.join(names[1])} in {other[0].source}"
            )
            continue
        for i, (one, two) in enumerate(zip(draft.terms, other, strict=True)):
            for key in sorted({*one.value, *two.value} - {"term", "slew", "limit"}):
                if key == "joints" and None in (_of(one, key), _of(two, key)):
                    continue
                if not same(_of(one, key), _of(two, key)):
                    draft.contradictions.append(
                        f"observations[{i}] ({one.value['term']}): {key} is {short(_of(one, key))} in {one.source}, "
                        f"{short(_of(two, key))} in {two.source}"
                    )


def _all_joints(draft: Draft) -> None:
    """Terms of all joints, the order of which their file does not tell, have that of the outputs where these drive them all."""
    joints = draft.values["joints"].value if "joints" in draft.values else None
    for i, term in enumerate(draft.terms):
        if "joints" not in term.value or term.value["joints"] is not None:
            continue
        if joints is not None and len(joints) == len(draft.by_joint.get("default_pos", joints)):
            draft.terms[i] = Sourced(term.value | {"joints": joints}, term.source)
        else:
            draft.missing["observations"] = (
                f"{term.source} is of all joints in an order that is not told: --order breadth-first, or names"
            )


def _undriven(draft: Draft) -> None:
    """joint_pos_rel of joints that the policy does not drive is measured from the maker's posture, where that is told: here the
    robot's own would be taken off."""
    default, driven = draft.by_joint.get("default_pos", {}), draft.values["joints"].value if "joints" in draft.values else []
    for i, term in enumerate(draft.terms):
        seen = term.value.get("joints") or []
        if (
            term.value["term"] == "joint_pos_rel"
            and not {*seen} <= {*driven}
            and {*seen} <= {*default}
            and "offset" not in term.value
        ):
            draft.terms[i] = Sourced(
                term.value | {"term": "joint_pos", "offset": [default[joint] for joint in seen]}, term.source
            )


def _named(term: Sourced, named: Rename) -> Sourced:
    if term.value.get("joints") is None:
        return term
    return Sourced(term.value | {"joints": [named(joint) for joint in term.value["joints"]]}, term.source)


def _of(term: Sourced, key: str) -> Any:
    fields = ObservationTerm.__dataclass_fields__
    return term.value.get(key, fields[key].default if key in fields else None)
