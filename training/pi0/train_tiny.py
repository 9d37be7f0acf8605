"""The training loop of the tiny preset: demonstrations in memory, several flow samples per observation, averaged weights."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from deploy.robots.description import load_model
from policies.chunk.backends.lerobot import checkpoint
from policies.chunk.backends.lerobot.interface import ACTION, STATE, write_interface
from training.pi0.batches import Batches, sampling_probabilities, state_noise
from training.pi0.finetuning_presets import TinyTraining
from training.pi0.flow_matching import encode_observation, flow_loss
from training.pi0.memory import Demonstrations
from training.pi0.pretrain_vision import Probe, VisionPretraining, make_probe, pretrain_vision

PRETRAINED, PROBE = "pretrained", "probe.safetensors"
Loss = Callable[[Any, Batches, np.ndarray, torch.Generator], torch.Tensor]


@dataclass(frozen=True, slots=True)
class TinyModel:
    """What a checkpoint of a tiny π0 consists of.

    Attributes:
        policy: LeRobot's policy.
        before, after: Its pre- and post-processor.
        stats: Mean and standard deviation by feature.
        spec: Sizes of the network.
        tokenizer: Folder of its tokenizer.
    """

    policy: Any
    before: Any
    after: Any
    stats: dict[str, dict[str, np.ndarray]]
    spec: Any = None
    tokenizer: Path | None = None

    def save(self, folder: Path, policy=None) -> None:
        """Writes a checkpoint, with the weights of `policy` instead of its own if given."""
        checkpoint.save(folder, policy or self.policy, self.before, self.after, self.spec, self.tokenizer)
        robot = load_model()
        positions, velocities = ([f"{joint}.{what}" for joint in robot.joints] for what in ("pos", "vel"))
        names = {ACTION: {"names": positions}, STATE: {"names": positions + velocities}}
        write_interface(folder, names, robot.control_hz)


@torch.no_grad()
def held_out_loss(policy, batches: Batches, frames: np.ndarray, limit: int = 512, seed: int = 0) -> float:
    """Flow-matching loss on fixed frames with fixed noise: comparable from one evaluation to the next."""
    rng = np.random.default_rng(seed)
    frames = np.sort(rng.choice(frames, min(limit, len(frames)), replace=False))
    generator, losses = torch.Generator().manual_seed(seed), []
    for part in np.array_split(frames, max(1, len(frames) // 64)):
        inputs = batches.at(part)
        noise = torch.randn(inputs["actions"].shape, generator=generator)
        when = torch.linspace(0.05, 0.95, len(part))
        losses.append(float(flow_loss(policy.model, **inputs, samples=1, noise=noise, time=when)) * len(part))
    return sum(losses) / len(frames)


def averaged(policy, decay: float) -> AveragedModel:
    """Exponential moving average of a policy's weights, with a smaller decay at first against the bias to the first weights."""

    def update(average: torch.Tensor, current: torch.Tensor, count: torch.Tensor | int) -> torch.Tensor:
        return torch.lerp(average, current, 1.0 - min(decay, (1 + float(count)) / (10 + float(count))))

    return AveragedModel(policy, avg_fn=update)


