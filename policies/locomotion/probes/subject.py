"""A network asked through its card's own observation: a state of the robot in, joint targets out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from arbiter.robot import RobotModel
from arbiter.types import Request, RobotState, frozen
from policies.locomotion.card import PolicyCard
from policies.locomotion.observation import ObservationBuilder

Network = Callable[[np.ndarray], np.ndarray]  # observation, float32, shape (1, size) -> actions, shape (m,)
LEAD = 6  # steps with the same state before the one that is looked at: the command is on its way, histories are full
COUNT = 8  # states of the robot that responses are averaged over
# Standard deviations of these states about the default posture: a robot that walks.
SPREAD_POS, SPREAD_VEL, SPREAD_TILT, SPREAD_RATE = 0.08, 0.4, 0.05, 0.2  # [rad], [rad/s], [rad], [rad/s]
SPREAD_ACTION = 0.3  # of the previous action, in units of the action
COMMANDS = (0.5, 0.2, 0.4)  # x, y [m/s], yaw [rad/s] where the card does not say what it was trained for


@dataclass(frozen=True, slots=True)
class Stimulus:
    """What a network is asked about.

    Attributes:
        state: The robot.
        velocity: The command x, y [m/s], yaw [rad/s], shape (3,).
        action: Its previous action, shape (m,).
        steps: Steps of the policy before it, in which the clock of a gait goes on.
    """

    state: RobotState
    velocity: np.ndarray
    action: np.ndarray
    steps: int = LEAD


class Subject:
    """A network under a card, on a robot.

    Attributes:
        driven: Indices of its joints, robot order, shape (m,).
        history: Steps that it sees at most.
    """

    def __init__(self, card: PolicyCard, model: RobotModel, network: Network) -> None:
        self.card, self.model, self.network = card, model, network
        self.driven = np.array([model.index(joint) for joint in card.joints])
        self._builder = ObservationBuilder(card, model)
        self.history = max(term.history for term in card.observations)
        self._scale = np.array(card.action_scale)

    def observe(self, stimulus: Stimulus, once: RobotState | None = None, age: int = 0) -> np.ndarray:
        """The observation that follows from a state which has stayed the same for a while, shape (1, size).

        `once`: the state for one step only, `age` steps before the last.
        """
        builder, request = self._builder, Request(velocity=frozen(stimulus.velocity))
        builder.reset(stimulus.state)
        for left in reversed(range(max(self.history, stimulus.steps))):
            builder.acted(stimulus.action)
            builder.update(stimulus.state if once is None or left != age else once, request)
        return builder.vector.copy()

    def act(self, stimulus: Stimulus, once: RobotState | None = None, age: int = 0) -> np.ndarray:
        """The action in [rad], shape (m,), order of the card: the target, but for an offset that the card gives."""
        return self._scale * self.network(self.observe(stimulus, once, age))

    def walking(self, seed: int = 0) -> list[Stimulus]:
        """States of a robot that walks, near its default posture."""
        rng, model, card = np.random.default_rng(seed), self.model, self.card
        default, m = np.array(card.default_pos), len(card.joints)
        commands = np.array(card.commands or COMMANDS)
        found = []
        for i in range(COUNT):
            q = np.array(model.default)
            q[self.driven] = default
            q = np.clip(q + SPREAD_POS * rng.standard_normal(model.n), model.lower, model.upper)
            quat = (1.0, *0.5 * SPREAD_TILT * rng.standard_normal(2), 0.0)
            state = RobotState(
                0.0,
                frozen(q),
                frozen(SPREAD_VEL * rng.standard_normal(model.n)),
                frozen(np.array(quat) / np.linalg.norm(quat)),
                frozen(SPREAD_RATE * rng.standard_normal(3)),
                frozen(np.zeros(model.n)),
            )
            action = (q[self.driven] - default) / self._scale + SPREAD_ACTION * rng.standard_normal(m)
            share = rng.uniform(0.3, 0.7, 3) * rng.choice((-1.0, 1.0), 3)
            found.append(Stimulus(state, np.where(np.isfinite(commands), commands, COMMANDS) * share, action, LEAD + 3 * i))
        return found


def turned(state: RobotState, axis: int, angle: float) -> RobotState:
    """The robot turned about its own x, y or z axis by `angle` [rad]."""
    w, x, y, z = state.base_quat
    W, V = np.cos(0.5 * angle), np.sin(0.5 * angle) * np.eye(3)[axis]
    own = np.array((x, y, z))
    quat = (w * W - own @ V, *(w * V + W * own + np.cross(own, V)))
    return replace(state, base_quat=frozen(quat))
