"""What criteria judge: where a run went, and what it did, tick by tick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Way(Protocol):
    """The path of a run; T ticks.

    Attributes:
        time: [s], shape (T,).
        place: Of the torso's centre of mass, x, y [m], shape (T, 2). yaw: Heading, unwrapped [rad], shape (T,).
        tilt: Of the base [rad], shape (T,).
        drift: By how much the last place may be off because it was not measured on the way [m].
    """

    @property
    def time(self) -> np.ndarray: ...
    @property
    def place(self) -> np.ndarray: ...
    @property
    def yaw(self) -> np.ndarray: ...
    @property
    def tilt(self) -> np.ndarray: ...
    @property
    def drift(self) -> float: ...


class Recording(Way, Protocol):
    """A run, tick by tick; n joints.

    Attributes:
        joint_pos: [rad], shape (T, n), robot order.
        hands: Left and right hand in the base frame [m], shape (T, 2, 3).
        forearms: Directions from elbow to hand in the base frame, shape (T, 2, 3).
        pitch: Of the base, forward positive [rad], shape (T,).
        height: Of the torso's centre of mass [m], shape (T,).
        balls: Centre of each ball in the base frame [m], shape (T, 3), by colour.
        arm_rest: Default posture [rad], shape (n,). arms: Mask of the arm joints, shape (n,).
        standing: Height of the torso's centre of mass when standing in the default posture [m].
        shoulders, head: Heights of the shoulders and of the top of the head in the base frame [m].
        doubt: Largest error of a ball's position [m]. hand_doubt: The same of a hand's.
    """

    @property
    def joint_pos(self) -> np.ndarray: ...
    @property
    def hands(self) -> np.ndarray: ...
    @property
    def forearms(self) -> np.ndarray: ...
    @property
    def pitch(self) -> np.ndarray: ...
    @property
    def height(self) -> np.ndarray: ...
    @property
    def balls(self) -> dict[str, np.ndarray]: ...
    @property
    def arm_rest(self) -> np.ndarray: ...
    @property
    def arms(self) -> np.ndarray: ...
    @property
    def standing(self) -> float: ...
    @property
    def shoulders(self) -> float: ...
    @property
    def head(self) -> float: ...
    @property
    def doubt(self) -> float: ...
    @property
    def hand_doubt(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Trajectory:
    """A recording with every measurement.

    Attributes:
        joint_vel: [rad/s], shape (T, n). The others: see Recording.
    """

    time: np.ndarray
    joint_pos: np.ndarray
    joint_vel: np.ndarray
    hands: np.ndarray
    forearms: np.ndarray
    pitch: np.ndarray
    tilt: np.ndarray
    height: np.ndarray
    place: np.ndarray
    yaw: np.ndarray
    balls: dict[str, np.ndarray]
    arm_rest: np.ndarray
    arms: np.ndarray
    standing: float
    shoulders: float
    head: float
    doubt: float = 0.0
    hand_doubt: float = 0.0
    drift: float = 0.0
