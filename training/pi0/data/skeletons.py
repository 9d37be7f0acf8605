"""Whose joint is whose: the twelve joints of a captured human that the robot follows, found in any skeleton.

Names alone do not tell: "LeftLeg" is the shank of Mixamo and the thigh of SOMA, "LeftShoulder" the collar bone of Mixamo and the
upper arm of others. What every skeleton shares is its structure: above a hand are an elbow and a shoulder, above an ankle a knee
and a hip. Only hands and feet are found by their names, and the sides by the joint of the other side.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from training.pi0.data.disk import RecordingError

SIDES = ("left", "right")
PARTS = ("arm", "forearm", "hand", "thigh", "shank", "foot")  # a limb begins at the joint of its name
CHAINS = (("arm", "forearm", "hand"), ("thigh", "shank", "foot"))
ENDS = {"hand": {"hand", "wrist", "palm"}, "foot": {"foot", "ankle"}}
# Words of joints that are no hand although they have its word: fingers, ends, what an animator added.
NOT_ENDS = set(
    "thumb index middle mid ring pinky little finger toe toes ball end nub tip ik fk pole ctrl control target prop".split()
)
INLINE = {"twist", "roll"}  # of joints in the middle of a bone
# How a name says its side, most certain first; the joint of the other side must be there.
SIDE_FORMS = (
    re.compile(r"left|right", re.IGNORECASE),
    re.compile(r"(?<![A-Za-z0-9])[lr](?![A-Za-z0-9])", re.IGNORECASE),  # L_Hand, hand.l, Bip01 R Hand
    re.compile(r"(?<![A-Za-z])[lr](?=[A-Z])|(?<=[a-z0-9])[LR](?![A-Za-z])"),  # lHand, HandL
    re.compile(r"(?<![A-Za-z])[lr](?=[a-z])", re.IGNORECASE),  # lhand
)
OTHER = {"left": "right", "right": "left", "l": "r", "r": "l"}


@dataclass(frozen=True, slots=True)
class CapturedBody:
    """A captured motion as places of joints.

    Attributes:
        places: World position of each joint by name, shape (T, 3), in one unit. parents: Name of each one's parent, "": none.
        frame_time: [s] between two frames.
    """

    places: dict[str, np.ndarray]
    parents: dict[str, str]
    frame_time: float

    def __len__(self) -> int:
        return len(next(iter(self.places.values())))


def joint_map(body: CapturedBody, where: str, names: dict[tuple[str, str], str] | None = None) -> dict[tuple[str, str], str]:
    """The body's name of every part of `PARTS` by (side, part); `names`: what `read_names` found, instead.

    Raises RecordingError listing what the file has.
    """
    if names:
        for (side, part), name in names.items():
            if name not in body.places:
                raise RecordingError(f"{where}: no joint {name!r}, which is to be the {side} {part}; {_listed(body)}")
        return names
    sided = {name: side for name in body.parents if (side := side_of(name, body.parents.keys()))}
    found = {}
    for parts in CHAINS:
        for side in SIDES:
            chain = _chain(body, sided, side, parts[-1])
            if len(chain) < len(parts):
                missing = parts[len(parts) - len(chain) - 1]
                raise RecordingError(
                    f"{where}: no joint for the {side} {missing} is found; {_listed(body)}. Name them in a file: --names FILE"
                )
            found |= {(side, part): name for part, name in zip(parts, reversed(chain), strict=True)}
    return found


def side_of(name: str, names) -> str:
    """ "left", "right", or "" for what is in the middle or has no other side."""
    for form in SIDE_FORMS:
        for match in form.finditer(name):
            other = OTHER[match[0].lower()]
            other = other.upper() if match[0].isupper() else other.capitalize() if match[0][0].isupper() else other
            if name[: match.start()] + other + name[match.end() :] in names:
                return "left" if match[0][0].lower() == "l" else "right"
    return ""


def words_of(name: str) -> list[str]:
    """The words of a joint's name, lower case, without digits: "mixamorig:LeftForeArm" is mixamorig, left, fore, arm."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", re.sub(r"[^A-Za-z]+", " ", name))
    words = " ".join(re.sub(r"^(left|right)(?=.)", r"\1 ", word) for word in spaced.lower().split()).split()
    # "lhand": the side is part of the word.
    return [word[1:] if word[0] in "lr" and word[1:] in ENDS["hand"] | ENDS["foot"] else word for word in words]


