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

_IT, _THEM, _ONE = patterns("pronouns", "it them one")
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
        named = [*self._named.finditer(text)]
        things = [match for match in named if match.start()]

        def another(one: re.Match[str]) -> str:
            nouns = [thing[0].split()[-1] for thing in named if thing.end() <= one.start()]
            return f"the {one['which']} {nouns[-1]}" if nouns and extract(one["which"])[0].colours else one[0]

        def said(it: re.Match[str]) -> str:
            return next((thing[0] for thing in reversed(things) if thing.end() <= it.start()), it[0])

        return _ONE.sub(another, _IT.sub(said, text))

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
