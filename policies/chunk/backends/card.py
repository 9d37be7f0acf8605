"""The card of an exported π0, and the checks of a folder before it may drive joints.

An exported folder holds `prefix.onnx` (pictures and words to keys and values), `step.onnx` (one denoising step),
`tokenizer.json` and, as JSON in the metadata of `step.onnx` under `policy_arbiter`, this card. TensorRT engines carry
it in `card.json`. The card vouches for every file by its SHA-256.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from arbiter import strict
from arbiter.errors import ConfigError, MisfitError
from arbiter.robot import RobotModel
from arbiter.strict.json_text import parse_json
from policies.card import METADATA_KEY, card_in, embedded, other_robot, problems_of
from policies.onnx_file import MAX_METADATA_BYTES, add_metadata, model_hash, strip_metadata, weights_beside

PREFIX, STEP, TOKENIZER, CARD = "prefix.onnx", "step.onnx", "tokenizer.json", "card.json"
ENGINES = ("prefix.engine", "step.engine")


@dataclass(frozen=True, slots=True)
class Pi0Card:
    """An exported π0's description. Joint lists are in the order of `joints`.

    Attributes:
        format: Version of this format.
        kind: What runs it.
        variant: "pi0" reads the state as a vector, "pi05" as words of the prompt.
        name, version: Of the policy.
        robot: Name of the robot it was trained for.
        rate_hz: Rows per second.
        joints: Names of the joints it reads and drives.
        horizon: Rows of a chunk.
        state_offset, state_scale: normalised state = (state - offset) / scale; positions [rad], velocities [rad/s].
        action_offset, action_scale: joint target [rad] = normalised action * scale + offset.
        state_size, action_size: Widths of the graph's state and action; the rest is zeros.
        image: Side of the picture that the graph reads [px].
        tokens: Length of the prompt that the graph reads.
        steps: Denoising steps it was measured with.
        precision: "fp32", "fp16" or "int8".
        needs_image: False only if it was trained to go on without the camera.
        files: SHA-256 of every file but `step.onnx`, by name.
        sha256: Of `step.onnx` without metadata.
        within_range: Every target it was trained on keeps to the joints' ranges: so do those that it is played with.
    """

    format: Literal[1]
    kind: Literal["chunk"]
    variant: Literal["pi0", "pi05"]
    name: str
    version: str
    robot: str
    rate_hz: float
    joints: tuple[str, ...]
    horizon: int
    state_offset: tuple[float, ...]
    state_scale: tuple[float, ...]
    action_offset: tuple[float, ...]
    action_scale: tuple[float, ...]
    state_size: int
    action_size: int
    image: int
    tokens: int
    steps: int
    precision: Literal["fp32", "fp16", "int8"]
    needs_image: bool
    files: dict[str, str]
    sha256: str = ""
    within_range: bool = False

    def __post_init__(self) -> None:
        n, found = len(self.joints), problems_of(self)
        for key, size in (("state_offset", 2 * n), ("state_scale", 2 * n), ("action_offset", n), ("action_scale", n)):
            values = getattr(self, key)
            if len(values) != size:
                found.append(f"{key} has {len(values)} values; {size} are expected for {n} joints")
            elif not np.all(np.isfinite(values)) or (key.endswith("scale") and min(values) <= 0.0):
                found.append(f"{key} must be finite{' and positive' if key.endswith('scale') else ''}")
        for key, least in (("horizon", 2), ("state_size", 2 * n), ("action_size", n), ("image", 8), ("tokens", 2), ("steps", 1)):
            if getattr(self, key) < least:
                found.append(f"{key} is {getattr(self, key)}; at least {least} is expected")
        if found:
            raise ConfigError("; ".join(found))


def to_json(card: Pi0Card) -> str:
    """The card as one JSON value, at full precision."""
    return json.dumps(dataclasses.asdict(card), allow_nan=False)


def from_json(text: str, file: str) -> Pi0Card:
    """The card in a JSON text. Raises ConfigError that names `file` and every key at fault."""
    return card_in(Pi0Card, parse_json(text, file))


def sha256(file: Path) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with file.open("rb") as data:
        for block in iter(lambda: data.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def embed_card(folder: Path, card: Pi0Card) -> Pi0Card:
    """Writes `card`, its hashes filled in, into the metadata of the folder's `step.onnx`."""
    step = folder / STEP
    bare = strip_metadata(step.read_bytes())
    card = dataclasses.replace(card, files=_hashes(folder, skip=(STEP,)), sha256=model_hash(bare))
    step.write_bytes(add_metadata(bare, METADATA_KEY, to_json(card)))
    return card


