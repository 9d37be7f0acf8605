"""A third party's gestures: some of their words are those of built-in skills, of refused phrases, of the stop guard."""

from arbiter.skill import Outcome, Progress, Skill
from arbiter.types import RobotState


class _Gesture(Skill):
    policy, joints = "rest", "arms"

    def finish(self, state: RobotState, progress: Progress) -> Outcome:
        """Done after two seconds."""
        return Outcome.SUCCESS if progress.elapsed > 2.0 else Outcome.RUNNING


class Nod(_Gesture):
    name = "nod"
    utterances = (
        "nod",
        "nod your head",
        "give a nod",
        "say yes with your head",
        "nod twice",
        "move your head up and down",
        "nod in agreement",
        "nod at me",
        "do a nod",
        "show that you agree",
    )


class Clap(_Gesture):
    name = "clap"
    utterances = (
        "clap",
        "clap your hands",
        "applaud",
        "give us a round of applause",
        "clap three times",
        "put your hands together",
        "start clapping",
        "clap for me",
        "give me some applause",
        "do a clap",
    )


class Kick(_Gesture):
    name, joints = "kick", "legs"
    utterances = (
        "kick",
        "kick the ball",
        "give it a kick",
        "do a kick",
        "kick with your foot",
        "kick forward",
        "swing your leg and kick",
        "kick it away",
        "take a shot at the ball",
        "boot the ball",
    )


class MarchOnTheSpot(_Gesture):
    name, joints = "march_on_the_spot", "legs"
    utterances = (
        "march on the spot",
        "march in place",
        "step in place",
        "walk on the spot",
        "lift your knees in place",
        "jog on the spot",
        "do some marching without going anywhere",
        "march where you are",
        "tread on the spot",
        "stamp your feet in place",
    )


class LookLeft(_Gesture):
    name = "look_left"
    utterances = (
        "look left",
        "look to the left",
        "turn your head left",
        "look to your left",
        "turn your head to the left",
        "glance left",
        "check your left side",
        "eyes left",
        "face left with your head",
        "peek to the left",
    )


class LookRight(_Gesture):
    name = "look_right"
    utterances = tuple(text.replace("left", "right") for text in LookLeft.utterances)
