"""Sources of plug-ins: installed packages with an entry point in a group, and files that a tree file names."""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from arbiter.errors import ConfigError
from arbiter.wall import Called, walled

PATIENCE = 10.0  # [s] that a plug-in may take to import and construct


@dataclass(frozen=True, slots=True)
class PluginSource:
    """A source of plug-ins.

    Attributes:
        where: Its name in errors.
        load: Imports it; returns the module, or the object that the entry point names.
        file: The file; None for an installed package.
    """

    where: str
    load: Callable[[], object]
    file: Path | None = None


def sources(group: str, files: Sequence[Path], use_entry_points: bool) -> list[PluginSource]:
    """Installed packages of the entry point `group`, in the order of their names, then `files`."""
    found = []
    if use_entry_points:
        found = [PluginSource(f"entry point {entry.name!r}", entry.load) for entry in sorted(entry_points(group=group), key=str)]
    return [*found, *(PluginSource(str(path), lambda path=path: _module(path), path) for path in files)]


def _module(path: Path) -> object:
    if not path.is_file():
        raise ConfigError(f"{path}: no such file")
    spec = importlib.util.spec_from_file_location(f"plugin_file_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path}: not a Python file; its name has to end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


def offered(loaded: Any, base: type) -> list[Any]:
    """Subclasses or instances of `base` in whatever a plug-in offers: a class, an instance, a function, a list, or a module, of
    which those are taken that are its own and have a `name`."""
    if isinstance(loaded, base) or (isinstance(loaded, type) and issubclass(loaded, base)):
        return [loaded]
    if callable(loaded):
        return list(loaded())
    if isinstance(loaded, list | tuple):
        return list(loaded)
    name = getattr(loaded, "__name__", "")
    return [
        item
        for item in vars(loaded).values()
        if isinstance(item, type) and issubclass(item, base) and item.__module__ == name and item.name
    ]


def in_time[T](call: Callable[[], T], patience: float = PATIENCE, late: str = "not loaded") -> Called[T]:
    """Calls a plug-in on a thread, so that one that blocks is left out by name. (value, "") or (None, what went wrong); `late`
    says what did not finish in time."""
    box: list[Called[T]] = []
    thread = threading.Thread(target=lambda: box.append(walled(call)), daemon=True)
    thread.start()
    thread.join(patience)
    return box[0] if box else Called(None, f"blocks: {late} within {patience:g} s")
