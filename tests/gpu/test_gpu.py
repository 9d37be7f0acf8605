"""What only a GPU can show: each part of π0 and of the walking policies on CUDA and TensorRT against the same on the CPU."""

from tests.needs import needs

NEEDS = needs("train", "torch", "lerobot")

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from policies.chunk.backends import load_backend
from policies.chunk.backends.lerobot import checkpoint
from policies.chunk.backends.lerobot.backend import LeRobotBackend
from policies.engine import PROVIDERS as NAMES
from policies.onnx_network import Network
from tests.pi0_rig import make_dataset, make_tiny, synthetic
from training.pi0.finetuning_presets import preset
from training.pi0.parity import observations

DEVICE = "cuda"
PROVIDERS = ("cuda", "tensorrt")
GPUS = torch.cuda.device_count()
pytestmark = [
    NEEDS,
    pytest.mark.gpu,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(DEVICE == "cuda" and not GPUS, reason="no GPU"),
]

ROOT = Path(__file__).resolve().parents[2]
WALK, PI0 = ROOT / "policies/weights/locomotion.onnx", ROOT / "policies/weights/pi0_tiny"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A tiny checkpoint with random weights, and demonstrations."""
    folder = tmp_path_factory.mktemp("pi0")
    return make_tiny(folder), make_dataset(folder / "set", synthetic(4, 24))


@pytest.fixture(params=PROVIDERS)
def provider(request):
    """A provider of ONNX Runtime that is installed; one that does not start here is a failure."""
    if NAMES[request.param] not in onnxruntime.get_available_providers():
        pytest.skip(f"no onnxruntime with {request.param}")
    return request.param


def difference(one, other, samples) -> float:
    """Largest difference between the chunks of two backends [rad]."""
    return max(
        np.abs(one.predict(seen, words, seed=i) - other.predict(seen, words, seed=i)).max()
        for i, (seen, words) in enumerate(samples)
    )


def test_a_walking_policy_says_the_same(provider):
    x = np.zeros((1, 47), np.float32)
    networks = [Network(WALK, "obs", "actions", x, 12, provider=one) for one in (provider, "cpu")]
    for seed in range(50):
        x[:] = np.random.default_rng(seed).normal(size=x.shape)
        there, here = (network.run().copy() for network in networks)
        np.testing.assert_allclose(there, here, atol=0.02)


def test_the_graphs_of_pi0_say_the_same(provider):
    here, there = load_backend(PI0), load_backend(PI0, provider=provider)
    assert difference(here, there, observations(here.card, 5)) < 0.02


@pytest.mark.parametrize(("precision", "error"), [("fp32", 0.02), ("fp16", 0.05), ("int8", 0.3)])
def test_engines_say_what_lerobot_says(made, tmp_path, precision, error):
    pytest.importorskip("tensorrt")
    from training.pi0.export import main

    tiny, data = made
    main(
        [
            str(tiny),
            "--to",
            "tensorrt",
            "--precision",
            precision,
            "--out",
            str(tmp_path / "engines"),
            "--runs",
            "0",
            "--device",
            DEVICE,
            *(["--calibration", str(data)] if precision == "int8" else []),
        ]
    )
    report = json.loads((tmp_path / "engines" / "parity.json").read_text())
    assert report["rms_of_spread"] < error, report


def test_lerobots_policy_says_the_same(made):
    here, there = (LeRobotBackend(made[0], joints=load_backend(PI0).joints, device=one) for one in ("cpu", DEVICE))
    assert difference(here, there, observations(load_backend(PI0).card, 3)) < 0.02


@pytest.mark.parametrize("options", [{}, {"rank": 4, "alpha": 8}, {"eight_bit": True}], ids=["full", "lora", "eight_bit"])
def test_fine_tuning_in_bfloat16_lowers_the_loss(made, tmp_path, options):
    from training.pi0.lerobot_run import run

    tiny, data = made
    chosen = preset(
        "full",
        **(
            {"steps": 48, "batch": 4, "rate": 3e-3, "warmup": 2, "held_out": 0.3, "every": 16, "workers": 0, "patience": 0}
            | options
        ),
    )
    assert chosen.bf16 and chosen.checkpointing
    best = run(chosen, data, tiny, tmp_path / "run", device=DEVICE)
    losses = [loss for _, loss in json.loads((tmp_path / "run" / "held_out.json").read_text())]
    assert losses[-1] < losses[0] and checkpoint.load(best, DEVICE).policy


@pytest.mark.skipif(GPUS < 2, reason="FSDP shards over two GPUs or more")
def test_fsdp_shards_over_two_gpus(made, tmp_path):
    tiny, data = made
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc_per_node=2",
            "-m",
            "training.pi0.finetune",
            "--preset",
            "fsdp",
            "--checkpoint",
            str(tiny),
            "--dataset",
            str(data),
            "--out",
            str(tmp_path / "run"),
            "--steps",
            "4",
            "--batch",
            "2",
            "--every",
            "2",
            "--workers",
            "0",
            "--held-out",
            "0.3",
        ],
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert checkpoint.load(tmp_path / "run" / "checkpoints" / "best" / "pretrained_model")


def test_walking_trains_on_mjlab(tmp_path):
    pytest.importorskip("mjlab")
    from training.locomotion import mjlab_env
    from training.locomotion.presets import PRESETS
    from training.locomotion.runner import Runner

    config = dataclasses.replace(PRESETS["gpu"], envs=256 if GPUS else 4, steps=8, iterations=2, hidden=(32,))
    env, device = mjlab_env.make(config, seed=1)
    assert device.startswith(DEVICE)
    Runner(env, config, tmp_path, device).train()
    weights = torch.load(tmp_path / "model_1.pt", weights_only=True)["actor_state_dict"]
    assert all(torch.isfinite(value).all() for value in weights.values() if value.is_floating_point())
    env.close()
