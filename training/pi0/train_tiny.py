"""The training loop of the tiny preset: demonstrations in memory, several draws per observation, averaged weights."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from policies.chunk.backends.lerobot import checkpoint
from training.pi0.batches import Batches, frame_chances, state_noise
from training.pi0.flow import flow_loss, observe
from training.pi0.look import Readout, look, make_readout
from training.pi0.memory import Demonstrations

LOOKED, READOUT = "looked", "readout.safetensors"


@dataclass(frozen=True, slots=True)
class TinyTraining:
    """Hyper-parameters.

    Attributes:
        steps: Updates.
        look: Updates of the observation alone before them, see `training.pi0.look`.
        looking: Weight of that loss in the updates after them; 0: none.
        touch: Share of the draws that touching gets; see `frame_chances`.
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
    look: int = 2000
    looking: float = 1.0
    touch: float = 0.4
    batch: int = 32
    draws: int = 2
    rate: float = 1e-3
    warmup: int = 100
    decay: float = 0.5
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

    def __init__(
        self,
        policy,
        before,
        after,
        batches: Batches,
        options: TinyTraining,
        out: Path,
        spec,
        tokenizer: Path | None,
        resume: bool,
        readout: Readout | None = None,
    ) -> None:
        self.policy, self.batches, self.options, self.out, self.readout = policy, batches, options, out, readout
        self._processors, self._spec, self._tokenizer = (before, after), spec, tokenizer
        everything = [*policy.parameters(), *(readout.parameters() if readout is not None else ())]
        self._optimiser = torch.optim.AdamW(everything, lr=options.rate, betas=(0.9, 0.95), weight_decay=options.weight_decay)
        self._parameters = [p for p in everything if p.requires_grad]
        self._average, self.first, self.best = Average(policy, options.average), 0, (float("inf"), 0)
        if resume:
            self.first, self.best = _load_state(out / "state", policy, self._optimiser, self._average, readout)
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
        entry = {
            "step": done,
            "loss": round(float(np.mean(self._losses)), 5),
            "held_out": round(score, 5),
            "rate": self._optimiser.param_groups[0]["lr"],
            "grad": round(self._norm, 3),
            "flows_per_s": round(flows, 1),
            "seconds": round(elapsed, 1),
        }
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
        _save_state(self.out / "state", policy, self._optimiser, self._average, done, self.best, self.readout)
        return score

    def close(self) -> None:
        self._writer.close()
        self._log.close()


def train(
    policy,
    before,
    after,
    data: Demonstrations,
    stats: dict,
    options: TinyTraining,
    out: Path,
    spec=None,
    tokenizer: Path | None = None,
    weight: np.ndarray | None = None,
    resume: bool = False,
    loss=None,
) -> Path:
    """Trains `policy` in place and returns the folder of the best checkpoint (out/best).

    `resume`: go on after the last review, or after looking, of the run in `out`; `policy` is `checkpoint_of(out)`.
    `loss(policy, batches, frames, generator)` replaces the demonstrations' flow loss, for distillation.
    """
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "options.json").write_text(json.dumps(asdict(options), indent=1) + "\n")
    batches = Batches(policy, before, data, stats, weight)
    training, held = data.split(options.held_out, options.seed)
    chances = frame_chances(data, training, options.touch)
    readout = make_readout(policy, data.action.shape[1]) if loss is None else None
    moved = resume and (out / "state" / "step.json").is_file()
    if readout is not None and not moved:
        if not resume:
            if options.look:
                look(
                    policy,
                    readout,
                    batches,
                    training,
                    held,
                    out,
                    steps=options.look,
                    batch=options.batch,
                    rate=options.rate,
                    seed=options.seed,
                    colour=options.colour,
                    symmetry=options.symmetry,
                )
            checkpoint.save(out / LOOKED, policy, before, after, spec, tokenizer)
            save_file(readout.state_dict(), out / LOOKED / READOUT)
        readout.load_state_dict(load_file(out / LOOKED / READOUT))
    run = Run(policy, before, after, batches, options, out, spec, tokenizer, moved, readout)
    rng = np.random.default_rng((options.seed, run.first))
    generator = torch.Generator().manual_seed(options.seed + run.first)
    noise = state_noise(data.tasks, options.state_noise, options.goal_noise)
    for step in range(run.first, options.steps):
        frames = rng.choice(training, options.batch, p=chances)
        if loss is None:
            value = moving_loss(
                policy,
                readout,
                options,
                batches.at(frames, noise, options.colour, options.shift, generator, symmetry=options.symmetry, goal=True),
            )
        else:
            value = loss(policy, batches, frames, generator)
        run.update(step, value)
        due = (step + 1) % options.every == 0 or step + 1 == options.steps
        if due and not run.review(step + 1, held):
            break
    run.close()
    return out / "best"


def checkpoint_of(out: Path) -> Path:
    """Folder of the weights that a run in `out` goes on from."""
    return out / ("last" if (out / "state" / "step.json").is_file() else LOOKED)


def moving_loss(policy, readout: Readout | None, options: TinyTraining, inputs: dict) -> torch.Tensor:
    """The flow loss, and the readout's beside it."""
    seen = observe(policy.model, inputs["images"], inputs["image_masks"], inputs["tokens"], inputs["token_mask"])
    flow = {key: value for key, value in inputs.items() if not key.startswith("goal")}
    value = flow_loss(policy.model, **flow, draws=options.draws, seen=seen)
    return value if readout is None else value + options.looking * sum(readout.errors(*seen, inputs))


def _writer(out: Path):
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(out / "tensorboard"))


def _save_state(
    folder: Path, policy, optimiser, average: Average, step: int, best: tuple[float, int], readout: Readout | None
) -> None:
    """What a resumed run needs, as safetensors and JSON."""
    from lerobot.optim import save_optimizer_state

    folder.mkdir(parents=True, exist_ok=True)
    save_optimizer_state(optimiser, folder)
    save_file({name: value.clone().contiguous() for name, value in policy.state_dict().items()}, folder / "weights.safetensors")
    save_file({name: value.clone().contiguous() for name, value in average.weights.items()}, folder / "average.safetensors")
    if readout is not None:
        save_file(readout.state_dict(), folder / READOUT)
    (folder / "step.json").write_text(json.dumps({"step": step, "best": best}) + "\n")


def _load_state(folder: Path, policy, optimiser, average: Average, readout: Readout | None) -> tuple[int, tuple[float, int]]:
    from lerobot.optim import load_optimizer_state

    load_optimizer_state(optimiser, folder)
    policy.load_state_dict(load_file(folder / "weights.safetensors"))
    average.weights = load_file(folder / "average.safetensors")
    if readout is not None:
        readout.load_state_dict(load_file(folder / READOUT))
    state = json.loads((folder / "step.json").read_text())
    return state["step"], tuple(state["best"])
