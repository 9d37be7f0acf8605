"""Distils π0: a tiny student learns the chunks of a teacher, and a report says how far they agree.

    python -m training.pi0.distil --teacher runs/lora/best --dataset data/pi0 --out runs/student
    python -m training.pi0.distil --teacher big --student runs/tiny/best --dataset data/pi0 --out runs/student

The teacher's chunks are sampled once for the observations of the dataset; the student then trains on them as on
demonstrations. Teacher and student read the same observations and drive the same joints.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from arbiter.errors import ConfigError
from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra
from deploy.cli.options import seed


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.pi0.distil", description=__doc__)
    p.add_argument("--teacher", type=Path, required=True, help="folder of the teacher's checkpoint")
    p.add_argument("--student", type=Path, help="tiny checkpoint to start from (default: a new network)")
    p.add_argument(
        "--dataset", type=Path, nargs="+", required=True, help="LeRobotDatasets, or .npz files of training.pi0.data.cache"
    )
    p.add_argument("--out", type=Path, required=True, help="folder of the run")
    p.add_argument("--device", default="cpu", help="device of the teacher: cpu or cuda")
    p.add_argument("--samples", type=int, default=2000, help="observations for which the teacher predicts chunks")
    p.add_argument("--steps", type=int, default=3000, help="updates of the student")
    p.add_argument("--rate", type=float, default=1e-3, help="peak learning rate")
    p.add_argument("--seed", type=seed, default=0, help="seed of all random generators")
    return p


with extra(__name__, parser, "torch", "lerobot"):
    import numpy as np
    import torch
    from tqdm import tqdm

    from policies.chunk.backends.lerobot import checkpoint
    from policies.chunk.backends.lerobot.checkpoint import Checkpoint
    from policies.chunk.backends.lerobot.tiny import TinySpec, seeded
    from policies.chunk.backends.lerobot.tokenizers import TOKENIZER
    from training.pi0.batches import Batches, joint_weights
    from training.pi0.finetuning_presets import TinyTraining
    from training.pi0.flow_matching import flow_loss
    from training.pi0.memory import Demonstrations, gather
    from training.pi0.tokenizer import train_tokenizer, vocabulary
    from training.pi0.train_tiny import TinyModel, train


@torch.no_grad()
def teacher_chunks(
    teacher: Checkpoint, data: Demonstrations, frames: np.ndarray, seed: int = 0, batch: int = 16, quiet: bool = False
) -> np.ndarray:
    """The teacher's chunks for `frames` [rad], shape (frames, rows, joints)."""
    draw, found = torch.Generator().manual_seed(seed), []
    config = teacher.policy.config
    camera = next(iter(config.image_features))
    for part in tqdm(np.array_split(frames, max(1, -(-len(frames) // batch))), desc="teacher", disable=quiet):
        raw = {
            "observation.state": torch.from_numpy(data.state[part]),
            camera: torch.from_numpy(data.pictures(part)),
            "task": [data.tasks[task] for task in data.task[part]],
        }
        noise = torch.randn((len(part), config.chunk_size, config.max_action_dim), generator=draw)
        chunk = teacher.policy.predict_action_chunk(teacher.before(raw), noise=noise.to(config.device))
        found.append(teacher.after(chunk).cpu().numpy())
    return np.concatenate(found)


class FromTeacher:
    """A loss for `train`: the flow towards the teacher's chunks at a fixed set of frames."""

    def __init__(self, frames: np.ndarray, chunks: np.ndarray, stats: dict, samples: int) -> None:
        self._frames, self._samples = frames, samples
        mean, std = stats["action"]["mean"], stats["action"]["std"]
        self._chunks = torch.from_numpy(((chunks - mean) / std).astype(np.float32))

    def __call__(self, policy, batches: Batches, frames: np.ndarray, generator: torch.Generator) -> torch.Tensor:
        rows = torch.randint(0, len(self._frames), (len(frames),), generator=generator)
        inputs = batches.at(self._frames[rows.numpy()], rng=generator)
        joints = inputs["weight"].amax(1, keepdim=True)  # the teacher goes on where the recording ended
        inputs |= {"actions": self._chunks[rows], "weight": joints.expand_as(self._chunks[rows])}
        return flow_loss(policy.model, **inputs, samples=self._samples)


def agreement(teacher: np.ndarray, student: np.ndarray, scale: np.ndarray) -> dict:
    """How far two sets of chunks (N, T, A) [rad] agree; `scale`: spread of the actions [rad], shape (A,)."""
    error = student - teacher
    a, b = teacher / scale, student / scale
    return {
        "chunks": len(teacher),
        "rms_rad": float(np.sqrt(np.mean(error**2))),
        "max_rad": float(np.abs(error).max()),
        "rms_of_spread": float(np.sqrt(np.mean((error / scale) ** 2))),
        "cosine": float(np.sum(a * b) / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-12)),
        "joints_rms_rad": [float(x) for x in np.sqrt(np.mean(error**2, axis=(0, 1)))],
    }


def distil(
    teacher: Checkpoint,
    data: Demonstrations,
    out: Path,
    options: TinyTraining,
    student: Checkpoint | None = None,
    spec: TinySpec | None = None,
    samples: int = 2000,
    quiet: bool = False,
    seen: Demonstrations | None = None,
) -> dict:
    """Trains a student; returns the report, which is also written to `out/agreement.json`.

    `seen`: the same demonstrations with pictures of the teacher's size; None: it is the student's.
    Raises ConfigError for a student that cannot learn from this teacher.
    """
    horizon = teacher.policy.config.chunk_size
    if student is not None and student.spec is None:
        raise ConfigError(f"student {student.folder}: not a tiny π0 (no tiny.json); fine-tune larger ones on demonstrations")
    if student is not None and student.policy.config.chunk_size != horizon:
        raise ConfigError(
            f"student {student.folder}: chunks of {student.policy.config.chunk_size} rows; the teacher's have "
            f"{horizon}. Start a new student (leave --student out)"
        )
    seen, options = seen or data, dataclasses.replace(options, held_out=max(options.held_out, 0.05))
    out.mkdir(parents=True, exist_ok=True)
    if student is None:
        spec, stats, words = spec or TinySpec(), data.stats(), out / TOKENIZER
        words.mkdir(exist_ok=True)
        train_tokenizer(vocabulary(data.tasks), words, spec.vocab)
        policy = seeded(spec, options.seed, chunk=horizon)
        before, after = checkpoint.make_processors(policy.config, stats, words)
    else:
        spec, words = student.spec, student.folder / TOKENIZER
        policy, before, after = student.policy.requires_grad_(True), student.before, student.after
        stats = checkpoint.statistics(before)
    rng = np.random.default_rng(options.seed)
    training, held = data.split(options.held_out, options.seed)
    if not len(held):
        raise ConfigError("distillation reports on held-out episodes, and no instruction has two; add demonstrations")
    frames = np.sort(rng.choice(training, min(samples, len(training)), replace=False))
    chunks = teacher_chunks(teacher, seen, frames, options.seed, quiet=quiet)
    best = train(
        TinyModel(policy, before, after, stats, spec, words),
        data,
        options,
        out,
        weight=joint_weights(data.tasks),
        loss=FromTeacher(frames, chunks, stats, options.flow_samples),
    )
    learnt = checkpoint.load(best)
    test = np.sort(rng.choice(held, min(64, len(held)), replace=False))
    wanted, got = (teacher_chunks(one, shown, test, 1, quiet=True) for one, shown in ((teacher, seen), (learnt, data)))
    report = agreement(wanted, got, stats["action"]["std"])
    (out / "agreement.json").write_text(json.dumps(report, indent=1) + "\n")
    return report


def main(argv: list[str] | None = None) -> None:
    a = parser().parse_args(argv)
    teacher = checkpoint.load(a.teacher, a.device)
    student = checkpoint.load(a.student) if a.student is not None else None
    side = (student.spec if student is not None and student.spec is not None else TinySpec()).image
    options = dataclasses.replace(TinyTraining(), steps=a.steps, rate=a.rate, seed=a.seed)
    data, large = gather(a.dataset, side), teacher.policy.config.image_resolution[0]
    seen = gather(a.dataset, large) if large != side else None  # as the teacher sees at run time
    report = distil(teacher, data, a.out, options, student, samples=a.samples, seen=seen)
    print(
        f"student and teacher on {report['chunks']} held-out observations: cosine {report['cosine']:.4f}, rms "
        f"{report['rms_rad']:.4f} rad ({100 * report['rms_of_spread']:.1f} % of the actions' spread)"
    )


if __name__ == "__main__":
    sys.exit(in_one_line(main))
