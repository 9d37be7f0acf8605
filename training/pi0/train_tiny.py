"""The training loop of the tiny preset: demonstrations in memory, several draws per observation, averaged weights."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from deploy.robots.description import load_model
from policies.pi0.in_process import checkpoint
from training.pi0.flow import flow_loss
from training.pi0.memory import Demonstrations
from training.pi0.symmetry import PERMUTATIONS, mirror_joints, mirrored_tasks, recoloured_tasks


@dataclass(frozen=True, slots=True)
class TinyTraining:
    """Hyper-parameters.

    Attributes:
        steps: Updates.
        look: Updates of the observation alone before them, see `training.pi0.look`.
        batch: Observations per update.
        draws: Draws of noise and time per observation.
        rate: Peak learning rate; it rises over `warmup` updates and falls to zero over the last `decay` of them.
        average: Decay of the running mean of the weights, which is what is kept.
        state_noise: Standard deviation of the noise on the normalised state of a rhythmic skill, which has only its own
            motion to go by.
        goal_noise: The same for skills with a goal. In a demonstration the motion gives the goal away; without strong
            noise on it a network learns to go on as it moves and never looks at the picture.
        shift, colour: Largest shift of a picture, as a share of its side; largest change of brightness and colour.
        symmetry: Share of mirrored demonstrations, and of those whose colours change places.
        held_out: Share of episodes whose loss decides early stopping; `patience` evaluations without a better one
            stop the run (0: never).
        every: Updates between evaluations and checkpoints.
    """

    steps: int = 6000
    look: int = 4000
    batch: int = 32
    draws: int = 2
    rate: float = 1e-3
    warmup: int = 100
    decay: float = 0.3
    average: float = 0.998
    weight_decay: float = 0.01
    clip: float = 1.0
    state_noise: float = 0.1
    goal_noise: tuple[float, float] = (0.3, 2.0)
    shift: float = 0.0
    colour: float = 0.1
    symmetry: float = 0.5
    held_out: float = 0.04
    patience: int = 0
    every: int = 500
    seed: int = 0
    threads: int = 1

    def scale(self, step: int) -> float:
        """Learning rate of `step` as a share of the peak: warm up, stay, decay."""
        left = (self.steps - step) / max(1.0, self.decay * self.steps)
        return min(1.0, (step + 1) / max(1, self.warmup), max(left, 0.0))


def joint_weights(tasks: tuple[str, ...], robot: str = "berkeley_humanoid_lite", outside: float = 0.02) -> np.ndarray:
    """Weight of each joint's error by instruction, shape (tasks, n).

    Joints outside the skill's group are driven by another policy at run time: they count `outside`, not one.
    """
    from training.pi0.data.instructions import find

    groups = load_model(robot).groups
    return np.stack([np.where(groups[find(task).joints], 1.0, outside) for task in tasks]).astype(np.float32)


RHYTHMIC = ("wave_right", "wave_left", "bow")


def state_noise(tasks: tuple[str, ...], options: TinyTraining, joints: int = 22) -> np.ndarray:
    """Standard deviation of the noise on the normalised state by instruction, shape (tasks, 2 joints)."""
    from training.pi0.data.instructions import find

    goal = np.repeat(options.goal_noise, joints)
    rhythmic = np.full(2 * joints, options.state_noise)
    return np.stack([rhythmic if find(task).skill in RHYTHMIC else goal for task in tasks]).astype(np.float32)


class Batches:
    """Turns frames into model inputs.

    Args:
        policy, before: LeRobot's policy and its pre-processor, for the tokenizer and the statistics.
        data: The demonstrations.
        stats: Mean and standard deviation by feature.
        weight: Weight of each joint's error by task, shape (tasks, 22); None: all one.
    """

    def __init__(self, policy, before, data: Demonstrations, stats: dict, weight: np.ndarray | None = None,
                 robot: str = "berkeley_humanoid_lite") -> None:
        self.data, self.config = data, policy.config
        tokenizer = next(step for step in before.steps if hasattr(step, "input_tokenizer")).input_tokenizer
        words = tokenizer([f"{task}\n" for task in data.tasks], padding="max_length", truncation=True,
                          max_length=policy.config.tokenizer_max_length, padding_side="right", return_tensors="pt")
        self.tokens, self.token_mask = words["input_ids"], words["attention_mask"].bool()
        self.stats = stats
        self.weight = None if weight is None else torch.as_tensor(weight, dtype=torch.float32)
        n = data.action.shape[1]
        joints = load_model(robot).joints
        mirrored = np.concatenate([mirror_joints(part, joints) for part in (data.state[:, :n], data.state[:, n:])], 1)
        # As recorded, and as the mirrored robot would have recorded it.
        self.states = [self._normal("observation.state", state) for state in (data.state, mirrored)]
        self.actions = [self._normal("action", action) for action in (data.action, mirror_joints(data.action, joints))]
        self.mirrored, self.recoloured = mirrored_tasks(data.tasks), recoloured_tasks(data.tasks)

    def _normal(self, key: str, values: np.ndarray) -> np.ndarray:
        return ((values - self.stats[key]["mean"]) / self.stats[key]["std"]).astype(np.float32)

    def at(self, frames: np.ndarray, noise: np.ndarray | None = None, colour: float = 0.0, shift: float = 0.0,
           rng: torch.Generator | None = None, full_prompt: bool = False, symmetry: float = 0.0,
           goal: np.ndarray | None = None) -> dict:
        """Arguments of `flow_loss` for `frames`; the padding of the prompts is cut off unless `full_prompt`.

        `symmetry`: share of frames that are mirrored, and of those whose colours change places. `goal`: frames whose
        action alone stands in for the chunk.
        """
        tasks, side, picture = self._seen(frames, symmetry, rng)
        tokens, mask = self.tokens[tasks], self.token_mask[tasks]
        used = mask.shape[1] if full_prompt else int(mask.sum(1).max())
        state = torch.from_numpy(np.where(side[:, None], self.states[1][frames], self.states[0][frames]))
        rows = self.data.rows(frames, self.config.chunk_size) if goal is None else goal[:, None]
        actions = np.where(side[:, None, None], self.actions[1][rows], self.actions[0][rows])
        if noise is not None:
            state = state + torch.from_numpy(noise[tasks]) * torch.randn(state.shape, generator=rng)
        if shift:
            picture = jitter_place(picture, shift, rng)
        if colour:
            gain = 1.0 + colour * (2 * torch.rand(len(frames), 3, 1, 1, generator=rng) - 1)
            light = colour * (2 * torch.rand(len(frames), 1, 1, 1, generator=rng) - 1)
            picture = (picture * gain + light).clamp(0.0, 1.0)
        return {"images": [picture * 2.0 - 1.0], "image_masks": [torch.ones(len(frames), dtype=torch.bool)],
                "tokens": tokens[:, :used], "token_mask": mask[:, :used], "state": state,
                "actions": torch.from_numpy(actions), "weight": self._weights(frames, tasks)}

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
    return torch.stack([p[:, y:y + side, x:x + side] for p, (y, x) in zip(padded, place.tolist(), strict=True)])


@torch.no_grad()
def held_out_loss(policy, batches: Batches, frames: np.ndarray, limit: int = 512, seed: int = 0) -> float:
    """Flow loss on fixed frames with fixed noise: comparable from one evaluation to the next."""
    rng = np.random.default_rng(seed)
    frames = np.sort(rng.choice(frames, min(limit, len(frames)), replace=False))
    generator, losses = torch.Generator().manual_seed(seed), []
    for part in np.array_split(frames, max(1, len(frames) // 64)):
        inputs = batches.at(part)
        noise = torch.randn(inputs["actions"].shape, generator=generator)
        when = torch.linspace(0.05, 0.95, len(part))
        losses.append(float(flow_loss(policy.model, **inputs, draws=1, noise=noise, time=when)) * len(part))
    return sum(losses) / len(frames)


class Average:
    """A running mean of a policy's weights; its early bias towards the first weights is taken out."""

    def __init__(self, policy, decay: float) -> None:
        self.decay = decay
        self.weights = {name: value.detach().clone() for name, value in policy.state_dict().items()}

    def update(self, policy, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in policy.state_dict().items():
            if value.dtype.is_floating_point:
                self.weights[name].lerp_(value.detach(), 1.0 - decay)


class Run:
    """One training run: its policy, optimiser, averaged weights and log.

    Attributes:
        first: Update that it begins with; > 0 for a resumed run.
        best: Lowest held-out loss, and after which update.
    """

    def __init__(self, policy, before, after, batches: Batches, options: TinyTraining, out: Path, spec,
                 tokenizer: Path | None, resume: bool) -> None:
        self.policy, self.batches, self.options, self.out = policy, batches, options, out
        self._processors, self._spec, self._tokenizer = (before, after), spec, tokenizer
        self._optimiser = torch.optim.AdamW(policy.parameters(), lr=options.rate, betas=(0.9, 0.95),
                                            weight_decay=options.weight_decay)
        self._parameters = [p for p in policy.parameters() if p.requires_grad]
        self._average, self.first, self.best = Average(policy, options.average), 0, (float("inf"), 0)
        if resume:
            self.first, self.best = _load_state(out / "state", policy, self._optimiser, self._average)
        self._writer, self._log = _writer(out), (out / "log.jsonl").open("a" if resume else "w")
        self._started, self._losses, self._norm = time.monotonic(), [], 0.0
        policy.train()

    def update(self, step: int, loss: torch.Tensor) -> None:
        """One step down the gradient of `loss`."""
        loss.backward()
        for group in self._optimiser.param_groups:
            group["lr"] = self.options.rate * self.options.scale(step)
        self._norm = float(torch.nn.utils.clip_grad_norm_(self._parameters, self.options.clip))
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self._average.update(self.policy, step)
        self._losses.append(loss.item())

    def review(self, done: int, held: np.ndarray) -> bool:
        """Evaluates, saves and logs after `done` updates. Whether the run goes on."""
        score = self._save(done, held)
        elapsed = time.monotonic() - self._started
        flows = (done - self.first) * self.options.batch * self.options.draws / elapsed
        entry = {"step": done, "loss": round(float(np.mean(self._losses)), 5), "held_out": round(score, 5),
                 "rate": self._optimiser.param_groups[0]["lr"], "grad": round(self._norm, 3),
                 "flows_per_s": round(flows, 1), "seconds": round(elapsed, 1)}
        self._log.write(json.dumps(entry) + "\n")
        self._log.flush()
        print(entry, flush=True)
        for key in ("loss", "held_out", "rate", "grad"):
            self._writer.add_scalar(key, entry[key], done)
        self._losses = []
        if not self.options.patience or done - self.best[1] < self.options.patience * self.options.every:
            return True
        print(f"no better held-out loss for {self.options.patience} evaluations: stopped after {done} updates")
        return False

    def _save(self, done: int, held: np.ndarray) -> float:
        """Saves the averaged weights; returns their held-out loss."""
        policy = self.policy
        raw = {name: tensor.clone() for name, tensor in policy.state_dict().items()}
        policy.load_state_dict(self._average.weights)
        score = held_out_loss(policy, self.batches, held) if len(held) else float(np.mean(self._losses))
        for name in ("best", "last") if score < self.best[0] else ("last",):
            checkpoint.save(self.out / name, policy, *self._processors, self._spec, self._tokenizer)
        self.best = min(self.best, (score, done))
        policy.load_state_dict(raw)
        policy.train()
        _save_state(self.out / "state", policy, self._optimiser, self._average, done, self.best)
        return score

    def close(self) -> None:
        self._writer.close()
        self._log.close()


def train(policy, before, after, data: Demonstrations, stats: dict, options: TinyTraining, out: Path,
          spec=None, tokenizer: Path | None = None, weight: np.ndarray | None = None, resume: bool = False,
          loss=None) -> Path:
    """Trains `policy` in place and returns the folder of the best checkpoint (out/best).

    `loss(policy, batches, frames, generator)` replaces the demonstrations' flow loss, for distillation.
    """
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "options.json").write_text(json.dumps(asdict(options), indent=1) + "\n")
    batches = Batches(policy, before, data, stats, weight)
    training, held = data.split(options.held_out, options.seed)
    run = Run(policy, before, after, batches, options, out, spec, tokenizer, resume)
    rng = np.random.default_rng((options.seed, run.first))
    generator = torch.Generator().manual_seed(options.seed + run.first)
    noise = state_noise(data.tasks, options)
    if options.look and run.first == 0 and loss is None:
        from training.pi0.look import look

        look(policy, batches, training, held, out, steps=options.look, seed=options.seed, symmetry=options.symmetry)
    for step in range(run.first, options.steps):
        frames = rng.choice(training, options.batch)
        if loss is None:
            inputs = batches.at(frames, noise, options.colour, options.shift, generator, symmetry=options.symmetry)
            value = flow_loss(policy.model, **inputs, draws=options.draws)
        else:
            value = loss(policy, batches, frames, generator)
        run.update(step, value)
        due = (step + 1) % options.every == 0 or step + 1 == options.steps
        if due and not run.review(step + 1, held):
            break
    run.close()
    return out / "best"


def _writer(out: Path):
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(out / "tensorboard"))


def _save_state(folder: Path, policy, optimiser, average: Average, step: int, best: tuple[float, int]) -> None:
    """What a resumed run needs, as safetensors and JSON."""
    from lerobot.optim import save_optimizer_state
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_optimizer_state(optimiser, folder)
    save_file({name: value.clone().contiguous() for name, value in policy.state_dict().items()},
              folder / "weights.safetensors")
    save_file({name: value.clone().contiguous() for name, value in average.weights.items()},
              folder / "average.safetensors")
    (folder / "step.json").write_text(json.dumps({"step": step, "best": best}) + "\n")


def _load_state(folder: Path, policy, optimiser, average: Average) -> tuple[int, tuple[float, int]]:
    from lerobot.optim import load_optimizer_state
    from safetensors.torch import load_file

    load_optimizer_state(optimiser, folder)
    policy.load_state_dict(load_file(folder / "weights.safetensors"))
    average.weights = load_file(folder / "average.safetensors")
    state = json.loads((folder / "step.json").read_text())
    return state["step"], tuple(state["best"])
