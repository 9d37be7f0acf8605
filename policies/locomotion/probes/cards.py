"""Other cards for the same network: each undoes one mistake that people make when they describe a policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from arbiter.robot import RobotModel
from policies.locomotion.card import ObservationTerm, PolicyCard
from policies.locomotion.probes.mirror import JointMirror

DEGREES = 180.0 / np.pi
SIGNED = ("base_ang_vel", "projected_gravity", "velocity_command", "base_lin_vel", "base_euler")
# Factors that frameworks differ by: degrees; legged_gym's 0.05 and 0.25, Isaac Lab's 0.05 and 0.2, none.
UNITS = {
    "base_ang_vel": (DEGREES, 1.0 / DEGREES, 5.0, 0.2, 4.0, 0.25),
    "joint_vel": (DEGREES, 1.0 / DEGREES, 20.0, 0.05),
    "velocity_command": (2.0, 0.5, 4.0, 0.25),
    "previous_action": (4.0, 0.25),
}
FIGURES = ("default_pos", "kp", "kd")


@dataclass(frozen=True, slots=True)
class Alternative:
    """A card that might be the right one.

    Attributes:
        kind: Of the mistake: "order", "sign", "unit", "gravity", "history", "rate", "gains", "posture", "scale".
        what: What would be different about it, to be read after "fits better:".
        card: The other card.
        known: The robot's folder speaks for it.
    """

    kind: str
    what: str
    card: PolicyCard
    known: bool = False


def alternatives(card: PolicyCard, model: RobotModel, mirror: JointMirror) -> list[Alternative]:
    """Every other card, the likelier mistakes first; each once."""
    found: dict[PolicyCard, Alternative] = {}
    for make in (_orders, _signs, _gravity, _units, _scales, _history, _rates, _figures):
        for one in make(card, model, mirror):
            if one.card != card:
                found.setdefault(one.card, one)
    return list(found.values())


def with_terms(card: PolicyCard, name: str, change: Callable[[ObservationTerm], ObservationTerm]) -> PolicyCard:
    """The card with each term of that name changed."""
    return replace(card, observations=tuple(change(term) if term.term == name else term for term in card.observations))


def scaled(term: ObservationTerm, factor: ArrayLike) -> ObservationTerm:
    """The term with its scale multiplied, value by value where there are several."""
    value = np.asarray(term.scale) * np.asarray(factor)
    return replace(term, scale=float(value) if value.ndim == 0 else tuple(value.tolist()))


def renamed(card: PolicyCard, names: Mapping[str, str], where: str) -> PolicyCard:
    """Joints under other names: `where` is "all", "seen" (in what is observed) or "acted" (in the actions)."""
    seen = tuple(replace(term, joints=tuple(names.get(name, name) for name in term.joints)) for term in card.observations)
    acted = tuple(names.get(name, name) for name in card.joints)
    return replace(
        card, joints=card.joints if where == "seen" else acted, observations=card.observations if where == "acted" else seen
    )


def orders(card: PolicyCard, model: RobotModel, mirror: JointMirror) -> dict[str, tuple[str, ...]]:
    """Other orders of the card's joints, by what they are called."""
    side = mirror.side(model)
    partner = {name: model.joints[mirror.partner[i]] for i, name in enumerate(model.joints)}
    legs = {name for i, name in enumerate(model.joints) if model.groups["legs"][i] and side[i]}
    known = [name for name in model.joints if name in card.joints]
    depth = {name: d for group in _limbs(known, model, mirror) for d, name in enumerate(group)}
    left_first = sorted(known, key=lambda name: (depth[name], -side[model.index(name)]))
    found = {
        "left and right legs are swapped": tuple(partner[n] if n in legs else n for n in card.joints),
        "left and right are swapped": tuple(partner[n] for n in card.joints),
        "joints go limb by limb, as in the robot's model": tuple(known),
        "joints alternate between left and right, as Isaac Lab lists them": tuple(left_first),
        "joints alternate between left and right, right first": tuple(
            sorted(known, key=lambda name: (depth[name], side[model.index(name)]))
        ),
        "joints are in the order of the alphabet": tuple(sorted(known)),
    }
    return {what: order for what, order in found.items() if set(order) == set(card.joints) and order != card.joints}


def _limbs(known: list[str], model: RobotModel, mirror: JointMirror) -> list[list[str]]:
    """The joints of each side of each group, and those in the middle, from the base outwards."""
    side = mirror.side(model)
    found: dict[tuple, list[str]] = {}
    for name in known:
        i = model.index(name)
        group = next((g for g, mask in model.groups.items() if mask[i] and g != "whole_body"), "")
        found.setdefault((group, side[i]), []).append(name)
    return list(found.values())


