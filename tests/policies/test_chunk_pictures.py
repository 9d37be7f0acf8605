"""One check of pictures, and the doors that use it."""

import numpy as np
import pytest

from policies.chunk.pictures import picture_problem


@pytest.mark.parametrize(
    ("image", "text"),
    [
        (np.zeros((0, 0, 3), np.uint8), r"uint8 (0, 0, 3); uint8 (height, width, 3)"),
        (np.zeros((0, 5, 3), np.uint8), "uint8 (0, 5, 3)"),
        (np.zeros((3, 24, 32), np.uint8), "channels come last, picture.transpose(1, 2, 0)"),
        (np.zeros((24, 32, 3), np.float32), "(picture * 255).round().astype(np.uint8)"),
        (np.zeros((1, 24, 32, 3), np.uint8), "take it out of its batch, picture[0]"),
        (np.zeros((24, 32, 4), np.uint8), "leave alpha out, picture[..., :3]"),
        (np.zeros((24, 32), np.uint8), "uint8 (24, 32)"),
        (np.zeros((24, 32, 3), np.int64), "int64"),
        (np.zeros((2, 5000, 3), np.uint8), "of 1 to 4096 pixels a side"),
        ([[0]], "the picture is a list"),
    ],
)
def test_what_is_no_picture_is_said_with_the_conversion(image, text):
    assert text in picture_problem(image)


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 3, 3), (480, 640, 3), (3, 200, 3)])
def test_pictures_pass(shape):
    assert picture_problem(np.zeros(shape, np.uint8)) == ""