class RunState:
    """State of a run, as a resumed run loads it: weights, their average, the optimiser's state and the probe.

    Attributes:
        first: Update that it begins with; > 0 for a resumed run.
        best: Lowest held-out loss, and after which update.
    """

    def __init__(self, policy, probe: Probe | None, options: TinyTraining, folder: Path, resume: bool) -> None:
        self.policy, self.probe, self._folder = policy, probe, folder
        everything = [*policy.parameters(), *(probe.parameters() if probe is not None else ())]
        self.parameters = [p for p in everything if p.requires_grad]
        self.optimiser = torch.optim.AdamW(everything, lr=options.rate, betas=(0.9, 0.95), weight_decay=options.weight_decay)
        self.average = averaged(policy, options.average)
        self.first, self.best = 0, (float("inf"), 0)
        self._set_peak_rate(options.rate)
        if resume:
            self._load()
            self._set_peak_rate(options.rate)  # of these options, which a resumed run may change
        self.schedule = LambdaLR(self.optimiser, options.scale, last_epoch=self.first - 1)

    def _set_peak_rate(self, rate: float) -> None:
        for group in self.optimiser.param_groups:
            group["initial_lr"] = rate

    def save(self, step: int) -> None:
        """Writes the state after `step` updates, as safetensors and JSON."""
        from lerobot.optim import save_optimizer_state

        self._folder.mkdir(parents=True, exist_ok=True)
        save_optimizer_state(self.optimiser, self._folder)
        for name, module in (("weights", self.policy), ("average", self.average.module)):
            tensors = {key: value.clone().contiguous() for key, value in module.state_dict().items()}
            save_file(tensors, self._folder / f"{name}.safetensors")
        if self.probe is not None:
            save_file(self.probe.state_dict(), self._folder / PROBE)
        (self._folder / "step.json").write_text(json.dumps({"step": step, "best": self.best}) + "\n")

    def _load(self) -> None:
        from lerobot.optim import load_optimizer_state

        load_optimizer_state(self.optimiser, self._folder)
        self.policy.load_state_dict(load_file(self._folder / "weights.safetensors"))
        self.average.module.load_state_dict(load_file(self._folder / "average.safetensors"))
        if self.probe is not None:
            self.probe.load_state_dict(load_file(self._folder / PROBE))
        state = json.loads((self._folder / "step.json").read_text())
        self.first, self.best = state["step"], tuple(state["best"])
        self.average.n_averaged.fill_(self.first)


class TinyTrainer:
    """One training run: updates, evaluations, checkpoints and log.

    Attributes:
        progress: State of the run.
    """

    def __init__(
        self, model: TinyModel, probe: Probe | None, batches: Batches, options: TinyTraining, out: Path, resume: bool
    ) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._model, self._batches, self._options, self._out = model, batches, options, out
        self.progress = RunState(model.policy, probe, options, out / "state", resume)
        self._writer, self._log = SummaryWriter(str(out / "tensorboard")), (out / "log.jsonl").open("a" if resume else "w")
        self._started, self._losses, self._norm, self._rate = time.monotonic(), [], 0.0, 0.0
        model.policy.train()

    def update(self, loss: torch.Tensor) -> None:
        """One step down the gradient of `loss`."""
        progress = self.progress
        loss.backward()
        self._rate = progress.schedule.get_last_lr()[0]
        self._norm = float(torch.nn.utils.clip_grad_norm_(progress.parameters, self._options.clip))
        progress.optimiser.step()
        progress.optimiser.zero_grad(set_to_none=True)
        progress.schedule.step()
        progress.average.update_parameters(self._model.policy)
        self._losses.append(loss.item())

    def evaluate(self, done: int, held: np.ndarray) -> bool:
        """Evaluates, saves and logs after `done` updates. Returns whether training continues."""
        score, progress = self._save(done, held), self.progress
        elapsed = time.monotonic() - self._started
        flows = (done - progress.first) * self._options.batch * self._options.flow_samples / elapsed
        entry = {
            "step": done,
            "loss": round(float(np.mean(self._losses)), 5),
            "held_out": round(score, 5),
            "rate": self._rate,
            "grad": round(self._norm, 3),
            "flows_per_s": round(flows, 1),
            "seconds": round(elapsed, 1),
        }
        self._log.write(json.dumps(entry) + "\n")
        self._log.flush()
        tqdm.write(str(entry))
        for key in ("loss", "held_out", "rate", "grad"):
            self._writer.add_scalar(key, entry[key], done)
        self._losses = []
        patience = self._options.patience
        if not patience or done - progress.best[1] < patience * self._options.every:
            return True
        tqdm.write(f"no lower held-out loss for {patience} evaluations: stopped after {done} updates")
        return False

    def _save(self, done: int, held: np.ndarray) -> float:
        """Saves the averaged weights; returns their held-out loss."""
        average, progress = self.progress.average.module, self.progress
        score = held_out_loss(average, self._batches, held) if len(held) else float(np.mean(self._losses))
        for name in ("best", "last") if score < progress.best[0] else ("last",):
            self._model.save(self._out / name, average)
        progress.best = min(progress.best, (score, done))
        progress.save(done)
        return score

    def close(self) -> None:
        """Closes the log files."""
        self._writer.close()
        self._log.close()