def write_card(folder: Path, card: Pi0Card) -> Pi0Card:
    """Writes `card`, its hashes filled in, into the folder's `card.json`: for engines, which have no metadata."""
    card = dataclasses.replace(card, files=_hashes(folder, skip=(CARD,)), sha256="")
    (folder / CARD).write_text(to_json(card) + "\n")
    return card


def _hashes(folder: Path, skip: tuple[str, ...]) -> dict[str, str]:
    files = {path for path in folder.iterdir() if path.is_file() and path.suffix in (".onnx", ".json", ".data", ".engine")}
    files |= {weights for path in files if path.suffix == ".onnx" for weights in weights_beside(path)}
    return {path.name: sha256(path) for path in sorted(files) if path.name not in skip}


def read_card(folder: str | Path) -> Pi0Card:
    """The card of an exported folder; every file it names must be there, unchanged. Raises ConfigError."""
    folder = Path(folder)
    step, plain = folder / STEP, folder / CARD
    if not os.path.isfile(step) and not os.path.isfile(plain):  # False, too, for what can be no name of a file
        raise ConfigError(f"π0 {folder}: neither {STEP} nor {CARD}; export one with `python -m training.pi0.export`")
    if step.is_file():
        data = step.read_bytes()
        text = embedded(step, data)
        if text is None:
            raise ConfigError(
                f"{step}: says nothing about itself (no metadata {METADATA_KEY!r}); export it again with "
                "`python -m training.pi0.export`"
            )
        card = from_json(text, str(step))
        if card.sha256 != model_hash(data):
            raise ConfigError(f"{step}: it was changed after its card was written; export it again")
    else:
        card = from_json(strict.read_text(plain, MAX_METADATA_BYTES), str(plain))
    if missing := sorted(_used(folder) - card.files.keys()):
        raise ConfigError(f"π0 {folder}: its card has no SHA-256 of {missing[0]}; export it again")
    for name, wanted in card.files.items():
        if Path(name).name != name:
            raise ConfigError(f"π0 {folder}: its card names the file {name!r}; only names in the folder are allowed")
        if not (folder / name).is_file():
            raise ConfigError(f"π0 {folder}: {name} is missing; copy the whole folder or export it again")
        if sha256(folder / name) != wanted:
            raise ConfigError(f"π0 {folder}: {name} was changed after its card was written; export it again")
    return card


def _used(folder: Path) -> set[str]:
    """The files of an exported folder that a backend reads, but the one that holds the card."""
    if not (folder / STEP).is_file():
        return {name for name in (*ENGINES, TOKENIZER) if (folder / name).is_file()}
    found = {name for name in (PREFIX, TOKENIZER) if (folder / name).is_file()}
    graphs = [folder / name for name in (STEP, PREFIX) if (folder / name).is_file()]
    return found | {file.name for graph in graphs for file in weights_beside(graph)}


def check_card(card: Pi0Card, model: RobotModel, folder: str | Path) -> None:
    """Whether the card fits the robot. Raises ConfigError with every misfit."""
    if found := other_robot(card, model):
        raise MisfitError(f"π0 {folder}: does not fit the robot: " + "; ".join(found))
