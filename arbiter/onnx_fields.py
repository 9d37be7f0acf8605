"""Just enough of the ONNX container to walk through it without the onnx package: its fields, and which other files it names.

An ONNX file is one protobuf message (ModelProto) that holds messages. A tensor may say that its numbers lie in another file
("external data"), which no hash of the graph covers.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

MAX_DEPTH = 60  # graphs within graphs
# Which fields of a message hold messages that tensors lie in (onnx.proto).
HOLDS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "function": {7: "node", 11: "attribute"},
    "training": {1: "graph", 2: "graph"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
Data = bytes | mmap.mmap


class NotOnnxError(ValueError):
    """The bytes are not a protobuf message; the text says where they stop making sense."""


def _varint(data: Data, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= end or shift > 63:
            raise NotOnnxError(f"a number breaks off at byte {at}")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7


def fields(data: Data, at: int = 0, end: int | None = None) -> Iterator[tuple[int, int, int, int]]:
    """(field number, start of the field, start of its content, end) of every field of the message in data[at:end]."""
    end = len(data) if end is None else end
    while at < end:
        start = at
        tag, at = _varint(data, at, end)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            content = at
            _, at = _varint(data, at, end)
        elif wire in (1, 5):
            content, at = at, at + (8 if wire == 1 else 4)
        elif wire == 2:
            size, content = _varint(data, at, end)
            at = content + size
        else:
            raise NotOnnxError(f"byte {start} holds no field (wire type {wire})")
        if number == 0 or at > end:
            raise NotOnnxError(f"the field at byte {start} runs over the end of the file")
        yield number, start, content, at


def external_files(path: str | Path) -> tuple[str, ...]:
    """Names of the other files that the tensors of the ONNX file `path` lie in, as it writes them. Raises NotOnnxError."""
    with Path(path).open("rb") as file:
        if not file.seek(0, 2):
            return ()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:  # of a large one no more is read than its frame
            return tuple(sorted(set(_locations(data, "model", 0, len(data), 0))))


def _locations(data: Data, kind: str, at: int, end: int, depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        raise NotOnnxError("its graphs are nested too deeply")
    if kind == "entry":
        pair = [(number, bytes(data[a:b])) for number, _, a, b in fields(data, at, end)]
        if (1, b"location") in pair:
            yield from (value.decode("utf-8", "replace") for number, value in pair if number == 2)
        return
    below = HOLDS[kind]
    for number, _, content, stop in fields(data, at, end):
        if number in below:
            yield from _locations(data, below[number], content, stop, depth + 1)
