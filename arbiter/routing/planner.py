"""The pieces of an instruction -> its route: what each asks for alone, with its neighbours, or after the last plan."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Set

import numpy as np

from arbiter.routing.arrangement import WHOLE, Arrangement, rejected, stopped
from arbiter.routing.choice import STOP, Choice, Chooser
from arbiter.routing.classifier import NONE
from arbiter.routing.clauses import Piece
from arbiter.routing.followups import follow_up
from arbiter.routing.hearing import Hearing
from arbiter.routing.languages.english import english
from arbiter.routing.last_plan import Followed, LastPlan
from arbiter.routing.text import words
from arbiter.routing.verbs import base_forms
from arbiter.rules import Rule
from arbiter.skill import Route, SkillCall, Steps

_BEGINS = frozenset("start begin keep continue".split())
NAMES = 2  # words of an addressee: "good sir"
_ADDED = re.compile(r" (?:to|for|at|like) (?:the|my|an?|your|this|that|our|his|her|all|some) (?P<what>[a-z]+(?: [a-z]+)?)$")


def _open_words() -> frozenset[str]:
    """Words that no command ends in: "take a small step" is not cut before the step."""
    return english().determiners | english().conjunctions | english().sizes | {"to", "at", "with", "for", "of", "from", "into"}


def _pieces(follow: Followed) -> list[tuple[Piece, Choice]]:
    """The plan of a follow-up as choices, one after the other or at once as it says; its notes are told with the first."""
    calls = [(call, "while" if index else "then") for step in follow.steps for index, call in enumerate(step)]
    return [
        (Piece(call.phrase, joint), Choice(call, "" if number else follow.reason, call.score, call.margin))
        for number, (call, joint) in enumerate(calls)
    ]


class Planner:
    """Makes a route of pieces.

    Args:
        chooser: Tells what a piece asks for.
        asked: Words of the skills' phrases.
        groups: Joint masks of the robot by name.
    """

    def __init__(self, chooser: Chooser, asked: Set[str], groups: Mapping[str, np.ndarray]) -> None:
        self._chooser, self._asked = chooser, asked
        self._hearing = Hearing(chooser)
        self.last_plan, self._arranged = LastPlan(chooser), Arrangement(chooser, groups)

    def __call__(self, text: str, pieces: tuple[Piece, ...], last: Steps | None) -> Route:
        pieces = tuple(command for piece in self._undivided(pieces) for command in self._commands(piece))
        choices: list[tuple[Piece, Choice]] = []
        named: list[str] = []
        index = 0
        while index < len(pieces):
            piece, used = self._uninflected(pieces[index]), 1
            if pieces[index + 1 : index + 2] and pieces[index + 1].joint == "list" and self.last_plan.urges(piece.text):
                index += 1  # "go on, walk forward"
                continue
            follow = None if last is None else self._follow(text, pieces, index, choices, last)
            if follow is not None and not follow.steps:
                return rejected(text, follow.reason, Rule.FOLLOW_UP, piece.text)
            if follow is not None:
                choices += _pieces(follow)
                index += 1
                continue
            choice = self._hearing.choose(piece.text, choices[-1][1] if choices else None)
            if choice.call is None and not choice.firm:
                piece, choice, used = self._widened(pieces, index, choices, choice)
            if choice.call is None and not choice.firm:
                choice = self._trimmed(piece.text) or choice
            if choices and choice is choices[-1][1]:
                index += 1  # "turn right, then face the wall" is one turn
                continue
            listed = (piece.joint == "list" and choices) or (index + 1 < len(pieces) and pieces[index + 1].joint == "list")
            if listed and (choice.remark or self._addressee(piece, choice)):
                named += [] if choice.remark else [f'"{piece.text}" was not used']
                index += 1  # "you're too close, back off"; "sit down, cadet"
                continue
            if choice.call is None:
                part = f' (in "{piece.text}")' if len(pieces) > 1 else ""
                said = choice.said or (piece.text if part else "")
                return rejected(text, choice.reason + part, choice.rule, said, choice.score, choice.margin)
            if choice.call.skill == STOP and (len(pieces) == 1 or index + used < len(pieces)):
                return stopped(self._chooser.skills, text, choice.score, choice.margin, "means stop", choice.rule or Rule.SCORE)
            choices.append((piece, choice))
            index += used
        route = self._arranged(text, choices)
        return dataclasses.replace(route, reason="; ".join([route.reason] * bool(route.reason) + named))

    def _undivided(self, pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
        """Pieces without a cut at the "and" of two words that some utterance joins, of which the second says nothing alone:
        "jump up and down"."""
        whole: list[Piece] = []
        for piece in pieces:
            joined = whole and piece.joint == "and" and (words(whole[-1].text)[-1], piece.text) in self._chooser.doublets
            if joined and not self._chooser.owner(piece.text):
                whole[-1] = Piece(f"{whole[-1].text} and {piece.text}", whole[-1].joint)
            else:
                whole.append(piece)
        return tuple(whole)

    def _commands(self, piece: Piece) -> list[Piece]:
        """The commands of a piece that nothing parts and that is not understood whole: "nod your head look left".

        Each begins as an utterance does, stands alone, and asks for something else than the one before it.
        """
        said = piece.text.split()
        cuts = [cut for cut in range(1, len(said)) if tuple(said[cut : cut + 2]) in self._chooser.beginnings]
        if not cuts or ((whole := self._chooser.choose(piece.text, None)).call is not None and not whole.unread):
            return [piece]
        for cut in cuts:
            first, rest = Piece(" ".join(said[:cut]), piece.joint), Piece(" ".join(said[cut:]), "then")
            if said[cut - 1] not in _open_words() and (mine := self._alone(first)):
                commands = self._commands(rest)
                if self._alone(commands[0]) not in ("", mine):
                    return [first, *commands]
        return [piece]

    def _alone(self, piece: Piece) -> str:
        """The skill that a piece surely asks for, with all that it says, when it stands alone; "" if none."""
        choice = self._chooser.choose(piece.text, None)
        if choice.call is None or choice.call.skill == STOP or choice.score < WHOLE or choice.unread:
            return ""
        return choice.call.skill

    def _trimmed(self, text: str) -> Choice | None:
        """A command without the words for whom or in what way, which no skill has to do with: "bow to the jury"."""
        match = _ADDED.search(text)
        if not match or self._asked & set(words(match["what"])):
            return None
        choice = self._chooser.choose(text[: match.start()], None)
        if choice.call is None or choice.score < WHOLE or choice.call.skill == STOP:
            return None
        if any(parameter.name in ("distance", "angle") for parameter in self._chooser.skills[choice.call.skill].parameters):
            return None  # where to it goes and what it turns to is no mere addition
        notes = [choice.reason] * bool(choice.reason) + [f'"{match[0].strip()}" was not used']
        return dataclasses.replace(choice, reason="; ".join(notes))

    def _addressee(self, piece: Piece, choice: Choice) -> bool:
        """Whether a piece is but a name or two that no skill has to do with: "sit down, cadet"."""
        said = words(piece.text)
        return choice.call is None and len(said) <= NAMES and not self._asked & set(said)

    def _uninflected(self, piece: Piece) -> Piece:
        """A piece whose verb, if no skill's phrase has it, stands as such a phrase has it: "gone two metres", "start dancing"."""
        verb, _, rest = piece.text.partition(" ")
        second = rest.partition(" ")[0]
        if verb in _BEGINS and second.endswith("ing") and second not in self._asked:
            return self._uninflected(Piece(rest, piece.joint))
        base = next((base for base in base_forms(verb) if base in self._asked), verb)
        return piece if verb in self._asked else Piece(f"{base} {rest}".strip(), piece.joint)

    def _follow(
        self, text: str, pieces: tuple[Piece, ...], index: int, choices: list[tuple[Piece, Choice]], last: Steps
    ) -> Followed | None:
        """What a piece says of those before it, or of the last plan where it is the first; None where it says nothing of them."""
        piece = pieces[index]
        follow = follow_up(piece.text)
        listed = piece.joint == "list" if index else len(pieces) > 1
        if follow is None or (listed and follow.plain and not follow.rest):
            return None  # "off you go, straight ahead": a detail
        so_far = self._arranged(text, choices).steps if choices else last
        return self.last_plan.followed(piece.text, so_far, inside=bool(choices))

    def _widened(
        self, pieces: tuple[Piece, ...], index: int, choices: list[tuple[Piece, Choice]], alone: Choice
    ) -> tuple[Piece, Choice, int]:
        """A piece that means nothing alone may be a part of one command: "reach out and touch the ball"."""
        piece = pieces[index]
        options = []
        if index + 1 < len(pieces) and pieces[index + 1].joint in ("and", "list", "while"):
            following = pieces[index + 1]
            link = " " if following.joint == "while" else " and "
            options.append((Piece(f"{piece.text}{link}{following.text}", piece.joint), 2))
        for wider, used in options:
            choice = self._chooser.choose(wider.text, None)
            if choice.call is not None and choice.score >= WHOLE and not self._moves_otherwise(piece, choice.call):
                return wider, choice, used
        if choices and piece.joint in ("and", "list"):
            before, chosen = choices[-1]
            wider = Piece(f"{before.text} and {piece.text}", before.joint)
            choice = self._chooser.choose(wider.text, None)
            same = choice.call is not None and chosen.call is not None and choice.call.skill == chosen.call.skill
            if same and choice.score >= WHOLE:
                choices.pop()
                return wider, choice, 1
        return piece, alone, 1

    def _moves_otherwise(self, piece: Piece, call: SkillCall) -> bool:
        """Whether a piece begins with a verb of other skills' phrases, which those of the call's own do not have."""
        verb = words(piece.text)[0]
        mine = self._chooser.scorer.class_of[call.skill]
        others = any(verb in verbs for label, verbs in self._chooser.verbs.items() if label not in (mine, NONE))
        return others and verb not in self._chooser.verbs[mine]