def _orders(card: PolicyCard, model: RobotModel, mirror: JointMirror) -> Iterator[Alternative]:
    for seen in {term.joints for term in card.observations if len(term.joints) > 1}:
        if set(seen) == set(card.joints) and seen != card.joints:
            same = tuple(replace(t, joints=card.joints) if set(t.joints) == set(seen) else t for t in card.observations)
            yield Alternative("order", "what is observed is in the order of the actions", replace(card, observations=same))
            yield Alternative("order", "the actions are in the order of what is observed", replace(card, joints=seen))
    for what, order in orders(card, model, mirror).items():
        names = dict(zip(card.joints, order, strict=True))
        plain = renamed(card, names, "all")
        yield Alternative("order", what, plain)
        yield Alternative("order", f"{what}, in what is observed only", renamed(card, names, "seen"))
        yield Alternative("order", f"{what}, in the actions only", renamed(card, names, "acted"))
        place = [card.joints.index(name) for name in order]
        figures = {key: tuple(getattr(card, key)[i] for i in place) for key in FIGURES}
        yield Alternative("order", f"{what}, with their figures", replace(plain, **figures))
        yield Alternative("order", f"{what}, in default_pos, kp and kd only", replace(card, **figures))


def _signs(card: PolicyCard, model: RobotModel, mirror: JointMirror) -> Iterator[Alternative]:
    for name in SIGNED:
        axes = next((term.seen_axes for term in card.observations if term.term == name), ())
        for i, axis in enumerate(axes):
            sign = np.where(np.arange(len(axes)) == i, -1.0, 1.0)
            other = with_terms(card, name, lambda t, a=axes, s=sign: scaled(t, s) if t.seen_axes == a else t)
            yield Alternative("sign", f"{name} {axis} has the other sign", other)
    done = set()
    for i in (i for i in np.flatnonzero(model.groups["legs"]) if model.joints[i] in card.joints):
        pair = {model.joints[i], model.joints[mirror.partner[i]]}
        if pair & done:
            continue
        done |= pair
        yield Alternative("sign", f"{' and '.join(sorted(pair))} turn the other way", _flipped(card, pair))


def _flipped(card: PolicyCard, joints: set[str]) -> PolicyCard:
    """Joints that turn the other way, seen and driven."""
    signs = [-1.0 if name in joints else 1.0 for name in card.joints]
    found = replace(card, action_scale=tuple((np.array(card.action_scale) * signs).tolist()))
    for term in {term.term for term in card.observations if term.joints}:
        found = with_terms(found, term, lambda t: scaled(t, [-1.0 if name in joints else 1.0 for name in t.joints]))
    return found


def _gravity(card: PolicyCard, model: RobotModel, mirror: JointMirror) -> Iterator[Alternative]:
    name = "projected_gravity"
    yield Alternative("gravity", f"{name} points up", with_terms(card, name, lambda t: scaled(t, -1.0)))
    yield Alternative(
        "gravity",
        f"{name} looks like taken from a quaternion (x, y, z, w)",
        with_terms(card, name, lambda t: scaled(t, (-1.0, 0.0, -1.0)) if t.seen_axes == ("x", "y", "z") else t),
    )
    yield Alternative(
        "gravity", f"{name} is the plain unit vector (scale 1)", with_terms(card, name, lambda t: replace(t, scale=1.0))
    )


def _units(card: PolicyCard, model: RobotModel, mirror: JointMirror) -> Iterator[Alternative]:
    for name, factors in UNITS.items():
        for factor in factors:
            taken = {DEGREES: "looks like rad/s, the network takes deg/s; ", 1.0 / DEGREES: "looks like deg/s, not rad/s; "}
            what = f"{name} {taken.get(factor, '')}scale times {factor:.3g}"
            yield Alternative("unit", what, with_terms(card, name, lambda t, f=factor: scaled(t, f)))


def _scales(card: PolicyCard, model: RobotModel, mirror: JointMirror) -> Iterator[Alternative]:
    for factor in (2.0, 0.5, 4.0, 0.25):
        scale = tuple(factor * value for value in card.action_scale)
        yield Alternative("scale", f"action_scale times {factor:g}", replace(card, action_scale=scale))


def _history(card: PolicyCard, model: RobotModel, mirror: JointMirror) -> Iterator[Alternative]:
    lengths = {term.history for term in card.observations}
    if lengths == {1}:
        return
    turned = "newest_first" if card.history_order == "oldest_first" else "oldest_first"
    yield Alternative("history", f"history_order: {turned}", replace(card, history_order=turned))
    other = "by_frame" if card.history_layout == "by_term" else "by_term"
    if len(lengths) == 1:
        yield Alternative("history", f"history_layout: {other}", replace(card, history_layout=other))
        both = replace(card, history_order=turned, history_layout=other)
        yield Alternative("history", f"history_layout: {other}, history_order: {turned}", both)


def _rates(card: PolicyCard, model: RobotModel, mirror: JointMirror) -> Iterator[Alternative]:
    for rate in (2.0 * card.rate_hz, 0.5 * card.rate_hz):
        if rate <= model.control_hz:
            yield Alternative("rate", f"rate_hz: {rate:.4g}", replace(card, rate_hz=rate))


def _figures(card: PolicyCard, model: RobotModel, mirror: JointMirror) -> Iterator[Alternative]:
    """Those that the robot's folder gives."""
    driven = [model.index(name) for name in card.joints]
    kp, kd = (tuple(values[driven].tolist()) for values in (model.kp, model.kd))
    yield Alternative("gains", "kp and kd: the robot's nominal gains", replace(card, kp=kp, kd=kd), known=True)
    posture = tuple(model.default[driven].tolist())
    yield Alternative("posture", "default_pos: the robot's default posture", replace(card, default_pos=posture), known=True)
