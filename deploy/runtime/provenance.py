"""Provenance of a run: version, commit, hashes of files, machine. Enough to repeat it, or to see what differs."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from arbiter.routing.encoder import MODEL_DIR
from deploy.robots.description import description_dir
from deploy.runtime.config import Loaded
from policies.registry import SHIPPED

PACKAGES = ("numpy", "mujoco", "onnxruntime", "py-trees")
ROOT = Path(__file__).resolve().parents[2]
GIT_TIMEOUT = 2.0  # [s]


def provenance(loaded: Loaded, robot: str, seed: int, fast: bool) -> dict[str, Any]:
    """Of a run of the tree file `loaded`.

    Args:
        robot: As of `--robot`.
        seed: Of all random generators.
        fast: In lockstep.
    """
    return {
        "version": _version("policy-arbiter"),
        "commit": commit(),
        "robot": robot,
        "seed": seed,
        "fast": fast,
        "tree": str(loaded.path),
        "settings_sha256": hashlib.sha256(loaded.resolved_yaml().encode()).hexdigest(),
        "files_sha256": {str(path): digest(path) for path in files(loaded)},
        "machine": {
            "system": platform.platform(),
            "processor": platform.machine(),
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
            **{name: _version(name) for name in PACKAGES},
        },
    }


def changed_since(recorded: object, loaded: Loaded) -> list[str]:
    """What is not here as it was there, one line each.

    Args:
        recorded: The `provenance` of a run, as its trace holds it; nothing is said where it is none.
        loaded: The settings of the run, as its trace holds them; the tree file itself does not count.
    """
    if not isinstance(recorded, dict):
        return []
    found = []
    then, now = (recorded.get("commit") or recorded.get("version"), commit() or _version("policy-arbiter"))
    if then and then != now:
        found.append(f"recorded by other code: {then}; this is {now}")
    hashes = recorded.get("files_sha256")
    if isinstance(hashes, dict):  # by name: the folders may be elsewhere
        there = {(Path(str(name)).name, value) for name, value in hashes.items()}
        here = {(path.name, digest(path)) for path in files(loaded)}
        other = sorted({name for name, _ in there ^ here} - {loaded.path.name})
        if other:
            found.append(f"recorded with other files: {', '.join(other)}")
    return found


def files(loaded: Loaded) -> list[Path]:
    """Every file that determines a run: tree, plug-ins, weights, router, robot description."""
    config = loaded.config
    doors = (config.skills, config.nodes, config.policy_kinds, config.backends, config.drivers)
    named = [loaded.path, *(loaded.resolve(name) for door in doors for name in door.files)]
    for policy in loaded.config.policies.values():
        for key in ("file", "path", "card"):
            node = policy.value.get(key) if isinstance(policy.value, dict) else None
            if node is not None and isinstance(node.value, str):
                named += [path for path in (loaded.resolve(node.value), SHIPPED / node.value) if path.exists()][:1]
    named += [MODEL_DIR, description_dir(loaded.robot)]
    return sorted({path for name in named for path in _inside(name)})


def _inside(path: Path) -> Iterable[Path]:
    if path.is_dir():
        return (file for file in path.iterdir() if file.is_file() and file.suffix not in (".py", ".pyc"))
    return (path,) if path.is_file() else ()


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def commit() -> str | None:
    """The commit of the source tree, with "+" where it was changed; None outside a repository."""
    if not (ROOT / ".git").exists():
        return None
    try:
        head = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=GIT_TIMEOUT)
        changed = subprocess.run(
            ["git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no"],
            capture_output=True,
            text=True,
            timeout=GIT_TIMEOUT,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "") if head.returncode == 0 else None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
