"""What the figures of a card say by themselves: left and right alike, and how far they are from the robot's own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from arbiter.robot import RobotModel
from policies.locomotion.card import PolicyCard
from policies.locomotion.probes.mirror import JointMirror, mirror_of
from policies.locomotion.probes.probe_finding import ProbeFinding, judged, skipped

ALIKE = 0.02  # share of the larger one by which gains and scales of left and right may differ
LEVEL = 0.02  # [rad] by which the default posture may differ from its mirror image
STANCE = 0.1  # [rad] between default_pos and the robot's default posture, legs


def probe_figures(card: PolicyCard, model: RobotModel) -> list[ProbeFinding]:
    """Gains, scales and default posture, joint by joint. The card's joints must be the robot's."""
    driven = np.array([model.index(name) for name in card.joints])
    return [*_sides(card, model, mirror_of(model), driven), *_stance(card, model, driven)]


def _sides(card: PolicyCard, model: RobotModel, mirror: JointMirror, driven: np.ndarray) -> Iterator[ProbeFinding]:
    place = {int(joint): i for i, joint in enumerate(driven)}
    pairs = [(i, place[int(mirror.partner[j])]) for i, j in enumerate(driven) if int(mirror.partner[j]) in place]
    pairs = [(i, k) for i, k in pairs if mirror.known[driven[i]]]
    if not pairs:
        yield skipped("sides", "the robot's model has no mirror image for these joints")
        return
    here, there = (np.array(side) for side in zip(*pairs, strict=True))
    for key in ("kp", "kd", "action_scale"):
        values = np.array(getattr(card, key))
        apart = np.abs(np.abs(values[here]) - np.abs(values[there])) / np.maximum(np.abs(values[here]), 1e-9)
        worst = int(np.argmax(apart))
        a, b = card.joints[here[worst]], card.joints[there[worst]]
        yield judged(
            f"{key} of both sides",
            f"differ by {100.0 * apart[worst]:.0f} % at most",
            float(apart[worst]),
            None,
            ALIKE,
            f"{a} has {values[here[worst]]:g}, {b} has {values[there[worst]]:g}: {key} is in the order of `joints`, or `joints` "
            "is in another order than the network's",
        )
    pose = np.array(card.default_pos)
    apart = np.abs(pose[here] - mirror.sign[driven[here]] * pose[there])
    worst = int(np.argmax(apart))
    a, b = card.joints[here[worst]], card.joints[there[worst]]
    yield judged(
        "default_pos of both sides",
        f"differs from its mirror image by {apart[worst]:.3f} rad at most",
        float(apart[worst]),
        None,
        LEVEL,
        f"{a} stands at {pose[here[worst]]:g}, {b} at {pose[there[worst]]:g} rad: default_pos is in the order of `joints`, or a "
        "sign is wrong",
    )


def _stance(card: PolicyCard, model: RobotModel, driven: np.ndarray) -> Iterator[ProbeFinding]:
    """Where a run starts and stands is the robot's default posture: that of the walking policy."""
    legs = np.flatnonzero(model.groups["legs"][driven])
    if not len(legs):
        return
    apart = np.abs(np.array(card.default_pos) - model.default[driven])[legs]
    worst = legs[int(np.argmax(apart))]
    yield judged(
        "default_pos and the robot's",
        f"the legs differ by {apart.max():.3f} rad at most",
        float(apart.max()),
        None,
        STANCE,
        f"{card.joints[worst]} stands at {card.default_pos[worst]:g} rad, in the robot's default posture at "
        f"{model.default[driven[worst]]:g}: mend default_pos, or `default` of robot.yaml, where a run starts",
    )
