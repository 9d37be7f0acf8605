"""Evaluation of policies: the whole robot in MuJoCo, many episodes at once, each policy run as on the robot.

Nothing is simplified: the model is the robot's `model.xml` (22 joints with dry friction, arms held or moved by their motors), and
the policy runs through policies.locomotion.policy at its own rate.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

import mujoco
import numpy as np
from mujoco import rollout
from tqdm import tqdm

from arbiter.robot import RobotModel
from arbiter.types import Request, frozen
from policies.locomotion.card import PolicyCard, read_card
from policies.locomotion.policy import OnnxPolicy
from training.common.mujoco_world import (
    RobotParts,
    add_light,
    add_payload,
    add_position_motors,
    add_site_sensor,
    bare_spec,
    compile_physics,
    scale_masses,
)
from training.locomotion.arena_senses import ArenaSenses, reading
from training.locomotion.base_motion import REST
from training.locomotion.episode_record import EpisodeRecord
from training.locomotion.floors import Floor, add_floor, on_floor
from training.locomotion.starts import LEAN

TIMESTEP = 0.002  # [s]
PHYSICS = mujoco.mjtState.mjSTATE_FULLPHYSICS


@dataclass(frozen=True, slots=True)
class EpisodeConditions:
    """The conditions of one episode.

    Attributes:
        friction: Of the floor.
        floor: Its shape.
        mass: Factor on all masses.
        payload: In the left and right hand [kg].
        gain: Factor on kp and kd of the motors.
        latency: Until a target reaches the motors [s]; a multiple of the physics step is used.
        noise: Factor on the sensors' noise: angular velocity 0.1 rad/s, gravity 0.02, joints 0.01 rad and 0.4 rad/s.
        waving: Amplitude of the arms' movement [rad]; 0: held at their default.
        commands: (from [s], (x, y [m/s], yaw [rad/s])), in order of time.
        pushes: (at [s], (x, y [m/s])): what the base's velocity jumps by.
    """

    friction: float = 1.0
    floor: Floor = field(default_factory=Floor)
    mass: float = 1.0
    payload: tuple[float, float] = (0.0, 0.0)
    gain: float = 1.0
    latency: float = 0.0
    noise: float = 0.0
    waving: float = 0.0
    commands: tuple[tuple[float, tuple[float, float, float]], ...] = ((0.0, (0.0, 0.0, 0.0)),)
    pushes: tuple[tuple[float, tuple[float, float]], ...] = field(default=())

    def command(self, time: float) -> np.ndarray:
        """The command at `time` [s], shape (3,)."""
        return np.array([c for start, c in self.commands if start <= time + 1e-9][-1])


def compile_world(parts: RobotParts, conditions: EpisodeConditions, *, light: bool = False) -> mujoco.MjModel:
    """The whole robot on a floor, its motors' position loops as actuators; `light`: for pictures."""
    robot, spec = parts.robot, bare_spec(parts.robot, sensors=True)
    add_floor(spec, conditions.floor, conditions.friction)
    if light:
        add_light(spec)
    add_position_motors(spec, robot, robot.joints, kp=conditions.gain, kd=conditions.gain)
    scale_masses(spec, conditions.mass)
    add_payload(spec, parts, conditions.payload)
    for side in ("left", "right"):
        add_site_sensor(spec, f"{side}_vel", mujoco.mjtSensor.mjSENS_FRAMELINVEL, f"leg_{side}_ankle_roll_sole")
    for name in robot.joints:
        spec.add_sensor(
            name=f"{name}_force", type=mujoco.mjtSensor.mjSENS_ACTUATORFRC, objtype=mujoco.mjtObj.mjOBJ_ACTUATOR, objname=name
        )
    return compile_physics(spec, TIMESTEP)


class Arena:
    """Runs one policy through many worlds at once.

    Args:
        model: The robot.
        policy: An ONNX file, with or without a card of its own.
        card: A YAML card for a file without one.
        rate_hz: Rate to run the policy at instead of its own [Hz].
        threads: Native threads.
    """

    def __init__(
        self, model: RobotModel, policy: Path, *, card: Path | None = None, rate_hz: float | None = None, threads: int = 2
    ) -> None:
        self.model, self.path, self.threads = model, policy, threads
        self.parts = RobotParts(model)
        self.card: PolicyCard = read_card(policy, card)
        if rate_hz is not None:
            self.card = dataclasses.replace(self.card, rate_hz=rate_hz)

    def run(
        self, worlds: list[EpisodeConditions], seconds: float, seed: int = 0, keep_poses: bool = False
    ) -> list[EpisodeRecord]:
        """One episode of `seconds` in each world; the same seed gives the same records."""
        episodes = [ArenaEpisode(self, world, np.random.default_rng((seed, k)), keep_poses) for k, world in enumerate(worlds)]
        data = [mujoco.MjData(episodes[0].compiled) for _ in range(self.threads)]
        with rollout.Rollout(nthread=self.threads) as pool:
            ticks = range(round(seconds * self.model.control_hz))
            for tick in tqdm(ticks, f"{len(worlds)} episodes", unit="tick", leave=False, disable=None):
                live = [episode for episode in episodes if episode.record.fell is None]
                if not live:
                    break
                control = np.stack([episode.targets(tick * self.model.dt) for episode in live])
                states, sensors = pool.rollout([e.compiled for e in live], data, np.stack([e.physics for e in live]), control)
                for episode, state, sense in zip(live, states, sensors, strict=True):
                    episode.take(tick * self.model.dt, state, sense)
        return [episode.record for episode in episodes]


