"""Searches the reference gait that a training starts from: CMA-ES over the fields of GaitConfig, in the training environment.

    python -m training.locomotion.tune --plain --noise 0     # first without sensor noise,
    python -m training.locomotion.tune                       # then with it

prints values for the fields of `gait.GaitConfig`. The present ones come from three searches, one after the other: upright with
a period of 0.64 s, then 0.48 s (0.40 s scored less), then under pushes and wrenches. From a gait that walks by itself for some
seconds the network learns corrections only.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys

from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra
from deploy.cli.options import seed


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.locomotion.tune", description=__doc__)
    p.add_argument("--generations", type=int, default=120, help="generations of CMA-ES")
    p.add_argument("--population", type=int, default=48, help="gaits per generation")
    p.add_argument("--threads", type=int, default=2, help="native threads of the simulation")
    p.add_argument("--seed", type=seed, default=1, help="seed of all random generators")
    p.add_argument("--noise", type=float, default=1.0, help="factor on the sensor noise of the task")
    p.add_argument("--period", type=float, help="gait period [s] (default: that of the initial gait)")
    p.add_argument("--plain", action="store_true", help="start from an open-loop gait instead of the present one")
    return p


with extra(__name__, parser, "torch", "cma"):
    import cma
    import numpy as np
    import torch
    from tqdm import tqdm

    from training.locomotion import gait, terms
    from training.locomotion.cpu_env import CpuEnv
    from training.locomotion.curriculum import AS_DEPLOYED
    from training.locomotion.gait import GaitConfig
    from training.locomotion.presets import PRESETS
    from training.locomotion.task import TaskConfig

# Initial step size of each field: angles about 0.1 rad, gains on a lean (sine of an angle) 1, gains on rates 0.1 s.
STEPS: dict[str, float | tuple[float, ...]] = {
    "lag": 0.01,
    "hip": 0.1,
    "knee": 0.1,
    "ankle": 0.1,
    "knee_lift": 0.15,
    "hip_lift": 0.1,
    "ankle_lift": 0.1,
    "stance_abduction": 0.1,
    "stance_knee": 0.1,
    "stance_hip_pitch": 0.15,
    "stride": 0.1,
    "sidestep": 0.1,
    "turn": 0.05,
    "sway": (0.1, 0.1),
    "stance_ankle": (1.0, 0.1, 0.1),
    "stance_hip": (1.0, 0.1),
    "swing_hip": (1.0, 0.1, 0.1),
    "stance_side": (1.0, 0.1),
    "stance_roll": (1.0, 0.1),
    "swing_side": (1.0, 0.1, 0.1),
    "yaw_feedback": 0.1,
    "leg_speed": (0.5, 0.5),
    "lean_per_speed": 0.05,
    "stand": (0.1, 0.1, 0.1),
    "stand_hip": (1.0, 0.1),
    "stand_ankle": (1.0, 0.1, 0.1),
    "stand_side": (1.0, 0.1),
    "stand_roll": (1.0, 0.1),
}
COMMANDS = (
    (0.0, 0.0, 0.0),
    (0.03, 0.0, 0.0),
    (0.5, 0.0, 0.0),
    (0.25, 0.0, 0.0),
    (-0.5, 0.0, 0.0),
    (-0.25, 0.0, 0.0),
    (0.0, 0.2, 0.0),
    (0.0, 0.0, 0.8),
    (0.3, 0.1, 0.5),
    (-0.3, -0.1, 0.5),
)


def flatten(config: GaitConfig) -> np.ndarray:
    """The searched fields in the order of STEPS, shape (fields,)."""
    return np.concatenate([np.atleast_1d(getattr(config, name)) for name in STEPS])


def unflatten(values, period: float) -> GaitConfig:
    """The gait of a vector, shape (fields,), or of one gait per robot, shape (fields, n), with its period [s]."""
    fields, start = {}, 0
    for name, step in STEPS.items():
        if isinstance(step, tuple):
            fields[name] = tuple(values[start : start + len(step)])
            start += len(step)
        else:
            fields[name] = values[start]
            start += 1
    return GaitConfig(period=period, **fields)


class GaitTrial:
    """Simulates many gaits at once.

    Args:
        config: The task; robots are randomised as in the training, with smaller pushes and wrenches.
        gaits: Number of gaits.
        seconds: Simulated time per gait and command [s].
    """

    def __init__(self, config: TaskConfig, gaits: int, *, seconds: float = 4.0, threads: int = 2, seed: int = 1) -> None:
        stage = dataclasses.replace(AS_DEPLOYED, push=0.35, step_in_place=False)
        config = dataclasses.replace(config, push_seconds=3.0, wrench=(4.0, 2.0), stages=(stage,))
        self.env = CpuEnv(config, gaits * len(COMMANDS), seed=seed, threads=threads, variants=len(COMMANDS))
        self.gaits, self.steps = gaits, round(seconds / self.env.dt)
        self.commands = torch.tensor(COMMANDS).repeat(gaits, 1)
        self.idle = torch.zeros(self.env.num_envs, self.env.num_actions)

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        """Mean fitness of each gait, zero from a fall on, shape (gaits,)."""
        env = self.env
        rows = torch.tensor(vectors, dtype=torch.float32).repeat_interleave(len(COMMANDS), 0).T
        config = env.task.config
        shape, legs, scale = unflatten(rows, config.gait.period), env.task.legs, config.action_scale
        env.reference = lambda: terms.reference_gait(env.observations["actor"], legs, shape) / scale
        env.reset(torch.arange(env.num_envs))
        env.model_of[:] = np.tile(np.arange(len(COMMANDS)), self.gaits)
        alive, total = torch.ones(env.num_envs, dtype=torch.bool), torch.zeros(env.num_envs)
        for _ in range(self.steps):
            env.state.command[:], env.commands.target[:], env.commands.time_left[:] = self.commands, self.commands, 1e9
            env.observations = env._observe()
            done = env.step(self.idle)[2]
            alive &= ~done.bool()
            total += alive * fitness(env)
        return (total / self.steps).view(self.gaits, -1).mean(1).numpy()


def fitness(env: CpuEnv) -> torch.Tensor:
    """Fitness of the present state, shape (n,): upright, at the commanded velocity, with feet that lift.

    Without the penalties on base height and joint limits the search finds a gait in a deep crouch with the ankles on their
    stops: it balances, but cannot walk backward, and the knees have no torque left. Without the penalty on self-distance it
    finds legs that the safety layer stops in the middle of a step.
    """
    s = env.state
    return (
        0.5
        + 2.0 * terms.track_lin_vel_xy_exp(s, 0.1)
        + terms.track_ang_vel_z_exp(s, 0.15)
        + 0.7 * terms.foot_clearance(s)
        - terms.swing_contact(s)
        - 2.0 * terms.flat_orientation_l2(s)
        - 5e-4 * terms.joint_torques_l2(s)
        - 0.01 * terms.action_rate_l2(s)
        - 150.0 * terms.base_height(s)
        - 3.0 * terms.joint_pos_limits(s, env.task.legs, *env.task.joint_limits)
        - 100.0 * terms.self_distance(s)
        - 0.005 * terms.joint_power(s)
    )


def tune(generations: int, *, start: GaitConfig, noise: float, population: int, threads: int, seed: int) -> GaitConfig:
    """Mean of the search distribution after `generations`; `noise`: factor on the task's sensor noise."""
    torch.manual_seed(seed)
    task = PRESETS["cpu"].task
    task = dataclasses.replace(task, noise=tuple(noise * value for value in task.noise), gait=start)
    trial = GaitTrial(task, population, threads=threads, seed=seed)
    steps = np.concatenate([np.atleast_1d(step) for step in STEPS.values()])
    origin = flatten(start)
    search = cma.CMAEvolutionStrategy(np.zeros(len(origin)), 0.5, {"popsize": population, "seed": seed, "verbose": -9})
    for generation in tqdm(range(generations), "search", unit="generation", disable=None):
        asked = np.array(search.ask())
        scores = trial.scores(origin + asked * steps)
        search.tell(list(asked), list(-scores))
        tqdm.write(f"generation {generation + 1}: best {scores.max():.3f}, mean {scores.mean():.3f}, width {search.sigma:.3f}")
    return unflatten(origin + search.mean * steps, start.period)


def main(argv: list[str] | None = None) -> None:
    args = parser().parse_args(argv)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)
    start = gait.PLAIN if args.plain else GaitConfig()
    found = tune(
        args.generations,
        start=start if args.period is None else dataclasses.replace(start, period=args.period),
        noise=args.noise,
        population=args.population,
        threads=args.threads,
        seed=args.seed,
    )
    for name, value in dataclasses.asdict(found).items():
        numbers = tuple(round(float(v), 3) for v in np.atleast_1d(value))
        print(f"    {name} = {numbers if isinstance(value, tuple) else numbers[0]}")


if __name__ == "__main__":
    sys.exit(in_one_line(main))
