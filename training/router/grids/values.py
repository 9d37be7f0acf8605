"""Quantities in many forms, sides beside words that look like sides, and follow-ups of what was done last."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

from training.router.phrases import Phrase
from training.router.plans import builtin_vocabulary, parse_given_plan

DISTANCES = (
    *(("1.5 metres", 1.5), ("1,5 metres", 1.5), ("150 centimetres", 1.5), ("one and a half metres", 1.5)),
    *(("a metre and a half", 1.5), ("half a metre", 0.5), ("three quarters of a metre", 0.75), ("0.8 m", 0.8), ("80 cm", 0.8)),
    *(("a hundred and twenty centimetres", 1.2), ("5 feet", 1.524), ("5'", 1.524), ("two feet six inches", 0.762)),
    *(("30 inches", 0.762), ("a yard", 0.9144), ("1500 millimetres", 1.5), ("two point five metres", 2.5)),
    *(("one metre fifty", 1.5), ("three steps", 0.6), ("a dozen centimetres", 0.12), ("one metre twenty", 1.2)),
    *(("two and a quarter metres", 2.25), ("exactly 2 m", 2.0), ("roughly two metres", 2.0), ("20 metres", 5.0)),
)
ANGLES = (
    *(("30 degrees", math.radians(30)), ("forty-five degrees", math.radians(45)), ("45°", math.radians(45))),
    *(("pi/2", math.pi / 2), ("one radian", 1.0), ("half a radian", 0.5), ("a quarter turn", math.pi / 2)),
    *(("half a turn", math.pi), ("three quarters of a turn", 1.5 * math.pi), ("a full turn", 2 * math.pi), ("0.7 rad", 0.7)),
    *(("one hundred and twenty degrees", math.radians(120)), ("an eighth of a turn", math.pi / 4), ("60 deg", math.radians(60))),
    *(("thirty", math.radians(30)), ("by 20", math.radians(20)), ("pi radians", math.pi), ("a third of a turn", math.pi / 1.5)),
)
SPEEDS = (
    *(("at 0.3 metres per second", "=0.3"), ("at 20 cm/s", "=0.2"), ("at 0.45 m/s", "=0.45"), ("at 1 km/h", "=0.27778")),
    *(("slowly", "<0.35"), ("very slowly", "<0.25"), ("quickly", ">0.35"), ("as fast as you can", ">0.4"), ("at 0.2", "=0.2")),
)
COUNTS = (("twice", 2), ("three times", 3), ("4 times", 4), ("a couple of times", 2), ("thrice", 3), ("five times", 5))
WALKS = (("walk forward {}", "walk_forward"), ("{} forward, please", "walk_forward"), ("back up {}", "walk_backward"))
TURNS = (("turn left {}", "turn_left"), ("rotate {} to the right", "turn_right"), ("turn {} left", "turn_left"))
BOWS = (("bow {}", "bow"), ("wave your right hand {}", "wave_right"))
VAGUE = (
    *(("walk forward a bit", "walk_forward distance<1"), ("walk a little way back", "walk_backward distance<0.6")),
    *(("turn left a tad", "turn_left angle<1.5"), ("turn slightly to the right", "turn_right angle<1.5")),
    *(("bow, then walk forward a bit", "bow, walk_forward distance<1"), ("walk a bit to the front", "walk_forward distance<1")),
    *(("walk forward a long way", "walk_forward distance>1"), ("turn a little left, then bow", "turn_left angle<1.5, bow")),
)
SENSELESS = (
    *("between one and two metres", "one or two metres", "minus two metres", "-1 m", "two to three metres"),
    *("either 50 or 80 cm", "from 1 to 2 m", "minus 50 centimetres"),
)
BOTH_MEASURED = (
    "walk forward {0}, then turn left {1}",
    "turn left {1} and walk forward {0}",
    "go forward {0} before you turn left {1}",
)

SIDED = (
    *(("turn to the {0}", "turn_{0}"), ("{0} turn", "turn_{0}"), ("wave with your {0} hand", "wave_{0}")),
    *(("give them a wave, {0} hand", "wave_{0}"), ("{0} hand: wave", "wave_{0}"), ("take a step {0}", "sidestep_{0}")),
    *(("move sideways to the {0}", "sidestep_{0}"), ("point {0}", "point_at direction={0}")),
    *(("walk in a circle to the {0}", "walk_in_circle side={0}"), ("turn, and to the {0}", "turn_{0}")),
    *(("turn {0} after you stand up", "stand_up, turn_{0}"), ("step {0} before you bow", "sidestep_{0}, bow")),
    *(("before you turn {0}, bow", "bow, turn_{0}"), ("after you bow, turn {0}", "bow, turn_{0}")),
    *(("bow after you turn {0}", "turn_{0}, bow"), ("turn {0} before you wave your {1} hand", "turn_{0}, wave_{1}")),
    *(("wave your {0} hand after you turn {1}", "turn_{1}, wave_{0}"), ("turn {0} and then {1}", "turn_{0}, turn_{1}")),
    *(("turn {0}, not {1}", "turn_{0}"), ("not {1}, turn {0}", "turn_{0}"), ("wave {0} then turn {1}", "wave_{0}, turn_{1}")),
    *(("turn {0} right now", "turn_{0}"), ("wave your {0} hand right away", "wave_{0}"), ("all right, turn {0}", "turn_{0}")),
    *(("you're right, now turn {0}", "turn_{0}"), ("bow right after you turn {0}", "turn_{0}, bow")),
    *(("turn {0} right before you sit down", "turn_{0}, sit_down"), ("step {0}, right?", "sidestep_{0}")),
    *(
        ("{0}, turn {0}", "turn_{0}"),
        ("spin round to your {0}", "turn_{0}"),
        ("face {0}, then walk forward", "turn_{0}, walk_forward"),
    ),
)
CLOCK = (
    *(("walk in a circle, clockwise", "walk_in_circle side=right"), ("circle anticlockwise", "walk_in_circle side=left")),
    *(
        ("turn clockwise", "turn_right"),
        ("rotate counterclockwise", "turn_left"),
        ("walk a circle counter-clockwise", "walk_in_circle side=left"),
    ),
    *(
        ("go round in a clockwise circle", "walk_in_circle side=right"),
        ("right after sitting down stand up", "sit_down, stand_up"),
    ),
)

LASTS = (
    *("walk_forward distance=1", "turn_left angle=1", "wave_left", "bow count=1", "sidestep_left distance=0.4"),
    *("walk_backward distance=0.6", "turn_right angle=0.5", "wave_right, bow", "point_at direction=left"),
)
AGAIN = ("again", "do that again", "once more", "one more time", "repeat that", "the same again please")
FOLLOWED = (
    *(
        ("twice as far", "walk_forward distance=1", "walk_forward distance=2"),
        ("half as far", "walk_forward distance=1", "walk_forward distance=0.5"),
    ),
    *(
        ("and back", "walk_forward distance=2", "walk_backward distance=2"),
        ("now back again", "walk_backward distance=1", "walk_forward distance=1"),
    ),
    *(("and back", "turn_left angle=1", "turn_right angle=1"), ("faster", "walk_forward speed=0.3", "walk_forward speed>0.3")),
    *(("a bit slower", "walk_forward speed=0.3", "walk_forward speed<0.3"), ("the other hand", "wave_left", "wave_right")),
    *(
        ("now with the other hand", "wave_right", "wave_left"),
        ("the same to the right", "turn_left angle=1", "turn_right angle=1"),
    ),
    *(
        ("same on the left", "sidestep_right distance=0.3", "sidestep_left distance=0.3"),
        ("now the left one", "wave_right", "wave_left"),
    ),
    *(
        ("and to the right", "turn_left angle=1", "turn_right angle=1"),
        ("a bit more", "turn_left angle=1", "turn_left angle<1.5"),
    ),
    *(("a little further", "walk_forward distance=1", "walk_forward"), ("keep going", "walk_forward distance=1", "walk_forward")),
    *(("further", "walk_backward distance=1", "walk_backward"), ("twice as much", "turn_right angle=1", "turn_right angle=2")),
    *(("two more times", "bow count=1", "bow count=2"), ("the other way", "turn_left angle=1", "turn_right angle=1")),
    *(
        ("again, but slower", "walk_forward speed=0.3", "walk_forward speed<0.3"),
        ("now to the left", "point_at direction=right", "point_at direction=left"),
    ),
    *(
        ("again, three times", "wave_left", "wave_left count=3"),
        ("more slowly this time", "turn_left speed=0.6", "turn_left speed<0.6"),
    ),
    *(
        ("now the blue one", "touch_ball colour=red", "touch_ball colour=blue"),
        ("and the green one", "touch_ball colour=red", "touch_ball colour=green"),
    ),
)
MISPLACED = (
    *(
        ("the other hand", "bow count=1"),
        ("twice as far", "wave_left"),
        ("faster", "sit_down"),
        ("and to the right", "bow count=1"),
    ),
    *(("a bit further", "raise_arms"), ("the blue one", "walk_forward distance=1"), ("half as far", "sit_down")),
)


def _phrase(text: str, plan: str, kind: str, frame: str, last: str = "") -> Phrase:
    known = builtin_vocabulary()
    wanted = () if plan == "none" else (parse_given_plan(plan, known),)
    given = parse_given_plan(last, known) if last else ()
    return Phrase(text, wanted, kind, refusable=not wanted, last=given, frame=frame)


def quantities() -> Iterator[Phrase]:
    """Units, numerals, fractions, manner and counts, alone and in a compound; ranges and negative values are refused."""
    for frames, name, values in ((WALKS, "distance", DISTANCES), (TURNS, "angle", ANGLES), (BOWS, "count", COUNTS)):
        for (frame, skill), (said, value) in product(frames, values):
            yield _phrase(frame.format(said), f"{skill} {name}={value:.5g}", "parameters", frame)
    for said, value in SPEEDS:
        yield _phrase(f"walk forward {said}", f"walk_forward speed{value}", "parameters", "walk forward SPEED")
    for text, plan in VAGUE:
        yield _phrase(text, plan, "parameters", "vague")
    for said, (frame, _) in product(SENSELESS, WALKS[::2]):
        yield _phrase(frame.format(said), "none", "parameters", "senseless")
    for i, frame in enumerate(BOTH_MEASURED):
        for (far, d), (wide, a) in zip(DISTANCES[i::3], ANGLES[i::2], strict=False):
            plan = (f"walk_forward distance={d:.5g}", f"turn_left angle={a:.5g}")
            steps = plan if frame.index("{0}") < frame.index("{1}") else plan[::-1]
            yield _phrase(frame.format(far, wide), ", ".join(steps), "compound", frame)


def sides() -> Iterator[Phrase]:
    """Left and right of the right command, beside "before", "after", "right now" and "not left"."""
    for opening, (frame, plan), (side, other) in product(("", "now "), SIDED, (("left", "right"), ("right", "left"))):
        kind = "compound" if "," in plan else "parameters"
        yield _phrase(opening + frame.format(side, other), plan.format(side, other), kind, frame)
    for text, plan in CLOCK:
        yield _phrase(text, plan, "compound" if "," in plan else "parameters", "clockwise")


def followups() -> Iterator[Phrase]:
    """Of the last plan where it makes sense; refused where it makes none, or nothing was done before."""
    for text, last in product(AGAIN, LASTS):
        yield _phrase(text, last, "followup", text, last)
    for text, last, plan in FOLLOWED:
        yield _phrase(text, plan, "followup", text, last)
    for text, last in MISPLACED:
        yield _phrase(text, "none", "followup", text, last)
    for text in (*AGAIN, *dict.fromkeys(text for text, _, _ in FOLLOWED)):
        yield _phrase(text, "none", "followup", "nothing before")
