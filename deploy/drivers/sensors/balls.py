"""Finds coloured balls in the head camera's picture: where they are, from their colour and their known size.

A ball covers a cone of rays. The cone's axis is the mean of its rays, weighted by the solid angle of each pixel; its half
angle follows from their sum, and the distance from that and the ball's radius. No lens model is needed but the field of view.
"""

from __future__ import annotations

import math
from textwrap import shorten

import mujoco
import numpy as np

from arbiter.aside import Aside
from arbiter.ball_memory import blind
from arbiter.robot import RobotModel
from arbiter.sight_camera import SightCamera
from arbiter.types import Sighting
from arbiter.wall import walled
from deploy.drivers.sensors.detector import BUILT_IN, BallDetector, checked
from deploy.drivers.simulated.scene import BALL_COLOURS, BALL_RADIUS
from deploy.robots.mjcf import open_spec, standing_data
from deploy.robots.roles import find_roles
from policies.chunk.pictures import picture_problem
from policies.chunk.protocol import CameraFrame

LEAST_PIXELS = 12  # fewer are a speck, no ball
ALIKE = 0.2  # largest difference to a ball's own hue, see `_hue`
VIVID = 50  # of 255, between the strongest and the weakest channel of a coloured pixel
STALE = 0.5  # [s] age at which a picture tells nothing about now
KEPT = 1.2  # [s] that a sighting counts as the newest: what is remembered of the robot's own motion reaches as far back
LONGEST = 200  # letters of a detector's error that are told
ROUND = 0.9  # narrow over wide side of what is seen of a ball; less: a part of it is hidden


