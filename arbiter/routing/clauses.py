"""A sentence -> the pieces that ask for one thing each, how they are joined, and what is ruled out."""

from __future__ import annotations

import re
from dataclasses import dataclass

from arbiter.routing.numerals import A_PART
from arbiter.routing.quantities import extract
from arbiter.routing.text import strip_politeness, words

MAX_PIECES = 8
RUN_ON = "|"  # stands in a text where nothing but the structure parts two commands

_DONE = (
    r"(?:(?:you are|you have|you're|that is|it is|having) )?(?:done|finished|ready|there|done that|done so|arrived"
    r"|completed)"
)
_JOINTS = re.compile(
    rf"(?P<then>[,.;:!]? ?\b(?:(?:and |but )?(?:then|after that|after this|afterwards?|after which"
    r"|subsequently|thereafter|finally|lastly|next(?! to\b))"
    rf"|followed by|(?:and )?(?:once|when|after|as soon as) {_DONE}(?! (?:with )?\w+ing\b)"
    r"|(?:just |(?<!the )(?<!your )right |shortly )?before(?: you\b|(?= \w+ing\b))|prior to(?= \w+ing\b))\b,?(?: then\b)?)"
    r"|(?P<first>,? ?\b(?:but|and|only)? ?(?:before that|before this|first of all|but first|and first)\b,?(?: though\b)?)"
    r"|(?P<after>,? ?\b(?:but )?(?:only )?(?:just |(?<!the )(?<!your )right )?(?:after|once(?! more\b| again\b)"
    r"|(?:when|as soon as)(?= you (?:have \w+(?:ed|ne|t|d)|are (?:done|finished|through))\b))"
    r"(?: you(?: have| are)?| having)?(?: (?:finished|done|completed|through)(?: with)?(?= (?:\w+ing|the|that)\b))?\b)"
    r"|(?P<while>,? ?(?:\band )?\b(?:while|whilst|as you(?! are(?:$|[,.;!?]| (?:and|then)))|whilst you"
    r"|at the same time as|in the meantime|meanwhile|during(?= (?:\w+ing|a|the|your)\b))\b"
    r"(?:(?: you(?: are| keep)?| keep| still)\b)?,?)"
    r"|(?P<runon> ?\|,?)"
    r"|(?P<break>(?:\.(?!\d)|[;!?:]| -(?= ))+|,? ?\bbut\b(?: (?:instead|rather))?)"
    r"|(?P<comma>, ?(?:and|&|plus)?\b|,)"
    rf"|(?P<and>(?<!hundred)(?<!nice)(?<!slow) ?(?:\band(?: also)?\b(?! {A_PART})|&|\bplus\b|\balong with\b"
    r"|\btogether with\b))"
)
_TOGETHER = re.compile(
    r",? ?\b(?:(?:all |both )*(?:at|in) the (?:very |exact |one and the )?same (?:time|moment|instant|breath|go)"
    r"|simultaneously|at once"
    r"|in (?:one go|parallel)|concurrently|all together|both$)\b"
)
_ANNOUNCED = re.compile(  # "do three things: turn left, bow"
    r"^(?:please )?(?:do|perform|carry out|here (?:is|are)|your (?:orders|tasks)|listen)"
    r"(?: (?:are|the following|these|this|\w+))?(?: (?:things|tasks|steps|moves|actions|commands))?"
    r"(?: (?:in (?:this|that) order|in order|one after the other))? ?: ?"
)
_LATE_FIRST = re.compile(r" (?:first|beforehand|before that)$")
_TOGETHER_END = re.compile(r"^(.* and .*) together$")  # "walk and wave together"
_MEANWHILE = re.compile(r",? ?\b(?:as|while) you (?:go|do (?:so|it|that|this))(?: along)?$")  # "wave as you go"
_WITH_ARMS = re.compile(
    r" with (?:both )?(?:your |the )?(?P<what>(?:both )?(?:(?:arms|hands)(?: held)? (?:up|raised|high|lifted|in the air"
    r"|overhead|above your head|over your head)[a-z ]*|(?:raised|lifted) (?:arms|hands)))$"
)
_RAISED = re.compile(r"(raised|lifted) (arms|hands)")
_NEGATORS = re.compile(
    r"\b(?:(?:do|does|did|will|would|should|shall|must|can|could|need|may|might|are|is|ought|better) not|not|never"
    r"|without|instead of|rather than"
    r"|(?:there is |you have |have |i see )?no (?:need|reason) (?:to|for)|avoid|refrain from|abstain from|no more"
    r"|forbidden to|forbid you to|nobody|none of"
    r"|no(?= \w+ing\b)|leave(?= .*\balone\b)|skip(?= (?:the )?\w+ing\b)|leave out|except|anything but)\b"
)
# "Stroll forward waving" asks for two things at once.
_GERUND = re.compile(
    r"^((?:walk|go|stroll|march|come|move|step|back up|wander|head|turn|retreat)\b(?:(?!\bkeep\b|\bstart\b)[^,.;])*?)"
    r"(?<!while)(?<!by)(?<!and)(?<!or)(?<!not)(?<!keep)(?<!without)(?<!are)(?<!start)(?<!then)(?<!after)(?<!before)"
    r"(?<!of) (waving)\b"
)
_STARTING = re.compile(r"^(?:(?:you|dare|ever|even|start|begin|try|want|to|from|be|going|now|think|any|the) )+")
_PRONOUN = re.compile(r"\b(?:them|it|both)$|\b(?:them|it)(?= (?:down|up|again|back|high|away|slowly|quickly|gently))")
_TRANSITIVE = re.compile(r"^(?:raise|lift|lower|drop|touch|tap)$")
_THING = re.compile(r"\b(?:(?:your|the|both|my|left|right) )+(?:arms?|hands?)\b|\bthe (?:\w+ )?(?:ball|one)\b|^\w+ ball$")
_SUBJECTS = frozenset(
    "i you we they it he she there this that is are was be the robot should must may might would will shall can could "
    "do does "
    "really please so just but oh want like think need to have had better prefer am absolutely definitely now also and "
    "or "
    "it's necessary required allowed say said told a".split()
)
_MIND = frozenset(("bother", "mind"))  # "turn right, actually don't bother"
_PREPOSITIONS = ("with", "to", "using", "by", "towards", "toward", "at", "for", "in", "on", "from")
_VERBLESS = re.compile(
    r"^(?:(?:with|using|to|towards?|at|for|from|in|on(?! your feet)|by)\b(?! (?:walk|turn|go))|(?:(?:your|the|left|right"
    r"|both) )*(?:arms?|hands?|left|right)$)"
)
_TOWARDS = re.compile(r"^(?:to|towards?) (?:the|your) (?:left|right)(?: side)?$")
_DETAIL = re.compile(
    r"^(?:(?:with|using|on) )?(?:(?:your|the|my) )?(?:left|right)(?: (?:hand|arm|side))?$|^(?:counter|anti)?-?clockwise$"
)
_MANNER = re.compile(r"^(?:like|as if|as though|just like|without) ")
_GREETINGS = re.compile(
    r"^(?:robots?|hello|hi|hey|good (?:morning|evening|afternoon|day)|greetings|howdy|yo)(?: (?:there|robots?|everyone|buddy"
    r"|friend))*$"
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an instruction that asks for one thing.

    Attributes:
        text: Normalised words without politeness.
        joint: How it follows the piece before: "then", "and" (at once if the joints allow), "list", "while", or "runon": as
            "then", but no word and no mark parts the two.
    """

    text: str
    joint: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """What is asked, and what is ruled out.

    Attributes:
        pieces: In the order to be done.
        ruled_out: What the words forbid, as given.
    """

    pieces: tuple[Piece, ...]
    ruled_out: tuple[str, ...]


def parse(text: str) -> Parsed:
    """Splits a normalised, expanded text at its connectives."""
    text = _MEANWHILE.sub("", _ANNOUNCED.sub("", text))
    text = _TOGETHER_END.sub(r"\1 at the same time", text)
    together = _TOGETHER.search(text) is not None
    text = _GERUND.sub(r"\1 while \2", strip_politeness(_TOGETHER.sub(" ", text), repeats=False))
    raw = _reorder(_split(text))
    pieces, ruled_out = _without_negated(raw)
    pieces = [piece for piece in pieces if piece.text]
    if len(pieces) > 1 and _GREETINGS.match(pieces[0].text) and pieces[1].joint != "and":
        pieces = pieces[1:]
    pieces = _without_pronouns(_trailing(pieces))
    pieces = _with_arms(_attach_quantities(_fronted(pieces)))
    if together:
        pieces = [pieces[0], *(Piece(piece.text, "while") for piece in pieces[1:])] if pieces else []
    return Parsed(tuple(pieces), tuple(ruled_out))


def connected(text: str) -> bool:
    """Whether a clause begins with a connective."""
    return _JOINTS.match(text) is not None or _TOGETHER.match(text) is not None


def opened(text: str) -> bool:
    """Whether a text begins with a clause that puts another one before or beside it, and no other clause follows yet."""
    match = _JOINTS.match(text)
    return match is not None and match.lastgroup in ("then", "after", "while") and not _JOINTS.search(text, match.end())


def without_negation(text: str) -> str:
    """The command that a negated clause rules out: "do not walk" -> "walk", "never start to wave" -> "wave"."""
    return _STARTING.sub("", strip_politeness(_NEGATORS.sub("", text, count=1)))


def _split(text: str) -> list[Piece]:
    pieces, joint, position = [], "then", 0
    listed = len(re.findall(r",", text)) > 0
    for match in _JOINTS.finditer(text):
        said = text[position : match.start()].strip(" ,")
        kind = match.lastgroup or joint
        position = match.end()
        if not said and joint in ("while", "before", "after", "first") and kind in ("comma", "and", "break"):
            continue  # "and, meanwhile, bow"
        pieces.append(Piece(said, joint))
        joint = "before" if kind == "then" and re.match(r",? ?(?:just |right |shortly )?(?:before|prior)", match[0]) else kind
        if kind == "and" and listed and len(pieces) > 1:
            joint = "comma"  # the "and" that ends a list
    pieces.append(Piece(text[position:].strip(" ,"), joint))
    return pieces


def _reorder(pieces: list[Piece]) -> list[Piece]:
    """ "Before A, B" and "B after A": into the order to be done. Joints become then, and, list, while or break."""
    ordered: list[Piece] = []
    names = {"comma": "list", "before": "then", "after": "then", "first": "then"}
    for index, piece in enumerate(pieces):
        at_start = not any(p.text for p in pieces[:index])
        if not at_start and piece.joint in ("break", "comma", "then") and (late := _LATE_FIRST.search(piece.text)):
            piece = Piece(piece.text[: late.start()], "first")  # "wave, but turn around first"
        if piece.joint == "first" and not at_start:  # "wave, but first turn around"
            ordered = [Piece(piece.text, "then"), Piece(ordered[0].text, "then"), *ordered[1:]] if ordered else [piece]
            continue
        if piece.joint == "after" and not at_start and ordered:
            previous = ordered.pop()
            ordered += [Piece(piece.text, previous.joint), Piece(previous.text, "then")]
        elif (
            index
            and pieces[index - 1].joint in ("before", "while")
            and not any(p.text for p in pieces[: index - 1])
            and piece.joint == "comma"
        ):
            if pieces[index - 1].joint == "while":
                ordered.append(Piece(piece.text, "while"))
            else:
                ordered.insert(len(ordered) - 1, Piece(piece.text, "then"))
        else:
            ordered.append(Piece(piece.text, names.get(piece.joint, piece.joint)))
    return ordered


def _without_negated(pieces: list[Piece]) -> tuple[list[Piece], list[str]]:
    kept: list[Piece] = []
    ruled_out: list[str] = []
    negating = False
    for piece in pieces:
        negating = negating and piece.joint == "and"
        text = strip_politeness(piece.text, repeats=False)
        if negating:
            ruled_out.append(text)
            continue
        if match := _NEGATORS.search(text):
            before = text[: match.start()].strip()
            ruled_out.append(text[match.start() :])
            negating = True
            if set(words(before)) <= _SUBJECTS and set(words(text[match.end() :])) <= _MIND:
                kept.clear()  # "turn left, actually don't" takes back all of it
            bare = not words(text[match.end() :])  # "take a bow, cannot"
            none = bare or set(words(before)) <= _SUBJECTS or before.endswith(" or")
            text = "" if none else strip_politeness(before, repeats=False)
        kept.append(Piece(text, "list" if piece.joint == "break" else piece.joint))
    return kept, ruled_out


def _fronted(pieces: list[Piece]) -> list[Piece]:
    """ "With your left hand, wave": what stands before a comma and has no verb belongs to the command after it."""
    joined: list[Piece] = []
    for piece in pieces:
        if joined and piece.joint == "list" and _VERBLESS.match(joined[-1].text):
            front = joined.pop()
            joined.append(
                Piece(
                    f"{piece.text} {front.text if front.text.split()[0] in _PREPOSITIONS else 'with your ' + front.text}",
                    front.joint,
                )
            )
        else:
            joined.append(piece)
    return joined


def _trailing(pieces: list[Piece]) -> list[Piece]:
    """ "Step sideways, to the left": a direction without a verb belongs to the command before it."""
    joined: list[Piece] = []
    for piece in pieces:
        detail = _TOWARDS.match(piece.text) or _DETAIL.match(piece.text)
        if joined and piece.joint == "list" and _MANNER.match(piece.text):
            joined[-1] = Piece(f"{joined[-1].text} {piece.text}", joined[-1].joint)
        elif joined and piece.joint == "list" and detail and not extract(joined[-1].text)[0].sides:
            link = "with your " if piece.text.split()[0] in ("left", "right") and "clock" not in piece.text else ""
            joined[-1] = Piece(f"{joined[-1].text} {link}{piece.text}", joined[-1].joint)
        else:
            joined.append(piece)
    return joined


def _attach_quantities(pieces: list[Piece]) -> list[Piece]:
    """ "Walk forward, two meters": a piece that is nothing but a quantity belongs to the piece before it."""
    merged: list[Piece] = []
    for piece in pieces:
        said, rest = extract(piece.text)
        if (
            merged
            and (said.values or said.pace)
            and not set(words(rest)) - {"for", "by", "at", "in", "of", "a", "about", "speed", "steps", "only", "that"}
        ):
            merged[-1] = Piece(f"{merged[-1].text} {piece.text}", merged[-1].joint)
        else:
            merged.append(piece)
    return merged


def _without_pronouns(pieces: list[Piece]) -> list[Piece]:
    """ "Raise your arms, then lower them": what "them" and "it" stand for is the thing named last before."""
    told, named = [], ""
    for index, piece in enumerate(pieces):
        if index + 1 < len(pieces) and _THING.fullmatch(piece.text) and _PRONOUN.search(pieces[index + 1].text):
            named = piece.text  # "the blue ball, touch it"
            continue
        if index + 1 < len(pieces) and _TRANSITIVE.match(piece.text) and (thing := _THING.search(pieces[index + 1].text)):
            piece = Piece(f"{piece.text} {thing[0]}", piece.joint)  # "raise, then lower your arms"
        match = _PRONOUN.search(piece.text)
        text = f"{piece.text[: match.start()]}{named}{piece.text[match.end() :]}" if match and named else piece.text
        things = [match[0] for match in _THING.finditer(text)]
        named = things[-1] if things else named
        told.append(Piece(text, piece.joint))
    return told


def _with_arms(pieces: list[Piece]) -> list[Piece]:
    """ "Walk forward with your arms up" asks for two things at once."""
    split: list[Piece] = []
    for piece in pieces:
        match = _WITH_ARMS.search(piece.text)
        if match:
            split += [
                Piece(piece.text[: match.start()], piece.joint),
                Piece(f"hold your {_RAISED.sub(r'\2 up', match['what'])}", "while"),
            ]
        else:
            split.append(piece)
    return split
