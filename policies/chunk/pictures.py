"""The one check of a picture, at every door that takes one: server, client, backends, recorder, LeRobot's plug-in."""

from __future__ import annotations

import numpy as np

LARGEST_SIDE = 4096  # [px]
EXPECTED = f"uint8 (height, width, 3), RGB, of 1 to {LARGEST_SIDE} pixels a side is expected"


def picture_problem(image: object) -> str:
    """What is wrong with a picture, with the conversion that would help; "" if it can be used."""
    if not isinstance(image, np.ndarray):
        return f"the picture is a {type(image).__name__}; {EXPECTED}"
    said = f"the picture is {image.dtype} {image.shape}; {EXPECTED}"
    if image.ndim == 4 and len(image) == 1:
        return f"{said}: take it out of its batch, picture[0]"
    if image.ndim != 3 or not image.size or max(image.shape) > LARGEST_SIDE:
        return said
    if image.shape[2] != 3:
        if image.shape[0] == 3:
            return f"{said}: channels come last, picture.transpose(1, 2, 0)"
        return f"{said}: leave alpha out, picture[..., :3]" if image.shape[2] == 4 else said
    if image.dtype != np.uint8:
        return f"{said}: of values from 0 to 1, (picture * 255).round().astype(np.uint8)" if image.dtype.kind == "f" else said
    return ""
