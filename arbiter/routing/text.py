"""Text as it is typed -> plain lower-case words. The one place that knows about Unicode, contractions and politeness."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

MAX_CHARACTERS = 400  # a longer text is not an instruction; the stop guard still reads all of it

_LOOKALIKES = str.maketrans(
    dict(zip("аеорсхѕтіορτ’‘ʼ`´“”–—−×…", "aeopcxstiopt'''''  -,-x.", strict=True))
    | {"°": " degrees ", "º": " degrees ", "½": " 1/2", "¼": " 1/4", "¾": " 3/4", "π": " pi"}
    | {"ı": "i", "ł": "l", "ø": "o", "đ": "d", "ß": "ss", "æ": "ae", "œ": "oe"}
)
_UNWANTED = re.compile(r"[^a-z0-9'.,;:!?/%+\-\s]")
_SPACES = re.compile(r"\s+")
_FEET = re.compile(r"(?<![\w.'])(\d{1,3}(?:\.\d{1,3})?) ?['\u2019\u2032] ?(?:(\d{1,2}) ?(?:\"|''|\u2033|\u201d)|(?![\w']))")
_INCHES = re.compile(r"(?<![\w.'])(\d{1,3}(?:\.\d{1,3})?) ?(?:\"|\u2033|\u201d)(?!\w)")
_ENUMERATED = re.compile(r"(?:^|(?<=[\s,.;]))\(?(?:([1-9])[).]|([a-h])\))(?=\s+[^\W\d])")
_THOUSANDS = re.compile(r"(?<![\d.,])([1-9]\d{0,2}),(\d{3})(?![\d,])")
_DECIMAL_COMMA = re.compile(r"(?<![\d.,])(\d{1,9}),(\d{1,9})(?![\d.,])")  # "0,5 meters" is half a meter, not five; "1,2,3" a list
_WORD = re.compile(r"[a-z0-9']+")

_CONTRACTIONS = (
    (re.compile(r"\bcan't\b|\bcant\b|\bcannot\b"), "can not"),
    (re.compile(r"\bwon't\b|\bwont\b"), "will not"),
    (re.compile(r"\b(do|does|did|is|are|was|were|has|have|had|could|would|should|must|need|might)n'?t\b"), r"\1 not"),
    (re.compile(r"\bdo ?n[o']?t\b|\bdon t\b|\bdonot\b"), "do not"),
    (re.compile(r"\bnot (?=(?:more|less|further|farther|longer|fewer) than\b)"), "no "),
    (re.compile(r"\blet's\b|\blets\b"), "let us"),
    (re.compile(r"\bi'd\b"), "i would"),
    (re.compile(r"\bi'm\b"), "i am"),
    (re.compile(r"\b(i|you|it|that|this|we|they)'ll\b"), r"\1 will"),
    (re.compile(r"\bthats\b"), "that is"),
    (re.compile(r"\bnon stop\b"), "nonstop"),
    (re.compile(r"\b(left|right)[- ]hand side\b"), r"\1 side"),
    (re.compile(r"\b(?:e?nuff?|enuff?)\b"), "enough"),
    (re.compile(r"\b(you|we|they)'re\b"), r"\1 are"),
    (re.compile(r"\b(i|you|we|they)'ve\b"), r"\1 have"),
    (re.compile(r"\b(you|we|they|he|she)'d\b"), r"\1 would"),
    (re.compile(r"\b(it|that|what|there|where|who|here|time|how|he|she)'s\b"), r"\1 is"),
)


# Short forms, what dictation makes of a command word, and two movements that are one command.
_HINT = re.compile(
    r" it | yourself |wd|rgt|rght|rite|write|wright|gimme|waive|onwards| over| and | as |stood|sat d|wr?d"
    r"|\b[lr]\b|\brot\b|^you |n't you|not you|you not"
)  # one of the patterns below may match
_FOR_SHORT = (
    (re.compile(r"\b(back|move) (?:it|yourself) (?=(?:on )?(?:up|back|forwards?|over)\b)"), r"\1 "),
    (re.compile(r"\b(?:fwds?|fw?rw?ds?)\b"), "forward"),
    (re.compile(r"\b(?:bwd|bkwd|bckwd)s?\b"), "backward"),
    (re.compile(r"\b(?:rgt|rght)\b|(?<=\bturn )(?:rite|write|wright)\b|(?<=\bto the )(?:rite|write|wright)\b"), "right"),
    (re.compile(r"\bgimme\b"), "give me"),
    (re.compile(r"(?<=\bturn )l\b|(?<=\bstep )l\b|\bl(?= ?\d)"), "left"),
    (re.compile(r"(?<=\bturn )r\b|(?<=\bstep )r\b|\br(?= ?\d)"), "right"),
    (re.compile(r",? (?:will|would|could|can) (?:not you|you not)[ ?.!]*$"), ""),
    (re.compile(r"\brot(?= (?:l|r|left|right)\b)"), "rotate"),
    (re.compile(r"^you (?:could|would|can) not (.+?),? (?:could|would|can) you\b(?: please)?[ ?.!]*$"), r"\1"),
    (re.compile(r" as (?:high|far|much|well|low|deep|deeply) as (?:you can|possible)\b"), ""),
    (re.compile(r"(?:(?<=you have )|(?<=having ))stood(?= up\b)"), "stand"),
    (re.compile(r"(?:(?<=you have )|(?<=having ))sat(?= down\b)"), "sit"),
    (
        re.compile(r"\b(?:raise|lift|hold|put)(?: up)? your (left|right) (arm|hand)(?: up)? and wave(?: it)?\b"),
        r"wave your \1 \2",
    ),
    (re.compile(r"\bwaive (?=(?:your|with|at|to|hello|goodbye)\b)"), "wave "),
    (re.compile(r"\bonwards\b"), "onward"),
    (re.compile(r"\bcome on over\b"), "come over"),
    (
        re.compile(
            r"\b(?:reach|stretch|extend|put|hold)(?: out)? (?:your|a|the|one) (?:\w+ )?(?:hand|arm|finger)(?: out)? and"
            r" (?=touch|tap|poke|feel)"
        ),
        "",
    ),
)

# Words around a command that carry none of its meaning. Of politeness they are the commonest forms alone: the rest is told by
# the encoder (`structure`), from which a text comes that is parsed; what is no clause of it (an utterance) has hardly any.
_MODAL = r"(?:can|could|will|would|may|might|must|should|ought to|has to|have to|need to)"
_BEFORE = (
    rf"{_MODAL} (?:not )?(?:you|(?:the|this) robot)(?: to)?|(?:can|could|may|might) (?:i|we) (?:have|get|see)(?: you)?(?: to)?"
    rf"|(?:can|could) we|(?:you|(?:the|this|my|our) robot) {_MODAL}"
    r"|(?:what )?(?:i|we) (?:want|need|would (?:like|love))(?: is)?(?: for)?(?: to see)?(?: you)?(?: to)?"
    r"|why (?:do )?not(?: you)?|go (?:ahead |on )?and|all right|this time|it is time to|excuse me"
    r"|please|pls|plz|and|also|then|now|so|well|ok|okay|alright|yes|actually|just|kindly|(?:hey )?(?:ro)?bot|instead"
)
_AFTER = r"please|pls|plz|now|then|too|(?:ro)?bot|ok|okay|thanks|instead|right (?:now|away)|thank you(?: very much)?"
_BEFORE_PATTERN = re.compile(rf"^(?!instead of\b|well done\b)(?:{_BEFORE})(?=$|[\s,.;:!?])[\s,.;:!?]*")
_AFTER_PATTERN = re.compile(rf"(?:^|[\s,.;:!?]+)(?:{_AFTER})[\s.,;:!?]*$")
_REPEATED = re.compile(r"^again(?=$|[\s,.;:!?])[\s,.;:!?]*|(?:^|[\s,.;:!?]+)(?:again|once more|one more time)[\s.,;:!?]*$")
_NO = re.compile(r"^(?:no|nope)(?:$|[,.;!?]+\s*)")  # "no, turn left"; but "no turning" says something
_INSIDE = re.compile(
    r"(?<=\s)(?:(?:please|pls|kindly|just)(?=\s)|(?:quietly|silently|patiently|nicely|politely|properly)(?=\s|$))"
)


def _feet(match: re.Match[str]) -> str:
    """ "5'" and "5'6\"": feet, and feet with inches."""
    return f"{float(match[1]) + float(match[2] or 0) / 12.0:.4g} feet"


def _in_order(text: str) -> str:
    """ "1) turn left 2) bow": items of a list, each after the one before."""
    marks = list(_ENUMERATED.finditer(text))
    numbers = [int(mark[1]) if mark[1] else ord(mark[2]) - ord("a") + 1 for mark in marks]
    if len(numbers) < 2 or numbers != list(range(1, len(numbers) + 1)):
        return text
    return _ENUMERATED.sub(", then", text).strip(" ,").removeprefix("then ")


@lru_cache(maxsize=1024)
def normalise(text: str) -> str:
    """Lower-case ASCII with single spaces; look-alike letters, accents, emoji and control characters are dealt with."""
    text = _in_order(_INCHES.sub(r"\1 inches", _FEET.sub(_feet, text)))
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.translate(_LOOKALIKES).lower()).translate(_LOOKALIKES)
        text = "".join(c for c in text if not unicodedata.combining(c) and unicodedata.category(c) != "Cf")
    text = _UNWANTED.sub(" ", text.lower())
    text = _DECIMAL_COMMA.sub(r"\1.\2", _THOUSANDS.sub(r"\1\2", text))
    return _SPACES.sub(" ", text).strip()


@lru_cache(maxsize=1024)
def expand(text: str) -> str:
    """Contractions and short forms written out: "don't" and "dont" become "do not", "fwd" becomes "forward"."""
    for pattern, replacement in (*_CONTRACTIONS, *(_FOR_SHORT if _HINT.search(text) else ())):
        text = pattern.sub(replacement, text)
    return text


@lru_cache(maxsize=1024)
def strip_politeness(text: str, repeats: bool = True) -> str:
    """What is left of a normalised clause without the words of politeness before, in and after it.

    Args:
        repeats: Without "again" and its like at its ends, too, which ask for what a last plan can answer.
    """
    before = None
    while before != text:
        before = text
        text = _INSIDE.sub("", text).strip(" ,.;:!?-+/")
        text = _NO.sub("", _BEFORE_PATTERN.sub("", text))
        text = _AFTER_PATTERN.sub("", text)
        text = _REPEATED.sub("", text) if repeats else text
        text = _SPACES.sub(" ", text).strip()
    return text


def words(text: str) -> list[str]:
    """Words of a normalised text."""
    return _WORD.findall(text)
