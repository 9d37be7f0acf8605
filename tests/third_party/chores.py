"""A third party's chores and poses: most of their words collide with vetoes, idioms or the stop guard."""

from arbiter.skill import Outcome, Progress, Skill
from arbiter.types import RobotState


class _Chore(Skill):
    policy, joints = "rest", "arms"

    def finish(self, state: RobotState, progress: Progress) -> Outcome:
        """Done after two seconds."""
        return Outcome.SUCCESS if progress.elapsed > 2.0 else Outcome.RUNNING


class PickUp(_Chore):
    name = "pick_up"
    utterances = (
        "pick up the hammer",
        "pick up the tool",
        "grab the hammer",
        "take the screwdriver",
        "grasp the cup",
        "pick it up",
        "get the tool from the table",
        "lift the box off the floor",
        "grab that",
        "collect the parts",
    )


class HandOver(_Chore):
    name = "hand_over"
    utterances = (
        "hand me the tool",
        "give me the hammer",
        "hand over the tool",
        "pass me the screwdriver",
        "hand it to me",
        "give it to me",
        "pass it over",
        "let me have the cup",
        "hand her the box",
        "deliver the part to me",
    )


class Dance(_Chore):
    name, joints = "dance", "whole_body"
    utterances = (
        "dance",
        "do a dance",
        "dance for us",
        "show us some moves",
        "shake your hips",
        "boogie",
        "let's dance",
        "bust a move",
        "groove to the music",
        "give us a dance",
    )


class ShakeHands(_Chore):
    name = "shake_hands"
    utterances = (
        "shake hands",
        "shake my hand",
        "give me a handshake",
        "shake hands with me",
        "let's shake on it",
        "offer your hand",
        "hold out your hand for a handshake",
        "shake hands with our guest",
        "greet him with a handshake",
        "do a handshake",
    )


class Salute(_Chore):
    name = "salute"
    utterances = (
        "salute",
        "give a salute",
        "salute the captain",
        "do a military salute",
        "put your hand to your forehead",
        "salute me",
        "salute like a soldier",
        "raise your hand in salute",
        "stand at attention and salute",
        "show respect with a salute",
    )


class Squat(_Chore):
    name, joints = "squat", "legs"
    utterances = (
        "squat",
        "do a squat",
        "squat down",
        "do three squats",
        "bend your knees",
        "go into a squat",
        "crouch down",
        "get down low",
        "drop into a squat",
        "do some knee bends",
    )


class Relax(_Chore):
    name = "relax_arms"
    utterances = (
        "relax",
        "relax your arms",
        "let your arms hang loose",
        "loosen your arms",
        "shake out your arms",
        "let your shoulders drop",
        "go soft in the arms",
        "hang your arms",
        "rest your arms",
        "hold it",
    )
