"""The head camera of a simulated robot, as a policy reads it: the latest picture, without waiting."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from arbiter.slots import LatestSlot
from arbiter.threads import start_thread
from arbiter.wall import walled
from deploy.drivers.door import Depicted
from deploy.drivers.sensors.sim_camera import SimCamera
from deploy.drivers.simulated.truth import Pose
from policies.chunk.protocol import CameraFrame


class Eye(Protocol):
    """A head camera."""

    def __call__(self) -> CameraFrame | None:
        """The latest picture, at once."""

    def close(self) -> None:
        """Frees it."""


class NoEye:
    """The eye of a robot without a head camera: never a picture."""

    def __call__(self) -> None:
        return None

    def close(self) -> None:
        """Nothing to free."""


class OwnEye:
    """The head camera of a driver that brings one.

    Args:
        picture: Gives the latest picture, at once; a third party's. One that raises is no picture, and neither is anything else.
    """

    def __init__(self, picture: Callable[[], CameraFrame | None]) -> None:
        self._picture = picture

    def __call__(self) -> CameraFrame | None:
        frame = walled(self._picture).value
        return frame if isinstance(frame, CameraFrame) and isinstance(frame.stamp, float | int) else None

    def close(self) -> None:
        """The driver frees it."""


class LockstepEye:
    """Renders when it is called, at most `hz` times a second of simulated time: repeatable.

    Args:
        robot: The robot with the camera.
        hz: Pictures per second.
    """

    def __init__(self, robot: Depicted, hz: float) -> None:
        self._robot, self._period = robot, 1.0 / hz
        self._camera = SimCamera(robot.mj_model, camera=robot.head_camera)
        self._frame: CameraFrame | None = None

    def __call__(self) -> CameraFrame:
        """The picture of this moment, or of the last period."""
        now = self._robot.time
        if self._frame is None or now - self._frame.stamp >= self._period - 1e-9 or now < self._frame.stamp:
            self._frame = CameraFrame(now, self._camera.render(self._robot.pose))
        return self._frame

    def close(self) -> None:
        """Frees the renderer."""
        self._camera.close()


class ThreadedEye:
    """Renders on a thread of its own while pictures are requested; the tick leaves a pose and takes the last picture.

    Args:
        robot: The robot with the camera.
        hz: Pictures per second.
        idle: Seconds after the last request until it stops rendering.
    """

    def __init__(self, robot: Depicted, hz: float, idle: float = 2.0) -> None:
        self._robot, self._period, self._idle = robot, 1.0 / hz, idle
        self._pose: LatestSlot[tuple[float, Pose]] = LatestSlot()
        self._frame: LatestSlot[CameraFrame] = LatestSlot()
        self._looked = float("-inf")
        self._closed = False
        self._thread = start_thread("camera", self._draw)

    def __call__(self) -> CameraFrame | None:
        """The latest picture; None until the first is drawn."""
        now = time.monotonic()
        self._looked = now
        self._pose.put((now, self._robot.pose))
        return self._frame.peek()

    def observe(self, report) -> None:
        """After each tick: leaves the pose while pictures are requested."""
        if time.monotonic() - self._looked < self._idle:
            self._pose.put((report.now, self._robot.pose))

    def _draw(self) -> None:
        camera = SimCamera(self._robot.mj_model, camera=self._robot.head_camera)
        while not self._closed:
            found = self._pose.take()
            if found is not None:
                stamp, pose = found
                self._frame.put(CameraFrame(stamp, camera.render(pose)))
            time.sleep(self._period if found is not None else 0.005)
        camera.close()

    def close(self) -> None:
        """Ends the thread."""
        self._closed = True
        self._thread.join(1.0)
