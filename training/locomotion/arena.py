"""Where policies are compared: the whole robot in MuJoCo, many episodes at once, each policy driven as on the robot.

Nothing here is fast or approximate: the model is the robot's `model.xml` (22 joints with dry friction, arms held or
moved by their motors), the policy runs through policies.onnx_policy at its own rate.
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
from policies.card import PolicyCard, read_card
from policies.onnx_policy import OnnxPolicy
from training.locomotion.record import Record

TIMESTEP = 0.002  # [s]
PHYSICS = mujoco.mjtState.mjSTATE_FULLPHYSICS
START = -0.022  # [m] height of the base frame at which the soles of the default posture touch the floor
LEAN = 0.1  # [rad] at which they are level
TORSO = 0.65  # [m] above the origin of the base frame


@dataclass(frozen=True, slots=True)
class World:
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


def compile_world(model: RobotModel, world: World) -> mujoco.MjModel:
    """The whole robot on a floor, its motors' position loops as actuators."""
    spec = mujoco.MjSpec.from_file(str(description_dir(model.name) / "model.xml"))
    for actuator in list(spec.actuators):
        spec.delete(actuator)
    spec.worldbody.add_geom(name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 0.1], contype=1, conaffinity=0,
                            friction=[world.friction, 0.005, 0.0001], priority=1)
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
        spec.add_sensor(name=f"{side}_vel", type=mujoco.mjtSensor.mjSENS_FRAMELINVEL,
                        objtype=mujoco.mjtObj.mjOBJ_SITE, objname=f"leg_{side}_ankle_roll_sole")
    for name in model.joints:
        spec.add_sensor(name=f"{name}_force", type=mujoco.mjtSensor.mjSENS_ACTUATORFRC,
                        objtype=mujoco.mjtObj.mjOBJ_ACTUATOR, objname=name)
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

    def __init__(self, model: RobotModel, policy: Path, *, card: Path | None = None, rate_hz: float | None = None,
                 threads: int = 2) -> None:
        self.model, self.path, self.threads = model, policy, threads
        self.card: PolicyCard = read_card(policy, card)
        if rate_hz is not None:
            self.card = dataclasses.replace(self.card, rate_hz=rate_hz)

    def run(self, worlds: list[World], seconds: float, seed: int = 0) -> list[Record]:
        """One episode of `seconds` in each world; the same seed gives the same records."""
        n, model = len(worlds), self.model
        rng = np.random.default_rng(seed)
        models = [compile_world(model, world) for world in worlds]
        policies = [OnnxPolicy(self.path, model, card=self.card) for _ in worlds]
        physics = np.stack([start_state(models[0], model)] * n)
        steps = round(model.dt / TIMESTEP)
        control = np.zeros((n, steps, model.n))
        states = np.zeros((n, steps, physics.shape[1]))
        sensors = np.zeros((n, steps, models[0].nsensordata))
        target = np.tile(model.default, (n, 1))
        late = np.array([round(world.latency / TIMESTEP) for world in worlds])
        waves = np.stack([wave(rng, model) for _ in worlds])
        records = [Record(world, model.dt, float(m.body_mass.sum())) for world, m in zip(worlds, models, strict=True)]
        data = [mujoco.MjData(models[0]) for _ in range(self.threads)]
        for policy, row in zip(policies, physics, strict=True):
            policy.reset(reading(row, model, 0.0, None), 0.0)
        with rollout.Rollout(nthread=self.threads) as pool:
            for tick in range(round(seconds * model.control_hz)):
                now = tick * model.dt
                alive = np.array([record.fell is None for record in records])
                if not alive.any():
                    break
                wanted = target.copy()
                for i in np.flatnonzero(alive):
                    world = worlds[i]
                    shove(physics[i], model, world, now)
                    state = reading(physics[i], model, now, rng if world.noise else None, world.noise)
                    wanted[i] = swung(model, waves[i], world.waving, now)
                    asked = policies[i].act(state, Request(velocity=frozen(world.command(now))), now)
                    wanted[i, asked.joints] = asked.q[asked.joints]
                for k in range(steps):
                    control[:, k] = np.where((late > k)[:, None], target, wanted)
                live = np.flatnonzero(alive)
                out, sense = states[live], sensors[live]
                pool.rollout([models[i] for i in live], data, physics[live], control[live], nstep=steps, state=out,
                             sensordata=sense)
                physics[live] = out[:, -1]
                for j, i in enumerate(live):
                    records[i].add(now, out[j], sense[j], wanted[i], target[i], model)
                target = wanted
        return records


def start_state(compiled: mujoco.MjModel, model: RobotModel) -> np.ndarray:
    """The default posture with its soles level on the floor, as a full physics state."""
    data = mujoco.MjData(compiled)
    data.qpos[2], data.qpos[3], data.qpos[5] = START, np.cos(LEAN / 2), np.sin(LEAN / 2)
    data.qpos[7:] = model.default
    row = np.zeros(mujoco.mj_stateSize(compiled, PHYSICS))
    mujoco.mj_getState(compiled, data, row, PHYSICS)
    return row


def reading(row: np.ndarray, model: RobotModel, now: float, rng: np.random.Generator | None, noise: float = 0.0) -> RobotState:
    """What the sensors say of a physics state."""
    n = model.n
    quat, pos, spin, vel = row[4:7 + 1], row[8:8 + n], row[8 + n + 3: 8 + n + 6], row[8 + n + 6: 8 + 2 * n + 6]
    if rng is not None:
        turn = np.concatenate(([1.0], 0.5 * 0.02 * noise * rng.standard_normal(3)))
        product = np.zeros(4)
        mujoco.mju_mulQuat(product, quat, turn / np.linalg.norm(turn))
        quat = product
        pos = pos + 0.01 * noise * rng.standard_normal(n)
        vel = vel + 0.4 * noise * rng.standard_normal(n)
        spin = spin + 0.1 * noise * rng.standard_normal(3)
    return RobotState(now, frozen(pos), frozen(vel), frozen(quat), frozen(spin), np.zeros(n))


def shove(row: np.ndarray, model: RobotModel, world: World, now: float) -> None:
    """Applies the push that falls on `now`, if any."""
    for at, push in world.pushes:
        if abs(at - now) < 0.5 * model.dt:
            row[8 + model.n: 10 + model.n] += push


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
