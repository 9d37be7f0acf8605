"""Sentences in everyday words, with their structure marked one by one (marked_sentences.txt), by author.

    command: turn left, || retracted: then/o wave || command: no,/x bow,/x please/f

A clause is its kind and its words, each with the letter of its role where it has one. The authors, and those who marked, are
language models that were given what the robot can do and no part of the code; the words are as the router hears them, typing
errors mended.
"""

from __future__ import annotations

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


def wordings(sentences: list[LabelledSentence], least: int = 2) -> set[str]:
    """Words that frame or order commands in at least so many sentences, without punctuation."""
    told = (ROLES.index("frame"), ROLES.index("order"))
    said = [{word.rstrip(",.;:!?") for word, role in zip(s.words, s.roles, strict=True) if role in told} for s in sentences]
    return {word for words in said for word in words if sum(word in other for other in said) >= least}
