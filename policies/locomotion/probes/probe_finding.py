"""What one probe found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Level = Literal["pass", "warn", "fail", "not probed"]


@dataclass(frozen=True, slots=True)
class ProbeFinding:
    """One line of a check.

    Attributes:
        check: What was looked at.
        level: How it is. "not probed" says what nothing is known of.
        seen: What was seen, with its unit.
        value: The figure that was judged; None where it is no number.
        low, high: Between which it passes.
        advice: The way out; "" where it passes.
    """

    check: str
    level: Level
    seen: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    advice: str = ""

    @property
    def bound(self) -> str:
        """The bounds, for people."""
        if self.low is None:
            return "" if self.high is None else f"<= {self.high:.3g}"
        return f">= {self.low:.3g}" if self.high is None else f"{self.low:.3g} to {self.high:.3g}"


def judged(
    check: str, seen: str, value: float, low: float | None, high: float | None, advice: str, worst: Level = "warn"
) -> ProbeFinding:
    """Passes where `value` lies between `low` and `high`; else it is `worst`, with the advice."""
    good = math.isfinite(value) and (low is None or value >= low) and (high is None or value <= high)
    return ProbeFinding(check, "pass" if good else worst, seen, value, low, high, "" if good else advice)


def skipped(check: str, why: str) -> ProbeFinding:
    """Nothing is known of it."""
    return ProbeFinding(check, "not probed", why)
