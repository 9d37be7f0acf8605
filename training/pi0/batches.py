"""Batches of demonstrations for the tiny π0: normalised, with noise, mirroring and colour permutation as augmentation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from deploy.robots.description import load_model
from training.pi0.data.instructions import find, is_known, task_of
from training.pi0.memory import Demonstrations
from training.pi0.mirroring import PERMUTATIONS, mirror_joints, mirrored_tasks, recoloured_tasks

RHYTHMIC = ("wave_right", "wave_left", "bow")  # periodic motions, which have no final posture
LEGS_MOVE = 0.05  # [rad] standard deviation of a leg joint's target in demonstrations in which the legs take part
LOPSIDED = 0.15  # [rad] between the mean targets of a motion and of its mirror image


def joint_weights(
    tasks: tuple[str, ...], robot: str = "berkeley_humanoid_lite", outside: float = 0.02, data: Demonstrations | None = None
) -> np.ndarray:
    """Weight of each joint's error by instruction, shape (tasks, n).

    Joints outside the skill's group are driven by another policy at run time; their weight is `outside` instead of one.
    `data`: tells for tasks that are not known whether the legs take part.
    """
    groups = load_model(robot).groups
    return np.stack([np.where(groups[joint_group(task, groups, data)], 1.0, outside) for task in tasks]).astype(np.float32)


def joint_group(task: str, groups: Mapping[str, np.ndarray], data: Demonstrations | None = None) -> str:
    """The joints that a task drives: for one that is not known the arms, or all where its demonstrations move the legs."""
    if is_known(task) or data is None or task not in data.tasks:
        return task_of(task).joints
    legs = data.action[data.task == data.tasks.index(task)][:, groups["legs"]]
    return "whole_body" if len(legs) and float(legs.std(axis=0).max()) > LEGS_MOVE else "arms"


def is_rhythmic(task: str) -> bool:
    """Whether a task goes by its own motion: of one that is not known nothing else is certain."""
    return not is_known(task) or find(task).skill in RHYTHMIC


def state_noise(tasks: tuple[str, ...], rhythm: float, goal: tuple[float, float], joints: int = 22) -> np.ndarray:
    """Standard deviation of the noise on the normalised state by instruction, shape (tasks, 2 joints)."""
    strong, weak = np.repeat(goal, joints), np.full(2 * joints, rhythm)
    return np.stack([weak if is_rhythmic(task) else strong for task in tasks]).astype(np.float32)


def sampling_probabilities(
    data: Demonstrations, frames: np.ndarray, touch: float, focus: str = "", focused: float = 0.0
) -> np.ndarray:
    """Sampling probability of each of `frames`: the fraction `touch` for touches, the rest equally for all other instructions.

    Rhythmic skills have twice the probability, because the auxiliary loss on the final posture does not help them. `focus`: a
    task that is being taught; its part of the whole is `focused`.
    """
    task = data.task[frames]
    counts = np.bincount(task, minlength=len(data.tasks))
    share = np.where(counts > 0, [2.0 if is_rhythmic(text) else 1.0 for text in data.tasks], 0.0)
    touches = np.array([task_of(text).skill == "touch_ball" for text in data.tasks])
    new = np.array([text == focus for text in data.tasks])
    for group, part in ((touches, touch), (~touches & ~new, 1.0 - touch)):
        share[group] *= part / max(share[group].sum(), 1e-9)
    if new.any():
        share *= np.where(new, 0.0, 1.0 - focused) / max(share[~new].sum(), 1e-9)
        share[new] = focused
    chances = (share / np.maximum(counts, 1))[task]
    return chances / chances.sum()


def mirrorable(data: Demonstrations, joints: tuple[str, ...]) -> np.ndarray:
    """Index of each task's mirror image, -1: it has none. A task that is not known is its own only if it looks like it."""
    found = mirrored_tasks(data.tasks)
    for i, task in enumerate(data.tasks):
        if found[i] == i and not is_known(task):
            mean = data.action[data.task == i].mean(axis=0) if (data.task == i).any() else np.zeros(len(joints))
            if np.abs(mean - mirror_joints(mean, joints)).max() > LOPSIDED:
                found[i] = -1
    return found


