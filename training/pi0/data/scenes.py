"""Scenes for touching: thousands of balls at random positions, each with the arm motion that reaches it.

    python -m training.pi0.data.scenes --count 4000 --seed 5 --out data/scenes.npz

A demonstration on a standing robot takes seconds to simulate, and a network memorises the ball positions of a few hundred
demonstrations instead of learning to see the ball. Here the base is fixed, only the arms move, and a picture is rendered a
few times a second, which gives many times as many positions in the same time. Everything else is as in
`training.pi0.data.demos`: the same expert, motor model and camera, random starts of the arms, disturbed targets.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra
from deploy.cli.options import seed
from deploy.cli.outputs import output_file
from training.pi0.data import fanout


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.pi0.data.scenes", description=__doc__)
    p.add_argument("--out", type=output_file, required=True, help="the .npz file")
    p.add_argument("--count", type=int, default=4000, help="touches to make")
    p.add_argument("--seed", type=seed, default=0, help="seed of all random generators")
    p.add_argument("--side", type=int, default=84, help="side of the pictures [px]")
    fanout.add_argument(p)
    return p


with extra(__name__, parser, "mink", "h5py"):
    import mujoco
    import numpy as np
    from tqdm import tqdm

    from deploy.drivers.sensors.sim_camera import SimCamera
    from deploy.drivers.simulated.simulated_robot import Pose, SimulatedRobot
    from deploy.robots.description import load_model
    from skills.criteria import TOUCH_DISTANCE
    from skills.rotations import rotations
    from training.common.mujoco_world import compile_physics, fixed_base_spec
    from training.pi0.data.ball_sampling import apart_in_view, in_picture, random_point, touchable
    from training.pi0.data.demos import ARM_SPREAD, COLOURS, DRIFT, SECONDS, Drift
    from training.pi0.data.experts import FORWARD, SIDEWAYS, UP, WAVING, Expert, expert_for, nearer_side, posture, reach_for
    from training.pi0.data.instructions import find
    from training.pi0.data.upper_body import SIDES, UpperBody
    from training.pi0.memory import Demonstrations, save_cache, shrink

PICTURE_EVERY = 32  # ticks
PICTURE = 112  # [px] side of the camera's picture before it is made smaller, as in the recorded demonstrations
STEP_S = 0.01  # [s] of the physics
LEAN = 0.06  # [rad] standard deviation of the base's tilt about both axes
LEG_SPREAD = 0.08  # [rad] standard deviation of the legs about the default posture
HEIGHT = 0.015  # [m] standard deviation of the base's height
TRIES = 10


@dataclass(frozen=True, slots=True)
class ReachEpisode:
    """One touch, T ticks, n joints.

    Attributes:
        task: The instruction.
        state: Positions [rad] and velocities [rad/s], shape (T, 2n). action: Targets [rad], shape (T, n).
        pictures: uint8, shape (k, side, side, 3). picture_of: Which of them each tick sees, shape (T,).
        gap: Between hand and ball at the end [m].
    """

    task: str
    state: np.ndarray
    action: np.ndarray
    pictures: np.ndarray
    picture_of: np.ndarray
    gap: float


class FixedArms:
    """Physics of the arms on a fixed base without contacts.

    The motors' damping is set as joint damping, which MuJoCo integrates implicitly, so that steps can be large.
    """

    def __init__(self, body: UpperBody) -> None:
        self._model = body.model
        spec = fixed_base_spec(body.model)
        spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONTACT
        self._mj = compile_physics(spec, STEP_S)
        self._mj.dof_damping += body.model.kd
        self._data = mujoco.MjData(self._mj)
        self._steps = round(body.model.dt / STEP_S)

    def run(
        self, expert: Expert, q: np.ndarray, dq: np.ndarray, balls: dict[str, np.ndarray], ticks: int, drift: Drift | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Runs `expert` from `q` [rad], `dq` [rad/s], each (n,). Returns its states (ticks, 2n) and its targets (ticks, n)."""
        model, data = self._model, self._data
        mujoco.mj_resetData(self._mj, data)
        data.qpos[:], data.qvel[:] = q, dq
        states, actions = np.empty((ticks, 2 * model.n)), np.empty((ticks, model.n))
        for tick in range(ticks):
            states[tick, : model.n], states[tick, model.n :] = data.qpos, data.qvel
            actions[tick] = expert.act(states[tick, : model.n], states[tick, model.n :], balls)
            target = actions[tick] if drift is None else actions[tick] + drift.next(model.dt)
            for _ in range(self._steps):
                data.ctrl[:] = np.clip(model.kp * (target - data.qpos), -model.effort, model.effort)
                mujoco.mj_step(self._mj, data)
        return states, actions


