"""Demonstrations of a motion: played in simulation from anywhere, disturbed, standing or stepping, as the scripted ones are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arbiter.robot import RobotModel
from skills.recordings import Trajectory
from skills.rotations import rotations
from training.pi0.data.ball_sampling import place
from training.pi0.data.demo_simulation import DemoSimulation
from training.pi0.data.demos import ARM_SPREAD, AWAY, COLOURS, DRIFT, LEG_SPREAD, STANDING_NOISE, Drift
from training.pi0.data.disk import RecordingError
from training.pi0.data.episode import EpisodeFrame
from training.pi0.data.experts import approach, expert_for, follow
from training.pi0.data.instructions import GESTURES
from training.pi0.data.success import FALLEN_TILT, trajectory

IDLE = 0.25  # [rad/s] of the fastest joint below which nothing happens yet, or nothing any more
NEAR = 0.25  # [rad] from the motion's first posture at which it begins
APPROACH_LIMIT = 3.0  # [s]
TEMPO = 0.08  # standard deviation of the speed, as a share


@dataclass(frozen=True, slots=True)
class Played:
    """A demonstration. `frames`: what is learnt from. `run`: what the simulation knows of it."""

    frames: tuple[EpisodeFrame, ...]
    run: Trajectory


def busy(q: np.ndarray, dt: float) -> np.ndarray:
    """The part of a motion, shape (T, n), in which something moves: at rest a network could not tell the end from the start."""
    speed = np.abs(np.gradient(q, dt, axis=0)).max(axis=1)
    moving = np.flatnonzero(speed > IDLE)
    if not len(moving):
        raise RecordingError("nothing moves in it; a gesture is a motion")
    return q[moving[0] : moving[-1] + 1]


class ClipDemonstrator:
    """Plays motions. `whole_body`: the legs follow too; they stand or step otherwise."""

    def __init__(self, model: RobotModel, walker: str, picture: int, camera_hz: float, whole_body: bool = False) -> None:
        from policies.locomotion.policy import OnnxPolicy

        stepping = OnnxPolicy(walker, model) if walker and not whole_body else None
        self._simulation = DemoSimulation(
            model, picture=picture, camera_hz=camera_hz, walker=stepping, noise=STANDING_NOISE, seed=0
        )
        self._walks, self._whole_body = stepping is not None, whole_body

    def play(self, q: np.ndarray, rng: np.random.Generator) -> Played:
        """One demonstration of joint positions, shape (T, n). Raises RecordingError when the robot falls."""
        simulation, model = self._simulation, self._simulation.model
        arms = model.groups["arms"]
        q = retimed(q, 1.0 + TEMPO * rng.normal(), model.dt)
        velocity = (0.0, 0.0, 0.0) if self._walks and rng.random() < 0.5 else None
        self._begin(rng, velocity)
        drift = Drift(arms, rng, DRIFT if rng.random() < 0.5 else 0.0)
        frames, truths, start = [], [], simulation.now
        speed = np.gradient(q, model.dt, axis=0)
        steps = iter(zip(q, speed, strict=True))
        limit, begun = simulation.now + APPROACH_LIMIT, False
        while True:
            seen = simulation.observe()
            if seen.state.tilt > FALLEN_TILT:
                raise RecordingError(f"the robot fell after {simulation.now - start:.1f} s of the motion")
            measured = seen.state.joint_pos
            begun = begun or np.abs(measured - q[0])[arms].max() < NEAR or simulation.now >= limit
            if begun:
                if (step := next(steps, None)) is None:
                    break
                posture, ahead = step
                action = follow(simulation.body, posture, ahead, ahead)
                action = np.where(arms, action, posture if self._whole_body else model.default)
            else:  # from wherever it is to where the motion begins
                wanted = np.where(arms, approach(np.where(arms, measured, q[0]), q[0]), 0.0)
                action = follow(simulation.body, measured, seen.state.joint_vel, wanted)
            truths.append(seen.truth)
            frames.append(simulation.frame(seen, action, start))
            simulation.step(seen, action + drift.next(model.dt), velocity)
        return Played(tuple(frames), trajectory(truths, model, simulation.body))

    def _begin(self, rng: np.random.Generator, velocity: tuple[float, float, float] | None) -> None:
        """On its feet; in half of the demonstrations after part of another gesture."""
        simulation, model = self._simulation, self._simulation.model
        posture, arms, legs = model.default.copy(), model.groups["arms"], model.groups["legs"]
        posture[arms] += rng.uniform(-ARM_SPREAD, ARM_SPREAD, arms.sum())
        posture[legs] += rng.normal(0.0, LEG_SPREAD, legs.sum())
        simulation.reset(np.clip(posture, model.lower, model.upper), AWAY)
        others = [one for one in GESTURES if one.joints == "arms" and one.skill != "touch_ball"]
        before = expert_for(others[rng.integers(len(others))], simulation.body)
        for _ in range(round((rng.uniform(0.2, 1.5) if rng.random() < 0.5 else 0.1) / model.dt)):
            seen = simulation.observe()
            simulation.step(seen, before.act(seen.state.joint_pos, seen.state.joint_vel, seen.balls), velocity)
        if rng.random() < 0.7:
            truth = simulation.observe().truth
            turn = rotations(truth.base_quat)
            simulation.move_balls(
                {colour: truth.base_pos + turn @ point for colour, point in place(simulation.body, rng, COLOURS).items()}
            )


def retimed(q: np.ndarray, speed: float, dt: float) -> np.ndarray:
    """`q`, shape (T, n), played `speed` times as fast, at most a fifth off."""
    time = np.arange(len(q)) * dt / np.clip(speed, 0.8, 1.2)
    ticks = np.arange(0.0, time[-1] + 1e-9, dt)
    return np.stack([np.interp(ticks, time, column) for column in q.T], axis=1)
