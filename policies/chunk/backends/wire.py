"""The wire format of openpi's policy servers: msgpack, arrays as dtype, shape and bytes. Never pickle.

Compatible with `openpi_client.msgpack_numpy` in both directions.
"""

from __future__ import annotations

import re

import msgpack
import numpy as np

KINDS = "biuf"  # bool, integers, floats: nothing that could hold an object
DTYPE = re.compile(r"[<>=|]?[biuf][1248]")  # np.dtype would take "," for Python source
MAX_BYTES = 64_000_000


class WireError(ValueError):
    """Bytes that are not a message of this protocol."""


def _pack(value):
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind not in KINDS:
        raise WireError(f"an array of {value.dtype} cannot be sent; numbers and booleans can")
    if isinstance(value, np.ndarray):
        return {b"__ndarray__": True, b"data": value.tobytes(), b"dtype": value.dtype.str, b"shape": value.shape}
    if isinstance(value, np.generic):
        return {b"__npgeneric__": True, b"data": value.item(), b"dtype": value.dtype.str}
    raise WireError(f"a {type(value).__name__} cannot be sent")


def _dtype(name: object) -> np.dtype:
    if not isinstance(name, str) or not DTYPE.fullmatch(name):
        raise WireError(f"dtype {shown(name)} is not that of a number")
    try:
        return np.dtype(name)
    except TypeError as error:
        raise WireError(f"dtype {name!r} is not that of a number") from error


def _unpack(value: dict):
    if b"__ndarray__" in value:
        dtype, data, shape = _dtype(value.get(b"dtype")), value.get(b"data"), value.get(b"shape")
        sizes = isinstance(shape, list | tuple) and all(type(n) is int and 0 <= n <= MAX_BYTES for n in shape)
        if not isinstance(data, bytes) or not sizes or len(data) != dtype.itemsize * int(np.prod(shape, dtype=object)):
            raise WireError(f"an array of {dtype} and shape {shown(shape)} does not fit its bytes")
        return np.frombuffer(data, dtype).reshape(shape)
    if b"__npgeneric__" in value:
        dtype, data = _dtype(value.get(b"dtype")), value.get(b"data")
        if not isinstance(data, bool | int | float):
            raise WireError(f"a {dtype} cannot be made of a {type(data).__name__}")
        return dtype.type(data)
    return value


def shown(value: object) -> str:
    """A value of the other side in an error: not more of it than fits into a line."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def pack(message: dict) -> bytes:
    """A message as bytes. Raises WireError for what the protocol cannot hold."""
    return msgpack.packb(message, default=_pack)


def unpack(data: bytes) -> dict:
    """The message in `data`. Raises WireError for anything but one map of plain values and arrays."""
    if len(data) > MAX_BYTES:
        raise WireError(f"a message of {len(data)} bytes; at most {MAX_BYTES} are taken")
    try:
        message = msgpack.unpackb(data, object_hook=_unpack, strict_map_key=False)
    except WireError:
        raise
    except (ValueError, TypeError, OverflowError, msgpack.exceptions.UnpackException) as error:
        raise WireError(f"not a msgpack message: {str(error)[:200]}") from error
    if not isinstance(message, dict):
        raise WireError(f"a {type(message).__name__} came instead of a map")
    return message
