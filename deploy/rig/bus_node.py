"""The rig's side of one CAN bus: its motors, the latency of their answers, and injected bus faults."""

from __future__ import annotations

import errno
from collections import deque
from dataclasses import dataclass

import can
import numpy as np

from deploy.drivers.can.bus import Wire
from deploy.drivers.can.motor_protocol import Frame
from deploy.rig.simulated_motor import SimulatedMotor

ERROR_FRAMES = {"error_frame": (0x80, bytes(8)), "error_passive": (0x04, b"\x00\x30" + bytes(6)), "bus_off": (0x40, bytes(8))}


@dataclass(slots=True)
class WireState:
    """Injected faults of a bus.

    Attributes:
        drop: Share of frames that get lost, in both directions.
        delay: Added to every answer [s].
        error: A key of ERROR_FRAMES whose frames the host sees; "bus_off" also cuts the bus.
        refuse: errno that a send by the host fails with (ENOBUFS, ENODEV), 0 for none.
    """

    drop: float = 0.0
    delay: float = 0.0
    error: str = ""
    refuse: int = 0


class BusNode:
    """The motors of one bus behind a python-can bus."""

    def __init__(
        self, name: str, motors: list[SimulatedMotor], bus: Wire | None, random: np.random.Generator, latency: float = 0.0
    ):
        self.name, self.motors, self.bus = name, motors, bus
        self.wire = WireState()
        self._random, self._latency = random, latency
        self._by_device = {motor.device: motor for motor in motors}
        self._pending: deque[tuple[float, Frame]] = deque()

    def pump(self, now: float) -> None:
        """Delivers the host's frames to the motors, and due answers to the host. Without a bus nothing is delivered."""
        wire, bus = self.wire, self.bus
        if bus is None:
            return
        cut = wire.error == "bus_off" or wire.refuse == errno.ENODEV
        while (message := bus.recv(0)) is not None:
            if cut or self._lost() or message.is_error_frame:
                continue
            motor = self._by_device.get(message.arbitration_id & 0x7F)
            if motor is not None:
                motor.handle(Frame(message.arbitration_id, bytes(message.data)), now)
        for motor in self.motors:
            motor.watch(now)
            for frame in motor.take_frames():
                self._pending.append((now + self._latency + wire.delay, frame))
        if wire.error:
            identifier, data = ERROR_FRAMES[wire.error]
            bus.send(can.Message(arbitration_id=identifier, data=data, is_error_frame=True, is_extended_id=False))
        while self._pending and self._pending[0][0] <= now:
            frame = self._pending.popleft()[1]
            if not cut and not self._lost():
                bus.send(can.Message(arbitration_id=frame.id, data=frame.data, is_extended_id=False))

    def _lost(self) -> bool:
        return self.wire.drop > 0.0 and self._random.random() < self.wire.drop


class MemoryBus:
    """A bus between two ends in this process: what python-can's virtual bus does, at a tenth of its cost."""

    def __init__(self):
        self._incoming: deque[can.Message] = deque()
        self.peer = self

    @classmethod
    def pair(cls) -> tuple[MemoryBus, MemoryBus]:
        a, b = cls(), cls()
        a.peer, b.peer = b, a
        return a, b

    def send(self, message: can.Message, timeout: float | None = None) -> None:
        self.peer._incoming.append(
            can.Message(
                arbitration_id=message.arbitration_id,
                data=bytes(message.data),
                is_error_frame=message.is_error_frame,
                is_extended_id=message.is_extended_id,
            )
        )

    def recv(self, timeout: float | None = None) -> can.Message | None:
        return self._incoming.popleft() if self._incoming else None

    def shutdown(self) -> None:
        self._incoming.clear()


class HostBus:
    """The host's end of a bus in this process, which can refuse to send like a failing adapter."""

    def __init__(self, node: BusNode, bus: Wire):
        self._node, self._bus = node, bus

    def send(self, message: can.Message, timeout: float | None = None) -> None:
        refuse = self._node.wire.refuse
        if refuse:
            raise can.CanOperationError(f"Failed to transmit: {errno.errorcode[refuse]}", refuse)
        self._bus.send(message, timeout)

    def recv(self, timeout: float | None = None) -> can.Message | None:
        return self._bus.recv(timeout)

    def set_filters(self, filters: object) -> None:
        """No effect: unread frames are dropped anyway."""

    def shutdown(self) -> None:
        self._bus.shutdown()
