"""What "it" and "them" stand for: a thing that the utterances of the loaded skills name, and that the text named last."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from arbiter.routing.clauses import Piece
from arbiter.routing.patterns import patterns
from arbiter.routing.quantities import extract
from arbiter.routing.skill_words import Content, WordPlace, contents
from arbiter.routing.text import words

_IT, _THEM, _THERE, _ONE = patterns("pronouns", "it them there one")
_OF_THINGS = frozenset(("the", "your", "both"))  # determiners


class Pronouns:
    """Args:
    utterances: Canonical, of the loaded skills.
    """

    def __init__(self, utterances: Iterable[str]) -> None:
        said = [read for clause in utterances if (read := contents(words(clause)))]
        things = "|".join(sorted({re.escape(noun.word) for read in said for noun in _nouns(read)})) or "(?!)"
        alone = {read[0].word for read in said if len(read) == 1}
        self._handling = frozenset(read[0].word for read in said if len(read) > 1 and read[1].determiner) - alone
        self._named = re.compile(rf"\bthe (?:\w+ )?(?:{things})\b")
        self._thing = re.compile(
            rf"\b(?:(?:your|the|both|my|left|right) )+(?:{things})\b|\bthe (?:\w+ )?(?:{things}|one)\b|^\w+ (?:{things})$"
        )

    def ahead(self, text: str) -> str:
        """ "Touch the red ball after walking up to it" with what "it" stands for, which may be done first.

        So is "the blue one" behind "the red ball" the blue ball.
        """
        text = _IT.sub(lambda it: self._before(it) or it[0], text)
        text = _THERE.sub(lambda it: f"{it['verb']} to {said}" if (said := self._before(it)) else it[0], text)
        return _ONE.sub(self._another, text)

    def _before(self, it: re.Match[str]) -> str:
        """The thing that was named last before it; "" for none, or for one at the front that a mark sets apart."""
        said = it.string[: it.start()]
        named = [match[0] for match in self._named.finditer(said) if match.start() or said[match.end() :].startswith(" ")]
        return named[-1] if named else ""

    def _another(self, one: re.Match[str]) -> str:
        named = [thing[0].split()[-1] for thing in self._named.finditer(one.string[: one.start()])]
        return f"the {one['which']} {named[-1]}" if named and extract(one["which"])[0].colours else one[0]

    def resolved(self, pieces: Sequence[Piece]) -> list[Piece]:
        """ "Raise your arms, then lower them" with the thing that was named last before."""
        told, named = [], ""
        for piece, after in zip(pieces, [*(later.text for later in pieces[1:]), ""], strict=False):
            if self._thing.fullmatch(piece.text) and _THEM.search(after):
                named = piece.text  # "the blue ball, touch it"
                continue
            if piece.text in self._handling and (thing := self._thing.search(after)):
                piece = replace(piece, text=f"{piece.text} {thing[0]}")  # "raise, then lower your arms"
            match = _THEM.search(piece.text)
            text = f"{piece.text[: match.start()]}{named}{piece.text[match.end() :]}" if match and named else piece.text
            things = [match[0] for match in self._thing.finditer(text)]
            named = things[-1] if things else named
            told.append(replace(piece, text=text))
        return told


def _nouns(read: Sequence[Content]) -> list[Content]:
    """The last word of each object: a thing, no side and no direction."""
    last = {item.phrase: item for item in read if item.determiner in _OF_THINGS and item.place is WordPlace.OBJECT}
    return [item for item in last.values() if not extract(item.word)[0].directions]