class BallFinder:
    """Args:
    camera: Whose pictures they are.
    """

    def __init__(self, camera: SightCamera) -> None:
        self._position, self._rotation, self._edge = camera.position, camera.rotation, math.tan(0.5 * camera.field)
        self._shape: tuple[int, int] = (0, 0)
        colours = np.array([BALL_COLOURS[colour][:3] for colour in BALL_COLOURS])
        self._own = _hue(colours)

    def find(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Centre of each ball that is seen whole or nearly so [m], base frame, by colour.

        Args:
            image: RGB, uint8, shape (height, width, 3).
        """
        if image.shape[:2] != self._shape:
            self._look_through(*image.shape[:2])
        red, green, blue = image[..., 0], image[..., 1], image[..., 2]
        most, least = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
        vivid = np.flatnonzero(most - least > VIVID)  # grey pixels, nearly all of them, are sorted out first
        hues = _hue(image.reshape(-1, 3)[vivid])
        found = {}
        for colour, own in zip(BALL_COLOURS, self._own, strict=True):
            like = vivid[np.abs(hues - own).max(axis=1) < ALIKE]
            centre = self._centre(like)
            if centre is not None:
                found[colour] = centre
        return found

    def _look_through(self, height: int, width: int) -> None:
        """Rays and solid angles of the pixels."""
        up = self._edge * (1.0 - (2.0 * np.arange(height) + 1.0) / height)
        right = self._edge * ((2.0 * np.arange(width) + 1.0) - width) / height
        rays = np.stack(np.broadcast_arrays(right[None, :], up[:, None], -1.0), -1).reshape(-1, 3)
        length = np.linalg.norm(rays, axis=1)
        self._rays = (rays / length[:, None]) @ self._rotation.T
        self._solid = (2.0 * self._edge / height) ** 2 / length**3
        self._shape = (height, width)

    def _centre(self, pixels: np.ndarray) -> np.ndarray | None:
        """Where the ball is that these pixels show; None for no ball."""
        if len(pixels) < LEAST_PIXELS:
            return None
        pixels = self._cluster(pixels)
        if len(pixels) < LEAST_PIXELS:
            return None
        rays, solid = self._rays[pixels], self._solid[pixels]
        whole = float(solid.sum())
        axis = solid @ rays
        axis /= np.linalg.norm(axis)
        across = rays - (rays @ axis)[:, None] * axis
        _, narrow, wide = np.linalg.eigvalsh((across * solid[:, None]).T @ across)
        if narrow < ROUND * ROUND * wide:
            return None
        cosine = 1.0 - whole / (2.0 * math.pi)
        return self._position + axis * (BALL_RADIUS / math.sqrt(max(1.0 - cosine * cosine, 1e-9)))

    def _cluster(self, pixels: np.ndarray) -> np.ndarray:
        """The pixels of the largest ball among them: specks of the same colour elsewhere are left out."""
        rays, solid = self._rays[pixels], self._solid[pixels]
        axis = np.median(rays, axis=0)
        keep = np.ones(len(pixels), bool)
        for _ in range(3):
            axis /= np.linalg.norm(axis)
            half = math.acos(max(-1.0, 1.0 - float(solid[keep].sum()) / (2.0 * math.pi)))
            keep = rays @ axis > math.cos(1.5 * half)
            if not keep.any():
                return pixels[:0]
            axis = solid[keep] @ rays[keep]
        return pixels[keep]


def _hue(colours: np.ndarray) -> np.ndarray:
    """Channels between the weakest, 0, and the strongest, 1: neither brightness nor a white gloss changes it; shape (k, 3)."""
    values = colours.astype(np.float32)
    values -= values.min(axis=1, keepdims=True)
    return values / values.max(axis=1, keepdims=True)


def camera_of(robot: RobotModel) -> SightCamera | None:
    """A robot's head camera; None for a robot without one."""
    model = open_spec(robot).compile()
    roles = find_roles(model, robot)
    if not roles.head_camera:
        return None
    data = standing_data(model, robot, np.zeros(robot.n))
    mujoco.mj_camlight(model, data)
    camera = model.camera(roles.head_camera).id
    turn = data.xmat[roles.base].reshape(3, 3)
    position = (data.cam_xpos[camera] - data.xpos[roles.base]) @ turn
    return SightCamera(position, turn.T @ data.cam_xmat[camera].reshape(3, 3), float(np.radians(model.cam_fovy[camera])))


def finder_of(robot: RobotModel) -> BallFinder | None:
    """The finder of a robot's head camera; None for a robot without one."""
    camera = camera_of(robot)
    return None if camera is None else BallFinder(camera)


class Sight:
    """The balls in the head camera's latest picture; each picture is analysed once, on request.

    Args:
        camera: The latest picture at once, or None.
        finder: Finds the balls; None: the robot has no camera.
        aside: Where a third party's finder is asked, which may take a while; None: at once.
        name: Of the finder, for its errors.
    """

    def __init__(self, camera, finder: BallDetector | None, aside: Aside | None = None, name: str = BUILT_IN) -> None:
        self._camera, self._finder, self._aside, self._name = camera, finder, aside, name
        self._seen: Sighting | None = None
        self._new: list[tuple] = []

    def __call__(self, now: float) -> Sighting | None:
        """The newest sighting, or why the finder failed in its picture; None without one of the last KEPT seconds."""
        found = self._look(now, self._finder) if self._finder is not None else None if self._fresh(now) else blind(now)
        if found is not None:
            self._seen = found
            self._new.append(("sight", found))
        return self._seen if self._fresh(now) else None

    def _fresh(self, now: float) -> bool:
        return self._seen is not None and now - self._seen.stamp <= KEPT

    def _look(self, now: float, finder: BallDetector) -> Sighting | None:
        """What is in a picture that is new, or in an earlier one that was still looked at; None: not known yet."""
        frame: CameraFrame | None = self._camera()
        if frame is None or now - frame.stamp > STALE or (self._seen is not None and frame.stamp == self._seen.stamp):
            return None
        if wrong := picture_problem(frame.image):
            return Sighting(frame.stamp, {}, f"the head camera: {wrong}")

        def find() -> Sighting:
            return Sighting(frame.stamp, checked(finder.find(frame.image)))

        answer = walled(find) if self._aside is None else self._aside.ask(find)
        if answer is None or answer.value is not None:
            return None if answer is None else answer.value
        return Sighting(frame.stamp, {}, f"the detector {self._name} fails: {shorten(answer.error, LONGEST)}")

    def take(self) -> list[tuple]:
        """Sightings since the last call, as inputs of a trace."""
        new, self._new = self._new, []
        return new

    def close(self) -> None:
        """Lets a third party's finder go."""
        if self._aside is not None:
            self._aside.close()
