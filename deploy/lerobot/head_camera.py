"""The head camera among LeRobot's cameras: the rig's own, or one by number, path or address."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np

from arbiter.errors import ConfigError, RobotError
from arbiter.slots import LatestSlot
from arbiter.threads import start_thread
from deploy.drivers.door import Depicted
from deploy.drivers.sensors.camera import config_of, open_camera
from deploy.drivers.sensors.sim_camera import SimCamera
from deploy.drivers.simulated.truth import Pose
from policies.chunk.pictures import picture_problem
from policies.chunk.protocol import CameraFrame

NAME = "head_camera"
AUTO, RIG, NONE = "auto", "rig", "none"
SIDE = 224  # [px]
HZ = 25.0
FIRST, OLDEST = 5.0, 0.5  # [s] how long the first picture may take; how old one may be


class RigEye:
    """Draws what the rig's robot sees, on a thread of its own.

    Args:
        robot: The rig's robot; its pose is read by `note` only, on the thread that moves it.
    """

    def __init__(self, robot: Depicted) -> None:
        self._robot, self._noted = robot, -np.inf
        self._pose: LatestSlot[tuple[float, Pose]] = LatestSlot()
        self._frame: LatestSlot[CameraFrame] = LatestSlot()
        self._closed = threading.Event()
        self._thread = start_thread("rig camera", self._draw)

    def __call__(self) -> CameraFrame | None:
        return self._frame.peek()

    def note(self) -> None:
        """The robot has moved."""
        now = time.monotonic()
        if now - self._noted >= 0.9 / HZ:
            self._noted = now
            self._pose.put((now, self._robot.pose))

    def _draw(self) -> None:
        camera = SimCamera(self._robot.mj_model, camera=self._robot.head_camera, width=SIDE, height=SIDE)
        while not self._closed.wait(0.002):
            found = self._pose.take()
            if found is not None:
                self._frame.put(CameraFrame(found[0], camera.render(found[1])))
        camera.close()

    def close(self) -> None:
        """Ends the thread."""
        self._closed.set()
        self._thread.join(2.0)


class HeadCamera:
    """What LeRobot asks of a camera, in front of this project's head cameras.

    Attributes:
        height, width: Of its pictures [px].
    """

    height = width = SIDE

    def __init__(self, source: str) -> None:
        """`source`: "rig", or as `--camera` of deploy.run: a device's number or path, a video file, an address."""
        self.source = source
        self._eye: Callable[[], CameraFrame | None] | None = None
        self._close: Callable[[], None] = lambda: None

    @property
    def is_connected(self) -> bool:
        return self._eye is not None

    def connect(self, rig: RigEye | None = None) -> None:
        """Waits for the first picture. Raises RobotError. `rig`: the rig's own."""
        if rig is None:
            config = config_of(self.source)
            if config is None:
                raise RobotError(f"head camera: {self.source!r} is no camera")
            camera = open_camera(config)
            self._eye, self._close = camera, camera.close
        else:
            self._eye, self._close = rig, rig.close
        deadline = time.monotonic() + FIRST
        while self._eye() is None:
            if time.monotonic() > deadline:
                self.disconnect()
                raise RobotError(f"head camera {self.source}: no picture within {FIRST:g} s; is the lens covered, is it in use?")
            time.sleep(0.01)

    def read_latest(self) -> np.ndarray:
        """The latest picture, RGB, uint8, shape (height, width, 3). Raises RobotError for an old one or none."""
        frame = self._eye() if self._eye is not None else None
        age = np.inf if frame is None else time.monotonic() - frame.stamp
        if frame is None or age > OLDEST:
            raise RobotError(f"head camera {self.source}: no picture of the last {OLDEST:g} s; look at its cable and its light")
        if wrong := picture_problem(frame.image):
            raise RobotError(f"head camera {self.source}: {wrong}")
        return frame.image

    def disconnect(self) -> None:
        """Frees it. May be called twice."""
        close, self._eye, self._close = self._close, None, lambda: None
        close()


def source_of(said: str, rig: bool, body: str) -> str:
    """Where pictures come from: "rig", "none", or what --camera takes. Raises ConfigError for a rig that has none."""
    if said == AUTO:
        return RIG if rig and body == "mujoco" else NONE
    if said == RIG and not (rig and body == "mujoco"):
        raise ConfigError("robot.head_camera is 'rig'; that is for robot.rig=true with robot.rig_body=mujoco")
    return said
