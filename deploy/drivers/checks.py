"""The outcome of a pre-flight."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from arbiter.errors import ArbiterError


class CheckResult(enum.Enum):
    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what was checked, its level, what was found, and what to do about it."""

    name: str
    verdict: CheckResult
    seen: str
    advice: str = ""


def passed(name: str, seen: str) -> Check:
    return Check(name, CheckResult.PASS, seen)


def warned(name: str, seen: str, advice: str) -> Check:
    return Check(name, CheckResult.WARN, seen, advice)


def failed(name: str, seen: str, advice: str) -> Check:
    return Check(name, CheckResult.FAIL, seen, advice)


def attempt(name: str, look: Callable[[], Check | list[Check]]) -> list[Check]:
    """Runs a check; an error of this project becomes a failed check with the error's advice."""
    try:
        found = look()
    except ArbiterError as error:
        seen, _, advice = str(error).partition("; ")
        return [failed(name, seen, advice or "see the message")]
    return found if isinstance(found, list) else [found]


@dataclass(frozen=True, slots=True)
class Report:
    """All checks in the order they were made."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether motion may be armed: nothing failed."""
        return not self.failures

    @property
    def failures(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.verdict is CheckResult.FAIL)

    def table(self) -> str:
        """For the terminal."""
        width = max((len(check.name) for check in self.checks), default=0)
        lines = []
        for check in self.checks:
            lines.append(f"{check.verdict.value:4}  {check.name:{width}}  {check.seen}")
            if check.advice and check.verdict is not CheckResult.PASS:
                lines.append(f"{'':4}  {'':{width}}  -> {check.advice}")
        counts = {verdict: sum(check.verdict is verdict for check in self.checks) for verdict in CheckResult}
        lines.append(
            ", ".join(f"{count} {verdict.value}" for verdict, count in counts.items())
            + ("" if self.ok else ": motion is not armed")
        )
        return "\n".join(lines)


@runtime_checkable
class Examinable(Protocol):
    """A robot whose driver has its own pre-flight, made before it is connected."""

    def preflight(self) -> list[Check]:
        """Checks the hardware without torque, and leaves it as `connect` expects it."""
