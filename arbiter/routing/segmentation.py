"""Pieces of an instruction -> the pieces that are one command each: cuts that part a command are undone, and run-on ones made."""

from __future__ import annotations

import re
from collections.abc import Set

from arbiter.routing.arrangement import WHOLE
from arbiter.routing.choice import STOP, Chooser
from arbiter.routing.classifier import NONE
from arbiter.routing.clauses import Piece
from arbiter.routing.echoes import folded
from arbiter.routing.languages.english import english
from arbiter.routing.numerals import NUMBER_WORDS
from arbiter.routing.quantities import extract
from arbiter.routing.text import words
from arbiter.routing.verbs import base_forms
from arbiter.routing.veto import parts

_NAMED = re.compile(r"^the (?P<deed>[a-z]+)$")
_DOING = re.compile(r"^(?P<what>(?:(?:the|your|those|that|both|my|left|right|a) )*(?:[a-z]+) )(?P<verb>[a-z]{2,}ing)\b")


class Segmentation:
    """Args:
    chooser: Tells what a piece asks for.
    asked: Words of the skills' phrases.
    """

    def __init__(self, chooser: Chooser, asked: Set[str]) -> None:
        self._chooser, self._asked = chooser, asked
        language = english()
        self._bound = (
            language.determiners | language.prepositions | language.conjunctions | language.limits | language.light_verbs
        )
        self._verbs = chooser.starts - self._bound - language.function - english().particles

    def __call__(self, pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
        """The pieces, each one command as far as can be told."""
        if pieces[1:]:
            pieces = tuple(map(self._named, pieces))
        return tuple(
            part for piece in self._rejoined(self._undivided(self._beside(folded(pieces)))) for part in self._parted(piece)
        )

    def _named(self, piece: Piece) -> Piece:
        """A command that is named: "after the wave, bow"."""
        named = None if piece.joint == "while" else _NAMED.match(piece.text)
        return Piece(named["deed"], piece.joint) if named and named["deed"] in self._chooser.starts else piece

    def _beside(self, pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
        """Pieces of which one that tells what a part of the body does beside a command is done at once with it: "walk forward,
        left hand waving"."""
        told = [(match := _DOING.match(piece.text)) is not None and self._active(match) != match[0] for piece in pieces]
        joined = [piece.joint == "list" and told[i] and not told[i - 1] for i, piece in enumerate(pieces)]
        return tuple(Piece(piece.text, "while") if at_once else piece for piece, at_once in zip(pieces, joined, strict=True))

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
        if before.text.endswith(" where you"):
            return True  # "return to where you set off from"
        kinds = set()
        for one in (before, piece):
            choice = self._chooser.choose(self.uninflected(one).text, None)
            if choice.call is None or choice.call.skill == STOP:
                return True
            kinds.add(self._chooser.kind(choice))
        if len(kinds) > 1:
            return False
        together = self._chooser.choose(joined.text, None)
        return self._chooser.kind(together) in kinds and together.score >= WHOLE

    def _parted(self, piece: Piece) -> list[Piece]:
        """A piece, or its two parts where a verb of some skill begins amid it and both are commands: "bow turn left"."""
        said = piece.text.split()
        begins = (said[i] in self._verbs or tuple(said[i : i + 2]) in self._chooser.beginnings for i in range(1, len(said)))
        places = [
            i
            for i, begun in enumerate(begins, 1)
            if begun and said[i - 1] not in self._bound | NUMBER_WORDS and said[i - 2 : i] != ["where", "you"]
        ]
        if not places or self._chooser.one_command(piece.text):
            return [piece]
        for i in places:
            parts = Piece(" ".join(said[:i]), piece.joint), Piece(" ".join(said[i:]), "runon")
            texts = [self.uninflected(part).text for part in parts]
            if not all(map(self._of_one_kind, texts)):
                continue
            if not (kind := self._whole(texts[0])) or not (other := self._whole(texts[1])):
                continue
            apart = kind != other and 1 < i < len(said) - 1 and said[i - 2] not in english().determiners
            if apart or not self._asked_as_one(piece.text):
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
        return not (set(words(text)) - mine) & (self._verbs | english().particles)

    def uninflected(self, piece: Piece) -> Piece:
        """A piece whose verb, if no skill's phrase has it, stands as such a phrase has it: "gone two metres", "start dancing"."""
        piece = Piece(_DOING.sub(self._active, piece.text, count=1), piece.joint)
        verb, _, rest = piece.text.partition(" ")
        second = rest.partition(" ")[0]
        if verb in english().phases and second.endswith("ing") and second not in self._asked:
            return self.uninflected(Piece(rest, piece.joint))
        base = next((base for base in base_forms(verb) if base in self._asked), verb)
        return piece if verb in self._asked else Piece(f"{base} {rest}".strip(), piece.joint)

    def _active(self, match: re.Match[str]) -> str:
        """ "The left hand waving" as the command that it is: "wave the left hand"."""
        base = next((base for base in base_forms(match["verb"])[1:] if base in self._chooser.starts), "")
        return f"{base} {match['what'].strip()}" if base and parts([f"the {match['what']}"]) else match[0]
