"""What an accepted clause says and the skill does not use: named in a note, or a refusal where it changes what is to be done.

A content word is used when the skill's own utterances have it, when a parameter takes it, or, in the verb phrase and after
"your", when any phrase of the skill's class has it; behind a preposition also when it is near in meaning to a word that the
utterances have behind the same one ("in a ring", "in a circle"). Of what is left

* a limit ("almost", "only"), a second deed (a participle, a word that another skill is called by), a direction that only other
  skills have, and an object that the verb never takes ("raise the box") refuse the clause;
* a manner, a place, an addressee, a purpose or a tool is named in a note, and so is a verb that no phrase of the skill has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from arbiter.routing.corpus import canonical
from arbiter.routing.languages.english import english
from arbiter.routing.numerals import NUMBER
from arbiter.routing.opposites import side_of
from arbiter.routing.quantities import Quantities, extract, mirrored
from arbiter.routing.scorer import Scorer
from arbiter.routing.text import strip_politeness, words
from arbiter.routing.vocabulary import Content, Place, Vocabulary, contents, stem, vocabulary
from arbiter.skill import Skill

NEAR = 0.5  # cosine of two words behind a preposition from which one stands for the other: "ring" and "circle" have 0.53
_NUMBER = re.compile(NUMBER)
_PARTICIPLE = re.compile(r"\w*[aeiouy]\w+ing")


@dataclass(frozen=True, slots=True)
class Reading:
    """What comes of the words that a skill does not use; "" where there is no refusal, no note.

    Attributes:
        said: The word that is the reason of the refusal.
    """

    refusal: str = ""
    said: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Clause:
    """A clause's words and what of them is left unused."""

    found: list[str]
    said: Quantities
    read: list[Content]
    left: list[Content]

    def noun(self, item: Content) -> Content | None:
        """The first used word of an unused one's phrase, sides apart."""
        used = (x for x in self.read if x.phrase == item.phrase >= 0 and x not in self.left)
        return next((x for x in used if not extract(x.word)[0].sides), None)

    def ends(self, item: Content) -> bool:
        """Whether nothing of its phrase follows a word."""
        return not any(x.phrase == item.phrase and x.index > item.index for x in self.read)

    def free(self, item: Content) -> bool:
        """Whether a word is of no noun phrase: the verb, beside it, or after the noun ("in a circle hopping")."""
        noun = self.noun(item)
        return item.phrase < 0 or bool(item.determiner and noun and noun.index < item.index)

    def changes(self, item: Content, others: Sequence[Vocabulary], taking: bool, few: bool) -> str:
        """Why an unused word changes what is to be done; "" if it does not.

        Args:
            others: Of the other skills and of refused phrases. taking: Whether the verb takes any object.
            few: Whether the skill has a few phrases only, which do not tell what its verbs can have.
        """
        word, plain = item.word, stem(item.word)
        if _limiting(word):
            return "changes what is to be done"
        if few and _goes(word):
            return ""
        if item.place is not Place.VERB and self.free(item):
            if _PARTICIPLE.fullmatch(word) or any(plain in each.verbs for each in others):
                return "is something else to do"
        if extract(word)[0].directions and self.ends(item) and any(plain in each.own for each in others):
            return "is another way to go"
        full = self.read[0].place is Place.VERB  # else it may be an indirect object: "give the kids a wave"
        if (
            item.place is Place.OBJECT
            and full
            and not (taking or few)
            and self.noun(item) is None
            and not _NUMBER.fullmatch(word)
        ):
            return "is no object of it"
        return ""

    def note(self, name: str, verbs: Sequence[frozenset[str]]) -> str:
        """One sentence that names what the skill called `name` did not use.

        Args:
            verbs: Of its phrases. Where one follows, a strange first word is an adverb ("proudly walk"), else it is the verb.
        """
        verb = self.left[0] if self.left[0].place is Place.VERB else None
        if verb and any(stem(x.word) in each for each in verbs for x in self.read if not x.preposition and x is not verb):
            verb = None
        spans: list[list[int]] = []
        for item in self.left:
            start = item.start if self.noun(item) is None else item.index
            if spans and spans[-1][1] == start:
                spans[-1][1] = item.index + 1
            elif item is not verb:
                spans.append([start, item.index + 1])
        named = " and ".join(f'"{" ".join(self.found[start:end])}"' for start, end in spans)
        rest = f"{named} {'was' if len(spans) == 1 else 'were'} not used" if spans else ""
        return "; ".join(filter(None, (f'"{verb.word}" taken as {name}' if verb else "", rest)))


