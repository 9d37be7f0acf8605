"""The data that a console shows, and the user's inputs that it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from arbiter.skill import Route

Event = tuple[str, ...]  # ("say", text), ("stop",), ("damp",) or ("reset",)
NOTHING: Mapping[str, tuple[float, float, float]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of a run, as a console shows it.

    Attributes:
        time: Time since the start [s].
        joint_pos: Joint positions [rad], shape (n,), robot order.
        base_pos: Position of the base frame [m], world, shape (3,); zeros if unknown.
        base_quat: Its orientation (w, x, y, z), shape (4,).
        mode: Mode of the safety layer, such as "run".
        reason: Why it is in that mode, "" without a reason.
        stopped: Why it was stopped, until the next instruction; "" if it was not.
        fault: The latched fault, "" if there is none.
        branch: The active branch of the tree, root first.
        owners: Who owns which joints: (joint group, policy).
        instruction: Text of the current instruction.
        route: The router's result for the newest instruction.
        log: The newest events, one line each, the newest last.
        balls: Centre of each ball [m], world, by colour.
        battery: State of charge 0..1, nan unknown.
        place: Where the robot says that it is, "" if it cannot.
        manual: The list of skills, once somebody has asked for help.
    """

    time: float
    joint_pos: np.ndarray
    base_pos: np.ndarray
    base_quat: np.ndarray
    mode: str = ""
    reason: str = ""
    stopped: str = ""
    fault: str = ""
    branch: tuple[str, ...] = ()
    owners: tuple[tuple[str, str], ...] = ()
    instruction: str = ""
    route: Route | None = None
    log: tuple[str, ...] = ()
    balls: Mapping[str, tuple[float, float, float]] = field(default_factory=lambda: NOTHING)
    battery: float = float("nan")
    place: str = ""
    manual: str = ""
