"""The recorder for demonstrations of every source: a journal of complete episodes, packed into a LeRobotDataset v3.

Each episode becomes a file in `ROOT.journal/` when it ends and is flushed to disk; a crash loses only the episode under
way. `close` (or the next `EpisodeRecorder` on the same root) packs the journal into the data set.

A command that can resume gives each episode a `job` and skips the jobs in `done`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tqdm import tqdm

from training.pi0.data import store
from training.pi0.data.episode import EpisodeFrame, EpisodeWriter, Layout, RecordingError
from training.pi0.data.episode_reader import layout_of, read_job

KEPT = "episode_{:06d}.hdf5"


def job_name(command: str, **what) -> str:
    """A name for one episode of a command's work, the same whenever the command runs with the same arguments."""
    return json.dumps({"command": command, **what}, sort_keys=True)


class EpisodeRecorder:
    """Records episodes: begin, add ..., then end or discard.

    Attributes:
        root: Folder of the LeRobotDataset.
        layout: Sizes of the frames.
        recorded: Complete episodes so far, including those of earlier runs.
        done: Jobs of these episodes.
        dropped: Episodes discarded in this run.
    """

    def __init__(self, root: Path | str, layout: Layout, *, pictures: str = "h264", quiet: bool = False) -> None:
        """Raises RecordingError when the data set at `root`, or its journal, has another layout."""
        store.features(layout, pictures)
        self.root = Path(root)
        self.layout = layout
        self._pictures = pictures
        self._quiet = quiet
        self._journal = self.root.with_name(f"{self.root.name}.journal")
        self._recover()
        self._check_layout()
        self._journal.mkdir(parents=True, exist_ok=True)
        self._packed = self._stored_episodes()
        self._writer: EpisodeWriter | None = None
        self._said = self._job = ""
        self.recorded = self._packed + len(self.pending)
        self.done = {*store.jobs(self.root), *map(read_job, self.pending)} - {""}
        self.dropped = 0

    @property
    def pending(self) -> list[Path]:
        """Complete episodes that are not yet in the data set, in order."""
        return sorted(self._journal.glob("episode_*.hdf5"))

    @property
    def writing(self) -> str | None:
        """The instruction of the episode under way, None between episodes."""
        return self._said if self._writer is not None else None

    def begin(self, instruction: str, job: str = "") -> None:
        """Starts an episode, which is the `job` if it is kept; one that is under way is dropped."""
        self.discard()
        self._said, self._job = instruction, job
        # Not the count: somebody may have taken a damaged file out of the journal.
        number = max([self._packed, *(_number(file) + 1 for file in self.pending)])
        self._writer = EpisodeWriter(self._journal / KEPT.format(number), instruction, self.layout, job)

    def add(self, frame: EpisodeFrame) -> None:
        """Adds a frame. An invalid frame or a disk error raises RecordingError and drops the episode."""
        if self._writer is None:
            raise RecordingError("no episode is under way; call begin(instruction) first")
        try:
            self._writer.add(frame)
        except RecordingError:
            self._writer = None
            raise

    def end(self) -> Path:
        """Keeps the episode; returns its file."""
        if self._writer is None:
            raise RecordingError("no episode is under way; call begin(instruction) first")
        writer, self._writer = self._writer, None
        path = writer.commit()
        self.recorded += 1
        if self._job:
            self.done.add(self._job)
        return path

    def discard(self) -> None:
        """Drops the episode under way, if there is one."""
        if self._writer is not None:
            self._writer.discard()
            self._writer = None
            self.dropped += 1

    def close(self) -> None:
        """Drops an unfinished episode and packs the journal into the data set."""
        self.discard()
        files = self._close_gaps()
        if files:

            def progress(items):
                return tqdm(items, desc=f"packing {self.root.name}", unit="episode", disable=self._quiet)

            store.pack(files, self.root, self.layout.joints, self._pictures, progress)
            for file in files:
                file.unlink()
        if self._journal.exists():
            shutil.rmtree(self._journal)

    def __enter__(self) -> EpisodeRecorder:
        return self

    def __exit__(self, kind, error, trace) -> None:
        # After an error the journal stays and the next run packs it: no complete episode is lost.
        if kind is None:
            self.close()
        else:
            self.discard()

    def _stored_episodes(self) -> int:
        info = store.description(self.root)
        return 0 if info is None else info["total_episodes"]

    def _close_gaps(self) -> list[Path]:
        """Numbers the journal's files from the data set's end on: `_recover` knows by their numbers which were packed."""
        files = []
        for number, file in enumerate(self.pending, self._packed):
            files.append(file.rename(self._journal / KEPT.format(number)))
        return files

    def _check_layout(self) -> None:
        """Refuses other layouts before recording starts: such episodes could not be packed."""
        store.check_fits(self.root, self.layout, self._pictures)
        for file in self.pending:
            found = layout_of(file, self.layout.joints, self.layout.fps)
            self.layout.check_same(found, f"{file}, left by an earlier run with other arguments")

    def _recover(self) -> None:
        """Removes what a crash left: incomplete episodes, and files that were already packed."""
        old = self.root.with_name(f".{self.root.name}.old")
        if old.exists() and not self.root.exists():
            old.rename(self.root)
        for partial in self._journal.glob(".*.partial"):
            partial.unlink()
        stored = self._stored_episodes()
        for file in self.pending:
            if _number(file) < stored:
                file.unlink()


def _number(file: Path) -> int:
    return int(file.stem.split("_")[1])
