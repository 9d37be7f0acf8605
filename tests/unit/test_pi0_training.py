"""π0 models on LeRobot's classes: loss, strict loading, fine-tuning, distillation, export. Needs torch."""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lerobot")

from arbiter.errors import ConfigError  # noqa: E402
from deploy.robots.description import load_model  # noqa: E402
from policies.pi0 import load_backend  # noqa: E402
from policies.pi0.in_process import checkpoint  # noqa: E402
from policies.pi0.in_process.tiny import TinySpec, seeded  # noqa: E402
from training.pi0 import memory  # noqa: E402
from training.pi0.batches import Batches, frame_chances, joint_weights  # noqa: E402
from training.pi0.flow import flow_loss  # noqa: E402
from training.pi0.presets import FineTuning, preset  # noqa: E402
from training.pi0.train_tiny import TinyTraining, train  # noqa: E402
from training.pi0.words import train_tokenizer, vocabulary  # noqa: E402

pytestmark = pytest.mark.timeout(1200)  # importing LeRobot alone takes minutes on a busy machine

SPEC = TinySpec(width=32, mlp=32, expert_width=32, expert_mlp=32, depth=2, head_dim=8, vision_width=32, vision_depth=1,
                vision_heads=2, vision_mlp=32, patch=14, image=28, steps=3)
TASKS = ("wave the right hand", "touch the red ball")


@pytest.fixture(scope="module", autouse=True)
def offline():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield
    torch.set_num_threads(before)


def synthetic(episodes: int = 8, length: int = 60) -> memory.Demonstrations:
    """Two instructions, two sine motions, a picture that hardly matters."""
    rng, n = np.random.default_rng(0), episodes * length
    time, number = np.tile(np.arange(length), episodes) / 50.0, np.repeat(np.arange(episodes), length)
    task = number % 2
    q = np.sin(3.0 * time + task)[:, None] * np.linspace(0.2, 0.5, 22)
    return memory.Demonstrations(
        state=np.c_[q, np.gradient(q, 0.02, axis=0)].astype(np.float32), action=(q * 0.9).astype(np.float32),
        picture=rng.integers(0, 256, (episodes, 28, 28, 3), dtype=np.uint8), picture_of=number,
        end=(number + 1) * length, episode=number, task=task, tasks=TASKS) if n else None


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A tiny checkpoint with random weights."""
    folder = tmp_path_factory.mktemp("tiny")
    words = folder / "words"
    words.mkdir()
    train_tokenizer(vocabulary(TASKS), words, SPEC.vocab)
    policy = seeded(SPEC, chunk=10, source=28)
    before, after = checkpoint.make_processors(policy.config, synthetic().stats(), words)
    checkpoint.save(folder / "base", policy, before, after, SPEC, words)
    return folder / "base"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """The same demonstrations as a LeRobotDataset."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    root, data, names = tmp_path_factory.mktemp("data") / "set", synthetic(4, 24), load_model().joints
    both = [*names, *(f"{name}.vel" for name in names)]
    features = {"observation.state": {"dtype": "float32", "shape": (44,), "names": both},
                "action": {"dtype": "float32", "shape": (22,), "names": list(names)},
                "observation.images.head_camera": {"dtype": "image", "shape": (28, 28, 3),
                                                   "names": ["height", "width", "channels"]}}
    made = LeRobotDataset.create("local/set", fps=50, features=features, root=root, use_videos=False)
    for i in range(len(data)):
        made.add_frame({"observation.state": data.state[i], "action": data.action[i], "task": TASKS[data.task[i]],
                        "observation.images.head_camera": data.picture[data.picture_of[i]]})
        if i + 1 == data.end[i]:
            made.save_episode()
    made.finalize()
    return root


@pytest.fixture(scope="module")
def exported(tiny, tmp_path_factory):
    from training.pi0.export import export_onnx

    out = tmp_path_factory.mktemp("onnx") / "pi0"
    export_onnx(checkpoint.load(tiny), out)
    return out


def test_loss_is_lerobots_own(tiny):
    loaded, data = checkpoint.load(tiny), synthetic()
    batch = Batches(loaded.policy, loaded.before, data, checkpoint.statistics(loaded.before)).at(np.array([3, 70, 130]))
    batch.pop("weight")
    noise, time = torch.randn(batch["actions"].shape), torch.tensor([0.2, 0.5, 0.9])
    ours = flow_loss(loaded.policy.model, **batch, draws=1, noise=noise, time=time)
    theirs = loaded.policy.model.forward(batch["images"], batch["image_masks"], batch["tokens"], batch["token_mask"],
                                         batch["state"], batch["actions"], noise, time).mean()
    assert float(ours) == pytest.approx(float(theirs), rel=1e-5)
    twice = flow_loss(loaded.policy.model, **batch, draws=2, noise=noise.repeat(2, 1, 1), time=time.repeat(2))
    assert float(twice) == pytest.approx(float(ours), rel=1e-5)


