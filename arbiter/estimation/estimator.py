"""Estimates where the base is, once a tick, from what is believed of the readings: a contact-aided Kalman filter.

The accelerometer carries the velocity on from tick to tick; soles that carry, by the torques of their joints, hold it. A sole
whose speed does not go together with the base's counts less: it slips. Where no foot has carried for a while the robot is in
somebody's hands, or lies: the estimate comes to rest, and says so.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace

import numpy as np

from arbiter.estimation.alignment import Alignment, Moment
from arbiter.estimation.contact_filter import B, ContactFilter, V
from arbiter.estimation.heading import Heading, Stillness
from arbiter.estimation.leg_posture import Legs
from arbiter.estimation.rotation import IDENTITY, Rows, Vector, back, cross, rows_of, turn, yaw_of
from arbiter.estimation.sole import Sole
from arbiter.estimation.spread import Spread
from arbiter.robot import RobotModel
from arbiter.types import BaseEstimate, RobotState, SafeCommand, frozen

GRAVITY = 9.81
SLIP = 0.4  # [m/s] of a sole against the base at which it counts half; its noise is a third of that
HEARD = 0.05  # contact below which a foot tells nothing
COMMANDS = 4  # that are kept: readings are that many ticks old at most
FLIGHT = 0.25  # [s] that a robot may be in the air between two steps
BEGINNING = BaseEstimate(frozen(np.zeros(3)), frozen(np.zeros(3)), 0.0, frozen(np.zeros((5, 5))), "no foot has carried it yet")


class BaseEstimator:
    """One for a run, of a robot whose feet are known. Never raises for readings that are finite.

    Attributes:
        estimate: The newest.
    """

    def __init__(self, model: RobotModel) -> None:
        body = model.known_body
        self._model, self._weight, self._arm = model, GRAVITY * body.mass, tuple((body.torso - body.imu).tolist())
        self._legs, self._filter = Legs(body), ContactFilter(len(body.feet))
        self._soles = [Sole() for _ in body.feet]
        self._alignment, self._rest, self._spread = Alignment(self._legs.joints), Stillness(), Spread()
        self._heading: Heading | None = None  # None before a foot has carried
        self._before: Rows = IDENTITY  # orientation of the base at the last moment and at this one
        self._rows: Rows = IDENTITY
        self._gaining: Vector = (0.0, 0.0, 0.0)  # acceleration between them [m/s²], odometry frame
        self._commands: deque[tuple[float, SafeCommand]] = deque(maxlen=COMMANDS)
        self._stamp = -math.inf
        self._aloft = 0.0  # since when no foot was heard [s]
        self._height = 0.0
        self._start: float | None = None  # of the torso above the soles at the start [m]; beyond that, now
        self._upright = math.cos(model.fall_tilt)  # least of the height of the base's z axis
        self.estimate = BEGINNING

    def sent(self, command: SafeCommand) -> None:
        """What the motors do from the last reading on, until the next tick."""
        self._commands.appendleft((self._stamp, command))

    def step(self, state: RobotState) -> BaseEstimate:
        """The estimate after a reading."""
        moment, self._stamp = self._alignment.take(state), state.stamp
        if moment is not None:
            self._look(moment)
            if self._heading is None:
                self._begin(moment)
            else:
                self._go_on(self._heading, moment)
            if self._heading is not None:
                self.estimate = self._tell(self._heading, state.stamp, moment)
        elif self._alignment.problem and self._heading is not None:
            self.estimate = replace(self.estimate, doubt=self._alignment.problem)
        return self.estimate

    def _look(self, moment: Moment) -> None:
        """The heading, the soles and whether it stands still."""
        yaw, heading, soles = yaw_of(moment.quat), self._heading, self._soles
        if heading is not None:
            heading.step(yaw, self._rest.now, moment.step)
        self._before, self._rows = self._rows, rows_of(moment.quat, yaw if heading is None else heading.offset)
        legs = self._legs.at(moment.joint_pos, self._torque(moment), self._rows)
        for sole, corners, force, fresh in zip(soles, legs.corners, legs.forces, moment.fresh, strict=True):
            if fresh:
                sole.look(corners, force / self._weight)
            else:
                sole.forget()
        still = all(sole.contact for sole in soles) and self._legs.still(moment.joint_vel)
        self._rest.look(still, moment.turning, moment.step)

    def _torque(self, moment: Moment) -> np.ndarray:
        """Of the motors [N·m], shape (n,), by the command that was in force when the joints were measured."""
        most = self._model.effort
        command = next((command for since, command in self._commands if since < moment.time), None)
        if command is None:
            return np.zeros(len(most))
        torque = command.kp * (command.q - moment.joint_pos) - command.kd * moment.joint_vel
        return np.minimum(np.maximum(torque, -most), most)

    def _begin(self, moment: Moment) -> None:
        """The first foot that carries: from here on positions count."""
        if not any(sole.contact > HEARD for sole in self._soles):
            return
        yaw = yaw_of(moment.quat)
        self._heading, self._aloft, self._rows = Heading(yaw), moment.time, rows_of(moment.quat, yaw)
        for sole in self._soles:
            sole.forget()  # they were seen in other axes
        x, y, z = turn(self._rows, self._arm)
        self._filter.start((-x, -y, -z))

    def _go_on(self, heading: Heading, moment: Moment) -> None:
        filt, step, fallen = self._filter, moment.step, self._fallen
        if not step:  # the clock went back: nothing tells what was meanwhile
            for sole in self._soles:
                sole.forget()
            filt.coast(moment.step)
            return
        aloft = fallen or moment.time - self._aloft > FLIGHT
        self._gain(moment.acceleration)
        if aloft:
            filt.coast(step)
        else:
            filt.predict(None if moment.acceleration is None else self._gaining, step)
        (_, vx, *_), (_, vy, *_), (_, vz, *_) = filt.x
        room = (SLIP * SLIP + filt.covariance[V][V]) * step * step
        for i, sole in enumerate(self._soles):
            p, q, r = sole.step
            slip = (p + step * vx) ** 2 + (q + step * vy) ** 2 + (r + step * vz) ** 2
            contact = 0.0 if fallen else sole.contact / (1.0 + slip / room)
            if contact > HEARD:
                filt.stand(i, sole.way, contact, step)
                self._aloft = moment.time
            else:
                filt.lift(i)
        self._spread.step(heading, vx, vy, step, moving=not (self._rest.now or aloft))

    @property
    def _fallen(self) -> bool:
        return self._rows[2][2] < self._upright

    def _gain(self, felt: Vector | None) -> None:
        """Acceleration without gravity and bias. It was felt while the base turned from its last orientation, and the bias turns
        with it."""
        ex, ey, ez = self._filter.x
        ex[B], ey[B], ez[B] = turn(self._rows, back(self._before, (ex[B], ey[B], ez[B])))
        if felt is None:
            self._gaining = (0.0, 0.0, 0.0)
            return
        (a, b, c), (x, y, z) = turn(self._before, felt), turn(self._rows, felt)
        self._gaining = 0.5 * (a + x) - ex[B], 0.5 * (b + y) - ey[B], 0.5 * (c + z) - GRAVITY - ez[B]

    def _tell(self, heading: Heading, stamp: float, moment: Moment) -> BaseEstimate:
        """The torso's centre of mass at `stamp` [s]."""
        (px, vx, *_), (py, vy, *_), (_, vz, *_) = self._filter.x
        late, (a, b, c) = stamp - moment.time, self._gaining
        arm = turn(self._rows, self._arm)
        p, q, r = cross(turn(self._rows, moment.turning), arm)
        return BaseEstimate(
            frozen((px + arm[0] + late * vx, py + arm[1] + late * vy, self._climbed(arm[2]))),
            frozen((vx + p + late * a, vy + q + late * b, vz + r + late * c)),
            heading.angle,
            self._spread.covariance(self._filter.covariance, heading.variance),
            self._doubt(moment),
        )

    def _climbed(self, arm: float) -> float:
        """Height of the torso above the lowest sole, less that at the start [m]; `arm`: of the torso above the IMU [m]."""
        low = min(sole.low for sole in self._soles)
        if low < math.inf:  # else no leg is known: as high as it was
            self._start = arm - low if self._start is None else self._start
            self._height = arm - low - self._start
        return self._height

    def _doubt(self, moment: Moment) -> str:
        if self._fallen:
            return "it has fallen"
        if not any(moment.fresh):
            return "the legs' joints are silent"
        if moment.time - self._aloft > FLIGHT:
            return "its feet slip" if any(sole.contact for sole in self._soles) else "no foot carries it"
        return ""
