"""MP4 files (H.264) through PyAV: the one video writer of runs, policies and demonstrations."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from arbiter.errors import ConfigError
from arbiter.extras import advice


class Mp4Writer:
    """Writes RGB pictures to an MP4 file. A context manager; leaving it finishes the file.

    Attributes:
        error: Why writing stopped, "" while it works. Pictures after an error are ignored, so that a full disk stops no robot.
    """

    def __init__(self, path: Path, fps: int, width: int, height: int, *, option: str = "") -> None:
        """`fps`: pictures per second. `width`, `height` [px], both even. `option`: command-line option to name in errors.

        Raises ConfigError if PyAV is missing, for another file type, odd sizes, or a file that cannot be written.
        """
        name = f"{option} {path}".strip()
        try:
            import av
        except ImportError as error:
            raise ConfigError(f"{name}: needs PyAV and Pillow, which come with {advice('viewer')}") from error
        if path.suffix.lower() != ".mp4":
            raise ConfigError(f"{name}: the name must end in .mp4")
        if width % 2 or height % 2:
            raise ConfigError(f"{name}: {width} x {height} pixels; H.264 needs even numbers")
        self._av, self.error = av, ""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._container = av.open(str(path), "w")
        except OSError as error:
            raise ConfigError(f"{name}: cannot be written: {error.strerror or error}") from error
        self._stream = self._container.add_stream("libx264", rate=fps, options={"crf": "22", "preset": "veryfast"})
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        self._stream.codec_context.thread_count = 1  # the control loop needs the other cores more

    def add(self, picture: np.ndarray) -> None:
        """One more picture, uint8, shape (height, width, 3)."""
        if self.error:
            return
        try:
            frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            self._container.mux(self._stream.encode(frame))
        except (self._av.FFmpegError, OSError) as error:
            self.error = str(error)

    def close(self) -> None:
        """Finishes the file."""
        try:
            if not self.error:
                self._container.mux(self._stream.encode())
            self._container.close()
        except (self._av.FFmpegError, OSError) as error:
            self.error = self.error or str(error)

    def __enter__(self) -> Mp4Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
