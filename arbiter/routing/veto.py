"""Words that rule a skill out, whatever its score: harm, a part of the body that it does not move, one arm for two."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from arbiter.routing.languages.english import english
from arbiter.rules import Rule

OFTEN, FAR = 2, 6  # refused phrases that begin with a verb that no skill does: so many, and so many times those of skills

_HARM = re.compile(
    r"\b(?:(?:throw|fling|hurl|launch|slam|smash|crash|hurt|harm|injure|destroy|damage|burn|drown|kill)"
    r" (?:your|my|him|her|it|them|our)sel(?:f|ves)"
    r"|(?:so|until|till)\b.*\b(?:you|they|he|she|it|everything)(?: \w+)?"
    r" (?:falls?|topples?|tips?|crash(?:es)?|collapses?|breaks?|faints?)"
    r"|(?:off|over) the (?:edge|table|stage|roof|stairs|platform|cliff|ledge|balcony)"
    r"|(?:in|through) ?(?:to )?(?:the|a|that|this) (?:wall|window|glass|crowd)"
    r"|gun|knife|sword|pistol|rifle|weapon|bomb|axe|hammer|torch)\b"
)
_PART = re.compile(
    r"\b(?:your|the|my|his|her|one|both|left|right) (head|neck|eye|nose|mouth|tongue|ear|shoulder|elbow|wrist|finger|thumb|hand"
    r"|arm|hip|leg|knee|ankle|foot|feet|toe|belly|waist)(?:e?s)?\b(?! side)"
)
_POSTURE = re.compile(
    r"\bon (?:one|a single|your (?:left|right)) (?:leg|foot)\b|\bon your (?:head|hands|toes|tiptoes|heels|belly|knees|back)\b"
)
_ONE_ARM = re.compile(r"\b(?:left|right|one|single|your|an?|the) (?:arm|hand)\b")
_IN_PLACE = re.compile(r"\b(?:on the spot|in place|without (?:moving|going anywhere|leaving))\b")
# Command words with another meaning.
_IDIOMS = tuple(
    re.compile(rf"^(?:{idiom})$")
    for idiom in (
        r"take off",
        r"leave",
        r"turn over",
        r"(?:lay|lie)(?: yourself)? (?:down|back|flat|low|prone|on)\b.*",
        r"sit (?:the|him|her|them|my|that|this) .*",
        r"sit up(?: straight)?",
        r"left you are",
        r"(?:nothing|anything|some|what is|who is) left",
        r"left (?:behind|out|alone)",
        r"left ?overs?\b.*",
        r"left of way",
        r"touch (?:base|wood)",
        r"turn (?:it |that |them )?(?:on|up|down|in)",
        r"hand (?:over|me|him|her|us|it|them)\b.*",
        r"walk all over .*",
        r"point (?:made|break|taken|blank)",
        r".* on (?:your|my|his|her|the) (?:hips?|heart|chest|belly|ears?|eyes?|face|mouth|nose|shoulders?|waist|lap)",
        r".*\bhands (?:together|behind your back)",
        r"(?:point|aim) (?:the|an?|that|this|my) (?!arm|hand|finger|index|left|way).*",
        r"wave (?:the|an?|that|this|my) (?!left|(?:\w+ )?(?:arm|hand|hello|hi|welcome|greeting|farewell|good ?bye|bye)).*",
        r"stretch your legs",
        r"tie (?:a|the) bow",
        r"bow (?:tie|and arrow|window|saw)s?\b.*",
        r"close (?:the|a|that|this|your|my) (?!gap|distance).*",
    )
)
_ACT = re.compile(r"\b(?:give|do|have|make|perform|take)\b.*\ban? (?:\w+ )?(\w+)$")
_BOTH = frozenset(("arms", "hands"))


def first_part(clause: str) -> str:
    """The part of the body that a clause is about, singular; "" if none."""
    match = _PART.search(clause)
    return match[1] if match else ""


def parts(clauses: Iterable[str]) -> frozenset[str]:
    """Every part of the body that some phrase names."""
    return frozenset(part for clause in clauses for part in _PART.findall(clause))


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


def excused(clauses: Iterable[str], skill: str, strange: frozenset[str], travels: bool) -> frozenset[tuple[Rule, str]]:
    """The keys of the vetoes against a skill's own phrases: these do not count against it. `strange` as for `vetoes`."""
    return frozenset(one.key for clause in clauses for one in vetoes(clause, clause, skill, frozenset(), strange, travels))


def veto(
    text: str,
    clause: str,
    skill: str,
    moved: frozenset[str],
    strange: frozenset[str],
    travels: bool,
    own: frozenset[tuple[Rule, str]] = frozenset(),
    free: frozenset[Rule] = frozenset(),
) -> Veto | None:
    """The first veto that neither is of a `free` rule nor excused by the skill's own phrases; see `vetoes` and `excused`."""
    found = vetoes(text, clause, skill, moved, strange, travels)
    return next((one for one in found if one.rule not in free and one.key not in own), None)


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
    if (match := _ACT.search(clause)) and match[1] in strange:
        yield Veto(Rule.VERB, match[1], f'this robot can\'t do "{match[0]}"; nearest skill is {skill}')
    for idiom in _IDIOMS:
        if match := idiom.match(clause):
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
