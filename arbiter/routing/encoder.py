"""Sentence -> unit vector, by an int8 ONNX graph on one thread. No torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer

from arbiter.errors import ConfigError
from arbiter.onnx_fields import NotOnnxError, external_files
from arbiter.routing.structure import CLAUSES, ROLES

MODEL_DIR = Path(__file__).parent / "model"
ENCODER, TOKENIZER, CARD = "encoder.onnx", "tokenizer.json", "card.json"
MAX_TOKENS = 24  # a clause of a spoken command has fewer; bounds the cost
MAX_SENTENCE = 128  # tokens of a text whose structure is asked for
KEPT = 16  # texts whose structure was told, of which the vectors are kept
VECTOR, STRUCTURE = "sentence_vector", "structure"  # outputs of the graph


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _cut(ids: list[int], most: int) -> list[int]:
    """At most so many tokens; the last one, which ends a text, is kept."""
    return ids if len(ids) <= most else [*ids[: most - 1], ids[-1]]


class Encoder:
    """A sentence encoder in a folder: encoder.onnx, tokenizer.json and card.json with their hashes.

    Attributes:
        size: Length of a vector.
        digest: Hash of the graph; vectors of different digests must not be compared.
        structured: Whether it was tuned to tell the structure of a text, too.
        wordings: Words of politeness and of order that it was tuned on.
    """

    def __init__(self, folder: Path = MODEL_DIR) -> None:
        for name in (ENCODER, TOKENIZER, CARD):
            if not (folder / name).is_file():
                raise ConfigError(f"{folder / name} is missing; `python -m training.router.build --out {folder}` makes it")
        try:
            card = json.loads((folder / CARD).read_text(encoding="utf-8"))
            files, self.size = dict(card["files"]), int(card["size"])
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise ConfigError(
                f"{folder / CARD} is no card of an encoder ({error}); `python -m training.router.build` makes it"
            ) from error
        for name in (ENCODER, TOKENIZER):
            if sha256(folder / name) != files.get(name):
                raise ConfigError(
                    f"{folder / name} is not the file that {CARD} lists (sha256 differs); build it again or restore it"
                )
        try:
            beside = external_files(folder / ENCODER)
        except NotOnnxError as error:
            raise ConfigError(f"{folder / ENCODER} is no ONNX file: {error}; build it again or restore it") from error
        if beside:
            raise ConfigError(f"{folder / ENCODER} has weights in {beside[0]!r}, of which {CARD} has no hash; build it again")
        self.digest: str = files[ENCODER]
        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = ort.InferenceSession(str(folder / ENCODER), options, providers=["CPUExecutionProvider"])
        self.structured = STRUCTURE in [output.name for output in self._session.get_outputs()]
        self._vectors: dict[tuple[int, ...], np.ndarray] = {}  # of texts whose structure was told: one pass tells both
        told = dict(card.get(STRUCTURE) or {})
        self.wordings = frozenset(str(told.pop("wordings", "")).split())
        if self.structured and told != {"clauses": list(CLAUSES), "roles": list(ROLES)}:
            raise ConfigError(
                f"{folder / ENCODER} tells other clauses and roles than this version reads; tune and build it again: "
                "`python -m training.router.structure.tune`"
            )

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors of `texts`, float32, shape (len(texts), size)."""
        return np.array([self._vector(text) for text in texts], np.float32).reshape(len(texts), self.size)

    def _vector(self, text: str) -> np.ndarray:
        """One text a run: activations are quantised over the whole input, so that beside another its vector would be another."""
        ids = _cut(self._tokenizer.encode(text).ids, MAX_TOKENS)
        if (told := self._vectors.get(tuple(ids))) is not None:
            return told
        return self._run([VECTOR], ids)[0][0]

    def _run(self, outputs: list[str], ids: list[int]) -> list[np.ndarray]:
        row = np.array([ids])
        return [np.asarray(out) for out in self._session.run(outputs, {"input_ids": row, "attention_mask": np.ones_like(row)})]

    def structure(self, words: Sequence[str]) -> np.ndarray:
        """Logits of the words of a text (`arbiter.routing.structure`), float32, shape (len(words), OUTPUTS).

        Words beyond MAX_SENTENCE tokens are told as those before them end.
        """
        encoded = self._tokenizer.encode(list(words), is_pretokenized=True)
        ids = _cut(encoded.ids, MAX_SENTENCE)
        logits, vector = self._run([STRUCTURE, VECTOR], ids)
        if len(self._vectors) >= KEPT:
            self._vectors.clear()
        self._vectors[tuple(ids)] = vector[0]
        first: dict[int, int] = {}
        for place, word in enumerate(encoded.word_ids):
            if word is not None:
                first.setdefault(word, place)
        last = len(ids) - 2
        return logits[0, [min(first.get(i, last), last) for i in range(len(words))]]

    def common_words(self, ranks: int) -> frozenset[str]:
        """English words of the tokenizer's vocabulary, which is sorted by frequency: short ones among its first `ranks` only."""
        vocabulary = self._tokenizer.get_vocab(with_added_tokens=False)
        return frozenset(
            word for word, rank in vocabulary.items() if (rank < ranks or len(word) > 4) and word.isascii() and word.isalpha()
        )
