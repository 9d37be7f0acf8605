"""Questions about skills are answered, never moved on: "what can you do?", "can you wave?", "help".

An answer is a rejection whose reason is the answer, so that nothing that listens to routes moves by it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from arbiter import strict
from arbiter.errors import ConfigError
from arbiter.routing.followups import follow_up
from arbiter.routing.opposites import SIDES, other_side
from arbiter.routing.patterns import patterns
from arbiter.routing.skill_words import stem
from arbiter.routing.text import words
from arbiter.rules import Rule
from arbiter.skill import Route, Skill

FILE = Path(__file__).parent / "languages" / "english_questions.yaml"
SHOWN = 3  # ways to say a skill
_KNOW, _ABLE = patterns("skills", "know able")


@dataclass(frozen=True, slots=True)
class QuestionWords:
    """The file of one language.

    Attributes:
        classes: Of each word. asks: Classes that a text must hold to ask for the list. alone: Whole texts that do.
        articles: Words that are no part of a skill's name.
    """

    classes: Mapping[str, frozenset[str]]
    asks: tuple[frozenset[str], ...]
    alone: frozenset[str]
    articles: frozenset[str]


@cache
def question_words(path: Path = FILE) -> QuestionWords:
    """Reads a language's file. Raises ConfigError for an entry that is no plain lower-case word, or an unknown class."""
    data: dict[str, Any] = strict.parse(path).plain()
    classes, asks = data["classes"], data["asks"]
    for name, entries in {**classes, "alone": data["alone"], "articles": data["articles"]}.items():
        if bad := [entry for entry in entries if not (isinstance(entry, str) and re.fullmatch("[a-z]+(?: [a-z]+)*", entry))]:
            raise ConfigError(f"{path}: {name}: {bad[0]!r} is no plain lower-case word")
    if unknown := {name for row in asks for name in row} - set(classes):
        raise ConfigError(f"{path}: asks: no class is called {sorted(unknown)[0]!r}; there are {', '.join(classes)}")
    of = {name: " ".join(entries).split() for name, entries in classes.items()}
    by_word = {word: frozenset(name for name in of if word in of[name]) for said in of.values() for word in said}
    return QuestionWords(by_word, tuple(map(frozenset, asks)), frozenset(data["alone"]), frozenset(data["articles"]))


class Questions:
    """Args:
    skills: By name.
    owner: The skill whose utterance a text is, but for politeness; "" if there is none.
    utterances: Word for word.
    route: What a command by itself comes to.
    """

    def __init__(
        self, skills: Mapping[str, Skill], owner: Callable[[str], str], utterances: Set[str], route: Callable[[str], Route]
    ) -> None:
        question_words()  # its file is checked now, not in the middle of a run
        self._skills, self._owner, self._utterances, self._route = skills, owner, utterances, route

    def answer(self, text: str) -> str:
        """The answer to a normalised, expanded text; "" if it is no question about skills."""
        if text.rstrip(" ?!.") in self._utterances:
            return ""
        if _asks_for_list(text) and not self._owner(text):
            return self._list()
        know = _KNOW.match(text)
        match = know or (_ABLE.match(text) if text.rstrip(" .!").endswith("?") else None)
        return self._whether(match["what"].strip(" ,."), sure=know is not None) if match else ""

    def _whether(self, what: str, sure: bool) -> str:
        """Whether the robot can do it, and how it is said. A request says more than the name of a skill: that is no question."""
        if named := self._named(what):
            return self._yes(named)
        if not sure and follow_up(what):
            return ""  # "can you do that again?"
        route = self._route(what)
        if route.outcome == "rejected":
            why = "" if route.rule is Rule.SCORE else f" ({route.reason})"
            return f'no skill for "{what}"{why}; {self._list()}'
        return self._yes(list(dict.fromkeys(call.skill for step in route.steps for call in step))) if sure else ""

    def _named(self, what: str) -> list[str]:
        """Skills in whose names all words are: "walk" in walk_forward; a side that the words name makes it a request."""
        said = {stem(word) for word in words(what) if word not in question_words().articles}
        if not said or said & set(SIDES):
            return []
        return [name for name in self._skills if said <= {stem(token) for token in name.split("_")}]

    def _yes(self, names: Sequence[str]) -> str:
        phrases = [f'"{self._skills[name].utterances[0]}"' for name in names if self._skills[name].utterances]
        return f"yes, {', '.join(plain_names(names))}: say {' or '.join(phrases[:SHOWN])}"

    def _list(self) -> str:
        return f"can be asked for: {', '.join(plain_names(self._skills))}"


def plain_names(names: Sequence[str] | Mapping[str, Skill]) -> list[str]:
    """Names of skills as people say them, both sides of one as one: "turn left or right"."""
    told: dict[str, None] = {}
    for name in names:
        told[(other_side(name, "left or right") if other_side(name) in names else name).replace("_", " ")] = None
    return sorted(told)


def _asks_for_list(text: str) -> bool:
    known, said = question_words(), words(text)
    held = frozenset().union(*(known.classes.get(word, ()) for word in said))
    made_of_them = all(word in known.classes for word in said) and any(row <= held for row in known.asks)
    return made_of_them or " ".join(said) in known.alone