class Coverage:
    """Args:
    skills: The loaded skills, by name.
    scorer: Has their phrases.
    """

    def __init__(self, skills: Mapping[str, Skill], scorer: Scorer) -> None:
        self._skills, self._scorer = skills, scorer
        self._vectors: dict[str, np.ndarray] = {}
        utterances: dict[str, list[str]] = {label: [] for label in scorer.members}
        for skill in skills.values():
            utterances[scorer.class_of[skill.name]] += map(canonical, skill.utterances)
        self._of = {label: vocabulary(utterances[label], scorer.texts[rows]) for label, rows in scorer.members.items()}

    def read(self, text: str, name: str, label: str) -> Reading:
        """What a skill makes of the words of a normalised clause.

        Args:
            name: The skill. label: The class that was scored best.
        """
        said, rest = extract(text)
        found = words(strip_politeness(rest))
        labels = {*self._scorer.groups[label], self._scorer.class_of[name]}
        mine = [self._of[each] for each in labels]
        known = self._scorer.knows(canonical(text))
        read = contents(found)
        taking = bool(read) and read[0].place is Place.VERB and any(stem(read[0].word) in each.taking for each in mine)
        left = self._left(read, name, mine, said, taking)
        if known:
            left = [item for item in left if not _limiting(item.word)]
        if not left:
            return Reading()
        clause = _Clause(found, said, read, left)
        if known:
            return Reading(note=clause.note(name, [each.verbs for each in mine]))
        others = [each for other, each in self._of.items() if other not in labels]
        for item in left:
            if reason := clause.changes(item, others, taking, label in self._scorer.new):
                return Reading(f'"{item.word}" {reason}; nearest skill is {name}', item.word)
        return Reading(note=clause.note(name, [each.verbs for each in mine]))

    def _left(
        self, read: Sequence[Content], name: str, mine: Sequence[Vocabulary], said: Quantities, taking: bool
    ) -> list[Content]:
        takes = {parameter.name for parameter in self._skills[name].parameters} | ({"side"} if side_of(name) else set())
        left, named = [], set()
        for item in read:
            if _limiting(item.word):
                used = not _limits(item, read[-1], said)
            else:
                used = _taken(item.word, takes, said) or self._uses(item, mine, taking, item.phrase in named)
            if not used:
                left.append(item)
            elif item.phrase >= 0 and not (alone := extract(item.word)[0]).sides and not alone.colours:
                named.add(item.phrase)
        return left

    def _uses(self, item: Content, mine: Sequence[Vocabulary], taking: bool, named: bool) -> bool:
        plain = stem(mirrored(item.word))
        if any(plain in each.own for each in mine):
            return True
        if item.determiner == "your":
            return any(plain in each.all for each in mine)
        if not item.preposition and not (taking and item.determiner and not named):
            return any(plain in each.head for each in mine)
        near = [word for each in mine for preposition, word in each.nouns if preposition == item.preposition]
        if named or not near:
            return False
        vector = self._scorer.vectors([item.word])[0]
        return any(float(self._vector(word) @ vector) >= NEAR for word in near)

    def _vector(self, word: str) -> np.ndarray:
        """That of a word of an utterance, kept: there are few of them."""
        if word not in self._vectors:
            self._vectors[word] = self._scorer.vectors([word])[0]
        return self._vectors[word]


def _taken(word: str, takes: set[str], said: Quantities) -> bool:
    """Whether a parameter takes a word, or it is a side that the clause does not mean ("right there")."""
    alone = extract(word)[0]
    given = {"direction": alone.directions, "side": alone.sides, "colour": alone.colours, "angle": alone.about}
    return any(value and name in takes for name, value in given.items()) or bool(set(alone.sides) - set(said.sides))


def _goes(word: str) -> bool:
    """Whether a word is a direction that is no side: "up", "backwards"."""
    said = extract(word)[0]
    return bool(said.directions) and not said.sides


def _limiting(word: str) -> bool:
    """Whether a word takes something away from others, or makes them depend on something."""
    return word in english().limits or word in english().exclusive


def _limits(item: Content, last: Content, said: Quantities) -> bool:
    """Whether a limiting word has something to limit: one such as "only" has not, before the verb or a quantity."""
    spare = item.word in english().exclusive and (item.index == 0 or bool(said.values))
    return item is not last and not spare
