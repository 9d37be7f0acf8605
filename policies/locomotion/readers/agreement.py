"""Whether two files say the same, as far as the rounding of their writers goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

ABSOLUTE, RELATIVE = 6e-4, 6e-3  # mjlab writes three decimals, unitree_rl_lab three digits


def same(one: Any, two: Any) -> bool:
    """Whether two values say the same: numbers as near as rounding has them, one number for a list of equal ones."""
    try:
        a, b = np.broadcast_arrays(np.asarray(one, float), np.asarray(two, float))
    except (TypeError, ValueError):
        return one == two or [*_list(one)] == [*_list(two)]
    return all(close(x, y) for x, y in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True))


def _list(value: Any) -> Sequence:
    return value if isinstance(value, list | tuple) else [value]


def close(one: float, two: float) -> bool:
    return one == two or abs(one - two) <= ABSOLUTE + RELATIVE * max(abs(one), abs(two))
