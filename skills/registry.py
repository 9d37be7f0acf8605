"""Where skills come from: built in, installed packages (entry points in group `arbiter.skills`), local files.

A broken one is reported by name and left out; it never stops the others.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path

from arbiter.errors import SkillError
from arbiter.skill import Skill
from arbiter.wall import walled
from skills import builtin_skills
from skills.contract import require

GROUP = "arbiter.skills"
PATIENCE = 10.0  # [s] that a plug-in may take to import and construct


@dataclass(slots=True)
class SkillSet:
    """What was found.

    Attributes:
        skills: By name.
        foreign: Names of those from outside; they get a thread of their own.
        problems: One line for each that was left out.
    """

    skills: dict[str, Skill] = field(default_factory=dict)
    foreign: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)

    def add(self, found: Iterable[object], where: str, foreign: bool) -> None:
        """Takes skills that keep their contract; notes why others are left out."""
        for item in found:
            skill = item() if isinstance(item, type) else item
            require(skill, where)
            if skill.name in self.skills:
                raise SkillError(f"skill {skill.name!r} from {where}: the name is taken; choose another")
            self.skills[skill.name] = skill
            if foreign:
                self.foreign.add(skill.name)


def load_skills(files: Sequence[Path] = (), *, use_entry_points: bool = True, patience: float = PATIENCE) -> SkillSet:
    """All skills of a run.

    Args:
        files: Python files of the user's own.
        use_entry_points: Look for installed packages, too.
        patience: How long each plug-in may take to load [s].
    """
    found = SkillSet()
    found.add(builtin_skills(), "the built-in skills", foreign=False)
    sources: list[tuple[str, Callable[[], object]]] = []
    if use_entry_points:
        sources += [(f"entry point {entry.name!r}", entry.load) for entry in sorted(entry_points(group=GROUP), key=str)]
    sources += [(str(path), lambda path=path: _module(path)) for path in files]
    for where, load in sources:
        _, error = _in_time(lambda load=load, where=where: found.add(_skills(load()), where, foreign=True), patience)
        if error:
            found.problems.append(f"{where} left out: {error}")
    return found


def _module(path: Path) -> object:
    if not path.is_file():
        raise SkillError(f"{path}: no such file")
    spec = importlib.util.spec_from_file_location(f"skill_file_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


def _skills(loaded: object) -> list[object]:
    """Skills in whatever a plug-in offers: a class, an instance, a function, a list, or a module."""
    if isinstance(loaded, Skill) or (isinstance(loaded, type) and issubclass(loaded, Skill)):
        return [loaded]
    if callable(loaded):
        return list(loaded())
    if isinstance(loaded, list | tuple):
        return list(loaded)
    name = getattr(loaded, "__name__", "")
    own = [item for item in vars(loaded).values()
           if isinstance(item, type) and issubclass(item, Skill) and item.__module__ == name and item.name]
    if not own:
        raise SkillError("holds no subclass of arbiter.skill.Skill that has a name")
    return own


def _in_time(call: Callable[[], object], patience: float) -> tuple[object, str]:
    """Calls a plug-in on a thread, so that one that blocks is left out by name."""
    box: list[tuple[object, str]] = []
    thread = threading.Thread(target=lambda: box.append(walled(call)), daemon=True)
    thread.start()
    thread.join(patience)
    return box[0] if box else (None, f"blocks: not loaded within {patience:g} s")
