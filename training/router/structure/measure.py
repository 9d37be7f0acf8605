"""Measures how an encoder tells the structure of sentences that it has never met.

    python -m training.router.structure.measure [--model DIR] [--sentences 1000]

Prints a row for sentences of wordings and verbs that it was tuned on, of new verbs, of new wordings and of both, and for the
marked sentences of known and of held-out authors, in per cent: every clause start right; starts and kinds right; the decision
right (wait, do, stop or none), done although it should not be.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from arbiter.errors import ConfigError
from deploy.cli.command import CommandParser, in_one_line

if TYPE_CHECKING:
    from arbiter.routing.encoder import Encoder
    from training.router.structure.labelled import LabelledSentence

SETS = {"as tuned on": (False, False), "new verbs": (False, True), "new wordings": (True, False), "both new": (True, True)}
SEED = 1000  # of the first set; none that the tuning uses


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.router.structure.measure", description=__doc__)
    p.add_argument("--model", type=Path, help="folder of a tuned encoder (default: the router's own)")
    p.add_argument("--sentences", type=int, default=1000, help="of each row (default: 1000)")
    return p


def decision(kinds: Sequence[str]) -> str:
    """What a sentence with clauses of these kinds asks for: "wait", "do", "stop" or "none"."""
    if {"conditional", "timed"} & set(kinds):
        return "wait"
    if {"command", "follow-up"} & set(kinds):
        return "do"
    return "stop" if "stop" in kinds else "none"


def told(sentence: LabelledSentence) -> list[tuple[int, str]]:
    """(first word, kind) of each clause, as it is labelled."""
    from arbiter.routing.structure import CLAUSES

    return [(i, CLAUSES[kind]) for i, (starts, kind) in enumerate(zip(sentence.starts, sentence.clauses, strict=True)) if starts]


def row(encoder: Encoder, sentences: Sequence[LabelledSentence]) -> tuple[float, ...]:
    """Shares in per cent: starts, starts and kinds, decision, done wrongly."""
    from arbiter.routing.structure import clauses

    hits = []
    for sentence in tqdm(sentences, desc="sentences", disable=None, leave=False):
        want, found, place = told(sentence), [], 0
        for clause in clauses(" ".join(sentence.words), encoder.structure):
            found.append((place, clause.kind))
            place += len(clause.words)
        wanted, given = (decision([kind for _, kind in one]) for one in (want, found))
        hits.append((dict(want).keys() == dict(found).keys(), want == found, wanted == given, given == "do" != wanted))
    return tuple(100.0 * np.mean(hits, axis=0))


def main() -> None:
    args = parser().parse_args()
    from arbiter.routing.encoder import Encoder  # takes a second: not for --help
    from training.router.structure import marked_sentences
    from training.router.structure.grammar import Lists

    encoder = Encoder(args.model) if args.model else Encoder()
    if not encoder.structured:
        raise ConfigError("this encoder tells no structure; `python -m training.router.structure.tune` tunes one")
    lists = Lists.read()
    print(f"{'':14}{'starts':>8}{'kinds':>8}{'decision':>10}{'done wrongly':>14}")
    rows = {}
    for i, (name, (frames, verbs)) in enumerate(SETS.items()):
        rng = np.random.default_rng(SEED + i)
        rows[name] = [lists.sentence(rng, frames=frames, verbs=verbs) for _ in range(args.sentences)]
    rows |= {
        "marked, known": marked_sentences.read(False)[: args.sentences],
        "marked, new": marked_sentences.read(True)[: args.sentences],
    }
    for name, sentences in rows.items():
        shares = row(encoder, sentences)
        print(f"{name:14}{shares[0]:8.1f}{shares[1]:8.1f}{shares[2]:10.1f}{shares[3]:14.1f}")


if __name__ == "__main__":
    sys.exit(in_one_line(main))