def test_memory_reads_a_dataset_as_it_was_written(dataset):
    read, wrote = memory.load(dataset, 28, stride=1, progress=False), synthetic(4, 24)
    np.testing.assert_array_equal(read.state, wrote.state)
    np.testing.assert_array_equal(read.end, wrote.end)
    assert [read.tasks[t] for t in read.task] == [TASKS[t] for t in wrote.task]
    np.testing.assert_array_equal(read.picture[read.picture_of], wrote.picture[wrote.picture_of])


def test_chunks_hold_past_the_end_and_say_so():
    data = synthetic(2, 20)
    rows, inside = data.chunk(np.array([18]), 5)[0], data.inside(np.array([18]), 5)[0]
    assert inside.tolist() == [True, True, False, False, False] and (rows[1:] == data.action[19]).all()


def test_joints_of_other_policies_hardly_count():
    weight = joint_weights(("wave the right hand", "sit down"))
    legs = load_model().groups["legs"]
    assert (weight[0][legs] < 0.1).all() and (weight[0][~legs] == 1.0).all() and (weight[1] == 1.0).all()


def test_touching_gets_its_share_of_the_draws():
    data = dataclasses.replace(synthetic(), tasks=("raise both arms", "touch the red ball"))
    frames = np.r_[0:60, 60:90]  # twice as many of raising as of touching
    chances = frame_chances(data, frames, 0.8)
    assert chances[60:].sum() == pytest.approx(0.8) and chances[:60].sum() == pytest.approx(0.2)
    assert frame_chances(data, frames[:60], 0.8).sum() == pytest.approx(1.0), "without touching the rest gets all"


def test_round_trip_of_a_checkpoint(tiny):
    one, two = checkpoint.load(tiny), checkpoint.load(tiny)
    for key, value in one.policy.state_dict().items():
        assert torch.equal(value, two.policy.state_dict()[key]), key
    assert '"tokenizer_name": "tokenizer"' in (tiny / "policy_preprocessor.json").read_text(), "no path of this machine"


@pytest.mark.parametrize(("change", "text"), [
    (lambda w: w.pop("model.state_proj.weight"), r"1 missing \(model.state_proj.weight\)"),
    (lambda w: w.update({"model.extra": torch.zeros(2)}), r"1 unexpected \(model.extra\)"),
    (lambda w: w.update({"model.action_time_mlp_in.weight": torch.zeros(3, 3)}), r"\(3, 3\) instead of \(32, 64\)"),
    (lambda w: w.update({"model.state_proj.weight": torch.zeros(32, 99)}), "raise max_state_dim or max_action_dim")])
def test_weights_that_do_not_fit_are_an_error(tiny, tmp_path, change, text):
    from safetensors.torch import load_file, save_file

    weights = load_file(tiny / "model.safetensors")
    change(weights)
    save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(ConfigError, match=text):
        checkpoint.load_weights(seeded(SPEC, chunk=10, source=28), tmp_path / "model.safetensors")


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(ConfigError, match="no config.json; give the folder that holds model.safetensors"):
        checkpoint.load(tmp_path)
    (tmp_path / "config.json").write_text('{"action_dim": 44, "action_horizon": 50}')
    with pytest.raises(ConfigError, match="config.json is not LeRobot's, it names no type; openpi's conversion gives weights"):
        checkpoint.load(tmp_path)
    with pytest.raises(ConfigError, match="no model.safetensors; is the download complete"):
        checkpoint.load_weights(None, tmp_path / "model.safetensors")


def test_openpi_names_and_a_grown_state_projection_change_nothing(tmp_path):
    """A 32-wide checkpoint under openpi's names in a 44-wide policy: the same output on a padded state."""
    from safetensors.torch import save_file

    small, large = (seeded(SPEC, i, chunk=10, source=28, state_dim=n, action_dim=22) for i, n in ((1, 32), (2, 44)))
    weights = {key.removeprefix("model."): value for key, value in small.state_dict().items() if "lm_head" not in key}
    save_file({key: value.clone() for key, value in weights.items()}, tmp_path / "model.safetensors")
    checkpoint.load_weights(large, tmp_path / "model.safetensors")
    state = torch.randn(1, 32)
    a, b = small.model.state_proj(state), large.model.state_proj(torch.nn.functional.pad(state, (0, 12)))
    assert torch.equal(a, b)
    with pytest.raises(ConfigError, match="of another shape"):
        file = save(tmp_path / "x", {"state_proj.weight": torch.zeros(32, 32)}, weights)
        checkpoint.load_weights(large, file, grow=False)


