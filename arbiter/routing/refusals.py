"""Commands that are not the robot's to do, by their first or last words: forbidden, told to or of others, broken off."""

from __future__ import annotations

import re
from collections.abc import Set

from arbiter.routing.arrangement import rejected
from arbiter.routing.languages.english import english
from arbiter.routing.patterns import patterns
from arbiter.routing.text import words
from arbiter.rules import Rule
from arbiter.skill import Route

_DENIED, _DISMISSED, _TOLD, _OTHERS, _THING, _WAITS, _BROKEN, _SUMMED, _EXCEPTED = patterns(
    "refused", "denied dismissed told others thing waits broken summed excepted"
)
_CAPITAL = re.compile(r"[A-Z][a-z]+")


class Refusals:
    """Args:
    verbs: That commands of the skills begin with.
    known: Words of the skills' phrases, of politeness and of address.
    """

    def __init__(self, verbs: Set[str], known: Set[str]) -> None:
        language = english()
        self._known = (known | language.structure) - language.people
        bound = language.structure | language.particles | language.conjunctions
        self._verbs, self._begins = verbs - bound, verbs - language.function - language.prepositions - language.determiners

    def __call__(self, text: str, given: str) -> Route | None:
        """The refusal of a text, None if nothing speaks against it. `given` is the text, normalised and expanded."""
        if (match := _DENIED.match(given)) and self._denies(given[match.end() :]):
            return rejected(text, f'only says what not to do: "{given}"', Rule.NEGATION)
        if match := _DISMISSED.match(given):
            return rejected(text, f'only says what not to do: "{match[0]}"', Rule.NEGATION)
        if match := _TOLD.search(given):
            return rejected(text, f'a question or a remark, no instruction: "{given}"', Rule.STATEMENT, match[0])
        if name := self._somebody(text, given):
            return rejected(text, f'said to somebody else: "{name}"; leave out the name', Rule.STATEMENT, name)
        if match := _WAITS.search(given):
            late = match[0].strip(" ,")
            return rejected(text, f'waits for something: "{late}"; this robot does at once what it is told', Rule.CONDITION, late)
        if match := _EXCEPTED.search(given):
            return rejected(text, f'rules out "{match[0]}"; say which one to take', Rule.ALTERNATIVES, match[0])
        if match := _SUMMED.search(given):
            return rejected(text, f'gives two numbers, "{match[0]}"; say one number', Rule.NUMBER, match[0])
        if match := _BROKEN.match(given):
            return rejected(text, f'breaks off: "{match[0]}"; say all of it', Rule.CLAUSES, match[0])
        return None

    def _denies(self, rest: str) -> bool:
        """Whether a "no" is of a command: "no left turn", and not "no left turns here, turn right"."""
        return self._commands(rest, self._verbs if "," in rest else self._begins)

    @staticmethod
    def _commands(rest: str, verbs: Set[str]) -> bool:
        """Whether words begin with a verb of the skills."""
        said = words(rest)
        return bool(said) and said[0] in verbs

    def _somebody(self, text: str, given: str) -> str:
        """Who is to do it: "have Tom wave", "everyone wave", "Mike turn left", "Tom said walk"; "" for the robot."""
        if (match := _OTHERS.match(given)) and self._commands(given[match.end() :], self._verbs):
            return match[0].strip()
        thing = _THING.match(given)
        if thing and self._commands(given[thing.end() :], self._verbs):
            who = thing["who"]
            stranger = who not in self._known and (thing["the"] or who in english().people or self._named(text, who))
            return thing[0].strip() if stranger else ""
        said = [word for word in given.split() if word != "please"]
        who = said[0] if len(said) > 1 and said[1] in self._verbs else ""
        named = who and self._named(text, who) and not who.endswith("ly")
        return who.capitalize() if who in english().people or (named and who not in self._known) else ""

    @staticmethod
    def _named(text: str, who: str) -> bool:
        """Whether a word has a capital in a text as given."""
        return any(word.lower() == who for word in _CAPITAL.findall(text))
