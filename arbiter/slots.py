"""How slow work meets the tick: a slot that holds the latest value and never waits."""

from __future__ import annotations


class LatestSlot[T]:
    """One writer, one reader, latest value wins.

    Reading and writing are single attribute operations, atomic under CPython, so neither side can wait for the other.
    """

    __slots__ = ("_value",)

    def __init__(self) -> None:
        self._value: T | None = None

    def put(self, value: T) -> None:
        """Replaces whatever is in the slot."""
        self._value = value

    def peek(self) -> T | None:
        """The latest value; it stays."""
        return self._value

    def take(self) -> T | None:
        """The latest value, removed; None if there is none. A value put during the call is not lost."""
        value = self._value
        if value is not None and self._value is value:
            self._value = None
        return value
