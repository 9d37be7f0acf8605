"""Just enough of the ONNX container to read, write and hash without the onnx package: its top-level fields.

An ONNX file is one protobuf message (ModelProto); metadata are its fields number 14, each a (key, value) message.
"""

from __future__ import annotations

import hashlib

METADATA_FIELD = 14
MAX_METADATA_BYTES = 4_000_000


class NotOnnxError(ValueError):
    """The bytes are not a protobuf message; the text says where they stop making sense."""


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise NotOnnxError(f"a number breaks off at byte {at}")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7


def _fields(data: bytes):
    """(field number, start of the field, start of its content, end) of every top-level field."""
    at = 0
    while at < len(data):
        start = at
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            content = at
            _, at = _varint(data, at)
        elif wire in (1, 5):
            content, at = at, at + (8 if wire == 1 else 4)
        elif wire == 2:
            size, content = _varint(data, at)
            at = content + size
        else:
            raise NotOnnxError(f"byte {start} holds no field (wire type {wire})")
        if number == 0 or at > len(data):
            raise NotOnnxError(f"the field at byte {start} runs over the end of the file")
        yield number, start, content, at


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
    for number, _, content, end in _fields(model):
        if number != METADATA_FIELD or end - content > MAX_METADATA_BYTES:
            continue
        entry = model[content:end]
        pair = {n: entry[a:b] for n, _, a, b in _fields(entry)}
        try:
            found[pair.get(1, b"").decode()] = pair.get(2, b"").decode()
        except UnicodeDecodeError as error:
            raise NotOnnxError(f"the metadata at byte {content} are not UTF-8 text") from error
    return found


def strip_metadata(model: bytes) -> bytes:
    """The serialized model without its metadata; all else byte for byte."""
    return b"".join(model[start:end] for number, start, _, end in _fields(model) if number != METADATA_FIELD)


def add_metadata(model: bytes, key: str, value: str) -> bytes:
    """The serialized model with one more metadata entry."""
    return model + _encode(METADATA_FIELD, _encode(1, key.encode()) + _encode(2, value.encode()))


def model_hash(model: bytes) -> str:
    """SHA-256, in hex, of the serialized model without its metadata: what a policy card vouches for."""
    return hashlib.sha256(strip_metadata(model)).hexdigest()
