"""The inputs of π0's graphs from the measurements: picture, prompt and state, in NumPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from arbiter.errors import ConfigError, PolicyError
from arbiter.wall import walled
from policies.chunk.backends.card import Pi0Card
from policies.chunk.pictures import picture_problem
from policies.chunk.protocol import ChunkObservation

BINS = np.linspace(-1.0, 1.0, 257)[:-1]  # π0.5 tells the state in 256 steps


def resize_with_pad(image: np.ndarray, side: int) -> np.ndarray:
    """A picture (H, W, 3) uint8 to (side, side, 3) in [0, 1], float32: bilinear, black borders keep the proportions.

    The same arithmetic as LeRobot's and openpi's `resize_with_pad` (no filtering before it samples).
    """
    height, width = image.shape[:2]
    ratio = max(height / side, width / side)
    rows, columns = int(height / ratio), int(width / ratio)
    small = _bilinear(_bilinear(image.astype(np.float32) / 255.0, rows, 0), columns, 1)
    if (rows, columns) == (side, side):
        return small
    out = np.zeros((side, side, 3), np.float32)
    top, left = (side - rows) // 2, (side - columns) // 2
    out[top : top + rows, left : left + columns] = small
    return out


def _bilinear(image: np.ndarray, size: int, axis: int) -> np.ndarray:
    length = image.shape[axis]
    if length == size:
        return image
    at = np.maximum((np.arange(size) + 0.5) * (length / size) - 0.5, 0.0)
    low = at.astype(int)
    high = np.minimum(low + 1, length - 1)
    share = (at - low).astype(np.float32)
    share = share.reshape([-1 if i == axis else 1 for i in range(image.ndim)])
    return np.take(image, low, axis) * (1 - share) + np.take(image, high, axis) * share


class Inputs:
    """Prepares the inputs of the graphs that `card` describes; keeps the tokens of the prompts it has seen."""

    def __init__(self, card: Pi0Card, folder: Path, name: str) -> None:
        self._card, self._name = card, name
        tokenizer, error = walled(Tokenizer.from_file, str(folder / "tokenizer.json"))  # raises bare Exception
        if tokenizer is None:
            raise ConfigError(f"π0 {folder}: tokenizer.json cannot be read: {error}")
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self._offset = np.array(card.state_offset)
        self._scale = np.array(card.state_scale)
        self._known: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def state(self, observation: ChunkObservation) -> np.ndarray:
        """The normalised state, shape (2 m,). Raises PolicyError on NaN or a wrong shape."""
        raw = np.concatenate((observation.joint_pos, observation.joint_vel))
        if raw.shape != self._offset.shape:
            raise PolicyError(
                f"{self._name}: {len(observation.joint_pos)} positions and {len(observation.joint_vel)} "
                f"velocities; {len(self._card.joints)} of each are expected"
            )
        if not np.isfinite(raw).all():
            at = int(np.flatnonzero(~np.isfinite(raw))[0])
            raise PolicyError(
                f"{self._name}: the state of {self._card.joints[at % len(self._card.joints)]} is "
                f"{raw[at]}; a chunk is predicted from finite numbers only"
            )
        return (raw - self._offset) / self._scale

    def tokens(self, prompt: str, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Token ids, int64, and their mask, each (1, tokens)."""
        prompt = prompt.strip()
        if not prompt:
            raise PolicyError(f"{self._name}: the prompt is empty; π0 acts on an instruction")
        if self._card.variant == "pi05":
            words = " ".join(map(str, np.digitize(state, BINS) - 1))
            return self._encode(f"Task: {prompt.replace('_', ' ')}, State: {words};\nAction: ")
        if prompt not in self._known:
            if len(self._known) > 256:
                self._known.clear()
            self._known[prompt] = self._encode(f"{prompt}\n")
        return self._known[prompt]

    def _encode(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        ids = self._tokenizer.encode(text).ids
        length = self._card.tokens
        if len(ids) > length:
            what = "prompt and state take" if self._card.variant == "pi05" else "the prompt takes"
            raise PolicyError(
                f"{self._name}: {what} {len(ids)} tokens, the graph reads {length}; shorten the instruction, or "
                "export with a larger tokenizer_max_length"
            )
        tokens, mask = np.zeros((1, length), np.int64), np.zeros((1, length), bool)
        tokens[0, : len(ids)], mask[0, : len(ids)] = ids, True
        return tokens, mask

    def prefix(self, observation: ChunkObservation, prompt: str, state: np.ndarray) -> dict[str, np.ndarray]:
        """Inputs of the prefix graph. Raises PolicyError if a picture is needed and missing."""
        side = self._card.image
        image = observation.image
        if image is None and self._card.needs_image:
            raise PolicyError(f"{self._name}: no picture of the head camera; this policy was not trained to go on without one")
        if image is None:
            picture = np.full((1, 1, 3, side, side), -1.0, np.float32)
        else:
            if wrong := picture_problem(image):
                raise PolicyError(f"{self._name}: {wrong}")
            picture = (resize_with_pad(image, side) * 2.0 - 1.0).transpose(2, 0, 1)[None, None]
        tokens, mask = self.tokens(prompt, state)
        return {
            "images": np.ascontiguousarray(picture, np.float32),
            "img_masks": np.array([[image is not None]]),
            "tokens": tokens,
            "tok_mask": mask,
        }
