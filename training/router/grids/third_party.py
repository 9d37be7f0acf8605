"""Commands to skills that the router has ten utterances of, and to the built-in ones beside them."""

from __future__ import annotations

from collections.abc import Iterator

from training.router.grids.spoken import COMMANDS, Command, crossed, in_order, in_order_or_at_once, one, refused
from training.router.phrases import Phrase, ToldSkill
from training.router.plans import WantedCall


def _told(name: str, joints: str, *utterances: str) -> ToldSkill:
    return ToldSkill(name, joints, utterances)


SKILLS = (
    _told(
        *("nod", "whole_body", "nod", "nod your head", "give a nod", "nod yes", "say yes with your head", "nod at me"),
        *("nod in agreement", "make a nod", "nod to the audience", "show that you agree"),
    ),
    _told(
        *("clap", "arms", "clap", "clap your hands", "applaud", "give a round of applause", "clap for the speaker"),
        *("put your hands together", "start clapping", "clap along", "applaud the winner", "make some applause"),
    ),
    _told(
        *("kick_ball", "legs", "kick", "kick the ball", "shoot the ball", "take a kick", "kick it away", "kick the football"),
        *("shoot at the goal", "give the ball a kick", "strike the ball with your foot", "play the ball with your foot"),
    ),
    _told(
        *("march", "legs", "march on the spot", "march", "march in place", "step in place", "walk on the spot"),
        *("start marching", "march like a soldier", "lift your knees in turn", "stomp on the spot", "do a march"),
    ),
    _told(
        *("salute", "arms", "salute", "give a salute", "salute the flag", "military salute", "salute the captain"),
        *("hand to your forehead", "do a soldier's salute", "show me a salute", "salute us", "touch your forehead"),
    ),
    _told(
        *("dance", "whole_body", "dance", "do a dance", "dance for us", "show us your dance", "let's see you dance"),
        *("dance to the music", "bust a move", "shake your hips", "do the robot dance", "start dancing"),
    ),
    _told(
        *("look_left", "whole_body", "look left", "look to the left", "turn your head left", "eyes left"),
        *("glance to the left", "look over your left shoulder", "head to the left", "look at what is left of you"),
        *("face left with your head", "check your left side"),
    ),
    _told(
        *("look_right", "whole_body", "look right", "look to the right", "turn your head right", "eyes right"),
        *("glance to the right", "look over your right shoulder", "head to the right", "look at what is right of you"),
        *("face right with your head", "check your right side"),
    ),
)
WORDINGS = {
    "nod": (
        "a nod, please",
        "nod once for me",
        "give them a nod",
        "can you nod your head",
        "nod to the lady",
        "agree with a nod",
    ),
    "clap": ("clap for them", "a little applause", "give her some applause", "clap your hands for us", "let's have a clap"),
    "kick_ball": ("kick that ball", "have a kick", "kick the ball over here", "give it a kick", "shoot the ball at the goal"),
    "march": ("march for me", "do some marching", "march where you are", "march on the spot for us", "let me see you march"),
    "salute": ("salute me", "salute the general", "give the captain a salute", "a salute please", "make a salute"),
    "dance": ("dance a bit", "a dance, please", "dance with us", "give us a dance", "show me a dance", "dance for the children"),
    "look_left": ("take a look to the left", "look over to the left", "have a glance left", "now look left", "look leftwards"),
    "look_right": (
        "take a look to the right",
        "look over to the right",
        "have a glance right",
        "now look right",
        "look rightwards",
    ),
}
OTHERS = (
    ("clap your hands", "clapping your hands", "clap"),
    ("nod your head", "nodding your head", "nod"),
    ("march on the spot", "marching on the spot", "march"),
    ("give a salute", "giving a salute", "salute"),
    ("kick the ball", "kicking the ball", "kick_ball"),
    ("do a dance", "doing a dance", "dance"),
    ("look left", "looking left", "look_left"),
    ("look right", "looking right", "look_right"),
)
POLITE = ("would you mind {0g}", "I wonder if you might {0}", "when you have a second, {0}", "{0} for me, if you would")
CONDITIONS = ("{0} when I raise my hand", "if she smiles, {0}", "{0} tomorrow morning", "{0} unless he says no")
MIXED = tuple(
    command
    for pair in zip(
        (
            Command(do, doing, WantedCall(name), next(skill.joints for skill in SKILLS if skill.name == name))
            for do, doing, name in OTHERS
        ),
        COMMANDS,
        strict=False,
    )
    for command in pair
)


def third_party() -> Iterator[Phrase]:
    """New wordings, frames and pairs; the built-in skills keep theirs."""
    for name, texts in WORDINGS.items():
        for text in texts:
            yield Phrase(text, (((WantedCall(name),),),), "third_party", frame=name)
    yield from crossed(POLITE, "third_party", 5, one, commands=MIXED[::2])
    yield from crossed(CONDITIONS, "condition", 5, refused, commands=MIXED[::2])
    yield from crossed(("{0} {1}",), "third_party", 30, in_order_or_at_once, 2, commands=MIXED)
    yield from crossed(("{0}, {1}", "{0} and then {1}"), "third_party", 12, in_order, 2, 7, commands=MIXED)
    yield from crossed(("{0}", "please {0}"), "plain", len(COMMANDS))
