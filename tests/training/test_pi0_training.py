"""The tiny π0 on LeRobot's classes: loss, demonstrations in memory, strict loading, training, distillation. Needs torch."""

from tests.needs import needs

NEEDS = needs("train", "torch", "lerobot")

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from arbiter.errors import ConfigError
from deploy.robots.description import load_model
from policies.chunk.backends.lerobot import checkpoint
from policies.chunk.backends.lerobot.tiny import seeded
from tests.pi0_rig import SPEC, TASKS, synthetic
from training.pi0 import memory
from training.pi0.batches import Batches, joint_weights, sampling_probabilities
from training.pi0.finetuning_presets import TinyTraining
from training.pi0.flow_matching import flow_loss
from training.pi0.train_tiny import TinyModel, train

# Importing LeRobot alone takes minutes on a busy machine.
pytestmark = [NEEDS, pytest.mark.timeout(1200), pytest.mark.usefixtures("offline")]


def test_loss_is_lerobots_own(tiny):
    loaded, data = checkpoint.load(tiny), synthetic()
    batch = Batches(loaded.policy, loaded.before, data, checkpoint.statistics(loaded.before)).at(np.array([3, 70, 130]))
    batch.pop("weight")
    noise, time = torch.randn(batch["actions"].shape), torch.tensor([0.2, 0.5, 0.9])
    ours = flow_loss(loaded.policy.model, **batch, samples=1, noise=noise, time=time)
    theirs = loaded.policy.model.forward(
        batch["images"], batch["image_masks"], batch["tokens"], batch["token_mask"], batch["state"], batch["actions"], noise, time
    ).mean()
    assert float(ours) == pytest.approx(float(theirs), rel=1e-5)
    twice = flow_loss(loaded.policy.model, **batch, samples=2, noise=noise.repeat(2, 1, 1), time=time.repeat(2))
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


def test_touching_gets_its_fraction_of_the_samples():
    data = dataclasses.replace(synthetic(), tasks=("raise both arms", "touch the red ball"))
    frames = np.r_[0:60, 60:90]  # twice as many of raising as of touching
    chances = sampling_probabilities(data, frames, 0.8)
    assert chances[60:].sum() == pytest.approx(0.8) and chances[:60].sum() == pytest.approx(0.2)
    assert sampling_probabilities(data, frames[:60], 0.8).sum() == pytest.approx(1.0), "without touching the rest gets all"


def test_round_trip_of_a_checkpoint(tiny):
    one, two = checkpoint.load(tiny), checkpoint.load(tiny)
    for key, value in one.policy.state_dict().items():
        assert torch.equal(value, two.policy.state_dict()[key]), key
    assert '"tokenizer_name": "tokenizer"' in (tiny / "policy_preprocessor.json").read_text(), "no path of this machine"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda w: w.pop("model.state_proj.weight"), r"1 missing \(model.state_proj.weight\)"),
        (lambda w: w.update({"model.extra": torch.zeros(2)}), r"1 unexpected \(model.extra\)"),
        (lambda w: w.update({"model.action_time_mlp_in.weight": torch.zeros(3, 3)}), r"\(3, 3\) instead of \(32, 64\)"),
        (lambda w: w.update({"model.state_proj.weight": torch.zeros(32, 99)}), "raise max_state_dim or max_action_dim"),
    ],
)
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
    """A 32-wide checkpoint under openpi's names in a 44-wide policy: the same output on a padded state, but for the rounding
    of sums over 32 and 44 terms, whose order is the processor's."""
    from safetensors.torch import save_file

    small, large = (seeded(SPEC, i, chunk=10, source=28, state_dim=n, action_dim=22) for i, n in ((1, 32), (2, 44)))
    weights = {key.removeprefix("model."): value for key, value in small.state_dict().items() if "lm_head" not in key}
    save_file({key: value.clone() for key, value in weights.items()}, tmp_path / "model.safetensors")
    checkpoint.load_weights(large, tmp_path / "model.safetensors")
    state = torch.randn(1, 32)
    a, b = small.model.state_proj(state), large.model.state_proj(torch.nn.functional.pad(state, (0, 12)))
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    with pytest.raises(ConfigError, match="of another shape"):
        file = save(tmp_path / "x", {"state_proj.weight": torch.zeros(32, 32)}, weights)
        checkpoint.load_weights(large, file, grow=False)


