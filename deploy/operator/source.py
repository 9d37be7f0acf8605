"""Puts the operator's orders and stick into the inbox; a lost operator is a stop."""

from __future__ import annotations

import time
from collections.abc import Callable

from arbiter.execution.inbox import Orders
from arbiter.types import Steering
from deploy.operator.devices import OperatorDevice


class OperatorSource:
    """Polled between ticks, on the loop's thread.

    Args:
        device: A gamepad or a keyboard.
        record: Called with True and False when recording is switched; None: there is nothing to record.
        clock: Monotonic seconds.

    Attributes:
        record: As above; may be set later.
        recording: Whether it is on.
        lost: Whether the operator was lost. The robot was stopped; it needs a new operator, or a reset at the console.
    """

    done = False  # an operator may always say something more

    def __init__(
        self, device: OperatorDevice, record: Callable[[bool], None] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._device, self.record, self._clock = device, record, clock
        self.recording = self.lost = False

    def poll(self, elapsed: float, idle: bool, inbox: Orders) -> None:
        """Takes the operator's inputs since the last poll."""
        signs = self._device.poll()
        inbox.steering.put(Steering(signs.velocity, self._clock()))
        for order in signs.orders:
            self._obey(order, inbox)
        if signs.lost and not self.lost:
            inbox.stop("the operator is lost")
        self.lost = signs.lost

    def _obey(self, order: str, inbox: Orders) -> None:
        if order in ("stop", "damp"):
            getattr(inbox, order)("operator")
        elif order == "hand":
            inbox.say("drive by hand")
        elif order == "record":
            self.recording = not self.recording
            if self.record is not None:
                self.record(self.recording)
        else:
            getattr(inbox, order)()

    def close(self) -> None:
        self._device.close()