class ArenaEpisode:
    """One world under way.

    Attributes:
        compiled: Its physics model.
        physics: Full physics state.
        state: The newest reading.
        record: What is kept.
    """

    def __init__(self, arena: Arena, world: EpisodeConditions, rng: np.random.Generator, keep_poses: bool) -> None:
        model = arena.model
        self.model, self.world, self.rng = model, world, rng
        self.compiled = compile_world(arena.parts, world)
        self.physics = start_state(self.compiled, model, world.floor)
        self.policy = OnnxPolicy(arena.path, model, card=arena.card)
        self.state = reading(self.physics, model, 0.0, None)
        self.policy.reset(self.state, 0.0)
        seen = {term.term for term in arena.card.observations}
        self.senses = ArenaSenses(model, world.noise, rng, estimates="base_lin_vel" in seen)
        self.record = EpisodeRecord(world, model.dt, float(self.compiled.body_mass.sum()), keep_poses)
        self.waves = wave(rng, model)
        self.sent = self.wanted = model.default
        self.steps, self.latency_steps = round(model.dt / TIMESTEP), round(world.latency / TIMESTEP)

    def targets(self, now: float) -> np.ndarray:
        """Targets of the physics steps of this tick [rad], shape (steps, n); late by the world's latency."""
        jump = shove(self.physics, self.model, self.world, now)
        self.state = self.senses.read(self.physics, now, jump)
        self.wanted = swung(self.model, self.waves, self.world.waving, now)
        asked = self.policy.act(self.state, Request(velocity=frozen(self.world.command(now))), now)
        self.wanted[asked.joints] = asked.q[asked.joints]
        self.senses.sent(now, self.wanted)
        late = np.arange(self.steps) < self.latency_steps
        return np.where(late[:, None], self.sent, self.wanted)

    def take(self, now: float, states: np.ndarray, sensors: np.ndarray) -> None:
        """What the physics made of it: states (steps, size), sensors (steps, size)."""
        self.physics = states[-1].copy()
        self.senses.feel(sensors)
        self.record.add(now, states, sensors, self.wanted, self.sent, self.model)
        self.sent = self.wanted


def start_state(compiled: mujoco.MjModel, model: RobotModel, floor: Floor) -> np.ndarray:
    """The default posture with its soles level on the floor, as a full physics state."""
    data = mujoco.MjData(compiled)
    data.qpos[2], data.qpos[3], data.qpos[5] = REST, np.cos(LEAN / 2), np.sin(LEAN / 2)
    data.qpos[:7] = on_floor(floor, data.qpos[:7])
    data.qpos[7:] = model.default
    row = np.zeros(mujoco.mj_stateSize(compiled, PHYSICS))
    mujoco.mj_getState(compiled, data, row, PHYSICS)
    return row


def shove(row: np.ndarray, model: RobotModel, world: EpisodeConditions, now: float) -> np.ndarray:
    """Applies the push that falls on `now`, if any; gives back by how much the base's velocity jumped [m/s], shape (3,)."""
    jump = np.zeros(3)
    for at, push in world.pushes:
        if abs(at - now) < 0.5 * model.dt:
            jump[:2] += push
    row[8 + model.n : 11 + model.n] += jump
    return jump


def wave(rng: np.random.Generator, model: RobotModel) -> np.ndarray:
    """Frequency [Hz] and phase [rad] of each joint's waving, shape (2, n)."""
    return np.stack((rng.uniform(0.3, 1.2, model.n), rng.uniform(0.0, 2 * np.pi, model.n)))


def swung(model: RobotModel, waves: np.ndarray, amplitude: float, now: float) -> np.ndarray:
    """Targets of all joints while the arms wave about the middle of their range [rad], shape (n,)."""
    if not amplitude:
        return model.default.copy()
    ramp = min(1.0, now)
    offset = amplitude * ramp * np.sin(2 * np.pi * waves[0] * now + waves[1])
    return np.where(model.groups["arms"], np.clip(model.default + offset, model.lower, model.upper), model.default)
