"""Pictures of a MuJoCo scene by ray casting: no OpenGL, no display, no GPU, repeatable bit for bit.

Rays are intersected with the primitive shapes directly, each shape only where it can be on the picture. (MuJoCo's own
mj_multiRay is slower with this many shapes, and its culling by angles was seen to lose some of them.) Meshes are left to it:
its rays find their triangles by a tree, some microseconds each.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from deploy.drivers.sensors.mesh_rays import Meshes
from deploy.drivers.sensors.shapes import SHAPES, TINY
from deploy.drivers.sensors.visible import base_of, colours, seen
from deploy.drivers.simulated.scene import FLOOR_DARK, FLOOR_LIGHT, TILE

LAMP = np.array((2.6, -3.4, 7.5), np.float32)  # [m] from the base of the robot
AMBIENT, DIFFUSE, GLOSS = 0.52, 0.52, 0.20
SHADE = 0.35  # share of the diffuse light that is left in the shadow
HORIZON = np.array((0.90, 0.93, 0.96), np.float32)
TILES = np.array((FLOOR_LIGHT, FLOOR_DARK), np.float32)
ZENITH = np.array((0.52, 0.67, 0.84), np.float32)
FAR = 14.0  # [m] at which the floor has faded into the horizon
LAMP_TARGET = np.array((0.0, 0.0, 0.4), np.float32)  # [m] what its own view looks at, from the base
SHADOW_REACH = 1.3  # [m] around the base in which the floor is looked at for shadows
MAP, MAP_FIELD = 256, 0.34  # pixels and angle [rad] of the lamp's own view of the robot, for shadows
BIAS = 0.012  # [m] by which a point may lie behind what the lamp sees and still be lit


@dataclass(slots=True)
class CameraView:
    """A camera with square pixels, and what its rays met. float32: a picture needs no more, and takes half the time.

    Attributes:
        width, height: [pixels].
        edge: Tangent of half the vertical angle of view.
        rays: Unit vectors through the pixels in the camera's frame (right, up, backward), shape (height, width, 3).
        vec: The same in the world.
        dist: Distance to the nearest surface [m], inf for the sky, shape (height, width).
        hit: Geom id, -1 for the sky, shape (height, width).
        normal: Outward unit normal there, world, shape (height, width, 3).
    """

    width: int
    height: int
    edge: float
    rays: np.ndarray
    vec: np.ndarray
    dist: np.ndarray
    hit: np.ndarray
    normal: np.ndarray


def new_view(width: int, height: int, vertical_field: float) -> CameraView:
    """`vertical_field`: angle from the top to the bottom edge [rad]."""
    edge = np.tan(0.5 * vertical_field)
    up = edge * (1.0 - (2.0 * np.arange(height) + 1.0) / height)
    right = edge * ((2.0 * np.arange(width) + 1.0) - width) / height
    rays = np.empty((height, width, 3))
    rays[..., 0], rays[..., 1], rays[..., 2] = right, up[:, None], -1.0
    rays /= np.linalg.norm(rays, axis=2, keepdims=True)
    rays = rays.astype(np.float32)
    return CameraView(
        width,
        height,
        edge,
        rays,
        np.empty_like(rays),
        np.empty((height, width), np.float32),
        np.empty((height, width), np.int32),
        np.empty_like(rays),
    )


class RayCaster:
    """Draws the scene of a compiled model. Keeps buffers: one thread at a time."""

    def __init__(self, model: mujoco.MjModel, width: int, height: int, vertical_field: float, shadows: bool = False) -> None:
        """`vertical_field`: angle of view from the top to the bottom edge [rad]."""
        self._view = new_view(width, height, vertical_field)
        self._lamp_view = new_view(MAP, MAP, MAP_FIELD) if shadows else None
        self._meshes = Meshes(model)
        self._size = model.geom_size.astype(np.float32)
        self._bound = model.geom_rbound
        self._type = model.geom_type
        solid = np.isin(model.geom_type, [int(kind) for kind in SHAPES])
        self._solid = np.flatnonzero(solid & seen(model))
        self._base = base_of(model)
        self._lamp, self._lamp_axes = LAMP, np.eye(3, dtype=np.float32)
        self._floor = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_GEOM, "floor")
        self._colours = colours(model)[:, :3].astype(np.float32)

    def render(self, data: mujoco.MjData, position: np.ndarray, rotation: np.ndarray) -> np.ndarray:
        """RGB, uint8, shape (height, width, 3), of `data` after mj_kinematics.

        `position`: Of the camera [m], world, shape (3,). `rotation`: Its axes right, up, backward as the columns of a
        (3, 3) matrix.
        """
        view, position = self._view, np.asarray(position, np.float32)
        self._cast(view, data, position, np.asarray(rotation))
        base = np.array((*data.xpos[self._base, :2], 0.0), np.float32)
        self._lamp = (base + LAMP).astype(np.float32)
        if self._lamp_view is not None:
            axes = look_at(self._lamp, base + LAMP_TARGET)
            self._cast(self._lamp_view, data, self._lamp, axes)
            self._lamp_axes = axes.astype(np.float32)
        picture = np.empty((view.hit.size, 3), np.float32)
        hit, vec, dist = view.hit.reshape(-1), view.vec.reshape(-1, 3), view.dist.reshape(-1)
        on_floor, on_sky = hit == self._floor, hit < 0
        sky, floor, solid = (mask.nonzero()[0] for mask in (on_sky, on_floor, ~(on_sky | on_floor)))
        picture[sky] = self._sky(vec[sky, 2])
        picture[floor] = self._ground(position[:2] + dist[floor, None] * vec[floor, :2], base, dist[floor])
        points = position + dist[solid, None] * vec[solid]
        picture[solid] = self._surface(points, vec[solid], view.normal.reshape(-1, 3)[solid], hit[solid])
        np.minimum(picture, 1.0, out=picture)
        picture *= 255.0
        picture += 0.5
        return picture.astype(np.uint8).reshape(view.vec.shape)

    def _cast(self, view: CameraView, data: mujoco.MjData, position: np.ndarray, rotation: np.ndarray) -> None:
        """Fills the view with what its rays meet first."""
        np.matmul(view.rays.reshape(-1, 3), rotation.T.astype(np.float32), out=view.vec.reshape(-1, 3))
        down = view.vec[..., 2] < -1e-6
        on_floor = down if self._floor >= 0 and position[2] > 0.0 else np.zeros_like(down)
        view.dist[:] = np.inf
        np.divide(-position[2], view.vec[..., 2], out=view.dist, where=on_floor)
        view.hit[:] = np.where(on_floor, self._floor, -1)
        view.normal[:] = (0.0, 0.0, 1.0)
        centres = (data.geom_xpos[self._solid] - position) @ rotation
        for geom, (top, bottom, left, right) in zip(self._solid, windows(view, centres, self._bound[self._solid]), strict=True):
            if top < bottom and left < right:
                self._cast_at(view, data, int(geom), position, (slice(top, bottom), slice(left, right)))
        self._meshes.cast(view, data, position, rotation)

    def _cast_at(self, view: CameraView, data: mujoco.MjData, geom: int, position: np.ndarray, window) -> None:
        intersect, normal = SHAPES[mujoco.mjtGeom(self._type[geom])]
        matrix = data.geom_xmat[geom].reshape(3, 3).astype(np.float32)
        origin = matrix.T @ (position - data.geom_xpos[geom]).astype(np.float32)
        local = (view.vec[window] @ matrix).reshape(-1, 3)
        dist = intersect(origin, local, self._size[geom])
        nearer = (dist < view.dist[window].reshape(-1)).nonzero()[0]
        if nearer.size == 0:
            return
        surface = unit(normal(origin + dist[nearer, None] * local[nearer], self._size[geom]))
        rows, columns = np.divmod(nearer, window[1].stop - window[1].start)
        rows += window[0].start
        columns += window[1].start
        view.dist[rows, columns] = dist[nearer]
        view.hit[rows, columns] = geom
        view.normal[rows, columns] = surface @ matrix.T

    def _sky(self, up: np.ndarray) -> np.ndarray:
        """Colours of the sky in directions whose upward part is `up`, shape (k,)."""
        return HORIZON + np.clip(1.6 * up, 0.0, 1.0).astype(np.float32)[:, None] * (ZENITH - HORIZON)

    def _ground(self, points: np.ndarray, base: np.ndarray, dist: np.ndarray) -> np.ndarray:
        """Colours of the floor at `points` (x, y) [m], shape (k, 2), seen from `dist` [m]: a checker that fades."""
        offset = points - self._lamp[:2]
        away = np.sqrt(np.einsum("ij,ij->i", offset, offset) + self._lamp[2] ** 2)
        light = self._lamp[2] / away
        if self._lamp_view is not None:
            near = np.abs(points - base[:2]).max(axis=1) < SHADOW_REACH
            lifted = np.column_stack((points[near], np.full(int(near.sum()), BIAS, np.float32)))
            light[near] *= SHADE + (1.0 - SHADE) * self._lit(self._lamp_view, lifted)
        faded = np.square(np.minimum(np.float32(1.0), dist / np.float32(FAR)))
        own = (1.0 - faded) * (AMBIENT + DIFFUSE * light).astype(np.float32)
        dark = checker(points)
        colour = np.empty((len(points), 3), np.float32)
        for channel in range(3):  # one at a time: half the time of arrays of three
            tile = np.where(dark, TILES[1, channel], TILES[0, channel])
            np.add(tile * own, faded * HORIZON[channel], out=colour[:, channel])
        return colour

    def _surface(self, points: np.ndarray, vec: np.ndarray, normal: np.ndarray, hit: np.ndarray) -> np.ndarray:
        """Colours of shapes at `points` [m], shape (k, 3), under one lamp: ambient, diffuse and a little gloss."""
        to_lamp = unit(self._lamp - points)
        facing = np.maximum(0.0, np.einsum("ij,ij->i", normal, to_lamp))
        gloss = np.maximum(0.0, np.einsum("ij,ij->i", normal, unit(to_lamp - vec))) ** 32
        if self._lamp_view is not None:
            # Moved off the surface, so that it does not shade itself.
            lit = SHADE + (1.0 - SHADE) * self._lit(self._lamp_view, points + BIAS * normal)
            facing *= lit
            gloss *= lit
        colour = self._colours[hit] * (AMBIENT + DIFFUSE * facing).astype(np.float32)[:, None]
        colour += (GLOSS * gloss).astype(np.float32)[:, None]
        return colour

    def _lit(self, view: CameraView, points: np.ndarray) -> np.ndarray:
        """How much of the lamp each point sees, 0..1: `view`, what the lamp itself sees, decides (a shadow map)."""
        local = (points - self._lamp) @ self._lamp_axes
        away = np.sqrt(np.einsum("ij,ij->i", local, local)) - BIAS
        scale = view.height / (view.edge * -local[:, 2])
        x = 0.5 * (local[:, 0] * scale + view.width - 1.0)
        y = 0.5 * (view.height - local[:, 1] * scale - 1.0)
        lit = np.zeros(len(points), np.float32)
        for dx, dy in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)):  # four looks soften the edge
            column = np.clip(x + dx, 0, view.width - 1).astype(np.int32)
            row = np.clip(y + dy, 0, view.height - 1).astype(np.int32)
            lit += away < view.dist[row, column]
        beyond = (x < 0.0) | (x > view.width - 1.0) | (y < 0.0) | (y > view.height - 1.0)
        return np.where(beyond, 1.0, 0.25 * lit)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1, shape (k, 3)."""
    return vectors / np.sqrt(np.einsum("ij,ij->i", vectors, vectors) + TINY)[:, None]


