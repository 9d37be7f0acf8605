"""Where rays meet the meshes of a model: MuJoCo's own rays, only where a mesh can be on the picture."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import mujoco
import numpy as np

from deploy.drivers.sensors.visible import MESH, seen

if TYPE_CHECKING:
    from deploy.drivers.sensors.raycast import CameraView

CORNERS = np.array([(x, y, z) for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)])
NEAR = 0.02  # [m] before the camera
BEYOND = 50.0  # [m] at which no mesh is looked for any more


class Meshes:
    """The meshes of a model, for rays."""

    def __init__(self, model: mujoco.MjModel) -> None:
        mesh = (model.geom_type == MESH) & seen(model)
        self._ids = np.flatnonzero(mesh)
        middle, half = np.split(model.geom_aabb[mesh], 2, axis=1)
        self._corners = middle[:, None] + CORNERS * half[:, None]  # of a box around each mesh, geom frame [m], (meshes, 8, 3)
        if self._ids.size:
            self._model = copy.copy(model)  # in which all else is transparent, which rays pass through
            self._model.geom_rgba[~mesh, 3], self._model.geom_matid[~mesh] = 0.0, -1

    def cast(self, view: CameraView, data: mujoco.MjData, position: np.ndarray, rotation: np.ndarray) -> None:
        """Adds to the view where its rays meet a mesh first. `position`, `rotation`: as of RayCaster.render."""
        if not self._ids.size:
            return
        within = np.zeros((view.height, view.width), bool)
        axes = data.geom_xmat[self._ids].reshape(-1, 3, 3)
        corners = np.einsum("kij,kcj->kci", axes, self._corners) + data.geom_xpos[self._ids, None] - position
        for top, bottom, left, right in box_windows(view, corners @ rotation):
            within[top:bottom, left:right] = True
        rows, columns = within.nonzero()
        count = rows.size
        if not count:
            return
        rays = np.ascontiguousarray(view.vec[rows, columns], np.float64)
        hit, dist, normal = np.full(count, -1, np.int32), np.full(count, -1.0), np.zeros((count, 3))
        origin = np.array(position, np.float64)
        mujoco.mj_multiRay(self._model, data, origin, rays.ravel(), None, True, -1, hit, dist, normal.reshape(-1), count, BEYOND)
        nearer = ((hit >= 0) & (dist < view.dist[rows, columns])).nonzero()[0]
        at = rows[nearer], columns[nearer]
        view.dist[at], view.hit[at], view.normal[at] = dist[nearer], hit[nearer], normal[nearer]


def box_windows(view: CameraView, corners: np.ndarray) -> np.ndarray:
    """Part of the picture in which each box can be, as of `windows`; all of it where a corner is beside or behind the camera.

    `corners`: In the camera's frame (right, up, backward) [m], shape (k, 8, 3).
    """
    depth = -corners[..., 2]
    behind = (depth <= NEAR).any(axis=1)
    scale = view.height / (view.edge * np.maximum(depth, NEAR))
    columns = 0.5 * (corners[..., 0] * scale + view.width - 1.0)
    rows = 0.5 * (view.height - corners[..., 1] * scale - 1.0)
    edges = np.array((np.floor(rows.min(1)), np.ceil(rows.max(1)) + 1, np.floor(columns.min(1)), np.ceil(columns.max(1)) + 1))
    edges[:, behind] = np.array((0, view.height, 0, view.width))[:, None]
    edges[:2], edges[2:] = np.clip(edges[:2], 0, view.height), np.clip(edges[2:], 0, view.width)
    return edges.T.astype(np.int64)
