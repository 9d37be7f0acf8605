"""Keeps a standing robot upright around whatever posture a policy asks for.

A passive position hold falls: two ankles of 20 N·m/rad cannot hold a body that gravity tips with 85 N·m/rad. The
reflex leans the posture until its weight is over the feet, adds what the joints need to carry it, and answers tilt and
its rate, leg angles and their rates with a linear-quadratic regulator (gains: `policies/fallback/balance/gains.py`). It
holds the weight of a body: a leg in the air, which is far lighter, it would shake. So while a robot may still hang in its
harness it answers only with feet on the ground: where the knees push as hard as the weight asks for, and the ankles do not
turn as they are pushed. The ankles alone are not enough evidence: oscillating at their torque limit they turn too little.
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
from policies.fallback.balance.stance import GRAVITY, SagittalChain, Segment

GAINS = "balance.json"  # in the robot's folder
LARGEST = 0.45  # [rad] of answer to a disturbance, for each joint
TRIM_RATE = 0.15  # [rad/s] of lean for each metre between the wanted and the measured centre of pressure
LARGEST_TRIM = 0.2  # [rad]
# An ankle in the air turns as its motor pushes it; one on the ground does not.
MEMORY = 0.85  # a tick's evidence is worth so much in the next
DOUBT = 0.03  # [rad²/s²] of pushes: with less the feet count as on the ground
GROUNDED, FLYING = 0.4, 0.8  # of the change of speed that a change of push asks for: full answer below, none above
CERTAIN = 50  # ticks on the ground after which it is not asked any more
LOAD_RATE = 0.1  # of the way, per tick, that the measured load follows what the knees push
HANGING, CARRYING = 0.4, 0.8  # of the weight on the legs: no answer below, full answer above
LIGHT = 0.5  # [N·m] for a knee; where the weight asks for less it tells nothing
LEANING = 0.03  # [rad] off the wanted tilt; a robot that leans and
TIPPING, FALLING = 0.1, 0.3  # [rad/s] turns further is answered whatever its ankles do: not below, fully above


def gains_of(model: RobotModel) -> Path | None:
    """The gains in a robot's folder; None where there are none."""
    path = None if model.folder is None else model.folder / GAINS
    return path if path is not None and path.is_file() and model.body is not None else None