def save(folder: Path, changes: dict, weights: dict) -> Path:
    from safetensors.torch import save_file

    folder.mkdir()
    save_file({key: value.clone() for key, value in (weights | changes).items()}, folder / "model.safetensors")
    return folder / "model.safetensors"


def test_tiny_preset_learns_and_resumes(tiny, tmp_path):
    loaded, data = checkpoint.load(tiny), synthetic()
    stats, words = checkpoint.statistics(loaded.before), tiny / "tokenizer"
    options = TinyTraining(steps=60, look=0, batch=16, draws=2, rate=3e-3, warmup=5, every=30, held_out=0.25)
    policy = loaded.policy.requires_grad_(True)
    train(policy, loaded.before, loaded.after, data, stats, options, tmp_path, SPEC, words)
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in log] == [30, 60] and log[1]["loss"] < 0.8 * log[0]["loss"]
    best = checkpoint.load(tmp_path / "best")
    assert best.spec == SPEC and list((tmp_path / "tensorboard").iterdir())
    more = TinyTraining(steps=75, look=0, batch=16, draws=2, rate=3e-3, warmup=5, every=15, held_out=0.25)
    train(policy, loaded.before, loaded.after, data, stats, more, tmp_path, SPEC, words, resume=True)
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in log] == [30, 60, 75]


def test_looking_first_learns_where_a_demonstration_ends(tiny, tmp_path):
    from training.pi0.look import look, make_readout

    loaded = checkpoint.load(tiny)
    data = dataclasses.replace(synthetic(), tasks=("raise both arms", "touch the red ball"))
    policy = loaded.policy.requires_grad_(True)
    batches = Batches(policy, loaded.before, data, checkpoint.statistics(loaded.before))
    training = np.arange(300)
    log = look(policy, make_readout(policy, 22), batches, training, np.arange(300, 480), tmp_path, steps=80, batch=16,
               every=20, touch=0.5, symmetry=0.0)
    assert log[-1]["loss"] < 0.5 * log[0]["loss"] and (tmp_path / "look.jsonl").is_file()
    expert = policy.model.paligemma_with_expert.gemma_expert.state_dict()
    untouched = checkpoint.load(tiny).policy.model.paligemma_with_expert.gemma_expert.state_dict()
    assert all(torch.equal(value, untouched[key]) for key, value in expert.items())


def quick(**changes) -> FineTuning:
    values = dict(steps=24, batch=4, rate=3e-3, warmup=2, bf16=False, checkpointing=False, held_out=0.3, every=8,
                  workers=0, patience=0)
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
    with pytest.raises(ConfigError, match="LoRA adapts an existing model: give --checkpoint"):
        run(quick(rank=4, alpha=8), dataset, None, tmp_path / "none")


def test_early_stopping_keeps_the_best(tmp_path):
    from training.pi0.lerobot_run import EarlyStop, Watch

    watch = Watch(patience=2, every=10)
    for loss in (3.0, 2.0, 2.5):
        watch.see(loss)
    with pytest.raises(EarlyStop, match="the best checkpoint is that of step 20"):
        watch.see(2.1)


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
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2",
         "-m", program, "--checkpoint", str(tiny), "--dataset", str(dataset),
         "--out", str(out), "--device", "cpu", "--steps", "4", "--batch", "2", "--every", "2", "--no-bf16",
         "--no-checkpointing", "--workers", "0", "--held-out", "0.3", *more],
        cwd=root, env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)},
        capture_output=True, text=True, timeout=900, check=False), out


def test_presets_say_what_does_not_go_together():
    with pytest.raises(ConfigError, match="preset 'big' is unknown; there are: tiny, lora, full, fsdp"):
        preset("big")
    with pytest.raises(ConfigError, match="take the preset `lora` without --fsdp"):
        preset("fsdp", rank=8)
    with pytest.raises(ConfigError, match="variant 'pi1' is unknown"):
        preset("lora", variant="pi1")
    assert preset("lora").rank == 16 and preset("lora").rate == 5e-5 and preset("full").total_steps(3200, 2) == 5000


