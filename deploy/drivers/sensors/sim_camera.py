"""The head camera of the simulated robot."""

from __future__ import annotations

import os
import sys
from typing import Literal

import mujoco
import numpy as np

from arbiter.errors import RobotError
from deploy.drivers.sensors.raycast import RayCaster
from deploy.drivers.simulated.truth import Pose

RENDERERS = ("rays", "opengl", "auto")
LARGEST = 2048  # [pixels] along an edge
# What missing libraries, a missing display and a missing driver were seen to raise on the way to an OpenGL context.
GL_ERRORS = (mujoco.FatalError, mujoco.UnexpectedError, RuntimeError, ImportError, AttributeError, OSError, ValueError)


class SimCamera:
    """Pictures from a camera of the model. Keeps its own simulation data, so it may work on a thread of its own; one
    thread at a time.

    Attributes:
        renderer: "rays" or "opengl", whichever draws.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        *,
        camera: str = "head",
        width: int = 224,
        height: int = 224,
        renderer: Literal["rays", "opengl", "auto"] = "rays",
        shadows: bool = False,
    ) -> None:
        """`model`: `SimulatedRobot.mj_model`. `renderer`: "rays" works everywhere and is repeatable; "opengl" is
        MuJoCo's; "auto" takes OpenGL where it starts. `shadows` is for rays; OpenGL always draws them."""
        names = [model.camera(i).name for i in range(model.ncam)]
        if camera not in names:
            raise RobotError(f"camera {camera!r}: the model has none by that name; it has: {', '.join(names)}")
        if renderer not in RENDERERS:
            raise RobotError(f"renderer {renderer!r}; allowed: {', '.join(RENDERERS)}")
        if not (1 <= width <= LARGEST and 1 <= height <= LARGEST):
            raise RobotError(f"picture of {width} x {height} pixels; 1 to {LARGEST} along each edge are possible")
        self._model = model
        self._data = mujoco.MjData(model)
        self._camera = model.camera(camera).id
        self._gl = self._start_gl(width, height, renderer) if renderer != "rays" else None
        self.renderer = "rays" if self._gl is None else "opengl"
        self._caster = RayCaster(model, width, height, np.radians(model.cam_fovy[self._camera]), shadows)

    def render(self, pose: Pose) -> np.ndarray:
        """What the camera sees, RGB, uint8, shape (height, width, 3)."""
        data = self._data
        put(self._model, data, pose)
        if self._gl is not None:
            self._gl.update_scene(data, camera=self._camera)
            return self._gl.render()
        return self._caster.render(data, data.cam_xpos[self._camera], data.cam_xmat[self._camera].reshape(3, 3))

    def close(self) -> None:
        """Gives OpenGL back. May be called twice."""
        if self._gl is not None:
            self._gl.close()
            self._gl = None
            self.renderer = "rays"

    def _start_gl(self, width: int, height: int, renderer: str) -> mujoco.Renderer | None:
        try:
            if not gl_can_start():  # without a display, GLFW ends the whole process at its second attempt
                raise RobotError("there is no display, and MUJOCO_GL names no way to do without one")
            return mujoco.Renderer(self._model, height, width)
        except (*GL_ERRORS, RobotError) as error:
            if renderer == "auto":
                return None
            raise RobotError(
                f"renderer 'opengl': OpenGL does not start here ({error}); install libegl1 and "
                "libgl1-mesa-dri and set MUJOCO_GL=egl, or use renderer 'rays'"
            ) from error


def gl_can_start() -> bool:
    """Whether it is safe to try OpenGL: there is a display, or MUJOCO_GL names a way that needs none."""
    if sys.platform != "linux" or os.environ.get("MUJOCO_GL", "").lower() in ("egl", "osmesa"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def put(model: mujoco.MjModel, data: mujoco.MjData, pose: Pose) -> None:
    """Sets `data` to `pose` and places every shape, camera and light."""
    data.time = pose.time
    data.qpos[:] = pose.qpos
    data.mocap_pos[:] = pose.mocap_pos
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    mujoco.mj_camlight(model, data)
