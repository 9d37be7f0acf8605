"""The head camera of the real robot: captured on a thread of its own, stamped, and checked for frozen and black pictures.

A camera is a callable that returns the latest valid picture without waiting, or None.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from arbiter.errors import ConfigError, RobotError
from arbiter.slots import LatestSlot
from arbiter.threads import start_thread
from policies.chunk.protocol import CameraFrame

FROZEN_AFTER = 15  # equal pictures in a row: a live sensor's noise differs
BLACK_BELOW = 4.0  # mean of 0..255
THUMB = 16  # pictures are compared by every 16th pixel
RETRY = 0.5  # [s] between attempts to open a camera that has gone
BACKENDS = {"auto": cv2.CAP_ANY, "v4l2": cv2.CAP_V4L2, "gstreamer": cv2.CAP_GSTREAMER, "file": cv2.CAP_FFMPEG}


@dataclass(frozen=True)
class CameraConfig:
    """Settings of a camera.

    Attributes:
        source: Device number, device path, GStreamer pipeline or video file.
        backend: "auto", "v4l2", "gstreamer" or "file"; a file is played in a loop, at its own rate.
        width, height: Of the pictures handed out [pixels]; the middle square of what the camera sends is scaled to it.
        hz: Pictures per second asked of the device.
        exposure: Fixed exposure in the device's own units; None: automatic. A fixed one keeps pictures as in training.
        flip: Turned by 180 degrees: the camera hangs upside down.
    """

    source: str | int = 0
    backend: str = "auto"
    width: int = 224
    height: int = 224
    hz: float = 30.0
    exposure: float | None = None
    flip: bool = False

    def __post_init__(self) -> None:
        if self.backend not in BACKENDS:
            raise ConfigError(f"camera backend {self.backend!r}; allowed: {', '.join(BACKENDS)}")
        if not (1 <= self.width <= 4096 and 1 <= self.height <= 4096 and 0.0 < self.hz <= 240.0):
            raise ConfigError(f"camera of {self.width} x {self.height} pixels at {self.hz:g} Hz; up to 4096 x 4096 at 240 Hz")


class Device(Protocol):
    """What the capture needs of cv2.VideoCapture."""

    def isOpened(self) -> bool: ...
    def read(self) -> tuple[bool, np.ndarray | None]: ...
    def get(self, what: int, /) -> float: ...
    def set(self, what: int, value: float, /) -> bool: ...
    def release(self) -> None: ...


def open_device(config: CameraConfig) -> Device:
    """Opens and configures a capture device. Raises RobotError with the way out."""
    device = cv2.VideoCapture(config.source, BACKENDS[config.backend])
    if not device.isOpened():
        device.release()
        raise RobotError(
            f"camera {config.source!r} ({config.backend}): cannot be opened; is it plugged in, is it in use by "
            "another program, and may you read it (group video)?"
        )
    if config.backend not in ("file", "gstreamer"):
        device.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest picture, not the oldest
        device.set(cv2.CAP_PROP_FPS, config.hz)
        lock_exposure(device, config)
    return device


def lock_exposure(device: Device, config: CameraConfig) -> None:
    """Fixes exposure, gain's automatic and white balance, or leaves them automatic. Raises RobotError if it does not take."""
    if config.exposure is None:
        return
    for automatic in (1.0, 0.25):  # V4L2 and other backends of OpenCV name "manual" differently
        if device.set(cv2.CAP_PROP_AUTO_EXPOSURE, automatic) and device.set(cv2.CAP_PROP_EXPOSURE, config.exposure):
            break
    device.set(cv2.CAP_PROP_AUTO_WB, 0)
    have = device.get(cv2.CAP_PROP_EXPOSURE)
    if abs(have - config.exposure) > 0.02 * max(1.0, abs(config.exposure)):
        raise RobotError(
            f"camera {config.source!r}: exposure stays at {have:g}, {config.exposure:g} was asked for; "
            "`v4l2-ctl --list-ctrls` shows its range, or leave exposure out"
        )


def square(picture: np.ndarray, width: int, height: int, flip: bool = False) -> np.ndarray:
    """The middle of a BGR picture in the shape asked for, RGB, uint8, shape (height, width, 3)."""
    rows, columns = picture.shape[:2]
    scale = min(columns / width, rows / height)
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    x, y = (columns - w) // 2, (rows - h) // 2
    cut = picture[y : y + h, x : x + w]
    if flip:
        cut = cut[::-1, ::-1]
    small = cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_BGR2RGB)


