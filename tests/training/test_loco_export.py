"""Checkpoints in, ONNX out: parity, the card, checkpoints of others, and files that are refused."""

from __future__ import annotations

from tests.needs import needs

pytestmark = needs("train", "torch")

import dataclasses

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from arbiter.errors import ConfigError
from arbiter.types import Request, RobotState, frozen
from deploy.robots.description import load_model
from policies.locomotion.card import read_card, to_json
from policies.locomotion.policy import OnnxPolicy
from training.locomotion import gait, terms
from training.locomotion.export import card_of, export, import_foreign
from training.locomotion.rsl_rl_checkpoint import load_actor, read_checkpoint
from training.locomotion.symmetry import actor_mirror, joint_mirror
from training.locomotion.task import Task, TaskConfig

TASK = Task(TaskConfig())
MODEL = TASK.model
LEGS = MODEL.groups["legs"]


def weights(inputs: int, outputs: int, seed: int = 0) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    first, last = nn.Linear(inputs, 16), nn.Linear(16, outputs)
    return {
        "mlp.0.weight": first.weight.data,
        "mlp.0.bias": first.bias.data,
        "mlp.2.weight": last.weight.data,
        "mlp.2.bias": last.bias.data,
        "obs_normalizer._mean": torch.randn(1, inputs),
        "obs_normalizer._std": torch.rand(1, inputs) + 0.5,
        "obs_normalizer._var": torch.ones(1, inputs),
        "obs_normalizer.count": torch.tensor(7),
    }


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "model_5.pt"
    torch.save({"actor_state_dict": weights(47, 12), "iter": 5}, path)
    return path


def by_hand(found: dict, obs: torch.Tensor) -> torch.Tensor:
    x = (obs - found["obs_normalizer._mean"]) / (found["obs_normalizer._std"] + 1e-2)
    x = nn.functional.elu(x @ found["mlp.0.weight"].T + found["mlp.0.bias"])
    return x @ found["mlp.2.weight"].T + found["mlp.2.bias"]


def deployed(obs: torch.Tensor) -> torch.Tensor:
    """The network's answer, made symmetric, on top of the reference gait, within the joints' ranges."""
    found, joints = weights(47, 12), joint_mirror(TASK.joints)
    mean = (by_hand(found, obs) + joints(by_hand(found, actor_mirror(TASK.joints)(obs)))) / 2.0
    target = MODEL.default[LEGS] + 0.25 * mean.numpy() + terms.reference_gait(obs, TASK.legs, TASK.config.gait).numpy()
    return torch.tensor((target.clip(MODEL.lower[LEGS], MODEL.upper[LEGS]) - MODEL.default[LEGS]) / 0.25, dtype=torch.float32)


@pytest.mark.parametrize("stands", [False, True])
def test_the_graph_is_a_symmetric_network_plus_the_reference_gait(stands, checkpoint, tmp_path):
    out = tmp_path / "walk.onnx"
    assert export(checkpoint, out, TASK) < 1e-4
    obs = 0.5 * torch.randn(1, 47)
    obs[:, :3] *= not stands
    seen = obs.clone()
    seen[:, -2:] *= not stands  # a robot that stands has no phase
    expected = deployed(seen)
    found = onnxruntime.InferenceSession(out.read_bytes()).run(None, {"obs": obs.numpy()})[0]
    assert np.allclose(found, expected.numpy(), atol=1e-4)


def test_the_card_travels_with_the_file_and_the_runtime_takes_it(checkpoint, tmp_path):
    out = tmp_path / "walk.onnx"
    export(checkpoint, out, TASK, name="mine", version="7")
    card = read_card(out)
    assert (card.name, card.version, card.rate_hz, card.joints) == ("mine", "7", 50.0, TASK.joints)
    model = load_model()
    policy = OnnxPolicy(out, model)
    state = RobotState(
        0.0, frozen(model.default), frozen(np.zeros(22)), frozen((1.0, 0.0, 0.0, 0.0)), frozen(np.zeros(3)), np.zeros(22)
    )
    policy.reset(state, 0.0)
    target = policy.act(state, Request(velocity=frozen((0.0, 0.0, 0.5))), 0.0)
    obs = torch.zeros(1, 47)
    obs[0, 2], obs[0, 8], obs[0, -1] = TASK.config.gain[2] * 2.0 * 0.02, -1.0, 1.0  # 2 rad/s² on its way, calibrated
    assert np.allclose(target.q[10:], model.default[10:] + 0.25 * deployed(obs).numpy()[0], atol=1e-5)


