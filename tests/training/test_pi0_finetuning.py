"""Fine-tuning over LeRobot's own trainer. Needs torch."""

from tests.needs import needs

NEEDS = needs("train", "torch", "lerobot")

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from arbiter.errors import ArbiterError, ConfigError
from policies.chunk.backends.lerobot import checkpoint
from policies.chunk.backends.lerobot.tiny import seeded
from tests.pi0_rig import SPEC, TASKS, make_dataset, synthetic
from training.pi0 import memory
from training.pi0.finetuning_presets import FineTuning, preset
from training.pi0.tokenizer import train_tokenizer, vocabulary

# Importing LeRobot alone takes minutes on a busy machine.
pytestmark = [NEEDS, pytest.mark.timeout(1200), pytest.mark.usefixtures("offline")]


def quick(**changes) -> FineTuning:
    values = dict(
        steps=24, batch=4, rate=3e-3, warmup=2, bf16=False, checkpointing=False, held_out=0.3, every=8, workers=0, patience=0
    )
    return preset("full", **(values | changes))


def losses_of(folder: Path) -> list[float]:
    return [loss for _, loss in json.loads((folder / "held_out.json").read_text())]


def test_full_fine_tuning_over_lerobots_trainer_lowers_the_loss(tiny, dataset, tmp_path):
    from training.pi0.lerobot_run import run

    best = run(quick(), dataset, tiny, tmp_path / "full")
    losses = losses_of(tmp_path / "full")
    assert len(losses) == 3 and losses[-1] < losses[0]
    assert checkpoint.load(best).spec == SPEC, "what was trained can be loaded strictly, tokenizer and sizes with it"
    with pytest.raises(ConfigError, match="exists; choose another --out, or --resume"):
        run(quick(), dataset, tiny, tmp_path / "full")


def test_lora_lowers_the_loss_and_merges(tiny, dataset, tmp_path):
    from training.pi0.lerobot_run import run

    best = run(quick(rank=4, alpha=8, rate=1e-2), dataset, tiny, tmp_path / "lora")
    losses = losses_of(tmp_path / "lora")
    assert losses[-1] < losses[0] and (best / "adapter_model.safetensors").is_file()
    merged, base = checkpoint.load(best), checkpoint.load(tiny)
    key = "model.action_in_proj.weight"
    assert not torch.equal(merged.policy.state_dict()[key], base.policy.state_dict()[key])
    for options in (quick(rank=4, alpha=8), quick()):
        with pytest.raises(ConfigError, match="goes on from an existing model: give --checkpoint"):
            run(options, dataset, None, tmp_path / "none")
    with pytest.raises(ConfigError, match="nowhere: no config.json; give the folder that holds model.safetensors"):
        run(quick(), dataset, tmp_path / "nowhere", tmp_path / "none")


def test_the_eight_bit_optimiser_keeps_its_moments_in_bytes_and_resumes(tiny, dataset, tmp_path):
    pytest.importorskip("bitsandbytes")
    from safetensors.torch import load_file

    from training.pi0.lerobot_run import run

    out = tmp_path / "small"
    run(quick(eight_bit=True, steps=16), dataset, tiny, out)
    moments = load_file(out / "checkpoints" / "last" / "training_state" / "optimizer_state.safetensors")
    large = {key: value for key, value in moments.items() if key.endswith("state1") and value.numel() >= 4096}
    assert large and {value.dtype for value in large.values()} == {torch.uint8}
    run(quick(eight_bit=True, steps=32), dataset, None, out, resume=True)
    losses = losses_of(out)
    assert len(losses) == 4 and losses[-1] < losses[0]


def test_lora_goes_on_where_it_was(tiny, dataset, tmp_path, monkeypatch):
    """By the documented command, whose path is relative; and what it adapts is found from elsewhere."""
    from training.pi0.lerobot_run import run

    monkeypatch.chdir(tiny.parent)
    lora = {"rank": 4, "alpha": 8, "rate": 1e-2}
    run(quick(steps=8, **lora), dataset, Path(tiny.name), tmp_path / "lora")
    monkeypatch.chdir(tmp_path)
    best = run(quick(steps=24, **lora), dataset, None, tmp_path / "lora", resume=True)
    losses = losses_of(tmp_path / "lora")
    assert len(losses) == 3 and losses[-1] < losses[0]
    assert (best / "adapter_model.safetensors").is_file() and checkpoint.load(best).spec == SPEC


