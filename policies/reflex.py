"""Keeps a standing robot upright around whatever posture a policy asks for.

A passive position hold falls: two ankles of 20 N·m/rad cannot hold a body that gravity tips with 85 N·m/rad. The
reflex leans the posture until its weight is over the feet, adds what the joints need to carry it, and answers tilt and
its rate, leg angles and their rates with a linear-quadratic regulator (gains: `policies/balance/gains.py`).
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from arbiter.errors import ConfigError
from arbiter.robot import RobotModel
from arbiter.types import RobotState
from policies.balance.stance import GRAVITY, SagittalChain, Segment

HERE = Path(__file__).parent / "balance"
LARGEST = 0.45  # [rad] of answer to a disturbance, for each joint
TRIM_RATE = 0.15  # [rad/s] of lean for each metre between the wanted and the measured centre of pressure
LARGEST_TRIM = 0.2  # [rad]


class BalanceReflex:
    """Corrections of the leg targets that keep the robot standing on both feet. Call it once a tick.

    Args:
        model: The robot; gains are looked up by its name. Raises ConfigError if there are none.

    Attributes:
        legs: Indices of the joints that it corrects, shape (12,).
    """

    def __init__(self, model: RobotModel) -> None:
        path = HERE / f"{model.name}.json"
        if not path.is_file():
            known = ", ".join(sorted(file.stem for file in HERE.glob("*.json")))
            raise ConfigError(f"no balance gains for the robot {model.name!r} (there are: {known}); make them with "
                              f"`python -m policies.balance.gains MODEL.xml {model.name}`")
        data = json.loads(path.read_text())
        missing = [joint for joint in data["legs"] if joint not in model.joints]
        if missing:
            raise ConfigError(f"{path.name}: robot {model.name!r} has no joint {missing[0]!r}; make the gains again")
        self._model = model
        self.legs = np.array([model.index(joint) for joint in data["legs"]])
        self._pitch = [[model.index(f"leg_{side}_{part}_pitch_joint") for side in ("left", "right")]
                       for part in ("hip", "knee", "ankle")]
        self._chain = SagittalChain(*(Segment(**data["chain"][key]) for key in ("shank", "thigh", "trunk")))
        self._weight = GRAVITY * (self._chain.shank.mass + self._chain.thigh.mass + self._chain.trunk.mass)
        self._knees = np.array([knot["knee"] for knot in data["knots"]])
        self._gains = np.array([np.hstack([knot[key] for key in ("pos", "vel", "tilt", "rate")])
                                for knot in data["knots"]])
        self._carry = np.array([knot["carry"] for knot in data["knots"]]) / model.kp[self.legs]
        self._x = np.zeros(self._gains.shape[2])
        self._out = np.zeros(model.n)
        self._target = np.zeros(model.n)
        self.reset()

    def reset(self) -> None:
        """Forgets the trim: another posture, another place."""
        self._trim = 0.0
        self._fresh = True

    def correction(self, state: RobotState, posture: np.ndarray) -> np.ndarray:
        """What to add to `posture` [rad], shape (n,), zero for all joints but the legs.

        The array is used again by the next call.
        """
        hips, knees, ankles = self._pitch
        hip, knee, ankle = (0.5 * (posture[pair[0]] + posture[pair[1]]) for pair in self._pitch)
        stance = self._chain.balanced(hip, knee, ankle)
        self._follow_pressure(state, stance.reach)
        lean = stance.ankle - ankle - self._trim
        n = len(self.legs)
        x, out, legs = self._x, self._out, self.legs
        x[:n] = state.joint_pos[legs] - posture[legs]
        x[n:2 * n] = state.joint_vel[legs]
        w, qx, qy, qz = state.base_quat
        down = 2.0 * (qx * qx + qy * qy) - 1.0
        x[2 * n] = math.atan2(2.0 * (qy * qz + w * qx), -down)
        x[2 * n + 1] = math.atan2(2.0 * (w * qy - qx * qz), -down) + hip + knee + ankle + lean
        x[2 * n + 2:] = state.base_ang_vel[:2]
        for i in (0, 1):  # the ankles' reference leans with the body
            x[self._column(ankles[i])] -= lean
        i, share = self._between(knee)
        gain = (1.0 - share) * self._gains[i] + share * self._gains[i + 1]
        carry = (1.0 - share) * self._carry[i] + share * self._carry[i + 1]
        out[legs] = carry - np.minimum(np.maximum(gain @ x, -LARGEST), LARGEST)
        for pair, torque in zip(self._pitch, stance.torques, strict=True):
            for i in pair:
                out[i] += torque / self._model.kp[i]
        for i in ankles:
            out[i] += lean
        np.add(posture, out, out=self._target)
        self._fresh = False
        return out

    def _column(self, joint: int) -> int:
        return joint - int(self.legs[0])

    def _between(self, knee: float) -> tuple[int, float]:
        """The knot below a knee angle, and how far it is on the way to the next."""
        k = self._knees
        i = min(max(int(np.searchsorted(k, knee)) - 1, 0), len(k) - 2)
        return i, min(max((knee - k[i]) / (k[i + 1] - k[i]), 0.0), 1.0)

    def _follow_pressure(self, state: RobotState, wanted: float) -> None:
        """Leans slowly until the feet press where the balanced posture says: arms out, a load, a slope."""
        if self._fresh:
            return
        torque = 0.0
        for i in self._pitch[2]:
            asked = self._model.kp[i] * (self._target[i] - state.joint_pos[i]) - self._model.kd[i] * state.joint_vel[i]
            torque += min(max(asked, -self._model.effort[i]), self._model.effort[i])
        trim = self._trim + TRIM_RATE * self._model.dt * (wanted - torque / self._weight)
        self._trim = min(max(trim, -LARGEST_TRIM), LARGEST_TRIM)