def test_a_blank_policy_differs_only_in_its_weights(tiny):
    """No buffer, no name and no weight that two layers share is lost by not drawing random numbers."""
    config = checkpoint.load(tiny).policy.config
    blank, random = (checkpoint.construct(config, SPEC, blank=one) for one in (True, False))
    assert [*blank.state_dict()] == [*random.state_dict()]
    for (name, a), (other, b) in zip(blank.named_buffers(), random.named_buffers(), strict=True):
        assert name == other and torch.equal(a, b), name
    shared = [
        [other for other, b in one.named_parameters(remove_duplicate=False) if b is a]
        for one in (blank, random)
        for a in one.parameters()
    ]
    assert shared[: len(shared) // 2] == shared[len(shared) // 2 :]
    for parameter in blank.parameters():
        torch.nn.init.constant_(parameter, float("nan"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "construct", lambda *_, **__: blank)
        loaded = checkpoint.load(tiny)
    assert all(value.isfinite().all() for value in loaded.policy.state_dict().values()), "what the file lacks is zero"


def save(folder: Path, changes: dict, weights: dict) -> Path:
    from safetensors.torch import save_file

    folder.mkdir()
    save_file({key: value.clone() for key, value in (weights | changes).items()}, folder / "model.safetensors")
    return folder / "model.safetensors"


def test_tiny_preset_learns_and_resumes(tiny, tmp_path):
    loaded, data = checkpoint.load(tiny), synthetic()
    stats, words = checkpoint.statistics(loaded.before), tiny / "tokenizer"
    options = TinyTraining(steps=60, pretrain=0, batch=16, flow_samples=2, rate=3e-3, warmup=5, every=30, held_out=0.25)
    policy = loaded.policy.requires_grad_(True)
    model = TinyModel(policy, loaded.before, loaded.after, stats, SPEC, words)
    train(model, data, options, tmp_path)
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in log] == [30, 60] and log[1]["loss"] < 0.8 * log[0]["loss"]
    best = checkpoint.load(tmp_path / "best")
    assert best.spec == SPEC and list((tmp_path / "tensorboard").iterdir())
    more = TinyTraining(steps=75, pretrain=0, batch=16, flow_samples=2, rate=3e-3, warmup=5, every=15, held_out=0.25)
    train(model, data, more, tmp_path, resume=True)
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in log] == [30, 60, 75]


def test_vision_pretraining_learns_where_a_demonstration_ends(tiny, tmp_path):
    from training.pi0.pretrain_vision import VisionPretraining, make_probe, pretrain_vision

    loaded = checkpoint.load(tiny)
    data = dataclasses.replace(synthetic(), tasks=("raise both arms", "touch the red ball"))
    policy = loaded.policy.requires_grad_(True)
    batches = Batches(policy, loaded.before, data, checkpoint.statistics(loaded.before))
    training = np.arange(300)
    options = VisionPretraining(steps=80, batch=16, every=20, touch_fraction=0.5, symmetry=0.0)
    log = pretrain_vision(policy, make_probe(policy, 22), batches, training, np.arange(300, 480), tmp_path, options)
    assert log[-1]["loss"] < 0.5 * log[0]["loss"] and (tmp_path / "pretrain_vision.jsonl").is_file()
    expert = policy.model.paligemma_with_expert.gemma_expert.state_dict()
    untouched = checkpoint.load(tiny).policy.model.paligemma_with_expert.gemma_expert.state_dict()
    assert all(torch.equal(value, untouched[key]) for key, value in expert.items())


def test_student_learns_from_its_teacher(tiny, tmp_path):
    from training.pi0.distil import agreement, distil

    teacher = checkpoint.load(tiny)
    config, asked = teacher.policy.config, []

    def two_spreads_up(batch, **options):
        """What this teacher wants is nowhere in the demonstrations."""
        asked.append(batch["observation.images.head_camera"].shape[-1])
        return torch.full((len(batch["observation.state"]), config.chunk_size, 22), 2.0)

    teacher.policy.predict_action_chunk = two_spreads_up
    data = synthetic()
    options = TinyTraining(steps=60, pretrain=0, batch=8, rate=3e-3, warmup=2, every=60, held_out=0.0, average=0.9)
    seen = dataclasses.replace(data, picture=data.picture.repeat(2, 1).repeat(2, 2))
    report = distil(teacher, data, tmp_path / "run", options, spec=SPEC, samples=32, quiet=True, seen=seen)
    assert report["chunks"] == 64 and len(report["joints_rms_rad"]) == 22
    assert report["rms_of_spread"] < 1.0 and report["cosine"] > 0.8, report
    assert set(asked) == {56}, "the teacher's own size"
    with pytest.raises(ConfigError, match="not a tiny π0"):
        distil(teacher, data, tmp_path / "no", options, student=dataclasses.replace(teacher, spec=None))
    same = agreement(np.ones((2, 3, 22)), np.ones((2, 3, 22)), np.ones(22))
    assert same["rms_rad"] == 0.0 and same["cosine"] == pytest.approx(1.0)
