"""`--viewer native`: MuJoCo's own window. It only displays; instructions come from standard input."""

from __future__ import annotations

import os
import sys

import mujoco
import numpy as np

from arbiter.errors import ConfigError
from arbiter.robot import RobotModel
from deploy.console.snapshot import Event, Snapshot
from deploy.drivers.simulated.scene import Scene, compile_scene
from deploy.robots.mjcf import set_posture
from deploy.robots.roles import find_roles

HZ = 30.0  # pictures a second


class NativeViewer:
    """A window that follows the robot. Draws on MuJoCo's thread; the calls return at once.

    Attributes:
        address: What to tell the user.
    """

    address = "MuJoCo's window is open"

    def __init__(self, model: RobotModel) -> None:
        """Raises ConfigError where no window can be opened."""
        if not has_display():
            raise ConfigError(
                "--viewer native: there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set); "
                "use --viewer web, or --video FILE.mp4"
            )
        import mujoco.viewer

        self._model = compile_scene(model, Scene(), 0.002)
        self._data = mujoco.MjData(self._model)
        try:
            self._window = mujoco.viewer.launch_passive(self._model, self._data, show_left_ui=False, show_right_ui=False)
        except RuntimeError as error:  # macOS wants mjpython; elsewhere OpenGL may be missing
            raise ConfigError(f"--viewer native: {error}; use --viewer web") from error
        self._window.cam.type = mujoco.mjtCamera.mjCAMERA_TRACKING
        self._window.cam.trackbodyid = find_roles(self._model, model).base
        self._window.cam.distance, self._window.cam.azimuth, self._window.cam.elevation = 2.4, 140.0, -12.0
        self._shown = -np.inf

    def publish(self, snapshot: Snapshot) -> None:
        """Shows the snapshot, at most `HZ` times per second of run time."""
        if not self._window.is_running() or snapshot.time - self._shown < 1.0 / HZ:
            return
        if not (np.isfinite(snapshot.joint_pos).all() and np.isfinite(snapshot.base_quat).all()):
            return  # a broken sensor: the picture stays
        self._shown = snapshot.time
        with self._window.lock():
            data = self._data
            set_posture(data, snapshot.base_pos, snapshot.base_quat, snapshot.joint_pos)
            for colour, centre in snapshot.balls.items():
                data.mocap_pos[self._model.body(f"ball_{colour}").mocapid[0]] = centre
            mujoco.mj_forward(self._model, data)
        self._window.sync()

    def poll(self) -> list[Event]:
        """No inputs: the window only displays."""
        return []

    def close(self) -> None:
        """Closes the window. May be called twice."""
        self._window.close()


def has_display() -> bool:
    """Whether a window can be opened here."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