def windows(view: CameraView, centres: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Part of the picture in which each sphere can be: rows from, to, columns from, to; empty when it is not seen.

    `centres`: In the camera's frame (right, up, backward) [m], shape (k, 3). `radii`: [m], shape (k,).
    """
    depth = -centres[:, 2]
    bounds = []
    for across in (centres[:, 0], centres[:, 1]):
        away = np.hypot(across, depth)
        spread = np.arcsin(np.minimum(1.0, radii / np.maximum(away, 1e-9)))
        middle = np.arctan2(across, depth)
        limit = 0.5 * np.pi - 1e-3
        bounds.append(np.tan(np.clip((middle - spread, middle + spread), -limit, limit)) / view.edge)
    near = np.hypot(np.hypot(centres[:, 0], centres[:, 1]), depth) <= radii
    columns = 0.5 * (bounds[0] * view.height + view.width - 1.0)
    rows = 0.5 * ((1.0 - bounds[1][::-1]) * view.height - 1.0)
    edges = np.array((np.floor(rows[0]), np.ceil(rows[1]) + 1, np.floor(columns[0]), np.ceil(columns[1]) + 1))
    edges[:, near] = np.array((0, view.height, 0, view.width))[:, None]
    edges[:, depth < -radii] = 0
    edges[:2] = np.clip(edges[:2], 0, view.height)
    edges[2:] = np.clip(edges[2:], 0, view.width)
    return edges.T.astype(np.int64)


def checker(points: np.ndarray) -> np.ndarray:
    """Whether the floor's square at `points` (x, y) [m] is a dark one, bool, shape (k,)."""
    x, y = (np.floor(points[:, axis] * np.float32(1.0 / TILE)).astype(np.int32) for axis in (0, 1))
    return ((x + y) & 1).astype(bool)


def look_at(position: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Axes right, up, backward, as columns, of an upright camera at `position` that looks at `target` [m]."""
    backward = np.subtract(position, target, dtype=np.float64)
    backward /= np.linalg.norm(backward)
    right = np.cross((0.0, 0.0, 1.0), backward)
    right /= np.linalg.norm(right)
    return np.column_stack((right, np.cross(backward, right), backward))
