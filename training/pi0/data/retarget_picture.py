"""A picture of a captured motion and of the robot's: stick figures of both, from the front and from the side."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.pi0.data.retarget import Retargeted
from training.pi0.data.skeletons import CHAINS, Directions
from training.pi0.data.upper_body import SIDES

COLUMNS, CELL, MARGIN = 8, 150, 18  # moments, side of one view [px], head line [px]
SHOULDERS, HIPS = 0.18, 0.10  # [m] from the middle
LENGTHS = {"arm": 0.28, "forearm": 0.25, "thigh": 0.42, "shank": 0.42}  # [m]
COLOURS = {"captured": "#2563a8", "robot": "#d9822b"}
VIEWS = (("front", 1, 1.0), ("side", 0, 1.0))  # name, the axis that goes to the right, its sign


def draw(found: Retargeted, file: Path) -> None:
    """Writes the picture: a row for the captured and one for the robot's in each view, moments from left to right."""
    from PIL import Image, ImageDraw

    count = len(next(iter(found.limbs[0].values())))
    moments = np.linspace(0, count - 1, COLUMNS).round().astype(int)
    rows = [(view, who, limbs) for view in VIEWS for who, limbs in zip(COLOURS, found.limbs, strict=True)]
    image = Image.new("RGB", (COLUMNS * CELL, len(rows) * (CELL + MARGIN)), "white")
    pen = ImageDraw.Draw(image)
    for row, ((name, axis, sign), who, limbs) in enumerate(rows):
        top = row * (CELL + MARGIN)
        pen.text((4, top + 3), f"{who}, {name}", fill="black")
        for column, moment in enumerate(moments):
            for line in sticks(limbs, moment):
                points = [
                    (
                        (column + 0.5) * CELL + 0.5 * CELL * sign * (-p[axis] if axis == 1 else p[axis]),
                        top + MARGIN + 0.42 * CELL - 0.42 * CELL * p[2],
                    )
                    for p in line
                ]
                pen.line(points, fill=COLOURS[who], width=3)
    file.parent.mkdir(parents=True, exist_ok=True)
    image.save(file)


def sticks(limbs: Directions, moment: int) -> list[list[np.ndarray]]:
    """The lines of a stick figure with its hips at the origin [m]: x forward, y left, z up."""
    lines = []
    for chain, width, height in ((CHAINS[0], SHOULDERS, 0.5), (CHAINS[1], HIPS, 0.0)):
        ends = []
        for side in SIDES:
            at = np.array((0.0, width if side == "left" else -width, height))
            ends.append(at)
            line = [at]
            for part in chain[:-1]:
                at = at + LENGTHS[part] * limbs[part, side][moment]
                line.append(at)
            lines.append(line)
        lines.append(ends)
    return [*lines, [np.array((0.0, 0.0, 0.0)), np.array((0.0, 0.0, 0.7))]]
