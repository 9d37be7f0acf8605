"""Words of English that belong to no skill, read from english.yaml."""

from __future__ import annotations

from dataclasses import dataclass, fields, make_dataclass
from functools import cache, cached_property
from pathlib import Path

from arbiter import strict
from arbiter.errors import ConfigError

FIRST, BETWEEN = 0, 3  # in `English.places`
EARLIER = 0.5  # before all but what is told to be the first
FILE = Path(__file__).parent / "english.yaml"


@dataclass(frozen=True)
class English:
    """Classes of words; english.yaml says what each is for."""

    function: frozenset[str]
    greetings: frozenset[str]
    people: frozenset[str]
    titles: frozenset[str]
    endearments: frozenset[str]
    light_verbs: frozenset[str]
    conjunctions: frozenset[str]
    prepositions: frozenset[str]
    paths: frozenset[str]
    goals: frozenset[str]
    genitive: frozenset[str]
    determiners: frozenset[str]
    limits: frozenset[str]
    exclusive: frozenset[str]
    other_verbs: frozenset[str]
    bare_side: frozenset[str]
    returns: frozenset[str]
    later: frozenset[str]
    conditions: frozenset[str]
    placed: frozenset[str]
    first: frozenset[str]
    second: frozenset[str]
    third: frozenset[str]
    between: frozenset[str]
    last: frozenset[str]
    mended: frozenset[str]
    units: frozenset[str]
    exclamations: frozenset[str]
    whole: frozenset[str]
    performing: frozenset[str]
    singly: frozenset[str]
    counted: frozenset[str]
    reporting: frozenset[str]
    fillers: frozenset[str]
    telling: frozenset[str]
    courteous: frozenset[str]
    choices: frozenset[str]
    speakers: frozenset[str]
    halts: frozenset[str]
    possessives: frozenset[str]
    particles: frozenset[str]
    phases: frozenset[str]
    earlier: frozenset[str]
    next: frozenset[str]
    afterwards: frozenset[str]
    at_once: frozenset[str]
    done: frozenset[str]
    referring: frozenset[str]
    leading: frozenset[str]
    subject: frozenset[str]

    @property
    def places(self) -> tuple[frozenset[str], ...]:
        """Words of the places in a plan, from the first on; those of BETWEEN are after any number."""
        return self.first, self.second, self.third, self.between, self.last

    @cached_property
    def ordering(self) -> frozenset[str]:
        """Words that tell an order, whatever stands beside them."""
        return frozenset().union(*self.places, self.earlier, self.next, self.afterwards, self.at_once, self.done)

    @cached_property
    def structure(self) -> frozenset[str]:
        """Words that say how a clause is built and, alone, nothing of what is to be done."""
        return self.function | self.light_verbs | self.conjunctions | self.prepositions | self.determiners


@cache
def english(path: Path = FILE) -> English:
    """The file, checked. Raises ConfigError naming the file, the key and the word."""
    texts = strict.load(make_dataclass("Texts", [(field.name, str) for field in fields(English)]), path)
    found = {}
    for field in fields(English):
        said = getattr(texts, field.name).split()
        if bad := [word for word in said if not (word.isascii() and word.isalpha() and word.islower())]:
            raise ConfigError(f"{path}: {field.name}: {bad[0]!r} is no plain lower-case word; spell it out or leave it out")
        if twice := [word for word in said if said.count(word) > 1]:
            raise ConfigError(f"{path}: {field.name}: {twice[0]!r} is there twice; leave one out")
        found[field.name] = frozenset(said)
    return English(**found)