def test_finetune_refuses_options_of_another_preset():
    from training.pi0.finetune import FINE, TINY, chosen, parser

    arguments = parser().parse_args(["--preset", "lora", "--dataset", "d", "--out", "o", "--draws", "3"])
    with pytest.raises(ConfigError, match="the preset lora has no option --draws; it has: .*--rank"):
        chosen(arguments, FINE)
    arguments = parser().parse_args(["--dataset", "d", "--out", "o", "--rank", "3"])
    with pytest.raises(ConfigError, match="the preset tiny has no option --rank"):
        chosen(arguments, TINY)


def test_export_is_what_lerobot_computes(tiny, exported):
    from training.pi0.parity import compare, observations

    backend = load_backend(exported)
    report = compare(checkpoint.load(tiny), exported, "onnx", observations(backend.card, 3))
    assert report["cosine"] > 0.999999 and report["max_rad"] < 1e-4, report
    assert set(report["joints"]) == set(load_model().joints)


def test_the_export_command_reports_closed_loop_success_before_and_after(tiny, tmp_path, capsys):
    """One instruction from the same start, through the arbiter: LeRobot's checkpoint, then the graphs."""
    pytest.importorskip("mink")
    from training.pi0.export import main

    main([str(tiny), "--to", "onnx", "--out", str(tmp_path / "pi0"), "--samples", "2", "--only", "wave the right hand"])
    report = json.loads((tmp_path / "pi0" / "parity.json").read_text())
    before, after = (report["closed_loop"][side] for side in ("before", "after"))
    assert [row["instruction"] for row in before] == [row["instruction"] for row in after] == ["wave the right hand", "all"]
    assert before[0]["runs"] == 1 and before[0]["success"] == after[0]["success"]
    assert before[0]["measured"] == pytest.approx(after[0]["measured"], rel=1e-3)
    assert before[0]["jerk"] == pytest.approx(after[0]["jerk"], rel=0.05)
    assert "before" in (out := capsys.readouterr().out) and "after" in out
    assert load_backend(tmp_path / "pi0").card.files["parity.json"], "the card vouches for the report"


def test_policies_are_told_apart_and_run_by_what_they_hold(tiny, exported, tmp_path):
    pytest.importorskip("mink")
    from training.pi0.evaluate import jobs, labels
    from training.pi0.rollout import kind_of

    assert kind_of(tiny) == "lerobot" and kind_of(exported) == "onnx"
    with pytest.raises(ConfigError, match="neither step.onnx nor card.json nor config.json"):
        kind_of(tmp_path)
    same, other = [Path("a/best"), Path("b/best")], Path("c/last")
    named = labels([*same, other])
    assert named == {"a/best": same[0], "b/best": same[1], "last": other}
    assert [job.label for job in jobs(named, "auto", ["bow"], 6, 0)] == ["a/best", "a/best", "b/best", "b/best", "last", "last"]


def test_real_time_chunking_is_lerobots_own(tiny, exported):
    from policies.pi0.in_process.backend import LeRobotBackend
    from training.pi0.parity import observations

    ours = load_backend(exported)
    theirs = LeRobotBackend(tiny, joints=ours.joints)
    (observation, prompt), = observations(ours.card, 1)
    previous = ours.predict(observation, prompt, seed=1)[2:]
    guided = ours.predict(observation, prompt, previous=previous, delay_steps=2, seed=5)
    np.testing.assert_allclose(
        guided, theirs.predict(observation, prompt, previous=previous, delay_steps=2, seed=5), atol=1e-4)
    free = ours.predict(observation, prompt, seed=5)
    assert np.abs(guided[:2] - previous[:2]).max() < 0.2 * np.abs(free[:2] - previous[:2]).max()


def test_pi05_exports_what_lerobot_computes(tmp_path):
    """It normalises by quantiles and reads the state as words."""
    from training.pi0.export import export_onnx
    from training.pi0.parity import compare, observations

    spec, words = dataclasses.replace(SPEC, tokens=256, vocab=1024), tmp_path / "words"
    words.mkdir()
    train_tokenizer(vocabulary(TASKS), words, spec.vocab)
    data = synthetic()
    policy = seeded(spec, chunk=10, source=28, kind="pi05")
    for folder, quantiles in (("without", ()), ("with", (0.01, 0.99))):
        stats = data.stats()
        for key, values in (("observation.state", data.state), ("action", data.action)):
            stats[key] |= {f"q{round(100 * q):02d}": np.quantile(values, q, axis=0).astype(np.float32) for q in quantiles}
        before, after = checkpoint.make_processors(policy.config, stats, words)
        checkpoint.save(tmp_path / folder, policy, before, after, spec, words)
    with pytest.raises(ConfigError, match="normalised by quantiles, and its statistics hold only .*mean"):
        export_onnx(checkpoint.load(tmp_path / "without"), tmp_path / "none")
    loaded = checkpoint.load(tmp_path / "with")
    card = export_onnx(loaded, tmp_path / "onnx")
    report = compare(loaded, tmp_path / "onnx", "onnx", observations(card, 3))
    assert card.variant == "pi05" and report["cosine"] > 0.999999 and report["max_rad"] < 1e-4, report


