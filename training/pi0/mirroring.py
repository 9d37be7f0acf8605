"""Augmentation by symmetry: mirroring left and right, and permuting colours.

A mirrored demonstration of the right hand is one of the left hand; with two colours exchanged in picture and instruction
a red ball becomes a green one. Both are exact: the augmented demonstrations are correct ones.
"""

from __future__ import annotations

import itertools

import numpy as np

COLOURS = ("red", "green", "blue")  # the channel in which a ball of that colour is brightest
PERMUTATIONS = np.array(list(itertools.permutations(range(3))))
# Axes along y (pitch of the legs) keep their sign in a mirror image; all others turn the other way.
KEPT = ("hip_pitch", "knee_pitch", "leg_left_ankle_pitch", "leg_right_ankle_pitch")


def other_side(text: str) -> str:
    """`text` with left and right exchanged."""
    return " ".join({"left": "right", "right": "left"}.get(word, word) for word in text.split(" "))


def mirror_map(joints: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """For each joint, the joint whose value it takes in the mirror image, and the sign: order, sign, each (n,)."""
    swapped = [joint.replace("left", "*").replace("right", "left").replace("*", "right") for joint in joints]
    order = np.array([joints.index(joint) for joint in swapped])
    return order, np.array([1.0 if any(name in joint for name in KEPT) else -1.0 for joint in joints])


def mirror_joints(values: np.ndarray, joints: tuple[str, ...]) -> np.ndarray:
    """Joint values (..., n) of the mirrored robot."""
    order, sign = mirror_map(joints)
    return values[..., order] * sign.astype(values.dtype)


def mirrored_tasks(tasks: tuple[str, ...]) -> np.ndarray:
    """Index of each instruction's mirror image; -1 where it was never demonstrated."""
    return np.array([tasks.index(other_side(task)) if other_side(task) in tasks else -1 for task in tasks])


def recoloured_tasks(tasks: tuple[str, ...]) -> np.ndarray:
    """Index of each instruction after each of `PERMUTATIONS`, shape (6, tasks); -1 where it was never demonstrated.

    Channel i of the new picture is channel p[i] of the old one, so that what was brightest in channel c now is in the
    channel i with p[i] = c.
    """
    found = np.empty((len(PERMUTATIONS), len(tasks)), int)
    for row, p in enumerate(PERMUTATIONS):
        names = {COLOURS[c]: COLOURS[int(np.flatnonzero(p == c)[0])] for c in range(3)}
        said = [" ".join(names.get(word, word) for word in task.split(" ")) for task in tasks]
        found[row] = [tasks.index(text) if text in tasks else -1 for text in said]
    return found
