"""What an accepted clause says and the skill does not use: named in a note, or a refusal where it changes what is to be done.

The rules are in docs/routing.md, "Words that nothing uses".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from arbiter.routing.corpus import canonical, utterances
from arbiter.routing.languages.english import english
from arbiter.routing.numerals import NUMBER
from arbiter.routing.opposites import side_of
from arbiter.routing.quantities import Quantities, extract, mirrored
from arbiter.routing.scorer import Scorer
from arbiter.routing.skill_words import ANY, Content, Vocabulary, WordPlace, contents, joined, stem, vocabulary
from arbiter.routing.text import strip_politeness, words
from arbiter.routing.verbs import PARTICIPLE
from arbiter.skill import Skill

AWAY = "away"  # a clause that has it unused asks for the opposite: "face away from the ball"
NEAR = 0.5  # cosine of two words behind a preposition from which one stands for the other: "ring" and "circle" have 0.53
ALIKE = 1.3  # cosine of two verbs and of their clauses, summed, from which one deed is the other: "heap" and "pile the boxes"
_NUMBER = re.compile(NUMBER)


@dataclass(frozen=True, slots=True)
class Covered:
    """What comes of the words that a skill does not use; "" where there is no refusal, no note.

    Attributes:
        said: The word that is the reason of the refusal.
        strange: The verb is no word of the skill's, and other words are unused, too.
    """

    refusal: str = ""
    said: str = ""
    note: str = ""
    strange: bool = False


@dataclass(frozen=True, slots=True)
class _Clause:
    """What of a clause's words a skill leaves unused, and what the skill's phrases say.

    Attributes:
        few: Whether the skill has a few phrases only, which do not tell what its verbs can have.
    """

    found: list[str]
    read: list[Content]
    left: list[Content]
    mine: Vocabulary
    few: bool

    def noun(self, item: Content) -> Content | None:
        """The first used word of an unused one's phrase, sides apart."""
        used = (x for x in self.read if x.phrase == item.phrase >= 0 and x not in self.left)
        return next((x for x in used if not extract(x.word)[0].sides), None)

    def ends(self, item: Content) -> bool:
        """Whether nothing of its phrase follows a word."""
        return not any(x.phrase == item.phrase and x.index > item.index for x in self.read)

    def free(self, item: Content) -> bool:
        """Whether a word is of no noun phrase: before or beside the verb, or after the noun ("in a circle hopping")."""
        noun = self.noun(item)
        if item is self.verb() or english().genitive.intersection(self.found[item.index + 1 : item.index + 2]):
            return False  # "take hold of" has a noun
        return item.phrase < 0 or bool(item.determiner and noun and noun.index < item.index)

    def impossible(self, item: Content) -> bool:
        """Whether a word is an object that the verb never takes, and no indirect one ("give the kids a wave")."""
        direct = item.place is WordPlace.OBJECT and self.read[0].place is WordPlace.VERB and self.noun(item) is None
        return direct and stem(self.read[0].word) not in self.mine.taking and not _NUMBER.fullmatch(item.word)

    def changes(self, item: Content, others: Sequence[Vocabulary], alike: Callable[[str], bool]) -> str:
        """Why an unused word changes what is to be done; "" if it does not.

        Args:
            others: Of the other skills and of refused phrases.
            alike: Whether a verb, in its clause, is near in meaning to one of the skill's.
        """
        word, plain = item.word, stem(item.word)
        if _limiting(word):
            return "changes what is to be done"
        if self.few and (_goes(word) or (item.preposition and item.determiner == "the" and extract(word)[0].sides)):
            return ""  # "on the left": where the thing is
        if item is self.verb() and self._other_deed(item, others, alike):
            return "is something else to do"
        if item is self.verb() and self.few:
            return ""
        if self.free(item) and (PARTICIPLE.fullmatch(word) or any(plain in each.verbs for each in others)):
            return "is something else to do"
        if extract(word)[0].directions and self.ends(item) and any(plain in each.own for each in others):
            return "is another way to go"
        return "is no object of it" if not self.few and self.impossible(item) else ""

    def _other_deed(self, verb: Content, others: Sequence[Vocabulary], alike: Callable[[str], bool]) -> bool:
        """Whether an unused verb asks for something else than the skill.

        One that a loaded skill is called by does: "sit back" is no walk. A skill of few phrases can't have all of its verbs:
        "lower yourself into a squat" names what it does, "lift your thumb" a part that the lifting skill does not move, and of a
        thing many skills may do something ("count the boxes"), so that the verb has to be near in meaning to its own.
        """
        plain = stem(verb.word)
        rivals = [each for each in others if each.own and plain in each.verbs]
        if not self.few:
            return bool(rivals)
        nouns = [x for x in self.read if x.phrase >= 0 and x not in self.left and not (_parameter(x.word) or _goes(x.word))]
        if any(stem(x.word) in self.mine.deeds and x.determiner in ANY | {"", "your"} for x in nouns):
            return False
        if parts := {stem(x.word) for x in nouns if x.determiner == "your"}:
            return any(parts <= {stem(noun) for _, noun in each.nouns} for each in rivals)
        return bool(rivals) if not any(x.determiner for x in nouns) else not alike(verb.word)

    def shared(self, others: Sequence[Vocabulary]) -> bool:
        """Whether nothing is said but a thing that other skills do something to, too: "the hammer"."""
        light = english().light_verbs.intersection(self.found)
        bare = self.read[0].determiner == "the" and not light and all(x.phrase >= 0 for x in self.read)
        return self.few and bare and any(all(stem(x.word) in each.own for x in self.read) for each in others)

    def verb(self) -> Content | None:
        """An unused verb. A strange first word before a verb of the skill's is none, but an adverb ("proudly walk")."""
        first = self.left[0]
        light = english().light_verbs.intersection(self.found[first.index :])
        verbs = (
            x for x in self.read if x is not first and x.phrase < 0 and not _goes(x.word) and stem(x.word) in self.mine.verbs
        )
        return None if first.place is not WordPlace.VERB or light or any(verbs) else first

    def note(self, name: str) -> str:
        """One sentence that names what the skill called `name` did not use."""
        verb = self.verb()
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
        self._vectors: dict[str, np.ndarray] = {}  # of nouns of phrases, of which there are few
        own: dict[str, list[str]] = {label: [] for label in scorer.members}
        for skill in skills.values():
            own[scorer.class_of[skill.name]] += utterances(skill)
        self._of = {label: vocabulary(own[label], scorer.texts[rows]) for label, rows in scorer.members.items()}

    def read(self, text: str, name: str, label: str) -> Covered:
        """What a skill makes of the words of a normalised clause.

        Args:
            name: The skill. label: The class that was scored best.
        """
        said, rest = extract(text)
        found = words(strip_politeness(rest))
        labels = {*self._scorer.groups[label], self._scorer.class_of[name]}
        mine = joined([self._of[each] for each in labels])
        known = self._scorer.knows(canonical(text))
        takes = {p.name for p in self._skills[name].parameters} | ({"side"} if side_of(name) else set())
        read = contents(found, travels="distance" in takes)
        sided = bool(takes & {"side", "direction"})
        limits = [] if known else [x for x in read if _limits(x, read[-1], len(found), said)]
        own = self._of[self._scorer.class_of[name]]
        idle = [x for x in read if not (_limiting(x.word) or _taken(x.word, takes, said) or self._uses(x, read, mine, sided))]
        idle = [x for x in idle if not _same_way(x.word, own)]
        left = sorted((*limits, *idle), key=lambda x: x.index)
        clause = _Clause(found, read, left, mine, few=label in self._scorer.new)
        others = [each for other, each in self._of.items() if other not in labels]
        if read and not known and clause.shared(others):
            return Covered(f'"{rest}" does not say what to do with it; nearest skill is {name}', rest)
        if not left:
            return Covered()
        used = [item for item in read if item not in left]
        if clause.few and used and not known and all(item.preposition == "with" and not item.determiner for item in used):
            return Covered(f'"{rest}" only says how by words of {name}', rest)  # "go in a circle with high knees"
        for item in () if known else left:
            if item.word == AWAY and not clause.few:
                return Covered(f'"{AWAY}" is another way to go; nearest skill is {name}', AWAY)
            goal = item.preposition in english().goals or "in front of" in " ".join(found[max(item.index - 5, 0) : item.index])
            ways = extract(item.word)[0].directions
            if ways and self._skills[name].sees and clause.found[item.index + 1 : item.index + 2] == ["of"]:
                continue  # "tap the ball in front of you"
            if "distance" in takes and goal:
                return Covered(f'"{item.word}" is no place that {name} finds; say how far', item.word)
            if reason := clause.changes(item, others, lambda verb: self._alike(verb, canonical(text), label)):
                return Covered(f'"{item.word}" {reason}; nearest skill is {name}', item.word)
        return Covered(note=clause.note(name), strange=clause.verb() is not None and len(left) > 1)

    def all_of(self, clause: str) -> str:
        """The class of a skill of few phrases whose utterances have every content word of a clause; "" if there is none."""
        read = [item for item in contents(words(clause)) if not (item.determiner == "your" and _goes(item.word))]
        few = sorted(self._scorer.new & self._of.keys())
        fits = (label for label in few if all(stem(item.word) in self._of[label].own for item in read))
        return next(fits, "") if read else ""

    def _uses(self, item: Content, read: Sequence[Content], mine: Vocabulary, sided: bool) -> bool:
        plain = stem(mirrored(item.word))
        if plain in mine.own:
            return True
        if extract(item.word)[0].colours or (extract(item.word)[0].sides and not sided):
            return False  # "touch the ball with your left hand"
        nouns = [x.index for x in read if x.phrase == item.phrase >= 0 and stem(x.word) in mine.own and not _parameter(x.word)]
        if item.determiner == "your" or (nouns and item.index < nouns[-1]):
            return plain in mine.all
        taking = read[0].place is WordPlace.VERB and stem(read[0].word) in mine.taking
        if not item.preposition and (nouns or not (taking and item.determiner)):
            return plain in mine.head
        return plain in mine.all and not nouns and self._near(item, mine)

    def _alike(self, verb: str, clause: str, label: str) -> bool:
        """Whether a verb is near to one of a class's, and its clause to a phrase of the class."""
        verbs = self._scorer.vectors(sorted({phrase.split()[0] for phrase in self._scorer.texts[self._scorer.members[label]]}))
        word, said = self._scorer.vectors([verb, clause])
        phrases = self._scorer.matrix[self._scorer.members[label]]
        return float((verbs @ word).max() + (phrases @ said).max()) >= ALIKE

    def _near(self, item: Content, mine: Vocabulary) -> bool:
        """Whether a word is near in meaning to one that the utterances have after the same preposition."""
        near = (word for preposition, word in mine.nouns if preposition == item.preposition)
        return any(float(self._vector(word) @ self._vector(item.word)) >= NEAR for word in near)

    def _vector(self, word: str) -> np.ndarray:
        if word not in self._vectors:
            self._vectors[word] = self._scorer.vectors([word])[0]
        return self._vectors[word]


