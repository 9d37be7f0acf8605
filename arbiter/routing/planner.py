"""The pieces of an instruction -> its route: what each asks for alone, with its neighbours, or after the last plan."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence, Set

import numpy as np

from arbiter.routing.arrangement import WHOLE, Arrangement, rejected, stopped
from arbiter.routing.choice import STOP, Choice, Chooser
from arbiter.routing.classifier import NONE
from arbiter.routing.clauses import MAX_PIECES, Piece
from arbiter.routing.corpus import canonical
from arbiter.routing.echoes import names_the_same, urges_on
from arbiter.routing.followups import follow_up
from arbiter.routing.hearing import Hearing
from arbiter.routing.languages.english import english
from arbiter.routing.last_plan import FollowedPlan, LastPlan
from arbiter.routing.quantities import extract
from arbiter.routing.stopped_plan import StoppedPlan
from arbiter.routing.text import words
from arbiter.routing.variants import Variants
from arbiter.routing.verbs import base_forms
from arbiter.routing.veto import parts
from arbiter.rules import Rule
from arbiter.skill import Route, SkillCall, Steps

_BEGINS = frozenset("start begin keep continue".split())
NAMES = 3  # words of an addressee: "good sir knight"
PARTICLES = frozenset("up down back forward forwards backward backwards left right ahead around straight".split())  # no verbs
_DOING = re.compile(r"^(?P<what>(?:(?:the|your|those|that|both|my|left|right|a) )*(?:[a-z]+) )(?P<verb>[a-z]{2,}ing)\b")


def _pieces(follow: FollowedPlan) -> list[tuple[Piece, Choice]]:
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
        asked: Words of the skills' phrases. utterances: The skills' own, normalised.
        groups: Joint masks of the robot by name.
    """

    def __init__(self, chooser: Chooser, asked: Set[str], utterances: Set[str], groups: Mapping[str, np.ndarray]) -> None:
        self._chooser, self._asked = chooser, asked
        self._hearing, self._variants = Hearing(chooser), Variants(chooser, asked, utterances)
        language = english()
        self._bound = (
            language.determiners | language.prepositions | language.conjunctions | language.limits | language.light_verbs
        )
        self._verbs = chooser.starts - self._bound - language.function - PARTICLES
        self.last_plan, self._arranged = LastPlan(chooser), Arrangement(chooser, groups)
        self.stopped_plan = StoppedPlan(self.last_plan)

    def __call__(
        self, text: str, pieces: tuple[Piece, ...], last: Steps | None, left_out: Sequence[str] = (), manners: Sequence[str] = ()
    ) -> Route:
        """The route of pieces.

        Args:
            last: The plan that follow-ups refer to; None where they can't.
            left_out: Words beside the commands that the route has to name.
            manners: Words that tell how, without which a command is understood just as well.
        """
        pieces = tuple(part for piece in self._rejoined(self._undivided(pieces)) for part in self._parted(piece))
        choices: list[tuple[Piece, Choice]] = []
        named = [f'"{words}" was not used' for words in left_out]
        index = 0
        while index < len(pieces):
            piece, used = self._uninflected(pieces[index]), 1
            if pieces[index + 1 : index + 2] and pieces[index + 1].joint == "list" and self.last_plan.urges(piece.text):
                index += 1  # "go on, walk forward"
                continue
            if choices and piece.joint in ("list", "runon") and self._adds(piece.text):
                named.append(f'"{piece.text}" was not used')
                index += 1  # "two laps, on foot"
                continue
            if choices and names_the_same(piece, choices[-1][1], self._chooser):
                index += 1  # "arms up, the two of them"
                continue
            follow = None if last is None or piece.joint == "while" else self._follow(text, pieces, index, choices, last)
            if follow is not None and not follow.steps and not self._returns(piece.text):
                return rejected(text, follow.reason, Rule.FOLLOW_UP, piece.text)
            if follow is not None and follow.steps:
                choices += _pieces(follow)
                index += 1
                continue
            choice = self._hearing.choose(piece.text, choices[-1][1] if choices else None)
            if choice.call is None and (not choice.firm or choice.rule is Rule.SIDE):
                piece, choice, used = self._widened(pieces, index, choices, choice)
            if choice.call is None and not choice.firm:
                choice = self._variants.trimmed(piece.text) or choice
            if choice.call is None and choice.rule in (Rule.SCORE, Rule.COVERAGE):
                choice = self._variants.unadorned(piece.text, manners) or choice
            if choices and (choice is choices[-1][1] or urges_on(piece, choice, choices[-1][1], self._chooser)):
                index += 1  # "turn right, then face the wall" is one turn
                continue
            listed = (piece.joint == "list" and choices) or (index + 1 < len(pieces) and pieces[index + 1].joint == "list")
            if (listed or (choices and piece.joint == "then" and choice.remark)) and (
                choice.remark or self._addressee(piece, choice)
            ):
                named += [] if choice.remark else [f'"{piece.text}" was not used']
                index += 1  # "you're too close, back off"; "sit down, cadet"
                continue
            if choice.call is None:
                part = f' (in "{piece.text}")' if len(pieces) > 1 else ""
                said = choice.said or (piece.text if part else "")
                return rejected(text, choice.reason + part, choice.rule, said, choice.score, choice.margin)
            if choice.call.skill == STOP and (len(pieces) == 1 or index + used < len(pieces)):
                return stopped(self._chooser.skills, text, choice.score, choice.margin, "means stop", choice.rule or Rule.SCORE)
            found, times = self._variants.counted(piece, choice)
            parts = [(Piece(piece.text, "then") if number else piece, found) for number in range(times)]
            if times > 1 and choices and self._alternates(piece, choices[-1][1], found):
                parts = [(piece, found), *[choices[-1], (piece, found)] * (times - 1)]  # "sit down and stand up two times"
            if len(choices) + len(parts) > MAX_PIECES:
                return rejected(
                    text, f"asks for {len(choices) + len(parts)} things; at most {MAX_PIECES} at a time", Rule.CLAUSES
                )
            choices += parts
            index += used
        route = self._arranged(text, choices)
        return dataclasses.replace(route, reason="; ".join([route.reason] * bool(route.reason) + named))

    def _returns(self, text: str) -> bool:
        """Whether words mean a skill that goes back by itself, whatever was done: "come back to where you started"."""
        choice = self._chooser.choose(text, None)
        return choice.call is not None and choice.score >= WHOLE and not self.last_plan.measured(choice.call.skill)

    def _alternates(self, piece: Piece, before: Choice, choice: Choice) -> bool:
        """Whether a call after an "and" can't be done twice in a row, but by turns with its opposite before it."""
        if piece.joint not in ("and", "list") or before.call is None or choice.call is None:
            return False
        names = {before.call.skill, choice.call.skill}
        opposed = any(names == set(pair.names) for pair in self._chooser.pairs)
        return opposed and not any(map(self.last_plan.measured, names))

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

    def _rejoined(self, pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
        """Pieces without the run-on cuts that make no sense: a part means nothing or a stop alone, or both are one command."""
        whole: list[Piece] = []
        for piece in pieces:
            joined = Piece(f"{whole[-1].text} {piece.text}", whole[-1].joint) if whole and piece.joint == "runon" else None
            if joined is not None and self._one(whole[-1], piece, joined):
                whole[-1] = joined
            else:
                whole.append(piece)
        return tuple(whole)

    def _one(self, before: Piece, piece: Piece, joined: Piece) -> bool:
        """Whether two pieces are one command: either means nothing or a stop alone, or `joined` is of the same kind as both."""
        calls = [self._chooser.choose(self._uninflected(one).text, None).call for one in (before, piece)]
        if any(call is None or call.skill == STOP for call in calls):
            return True
        kinds = {self._chooser.scorer.class_of[call.skill] for call in calls if call}
        together = self._chooser.choose(joined.text, None)
        same = together.call is not None and {self._chooser.scorer.class_of[together.call.skill]} == kinds
        return same and together.score >= WHOLE

    def _parted(self, piece: Piece) -> list[Piece]:
        """A piece, or its two parts where a verb of some skill begins amid it and both are commands: "bow turn left"."""
        said = piece.text.split()
        begins = (said[i] in self._verbs or tuple(said[i : i + 2]) in self._chooser.beginnings for i in range(1, len(said)))
        places = [i for i, begun in enumerate(begins, 1) if begun and said[i - 1] not in self._bound]
        if not places or self._chooser.one_command(piece.text):
            return [piece]
        for i in places:
            parts = Piece(" ".join(said[:i]), piece.joint), Piece(" ".join(said[i:]), "runon")
            texts = [self._uninflected(part).text for part in parts]
            kinds = [self._whole(text) for text in texts] if all(map(self._of_one_kind, texts)) else []
            apart = len(set(kinds)) > 1 and 1 < i < len(said) - 1 and said[i - 2] not in english().determiners
            if kinds and all(kinds) and (apart or not self._asked_as_one(piece.text)):
                return [parts[0], *self._parted(parts[1])]
        return [piece]

    def _of_one_kind(self, text: str) -> bool:
        """Whether all words are of one skill's phrases, which is told without asking what they come to."""
        said = self._content(text)
        return any(said <= found for label, found in self._chooser.scorer.words.items() if label != NONE)

    def _content(self, text: str) -> Set[str]:
        """The words of a text that a skill has to have among its own."""
        return set(words(extract(text)[1])) - english().function - english().determiners - english().prepositions

    def _whole(self, text: str) -> str:
        """The kind of the skill that words command, if all of them are its own words and need nothing beside them; else ""."""
        choice = self._chooser.choose(text, None)
        if choice.call is None or choice.call.skill == STOP or choice.score < WHOLE or choice.reason:
            return ""
        kind = self._chooser.kind(choice)
        return kind * (self._content(text) <= self._chooser.scorer.words[kind])

    def _asked_as_one(self, text: str) -> bool:
        """Whether one skill has all of the verbs and directions that words name."""
        whole = self._chooser.choose(text, None)
        if whole.call is None:
            return False
        mine = self._chooser.scorer.words[self._chooser.scorer.class_of[whole.call.skill]]
        return not (set(words(text)) - mine) & (self._verbs | PARTICLES)

    def _adds(self, text: str) -> bool:
        """Whether words are no command but an addition to the one before: what follows a preposition, and no skill's phrase."""
        said = text.split()
        if said[0] not in english().prepositions - english().goals or len(said) == 1 or extract(text)[0].values:
            return False
        return not (self._chooser.owner(text) or self._chooser.scorer.knows(canonical(text)))

    def _addressee(self, piece: Piece, choice: Choice) -> bool:
        """Whether a piece is but a name or two that no skill has to do with: "sit down, cadet"."""
        said = words(piece.text)
        return choice.call is None and len(said) <= NAMES and not self._asked & set(said)

    def _uninflected(self, piece: Piece) -> Piece:
        """A piece whose verb, if no skill's phrase has it, stands as such a phrase has it: "gone two metres", "start dancing"."""
        piece = Piece(_DOING.sub(self._active, piece.text, count=1), piece.joint)
        verb, _, rest = piece.text.partition(" ")
        second = rest.partition(" ")[0]
        if verb in _BEGINS and second.endswith("ing") and second not in self._asked:
            return self._uninflected(Piece(rest, piece.joint))
        base = next((base for base in base_forms(verb) if base in self._asked), verb)
        return piece if verb in self._asked else Piece(f"{base} {rest}".strip(), piece.joint)

    def _active(self, match: re.Match[str]) -> str:
        """ "The left hand waving" as the command that it is: "wave the left hand"."""
        base = next((base for base in base_forms(match["verb"])[1:] if base in self._chooser.starts), "")
        return f"{base} {match['what'].strip()}" if base and parts([f"the {match['what']}"]) else match[0]

    def _follow(
        self, text: str, pieces: tuple[Piece, ...], index: int, choices: list[tuple[Piece, Choice]], last: Steps
    ) -> FollowedPlan | None:
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
            for link in (" ", " and "):  # "to the left, sideways"
                wider = Piece(f"{before.text}{link}{piece.text}", before.joint)
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
