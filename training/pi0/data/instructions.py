"""The instructions of demonstrations: the canonical text of every skill, and paraphrases.

The canonical texts are the prompts that the built-in skills send at run time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from arbiter.errors import ConfigError


@dataclass(frozen=True, slots=True)
class TaskInstruction:
    """One instruction for π0.

    Attributes:
        text: The canonical instruction; the `task` of the data set.
        skill: Name of the skill that sends it.
        joints: Joint group that the skill drives: "arms", "legs" or "whole_body".
        target: Its side, direction or colour; "" for none.
        paraphrases: Other wordings.
        velocity: Commanded base velocity x, y [m/s], yaw [rad/s] of a walking instruction; None for a gesture.
    """

    text: str
    skill: str
    joints: str = "arms"
    target: str = ""
    paraphrases: tuple[str, ...] = ()
    velocity: tuple[float, float, float] | None = None


def _touch(colour: str) -> TaskInstruction:
    return TaskInstruction(
        f"touch the {colour} ball",
        "touch_ball",
        target=colour,
        paraphrases=(
            f"put your hand on the {colour} ball",
            f"reach for the {colour} ball",
            f"tap the {colour} ball",
            f"place a hand on the {colour} ball",
            f"poke the {colour} ball",
        ),
    )


def _walk(text: str, x: float, y: float, yaw: float, *paraphrases: str) -> TaskInstruction:
    return TaskInstruction(text, "walk", joints="legs", velocity=(x, y, yaw), paraphrases=paraphrases)


GESTURES: tuple[TaskInstruction, ...] = (
    TaskInstruction(
        "wave the right hand",
        "wave_right",
        target="right",
        paraphrases=("wave your right hand", "wave with the right hand", "wave right hand", "say hello with your right hand"),
    ),
    TaskInstruction(
        "wave the left hand",
        "wave_left",
        target="left",
        paraphrases=("wave your left hand", "wave with the left hand", "wave left hand", "say hello with your left hand"),
    ),
    TaskInstruction(
        "raise both arms",
        "raise_arms",
        paraphrases=("raise your arms", "put your hands up", "lift both hands above your head", "arms up"),
    ),
    TaskInstruction(
        "lower both arms", "lower_arms", paraphrases=("lower your arms", "put your hands down", "let your arms hang", "arms down")
    ),
    TaskInstruction("bow", "bow", joints="whole_body", paraphrases=("take a bow", "bow down", "make a bow", "bend forward")),
    TaskInstruction(
        "sit down", "sit_down", joints="whole_body", paraphrases=("crouch", "crouch down", "squat down", "take a seat")
    ),
    TaskInstruction(
        "stand up", "stand_up", joints="whole_body", paraphrases=("stand up from sitting", "get up", "rise", "straighten up")
    ),
    TaskInstruction(
        "point to the left",
        "point_at",
        target="left",
        paraphrases=("point left", "show me the left", "point with your arm to the left"),
    ),
    TaskInstruction(
        "point to the right",
        "point_at",
        target="right",
        paraphrases=("point right", "show me the right", "point with your arm to the right"),
    ),
    TaskInstruction(
        "point straight ahead", "point_at", target="ahead", paraphrases=("point ahead", "point forward", "point to the front")
    ),
    _touch("red"),
    _touch("green"),
    _touch("blue"),
)

# The velocity instructions of the integration guide. 1.0 m/s is above what the locomotion policy is trained for: the
# robot walks at its highest speed.
WALKS: tuple[TaskInstruction, ...] = (
    _walk("walk forward", 0.3, 0.0, 0.0, "go forward", "walk ahead"),
    _walk("walk forward at 0.5 m/s", 0.5, 0.0, 0.0, "go forward at half a metre per second"),
    _walk("walk forward at 1.0 m/s", 1.0, 0.0, 0.0, "go forward at one metre per second"),
    _walk("walk backward", -0.3, 0.0, 0.0, "go back", "walk backwards"),
    _walk("turn left", 0.0, 0.0, 0.6, "rotate to the left"),
    _walk("turn right", 0.0, 0.0, -0.6, "rotate to the right"),
    _walk("turn left while walking", 0.3, 0.0, 0.5, "walk in a left curve"),
    _walk("turn right while walking", 0.3, 0.0, -0.5, "walk in a right curve"),
    _walk("walk in circle", 0.25, 0.0, 0.6, "walk in a circle", "walk around in a circle"),
    _walk("stop walking", 0.0, 0.0, 0.0, "stand still", "stay where you are"),
)

INSTRUCTIONS: tuple[TaskInstruction, ...] = GESTURES + WALKS

_BY_TEXT = {said: one for one in INSTRUCTIONS for said in (one.text, *one.paraphrases)}


def find(text: str) -> TaskInstruction:
    """The instruction that `text` stands for, canonical or a paraphrase. Raises ConfigError listing the canonical ones."""
    try:
        return _BY_TEXT[text.strip().lower()]
    except KeyError:
        known = ", ".join(repr(one.text) for one in INSTRUCTIONS)
        raise ConfigError(f"instruction {text!r} is not known; known are {known} and their paraphrases") from None


def task_of(text: str) -> TaskInstruction:
    """What a data set's own task asks for: `find`, or for a text that is not known a task of the arms that goes by its words."""
    try:
        return find(text)
    except ConfigError:
        return TaskInstruction(text, slug(text))


def is_known(text: str) -> bool:
    """Whether `find` knows it."""
    return text.strip().lower() in _BY_TEXT


def slug(text: str) -> str:
    """A name for a skill: "clap your hands!" is clap_your_hands. Raises ConfigError where nothing is left."""
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:40].strip("_")
    if not re.match(r"[a-z][a-z0-9_]", name):
        raise ConfigError(f"instruction {text!r}: no name can be made of it; use a few words of letters")
    return name


def select(names: str) -> tuple[TaskInstruction, ...]:
    """Instructions by a comma-separated list of skills or canonical texts; "gestures", "walks" and "all" are groups.

    Raises ConfigError for a name that selects nothing.
    """
    groups = {"gestures": GESTURES, "walks": WALKS, "all": INSTRUCTIONS}
    chosen: list[TaskInstruction] = []
    for name in (part.strip() for part in names.split(",")):
        found = groups.get(name) or tuple(one for one in INSTRUCTIONS if name in (one.skill, one.text))
        if not found:
            skills = sorted({one.skill for one in INSTRUCTIONS})
            raise ConfigError(f"no skill or instruction {name!r}; there are gestures, walks, all, {', '.join(skills)}")
        chosen += [one for one in found if one not in chosen]
    return tuple(chosen)
