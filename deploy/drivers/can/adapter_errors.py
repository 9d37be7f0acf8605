"""What a failing adapter or bus says, in plain words: socketcan error frames and errno of a send."""

from __future__ import annotations

import errno

# Classes of an error frame's identifier and bits of its second data byte: linux/can/error.h.
BUS_OFF, CONTROLLER, NO_ACK, RESTARTED, BUS_ERROR, TRANSCEIVER, PROTOCOL, TX_TIMEOUT = (
    0x40,
    0x04,
    0x20,
    0x100,
    0x80,
    0x10,
    0x08,
    0x01,
)
PASSIVE, WARNING, OVERFLOW = 0x30, 0x0C, 0x03

GONE = {errno.ENODEV, errno.ENXIO, errno.ENETDOWN, errno.EBADF, errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.EIO}


def describe_error_frame(identifier: int, data: bytes) -> str:
    """The gravest thing that an error frame reports."""
    state = data[1] if len(data) > 1 else 0
    if identifier & BUS_OFF:
        return "bus off"
    if identifier & CONTROLLER and state & PASSIVE:
        return "error passive"
    if identifier & CONTROLLER and state & OVERFLOW:
        return "adapter overflow"
    for bit, name in ((TRANSCEIVER, "transceiver error"), (NO_ACK, "no acknowledge"), (TX_TIMEOUT, "transmit timeout")):
        if identifier & bit:
            return name
    if identifier & CONTROLLER and state & WARNING:
        return "error warning"
    return "restarted" if identifier & RESTARTED else "error frame"


def describe_send_error(error: Exception) -> str:
    """Why a send or a receive failed: "transmit queue full", "adapter gone" or the error's own words."""
    number = getattr(error, "error_code", None) or getattr(error, "errno", None)
    cause = error.__cause__
    if number is None and cause is not None:
        number = getattr(cause, "errno", None)
    if number in (errno.ENOBUFS, errno.EAGAIN) or "buffer full" in str(error):
        return "transmit queue full"
    if number in GONE or isinstance(error, ConnectionError) or "closed bus" in str(error):
        return "adapter gone"
    return f"{type(error).__name__}: {str(error)[:80]}"
