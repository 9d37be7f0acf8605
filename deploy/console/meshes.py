"""Triangles for the shapes of a MuJoCo body, one mesh a colour, for viewers that draw meshes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import mujoco
import numpy as np
import trimesh

from deploy.drivers.sensors.visible import colours, seen

GRAIN = 0.002  # [m]: what is finer in a mesh is left out, a browser has to load it
AROUND = 18  # corners around a round shape


@dataclass(frozen=True, slots=True)
class BodyMesh:
    """Triangles of one colour that move with a body.

    Attributes:
        body: Body id.
        vertices: [m], body frame, shape (v, 3). faces: Indices, shape (f, 3).
        colour: RGB 0..255.
    """

    body: int
    vertices: np.ndarray
    faces: np.ndarray
    colour: tuple[int, int, int]


def body_meshes(model: mujoco.MjModel) -> list[BodyMesh]:
    """Everything that is seen of the model but its floor."""
    shown, rgba = seen(model), colours(model)
    parts: dict[tuple[int, tuple[int, int, int]], list[trimesh.Trimesh]] = {}
    for geom in range(model.ngeom):
        if shown[geom] and model.geom_type[geom] != mujoco.mjtGeom.mjGEOM_PLANE:
            red, green, blue = (int(round(255 * c)) for c in rgba[geom, :3])
            parts.setdefault((int(model.geom_bodyid[geom]), (red, green, blue)), []).append(geom_mesh(model, geom))
    found = []
    for (body, colour), meshes in parts.items():
        whole = cast(trimesh.Trimesh, trimesh.util.concatenate(meshes))  # meshes make a mesh
        found.append(BodyMesh(body, np.asarray(whole.vertices, np.float32), np.asarray(whole.faces), colour))
    return found


def geom_mesh(model: mujoco.MjModel, geom: int) -> trimesh.Trimesh:
    """One shape, in the frame of its body."""
    size, kind = model.geom_size[geom], model.geom_type[geom]
    if kind == mujoco.mjtGeom.mjGEOM_SPHERE:
        mesh = trimesh.creation.icosphere(subdivisions=2, radius=size[0])
    elif kind == mujoco.mjtGeom.mjGEOM_ELLIPSOID:
        mesh = trimesh.creation.icosphere(subdivisions=2)
        mesh.apply_scale(size)
    elif kind == mujoco.mjtGeom.mjGEOM_CAPSULE:
        mesh = trimesh.creation.capsule(height=2.0 * size[1], radius=size[0], count=[AROUND, AROUND // 2])
        mesh.apply_translation((0.0, 0.0, -mesh.bounds.mean(axis=0)[2]))  # trimesh puts one end at the origin
    elif kind == mujoco.mjtGeom.mjGEOM_CYLINDER:
        mesh = trimesh.creation.cylinder(radius=size[0], height=2.0 * size[1], sections=AROUND)
    elif kind == mujoco.mjtGeom.mjGEOM_MESH:
        mesh = _coarse(model, int(model.geom_dataid[geom]))
    else:
        mesh = trimesh.creation.box(extents=2.0 * size)
    pose = np.eye(4)
    matrix = np.zeros(9)
    mujoco.mju_quat2Mat(matrix, model.geom_quat[geom])
    pose[:3, :3], pose[:3, 3] = matrix.reshape(3, 3), model.geom_pos[geom]
    mesh.apply_transform(pose)
    return mesh


def _coarse(model: mujoco.MjModel, mesh: int) -> trimesh.Trimesh:
    """A mesh whose vertices within the same GRAIN are one."""
    vertices = model.mesh_vert[model.mesh_vertadr[mesh] :][: model.mesh_vertnum[mesh]]
    faces = model.mesh_face[model.mesh_faceadr[mesh] :][: model.mesh_facenum[mesh]]
    _, first, which = np.unique(np.round(vertices / GRAIN), axis=0, return_index=True, return_inverse=True)
    faces = which.reshape(-1)[faces]
    kept = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    return trimesh.Trimesh(vertices[first], faces[kept], process=False)
