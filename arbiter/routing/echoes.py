"""Words that ask once more for what the call before them does anyway, and mean no second one."""

from __future__ import annotations

from arbiter.routing.choice import Choice, Chooser, defaults
from arbiter.routing.clauses import Piece
from arbiter.routing.followups import follow_up
from arbiter.routing.languages.english import english
from arbiter.routing.numerals import NUMBER_WORDS
from arbiter.routing.quantities import extract
from arbiter.routing.skill_words import stem
from arbiter.routing.text import words


def names_the_same(piece: Piece, before: Choice, chooser: Chooser) -> bool:
    """Whether a piece only names the parts that the call before it moves anyway: "hands up, the two of them"."""
    said, rest = extract(piece.text)
    if piece.joint != "list" or before.call is None or said.values or said.sides or said.directions:
        return False
    if said.colours:  # "walk to the blue ball, blue ball"
        named = set(words(rest)) - english().function - english().determiners
        return piece.text.split()[0] not in chooser.starts and named <= set(words(before.call.phrase))
    if piece.text.split()[0] not in english().determiners | english().function or follow_up(piece.text) is not None:
        return False
    moved = chooser.moved(before.call.skill)
    named = {stem(word) for word in words(rest)} - english().function - english().determiners - NUMBER_WORDS - english().genitive
    return bool(moved) and named <= moved


def urges_on(piece: Piece, choice: Choice, before: Choice, chooser: Chooser) -> bool:
    """Whether a piece is but a light verb that comes to the skill before it once more: "three metres ahead, go"."""
    if piece.joint != "list" or choice.call is None or before.call is None or choice.call.skill != before.call.skill:
        return False
    bare = choice.call.parameters == defaults(chooser.skills, choice.call.skill)
    return bare and set(words(piece.text)) <= english().light_verbs | english().function
