"""One CAN bus: opening it, sending and receiving without blocking or raising, and counting frames and failures."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from typing import Any, Protocol

import can

from arbiter.errors import RobotError
from deploy.drivers.can.adapter_errors import describe_error_frame, describe_send_error
from deploy.drivers.can.hardware_file import BusConfig
from deploy.drivers.can.motor_protocol import BITRATE, frame_bits

# What python-can's interfaces raise when hardware or the kernel fails: their own tree, and what comes through from below.
DRIVER_ERRORS = (can.CanError, OSError, ValueError, TypeError, AttributeError)
BITS = tuple(frame_bits(size) for size in range(9))
NOBODY = 0x7FF  # an identifier that no motor and no host sends
LASTING = ("bus off", "adapter gone")


class Wire(Protocol):
    """The part of can.BusABC that the driver and the rig use."""

    def send(self, message: can.Message, /, timeout: float | None = None) -> None: ...
    def recv(self, timeout: float | None = None, /) -> can.Message | None: ...
    def shutdown(self) -> None: ...


class HostWire(Wire, Protocol):
    """The driver's side of a bus."""

    def set_filters(self, filters: Any, /) -> None: ...


def open_bus(config: BusConfig) -> HostWire:
    """Opens a python-can bus. Raises RobotError with the way out."""
    options: dict[str, Any] = {"channel": config.channel or config.name}
    if config.interface == "socketcand":
        logging.getLogger("can.interfaces.socketcand").setLevel(logging.ERROR)  # it warns of every split TCP segment
        options |= {"host": config.host, "port": config.port, "tcp_tune": True}
    if config.interface == "slcan":
        options |= {"bitrate": BITRATE, "sleep_after_open": 0.2}
    try:
        return can.Bus(interface=config.interface, **options)
    except DRIVER_ERRORS as error:
        way_out = {
            "socketcan": f"is the adapter plugged in? sudo ip link set {options['channel']} up type can bitrate {BITRATE}",
            "socketcand": f"is the rig running on {config.host}:{config.port}? python -m deploy.rig",
        }.get(config.interface, "check interface and channel in hardware.yaml")
        raise RobotError(f"{config.name}: cannot open {config.interface} {options['channel']!r}: {error}; {way_out}") from error


@dataclass(slots=True)
class BusCount:
    """Frames and failures of a bus since it was opened."""

    sent: int = 0
    received: int = 0
    bits: float = 0.0
    error_frames: int = 0
    failed: int = 0


class BusPort:
    """A bus as the command cycle uses it. `send` and `receive` neither block nor raise; failures become `events`.

    Attributes:
        name: The bus's name in faults.
        count: Totals since the start.
        events: What went wrong since `clear`, as words of faults.REACTIONS.
        state: A condition that lasts: "bus off", "adapter gone" or "".
    """

    def __init__(self, name: str, bus: HostWire):
        self.name = name
        self.bus = bus
        self.count = BusCount()
        self.events: set[str] = set()
        self.state = ""

    def message(self, identifier: int, data: bytes) -> can.Message:
        """A frame that can be sent repeatedly with other data."""
        return can.Message(arbitration_id=identifier, data=data, is_extended_id=False)

    def send(self, message: can.Message) -> bool:
        """Sends a frame; False if it did not go out."""
        try:
            self.bus.send(message, timeout=0)
        except DRIVER_ERRORS as error:
            self._failed(error)
            return False
        self.count.sent += 1
        self.count.bits += BITS[message.dlc]
        return True

    def receive(self) -> list[can.Message]:
        """All data frames that have come in since the last call."""
        messages = []
        try:
            while (message := self.bus.recv(0)) is not None:
                if message.is_error_frame:
                    self._error_frame(message)
                elif not message.is_extended_id and not message.is_remote_frame:
                    messages.append(message)
                    self.count.bits += BITS[min(8, message.dlc)]
        except DRIVER_ERRORS as error:
            self._failed(error)
        self.count.received += len(messages)
        return messages

    def stop_listening(self) -> None:
        """For a process that only sends: the kernel stops delivering frames. An interface without filters drops unread frames."""
        with contextlib.suppress(*DRIVER_ERRORS):
            self.bus.set_filters([{"can_id": NOBODY, "can_mask": NOBODY}])

    def clear(self) -> None:
        """Clears the events; the lasting `state` is kept."""
        self.events.clear()
        if self.state:
            self.events.add(self.state)

    def close(self) -> None:
        with contextlib.suppress(*DRIVER_ERRORS):
            self.bus.shutdown()

    def _error_frame(self, message: can.Message) -> None:
        self.count.error_frames += 1
        what = describe_error_frame(message.arbitration_id, bytes(message.data))
        if what == "restarted" and self.state == "bus off":
            self.state = ""
        self._event(what)

    def _failed(self, error: Exception) -> None:
        self.count.failed += 1
        what = describe_send_error(error)
        self._event(what if what in ("transmit queue full", "adapter gone") else "send failed")

    def _event(self, what: str) -> None:
        self.events.add(what)
        if what in LASTING:
            self.state = what