class ReachGenerator:
    """Generates one touch per call of `make`; the same seed and number give the same touch.

    Args:
        side: Side of the kept pictures [px].
    """

    def __init__(self, seed: int, side: int = 84) -> None:
        self._seed, self._side = seed, side
        self.body = UpperBody(load_model())
        self.arms = FixedArms(self.body)
        robot = SimulatedRobot(self.body.model, hanging=False)
        self._camera, self._standing = SimCamera(robot.mj_model, width=PICTURE, height=PICTURE), robot.pose.qpos
        self._mocap = {colour: robot.mj_model.body(f"ball_{colour}").mocapid[0] for colour in COLOURS}

    def make(self, number: int) -> ReachEpisode:
        """Touch number `number`. Raises RuntimeError when TRIES attempts miss the ball."""
        for attempt in range(TRIES):
            made = self.attempt(np.random.default_rng((self._seed, number, attempt)))
            if made.gap <= 0.75 * TOUCH_DISTANCE:
                return made
        raise RuntimeError(f"scene {number}: no touch in {TRIES} tries, the last one missed by {made.gap:.3f} m")

    def attempt(self, rng: np.random.Generator) -> ReachEpisode:
        """One attempt: places the balls, starts from a random arm posture, runs the expert and renders pictures on the way."""
        model = self.body.model
        colour = COLOURS[rng.integers(3)]
        balls, task = self._hang(colour, rng), f"touch the {colour} ball"
        ticks = round(SECONDS["touch_ball"] / model.dt)
        drift = Drift(model.groups["arms"], rng, DRIFT) if rng.random() < 0.5 else None
        state, action = self.arms.run(expert_for(find(task), self.body), self._start(rng), np.zeros(model.n), balls, ticks, drift)
        ball = balls[colour]
        gap = float(np.linalg.norm(self.body.hands(state[-1, : model.n])[SIDES.index(nearer_side(ball))] - ball))
        drawn = np.concatenate(([0], np.arange(1 + rng.integers(PICTURE_EVERY), ticks, PICTURE_EVERY)))
        pictures = np.stack(self._draw(state[drawn, : model.n], balls, rng))
        return ReachEpisode(
            task,
            state.astype(np.float32),
            action.astype(np.float32),
            pictures,
            np.searchsorted(drawn, np.arange(ticks), side="right") - 1,
            gap,
        )

    def _hang(self, colour: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Three balls that do not overlap in the picture; that of `colour` is within reach. Centres [m, base frame], (3,)."""
        points: list[np.ndarray] = []
        while len(points) < len(COLOURS):
            point = random_point(rng)
            if in_picture(point) and apart_in_view([*points, point]) and (points or touchable(self.body, point)):
                points.append(point)
        others = [other for other in COLOURS if other != colour]
        return dict(zip((colour, *others), points, strict=True))

    def _start(self, rng: np.random.Generator) -> np.ndarray:
        """A random posture between two arm postures of the gestures [rad], shape (n,)."""
        model, ends = self.body.model, []
        for _ in range(2):
            known = [None, None, UP, WAVING, SIDEWAYS, FORWARD]
            left, right = (known[i] for i in rng.integers(len(known), size=2))
            ends.append(posture(self.body, left, right))
        if rng.random() < 0.3:
            ends[1] = reach_for(self.body, random_point(rng))[0]
        q = ends[0] + rng.random() * (ends[1] - ends[0])
        q += np.where(model.groups["arms"], rng.uniform(-ARM_SPREAD, ARM_SPREAD, model.n), rng.normal(0.0, LEG_SPREAD, model.n))
        return np.clip(q, model.lower, model.upper)

    def _draw(self, postures: np.ndarray, balls: dict[str, np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
        """Pictures of the robot in `postures` [rad], (k, n), at a random place on the floor and with a small random tilt."""
        qpos = self._standing.copy()
        qpos[:2] = rng.uniform(-2.0, 2.0, 2)
        qpos[2] += rng.normal(0.0, HEIGHT)
        yaw, (roll, pitch) = rng.uniform(-np.pi, np.pi), rng.normal(0.0, LEAN, 2)
        turned, leaning = np.empty(4), np.array((1.0, 0.5 * roll, 0.5 * pitch, 0.0))
        mujoco.mju_mulQuat(turned, np.array((np.cos(0.5 * yaw), 0.0, 0.0, np.sin(0.5 * yaw))), leaning / np.linalg.norm(leaning))
        qpos[3:7] = turned
        mocap, turn = np.zeros((len(self._mocap), 3)), rotations(turned)
        for colour, index in self._mocap.items():
            mocap[index] = qpos[:3] + turn @ balls[colour]
        pictures = []
        for q in postures:
            qpos[7:] = q
            pictures.append(shrink(self._camera.render(Pose(0.0, qpos, mocap)), self._side))
        return pictures


def gather(episodes: list[ReachEpisode]) -> Demonstrations:
    """Episodes as demonstrations in memory."""
    lengths = np.array([len(one.state) for one in episodes])
    pictures = np.cumsum([0, *(len(one.pictures) for one in episodes)])
    tasks = tuple(sorted({one.task for one in episodes}))
    return Demonstrations(
        state=np.concatenate([one.state for one in episodes]),
        action=np.concatenate([one.action for one in episodes]),
        picture=np.concatenate([one.pictures for one in episodes]),
        picture_of=np.concatenate([one.picture_of + first for one, first in zip(episodes, pictures[:-1], strict=True)]),
        end=np.repeat(np.cumsum(lengths), lengths),
        episode=np.repeat(np.arange(len(episodes)), lengths),
        task=np.repeat([tasks.index(one.task) for one in episodes], lengths),
        tasks=tasks,
    )


_GENERATORS: dict[tuple[int, int], ReachGenerator] = {}  # one a process: it takes a second to build


def make(job: tuple[int, int, int]) -> ReachEpisode:
    """One touch of (seed, side, number), as a function that can be sent to another process."""
    seed, side, number = job
    if (seed, side) not in _GENERATORS:
        _GENERATORS[seed, side] = ReachGenerator(seed, side)
    return _GENERATORS[seed, side].make(number)


def main(arguments: list[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    jobs = ((options.seed, options.side, number) for number in range(options.count))
    episodes = list(tqdm(fanout.run(make, jobs, options.ray_address), total=options.count, unit="scene"))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    save_cache(gather(episodes), options.out)
    gaps = np.array([one.gap for one in episodes])
    print(
        f"{options.out}: {len(episodes)} touches, {sum(len(one.state) for one in episodes)} frames, "
        f"{sum(len(one.pictures) for one in episodes)} pictures; the hand ends {1e3 * np.median(gaps):.0f} mm from the "
        f"ball (median), at most {1e3 * gaps.max():.0f} mm"
    )


if __name__ == "__main__":
    sys.exit(in_one_line(main))