def _chain(body: CapturedBody, sided: dict[str, str], side: str, end: str) -> list[str]:
    """The joints from a hand or foot up to the shoulder or hip, as far as they are there, the hand first."""
    ends = [name for name, its in sided.items() if its == side and _is_end(words_of(name), end)]
    if not ends:
        return []
    chain = [min(ends, key=lambda name: len(list(_ancestors(body, name))))]  # SMPL has a hand below its wrist
    for name in _ancestors(body, chain[0]):
        if sided.get(name) != side or len(chain) == 3:
            break
        if INLINE & set(words_of(name)):
            continue
        if _stem(name) == _stem(chain[-1]) and len(chain) > 1:
            chain[-1] = name  # of "lowerarm01" and "lowerarm02" the upper one is the elbow
        else:
            chain.append(name)
    return chain


def _is_end(words: list[str], end: str) -> bool:
    return bool(ENDS[end] & set(words)) and not NOT_ENDS & set(words)


def _stem(name: str) -> str:
    return " ".join(words_of(name))


def _ancestors(body: CapturedBody, name: str) -> Iterator[str]:
    while name := body.parents[name]:
        yield name


def _listed(body: CapturedBody) -> str:
    shown = [name for name in body.places if not name.endswith("_end")]
    return f"it has {', '.join(shown)}"


def read_names(file: Path) -> dict[tuple[str, str], str]:
    """A file that names the joints: YAML, under `left` and `right` each part of `PARTS`. Raises RecordingError."""
    try:
        said = yaml.safe_load(file.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise RecordingError(f"{file}: cannot be read: {str(error).splitlines()[0]}") from error
    wanted = {(side, part) for side in SIDES for part in PARTS}
    sides = said if isinstance(said, dict) else {}
    found = {
        (str(side), str(part)): str(name)
        for side, parts in sides.items()
        for part, name in (parts.items() if isinstance(parts, dict) else ())
    }
    if wanted != found.keys():
        off = ", ".join(" ".join(pair) for pair in sorted(wanted ^ found.keys()))
        raise RecordingError(f"{file}: missing or unknown: {off}; under left and right, each of {', '.join(PARTS)} is expected")
    return found


# Limbs of the robot: from body, to frame, kind of frame, and the human's two ends.
LIMBS = (
    ("arm_{side}_shoulder_roll", "arm_{side}_elbow_pitch", "body", "arm", "forearm"),
    ("arm_{side}_elbow_pitch", "hand_{side}", "site", "forearm", "hand"),
    ("leg_{side}_hip_pitch", "leg_{side}_knee_pitch", "body", "thigh", "shank"),
    ("leg_{side}_knee_pitch", "leg_{side}_ankle_pitch", "body", "shank", "foot"),
)
Directions = dict[tuple[str, str], np.ndarray]  # by part and side: unit vectors in the torso's frame, shape (T, 3)


def limb_directions(body: CapturedBody, where: str, names: dict[tuple[str, str], str] | None = None) -> Directions:
    """Direction of each human limb in the torso's frame (x forward, y left, z up), unit vectors, shape (T, 3)."""
    joints = joint_map(body, where, names)

    def at(part: str, side: str) -> np.ndarray:
        return body.places[joints[side, part]]

    shoulders, hips = (at(part, "left") - at(part, "right") for part in ("arm", "thigh"))
    up = (at("arm", "left") + at("arm", "right")) - (at("thigh", "left") + at("thigh", "right"))
    # Legs relative to the hips, arms relative to the shoulders: a turned trunk must not turn the legs.
    frames = {"arm": torso_frame(up, shoulders, where), "leg": torso_frame(up, hips, where)}
    directions = {}
    for start, _, _, near, far in LIMBS:
        for side in SIDES:
            along = np.einsum("tij,tj->ti", frames[start[:3]], at(far, side) - at(near, side))
            directions[near, side] = _unit(along, f"{where}: the {side} {near}")
    return directions


def torso_frame(up: np.ndarray, left: np.ndarray, where: str = "motion") -> np.ndarray:
    """Rows ahead, left, up of an orthonormal frame, shape (T, 3, 3)."""
    up = _unit(up, f"{where}: the trunk")
    left = _unit(left - np.einsum("ti,ti->t", left, up)[:, None] * up, f"{where}: the line across shoulders or hips")
    return np.stack((np.cross(left, up), left, up), axis=1)


def _unit(vectors: np.ndarray, what: str) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    if not (length > 1e-6).all():
        raise RecordingError(f"{what} has no length in some frame")
    return vectors / length
