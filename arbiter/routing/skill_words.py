"""The content words of a clause, where they stand in it, and what the phrases of a skill say there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import pairwise

from arbiter.routing.languages.english import english
from arbiter.routing.text import words

ANY = frozenset(("a", "an", "some", "another"))  # determiners of a deed in a noun's form
CALLED = 2  # phrases that begin with a word from which a skill is called by it, where its utterances do not
_ENDINGS = ("ing", "ed", "es", "s", "ly", "e")
_LEAST = 3  # letters of a stem


@lru_cache(maxsize=4096)
def stem(word: str) -> str:
    """A word without its ending: "waving", "waves" and "wave" are one."""
    ending = next((ending for ending in _ENDINGS if word.endswith(ending) and len(word) - len(ending) >= _LEAST), "")
    word = word.removesuffix(ending)
    return word[:-1] if len(word) > _LEAST and (word[-1] == word[-2] or word[-1] in "eyi") else word


class WordPlace(Enum):
    """Where a content word stands in its clause."""

    VERB = "first, without a light verb before it"
    BESIDE = "in the verb phrase, with no determiner"
    OBJECT = "in a noun phrase with a determiner, behind no preposition"
    BEHIND = "behind a preposition"


@dataclass(frozen=True, slots=True)
class Content:
    """A content word of a clause.

    Attributes:
        word: As said. index: Of the clause's words. start: Of the function words before it.
        place: See WordPlace. phrase: Index of the preposition or determiner before it that is nearest; -1 without.
        preposition, determiner: Those of its phrase, or "".
    """

    word: str
    index: int
    start: int
    place: WordPlace
    phrase: int
    preposition: str
    determiner: str


def contents(found: Sequence[str], travels: bool = False) -> list[Content]:
    """The content words of a clause's words; `travels` of a skill that goes somewhere, for which "down the corridor" is a way."""
    language, read = english(), []
    leading = language.determiners | language.goals
    preposition, determiner, phrase, start, verb = "", "", -1, -1, False
    for index, (word, after) in enumerate(pairwise([*found, ""])):
        if word in language.prepositions or (travels and word in language.paths and after in leading):
            preposition, determiner, phrase, start = word, "", index, index
        elif word in language.determiners:
            determiner, phrase, start = word, index, index if start < 0 else start
        elif word in language.conjunctions:
            determiner, phrase = "", -1
        elif word in language.light_verbs:
            verb = True
        elif word not in language.function:
            beside = WordPlace.BESIDE if verb else WordPlace.VERB
            place = WordPlace.BEHIND if preposition else WordPlace.OBJECT if determiner else beside
            verb = True
            read.append(Content(word, index, index if start < 0 else start, place, phrase, preposition, determiner))
            start = -1
    return read


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the phrases of a skill's class say, in stems.

    Attributes:
        own: Of its utterances. all: Of every phrase. head: The same, but for adverbs and what is behind a preposition.
        verbs: What it is called by: see CALLED.
        deeds: What its utterances call it by, as verbs and as nouns: "squat", "do a handshake".
        taking: Verbs that some phrase gives an object of words that no utterance has: "greet the lady".
        nouns: Words, not stems, of the phrases of its utterances, after their prepositions, "" where they are objects.
    """

    own: frozenset[str]
    all: frozenset[str]
    head: frozenset[str]
    verbs: frozenset[str]
    deeds: frozenset[str]
    taking: frozenset[str]
    nouns: tuple[tuple[str, str], ...]

    @property
    def stems(self) -> tuple[frozenset[str], ...]:
        """Its sets."""
        return self.own, self.all, self.head, self.verbs, self.deeds, self.taking


def vocabulary(utterances: Iterable[str], phrases: Iterable[str]) -> Vocabulary:
    """Reads canonical clauses."""
    said = [read for clause in utterances if (read := contents(words(clause)))]
    every = [read for clause in phrases if (read := contents(words(clause)))]
    own = frozenset(stem(item.word) for read in said for item in read)
    called = frozenset(stem(read[0].word) for read in said if read[0].place is WordPlace.VERB)
    verbs = Counter(stem(read[0].word) for read in every if read[0].place is WordPlace.VERB)
    return Vocabulary(
        own,
        frozenset(stem(item.word) for read in every for item in read),
        frozenset(stem(x.word) for read in every for x in read if not (x.preposition or _adverb(x, read))),
        called | {verb for verb, count in verbs.items() if count >= CALLED},
        called | {stem([x.word for x in read if x.phrase == read[0].phrase][-1]) for read in said if read[0].determiner in ANY},
        frozenset(stem(read[0].word) for read in every if _takes_other(read[1:], own)),
        tuple(dict.fromkeys((item.preposition, item.word) for read in said for item in read if item.phrase >= 0)),
    )


def joined(parts: Sequence[Vocabulary]) -> Vocabulary:
    """What the phrases of several classes say."""
    if len(parts) == 1:
        return parts[0]
    stems = (frozenset[str]().union(*each) for each in zip(*(p.stems for p in parts), strict=True))
    return Vocabulary(*stems, nouns=tuple(noun for part in parts for noun in part.nouns))


def _adverb(item: Content, read: Sequence[Content]) -> bool:
    """Whether a word is an adverb of manner: "gracefully", but not "a friendly wave"."""
    return item.word.endswith("ly") and not any(x.phrase == item.phrase >= 0 and x.index > item.index for x in read)


def _takes_other(after: Sequence[Content], own: frozenset[str]) -> bool:
    """Whether what follows a verb begins with an object of words that no utterance has."""
    first = after[0] if after else None
    return bool(first and first.place is WordPlace.OBJECT) and not any(
        stem(x.word) in own for x in after if x.phrase == first.phrase
    )
