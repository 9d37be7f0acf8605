"""The shipped classifier: weights, the phrases it was fitted on with their vectors, vocabulary and calibration, in one npz."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from arbiter.errors import ConfigError
from arbiter.routing.classifier import LinearClassifier
from arbiter.routing.features import TfidfVocabulary

HEAD = "head.npz"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class ScoreCalibration:
    """Score = sigmoid(weights · features + bias); see `Scored.features`.

    Attributes:
        weights: shape (features,). bias: Number.
        accept: Least score of a skill.
    """

    weights: np.ndarray
    bias: float
    accept: float


@dataclass(frozen=True, slots=True)
class Artefact:
    """What `training.router.fit` leaves for the router.

    Attributes:
        head: The head over the built-in skills.
        vocabulary: tf-idf of the corpus.
        texts: Canonical phrases. owners: Skill of each, or "none". sided: Whether each named a side.
        vectors: Sentence vector of each, float32, shape (n, size).
        calibration: None while it is being fitted.
        encoder: Digest of the encoder that made the vectors.
    """

    head: LinearClassifier
    vocabulary: TfidfVocabulary
    texts: tuple[str, ...]
    owners: tuple[str, ...]
    sided: np.ndarray
    vectors: np.ndarray
    calibration: ScoreCalibration
    encoder: str


def _pack(lines) -> np.ndarray:
    return np.frombuffer("\n".join(lines).encode(), np.uint8)


def _unpack(array: np.ndarray) -> tuple[str, ...]:
    return tuple(array.tobytes().decode().split("\n"))


def save(artefact: Artefact, path: Path) -> None:
    """Writes the npz; no pickle inside."""
    owners = sorted(set(artefact.owners))
    meta = {
        "format": FORMAT,
        "encoder": artefact.encoder,
        "classes": artefact.head.classes,
        "owners": owners,
        "bias": artefact.calibration.bias,
        "accept": artefact.calibration.accept,
    }
    index = {owner: i for i, owner in enumerate(owners)}
    np.savez_compressed(
        path,
        meta=_pack([json.dumps(meta)]),
        terms=_pack(artefact.vocabulary.index),
        idf=artefact.vocabulary.idf,
        on_vector=artefact.head.on_vector.astype(np.float32),
        on_words=artefact.head.on_words.astype(np.float16),
        class_bias=artefact.head.bias.astype(np.float32),
        texts=_pack(artefact.texts),
        owner=np.array([index[owner] for owner in artefact.owners], np.int16),
        sided=artefact.sided.astype(np.uint8),
        vectors=artefact.vectors.astype(np.float16),
        calibration=artefact.calibration.weights.astype(np.float64),
    )


def load(folder: Path) -> Artefact:
    """Reads a head. Raises ConfigError for a file that is missing or no head."""
    path = folder / HEAD
    if not path.is_file():
        raise ConfigError(f"{path} is missing; `python -m training.router.fit --model {folder}` makes it")
    try:
        with np.load(path, allow_pickle=False) as stored:
            meta = json.loads(stored["meta"].tobytes())
            if meta["format"] != FORMAT:
                raise ConfigError(
                    f"{path} has format {meta['format']}; this version reads {FORMAT}. "
                    "Fit it again with `python -m training.router.fit`"
                )
            head = LinearClassifier(
                tuple(meta["classes"]), stored["on_vector"], stored["on_words"].astype(np.float32), stored["class_bias"]
            )
            return Artefact(
                head,
                TfidfVocabulary.restored(_unpack(stored["terms"]), stored["idf"]),
                _unpack(stored["texts"]),
                tuple(meta["owners"][i] for i in stored["owner"]),
                stored["sided"].astype(bool),
                stored["vectors"].astype(np.float32),
                ScoreCalibration(stored["calibration"], meta["bias"], meta["accept"]),
                meta["encoder"],
            )
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{path} is no head of the router ({error}); `python -m training.router.fit` makes it") from error