class PictureWatch:
    """Detects invalid pictures: black ones, and a picture that repeats."""

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        self._equal = 0

    def look(self, picture: np.ndarray) -> str:
        """ "" or "camera black" or "camera frozen"."""
        thumb = picture[::THUMB, ::THUMB].copy()
        same = self._last is not None and thumb.shape == self._last.shape and np.array_equal(thumb, self._last)
        self._equal = self._equal + 1 if same else 0
        self._last = thumb
        if float(thumb.mean()) < BLACK_BELOW:
            return "camera black"
        return "camera frozen" if self._equal >= FROZEN_AFTER else ""


class Camera:
    """Captures on a thread; a call returns the latest valid picture without waiting.

    Attributes:
        fault: "", "camera gone", "camera black" or "camera frozen".
        captured, reopened: How many pictures were taken; how often the device was opened anew.
    """

    def __init__(
        self,
        config: CameraConfig,
        opener: Callable[[CameraConfig], Device] = open_device,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Opens the device; raises RobotError if that fails."""
        self.config = config
        self.fault = ""
        self.captured = self.reopened = 0
        self._opener, self._clock = opener, clock
        self._frame: LatestSlot[CameraFrame] = LatestSlot()
        self._watch = PictureWatch()
        device = opener(config)
        self._device: Device | None = device
        self._pace = self._file_pace(device)
        self._stop = threading.Event()
        self._thread = start_thread("camera", self._run)

    def __call__(self) -> CameraFrame | None:
        """The latest picture, RGB; None before the first and while there is a fault."""
        return None if self.fault else self._frame.peek()

    def close(self) -> None:
        """Ends the thread and frees the device. May be called twice."""
        self._stop.set()
        self._thread.join(2.0)

    def _file_pace(self, device: Device) -> float:
        """Seconds between the pictures of a file; 0 for a device, which paces itself."""
        if self.config.backend != "file":
            return 0.0
        hz = device.get(cv2.CAP_PROP_FPS)
        return 1.0 / hz if 1.0 <= hz <= 240.0 else 1.0 / self.config.hz

    def _run(self) -> None:
        while not self._stop.is_set():
            if self._device is None:
                self._reopen()
            else:
                self._capture(self._device)
        if self._device is not None:
            self._device.release()

    def _capture(self, device: Device) -> None:
        begun = self._clock()
        good, picture = device.read()
        stamp = self._clock()  # OpenCV gives no exposure time; reading waits for the picture, so this is its arrival
        if not good or picture is None or picture.ndim != 3:
            self._lost(device)
            return
        self.captured += 1
        image = square(picture, self.config.width, self.config.height, self.config.flip)
        image.setflags(write=False)
        self._frame.put(CameraFrame(stamp, image))
        self.fault = self._watch.look(picture)
        if self._pace:
            self._stop.wait(max(0.0, self._pace - (self._clock() - begun)))

    def _lost(self, device: Device) -> None:
        """A file starts again; a device that has disappeared is opened again after a pause."""
        if self.config.backend == "file" and self.captured and device.set(cv2.CAP_PROP_POS_FRAMES, 0):
            good, _ = device.read()
            if good:
                return
        self.fault = "camera gone"
        device.release()
        self._device = None

    def _reopen(self) -> None:
        if self._stop.wait(RETRY):
            return
        try:
            self._device = self._opener(self.config)
        except RobotError:
            return
        self.reopened += 1
        self._watch = PictureWatch()


def open_camera(config: CameraConfig = CameraConfig()) -> Camera:
    """The head camera. Raises RobotError if it cannot be opened."""
    return Camera(config)


def config_of(source: str) -> CameraConfig | None:
    """What `--camera SOURCE` means: a device's number or path, a video file (played again and again), an address, or "none"."""
    if source == "none":
        return None
    if Path(source).is_file():
        return CameraConfig(source=source, backend="file")
    return CameraConfig(source=int(source) if source.isdigit() else source)


class Blind:
    """Replaces a missing camera: returns no picture."""

    def __call__(self) -> None:
        return None

    def close(self) -> None:
        pass
