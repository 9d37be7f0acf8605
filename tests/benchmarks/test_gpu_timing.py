"""π0 at full size (random weights) on a GPU: what a chunk and a step of fine-tuning take, and how much memory.

python -m pytest tests/benchmarks/test_gpu_timing.py --benchmark-enable --benchmark-json gpu.json  # for docs/how-to/use-a-gpu.md
"""

from tests.needs import needs

NEEDS = needs("train", "torch", "lerobot")

from pathlib import Path

import pytest
import torch

from policies.chunk.backends import load_backend
from policies.chunk.backends.lerobot import checkpoint
from policies.chunk.backends.lerobot.backend import LeRobotBackend
from tests.pi0_rig import TASKS, make_dataset, synthetic
from training.pi0.finetuning_presets import preset
from training.pi0.parity import observations
from training.pi0.tokenizer import train_tokenizer, vocabulary

DEVICE, SPEC = "cuda", None
GIB = 2**30
pytestmark = [
    NEEDS,
    pytest.mark.gpu,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(
        DEVICE == "cuda" and not (torch.cuda.is_available() and torch.cuda.get_device_properties(0).total_memory > 20 * GIB),
        reason="no GPU with 20 GiB",
    ),
]
PI0 = Path(__file__).resolve().parents[2] / "policies/weights/pi0_tiny"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A checkpoint of π0 in LeRobot's own size, bfloat16, random weights."""
    from lerobot.configs import FeatureType, PolicyFeature
    from lerobot.policies.factory import make_policy_config

    folder = tmp_path_factory.mktemp("full")
    words = folder / "words"
    words.mkdir()
    train_tokenizer(vocabulary(TASKS), words)
    config = make_policy_config(
        "pi0",
        device="cpu",
        dtype="bfloat16",
        max_state_dim=44,
        push_to_hub=False,
        input_features={
            "observation.state": PolicyFeature(FeatureType.STATE, (44,)),
            "observation.images.head_camera": PolicyFeature(FeatureType.VISUAL, (3, 224, 224)),
        },
        output_features={"action": PolicyFeature(FeatureType.ACTION, (22,))},
    )
    if SPEC is not None:
        config.image_resolution = (SPEC.image, SPEC.image)
    policy = checkpoint.construct(config, SPEC)
    before, after = checkpoint.make_processors(config, synthetic().stats(), words)
    checkpoint.save(folder / "base", policy, before, after, SPEC, words)
    return folder / "base"


def used(benchmark) -> None:
    """Notes the hardware, and the most memory since the last call [GiB]."""
    if DEVICE == "cuda":
        benchmark.extra_info["gpu"] = torch.cuda.get_device_name(0)
        benchmark.extra_info["memory_gib"] = round(torch.cuda.max_memory_allocated() / GIB, 2)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


@pytest.mark.parametrize("guided", [False, True], ids=["free", "real_time_chunking"])
def test_chunk(benchmark, base, guided):
    backend = LeRobotBackend(base, joints=load_backend(PI0).joints, device=DEVICE)
    ((seen, words),) = observations(load_backend(PI0).card, 1)
    previous = {"previous": backend.predict(seen, words)[5:], "delay_steps": 5} if guided else {}
    rows = benchmark.pedantic(backend.predict, (seen, words), previous, rounds=10, warmup_rounds=2)
    assert rows.shape == (50, 22)
    used(benchmark)


STEPS = 20
METHODS = {"lora": {}, "full": {"eight_bit": True}}


@pytest.mark.parametrize("name", METHODS)
def test_fine_tuning(benchmark, base, tmp_path, name):
    """Seconds of STEPS updates, loading and one checkpoint included; the mean update is in its log."""
    from training.pi0.lerobot_run import run

    chosen = preset(name, steps=STEPS, every=STEPS, warmup=2, held_out=0.0, workers=0, **METHODS[name])
    data = make_dataset(tmp_path / "set", synthetic(8, 60))
    benchmark.pedantic(run, (chosen, data, base, tmp_path / "run"), {"device": DEVICE}, rounds=1)
    assert (tmp_path / "run" / "checkpoints" / "last").exists()
    used(benchmark)