class BalanceReflex:
    """Corrections of the leg targets that keep the robot standing on both feet. Call it once a tick.

    Args:
        model: The robot; its gains are in its folder. Raises ConfigError if there are none.

    Attributes:
        legs: Indices of the joints that it corrects, shape (12,).
    """

    def __init__(self, model: RobotModel) -> None:
        path = gains_of(model)
        if path is None:
            raise ConfigError(
                f"no balance gains for the robot {model.name!r}: its folder has no {GAINS}; make it with `python -m deploy.robot "
                "balance FOLDER`, or let something else stand: `stand: posture` or a policy's name in robot.yaml"
            )
        data = json.loads(path.read_text())
        missing = [joint for joint in data["legs"] if joint not in model.joints]
        if missing:
            raise ConfigError(f"{path.name}: robot {model.name!r} has no joint {missing[0]!r}; make the gains again")
        self.legs = np.array([model.index(joint) for joint in data["legs"]])
        body = model.known_body
        self._pitch = [part.tolist() for part in (body.hips, body.knees, body.ankles)]
        self._chain = SagittalChain(*(Segment(**data["chain"][key]) for key in ("shank", "thigh", "trunk")))
        self._weight = GRAVITY * (self._chain.shank.mass + self._chain.thigh.mass + self._chain.trunk.mass)
        self._knees = [knot["knee"] for knot in data["knots"]]
        self._gains = np.array([np.hstack([knot[key] for key in ("pos", "vel", "tilt", "rate")]) for knot in data["knots"]])
        self._carry = np.array([knot["carry"] for knot in data["knots"]]) / model.kp[self.legs]
        self._ankle_columns = [data["legs"].index(model.joints[i]) for i in self._pitch[2]]
        self._softness = [[1.0 / float(model.kp[i]) for i in pair] for pair in self._pitch]
        self._ankles, self._knee_motors = (
            [(i, float(model.kp[i]), float(model.kd[i]), float(model.effort[i])) for i in pair]
            for pair in (self._pitch[2], self._pitch[1])
        )
        self._dt = model.dt
        self._x = np.zeros(self._gains.shape[2])
        self._out = np.zeros(model.n)
        self._asked, self._bent = [0.0, 0.0], [0.0, 0.0]
        self.reset()

    def reset(self) -> None:
        """Forgets the trim: another posture, another place. The feet are on the ground."""
        self._trim = 0.0
        self._may_hang, self._sure = False, 0
        self._followed = self._pushed = self._load = 0.0
        self._push, self._speed = [0.0, 0.0], [0.0, 0.0]
        self._fresh = True

    def may_hang(self, may: bool) -> None:
        """Whether the feet may be in the air; it looks until it is certain that they are not."""
        self._may_hang, self._sure, self._load = may, 0, 0.0

    def correction(self, state: RobotState, posture: np.ndarray) -> np.ndarray:
        """What to add to `posture` [rad], shape (n,), zero for all joints but the legs.

        The array is used again by the next call.
        """
        p = posture.item
        (h0, h1), (k0, k1), ankles = self._pitch
        hip, knee, ankle = 0.5 * (p(h0) + p(h1)), 0.5 * (p(k0) + p(k1)), 0.5 * (p(ankles[0]) + p(ankles[1]))
        stance = self._chain.balanced(hip, knee, ankle)
        loaded = self._loaded(state, stance.torques[1])
        grounded = loaded * self._grounded(state, loaded)
        self._follow_pressure(state, stance.reach, grounded)
        lean = stance.ankle - ankle - self._trim
        x, out, legs = self._deviation(state, posture, hip + knee + ankle, lean), self._out, self.legs
        i, share = self._between(knee)
        weight = max(grounded, loaded * self._tipping(x))
        low, high = self._gains[i : i + 2] @ x
        answer = np.minimum(np.maximum(low + share * (high - low), -LARGEST), LARGEST)
        out[legs] = self._carry[i] + share * (self._carry[i + 1] - self._carry[i]) - weight * answer
        for pair, softness, torque in zip(self._pitch, self._softness, stance.torques, strict=True):
            for joint, soft in zip(pair, softness, strict=True):
                out[joint] += torque * soft
        for side, joint in enumerate(ankles):
            out[joint] += lean
            self._asked[side] = p(joint) + out.item(joint)
        for side, joint in enumerate(self._pitch[1]):
            self._bent[side] = p(joint) + out.item(joint)
        self._fresh = False
        return out

    def _deviation(self, state: RobotState, posture: np.ndarray, pitch: float, lean: float) -> np.ndarray:
        """What the regulator sees: leg angles and rates, roll and pitch and their rates, off the leaning posture."""
        n, x, legs = len(self.legs), self._x, self.legs
        x[:n] = state.joint_pos[legs] - posture[legs]
        for column in self._ankle_columns:
            x[column] -= lean
        x[n : 2 * n] = state.joint_vel[legs]
        w, qx, qy, qz = state.base_quat.tolist()
        up = 1.0 - 2.0 * (qx * qx + qy * qy)
        x[2 * n] = math.atan2(2.0 * (qy * qz + w * qx), up)
        x[2 * n + 1] = math.atan2(2.0 * (w * qy - qx * qz), up) + pitch + lean
        x[2 * n + 2 :] = state.base_ang_vel[:2]
        return x

    def _between(self, knee: float) -> tuple[int, float]:
        """The knot below a knee angle, and how far it is on the way to the next."""
        k = self._knees
        i = min(max(bisect.bisect_left(k, knee) - 1, 0), len(k) - 2)
        return i, min(max((knee - k[i]) / (k[i + 1] - k[i]), 0.0), 1.0)

    def _loaded(self, state: RobotState, weight: float) -> float:
        """1 if the knees carry the `weight` [N·m of one knee], 0 if they hang."""
        if not self._may_hang:
            return 1.0
        if self._fresh or abs(weight) < LIGHT:
            return 0.0 if self._fresh else 1.0
        given = sum(_torque(motor, asked, state) for motor, asked in zip(self._knee_motors, self._bent, strict=True))
        self._load += LOAD_RATE * (given / (2.0 * weight) - self._load)
        return min(max((self._load - HANGING) / (CARRYING - HANGING), 0.0), 1.0)

    def _grounded(self, state: RobotState, loaded: float) -> float:
        """1 where the ankles do not turn as they are pushed, 0 in the air."""
        if not self._may_hang:
            return 1.0
        self._followed *= MEMORY
        self._pushed *= MEMORY
        for side, (i, kp, kd, effort) in enumerate(self._ankles):
            speed, push = state.joint_vel.item(i), 0.0
            if not self._fresh:
                push = min(max(kp * (self._asked[side] - state.joint_pos.item(i)), -effort), effort) / kd
                change = push - self._push[side]
                self._followed += change * (speed - self._speed[side])
                self._pushed += change * change
            self._push[side], self._speed[side] = push, speed
        weight = min(max((FLYING - self._followed / (self._pushed + DOUBT)) / (FLYING - GROUNDED), 0.0), 1.0)
        self._sure = self._sure + 1 if weight == loaded == 1.0 and self._pushed > DOUBT else 0
        self._may_hang = self._sure < CERTAIN
        return weight

    def _tipping(self, x: np.ndarray) -> float:
        """1 if the body falls over, 0 if it does not."""
        roll, pitch, roll_rate, pitch_rate = x[2 * len(self.legs) :].tolist()
        rate = max(
            math.copysign(1.0, tilt) * rate if abs(tilt) > LEANING else 0.0
            for tilt, rate in ((roll, roll_rate), (pitch, pitch_rate))
        )
        return min(max((rate - TIPPING) / (FALLING - TIPPING), 0.0), 1.0)

    def _follow_pressure(self, state: RobotState, wanted: float, grounded: float) -> None:
        """Leans slowly until the feet press where the balanced posture says: arms out, a load, a slope."""
        if self._fresh:
            return
        torque = sum(_torque(motor, asked, state) for motor, asked in zip(self._ankles, self._asked, strict=True))
        trim = self._trim + grounded * TRIM_RATE * self._dt * (wanted - torque / self._weight)
        self._trim = min(max(trim, -LARGEST_TRIM), LARGEST_TRIM)


def _torque(motor: tuple[int, float, float, float], asked: float, state: RobotState) -> float:
    """What a motor (joint, kp, kd, effort) gives for the target `asked` [rad], in N·m."""
    i, kp, kd, effort = motor
    return min(max(kp * (asked - state.joint_pos.item(i)) - kd * state.joint_vel.item(i), -effort), effort)
