"""What an ending run still takes."""

from __future__ import annotations

from arbiter.execution.inbox import Inbox


class StopsOnly:
    """An inbox for a run that ends: lets stops pass, and ignores everything that would start something."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self.steering = inbox.steering

    def stop(self, reason: str = "operator") -> None:
        """Passes."""
        self._inbox.stop(reason)

    def damp(self, reason: str = "operator") -> None:
        """Passes."""
        self._inbox.damp(reason)

    def lose(self, count: int) -> None:
        """Passes."""
        self._inbox.lose(count)

    def say(self, text: str, how: str = "") -> int:
        """Passes a text that means stop; ignores others."""
        return self._inbox.say(text, how) if self._inbox.guard(text) else 0

    def arm(self) -> None:
        """Ignored."""

    go = reset = arm
