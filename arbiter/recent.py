"""A log that does not grow without bound."""

from __future__ import annotations

KEEP = 256


class Recent[T](list[T]):
    """The newest items of an endless log: at least `keep` of them, at most twice as many.

    A reader that needs every item calls `since` often enough.

    Attributes:
        total: How many there have been.
    """

    def __init__(self, keep: int = KEEP) -> None:
        super().__init__()
        self.keep, self.total = keep, 0

    def append(self, item: T) -> None:
        """Takes a new item; now and then the oldest ones are dropped."""
        super().append(item)
        self.total += 1
        if len(self) > 2 * self.keep:
            del self[: -self.keep]

    def since(self, seen: int) -> list[T]:
        """Those that came after the first `seen`."""
        new = min(self.total - seen, len(self))
        return self[-new:] if new else []
