"""Sentences in everyday words, with their structure marked one by one (marked_sentences.txt), by author.

    command: turn left, || retracted: then/o wave || command: no,/x bow,/x please/f

A clause is its kind and its words, each with the letter of its role where it has one. The authors, and those who marked, are
language models that were given what the robot can do and no part of the code; the words are as the router hears them, typing
errors mended.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from arbiter.errors import ConfigError
from arbiter.routing.structure import CLAUSES, ROLES
from training.router.structure.labelled import LabelledSentence

FILE = Path(__file__).parent / "marked_sentences.txt"
LETTERS = dict(zip("fonctsqmrx", ROLES[1:], strict=True))  # of the roles; "other" has none


def read(test: bool | None = None, file: Path = FILE) -> list[LabelledSentence]:
    """The sentences, in order.

    Args:
        test: False: without those of the held-out authors, of whom the parser has learned nothing; True: of these only; None: of
            all.

    Raises:
        ConfigError: A line is not in this form.
    """
    found, held_out = [], False
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("# author:"):
            held_out = line.endswith(", held out")
        elif line and not line.startswith("#") and test in (None, held_out):
            found.append(marked(line, f"{file}:{number}"))
    return found


def marked(line: str, place: str) -> LabelledSentence:
    """The sentence of a line; `place` says in errors where it stands."""
    said, starts, kinds, roles = [], [], [], []
    for clause in line.split(" || "):
        kind, _, rest = clause.partition(":")
        if kind not in CLAUSES or not rest.split():
            raise ConfigError(
                f"{place}: {clause!r} is no clause; it begins with its kind, one of {', '.join(CLAUSES)}, and a colon"
            )
        for i, token in enumerate(rest.split()):
            word, slash, letter = token.rpartition("/")
            told = bool(word) and bool(slash) and letter in LETTERS
            said.append(word if told else token)
            starts.append(i == 0)
            kinds.append(CLAUSES.index(kind))
            roles.append(ROLES.index(LETTERS[letter]) if told else 0)
    return LabelledSentence(tuple(said), tuple(starts), tuple(kinds), tuple(roles))


def wordings(sentences: list[LabelledSentence], least: int = 3, share: float = 0.6) -> set[str]:
    """Words that frame or order commands, without punctuation: in at least so many sentences, and in such a share of those that
    have the word, so that "walk" is none where it once was marked as one."""
    told = (ROLES.index("frame"), ROLES.index("order"))
    having, framing = Counter[str](), Counter[str]()
    for one in sentences:
        said = [(word.rstrip(",.;:!?"), role in told) for word, role in zip(one.words, one.roles, strict=True)]
        having.update({word for word, _ in said})
        framing.update({word for word, framed in said if framed})
    return {word for word, times in framing.items() if times >= max(least, share * having[word])}