class Batches:
    """Turns frames into model inputs.

    Args:
        policy, before: LeRobot's policy and its pre-processor, for the tokenizer and the statistics.
        data: The demonstrations.
        stats: Mean and standard deviation by feature.
        weight: Weight of each joint's error by task, shape (tasks, 22); None: all one.

    Attributes:
        postures: Which tasks end in a posture, bool, shape (tasks,).
    """

    def __init__(
        self,
        policy,
        before,
        data: Demonstrations,
        stats: dict,
        weight: np.ndarray | None = None,
        robot: str = "berkeley_humanoid_lite",
    ) -> None:
        self.data, self.config = data, policy.config
        tokenizer = next(step for step in before.steps if hasattr(step, "input_tokenizer")).input_tokenizer
        words = tokenizer(
            [f"{task}\n" for task in data.tasks],
            padding="max_length",
            truncation=True,
            max_length=policy.config.tokenizer_max_length,
            padding_side="right",
            return_tensors="pt",
        )
        self.tokens, self.token_mask = words["input_ids"], words["attention_mask"].bool()
        self.stats = stats
        self.weight = None if weight is None else torch.as_tensor(weight, dtype=torch.float32)
        n = data.action.shape[1]
        joints = load_model(robot).joints
        mirrored = np.concatenate([mirror_joints(part, joints) for part in (data.state[:, :n], data.state[:, n:])], 1)
        # As recorded, and as the mirrored robot would have recorded it.
        self.states = [self._normal("observation.state", state) for state in (data.state, mirrored)]
        self.actions = [self._normal("action", action) for action in (data.action, mirror_joints(data.action, joints))]
        self.lever = torch.as_tensor(np.square(stats["action"]["std"]) / np.square(stats["action"]["std"]).max())
        self.postures = np.array([not is_rhythmic(task) for task in data.tasks])
        self.mirrored, self.recoloured = mirrorable(data, joints), recoloured_tasks(data.tasks)

    def _normal(self, key: str, values: np.ndarray) -> np.ndarray:
        return ((values - self.stats[key]["mean"]) / self.stats[key]["std"]).astype(np.float32)

    def at(
        self,
        frames: np.ndarray,
        noise: np.ndarray | None = None,
        colour: float = 0.0,
        shift: float = 0.0,
        rng: torch.Generator | None = None,
        full_prompt: bool = False,
        symmetry: float = 0.0,
        goal: bool = False,
    ) -> dict:
        """Arguments of `flow_loss` for `frames`; the padding of the prompts is cut off unless `full_prompt`.

        `symmetry`: fraction of frames that are mirrored, and fraction whose colours are permuted. `goal`: adds "goal", the
        last action of each demonstration, (B, 22), and "goal_weight": zero for periodic motions, which have no final
        posture; elsewhere an error of one radian weighs the same in every joint, since it moves the hand about as far.
        """
        tasks, side, picture = self._seen(frames, symmetry, rng)
        tokens, mask = self.tokens[tasks], self.token_mask[tasks]
        used = mask.shape[1] if full_prompt else int(mask.sum(1).max())
        state = torch.from_numpy(np.where(side[:, None], self.states[1][frames], self.states[0][frames]))
        actions = self._acted(self.data.rows(frames, self.config.chunk_size), side)
        if noise is not None:
            state = state + torch.from_numpy(noise[tasks]) * torch.randn(state.shape, generator=rng)
        if shift:
            picture = jitter_place(picture, shift, rng)
        if colour:
            gain = 1.0 + colour * (2 * torch.rand(len(frames), 3, 1, 1, generator=rng) - 1)
            light = colour * (2 * torch.rand(len(frames), 1, 1, 1, generator=rng) - 1)
            picture = (picture * gain + light).clamp(0.0, 1.0)
        inputs = {
            "images": [picture * 2.0 - 1.0],
            "image_masks": [torch.ones(len(frames), dtype=torch.bool)],
            "tokens": tokens[:, :used],
            "token_mask": mask[:, :used],
            "state": state,
            "actions": actions,
            "weight": self._weights(frames, tasks),
        }
        if goal:
            inputs["goal"] = self._acted(self.data.end[frames] - 1, side)
            inputs["goal_weight"] = inputs["weight"][:, 0] * torch.from_numpy(self.postures[tasks])[:, None] * self.lever
        return inputs

    def _acted(self, rows: np.ndarray, side: np.ndarray) -> torch.Tensor:
        """Normalised actions of `rows`, (B, ...), mirrored where `side` (B,) is true."""
        side = side.reshape(-1, *(1,) * rows.ndim)
        return torch.from_numpy(np.where(side, self.actions[1][rows], self.actions[0][rows]))

    def _seen(self, frames: np.ndarray, symmetry: float, rng: torch.Generator | None):
        """Tasks, which frames are mirrored, and pictures (B, 3, S, S) in [0, 1]."""
        tasks, side, picture = self.data.task[frames], np.zeros(len(frames), bool), self.data.pictures(frames)
        if symmetry:
            draw = torch.rand(3, len(frames), generator=rng).numpy()
            which = np.minimum((draw[2] * len(PERMUTATIONS)).astype(int), len(PERMUTATIONS) - 1)
            new = self.recoloured[which, tasks]
            change = (draw[1] < symmetry) & (new >= 0)
            tasks = np.where(change, new, tasks)
            order = np.where(change[:, None], PERMUTATIONS[which], np.arange(3))
            picture = np.take_along_axis(picture, order[:, :, None, None], axis=1)
            side = (draw[0] < symmetry) & (self.mirrored[tasks] >= 0)
            tasks = np.where(side, self.mirrored[tasks], tasks)
            picture[side] = picture[side][..., ::-1]
        return tasks, side, torch.from_numpy(picture)

    def _weights(self, frames: np.ndarray, tasks: np.ndarray) -> torch.Tensor:
        """Weight of each row and joint: by the task's joints; nothing past the end of an episode, (B, T, 22)."""
        inside = torch.from_numpy(self.data.inside(frames, self.config.chunk_size)).float()
        joints = torch.ones(len(frames), self.data.action.shape[1]) if self.weight is None else self.weight[tasks]
        return inside[:, :, None] * joints[:, None, :]


def jitter_place(picture: torch.Tensor, share: float, rng: torch.Generator | None) -> torch.Tensor:
    """Shifts each picture of (B, 3, S, S) by up to `share` of its side; the border repeats."""
    side = picture.shape[-1]
    reach = max(1, round(share * side))
    padded = torch.nn.functional.pad(picture, (reach,) * 4, mode="replicate")
    place = torch.randint(0, 2 * reach + 1, (len(picture), 2), generator=rng)
    return torch.stack([p[:, y : y + side, x : x + side] for p, (y, x) in zip(padded, place.tolist(), strict=True)])
