"""Reads, writes and hashes an ONNX file without the onnx package: its top-level fields.

An ONNX file is one protobuf message (ModelProto); metadata are its fields number 14, each a (key, value) message.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from arbiter.errors import ConfigError
from arbiter.onnx_fields import NotOnnxError, external_files, fields

__all__ = ["NotOnnxError", "add_metadata", "model_hash", "read_metadata", "strip_metadata", "weights_beside"]

METADATA_FIELD = 14
MAX_METADATA_BYTES = 4_000_000


def _encode(number: int, content: bytes) -> bytes:
    out = bytearray()
    for value in (number << 3 | 2, len(content)):
        while value > 0x7F:
            out.append(value & 0x7F | 0x80)
            value >>= 7
        out.append(value)
    return bytes(out) + content


def read_metadata(model: bytes) -> dict[str, str]:
    """Metadata of a serialized model, by key. Raises NotOnnxError; the last of two equal keys wins, as in ONNX."""
    found = {}
    for number, _, content, end in fields(model):
        if number != METADATA_FIELD or end - content > MAX_METADATA_BYTES:
            continue
        entry = model[content:end]
        pair = {n: entry[a:b] for n, _, a, b in fields(entry)}
        try:
            found[pair.get(1, b"").decode()] = pair.get(2, b"").decode()
        except UnicodeDecodeError as error:
            raise NotOnnxError(f"the metadata at byte {content} are not UTF-8 text") from error
    return found


def strip_metadata(model: bytes) -> bytes:
    """The serialized model without its metadata; all else byte for byte."""
    return b"".join(model[start:end] for number, start, _, end in fields(model) if number != METADATA_FIELD)


def add_metadata(model: bytes, key: str, value: str) -> bytes:
    """The serialized model with one more metadata entry."""
    return model + _encode(METADATA_FIELD, _encode(1, key.encode()) + _encode(2, value.encode()))


def model_hash(model: bytes) -> str:
    """SHA-256, in hex, of the serialized model without its metadata: what a policy card vouches for."""
    return hashlib.sha256(strip_metadata(model)).hexdigest()


def weights_beside(path: str | Path) -> tuple[Path, ...]:
    """The other files that the weights of the ONNX file `path` lie in. Raises ConfigError for one that is not beside it."""
    path = Path(path)
    try:
        names = external_files(path)
    except NotOnnxError as error:
        raise ConfigError(f"{path}: not an ONNX file: {error}") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    for name in names:
        if not name or name in (".", "..") or Path(name).name != name or "\\" in name or "\0" in name:
            raise ConfigError(f"{path}: its weights lie in {name!r}; only a file in the same folder is read")
        if not (path.parent / name).is_file():
            raise ConfigError(f"{path}: its weights lie in {name}, which is no file beside it; copy the whole folder")
    return tuple(path.parent / name for name in names)
