"""A criterion of a gesture from outside: when it counts as done, as a function in a file or behind an entry point.

A criterion takes a `skills.criteria.Recording` and returns an `arbiter.skill.Verification`. The same function judges the
evaluation (by what the simulation knows) and, in the skill, the run on the robot (by its own joints).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from arbiter.errors import ConfigError
from arbiter.skill import Verification
from arbiter.wall import walled
from skills.recordings import Recording, Trajectory

GROUP, NAME = "arbiter.criteria", "criterion"
Criterion = Callable[[Recording], Verification]


@dataclass(frozen=True, slots=True)
class GestureCriterion:
    """A criterion and where it comes from: `file`, or the entry point `module` and `attribute`."""

    judge: Criterion
    file: Path | None = None
    module: str = ""
    attribute: str = NAME


def load_criterion(text: str) -> GestureCriterion:
    """ "FILE.py", "FILE.py:function", or the name of an entry point in `GROUP`. Raises ConfigError."""
    path, _, name = text.partition(":")
    if path.endswith(".py"):
        file, attribute = Path(path).resolve(), name or NAME
        return GestureCriterion(_from_file(file, attribute), file, attribute=attribute)
    known = {entry.name: entry for entry in entry_points(group=GROUP)}
    if text not in known:
        there = ", ".join(sorted(known)) or "none"
        raise ConfigError(f"criterion {text!r}: neither a .py file nor an entry point in {GROUP} ({there})")
    entry = known[text]
    loaded, error = walled(lambda point: point.load(), entry)
    if error or not callable(loaded):
        raise ConfigError(f"criterion {text!r}: {error or 'it is no function'}")
    return GestureCriterion(loaded, module=entry.module, attribute=entry.attr)


def _from_file(file: Path, name: str) -> Criterion:
    if not file.is_file():
        raise ConfigError(f"criterion {file}: no such file")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ConfigError(f"criterion {file}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    _, error = walled(spec.loader.exec_module, module)
    found = getattr(module, name, None)
    if error or not callable(found):
        raise ConfigError(f"criterion {file}: {error or f'it has no function {name}(run)'}")
    return found


def judge_with(criterion: Criterion, run: Trajectory) -> Verification:
    """What the criterion says. Raises ConfigError when it breaks or answers something else."""
    found, error = walled(criterion, run)
    if error or not isinstance(found, Verification):
        raise ConfigError(f"the criterion {error or f'returned {found!r}; a Verification is expected'}")
    return found