def test_the_observation_of_training_and_runtime_have_one_order():
    from policies.locomotion.observation import ObservationBuilder
    from training.locomotion.state import BatchState

    model = load_model()
    rng = np.random.default_rng(0)
    q, dq, spin, command = rng.normal(size=22), rng.normal(size=22), rng.normal(size=3), np.array((0.03, -0.01, 0.05))
    state = RobotState(0.0, frozen(q), frozen(dq), frozen((1.0, 0.0, 0.0, 0.0)), frozen(spin), np.zeros(22))
    builder = ObservationBuilder(card_of(TASK, "x", "1"), model)
    builder.reset(state)
    action = rng.normal(size=12).astype(np.float32)
    builder.update(state, Request(velocity=frozen(command)))
    builder.acted(action)
    builder.update(state, Request(velocity=frozen(command)))
    s = BatchState.zeros(1, 12)
    s.command, s.ang_vel = torch.tensor(command)[None].float(), torch.tensor(spin)[None].float()
    s.joint_pos, s.joint_vel = torch.tensor((q - model.default)[10:])[None].float(), torch.tensor(dq[10:])[None].float()
    s.action, s.phase = torch.tensor(action)[None], torch.tensor([gait.TWO_PI * 0.02 / TASK.config.gait.period])
    s.command *= torch.tensor(TASK.config.gain)  # the robot's calibration
    assert np.allclose(builder.vector, terms.actor_observation(s).numpy(), atol=1e-6)


@pytest.mark.parametrize("style", ["isaac", "isaac with a normaliser of its own"])
def test_a_checkpoint_of_isaac_lab_is_imported(style, tmp_path):
    found = weights(45, 12)
    model = {"actor." + key.removeprefix("mlp."): value for key, value in found.items() if key.startswith("mlp.")}
    norm = {key.removeprefix("obs_normalizer."): value for key, value in found.items() if key.startswith("obs_normalizer.")}
    whole = {"model_state_dict": model | {"std": torch.ones(12)}, "iter": 1}
    if style == "isaac":
        whole["model_state_dict"] |= {"actor_obs_normalizer." + key: value for key, value in norm.items()}
    else:
        whole["obs_norm_state_dict"] = norm
    torch.save(whole, tmp_path / "model.pt")
    card = card_of(TASK, "foreign", "1")
    card = to_json(dataclasses.replace(card, observations=tuple(o for o in card.observations if o.term != "phase")))
    (tmp_path / "card.yaml").write_text(card)  # JSON is YAML
    import_foreign(tmp_path / "model.pt", tmp_path / "out.onnx", tmp_path / "card.yaml", activation="elu")
    obs = torch.randn(1, 45)
    out = onnxruntime.InferenceSession((tmp_path / "out.onnx").read_bytes()).run(None, {"obs": obs.numpy()})[0]
    assert np.allclose(out, by_hand(found, obs).numpy(), atol=1e-4)


def test_a_checkpoint_that_could_run_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("run",))

    torch.save({"actor_state_dict": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(ConfigError, match="evil.pt: holds more than weights, which is refused .it could run code."):
        read_checkpoint(tmp_path / "evil.pt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a readable PyTorch checkpoint"),
        (b"PK\x03\x04 cut off", "is not a readable PyTorch checkpoint"),
        (b"not a checkpoint at all", "refused|is not a readable PyTorch checkpoint"),
    ],
)
def test_garbage_is_refused(content, message, tmp_path):
    (tmp_path / "model.pt").write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        read_checkpoint(tmp_path / "model.pt")


def test_other_dictionaries_are_refused_by_what_they_hold(tmp_path):
    torch.save({"weights": torch.zeros(1)}, tmp_path / "model.pt")
    with pytest.raises(ConfigError, match="has weights; an RSL-RL checkpoint has 'actor_state_dict'"):
        load_actor(tmp_path / "model.pt", 47, 12)


def test_a_checkpoint_of_another_task_is_refused(checkpoint):
    with pytest.raises(ConfigError, match="maps 47 observations to 12 actions; this task has 77 and 22"):
        load_actor(checkpoint, 77, 22)


def test_weights_that_are_not_finite_are_refused(tmp_path):
    found = weights(47, 12)
    found["mlp.0.bias"][3] = float("nan")
    torch.save({"actor_state_dict": found}, tmp_path / "model.pt")
    with pytest.raises(ConfigError, match="holds values that are not finite; take an earlier checkpoint"):
        load_actor(tmp_path / "model.pt", 47, 12)


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(ConfigError, match="gone.pt: no such checkpoint"):
        read_checkpoint(tmp_path / "gone.pt")