def test_pi0_fast_says_which_tokenizers_it_lacks(dataset, tmp_path, monkeypatch):
    from training.pi0.finetune import main

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError, match="action tokenizer '.*none', which are folders or names.*--action-tokenizer"):
        main(["--preset", "full", "--variant", "pi0_fast", "--dataset", str(dataset), "--out", str(tmp_path / "run"),
              "--action-tokenizer", str(tmp_path / "none"), "--device", "cpu", "--no-bf16", "--workers", "0"])


def test_changed_export_is_refused(exported, tmp_path):
    for file in exported.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "prefix.onnx").write_bytes((exported / "prefix.onnx").read_bytes() + b"\0")
    with pytest.raises(ConfigError, match="prefix.onnx was changed after its card was written"):
        load_backend(tmp_path)


def quantised(exported: Path, out: Path, precision: str, calibration=None):
    """The backend of the exported graphs in `precision`, written to `out`."""
    from policies.pi0.card import embed_card, read_card
    from training.pi0.quantise import to_fp16, to_int8

    out.mkdir()
    (out / "tokenizer.json").write_bytes((exported / "tokenizer.json").read_bytes())
    for name in ("prefix.onnx", "step.onnx"):
        if precision == "fp16":
            to_fp16(exported / name, out / name)
        else:
            to_int8(exported / name, out / name, calibration if name == "step.onnx" else None)
    embed_card(out, dataclasses.replace(read_card(exported), precision=precision))
    return load_backend(out)


def error_of(backend, exported: Path) -> float:
    """Root mean square of the difference to the float32 graphs, in units of the actions' spread."""
    from training.pi0.parity import observations

    wanted, errors = load_backend(exported), []
    for seed, (observation, prompt) in enumerate(observations(wanted.card, 3)):
        errors.append(backend.predict(observation, prompt, seed=seed) - wanted.predict(observation, prompt, seed=seed))
    return float(np.sqrt(np.mean((np.concatenate(errors) / np.array(wanted.card.action_scale)) ** 2)))


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize(("precision", "error"), [("fp16", 0.05), ("int8", 0.2)])
def test_smaller_graphs_are_near(exported, tmp_path, monkeypatch, precision, error, large):
    """`large`: as if the weights were beyond 2 GB, and so beside the graph."""
    if large:
        monkeypatch.setattr("training.pi0.quantise.LARGE", 1000)
    backend = quantised(exported, tmp_path / "small", precision)
    assert error_of(backend, exported) < error
    assert (("step.onnx.data" in backend.card.files), backend.card.precision) == (large, precision)
    sizes = [sum(file.stat().st_size for file in folder.glob("*.onnx*")) for folder in (tmp_path / "small", exported)]
    assert sizes[0] < 0.8 * sizes[1]


def test_calibrated_int8_is_near(tiny, exported, dataset, tmp_path):
    from training.pi0.quantise import calibration_inputs

    inputs = calibration_inputs(checkpoint.load(tiny), dataset, count=8)
    assert error_of(quantised(exported, tmp_path / "small", "int8", inputs), exported) < 0.2


def test_student_learns_from_its_teacher(tiny, tmp_path):
    from training.pi0.distil import agreement, distil

    options = TinyTraining(steps=20, batch=8, rate=3e-3, warmup=2, every=20, held_out=0.25)
    report = distil(checkpoint.load(tiny), synthetic(), tmp_path, options, spec=SPEC, samples=32, quiet=True)
    assert report["chunks"] > 0 and np.isfinite(report["rms_rad"]) and len(report["joints_rms_rad"]) == 22
    same = agreement(np.ones((2, 3, 22)), np.ones((2, 3, 22)), np.ones(22))
    assert same["rms_rad"] == 0.0 and same["cosine"] == pytest.approx(1.0)


def test_tensorrt_says_what_it_needs(exported, tmp_path):
    with contextlib.suppress(ImportError):
        import tensorrt  # noqa: F401

        pytest.skip("TensorRT is here")
    from training.pi0.tensorrt import build, build_engines

    with pytest.raises(ConfigError, match="install the extra `gpu`"):
        build(exported / "step.onnx", tmp_path / "x", "fp16")
    with pytest.raises(ConfigError, match="give --calibration DATASET"):
        build_engines(exported, tmp_path, "int8")
