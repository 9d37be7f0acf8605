"""Features of a clause: its sentence vector, and which words and word pairs are in it (tf-idf)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from arbiter.routing.text import words

WORD_WEIGHT = 1.2  # of the tf-idf part against the unit sentence vector; best of 0.4 .. 2 on the dev set


def terms(text: str) -> list[str]:
    """Words, and pairs of neighbours; the ends of the clause count as neighbours."""
    found = words(text)
    marked = ["^", *found, "$"]
    return found + [f"{a} {b}" for a, b in zip(marked, marked[1:], strict=False)]


@dataclass(frozen=True, slots=True)
class SparseRows:
    """Sparse rows, CSR: row i holds columns[start[i]:start[i+1]].

    Attributes:
        start: shape (n + 1,). columns, values: shape (entries,).
    """

    start: np.ndarray
    columns: np.ndarray
    values: np.ndarray

    def times(self, weights: np.ndarray) -> np.ndarray:
        """rows @ weights, shape (n, k)."""
        n = len(self.start) - 1
        out = np.zeros((n, weights.shape[1]), np.float32)
        if len(self.columns):
            products = self.values[:, None] * weights[self.columns]
            filled = np.flatnonzero(np.diff(self.start))
            out[filled] = np.add.reduceat(products, self.start[filled], axis=0)
        return out

    def transposed(self, columns: int) -> SparseRows:
        """The same entries by column, of `columns` columns."""
        order = np.argsort(self.columns, kind="stable")
        row = np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))
        start = np.concatenate([[0], np.cumsum(np.bincount(self.columns, minlength=columns))])
        return SparseRows(start, row[order], self.values[order])


class TfidfVocabulary:
    """The tf-idf vocabulary of a corpus.

    Attributes:
        index: Column of each term.
        idf: Inverse document frequency, shape (terms,).
    """

    def __init__(self, index: dict[str, int], idf: np.ndarray) -> None:
        self.index, self.idf = index, idf
        self.rarest = float(idf.max())

    @classmethod
    def restored(cls, kept: Sequence[str], idf: np.ndarray) -> TfidfVocabulary:
        """From what was stored."""
        return cls({term: column for column, term in enumerate(kept)}, idf.astype(np.float32))

    def row(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Columns and values of one text, scaled to length WORD_WEIGHT; unknown terms are left out."""
        columns = np.array(sorted({self.index[term] for term in terms(text) if term in self.index}), np.int64)
        values = self.idf[columns]
        length = float(np.sqrt(np.square(values).sum()))
        return columns, (values * (WORD_WEIGHT / length) if length else values).astype(np.float32)

    def rows(self, texts: Iterable[str]) -> SparseRows:
        """All rows."""
        parts = [self.row(text) for text in texts]
        start = np.cumsum([0, *(len(columns) for columns, _ in parts)])
        if not parts:
            return SparseRows(start, np.zeros(0, np.int64), np.zeros(0, np.float32))
        return SparseRows(start, np.concatenate([c for c, _ in parts]), np.concatenate([v for _, v in parts]))

    def weight(self, word: str) -> float:
        """Inverse document frequency of a word; that of an unseen one is the largest."""
        column = self.index.get(word)
        return self.rarest if column is None else float(self.idf[column])
