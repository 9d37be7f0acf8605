"""Words that ask once more for what the call before them does anyway, and mean no second one."""

from __future__ import annotations

from collections.abc import Sequence

from arbiter.routing.choice import Choice, Chooser, defaults
from arbiter.routing.clauses import Piece
from arbiter.routing.followups import ONGOING, follow_up
from arbiter.routing.languages.english import english
from arbiter.routing.numerals import NUMBER_WORDS
from arbiter.routing.quantities import extract
from arbiter.routing.skill_words import stem
from arbiter.routing.text import words
from arbiter.routing.verbs import base_forms


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


def asks_again(pieces: Sequence[Piece], index: int) -> bool:
    """Whether a piece but repeats that the last plan is meant, as the first one says with a change: "quicker, lad, once more"."""
    first, again = follow_up(pieces[0].text), follow_up(pieces[index].text)
    if first is None or first.rest or not first.changes or again is None or again.rest:
        return False
    return pieces[index].joint == "list" and again.marks <= {"again", "once"} and not (again.changes or first.plain)


def urges_on(piece: Piece, choice: Choice, before: Choice, chooser: Chooser) -> bool:
    """Whether a piece is but a light verb that comes to the skill before it once more, "three metres ahead, go", or the verb that
    an amount lacks: "two metres forward, walk"."""
    if piece.joint != "list" or choice.call is None or before.call is None:
        return False
    if choice.call.parameters != defaults(chooser.skills, choice.call.skill):
        return False
    said, light = words(piece.text), english().light_verbs | english().function
    amount, rest = extract(before.call.phrase)
    alike = chooser.scorer.class_of[choice.call.skill] == chooser.scorer.class_of[before.call.skill]
    if alike and len(said) == 1 and amount.values and set(words(rest)) <= light | english().particles:
        return True
    return choice.call.skill == before.call.skill and light.issuperset(said)


def folded(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Pieces without those that only say an earlier one's verb again: "turn right, arms going up as you turn", "wave, and keep
    waving while you walk"."""
    kept: list[Piece] = []
    for piece in pieces:
        begun = [before.text.split()[0] for before in kept]
        ongoing = ONGOING.sub("", piece.text).split()
        if piece.joint == "while" and piece.text in begun[:-1]:
            kept[-1] = Piece(kept[-1].text, "while")
        elif not (begun and piece.text not in ongoing and len(ongoing) == 1 and begun[-1] in base_forms(ongoing[0])):
            kept.append(piece)
    return tuple(kept)
