"""Whether a LeRobotDataset is whole, before LeRobot opens it: it would look for what is missing on the Hugging Face hub."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from arbiter.strict import short
from training.pi0.data.disk import RecordingError

READ, CONVERTER = "v3.0", "python -m lerobot.scripts.convert_dataset_v21_to_v30"  # of LeRobot 0.6
AGAIN = "copy the whole folder again"
VIDEOS = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"


def check_version(root: Path, about: Any) -> None:
    """Raises RecordingError unless `about`, what meta/info.json says, is of the version that is read."""
    if about is None:
        raise RecordingError(f"{root}: no LeRobotDataset there (no meta/info.json)")
    if not isinstance(about, Mapping):
        raise RecordingError(f"{root}: meta/info.json holds {short(about)}; a mapping is expected")
    version = str(about.get("codebase_version", "none"))
    if version.startswith(("v1", "v2")):
        first = "" if version == "v2.1" else " (of v2.1: load it with LeRobot 0.3 first)"
        raise RecordingError(
            f"{root}: a LeRobotDataset {version}; {READ} is read. Convert it: {CONVERTER} --repo-id=local/{root.name} "
            f"--root={root} --push-to-hub=false{first}"
        )
    if not version.startswith("v3"):
        raise RecordingError(f"{root}: a LeRobotDataset of version {version!r}; {READ} is read: update LeRobot, or this project")


def check_whole(root: Path, about: Mapping[str, Any]) -> None:
    """Raises RecordingError for a data set of which files are missing, cut short, or fewer than it says."""
    _check_info(root, about)
    cameras = [name for name, feature in about["features"].items() if feature.get("dtype") == "video"]
    places = [f"videos/{camera}/{part}_index" for camera in cameras for part in ("chunk", "file")]
    rows, _ = _rows(root, "meta/episodes", ["length", *places])
    _, frames = _rows(root, "data")
    _rows(root, "meta/tasks.parquet")
    told, there = (about["total_episodes"], about["total_frames"]), (len(rows), sum(row["length"] for row in rows))
    if told != there or frames != about["total_frames"]:
        raise RecordingError(
            f"{root}: meta/info.json says {told[0]} episodes with {told[1]} frames, meta/episodes has {there[0]} with {there[1]} "
            f"and data has {frames} frames: cut short; {AGAIN}"
        )
    if not rows:
        raise RecordingError(f"{root}: it has no episodes")
    for camera in cameras:
        for at in sorted({tuple(row[f"videos/{camera}/{part}_index"] for part in ("chunk", "file")) for row in rows}):
            file = _video(root, about, camera, *at)
            if not (file.is_file() and file.stat().st_size):
                raise RecordingError(f"{root}: {file.relative_to(root)} is missing or empty; {AGAIN}")


def _check_info(root: Path, about: Mapping[str, Any]) -> None:
    features = about.get("features")
    whole = isinstance(features, Mapping) and all(
        isinstance(one, Mapping) and isinstance(one.get("dtype"), str) and isinstance(one.get("shape"), list | tuple)
        for one in features.values()
    )
    if not whole:
        raise RecordingError(f"{root}: meta/info.json has features {short(features)}; names with dtype and shape are expected")
    for key in ("fps", "total_episodes", "total_frames"):
        value = about.get(key)
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not number or value < 0 or value != int(value) or (key == "fps" and not value):
            raise RecordingError(f"{root}: meta/info.json has {key} {short(value)}; a whole number is expected")


def _rows(root: Path, where: str, columns: Sequence[str] = ()) -> tuple[list[dict[str, Any]], int]:
    """The `columns` of the parquet files under `where`, row by row, and how many rows there are."""
    import pyarrow.parquet as parquet

    place = root / where
    files = [place] if place.suffix else sorted(place.glob("*/*.parquet"))
    found, count = [], 0
    for file in files:
        try:
            count += parquet.read_metadata(file).num_rows
            found += parquet.read_table(file, columns=[*columns]).to_pylist() if columns else []
        except FileNotFoundError as error:
            raise RecordingError(f"{root}: {where} is missing; {AGAIN}") from error
        except (OSError, ValueError) as error:  # ValueError: pyarrow's ArrowInvalid
            raise RecordingError(f"{root}: {file.relative_to(root)} cannot be read, it is cut short; {AGAIN}") from error
    if not files:
        raise RecordingError(f"{root}: {where} has no files; {AGAIN}")
    if any({*columns} - {*row} for row in found):
        raise RecordingError(f"{root}: {where} lacks {', '.join(columns)}; {AGAIN}")
    return found, count


def _video(root: Path, about: Mapping[str, Any], camera: str, chunk: int, file: int) -> Path:
    form = about.get("video_path") or VIDEOS
    try:
        path = root / str(form).format(video_key=camera, chunk_index=chunk, file_index=file)
    except (KeyError, IndexError, ValueError) as error:
        raise RecordingError(f"{root}: meta/info.json has video_path {short(form)}; {VIDEOS} is expected") from error
    if not path.resolve().is_relative_to(root.resolve()):
        raise RecordingError(f"{root}: meta/info.json has video_path {short(form)}, outside the folder")
    return path
