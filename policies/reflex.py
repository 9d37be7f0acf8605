"""Keeps a standing robot upright around whatever posture a policy asks for.

A passive position hold falls: two ankles of 20 N·m/rad cannot hold a body that gravity tips with 85 N·m/rad. The
reflex leans the posture until its weight is over the feet, adds what the joints need to carry it, and answers tilt and
its rate, leg angles and their rates with a linear-quadratic regulator (gains: `policies/balance/gains.py`).
"""

from __future__ import annotations

import bisect
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
        self.legs = np.array([model.index(joint) for joint in data["legs"]])
        self._pitch = [[model.index(f"leg_{side}_{part}_pitch_joint") for side in ("left", "right")]
                       for part in ("hip", "knee", "ankle")]
        self._chain = SagittalChain(*(Segment(**data["chain"][key]) for key in ("shank", "thigh", "trunk")))
        self._weight = GRAVITY * (self._chain.shank.mass + self._chain.thigh.mass + self._chain.trunk.mass)
        self._knees = [knot["knee"] for knot in data["knots"]]
        self._gains = np.array([np.hstack([knot[key] for key in ("pos", "vel", "tilt", "rate")])
                                for knot in data["knots"]])
        self._carry = np.array([knot["carry"] for knot in data["knots"]]) / model.kp[self.legs]
        self._ankle_columns = [data["legs"].index(model.joints[i]) for i in self._pitch[2]]
        self._softness = [[1.0 / float(model.kp[i]) for i in pair] for pair in self._pitch]
        self._motors = [(i, float(model.kp[i]), float(model.kd[i]), float(model.effort[i])) for i in self._pitch[2]]
        self._dt = model.dt
        self._x = np.zeros(self._gains.shape[2])
        self._out = np.zeros(model.n)
        self._asked = [0.0, 0.0]
        self.reset()

    def reset(self) -> None:
        """Forgets the trim: another posture, another place."""
        self._trim = 0.0
        self._fresh = True

    def correction(self, state: RobotState, posture: np.ndarray) -> np.ndarray:
        """What to add to `posture` [rad], shape (n,), zero for all joints but the legs.

        The array is used again by the next call.
        """
        p = posture.item
        (h0, h1), (k0, k1), ankles = self._pitch
        hip, knee, ankle = 0.5 * (p(h0) + p(h1)), 0.5 * (p(k0) + p(k1)), 0.5 * (p(ankles[0]) + p(ankles[1]))
        stance = self._chain.balanced(hip, knee, ankle)
        self._follow_pressure(state, stance.reach)
        lean = stance.ankle - ankle - self._trim
        x, out, legs = self._deviation(state, posture, hip + knee + ankle, lean), self._out, self.legs
        i, share = self._between(knee)
        low, high = self._gains[i:i + 2] @ x
        answer = np.minimum(np.maximum(low + share * (high - low), -LARGEST), LARGEST)
        out[legs] = self._carry[i] + share * (self._carry[i + 1] - self._carry[i]) - answer
        for pair, softness, torque in zip(self._pitch, self._softness, stance.torques, strict=True):
            for joint, soft in zip(pair, softness, strict=True):
                out[joint] += torque * soft
        for side, joint in enumerate(ankles):
            out[joint] += lean
            self._asked[side] = p(joint) + out.item(joint)
        self._fresh = False
        return out

    def _deviation(self, state: RobotState, posture: np.ndarray, pitch: float, lean: float) -> np.ndarray:
        """What the regulator sees: leg angles and rates, roll and pitch and their rates, off the leaning posture."""
        n, x, legs = len(self.legs), self._x, self.legs
        x[:n] = state.joint_pos[legs] - posture[legs]
        for column in self._ankle_columns:
            x[column] -= lean
        x[n:2 * n] = state.joint_vel[legs]
        w, qx, qy, qz = state.base_quat.tolist()
        up = 1.0 - 2.0 * (qx * qx + qy * qy)
        x[2 * n] = math.atan2(2.0 * (qy * qz + w * qx), up)
        x[2 * n + 1] = math.atan2(2.0 * (w * qy - qx * qz), up) + pitch + lean
        x[2 * n + 2:] = state.base_ang_vel[:2]
        return x

    def _between(self, knee: float) -> tuple[int, float]:
        """The knot below a knee angle, and how far it is on the way to the next."""
        k = self._knees
        i = min(max(bisect.bisect_left(k, knee) - 1, 0), len(k) - 2)
        return i, min(max((knee - k[i]) / (k[i + 1] - k[i]), 0.0), 1.0)

    def _follow_pressure(self, state: RobotState, wanted: float) -> None:
        """Leans slowly until the feet press where the balanced posture says: arms out, a load, a slope."""
        if self._fresh:
            return
        torque = 0.0
        for asked, (i, kp, kd, effort) in zip(self._asked, self._motors, strict=True):
            given = kp * (asked - state.joint_pos.item(i)) - kd * state.joint_vel.item(i)
            torque += min(max(given, -effort), effort)
        trim = self._trim + TRIM_RATE * self._dt * (wanted - torque / self._weight)
        self._trim = min(max(trim, -LARGEST_TRIM), LARGEST_TRIM)
