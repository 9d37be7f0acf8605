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

from arbiter.robot import RobotModel
from arbiter.types import Request, RobotState, frozen
from deploy.robots.description import description_dir
from policies.locomotion.card import PolicyCard, read_card
from policies.locomotion.policy import OnnxPolicy
from training.locomotion.base_motion import REST
from training.locomotion.episode_record import EpisodeRecord
from training.locomotion.starts import LEAN

TIMESTEP = 0.002  # [s]
PHYSICS = mujoco.mjtState.mjSTATE_FULLPHYSICS


@dataclass(frozen=True, slots=True)
class EpisodeConditions:
    """The conditions of one episode.

    Attributes:
        friction: Of the floor.
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


def compile_world(model: RobotModel, world: EpisodeConditions, lights: bool = False) -> mujoco.MjModel:
    """The whole robot on a floor, its motors' position loops as actuators; `lights`: for pictures."""
    spec = mujoco.MjSpec.from_file(str(description_dir(model.name) / "model.xml"))
    for actuator in list(spec.actuators):
        spec.delete(actuator)
    spec.worldbody.add_geom(
        name="floor",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[0, 0, 0.1],
        contype=1,
        conaffinity=0,
        friction=[world.friction, 0.005, 0.0001],
        priority=1,
    )
    if lights:
        spec.worldbody.add_light(pos=[1.5, -1.5, 4.0], dir=[-0.3, 0.3, -1.0], type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL)
        spec.visual.headlight.ambient = [0.4, 0.4, 0.4]
    for i, name in enumerate(model.joints):
        motor = spec.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        kp, kd = model.kp[i] * world.gain, model.kd[i] * world.gain
        motor.gainprm[0], motor.biastype = kp, mujoco.mjtBias.mjBIAS_AFFINE
        motor.biasprm[:3] = [0.0, -kp, -kd]
        motor.forcelimited, motor.forcerange = 1, [-model.effort[i], model.effort[i]]
    for body in spec.bodies:
        body.mass *= world.mass
        body.fullinertia = np.asarray(body.fullinertia) * world.mass
    for side, mass in zip(("left", "right"), world.payload, strict=True):
        spec.body(f"arm_{side}_hand_link").mass += mass
        spec.add_sensor(
            name=f"{side}_vel",
            type=mujoco.mjtSensor.mjSENS_FRAMELINVEL,
            objtype=mujoco.mjtObj.mjOBJ_SITE,
            objname=f"leg_{side}_ankle_roll_sole",
        )
    for name in model.joints:
        spec.add_sensor(
            name=f"{name}_force", type=mujoco.mjtSensor.mjSENS_ACTUATORFRC, objtype=mujoco.mjtObj.mjOBJ_ACTUATOR, objname=name
        )
    spec.option.timestep = TIMESTEP
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
    return spec.compile()


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
            for tick in range(round(seconds * self.model.control_hz)):
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
        record: What is kept.
    """

    def __init__(self, arena: Arena, world: EpisodeConditions, rng: np.random.Generator, keep_poses: bool) -> None:
        model = arena.model
        self.model, self.world, self.rng = model, world, rng
        self.compiled = compile_world(model, world)
        self.physics = start_state(self.compiled, model)
        self.policy = OnnxPolicy(arena.path, model, card=arena.card)
        self.policy.reset(reading(self.physics, model, 0.0, None), 0.0)
        self.record = EpisodeRecord(world, model.dt, float(self.compiled.body_mass.sum()), keep_poses)
        self.waves = wave(rng, model)
        self.sent = self.wanted = model.default
        self.steps, self.latency_steps = round(model.dt / TIMESTEP), round(world.latency / TIMESTEP)

    def targets(self, now: float) -> np.ndarray:
        """Targets of the physics steps of this tick [rad], shape (steps, n); late by the world's latency."""
        shove(self.physics, self.model, self.world, now)
        state = reading(self.physics, self.model, now, self.rng if self.world.noise else None, self.world.noise)
        self.wanted = swung(self.model, self.waves, self.world.waving, now)
        asked = self.policy.act(state, Request(velocity=frozen(self.world.command(now))), now)
        self.wanted[asked.joints] = asked.q[asked.joints]
        late = np.arange(self.steps) < self.latency_steps
        return np.where(late[:, None], self.sent, self.wanted)

    def take(self, now: float, states: np.ndarray, sensors: np.ndarray) -> None:
        """What the physics made of it: states (steps, size), sensors (steps, size)."""
        self.physics = states[-1].copy()
        self.record.add(now, states, sensors, self.wanted, self.sent, self.model)
        self.sent = self.wanted


def start_state(compiled: mujoco.MjModel, model: RobotModel) -> np.ndarray:
    """The default posture with its soles level on the floor, as a full physics state."""
    data = mujoco.MjData(compiled)
    data.qpos[2], data.qpos[3], data.qpos[5] = REST, np.cos(LEAN / 2), np.sin(LEAN / 2)
    data.qpos[7:] = model.default
    row = np.zeros(mujoco.mj_stateSize(compiled, PHYSICS))
    mujoco.mj_getState(compiled, data, row, PHYSICS)
    return row


def reading(row: np.ndarray, model: RobotModel, now: float, rng: np.random.Generator | None, noise: float = 0.0) -> RobotState:
    """What the sensors say of a physics state."""
    n = model.n
    quat, pos, spin, vel = row[4:8], row[8 : 8 + n], row[8 + n + 3 : 8 + n + 6], row[8 + n + 6 : 8 + 2 * n + 6]
    if rng is not None:
        turn = np.concatenate(([1.0], 0.5 * 0.02 * noise * rng.standard_normal(3)))
        product = np.zeros(4)
        mujoco.mju_mulQuat(product, quat, turn / np.linalg.norm(turn))
        quat = product
        pos = pos + 0.01 * noise * rng.standard_normal(n)
        vel = vel + 0.4 * noise * rng.standard_normal(n)
        spin = spin + 0.1 * noise * rng.standard_normal(3)
    return RobotState(now, frozen(pos), frozen(vel), frozen(quat), frozen(spin), np.zeros(n))


def shove(row: np.ndarray, model: RobotModel, world: EpisodeConditions, now: float) -> None:
    """Applies the push that falls on `now`, if any."""
    for at, push in world.pushes:
        if abs(at - now) < 0.5 * model.dt:
            row[8 + model.n : 10 + model.n] += push


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
