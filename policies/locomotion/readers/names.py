"""Joint names of others, matched with the robot's: by name, else by the words that a name is made of, never by position."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from arbiter.strict import nearest

IDLE = {"joint", "jnt", "dof", "motor", "leg", "arm", "robot"}  # words that tell no joint of a robot from another
SIDES = {"l": "left", "r": "right", "lft": "left", "rgt": "right"}


def matched(
    names: Sequence[str], robot: Sequence[str], renamed: Mapping[str, str] | None = None
) -> tuple[dict[str, str], list[str]]:
    """(the robot's name of each of `names` that has one, what is wrong with the others).

    A name that the robot does not have is matched by its words ("left_knee_joint" is "leg_left_knee_pitch_joint") if exactly
    one joint has them all.

    Args:
        names: Of the maker.
        robot: Joint names of the robot.
        renamed: The robot's names by the maker's, as the user says.
    """
    renamed = renamed or {}
    found = {name: renamed.get(name, name.rsplit("/", 1)[-1]) for name in names}
    found = {name: own for name, own in found.items() if own in robot}
    taken = set(found.values())
    free = {own: _words(own) for own in robot if own not in taken}
    problems = [f"--rename {name}={own}: {nearest(own, robot)}" for name, own in renamed.items() if own not in robot]
    problems += [
        f"--rename {name}={own}: no file names a joint {name!r}; {nearest(name, names)}"
        for name, own in renamed.items()
        if name not in names
    ]
    for name in names:
        if name in found:
            continue
        words = _words(name)
        fits = [own for own, others in free.items() if words == others] or [
            own for own, others in free.items() if words <= others
        ]
        if len(fits) == 1 and words:
            found[name] = fits[0]
        else:
            way = f"it may be {' or '.join(fits)}" if fits else nearest(name, robot)
            problems.append(f"the robot has no joint {name!r}; {way}; say which: --rename {name}=JOINT")
    twice = {own for own in found.values() if list(found.values()).count(own) > 1}
    for own in sorted(twice):
        both = " and ".join(name for name, other in found.items() if other == own)
        problems.append(f"{both} are both matched with the joint {own}; say which: --rename NAME=JOINT")
    return found, problems


def _words(name: str) -> frozenset[str]:
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.rsplit("/", 1)[-1]).lower()
    words = (SIDES.get(word, word) for word in re.split(r"[^a-z0-9]+", apart))
    return frozenset(word for word in words if word and word not in IDLE)
