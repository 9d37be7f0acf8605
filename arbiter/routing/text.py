"""Text as it is typed -> plain lower-case words. The one place that knows about Unicode, contractions and politeness."""

from __future__ import annotations

import re
import unicodedata

MAX_CHARACTERS = 400  # a longer text is not an instruction; the stop guard still reads all of it

_LOOKALIKES = str.maketrans({
    "’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'", "“": " ", "”": " ", "–": "-", "—": ",", "−": "-", "×": "x",
    "…": ".", "°": " degrees ", "º": " degrees ", "½": " 1/2", "¼": " 1/4", "¾": " 3/4",
    "а": "a", "е": "e", "о": "o", "р": "p", "с": "c", "х": "x", "ѕ": "s", "т": "t", "і": "i", "ο": "o", "ρ": "p", "τ": "t",
})
_UNWANTED = re.compile(r"[^a-z0-9'.,;:!?/%+\-\s]")
_SPACES = re.compile(r"\s+")
_WORD = re.compile(r"[a-z0-9']+")

_CONTRACTIONS = (
    (re.compile(r"\bcan't\b|\bcant\b|\bcannot\b"), "can not"),
    (re.compile(r"\bwon't\b|\bwont\b"), "will not"),
    (re.compile(r"\b(do|does|did|is|are|was|were|has|have|had|could|would|should|must|need|might)n'?t\b"), r"\1 not"),
    (re.compile(r"\bdo ?n[o']?t\b|\bdon t\b|\bdonot\b"), "do not"),
    (re.compile(r"\blet's\b|\blets\b"), "let us"),
    (re.compile(r"\bi'd\b"), "i would"),
    (re.compile(r"\bi'm\b"), "i am"),
    (re.compile(r"\bi'll\b"), "i will"),
    (re.compile(r"\b(you|we|they)'re\b"), r"\1 are"),
    (re.compile(r"\b(it|that|what|there|where|who|here)'s\b"), r"\1 is"),
)

# Words around a command that carry none of its meaning. Order: longest first, so that a phrase goes before its parts.
_BEFORE = sorted((
    "please", "pls", "plz", "kindly", "just", "simply", "now", "then", "so", "ok", "okay", "okey", "alright", "all right",
    "well", "um", "uh", "erm", "hmm", "oh", "hey", "hi there", "hey there", "hello there", "yo", "dear", "robot", "hey robot",
    "mister robot", "mr robot", "my friend", "buddy", "mate", "pal", "sir", "listen", "look here", "excuse me", "pardon me",
    "sorry", "yes", "yeah", "right now", "immediately", "first", "firstly", "second", "secondly", "next",
    "finally", "lastly", "afterwards", "also", "and", "but", "again", "this time", "instead", "quickly then", "right then",
    "could you", "can you", "would you", "will you", "can not you", "could not you", "would not you", "will not you",
    "why do not you", "why not", "would you mind", "do you mind", "would you please", "if you please",
    "would you be so kind as to", "would you be so kind to", "be so kind as to", "be so good as to", "be a dear and",
    "be a darling and", "be a good robot and", "be nice and", "would it be possible to", "would it be possible for you to",
    "is it possible to", "might you", "may i ask you to", "i ask you to", "i am asking you to", "i beg you to", "i beg you",
    "i would like you to", "i would like to see you", "i would like it if you could", "i would love it if you would",
    "i would appreciate it if you could", "i would appreciate it if you would", "i want you to", "i want to see you",
    "i need you to", "i need to see you", "i order you to", "i command you to", "i told you to", "i said",
    "i wish you would", "we want you to", "we would like you to", "we need you to", "everyone wants you to", "can we see you", "can we see",
    "can we have", "could we have", "could we see", "can i have", "may i have", "could i have", "can i see you", "could i see you", "i would like", "i want",
    "i need", "i would love", "we want", "we would like", "i wonder if you could", "i was wondering if you could", "it would be great if you could",
    "it would be nice if you", "you should", "you must", "you have to", "you need to", "you can", "you may", "you could",
    "you ought to", "you might want to", "it is time to", "time to", "let us see you", "let me see you",
    "do me a favor and", "do me a favour and", "try to", "try and", "make sure to", "make sure you", "be sure to",
    "remember to", "do not forget to", "do not hesitate to", "feel free to", "go ahead and", "go on and", "come on",
    "come on and", "attempt to", "proceed to", "start to", "begin to", "get ready to", "your task is to", "the task is to",
    "the command is to", "command", "if you do not mind", "if you can", "if you could", "if possible", "if you would",
    "i think you should", "how about you", "how about", "what about", "may i see you", "show me how you", "from there",
    "from here", "once there", "for me",
), key=len, reverse=True)
_AFTER = sorted((
    "please", "pls", "plz", "now", "right now", "immediately", "at once", "thanks", "thank you", "thank you very much", "thanks a lot",
    "for me", "for us", "will you", "would you", "could you", "can you", "would you please", "could you please",
    "can you please", "will you please", "if you please", "if you do not mind", "if you would not mind", "if you would",
    "if you can", "if you could", "if possible", "robot", "buddy", "mate", "pal", "sir", "my friend", "dear", "ok", "okay",
    "alright", "a bit", "a little", "a little bit", "a tad", "slightly", "again", "as well", "too", "once more", "instead",
    "already", "then", "now please", "this time", "one more time", "right away", "straight away", "and that is it", "here we go",
), key=len, reverse=True)
_BEFORE_PATTERN = re.compile(r"^(?:" + "|".join(map(re.escape, _BEFORE)) + r")(?=$|[\s,.;:!?])[\s,.;:!?]*")
_AFTER_PATTERN = re.compile(r"(?:^|[\s,.;:!?]+)(?:" + "|".join(map(re.escape, _AFTER)) + r")[\s.,;:!?]*$")
_NO = re.compile(r"^(?:no|nope)(?:$|[,.;!?]+\s*)")  # "no, turn left"; but "no turning" says something
_INSIDE = re.compile(r"(?<=\s)(?:please|pls|kindly|just)(?=\s)")


def normalise(text: str) -> str:
    """Lower-case ASCII with single spaces; look-alike letters, accents, emoji and control characters are dealt with."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.translate(_LOOKALIKES).lower()).translate(_LOOKALIKES)
        text = "".join(c for c in text if not unicodedata.combining(c) and unicodedata.category(c) != "Cf")
    text = _UNWANTED.sub(" ", text.lower())
    return _SPACES.sub(" ", text).strip()


def expand(text: str) -> str:
    """Contractions written out: "don't" and "dont" become "do not"."""
    for pattern, replacement in _CONTRACTIONS:
        text = pattern.sub(replacement, text)
    return text


def strip_politeness(text: str) -> str:
    """What is left of a normalised clause without the words of politeness before, in and after it."""
    before = None
    while before != text:
        before = text
        text = _INSIDE.sub("", text).strip(" ,.;:!?-+/")
        text = _NO.sub("", _BEFORE_PATTERN.sub("", text))
        text = _AFTER_PATTERN.sub("", text)
        text = _SPACES.sub(" ", text).strip()
    return text


def words(text: str) -> list[str]:
    """Words of a normalised text."""
    return _WORD.findall(text)