def train(
    model: TinyModel,
    data: Demonstrations,
    options: TinyTraining,
    out: Path,
    *,
    weight: np.ndarray | None = None,
    resume: bool = False,
    loss: Loss | None = None,
) -> Path:
    """Trains the policy of `model` in place and returns the folder of the best checkpoint (out/best).

    Args:
        weight: Weight of each joint's error by task, shape (tasks, 22); None: all one.
        resume: Go on after the last evaluation, or after the vision pretraining, of the run in `out`; `model` then comes from
            `checkpoint_of(out)`.
        loss: `loss(policy, batches, frames, generator)` in place of the flow-matching loss on the demonstrations, for
            distillation.
    """
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "options.json").write_text(json.dumps(asdict(options), indent=1) + "\n")
    batches = Batches(model.policy, model.before, data, model.stats, weight)
    training, held = data.split(options.held_out, options.seed)
    chances = sampling_probabilities(data, training, options.touch_fraction, options.focus, options.focused)
    started = resume and (out / "state" / "step.json").is_file()
    probe = make_probe(model.policy, data.action.shape[1]) if loss is None else None
    if probe is not None and not started:
        pretrained_probe(model, probe, batches, training, held, out, options, resume)
    loss = loss or flow_matching(probe, options, data)
    trainer = TinyTrainer(model, probe, batches, options, out, started)
    first = trainer.progress.first
    rng = np.random.default_rng((options.seed, first))
    generator = torch.Generator().manual_seed(options.seed + first)
    steps = tqdm(range(first, options.steps), "training", total=options.steps, initial=first, unit="update", disable=None)
    for step in steps:
        trainer.update(loss(model.policy, batches, rng.choice(training, options.batch, p=chances), generator))
        due = (step + 1) % options.every == 0 or step + 1 == options.steps
        if due and not trainer.evaluate(step + 1, held):
            break
    trainer.close()
    return out / "best"


def pretrained_probe(
    model: TinyModel,
    probe: Probe,
    batches: Batches,
    training: np.ndarray,
    held: np.ndarray,
    out: Path,
    options: TinyTraining,
    resume: bool,
) -> None:
    """Pretrains vision and `probe`, and saves both, unless the run in `out` did; loads the probe."""
    folder = out / PRETRAINED
    if not resume:
        if options.pretrain and batches.postures[batches.data.task[training]].any():  # some skill has a goal to look at
            settings = VisionPretraining(
                steps=options.pretrain,
                batch=options.batch,
                rate=options.rate,
                seed=options.seed,
                colour=options.colour,
                symmetry=options.symmetry,
            )
            pretrain_vision(model.policy, probe, batches, training, held, out, settings)
        model.save(folder)
        save_file(probe.state_dict(), folder / PROBE)
    probe.load_state_dict(load_file(folder / PROBE))


def checkpoint_of(out: Path) -> Path:
    """Folder of the weights from which a run in `out` continues."""
    return out / ("last" if (out / "state" / "step.json").is_file() else PRETRAINED)


def flow_matching(probe: Probe | None, options: TinyTraining, data: Demonstrations) -> Loss:
    """The flow-matching loss on augmented demonstrations, with the auxiliary losses of `probe`."""
    noise = state_noise(data.tasks, options.state_noise, options.goal_noise)

    def loss(policy, batches: Batches, frames: np.ndarray, generator: torch.Generator) -> torch.Tensor:
        inputs = batches.at(
            frames, noise, options.colour, options.shift, generator, symmetry=options.symmetry, goal=probe is not None
        )
        encoded = encode_observation(policy.model, inputs)
        extra = sum(probe.auxiliary_losses(*encoded, inputs)) if probe is not None and options.auxiliary_weight else 0.0
        flow = {key: value for key, value in inputs.items() if not key.startswith("goal")}
        value = flow_loss(policy.model, **flow, samples=options.flow_samples, encoded=encoded)  # may grow `encoded`
        return value + options.auxiliary_weight * extra

    return loss
