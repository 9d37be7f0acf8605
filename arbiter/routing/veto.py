"""Words that rule a skill out, whatever its score: harm, a part of the body that it does not move, one arm for two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from arbiter.routing.languages.english import english
from arbiter.routing.patterns import patterns, rewritings
from arbiter.rules import Rule

OFTEN, FAR = 2, 6  # refused phrases that begin with a verb that no skill does: so many, and so many times those of skills

_HARM, _PART, _POSTURE, _ONE_ARM, _IN_PLACE, _ACT = patterns("veto", "harm part posture one_arm in_place act")
_IDIOMS = tuple(idiom for idiom, _ in rewritings("idioms"))
_BOTH = frozenset(("arms", "hands"))


def first_part(clause: str) -> str:
    """The part of the body that a clause is about, singular; "" if none."""
    match = _PART.search(clause)
    return match["part"] if match else ""


def parts(clauses: Iterable[str]) -> frozenset[str]:
    """Every part of the body that some phrase names."""
    return frozenset(match["part"] for clause in clauses for match in _PART.finditer(clause))


def first_words(clauses: Collection[str], share: float = 0.0) -> frozenset[str]:
    """What at least a share of the phrases begins with."""
    counts = Counter(clause.split()[0] for clause in clauses)
    return frozenset(word for word, count in counts.items() if count >= share * len(clauses))


def beyond(refused: Iterable[str], asked: Iterable[str]) -> frozenset[str]:
    """Verbs of what no skill does: refused phrases begin with them far oftener than those of skills say them, or english.yaml's.

    One rules a skill out unless a phrase of that skill begins with it.
    """
    others = Counter(clause.split()[0] for clause in refused)
    ours = Counter(word for clause in asked for word in clause.split())
    often = {word for word, count in others.items() if count >= max(OFTEN, FAR * ours[word])}
    return frozenset(often) - english().structure | english().other_verbs


@dataclass(frozen=True, slots=True)
class Veto:
    """Why a skill must not answer.

    Attributes:
        rule: Which of the rules. said: The words that it read. reason: For people.
        idiom: Pattern of the idiom, if it is one: what follows its first words is free.
    """

    rule: Rule
    said: str
    reason: str
    idiom: str = ""

    @property
    def key(self) -> tuple[Rule, str]:
        """What a skill's own phrases excuse."""
        return self.rule, self.idiom or self.said


def harmful(text: str) -> bool:
    """Whether words ask for harm or for a posture that no skill has, which nothing may leave out."""
    return bool(_HARM.search(text) or _POSTURE.search(text))


def vetoes(text: str, clause: str, skill: str, moved: frozenset[str], strange: frozenset[str], travels: bool) -> Iterator[Veto]:
    """Why `skill` must not answer `text`.

    Args:
        text: Normalised words. clause: The same without quantities ("one foot" may be a distance).
        skill: Name of the best skill.
        moved: Parts of the body that the skill's own phrases name.
        strange: Verbs that rule it out: those of `beyond` without what its phrases begin with, see first_words.
        travels: Whether the skill goes somewhere.
    """
    if match := _HARM.search(text):
        yield Veto(Rule.HARM, match[0], f'"{match[0]}" asks for harm')
    verb = clause.split()[0]
    if verb in strange:
        yield Veto(Rule.VERB, verb, f'this robot can\'t "{verb}"; nearest skill is {skill}')
    if (match := _ACT.search(clause)) and match["act"] in strange:
        yield Veto(Rule.VERB, match["act"], f'this robot can\'t do "{match[0]}"; nearest skill is {skill}')
    for idiom in _IDIOMS:
        if match := idiom.fullmatch(clause):
            yield Veto(Rule.IDIOM, match[0], f'"{match[0]}" asks for something else than {skill}', idiom.pattern)
    if travels and (match := _IN_PLACE.search(text)):
        yield Veto(Rule.IN_PLACE, match[0], f'"{match[0]}": {skill} goes somewhere')
    if match := _POSTURE.search(text):
        yield Veto(Rule.POSTURE, match[0], f'"{match[0]}": this robot has no such posture')
    part = first_part(clause)
    if part and part not in moved:
        yield Veto(Rule.PART, part, f"{skill} does not move the {part}, and no other skill is nearer")
    if _BOTH & set(skill.split("_")) and (match := _ONE_ARM.search(clause)):
        yield Veto(Rule.ONE_ARM, match[0], f"{skill} moves both arms; it can't move one alone")
