"""The words of languages/stops.yaml and languages/stops_other.yaml, checked and compiled when loaded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from arbiter import strict
from arbiter.routing.patterns import compiled
from arbiter.routing.text import normalise

FOLDER = Path(__file__).parent / "languages"
_WORD = re.compile(r"[a-z0-9]+")


def listed(text: str) -> tuple[str, ...]:
    """Entries of a text that parts them by commas."""
    return tuple(entry.strip() for entry in text.split(",") if entry.strip())


@dataclass(frozen=True, slots=True)
class OtherLanguage:
    """How a language says stop; see the head of stops_other.yaml."""

    anywhere: str = ""
    alone: str = ""
    amid: str = ""
    fillers: str = ""


@dataclass(frozen=True, slots=True)
class StopLists:
    """How StopLists says stop; see stops.yaml."""

    words: str
    spellings: str
    other: str
    innocent: str
    passes: str
    doubtful: str
    parts: Mapping[str, str]
    phrases: Mapping[str, str]
    alone: str
    fillers: str
    trailing: str
    mended: str


@dataclass(frozen=True, slots=True)
class StopWords:
    """What the stop guard knows.

    Attributes:
        words: Stop words, which may be mistyped. exact: Those that are taken as they stand.
        other: Words an edit away from one that are none.
        innocent: Words with "stop" in them that are none.
        alone: Texts that mean stop as a whole. fillers, trailing: What may stand around or behind one.
        phrases: Found in a text, means stop. harms: Those of them that do so before a command, too.
        passes: Is taken out of a text before anything is looked for.
        doubtful: Is no stop beside a command.
        foreign: Found in a text, is a stop in another language. scripts: Pieces of text of other scripts.
        mended: What typing errors are mended to.
    """

    words: tuple[str, ...]
    exact: frozenset[str]
    other: frozenset[str]
    innocent: frozenset[str]
    alone: frozenset[str]
    fillers: re.Pattern[str]
    trailing: re.Pattern[str]
    phrases: re.Pattern[str]
    harms: re.Pattern[str]
    passes: re.Pattern[str]
    doubtful: re.Pattern[str]
    foreign: re.Pattern[str]
    scripts: re.Pattern[str]
    mended: frozenset[str] = field(default=frozenset())


def _any(entries: tuple[str, ...]) -> str:
    return "|".join(re.escape(entry) for entry in sorted(entries, key=len, reverse=True))


def load(folder: Path = FOLDER) -> StopWords:
    """The words of both files. Raises ConfigError with file and place for what is wrong in them."""
    english = strict.load(StopLists, folder / "stops.yaml")
    problems = strict.Problems()
    others = strict.build(dict[str, OtherLanguage], strict.parse(folder / "stops_other.yaml"), problems, "languages")
    problems.raise_if_any()

    def foreign(key: str) -> tuple[str, ...]:
        found = [entry for language in others.values() for entry in listed(getattr(language, key))]
        return tuple(found if key == "amid" else (" ".join(_WORD.findall(normalise(entry))) for entry in found))

    words, whole = listed(english.words), foreign("alone")
    return StopWords(
        words,
        frozenset((*words, *listed(english.spellings), *foreign("anywhere"))),
        frozenset(listed(english.other)),
        frozenset(listed(english.innocent)),
        frozenset((*listed(english.alone), *whole)),
        re.compile(rf"\b(?:{_any((*listed(english.fillers), *foreign('fillers')))})\b"),
        re.compile(rf"(?: (?:{_any(listed(english.trailing))}))+$"),
        compiled("\n".join(english.phrases.values()), english.parts, r"\b"),
        compiled("\n".join(english.phrases[key] for key in ("hurting", "alarm")), english.parts, r"\b"),
        compiled(english.passes, english.parts, r"\b"),
        compiled(english.doubtful, english.parts),
        re.compile(rf"\b(?:{_any(tuple(entry for entry in whole if ' ' in entry))})\b"),
        re.compile(_any(foreign("amid"))),
        frozenset(listed(english.mended)),
    )