def test_a_run_that_was_killed_goes_on(tiny, dataset, tmp_path, monkeypatch):
    from training.pi0 import lerobot_run

    with pytest.raises(ConfigError, match="out holds no checkpoint to go on from; start the run without --resume"):
        lerobot_run.run(quick(), dataset, tiny, tmp_path / "out", resume=True)
    add = lerobot_run.EarlyStopping.add

    def killed(early_stopping, loss):
        add(early_stopping, loss)
        if len(early_stopping.losses) == 3:  # after the third evaluation, before its checkpoint
            raise KeyboardInterrupt

    monkeypatch.setattr(lerobot_run.EarlyStopping, "add", killed)
    with pytest.raises(KeyboardInterrupt):
        lerobot_run.run(quick(steps=32), dataset, tiny, tmp_path / "out")
    monkeypatch.undo()
    best = lerobot_run.run(quick(steps=32), dataset, None, tmp_path / "out", resume=True)
    assert [step for step, _ in json.loads((tmp_path / "out" / "held_out.json").read_text())] == [8, 16, 24, 32]
    assert checkpoint.load(best).spec == SPEC
    assert all((folder / "pretrained_model" / "tokenizer").is_dir() for folder in (tmp_path / "out" / "checkpoints").iterdir())


def test_early_stopping_keeps_the_best(tmp_path):
    from training.pi0.early_stopping import EarlyStop, EarlyStopping

    early_stopping = EarlyStopping(patience=2, every=10, file=tmp_path / "held_out.json")
    for loss in (3.0, 2.0, 2.5):
        early_stopping.add(loss)
    with pytest.raises(EarlyStop, match="the best checkpoint is that of step 20"):
        early_stopping.add(2.1)


@pytest.mark.parametrize("name, program", [("full", "training.pi0.finetune"), ("fsdp", "tests.sharded_on_cpu")])
def test_two_processes(tiny, dataset, tmp_path, name, program):
    """torchrun with two CPU processes: one run, twice the batch; what they leave loads strictly and is complete."""
    done, out = torchrun(program, tiny, dataset, tmp_path / "two", "--preset", name)
    assert done.returncode == 0, "\n".join(line for line in done.stderr.splitlines() if line.startswith("[rank0"))[-3000:]
    assert "Effective batch size: 2 x 2 = 4" in done.stderr + done.stdout
    assert len(losses_of(out)) == 2
    folders = tiny, out / "checkpoints" / "best" / "pretrained_model"
    before, after = (checkpoint.load(folder).policy.state_dict() for folder in folders)
    assert {key: value.shape for key, value in before.items()} == {key: value.shape for key, value in after.items()}
    assert any(not torch.equal(before[key], after[key]) for key in before)


def test_fsdp_on_a_cpu_is_refused_instead_of_not_sharding(tiny, dataset, tmp_path):
    done, _ = torchrun("training.pi0.finetune", tiny, dataset, tmp_path / "out", "--preset", "fsdp")
    assert done.returncode != 0
    assert "fsdp shards over several GPUs, and this is 2 process" in done.stderr


def torchrun(program: str, tiny: Path, dataset: Path, out: Path, *more: str):
    """A short run of a fine-tuning program over two CPU processes, and the folder it wrote."""
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc_per_node=2",
            "-m",
            program,
            "--checkpoint",
            str(tiny),
            "--dataset",
            str(dataset),
            "--out",
            str(out),
            "--device",
            "cpu",
            "--steps",
            "4",
            "--batch",
            "2",
            "--every",
            "2",
            "--no-bf16",
            "--no-checkpointing",
            "--workers",
            "0",
            "--held-out",
            "0.3",
            *more,
        ],
        cwd=root,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    ), out


def test_presets_say_what_does_not_go_together():
    with pytest.raises(ConfigError, match="preset 'big' is unknown; there are: tiny, lora, full, fsdp"):
        preset("big")
    with pytest.raises(ConfigError, match="take the preset `lora` without --fsdp"):
        preset("fsdp", rank=8)
    with pytest.raises(ConfigError, match="names no weights of pi0_fast for LoRA to adapt"):
        preset("lora", variant="pi0_fast")
    with pytest.raises(ConfigError, match="variant 'pi1' is unknown"):
        preset("lora", variant="pi1")
    assert preset("lora").rank == 16 and preset("lora").rate == 5e-5 and preset("full").total_steps(3200, 2) == 5000


