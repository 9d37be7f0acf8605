"""`--video`: films a run from the side, with the instruction and the running skill written below. Needs no OpenGL.

Poses are queued and drawn on a separate thread; those still queued when the run ends are drawn then.
"""

from __future__ import annotations

import queue
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import mujoco
import numpy as np

from arbiter.errors import ConfigError
from arbiter.threads import start_thread
from deploy.drivers.sensors.raycast import RayCaster, look_at
from deploy.drivers.sensors.sim_camera import put
from deploy.drivers.sensors.visible import base_of
from deploy.drivers.simulated.truth import Pose
from deploy.observers.mp4 import Mp4Writer

FIELD = 0.62  # [rad] vertical angle of view
# Of a robot up to TALL; of a taller one farther away and higher in proportion.
TALL = 0.9  # [m]
STAND = np.array((1.95, -1.35, 0.55))  # [m] of the camera from what it looks at
AIM = 0.42  # [m] height that it looks at
FOLLOW = 0.7  # [s] in which the camera catches up with the robot
BAR = 46  # [pixels] height of the caption
INK, PAPER, ACCENT = (245, 246, 248), (28, 31, 37), (242, 140, 40)


@dataclass(frozen=True, slots=True)
class Caption:
    """The text below the picture: the instruction, and the running skill."""

    instruction: str = ""
    skill: str = ""


class Film:
    """An MP4 file (H.264) of the simulated robot. `add` returns at once.

    Attributes:
        frames: Pictures taken so far.
    """

    def __init__(
        self, path: str | Path, model: mujoco.MjModel, *, fps: int = 20, width: int = 640, height: int = 480, tall: float = TALL
    ) -> None:
        """`model`: `SimulatedRobot.mj_model`; `tall`: height of the robot [m]. Raises ConfigError if the file cannot be written
        or PyAV is missing."""
        self._path = Path(path)
        self._fps = fps
        self._writer = Mp4Writer(self._path, fps, width, height + BAR, option="--video")
        self._model = model
        self._size, self._scale = (width, height), max(1.0, tall / TALL)
        self._queue: queue.SimpleQueue[tuple[Pose, Caption] | None] = queue.SimpleQueue()
        self._next = None
        self._thread = start_thread("film", self._draw_all)
        self.frames = 0

    def add(self, pose: Pose, caption: Caption) -> None:
        """Adds a moment of the run; moments that the frame rate does not need are left out."""
        if self._next is None:
            self._next = pose.time
        if pose.time >= self._next - 1e-9:
            self._next += 1.0 / self._fps
            self.frames += 1
            self._queue.put((pose, caption))

    def close(self) -> None:
        """Draws what is left and finishes the file. May be called twice. Raises ConfigError if drawing failed."""
        self._queue.put(None)
        self._thread.join()
        if self._writer.error:
            raise ConfigError(f"--video {self._path}: {self._writer.error}")

    def _draw_all(self) -> None:
        data = mujoco.MjData(self._model)
        caster = RayCaster(self._model, *self._size, FIELD, shadows=True)
        aim: np.ndarray | None = None
        stand, base = self._scale * STAND, base_of(self._model)
        while (item := self._queue.get()) is not None:
            pose, caption = item
            put(self._model, data, pose)
            here = np.array((*data.xpos[base, :2], self._scale * AIM))
            aim = here if aim is None else aim + (here - aim) / (FOLLOW * self._fps)
            picture = caster.render(data, aim + stand, look_at(aim + stand, aim))
            self._writer.add(np.vstack((picture, caption_bar(caption, pose.time, self._size[0]))))
        self._writer.close()


def caption_bar(caption: Caption, time: float, width: int) -> np.ndarray:
    """The strip below the picture, RGB, uint8, shape (BAR, width, 3)."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (width, BAR), PAPER)
    draw = ImageDraw.Draw(image)
    large, small = font(17), font(13)
    clock = f"{time:6.1f} s"
    room = width - 24 - draw.textlength(clock, small) - 12
    draw.text((12, 4), shortened(caption.instruction and f"“{caption.instruction}”", room, draw, large), INK, large)
    draw.text((12, 26), shortened(caption.skill, room, draw, small), ACCENT, small)
    draw.text((width - 12 - draw.textlength(clock, small), 15), clock, INK, small)
    return np.asarray(image)


@lru_cache
def font(size: int):
    """Pillow's own font."""
    from PIL import ImageFont

    return ImageFont.load_default(size)


def shortened(text: str, room: float, draw, font) -> str:
    """As much of the text as fits into `room` pixels."""
    if draw.textlength(text, font) <= room:
        return text
    while text and draw.textlength(text + "…", font) > room:
        text = text[:-1]
    return text + "…"
