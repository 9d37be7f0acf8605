"""A sentence -> the pieces that ask for one thing each, how they are joined, and what is ruled out."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from arbiter.routing.patterns import patterns
from arbiter.routing.quantities import extract
from arbiter.routing.text import strip_politeness, words

MAX_PIECES = 8
RUN_ON = "|"  # stands in a text where nothing but the structure parts two commands

_JOINTS, _PRIOR, _TOGETHER, _TOGETHER_LAST, _MEANWHILE, _ANNOUNCED, _LATE_FIRST = patterns(
    "connectives", "joints prior together together_last meanwhile announced late_first"
)
_NEGATORS, _STARTING, _SUBJECTS, _BOTHER = patterns("negation", "negators starting subjects bother")
_WITH_ARMS, _VERBLESS, _PREPOSITIONS, _TOWARDS, _DETAIL, _MEASURES = patterns(
    "pieces", "with_arms verbless prepositions towards detail measures"
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


def parse(text: str, resolved: Callable[[list[Piece]], list[Piece]] = list) -> Parsed:
    """Splits a normalised, expanded text at its connectives; `resolved` says what pronouns stand for."""
    text = _MEANWHILE.sub("", _ANNOUNCED.sub("", text))
    text = _TOGETHER_LAST.sub(r"\g<what> at the same time", text)
    together = _TOGETHER.search(text) is not None
    pieces, ruled_out = _without_negated(_reorder(_split(strip_politeness(_TOGETHER.sub(_comma, text), repeats=False))))
    pieces = _trailing(_attach_quantities(resolved([piece for piece in pieces if piece.text])))
    pieces = _with_arms(_attach_quantities(_fronted(pieces)))
    if together:
        pieces = [pieces[0], *(Piece(piece.text, "while") for piece in pieces[1:])] if pieces else []
    return Parsed(tuple(pieces), tuple(ruled_out))


def _comma(match: re.Match[str]) -> str:
    """What is left of "at the same time": a comma before it that parts two commands."""
    return ", " if match[0].startswith(",") and match.end() < len(match.string) else " "


def at_once(parsed: Parsed, text: str) -> Parsed:
    """What "A and B at once" asks for, where the "at once" of `text` was taken for courtesy ("now") and left out."""
    if [piece.joint for piece in parsed.pieces] != ["then", "and"] or not _TOGETHER.search(text):
        return parsed
    first, second = parsed.pieces
    return Parsed((first, Piece(second.text, "while")), parsed.ruled_out)


def connected(text: str) -> bool:
    """Whether a clause begins with a connective."""
    return _JOINTS.match(text) is not None or _TOGETHER.match(text) is not None


def opened(text: str) -> bool:
    """Whether a text begins with a clause that puts another one before or beside it, and no other clause follows yet."""
    match = _JOINTS.match(text)
    return match is not None and match.lastgroup in ("then", "after", "while") and not _JOINTS.search(text, match.end())


def negates(text: str) -> bool:
    """Whether a clause has a word that rules something out."""
    return _NEGATORS.search(text) is not None


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
        joint = "before" if kind == "then" and _PRIOR.match(match[0]) else kind
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


def _all(pattern: re.Pattern[str], text: str) -> bool:
    """Whether each word of a text is one of a pattern."""
    return all(map(pattern.fullmatch, words(text)))


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
            subject, bare = _all(_SUBJECTS, before), not words(text[match.end() :])  # bare: "take a bow, cannot"
            if subject and _all(_BOTHER, text[match.end() :]):
                kept.clear()  # "turn left, actually don't" takes back all of it
            none = bare or subject or before.endswith(" or")
            text = "" if none else strip_politeness(f"{before}{_lasting(text[match.end() :])}", repeats=False)
        kept.append(Piece(text, "list" if piece.joint == "break" else piece.joint))
    return kept, ruled_out


def _lasting(text: str) -> str:
    """How long what is asked for lasts, where it stands behind what is not: "stand there without moving for a minute"."""
    return next((f" for {said.removeprefix('for ')}" for kind, _, said in extract(text)[0].values if kind == "duration"), "")


def _fronted(pieces: list[Piece]) -> list[Piece]:
    """ "With your left hand, wave": what stands before a comma and has no verb belongs to the command after it."""
    joined: list[Piece] = []
    for piece in pieces:
        if joined and piece.joint == "list" and _VERBLESS.match(joined[-1].text):
            front = joined.pop()
            link = "" if _PREPOSITIONS.match(front.text) else "with your "
            joined.append(Piece(f"{piece.text} {link}{front.text}", front.joint))
        else:
            joined.append(piece)
    return joined


def _trailing(pieces: list[Piece]) -> list[Piece]:
    """ "Step sideways, to the left": a direction without a verb belongs to the command before it."""
    joined: list[Piece] = []
    for piece in pieces:
        detail = _TOWARDS.match(piece.text) or _DETAIL.match(piece.text)
        if joined and piece.joint == "list" and detail and not extract(joined[-1].text)[0].sides:
            link = "with your " if piece.text.split()[0] in ("left", "right") and "clock" not in piece.text else ""
            said = piece.text.removeprefix("going ")
            joined[-1] = Piece(f"{joined[-1].text} {link}{said}", joined[-1].joint)
        else:
            joined.append(piece)
    return joined


def _attach_quantities(pieces: list[Piece]) -> list[Piece]:
    """ "Walk forward, two meters": a piece that is nothing but a quantity belongs to the piece before it."""
    merged: list[Piece] = []
    for piece in pieces:
        said, rest = extract(piece.text)
        if merged and (said.values or said.pace) and _all(_MEASURES, rest):
            merged[-1] = Piece(f"{merged[-1].text} {piece.text.removeprefix('say ')}", merged[-1].joint)
        else:
            merged.append(piece)
    return merged


def _with_arms(pieces: list[Piece]) -> list[Piece]:
    """ "Walk forward with your arms up" asks for two things at once."""
    split: list[Piece] = []
    for piece in pieces:
        match = _WITH_ARMS.search(piece.text)
        if match:
            split += [Piece(piece.text[: match.start()], piece.joint), Piece(f"hold your {match['what']}", "while")]
        else:
            split.append(piece)
    return split
