"""A tiny π0 and the demonstrations that it learns from, for the tests of π0's training. Needs torch."""

from pathlib import Path

import numpy as np

from deploy.robots.description import load_model
from policies.chunk.backends.lerobot import checkpoint
from policies.chunk.backends.lerobot.tiny import TinySpec, seeded
from training.pi0 import memory
from training.pi0.tokenizer import train_tokenizer, vocabulary

SPEC = TinySpec(
    width=32,
    mlp=32,
    expert_width=32,
    expert_mlp=32,
    depth=2,
    head_dim=8,
    vision_width=32,
    vision_depth=1,
    vision_heads=2,
    vision_mlp=32,
    patch=14,
    image=28,
    steps=3,
)
TASKS = ("wave the right hand", "touch the red ball")


def synthetic(episodes: int = 8, length: int = 60) -> memory.Demonstrations:
    """Two instructions, two sine motions, a picture that hardly matters."""
    rng, n = np.random.default_rng(0), episodes * length
    time, number = np.tile(np.arange(length), episodes) / 50.0, np.repeat(np.arange(episodes), length)
    task = number % 2
    q = np.sin(3.0 * time + task)[:, None] * np.linspace(0.2, 0.5, 22)
    return (
        memory.Demonstrations(
            state=np.c_[q, np.gradient(q, 0.02, axis=0)].astype(np.float32),
            action=(q * 0.9).astype(np.float32),
            picture=rng.integers(0, 256, (episodes, 28, 28, 3), dtype=np.uint8),
            picture_of=number,
            end=(number + 1) * length,
            episode=number,
            task=task,
            tasks=TASKS,
        )
        if n
        else None
    )


def make_tiny(folder: Path) -> Path:
    """A tiny checkpoint with random weights."""
    words = folder / "words"
    words.mkdir()
    train_tokenizer(vocabulary(TASKS), words, SPEC.vocab)
    policy = seeded(SPEC, chunk=10, source=28)
    before, after = checkpoint.make_processors(policy.config, synthetic().stats(), words)
    checkpoint.save(folder / "base", policy, before, after, SPEC, words)
    return folder / "base"


def make_dataset(root: Path, data: memory.Demonstrations) -> Path:
    """`data` as a LeRobotDataset in the folder `root`, which is made."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    names = load_model().joints
    both = [*names, *(f"{name}.vel" for name in names)]
    features = {
        "observation.state": {"dtype": "float32", "shape": (44,), "names": both},
        "action": {"dtype": "float32", "shape": (22,), "names": list(names)},
        "observation.images.head_camera": {"dtype": "image", "shape": (28, 28, 3), "names": ["height", "width", "channels"]},
    }
    made = LeRobotDataset.create("local/set", fps=50, features=features, root=root, use_videos=False)
    for i in range(len(data)):
        made.add_frame(
            {
                "observation.state": data.state[i],
                "action": data.action[i],
                "task": data.tasks[data.task[i]],
                "observation.images.head_camera": data.picture[data.picture_of[i]],
            }
        )
        if i + 1 == data.end[i]:
            made.save_episode()
    made.finalize()
    return root
