"""One piece of an instruction -> the skill that is meant, with its parameters, or why there is none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from arbiter.routing.classifier import NONE
from arbiter.routing.corpus import bare, canonical, own_phrases, sole_owners, utterances
from arbiter.routing.coverage import Coverage
from arbiter.routing.guard import means_stop
from arbiter.routing.languages.english import english
from arbiter.routing.members import TIE, Members
from arbiter.routing.numerals import uncounted
from arbiter.routing.opposites import Opposites, side_of
from arbiter.routing.parameters import fill, takes
from arbiter.routing.patterns import patterns
from arbiter.routing.quantities import LITTLE, extract
from arbiter.routing.scorer import Scored, Scorer
from arbiter.routing.statements import Statements
from arbiter.routing.text import words
from arbiter.routing.veto import Veto, beyond, first_words, parts, vetoes
from arbiter.rules import Rule
from arbiter.skill import Skill, SkillCall

STOP = "stop"
STOP_ACCEPT = 0.3  # a stop needs less certainty than a motion
REFUSED = 0.9  # probability of "none of these" from which no part of a clause is tried by itself
NEIGHBOUR = 0.05  # score below which the nearest skill tells nobody anything
RARE = 0.02  # share of a skill's phrases from which a verb counts as the skill's own
UNREAD, STRANGE = 0.7, 0.9  # score that a command needs of which words are unused; of which the verb is strange, too
BEYOND_DOUBT = 0.97  # score from which a rarer one does
WHOLE = 0.9  # score from which a third party's own words, whatever parts them, are one command
_OFF_TABLE = frozenset(((Rule.HARM, "off the table"),))  # what hands may take from there, legs must not do
_DOUBLET = re.compile(r"(\w+) and (\w+)")
_FACING, _TO_IT, _BESIDE, _CONDITION, _BOTH = patterns("choice", "facing to_it beside condition both")


@dataclass(frozen=True, slots=True)
class Choice:
    """What one piece came to: a call, or why there is none.

    Attributes:
        call: None when refused. reason: Refusal, or notes on a call. score, margin: See SkillCall.
        firm: A refusal that a larger context must not overrule.
        remark: A statement or a question that sets no condition for what follows.
        rule: Which rule refuses, or takes it for a stop. said: The words that it read, "" where they are all of the piece.
    """

    call: SkillCall | None
    reason: str = ""
    score: float = float("nan")
    margin: float = float("nan")
    firm: bool = False
    remark: bool = False
    rule: Rule | None = None
    said: str = ""


def defaults(skills: Mapping[str, Skill], name: str) -> dict[str, float | str | None]:
    """Parameters of a skill that the words say nothing about."""
    return {p.name: p.default for p in skills[name].parameters} if name in skills else {}


class Chooser:
    """Args:
    skills: By name.
    scorer: Scores clauses.
    accept: Least score of a motion.
    pairs: Skills that are opposites.
    """

    def __init__(self, skills: Mapping[str, Skill], scorer: Scorer, accept: float, pairs: tuple[Opposites, ...]) -> None:
        self.skills, self.scorer = skills, scorer
        self._accept, self.pairs = accept, pairs
        self._coverage, self._members = Coverage(skills, scorer), Members(skills, scorer, pairs)
        self._choices: dict[str, Choice] = {}
        self._moved = {label: parts(scorer.texts[rows]) for label, rows in scorer.members.items()}
        self.verbs = {label: first_words(scorer.texts[rows], RARE) for label, rows in scorer.members.items()}
        self.starts = frozenset(verb for label, verbs in self.verbs.items() if label != NONE for verb in verbs)
        self._all_verbs = {label: first_words(scorer.texts[rows]) for label, rows in scorer.members.items()}
        plain = english().function | english().determiners | english().prepositions | english().light_verbs
        begins = frozenset().union(*(verbs for label, verbs in self._all_verbs.items() if label != NONE))
        self._tells = Statements(begins - plain, scorer.asked)
        own = {skill: utterances(skill) for skill in skills.values()}
        self.doublets = {pair for texts in own.values() for text in texts for pair in _DOUBLET.findall(text)}
        self.beginnings = {tuple(phrase.split()[:2]) for phrase in own_phrases(skills.values())}
        refused = scorer.texts[scorer.members[NONE]] if NONE in scorer.members else ()
        asked = [text for text, label in zip(scorer.texts, scorer.labels, strict=True) if label != NONE]
        self.strange = beyond(refused, asked)
        self._own = sole_owners(skills.values(), scorer.shipped)
        self._excused = {
            skill.name: {one.key for text in texts for one in self._vetoes(text, text, skill.name, frozenset(), self.strange)}
            | (_OFF_TABLE if skill.joints == "arms" else frozenset())
            for skill, texts in own.items()
        }

    def owner(self, text: str) -> str:
        """The one skill of which a text is an utterance, but for politeness, quantities and manner; "" if there is none."""
        return self._own.get(bare(text), "")

    def one_command(self, text: str) -> bool:
        """Whether a text, whatever stands in it, is one command: a skill's phrase, or of a third party's own words alone."""
        clause = canonical(text)
        if self.scorer.knows(clause):
            return " and " not in text or not extract(text)[0].values  # "go a metre ahead and turn right"
        if not (label := self._coverage.all_of(clause)):
            return False
        said, choice = words(text), self.choose(text, None)
        parts = (self.owner(" ".join(part)) for i in range(1, len(said)) for part in (said[:i], said[i:]))
        mine = ("", *self.scorer.skills_of(label))
        return choice.score >= WHOLE and self.kind(choice) == label and all(owner in mine for owner in parts)

    def kind(self, choice: Choice) -> str:
        """Class of the skill that was chosen; "" if none was."""
        return self.scorer.class_of[choice.call.skill] if choice.call else ""

    def pair_of(self, name: str) -> Opposites | None:
        """The opposites that a skill is one of."""
        return next((pair for pair in self.pairs if name in pair.names), None)

    def moved(self, name: str) -> frozenset[str]:
        """Parts of the body that the phrases of a skill name."""
        return self._moved[self.scorer.class_of[name]]

    def choose(self, text: str, before: Choice | None) -> Choice:
        """What `text` asks for; `before` is what the piece before it came to ("sit down, then stand")."""
        if before is not None and before.call is not None:
            if _FACING.match(text) and takes(self.skills[before.call.skill], "angle"):
                faced = self._alone(text)
                aimed = faced.call is not None and self.skills[faced.call.skill].sees
                return faced if aimed else before  # "turn right and face the wall" is one turn: the router drops it
            if again := self._opposite(text, before.call):
                return again
        if text not in self._choices:
            self._choices[text] = self._alone(text)
        return replace(self._choices[text])  # a new one: the planner tells pieces apart by them

    def forget(self) -> None:
        """Drops what pieces came to; of one instruction, they are asked several times."""
        self._choices.clear()

    def _alone(self, text: str) -> Choice:
        """What a piece asks for, whatever came before it."""
        if " or " in text and (choice := self._offered(text)):
            return choice
        clause = canonical(text)
        if not clause:
            return Choice(None, f'no command in "{text}"', rule=Rule.CLAUSES)
        if means_stop(" ".join(LITTLE.sub(" ", text).split())) and STOP in self.skills:  # "wait a bit"
            return Choice(SkillCall(STOP, defaults(self.skills, STOP), phrase=text), score=1.0, margin=1.0, rule=Rule.STOP_GUARD)
        if name := self.owner(text):
            return self._called(name, text, 1.0, 1.0)
        if self._tells(clause) and not self.scorer.knows(clause):
            remark = not _CONDITION.match(clause)
            return Choice(
                None, f'a question or a remark, no instruction: "{text}"', firm=True, remark=remark, rule=Rule.STATEMENT
            )
        if set(words(text)) <= english().bare_side and not self.scorer.knows(clause):
            return Choice(None, f'"{text}" names a side, but nothing to do', firm=True, rule=Rule.SIDE)
        if set(words(clause)) - english().structure == {"left"} and (name := self._members.by_angle(text)):
            return self._called(name, text, 1.0, 1.0)
        scored = self.scorer.score([clause])[0]
        if scored.best == NONE:
            return Choice(None, "no skill is loaded", rule=Rule.SCORE)
        if scored.score < (STOP_ACCEPT if scored.best == STOP else self._accept):
            return self._vetoed(text, clause, scored) or self._refused(clause, scored)
        if self._torn(scored) and not self.scorer.knows(clause):
            reason = f"ambiguous between {self._say(scored.best)} and {self._say(scored.next)}"
            return Choice(None, reason, scored.score, scored.margin, firm=True, rule=Rule.SCORE)
        name, reason = self._members.named(text, clause, scored)
        if not name:
            rule = Rule.SIDE if side_of(self.scorer.skills_of(scored.best)[0]) else Rule.OPPOSITES
            return Choice(None, reason, scored.score, scored.margin, firm=True, rule=rule)
        name = self._members.turned(name, text)
        if refused := self._vetoed(text, clause, scored, name):
            return refused
        if self.skills[name].joints == "legs" and (it := _TO_IT.search(text)):
            reason = f'"{it[0]}": nothing was named that it stands for'
            return Choice(None, reason, scored.score, scored.margin, True, rule=Rule.COVERAGE, said=it[0])
        if self.skills[name].sees and (beside := _BESIDE.search(text)):
            reason = f'"{beside[0]}" is no place that {name} goes to'
            return Choice(None, reason, scored.score, scored.margin, True, rule=Rule.COVERAGE, said=beside[0])
        reading = self._coverage.read(text, name, scored.best)
        if reading.refusal:
            return Choice(None, reading.refusal, scored.score, scored.margin, True, rule=Rule.COVERAGE, said=reading.said)
        if reading.note and scored.score < (STRANGE if reading.strange else UNREAD):
            reason = f"not understood: {reading.note}; nearest skill is {name} ({scored.score:.2f})"
            return Choice(None, reason, scored.score, scored.margin, rule=Rule.COVERAGE)
        return self._called(name, text, scored.score, scored.margin, reading.note)

    def _vetoed(self, text: str, clause: str, scored: Scored, name: str = "") -> Choice | None:
        """A refusal for what the words say, of the skill called `name` or of the nearest one; None where nothing forbids it."""
        below = not name
        if below and scored.score < NEIGHBOUR:
            return None
        name = name or self._members.named(text, clause, scored)[0] or self.scorer.skills_of(scored.best)[0]
        sure = scored.score >= BEYOND_DOUBT or self.scorer.knows(clause)
        strange = self.strange - (self._all_verbs if sure else self.verbs)[scored.best]
        few = scored.best in self.scorer.new and scored.score >= BEYOND_DOUBT  # ten phrases have few of its verbs and parts
        free = frozenset((Rule.VERB, Rule.PART)) if few else frozenset()
        found = self._vetoes(text, clause, name, self._moved[scored.best], strange)
        refusal = next((one for one in found if one.rule not in free and one.key not in self._excused[name]), None)
        if refusal is None:
            return None
        return Choice(None, refusal.reason, scored.score, scored.margin, not below, rule=refusal.rule, said=refusal.said)

    def _vetoes(self, text: str, clause: str, name: str, moved: frozenset[str], strange: frozenset[str]) -> Iterator[Veto]:
        return vetoes(text, clause, name, moved, strange, takes(self.skills[name], "distance"))

    def _called(self, name: str, text: str, score: float, margin: float, note: str = "") -> Choice:
        said, rest = extract(text)
        sided = side_of(name) or takes(self.skills[name], "side")
        if sided and _BOTH.search(text) and len(said.sides) != 1:
            return Choice(None, f"{name} is for one side; say which, or one after the other", score, margin, True, rule=Rule.SIDE)
        filled = fill(self.skills[name], said)
        if filled.refusal:
            return Choice(None, filled.refusal, score, margin, firm=True, rule=Rule.PARAMETERS)
        if bare := uncounted(rest):
            return Choice(None, f'"{bare}": no number is read there', score, margin, firm=True, rule=Rule.NUMBER, said=bare)
        if note:
            filled.notes.append(note)
        call = SkillCall(name, filled.values, score, margin, text)
        return Choice(call, "; ".join(filled.notes), score, margin)

    def _torn(self, scored: Scored) -> bool:
        """Whether a third party's skill and another one are about as likely."""
        likely = scored.probability.get(scored.next, 0.0) > TIE * scored.probability[scored.best]
        return likely and scored.next not in (NONE, STOP) and len({scored.best, scored.next} & self.scorer.new) > 0

    def _refused(self, clause: str, scored: Scored) -> Choice:
        probability = scored.probability
        nearest = self._say(scored.best)
        known = self.scorer.words[scored.best]
        strange = [word for word in words(clause) if word not in known and word not in english().structure]
        if (
            scored.next != NONE
            and probability.get(scored.next, 0.0) > TIE * probability[scored.best]
            and probability.get(NONE, 0.0) < 0.3
        ):
            reason = f"ambiguous between {nearest} and {self._say(scored.next)}"
        elif scored.score < NEIGHBOUR:
            reason = f'not understood: "{clause}" is like nothing this robot can do; "help" lists what can be asked'
        elif probability.get(NONE, 0.0) > 0.7 and strange:
            below = f"{scored.score:.2f}, below {self._accept:.2f}"
            reason = f'asks for something this robot has no skill for: "{clause}"; nearest skill is {nearest} ({below})'
        else:
            reason = f"not understood: nearest skill is {nearest} ({scored.score:.2f}), below {self._accept:.2f}"
        return Choice(None, reason, scored.score, scored.margin, firm=probability.get(NONE, 0.0) > REFUSED, rule=Rule.SCORE)

    def _say(self, label: str) -> str:
        return " or ".join(self.scorer.skills_of(label)) or label

    def _offered(self, text: str) -> Choice | None:
        """ "Walk forward or wave" is refused: the robot does not choose."""
        calls = [self.choose(part, None).call for part in re.split(r"\bor\b", text) if part.strip()]
        names = {call.skill for call in calls if call}
        if len(names) > 1:
            return Choice(None, f"leaves a choice: {' or '.join(sorted(names))}", firm=True, rule=Rule.ALTERNATIVES)
        return None

    def _opposite(self, text: str, before: SkillCall) -> Choice | None:
        """ "Sit down, then stand": a piece of words that speak for the opposite of the command before it, and no others."""
        found, pair = words(extract(text)[1]), self.pair_of(before.skill)
        if pair is None or pair.cue(found) != (other := pair.other(before.skill)):
            return None
        plain = set(found) <= pair.words[pair.names.index(other)] | english().returns
        return self._called(other, text, before.score, before.margin) if plain else None
