"""A locomotion policy in an ONNX file that describes itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from arbiter.errors import PolicyError
from arbiter.policy import Policy
from arbiter.robot import RobotModel
from arbiter.types import JointTarget, Request, RobotState, frozen
from policies.engine import Provider
from policies.locomotion.actions import ActionMeaning
from policies.locomotion.card import PolicyCard, check_card, read_card
from policies.locomotion.observation import ObservationBuilder
from policies.onnx_network import Network


class OnnxPolicy:
    """Acts at its own rate under the tick: a 25 Hz policy under a 50 Hz tick acts every other tick and holds between.

    Args:
        path: The ONNX file; its card is read from its metadata, or from a YAML file beside it.
        model: The robot. Raises ConfigError if the card does not fit it.
        card: A card, or the path of a YAML file with one, for a file without metadata.
        name: Name in the run; None: that of the card.
        threads: Threads of the inference.
        provider: "cpu", "cuda" or "tensorrt".
    """

    kind = "locomotion"

    def __init__(
        self,
        path: str | Path,
        model: RobotModel,
        *,
        card: PolicyCard | str | Path | None = None,
        name: str | None = None,
        threads: int = 1,
        provider: Provider = "cpu",
    ) -> None:
        self._made = (path, model, threads, provider)
        self.card = card if isinstance(card, PolicyCard) else read_card(path, card, model)
        check_card(self.card, model, path)
        self.name, self.rate_hz = name or self.card.name, self.card.rate_hz
        self.commands, self.takes = self.card.commands, self.card.takes
        self._driven = np.array([model.index(joint) for joint in self.card.joints])
        self.joints = frozen(np.isin(np.arange(model.n), self._driven), bool)
        self._rest = model.default
        self._actions = ActionMeaning(self.card, model)
        kp, kd = np.array(model.kp), np.array(model.kd)
        kp[self._driven], kd[self._driven] = self.card.kp, self.card.kd
        self._kp, self._kd = frozen(kp), frozen(kd)
        self._every = round(model.control_hz / self.card.rate_hz)
        self._observation = ObservationBuilder(self.card, model)
        self._network = Network(
            path,
            self.card.input,
            self.card.output,
            self._observation.vector,
            len(self.card.joints),
            [(state.input, state.output) for state in self.card.recurrent],
            threads=threads,
            provider=provider,
        )
        self._network.run()  # the first run of a session is slow
        self._forget()

    def _forget(self) -> None:
        self._tick = 0
        self._target: JointTarget | None = None
        self._at = float("nan")
        self._network.forget()

    def reset(self, state: RobotState, now: float) -> None:
        """Fills the histories with `state`; no action yet, and nothing remembered."""
        self._forget()
        self._observation.reset(state)

    def warm(self, state: RobotState, request: Request, now: float) -> bool:
        """Lets the histories, and what a recurrent network remembers, follow the robot. Ready at once: `reset` filled them.
        Raises PolicyError as `act` does."""
        if self._tick % self._every == 0:
            if self.card.recurrent:
                self._observation.remember(self._actions.seen(self._infer(state, request)))
            else:
                self._observation.update(state, request)
        self._tick += 1
        return True

    def act(self, state: RobotState, request: Request, now: float) -> JointTarget:
        """The target of this tick. Raises PolicyError if an observation or an action is not finite."""
        target = self._target
        if now == self._at and target is not None:
            return target
        if target is None:
            self._tick = 0
        if target is None or self._tick % self._every == 0:
            target = self._target = self._step(state, request)
        self._tick += 1
        self._at = now
        return target

    def _step(self, state: RobotState, request: Request) -> JointTarget:
        action = self._infer(state, request)
        self._observation.acted(self._actions.seen(action))
        self._base = self._actions.base(state.joint_pos)
        return self._meant(action, self._base)

    def _infer(self, state: RobotState, request: Request) -> np.ndarray:
        """One step of the network."""
        observation = self._observation
        observation.update(state, request)
        if bad := observation.not_finite():
            raise PolicyError(f"policy {self.name}: observation {bad} is not finite; check the sensors behind it")
        action = self._network.run()[0]
        if np.count_nonzero(np.isfinite(action)) != action.size:
            joint = self.card.joints[int(np.argmin(np.isfinite(action)))]
            raise PolicyError(f"policy {self.name}: its action for {joint} is not finite")
        return action

    def _meant(self, action: np.ndarray, base: np.ndarray) -> JointTarget:
        """What an action of the network asks of the joints, from `base` [rad] on."""
        q = self._rest.copy()
        q[self._driven] = self._actions.target(action, base)
        q.setflags(write=False)
        return JointTarget(q, self._kp, self._kd, self.joints)

    def spare(self) -> OnnxPolicy:
        """The same weights in a session and a memory of their own: what is left of the walk when this one fails."""
        path, model, threads, provider = self._made
        return OnnxPolicy(path, model, card=self.card, name=f"{self.name}_spare", threads=threads, provider=provider)

    def resume(self, failed: Policy, state: RobotState, now: float) -> None:
        """Goes on where `failed` left off: its gait phase, histories, last action and what it remembers, as far as they are
        sane; where it is another kind of policy, it steps in place until it has found its stance."""
        self.reset(state, now)
        if isinstance(failed, OnnxPolicy) and failed.card == self.card:
            self._observation.copy(failed._observation)
            self._tick = failed._tick if failed._target is not None else 0
            right, memory = self._repeat(failed)
            self._network.remember(memory)
            self._target = right if self._tick % self._every else None
        else:
            self._observation.step_in_place()

    def recompute(self, policy: Policy) -> JointTarget | None:
        """See `arbiter.policy.Recomputing`: the same weights, in this session, on the observation of `policy`, and on what that
        one remembered before it."""
        if not isinstance(policy, OnnxPolicy) or policy.card != self.card:
            return None
        memory = self._network.memory
        target, _ = self._repeat(policy)
        self._network.remember(memory)
        return target

    def _repeat(self, policy: OnnxPolicy) -> tuple[JointTarget | None, tuple[np.ndarray, ...]]:
        """The last step of `policy` in this session: its target, and what is remembered after it; before its first step None,
        and what it remembers."""
        if policy._target is None:
            return None, policy._network.memory
        vector, mine, network = self._observation.vector, self._observation.vector.copy(), self._network
        vector[:] = policy._observation.vector
        network.remember(policy._network.memory_before)
        action = network.run()[0].copy()
        vector[:] = mine
        return self._meant(action, policy._base), network.memory

    def release(self) -> None:
        """Nothing runs in the background."""

    def close(self) -> None:
        """Nothing to free beyond memory."""