def test_finetune_refuses_options_of_another_preset():
    from training.pi0.finetune import FINE, TINY, chosen, parser

    arguments = parser().parse_args(["--preset", "lora", "--dataset", "d", "--out", "o", "--flow-samples", "3"])
    with pytest.raises(ConfigError, match="the preset lora has no option --flow-samples; it has: .*--rank"):
        chosen(arguments, FINE)
    arguments = parser().parse_args(["--dataset", "d", "--out", "o", "--rank", "3"])
    with pytest.raises(ConfigError, match="the preset tiny has no option --rank"):
        chosen(arguments, TINY)
    arguments = parser().parse_args(["--dataset", "d", "--out", "o", "--device", "cuda"])
    with pytest.raises(ConfigError, match="the preset tiny trains on the CPU with a tokenizer of its own"):
        chosen(arguments, TINY)
    arguments = parser().parse_args(["--preset", "full", "--dataset", "d", "--out", "o", "--action-tokenizer", "x"])
    with pytest.raises(ConfigError, match="--action-tokenizer is for --variant pi0_fast"):
        chosen(arguments, FINE)


def still(episodes: int = 4, length: int = 24) -> memory.Demonstrations:
    """Demonstrations in which the first joint is told to move in one frame only."""
    data = synthetic(episodes, length)
    data.state[:, 0], data.state[:, 22], data.action[:, 0] = 0.1, 0.0, 0.1
    data.action[0, 0] = 0.3
    return data


def test_pi05_reads_the_whole_prompt_and_no_joint_is_normalised_to_millions(tmp_path):
    from training.pi0.lerobot_run import run

    spec, words = dataclasses.replace(SPEC, tokens=200, vocab=1024), tmp_path / "words"
    words.mkdir()
    train_tokenizer(vocabulary(TASKS), words, spec.vocab)
    policy = seeded(spec, chunk=10, source=28, kind="pi05")
    before, after = checkpoint.make_processors(policy.config, synthetic().stats(), words)
    checkpoint.save(tmp_path / "base", policy, before, after, spec, words)
    data = make_dataset(tmp_path / "set", still())
    best = checkpoint.load(run(quick(variant="pi05", steps=2, every=2), data, tmp_path / "base", tmp_path / "run"))
    prompt = next(step for step in best.before.steps if hasattr(step, "input_tokenizer"))
    assert best.policy.config.tokenizer_max_length == prompt.max_length == 4 * 44 + 64, "of four tokens a number"
    stats = checkpoint.statistics(best.before)["action"]
    assert stats["q99"][0] - stats["q01"][0] == pytest.approx(0.7, abs=0.01)
    told = best.before(
        {
            "observation.state": torch.tensor(still().state[0]),
            "task": TASKS[0],
            "observation.images.head_camera": torch.zeros(3, 28, 28),
            "action": torch.tensor(still().action[:1]),
        }
    )
    assert told["action"].abs().max() < 3.0


def test_statistics_are_widened_about_their_middle():
    stats = {
        "action": {
            "mean": np.zeros(22),
            "std": np.r_[0.0, np.ones(21)],
            "q01": np.r_[0.2, -np.ones(21)],
            "q99": np.r_[0.2, np.ones(21)],
        },
        "observation.state": {"std": np.ones(44)},
        "other": {"std": np.zeros(3)},
    }
    wide = memory.with_minimum_std(stats)
    assert wide["other"] is stats["other"] and stats["action"]["std"][0] == 0.0, "what came in is as it was"
    assert wide["action"]["std"][:2].tolist() == [0.15, 1.0]
    assert (wide["action"]["q01"][0] + wide["action"]["q99"][0]) / 2.0 == pytest.approx(0.2)
    assert wide["action"]["q01"][1] == -1.0 and wide["action"]["q99"][1] == 1.0
    with pytest.raises(ConfigError, match="observation.state hold 22 values; 44 are expected with 22 joint targets"):
        memory.with_minimum_std(stats | {"observation.state": {"std": np.ones(22)}})


def test_an_instruction_that_would_be_cut_off_is_refused(tiny, tmp_path):
    from training.pi0.lerobot_run import run

    data = dataclasses.replace(synthetic(4, 24), tasks=("wave the right hand " * 20, TASKS[1]))
    with pytest.raises(ConfigError, match=r"instruction 'wave .*' has \d+ tokens, and pi0 reads \d+; shorten it"):
        run(quick(), make_dataset(tmp_path / "set", data), tiny, tmp_path / "run")


def test_demonstrations_of_other_joints_are_refused(dataset, tiny, tmp_path):
    from training.pi0.lerobot_run import run

    other = shutil.copytree(dataset, tmp_path / "other")
    info = json.loads((other / "meta" / "info.json").read_text())
    info["features"]["action"]["names"].reverse()
    (other / "meta" / "info.json").write_text(json.dumps(info))
    with pytest.raises(ArbiterError, match=r"other: action"):
        run(quick(), other, tiny, tmp_path / "run")
    with pytest.raises(ConfigError, match=r"dataset .*nowhere: no meta/info.json there"):
        run(quick(), tmp_path / "nowhere", tiny, tmp_path / "run")
