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


def _phrases(text: str) -> list[str]:
    """Longest first, so that a phrase goes before its parts."""
    return sorted((" ".join(phrase.split()) for phrase in text.split("|")), key=lambda phrase: (-len(phrase), phrase))


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

# Words around a command that carry none of its meaning.
_BEFORE = _phrases("""
    actually | afterwards | all i want is for you to | all right | alright | also | and | are you able to |
    attempt to | be a darling and | be a dear and | be a good robot and | be nice and | be so good as to | be so kind
    as to | be sure to | begin to | bot | bro | buddy | but | can i get you to | can i have | can i see you | can not
    you | can we | can we have | can we see | can we see you | can you | come on | come on and | command | could i get
    you to | could i have | could i see you | could not you | could we | could we have | could we see | could you |
    dear | do me a favor and | do me a favour and | do not forget to | do not hesitate to | do you mind | droid | dude
    | erm | everyone wants you to | excuse me | feel free to | finally | first | firstly | for me | from here | from
    there | get ready to | go ahead and | go and | go on and | hello there | hey | hey robot | hey there | hi there |
    hmm | how about | how about you | humanoid | i am asking you to | i am going to have you | i ask you to | i beg
    you | i beg you to | i command you to | i need | i need for you to | i need to see you | i need you to | i order
    you to | i said | i think you should | i told you to | i want | i want for you to | i want to see you | i want you
    to | i was wondering if you could | i will have you | i will need you to | i wish you would | i wonder if you
    could | i would appreciate it if you could | i would appreciate it if you would | i would be delighted if you | i
    would be delighted if you could | i would be delighted if you would | i would be glad if you | i would be glad if
    you could | i would be glad if you would | i would be grateful if you | i would be grateful if you could | i would
    be grateful if you would | i would be happy if you | i would be happy if you could | i would be happy if you would
    | i would be pleased if you | i would be pleased if you could | i would be pleased if you would | i would like | i
    would like for you to | i would like it if you could | i would like to see you | i would like you to | i would
    love | i would love it if you | i would love it if you could | i would love it if you would | if possible | if you
    can | if you could | if you do not mind | if you please | if you would | immediately | instead | is it possible to
    | it is time to | it would be best if you | it would be best if you could | it would be best if you would | it
    would be cool if you | it would be cool if you could | it would be cool if you would | it would be good if you |
    it would be good if you could | it would be good if you would | it would be great if you | it would be great if
    you could | it would be great if you would | it would be lovely if you | it would be lovely if you could | it
    would be lovely if you would | it would be nice if you | it would be nice if you could | it would be nice if you
    would | it would be wonderful if you | it would be wonderful if you could | it would be wonderful if you would |
    just | kindly | lastly | let me see you | let us get you to | let us have you | let us see you | listen | look
    here | make sure to | make sure you | mate | may i ask you to | may i get you to | may i have | may i see you |
    maybe | might i get you to | might you | mister robot | mr robot | my dear | my friend | next | no problem |
    no worries | now | oh | ok |
    okay | okey | once there | pal | pardon me | perhaps | please | pls | plz | proceed to | quickly then | remember
    to | right now | right then | robot | second | secondly | show me how to | show me how you | simply | sir | so |
    sorry | start to | the command is to | the task is to | then | this time | time to | try and | try to | uh | um |
    we need you to | we want | we want you to | we would like | we would like you to | well | what about | what i need
    is for you to | what i want is for you to | what i want is that you | what i want you to do is | what i want you
    to do is to | what i would like is for you to | why do not you | why not | will not you | will you | would it be
    possible for you to | would it be possible to | would not you | would you | would you be able to | would you be so
    kind as to | would you be so kind to | would you care to | would you mind | would you please | yeah | yes | yo |
    you can | you could | you have to | you know what | you may | you might want to | you must | you need to | you
    ought to | you should | your next task is to | your task is to
""")
_AFTER = _phrases("""
    already | alright | and that is it | as well | at once | bot | bro
    | buddy | can you | can you please | could you | could you please | dear | for me | for us | here we go | if
    possible | if you can | if you could | if you do not mind | if you please | if you would | if you would not mind |
    immediately | instead | mate | my friend | now | now please | ok | okay | pal | please |
    pls | plz | right away | right now | robot | sir | straight away | thank you | thank you very much |
    thanks | thanks a lot | then | this time | too | will you | will you please | would you | would you please
""")
_WISH = (
    r"(?:(?:the|this|my|our) robot|you) (?:should|must|shall|has to|needs? to|is to|are to|(?:is|are) supposed to"
    r"|ought to|had better|better|can|could|may|will|may now|can now|should now|must now)(?: now| please| just)?"
    r"|i (?:expect|would prefer|prefer|would rather have|am (?:ordering|telling|begging|commanding)|hereby (?:order"
    r"|command)) you to"
    r"|(?:can|could|would|will|may|might) (?:the|this|my|our) robot(?: please| just| kindly)?"
    r"|(?:it is )?time for you to|(?:your|the) (?:job|mission|plan|order|goal|instruction)s? (?:is|are) to"
    r"|(?:i |we )?(?:would )?(?:want|like|love|need) (?:to see )?(?:the|this|my|our) robot (?:to )?"
)
_BEFORE_PATTERN = re.compile(
    r"^(?!instead of\b|well done\b)(?:" + "|".join(map(re.escape, _BEFORE)) + rf"|{_WISH})(?=$|[\s,.;:!?])[\s,.;:!?]*"
)
_AFTER_PATTERN = re.compile(r"(?:^|[\s,.;:!?]+)(?:" + "|".join(map(re.escape, _AFTER)) + r")[\s.,;:!?]*$")
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


@lru_cache(maxsize=256)
def normalise(text: str) -> str:
    """Lower-case ASCII with single spaces; look-alike letters, accents, emoji and control characters are dealt with."""
    text = _in_order(_INCHES.sub(r"\1 inches", _FEET.sub(_feet, text)))
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.translate(_LOOKALIKES).lower()).translate(_LOOKALIKES)
        text = "".join(c for c in text if not unicodedata.combining(c) and unicodedata.category(c) != "Cf")
    text = _UNWANTED.sub(" ", text.lower())
    text = _DECIMAL_COMMA.sub(r"\1.\2", _THOUSANDS.sub(r"\1\2", text))
    return _SPACES.sub(" ", text).strip()


@lru_cache(maxsize=256)
def expand(text: str) -> str:
    """Contractions and short forms written out: "don't" and "dont" become "do not", "fwd" becomes "forward"."""
    for pattern, replacement in (*_CONTRACTIONS, *(_FOR_SHORT if _HINT.search(text) else ())):
        text = pattern.sub(replacement, text)
    return text


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
