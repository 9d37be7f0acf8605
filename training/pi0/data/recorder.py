"""The one recorder of all sources: a journal of whole episodes, packed into a LeRobotDataset v3.

Each episode becomes a file of its own in `ROOT.journal/` the moment it ends, on disk for good; a crash loses the episode
under way and nothing else. `close` (or the next `Recorder` on the same root) packs the journal into the data set.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tqdm import tqdm

from training.pi0.data import store
from training.pi0.data.episode import EpisodeWriter, Frame, Layout, RecordingError, read_instruction

KEPT = "episode_{:06d}.hdf5"


class Recorder:
    """Records episodes: begin, add ..., then end or discard.

    Attributes:
        root: Folder of the LeRobotDataset.
        layout: Sizes of the frames.
        recorded: Whole episodes so far, those of earlier runs included.
        dropped: Episodes discarded in this run.
    """

    def __init__(self, root: Path | str, layout: Layout, *, pictures: str = "h264", quiet: bool = False) -> None:
        store.features(layout, pictures)
        self.root = Path(root)
        self.layout = layout
        self._pictures = pictures
        self._quiet = quiet
        self._journal = self.root.with_name(f"{self.root.name}.journal")
        self._journal.mkdir(parents=True, exist_ok=True)
        self._recover()
        self._packed = self._stored_episodes()
        self._writer: EpisodeWriter | None = None
        self._said = ""
        self.recorded = self._packed + len(self.pending)
        self.dropped = 0

    @property
    def pending(self) -> list[Path]:
        """Whole episodes that are not yet in the data set, in order."""
        return sorted(self._journal.glob("episode_*.hdf5"))

    @property
    def writing(self) -> str | None:
        """The instruction of the episode under way, None between episodes."""
        return self._said if self._writer is not None else None

    def begin(self, instruction: str) -> None:
        """Starts an episode; one that is under way is dropped."""
        self.discard()
        self._said = instruction
        self._writer = EpisodeWriter(self._journal / KEPT.format(self.recorded), instruction, self.layout)

    def add(self, frame: Frame) -> None:
        """Adds a frame. Raises RecordingError, and drops the episode, when the frame or the disk is not good."""
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
        files = self.pending
        if files:
            def progress(items):
                return tqdm(items, desc=f"packing {self.root.name}", unit="episode", disable=self._quiet)
            store.pack(files, self.root, self.layout.joints, self._pictures, progress)
            for file in files:
                file.unlink()
        if self._journal.exists():
            shutil.rmtree(self._journal)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, kind, error, trace) -> None:
        # After an error the journal stays: the next run packs it. Nothing whole is lost.
        if kind is None:
            self.close()
        else:
            self.discard()

    def _stored_episodes(self) -> int:
        info = self.root / "meta" / "info.json"
        return json.loads(info.read_text())["total_episodes"] if info.is_file() else 0

    def _recover(self) -> None:
        """Clears what a crash left: half episodes, and files that were already packed."""
        old = self.root.with_name(f".{self.root.name}.old")
        if old.exists() and not self.root.exists():
            old.rename(self.root)
        for partial in self._journal.glob(".*.partial"):
            partial.unlink()
        stored = self._stored_episodes()
        for file in self.pending:
            if int(file.stem.split("_")[1]) < stored:
                file.unlink()
            else:
                read_instruction(file)
