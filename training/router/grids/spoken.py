"""What the grids are made of: commands with the plan that each asks for, and how they are crossed with frames.

Values that a command does not name are labelled with the skill's default where a router could invent them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from training.router.phrases import Phrase
from training.router.plans import WantedCall, WantedPlan, builtin_vocabulary, parse_given_plan


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        do: "turn left". doing: "turning left".
        call: The call that it asks for.
        joints: The joints of its skill: "legs", "arms" or "whole_body".
    """

    do: str
    doing: str
    call: WantedCall
    joints: str


def _command(do: str, doing: str, call: str) -> Command:
    wanted = parse_given_plan(call, builtin_vocabulary())[0][0]
    arms = wanted.skill.startswith(("wave", "raise", "lower", "point", "touch"))
    whole = wanted.skill in ("bow", "sit_down", "stand_up")
    return Command(do, doing, wanted, "arms" if arms else "whole_body" if whole else "legs")


COMMANDS = tuple(
    itertools.starmap(
        _command,
        (
            ("turn left", "turning left", "turn_left angle=1.5708"),
            ("take a bow", "taking a bow", "bow count=1"),
            ("walk forward two metres", "walking forward two metres", "walk_forward distance=2"),
            ("wave your left hand", "waving your left hand", "wave_left"),
            ("sit down", "sitting down", "sit_down"),
            ("step to the right", "stepping to the right", "sidestep_right"),
            ("put your arms up", "putting your arms up", "raise_arms"),
            ("go backwards", "going backwards", "walk_backward distance=0.6"),
            ("stand up", "standing up", "stand_up"),
            ("rotate thirty degrees to the right", "rotating thirty degrees to the right", "turn_right angle=0.5236"),
            ("touch the green ball", "touching the green ball", "touch_ball colour=green"),
            ("walk in a circle", "walking in a circle", "walk_in_circle angle=6.2832 radius=0.6"),
            ("point to the left", "pointing to the left", "point_at direction=left"),
            ("wave with your right arm", "waving with your right arm", "wave_right"),
            ("lower your arms", "lowering your arms", "lower_arms"),
            ("sidestep left", "sidestepping left", "sidestep_left"),
            ("turn around to the right", "turning around to the right", "turn_right angle=3.1416"),
        ),
    )
)


def one(command: Command) -> tuple[WantedPlan, ...]:
    """The plan of a command alone."""
    return (((command.call,),),)


def in_order(*commands: Command) -> tuple[WantedPlan, ...]:
    """One after the other."""
    return (tuple((command.call,) for command in commands),)


def in_order_or_at_once(*commands: Command) -> tuple[WantedPlan, ...]:
    """One after the other; neighbours that need different joints at once, too."""
    plans = []
    for joined in itertools.product((False, True), repeat=len(commands) - 1):
        steps: list[list[Command]] = [[commands[0]]]
        for command, at_once in zip(commands[1:], joined, strict=True):
            if at_once:
                steps[-1].append(command)
            else:
                steps.append([command])
        if all(free(step) for step in steps):
            plans.append(tuple(tuple(command.call for command in step) for step in steps))
    return tuple(plans)


def at_once(*commands: Command) -> tuple[WantedPlan, ...]:
    """All at once; () where they need the same joints."""
    return ((tuple(command.call for command in commands),),) if free(commands) else ()


def free(commands: Sequence[Command]) -> bool:
    """Whether commands can run at the same time."""
    joints = [command.joints for command in commands]
    return len(joints) == 1 or ("whole_body" not in joints and len(set(joints)) == len(joints))


def tuples(size: int, amount: int, start: int, commands: Sequence[Command]) -> Iterator[tuple[Command, ...]]:
    """`amount` tuples of different skills, spread evenly over `commands`; another `start` gives others."""
    n, made, i = len(commands), 0, start
    while made < amount:
        chosen = tuple(commands[(i + k * (3 + (i + k) // n % 5) + k) % n] for k in range(size))
        i += 1
        if len({command.call.skill for command in chosen}) == size:
            made += 1
            yield chosen


def crossed(
    frames: Sequence[str],
    kind: str,
    each: int,
    wanted: Callable[..., tuple[WantedPlan, ...]] = one,
    size: int = 1,
    start: int = 0,
    commands: Sequence[Command] = COMMANDS,
) -> Iterator[Phrase]:
    """Every frame with `each` tuples of commands.

    Args:
        frames: "{0}" and "{1}" are what commands do, "{0g}" and "{1g}" what they are doing.
        wanted: Commands -> the plans that are right; () refused.
        commands: What to choose from.
    """
    for i, frame in enumerate(frames):
        for chosen in tuples(size, each, start + i * each, commands):
            said = {f"{k}g": command.doing for k, command in enumerate(chosen)}
            said |= {str(k): command.do for k, command in enumerate(chosen)}
            text = frame
            for name, words in said.items():
                text = text.replace("{" + name + "}", words)
            plans = wanted(*chosen)
            yield Phrase(text, plans, kind, refusable=not plans, frame=frame)


def refused(*commands: Command) -> tuple[WantedPlan, ...]:
    """Nothing may move."""
    return ()