def _same_way(word: str, mine: Vocabulary) -> bool:
    """Whether a word names the direction that one of the skill's own words names: "to the front" of "walk forward"."""
    way = extract(word)[0].directions
    return bool(way) and any(extract(own)[0].directions == way for own in mine.own)


def _taken(word: str, takes: set[str], said: Quantities) -> bool:
    """Whether a parameter takes a word, or it is a side that the clause does not mean ("right there")."""
    alone = extract(word)[0]
    given = {"direction": alone.directions, "side": alone.sides, "colour": alone.colours, "angle": alone.about}
    return any(value and name in takes for name, value in given.items()) or bool(set(alone.sides) - set(said.sides))


def _parameter(word: str) -> bool:
    """Whether a word is a side or a colour, which is no noun."""
    alone = extract(word)[0]
    return bool(alone.sides or alone.colours)


def _goes(word: str) -> bool:
    """Whether a word is a direction that is no side: "up", "backwards"."""
    said = extract(word)[0]
    return bool(said.directions) and not said.sides


def _limiting(word: str) -> bool:
    """Whether a word takes something away from others, or makes them depend on something."""
    return word in english().limits or word in english().exclusive


def _limits(item: Content, last: Content, length: int, said: Quantities) -> bool:
    """Whether a limiting word has something to limit in a clause of so many words.

    One such as "only" needs a content word behind it, and limits nothing before the verb or a quantity.
    """
    if item.word in english().exclusive:
        return item is not last and item.index > 0 and not said.values
    return item.word in english().limits and item.index + 1 < length
