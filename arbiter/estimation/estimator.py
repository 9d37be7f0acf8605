"""Estimates where the base is, once a tick, from what is believed of the readings: a contact-aided Kalman filter.

The accelerometer carries the velocity on from tick to tick; soles that carry, by the torques of their joints, hold it. A sole
whose speed does not go together with the base's counts less: it slips. Where no foot has carried for a while the robot is in
somebody's hands, or lies: the estimate comes to rest, and says so.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from arbiter.estimation.alignment import Alignment, Moment
from arbiter.estimation.attitude import Attitude
from arbiter.estimation.contact_filter import B, ContactFilter, V
from arbiter.estimation.heading import Heading
from arbiter.estimation.leg_posture import Legs
from arbiter.estimation.motor_torques import MotorTorques
from arbiter.estimation.rotation import Vector, cross, turn
from arbiter.estimation.sole import Climb, Sole
from arbiter.estimation.sole_creep import SoleCreep
from arbiter.estimation.uncertainty import Uncertainty
from arbiter.robot import RobotModel
from arbiter.types import BaseEstimate, RobotState, SafeCommand, frozen

GRAVITY = 9.81
SLIP = 0.4  # [m/s] of a sole against the base at which it counts half; its noise is a third of that
HEARD = 0.05  # contact below which a foot tells nothing
FLIGHT = 0.25  # [s] that a robot may be in the air between two steps
STILL: Vector = (0.0, 0.0, 0.0)
BEGINNING = BaseEstimate(frozen(np.zeros(3)), frozen(np.zeros(3)), 0.0, frozen(np.zeros((5, 5))), "no foot has carried it yet")


class BaseEstimator:
    """One for a run, of a robot whose feet are known. Never raises for readings that are finite.

    Attributes:
        estimate: The newest.
    """

    def __init__(self, model: RobotModel) -> None:
        body = model.known_body
        self._weight, self._arm = GRAVITY * body.mass, tuple((body.torso - body.imu).tolist())
        self._legs, self._filter, self._soles = Legs(body), ContactFilter(len(body.feet)), [Sole() for _ in body.feet]
        self._alignment, self._attitude, self._torques = (
            Alignment(self._legs.joints),
            Attitude(model.fall_tilt),
            MotorTorques(model.effort),
        )
        self._climb, self._uncertainty = Climb(), Uncertainty()
        self._creep = SoleCreep(body, self._legs.joints, model.creep)
        self._gaining = STILL  # acceleration since the last moment [m/s²], odometry frame
        self._stamp = self._heard = -math.inf  # of the last reading, and when a foot was heard last [s]
        self.estimate = BEGINNING

    def sent(self, command: SafeCommand) -> None:
        """What the motors do from the last reading on, until the next tick."""
        self._torques.send(command, self._stamp)

    def step(self, state: RobotState) -> BaseEstimate:
        """The estimate after a reading."""
        moment, self._stamp = self._alignment.take(state), state.stamp
        if moment is not None:
            self._look(moment)
            if self._attitude.heading is None:
                self._begin(moment)
            else:
                self._go_on(self._attitude.heading, moment)
            if self._attitude.heading is not None:
                self.estimate = self._tell(self._attitude.heading, moment)
        elif self._alignment.problem and self._attitude.heading is not None:
            self.estimate = replace(self.estimate, doubt=self._alignment.problem)
        return self.estimate

    def _look(self, moment: Moment) -> None:
        """The heading, the soles and whether it stands still."""
        attitude, soles = self._attitude, self._soles
        attitude.turn_to(moment)
        torque = self._torques.at(moment.time, moment.joint_pos, moment.joint_vel)
        legs = self._legs.at(moment.joint_pos, torque, attitude.rows)
        self._creep.look(legs, moment.joint_vel, moment.turning, attitude.rows)
        for sole, corners, force, fresh, (x, y) in zip(
            soles, legs.corners, legs.forces, moment.fresh, self._creep.speeds, strict=True
        ):
            if fresh:
                sole.look(corners, force / self._weight, (x * moment.step, y * moment.step))
            else:
                sole.forget()
        standing = all(sole.contact for sole in soles)
        attitude.rest.look(standing, self._legs.motion(moment.joint_vel) if standing else 0.0, moment.turning, moment.step)

    def _begin(self, moment: Moment) -> None:
        """The first foot that carries: from here on positions count."""
        if not any(sole.contact > HEARD for sole in self._soles):
            return
        self._attitude.begin(moment)
        self._heard = moment.time
        for sole in self._soles:
            sole.forget()  # they were seen in other axes
        x, y, z = turn(self._attitude.rows, self._arm)
        self._filter.start((-x, -y, -z))

    def _go_on(self, heading: Heading, moment: Moment) -> None:
        filt, step, fallen = self._filter, moment.step, self._attitude.fallen
        if not step:  # the clock went back: nothing tells what was meanwhile
            for sole in self._soles:
                sole.forget()
            filt.coast(step)
            return
        aloft = fallen or moment.time - self._heard > FLIGHT
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
                self._heard = moment.time
            else:
                filt.lift(i)
        self._uncertainty.step(heading, vx, vy, step, moving=not (self._attitude.rest.now or aloft))

    def _gain(self, felt: Vector | None) -> None:
        """Acceleration without gravity and bias, which turns with the body."""
        ex, ey, ez = self._filter.x
        ex[B], ey[B], ez[B] = self._attitude.carried((ex[B], ey[B], ez[B]))
        if felt is None:
            self._gaining = STILL
        else:
            x, y, z = self._attitude.mean(felt)
            self._gaining = x - ex[B], y - ey[B], z - GRAVITY - ez[B]

    def _tell(self, heading: Heading, moment: Moment) -> BaseEstimate:
        """The torso's centre of mass at the stamp of the reading."""
        (px, vx, *_), (py, vy, *_), (_, vz, *_) = self._filter.x
        late, (a, b, c), rows = self._stamp - moment.time, self._gaining, self._attitude.rows
        arm = turn(rows, self._arm)
        p, q, r = cross(turn(rows, moment.turning), arm)
        place = px + arm[0] + late * vx, py + arm[1] + late * vy, self._climb.above(self._soles, arm[2])
        covariance = self._uncertainty.covariance(self._filter.covariance, heading.variance)
        told = frozen((*place, vx + p + late * a, vy + q + late * b, vz + r + late * c, *covariance))
        return BaseEstimate(told[:3], told[3:6], heading.angle, told[6:].reshape(5, 5), self._doubt(moment))

    def _doubt(self, moment: Moment) -> str:
        if self._attitude.fallen:
            return "it has fallen"
        if not any(moment.fresh):
            return "the legs' joints are silent"
        if moment.time - self._heard > FLIGHT:
            return "its feet slip" if any(sole.contact for sole in self._soles) else "no foot carries it"
        return ""
