"""Grids of phrases with the right answer by construction: shares that must not fall."""

from __future__ import annotations

import pytest

from arbiter.routing import Router
from arbiter.skill import Skill
from skills import builtin_skills
from training.router.evaluate import run
from training.router.figures import share
from training.router.grids import GRIDS, grid

# grid -> at least so many per cent exact, at most so many per cent wrong motion
FLOORS = {
    "conditions": (95, 4),
    "later": (95, 4),
    "politeness": (90, 3),
    "talk": (94, 5),
    "qualifiers": (89, 4),
    "pairs": (90, 4),
    "order": (83, 5),
    "enumerations": (93, 4),
    "repetition": (91, 4),
    "together": (93, 5),
    "negation": (94, 3),
    "corrections": (92, 5),
    "quantities": (94, 4),
    "sides": (90, 4),
    "followups": (96, 2),
    "third_party": (94, 3),
}


@pytest.fixture(scope="module")
def routers() -> dict[tuple[Skill, ...], Router]:
    """By the skills of third parties: a router takes a second to make."""
    return {skills: Router([*builtin_skills(), *skills]) for skills in {grid(name).skills for name in GRIDS}}


def test_every_grid_has_a_floor_and_its_size():
    assert FLOORS.keys() == GRIDS.keys()
    assert all(100 <= len(grid(name).phrases) <= 300 for name in GRIDS)


def test_a_grid_is_the_same_each_time():
    assert all(grid(name) == grid(name) for name in GRIDS)


@pytest.mark.parametrize("name", FLOORS)
def test_a_grid_keeps_its_share(routers, name):
    exact, wrong_motion = FLOORS[name]
    results = run(routers[grid(name).skills], grid(name))
    assert share(results, lambda result: result.exact).percent >= exact
    assert share(results, lambda result: result.wrong_motion).percent <= wrong_motion
