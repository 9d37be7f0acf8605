"""Which geoms of a model a picture shows, their colours, and the bodies that it cannot show."""

from __future__ import annotations

import mujoco
import numpy as np

from deploy.drivers.sensors.shapes import SHAPES

SEEN_GROUPS = (0, 1, 2)  # group 3 holds the shapes for contacts
MESH = int(mujoco.mjtGeom.mjGEOM_MESH)
PLAIN = np.array((0.5, 0.5, 0.5, 1.0), np.float32)  # MuJoCo's own colour of a geom that has none


def base_of(model: mujoco.MjModel) -> int:
    """Id of the body that lamp and shadow follow: the one with the free joint, else the first."""
    return int(model.jnt_bodyid[0]) if model.njnt and model.jnt_type[0] == mujoco.mjtJoint.mjJNT_FREE else min(1, model.nbody - 1)


def colours(model: mujoco.MjModel) -> np.ndarray:
    """RGBA of each geom, its material's where it has one and no colour of its own, shape (geoms, 4)."""
    found = np.array(model.geom_rgba)
    plain = (model.geom_matid >= 0) & (found == PLAIN).all(axis=1)
    found[plain] = model.mat_rgba[model.geom_matid[plain]]
    return found


def seen(model: mujoco.MjModel) -> np.ndarray:
    """Which geoms a picture shows, if it can draw their kind, bool, shape (geoms,)."""
    return np.isin(model.geom_group, SEEN_GROUPS) & (colours(model)[:, 3] > 0.0)


def not_drawn(model: mujoco.MjModel) -> list[str]:
    """Bodies of which a picture shows nothing although they have a shape."""
    kinds = [*(int(kind) for kind in SHAPES), MESH, int(mujoco.mjtGeom.mjGEOM_PLANE)]
    drawn = set(model.geom_bodyid[seen(model) & np.isin(model.geom_type, kinds)].tolist())
    return [model.body(body).name for body in sorted(set(model.geom_bodyid.tolist()) - drawn)]


def hidden(model: mujoco.MjModel) -> list[str]:
    """A warning that names what no picture shows; none where all is shown."""
    bodies = not_drawn(model)
    return [f"warning: not drawn in film and camera: {', '.join(bodies)}"] if bodies else []
