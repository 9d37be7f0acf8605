"""Folders of traces: each run has its own, and none is overwritten.

DIR/20261129-210540/trace.jsonl, config.yaml, fault_1234.jsonl
DIR/trace.jsonl, DIR/config.yaml          links to those of the newest run
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path

from arbiter.errors import ConfigError
from deploy.cli.outputs import reason

TRACE, EARLIER, CONFIG = "trace.jsonl", "trace.earlier.jsonl", "config.yaml"
_RUN = re.compile(r"(\d{8}-\d{6})(?:-(\d+))?")


def new_run(root: Path) -> Path:
    """Makes the folder of a run that begins now. Raises ConfigError."""
    name = time.strftime("%Y%m%d-%H%M%S")
    try:
        root.mkdir(parents=True, exist_ok=True)
        for number in range(1, 10_000):
            folder = root / (name if number == 1 else f"{name}-{number}")
            with contextlib.suppress(FileExistsError):
                folder.mkdir()
                return folder
    except (OSError, ValueError) as error:
        raise ConfigError(f"--log {root}: cannot be written: {reason(error)}; name another folder") from error
    raise ConfigError(f"--log {root}: ten thousand runs began in this second; name another folder")


def point_at(root: Path, run: Path) -> None:
    """Links `root`'s own trace and settings to those of `run`. An existing file of an older version is kept."""
    for name in (TRACE, CONFIG):
        link, fresh = root / name, root / f".{name}.{run.name}"
        if link.exists() and not link.is_symlink():
            continue
        with contextlib.suppress(OSError):  # no links on this disk: the run is found by its name
            os.symlink(Path(run.name) / name, fresh)
            os.replace(fresh, link)


def newest(root: Path) -> Path:
    """The folder of the newest run in `root`; `root` itself where there is none, or where it is a run's own."""
    if _RUN.fullmatch(root.name) and (root / TRACE).exists():
        return root
    traces = [path for path in root.glob(f"*/{TRACE}")]
    runs = {path.parent: match for path in traces if (match := _RUN.fullmatch(path.parent.name))}
    if runs:
        return max(runs, key=lambda run: _age(runs[run]))
    if (root / TRACE).exists() or not traces:
        return root
    return max(traces, key=lambda path: path.stat().st_mtime_ns).parent  # records: record_001, record_002, ...


def _age(match: re.Match[str]) -> tuple[str, int]:
    return match[1], int(match[2] or 1)
