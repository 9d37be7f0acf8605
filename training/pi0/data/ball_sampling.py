"""Samples ball positions that a hand can reach and the head camera sees."""

from __future__ import annotations

import numpy as np

from training.pi0.data.experts import nearer_side, reach_for
from training.pi0.data.upper_body import SIDES, UpperBody

LOW, HIGH = np.array((0.20, 0.05, 0.50)), np.array((0.36, 0.30, 0.80))  # [m] x, |y|, z in the base frame
REACHED = 0.006  # [m] largest error of the inverse kinematics
HELD = 0.012  # [m] largest sag of the hand under gravity where targets reach the joints' limits
APART = 0.09  # [m] between two balls
APART_IN_VIEW = 0.15  # [rad] between two balls as the camera sees them
# The head camera in the base frame, near enough for choosing places.
CAMERA = np.array((0.1, 0.0, 0.93))  # [m]
VIEW = np.array(((0.66, 0.0, -0.751), (0.0, -1.0, 0.0), (0.751, 0.0, 0.66)))  # rows: ahead, right, up
HALF_FIELD = 0.75  # [rad] from the middle of the picture to its edge
EDGE = 0.1  # [rad] from the edge to a ball's centre: the whole ball is in the picture
TRIES = 2000


def held_distance(body: UpperBody, q: np.ndarray, point: np.ndarray) -> float:
    """Static distance between the hand and `point` [m] at posture `q`, with position targets limited to the joints' ranges."""
    model = body.model
    sag = body.gravity(q) / model.kp
    rests = np.clip(q + sag, model.lower, model.upper) - sag
    return float(np.linalg.norm(body.hands(rests)[SIDES.index(nearer_side(point))] - point))


def touchable(body: UpperBody, point: np.ndarray) -> bool:
    """Whether the hand on the point's side can reach `point` [m, base frame] and hold it there."""
    q, left = reach_for(body, point)
    return left <= REACHED and held_distance(body, q, point) <= HELD


def in_picture(point: np.ndarray) -> bool:
    """Whether a ball at `point` [m, base frame] lies wholly inside the head camera's picture."""
    ahead, right, up = VIEW @ (point - CAMERA)
    return ahead > 0.0 and max(abs(right), abs(up)) < np.tan(HALF_FIELD - EDGE) * ahead


def apart_in_view(points: list[np.ndarray]) -> bool:
    """Whether no two of the points overlap in the camera's picture."""
    rays = [(point - CAMERA) / np.linalg.norm(point - CAMERA) for point in points]
    return all(
        np.linalg.norm(a - b) > APART and np.arccos(np.clip(u @ v, -1.0, 1.0)) > APART_IN_VIEW
        for i, (a, u) in enumerate(zip(points, rays, strict=True))
        for b, v in list(zip(points, rays, strict=True))[:i]
    )


def random_point(rng: np.random.Generator) -> np.ndarray:
    """A point in the box in front of the robot [m, base frame], shape (3,); it may be out of reach."""
    point = rng.uniform(LOW, HIGH)
    point[1] *= rng.choice((-1.0, 1.0))
    return point


def place(body: UpperBody, rng: np.random.Generator, colours: tuple[str, ...]) -> dict[str, np.ndarray]:
    """A random touchable position [m, base frame], shape (3,), for each colour. Raises RuntimeError if none is found."""
    points: list[np.ndarray] = []
    for _ in range(TRIES):
        point = random_point(rng)
        if in_picture(point) and apart_in_view([*points, point]) and touchable(body, point):
            points.append(point)
        if len(points) == len(colours):
            return dict(zip(colours, points, strict=True))
    raise RuntimeError(f"no touchable places for {len(colours)} balls in {TRIES} tries")
