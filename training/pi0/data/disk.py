"""Writing demonstrations to a disk that may be full or fail."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from arbiter.errors import ArbiterError

RESERVE = 64 << 20  # [bytes] that must stay free on the disk


class RecordingError(ArbiterError):
    """A demonstration cannot be recorded or read."""


class DiskError(RecordingError):
    """The disk is full or cannot be written: recording cannot go on."""


@contextmanager
def disk_errors(path: Path) -> Generator[None, None, None]:
    """Turns disk errors into one DiskError that says what to do."""
    try:
        yield
    except RecordingError:
        raise
    except (OSError, RuntimeError) as error:  # h5py raises both
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error)
        what = "the disk is full; free some space" if full else f"cannot be written: {error}"
        raise DiskError(f"{path}: {what}; this episode was not recorded, all earlier ones are safe") from error


def free_space(folder: Path) -> None:
    """Raises an OSError (disk full) when less than RESERVE bytes are free."""
    stat = os.statvfs(folder)
    if stat.f_bavail * stat.f_frsize < RESERVE:
        raise OSError(errno.ENOSPC, "No space left")


def sync_folder(folder: Path) -> None:
    """Flushes the folder's entries to disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync(root: Path) -> None:
    """All files and folders under `root` outlast a power cut once this returns."""
    for folder, _, names in os.walk(root, topdown=False):
        for name in names:
            with open(os.path.join(folder, name), "rb+") as file:
                os.fsync(file.fileno())
        sync_folder(Path(folder))


def replace(new: Path, root: Path) -> None:
    """Puts the folder `new` in the place of `root`, for good before the old one goes."""
    old = root.with_name(f".{root.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if root.exists():
        os.rename(root, old)
    os.rename(new, root)
    sync_folder(root.parent)
    shutil.rmtree(old, ignore_errors=True)
