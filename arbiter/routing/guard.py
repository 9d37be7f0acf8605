"""The stop guard: words that mean stop, found by spelling alone.

It runs first, on the thread that took the words, before anything that could fail. It prefers a stop too many: only texts that
plainly say the opposite ("don't stop") are let through, and those whose last words may be a command of their own or the end of
a plan ("never mind the bow, wave", "walk forward, then stop"). Of these the router stops what it can make nothing of.
The words are in languages/stops.yaml and languages/stops_other.yaml.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from arbiter import strict
from arbiter.routing.patterns import compiled, patterns
from arbiter.routing.sounds import sound
from arbiter.routing.text import normalise, strip_politeness, written_out

FOLDER = Path(__file__).parent / "languages"
_TOKEN = re.compile(r"[a-z0-9]+")


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
    """How English says stop; see stops.yaml."""

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
class StopSpellings:
    """Single words that mean stop, and that only look so.

    Attributes:
        words: Stop words, which may be mistyped. exact: Those that are taken as they stand.
        other: Words an edit away from one that are none.
        innocent: Words with "stop" in them that are none.
    """

    words: tuple[str, ...]
    exact: frozenset[str]
    other: frozenset[str]
    innocent: frozenset[str]


@dataclass(frozen=True, slots=True)
class StopWords:
    """What the stop guard knows: the entries of stops.yaml and of other languages, as words or as patterns.

    Attributes:
        spelling: Single words.
        alone: Texts that mean stop as a whole. mended: What their typing errors are mended to.
        fillers, trailing: What may stand around or behind one.
        phrases: Found in a text, means stop. harms: Those of them that do so before a command, too.
        passes: Words of stopping that are none. doubtful: Those that are none beside a command.
        foreign: Found in a text, is a stop in another language. scripts: Pieces of text of other scripts.
    """

    spelling: StopSpellings
    alone: frozenset[str]
    mended: frozenset[str]
    fillers: re.Pattern[str]
    trailing: re.Pattern[str]
    phrases: re.Pattern[str]
    harms: re.Pattern[str]
    passes: re.Pattern[str]
    doubtful: re.Pattern[str]
    foreign: re.Pattern[str]
    scripts: re.Pattern[str]


def _any(entries: tuple[str, ...]) -> str:
    return "|".join(re.escape(entry) for entry in sorted(entries, key=len, reverse=True))


def load(folder: Path = FOLDER) -> StopWords:
    """The words of both files. Raises ConfigError with file and place for what is wrong in them."""
    english = strict.load(StopLists, folder / "stops.yaml")
    others = strict.load(dict[str, OtherLanguage], folder / "stops_other.yaml", "languages").values()

    def foreign(key: str) -> tuple[str, ...]:
        return tuple(" ".join(_TOKEN.findall(normalise(entry))) for one in others for entry in listed(getattr(one, key)))

    words, whole = listed(english.words), foreign("alone")
    return StopWords(
        StopSpellings(
            words,
            frozenset((*words, *listed(english.spellings), *foreign("anywhere"))),
            frozenset(listed(english.other)),
            frozenset(listed(english.innocent)),
        ),
        frozenset((*listed(english.alone), *whole)),
        frozenset(listed(english.mended)),
        re.compile(rf"\b(?:{_any((*listed(english.fillers), *foreign('fillers')))})\b"),
        re.compile(rf"(?: (?:{_any(listed(english.trailing))}))+$"),
        compiled("\n".join(english.phrases.values()), english.parts, r"\b"),
        compiled("\n".join(english.phrases[key] for key in ("hurting", "alarm")), english.parts, r"\b"),
        compiled(english.passes, english.parts, r"\b"),
        compiled(english.doubtful, english.parts),
        re.compile(rf"\b(?:{_any(tuple(entry for entry in whole if ' ' in entry))})\b"),
        re.compile(_any(tuple(entry for one in others for entry in listed(one.amid)))),
    )


LONG = 1000  # characters
_WORDS = load()
OTHER_WORDS, MENDED = _WORDS.spelling.other, _WORDS.mended
_LONG_STOP = re.compile(r"stop|halt|freeze|abort|emergency|whoa", re.IGNORECASE)

_DO_NOT_STOP, _PLANNED, _NOT_PLANNED, _NOWHERE, _CLAUSE, _REMARK, _ASKED, _DRAWN_OUT, _E_STOP, _CRY = patterns(
    "stops", "do_not_stop planned not_planned nowhere clause remark asked drawn_out e_stop cry"
)

_LEET = str.maketrans("01357", "oiest")
_DRAWN = re.compile(r"([a-z])\1{2,}")  # "waaait": no English word has a letter three times
_SPELLED = re.compile(r"\b(?:[a-z0-9][\s.\-,]+){3,}[a-z0-9]\b")


def _edits(word: str) -> set[str]:
    letters = string.ascii_lowercase
    splits = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    edits = {a + b[1:] for a, b in splits if b}
    edits |= {a + b[1] + b[0] + b[2:] for a, b in splits if len(b) > 1}
    edits |= {a + c + b[1:] for a, b in splits if b for c in letters}
    edits |= {a + c + b for a, b in splits for c in letters}
    return edits


def _squeeze(word: str) -> str:
    return re.sub(r"(.)\1+", r"\1", word)


_CLOSE = frozenset().union(*(_edits(word) for word in _WORDS.spelling.words)) - OTHER_WORDS | _WORDS.spelling.exact
_SOUNDS = frozenset(map(sound, ("stop", "halt", "freeze", "abort")))  # "friz"
_NEAR_STOP = (_edits("stop") | {"spot"}) & OTHER_WORDS  # "spot moving"
_MOVING = frozenset("moving walking turning waving spinning bowing marching rotating circling".split())
_TORN = frozenset((*_WORDS.spelling.words, "enough")) - {"standstill"}  # in two: "st op"; "stand still" is a posture
_SQUEEZED = frozenset(_squeeze(word) for word in (*_WORDS.spelling.words, "woah", "whoah"))


@lru_cache(maxsize=1024)
def _is_stop_word(word: str, following: str) -> bool:
    if word in _CLOSE or (sound(word) in _SOUNDS and word not in OTHER_WORDS) or (following in _MOVING and word in _NEAR_STOP):
        return True
    if any(c.isdigit() for c in word) and any(c.isalpha() for c in word):
        word = word.translate(_LEET)
        if word in _WORDS.spelling.exact:
            return True
    if word == "stoop" or (_squeeze(word) != word and _squeeze(word) in _SQUEEZED):
        return not (word == "stoop" and following in ("down", "forward", "forwards", "low", "over", "a", "slightly"))
    return "stop" in word and word not in _WORDS.spelling.innocent


def _spelled_out(match: re.Match) -> str:
    return "".join(_TOKEN.findall(match.group()))


def stop_guard(text: str) -> bool:
    """Whether `text` asks to stop. Pure spelling: no model, no lock, microseconds."""
    return _judge(text, _stops)


def may_mean_stop(text: str) -> bool:
    """Whether `text` has words of stopping before what may be a command, or behind it: a stop, if it turns out to be none."""
    return _judge(text, _evidence)


def means_stop(clause: str) -> bool:
    """What `stop_guard` tells, of a text that is written out."""
    return _judge_words(clause, _stops)


def _judge(text: str, judge: Callable[[str], bool]) -> bool:
    if len(text) > LONG:  # no instruction, and the tick may be waiting: a stop too many is the better mistake
        return _LONG_STOP.search(text) is not None
    return (not text.isascii() and _WORDS.scripts.search(text.lower()) is not None) or _judge_words(written_out(text), judge)


@lru_cache(maxsize=64)
def _judge_words(text: str, judge: Callable[[str], bool]) -> bool:
    text = _SPELLED.sub(_spelled_out, _CRY.sub("mayday", _E_STOP.sub("estop", text)))
    text = _WORDS.passes.sub(" ", _DO_NOT_STOP.sub(" ", text))  # without words of stopping that mean something else
    return judge(text) or ((drawn := _DRAWN.sub(r"\1", text)) != text and judge(drawn))


def _stops(text: str) -> bool:
    """Whether a text that was read means stop, whatever else it may say."""
    text = _WORDS.doubtful.sub(lambda match: " " * (not _NOT_PLANNED.search(text[: match.start()])) or match[0], text).strip()
    if _has_stop_word(text):
        return not _planned(text)
    return text != "" and _has_stop_phrase(text) and not _planned(text) and not _commanded(text)


def _evidence(text: str) -> bool:
    return _has_stop_word(text) or _has_stop_phrase(text)


def _has_stop_word(text: str) -> bool:
    tokens = _TOKEN.findall(text)
    followed = zip(tokens, [*tokens[1:], ""], strict=False)
    return any(_is_stop_word(word, following) or word + following in _TORN for word, following in followed)


def _has_stop_phrase(text: str) -> bool:
    plain = " ".join(_TOKEN.findall(text))
    polite = " ".join(_TOKEN.findall(strip_politeness(text)))
    if _WORDS.foreign.search(plain) or any(
        _WORDS.phrases.search(said) for said in {plain, _WORDS.trailing.sub("", plain), polite}
    ):
        return True
    bare = _once(_WORDS.fillers.sub(" ", _ASKED.sub("", plain)).split())
    return not _WORDS.alone.isdisjoint((plain, bare, polite)) or _DRAWN_OUT.fullmatch(bare) is not None


def _once(words: list[str]) -> str:
    """What is said again and again, said once: "cancel cancel", "no more no more"."""
    size = next((n for n in range(1, len(words)) if words == words[:n] * (len(words) // n)), len(words))
    return " ".join(words[:size])


def _planned(text: str) -> bool:
    """Whether a stop is the last step of what may be a plan."""
    match = _PLANNED.match(strip_politeness(text))
    if match is None or _NOT_PLANNED.search(match["before"]) or _NOWHERE.fullmatch(match["before"]):
        return False
    return not _evidence(match["before"])


def _commanded(text: str) -> bool:
    """Whether the last clause says something of its own, and what means stop stands before it: "never mind the bow, wave"."""
    breaks = [found for found in _CLAUSE.finditer(text) if strip_politeness(_WORDS.fillers.sub(" ", text[found.end() :]))]
    if not breaks or _WORDS.harms.search(text[: breaks[-1].start()]):
        return False
    last = text[breaks[-1].end() :].strip()
    return not _REMARK.match(last) and not _has_stop_phrase(last) and _has_stop_phrase(text[: breaks[-1].start()].strip())
