"""Mirrored and recoloured demonstrations."""

from tests.needs import needs

pytestmark = needs("train", "mink")

import numpy as np

from deploy.robots.description import load_model
from training.pi0.data.upper_body import UpperBody
from training.pi0.mirroring import PERMUTATIONS, mirror_joints, mirrored_tasks, other_side, recoloured_tasks


def test_the_mirrored_robot_has_its_hands_where_the_mirror_shows_them():
    model = load_model()
    body, rng = UpperBody(model), np.random.default_rng(0)
    for _ in range(10):
        q = rng.uniform(model.lower, model.upper)
        mirrored = mirror_joints(q, model.joints)
        left, right = body.hands(q)
        np.testing.assert_allclose(body.hands(mirrored), (right * (1, -1, 1), left * (1, -1, 1)), atol=1e-9)
        assert (mirrored >= model.lower - 1e-5).all() and (mirrored <= model.upper + 1e-5).all()
        np.testing.assert_array_equal(mirror_joints(mirrored, model.joints), q)


def test_instructions_change_sides_and_colours():
    tasks = (
        "wave the right hand",
        "wave the left hand",
        "touch the red ball",
        "touch the green ball",
        "bow",
        "point to the left",
    )
    assert other_side("wave the right hand") == "wave the left hand"
    assert mirrored_tasks(tasks).tolist() == [1, 0, 2, 3, 4, -1]
    swap = int(np.flatnonzero((PERMUTATIONS == (1, 0, 2)).all(1))[0])
    assert recoloured_tasks(tasks)[swap].tolist() == [0, 1, 3, 2, 4, 5]
    turn = int(np.flatnonzero((PERMUTATIONS == (2, 0, 1)).all(1))[0])  # red goes to channel 1: it is green now
    assert recoloured_tasks(tasks)[turn].tolist()[:4] == [0, 1, 3, -1]


def test_a_recoloured_picture_shows_the_colour_that_the_instruction_names():
    red = np.zeros((3, 1, 1)) + np.array((0.9, 0.1, 0.1))[:, None, None]
    tasks = ("touch the red ball", "touch the green ball", "touch the blue ball")
    for p, row in zip(PERMUTATIONS, recoloured_tasks(tasks), strict=True):
        assert int(red[p].argmax()) == row[0]
