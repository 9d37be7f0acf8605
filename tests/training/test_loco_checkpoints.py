"""Checkpoints of rsl_rl, as its own classes save them: exported as they were trained, or refused in one line that names why."""

from __future__ import annotations

from tests.needs import needs

pytestmark = needs("train", "torch", "rsl_rl")

import dataclasses

import numpy as np
import onnxruntime
import pytest
import torch
import yaml

from arbiter.errors import ConfigError
from deploy.policy import main as describe_command
from deploy.robots.description import load_model
from policies.locomotion.card import read_card, to_json
from policies.locomotion.policy import OnnxPolicy
from policies.locomotion.readers.rsl_rl_weights import read_actor
from tests.onnx_policies import card_for
from training.locomotion.export import ACTIVATIONS, PARITY, import_foreign, main, one_thread
from training.locomotion.rsl_rl_checkpoint import MODULES, network_of

MODEL = load_model()
CARD = card_for(MODEL)
OBS, ACT = 45, 12


def rsl_model(kind: str = "mlp", activation: str = "elu", normalised: bool = True, layers: int = 1, **options):
    """An actor of rsl_rl with random weights and a normaliser that has seen something."""
    from rsl_rl.models import MLPModel, RNNModel
    from tensordict import TensorDict

    torch.manual_seed(3)
    distribution = options.pop("distribution", {"class_name": "GaussianDistribution"})
    size = {"rnn_type": kind, "rnn_hidden_dim": 24, "rnn_num_layers": layers} if kind != "mlp" else {}
    model = (MLPModel if kind == "mlp" else RNNModel)(
        TensorDict({"policy": torch.zeros(1, OBS)}, batch_size=[1]),
        {"actor": ["policy"]},
        "actor",
        ACT,
        hidden_dims=[32, 16],
        activation=activation,
        obs_normalization=normalised,
        distribution_cfg=distribution,
        **size,
    )
    if normalised:
        model.train()
        model.update_normalization(TensorDict({"policy": 2.0 * torch.randn(64, OBS) + 1.0}, batch_size=[64]))
    return model.eval()


def saved(model, path, version: int = 5):
    """The checkpoint that rsl_rl of this version writes."""
    weights = model.state_dict()
    if version >= 4:
        names = {"distribution.std_param": "std"} if version == 4 else {}
        found = {"actor_state_dict": {names.get(key, key): value for key, value in weights.items()}}
        found |= {"critic_state_dict": {"mlp.0.weight": torch.zeros(3, 3)}}
    else:
        names = {
            "mlp.": "actor.",
            "obs_normalizer.": "actor_obs_normalizer.",
            "rnn.": "memory_a.",
            "distribution.std_param": "std",
        }
        old = {}
        for key, value in weights.items():
            part = next(part for part in names if key.startswith(part))
            old[names[part] + key.removeprefix(part)] = value
        old |= {"critic.0.weight": torch.zeros(3, 3), "memory_c.rnn.weight_ih_l0": torch.zeros(3, 3)}
        found = {"model_state_dict": old}
        if version == 2:
            norm = {key.removeprefix("actor_obs_normalizer."): old.pop(key) for key in [*old] if key.startswith("actor_obs_norm")}
            found |= {"obs_norm_state_dict": norm, "privileged_obs_norm_state_dict": {"_mean": torch.zeros(1, 3)}}
    torch.save(found | {"optimizer_state_dict": {"state": {}, "param_groups": []}, "iter": 7, "infos": None}, path)
    return path


@pytest.fixture
def card_file(tmp_path):
    path = tmp_path / "card.yaml"
    path.write_text(to_json(CARD))  # JSON is YAML
    return path


def played(model, out, steps: int = 12) -> float:
    """Largest difference between rsl_rl's model and the exported file, the states of which come back."""
    from tensordict import TensorDict

    session, card = onnxruntime.InferenceSession(out.read_bytes()), read_card(out)
    shapes = {port.name: port.shape for port in session.get_inputs()}
    state = {one.input: np.zeros(shapes[one.input], np.float32) for one in card.recurrent}
    assert {*shapes} == {card.input, *state}
    worst, generator = 0.0, torch.Generator().manual_seed(1)
    model.reset()
    with one_thread():
        for _ in range(steps):
            obs = torch.randn(1, OBS, generator=generator)
            with torch.inference_mode():
                expected = model(TensorDict({"policy": obs}, batch_size=[1])).numpy()
            action, *after = session.run(
                [card.output, *(one.output for one in card.recurrent)], {card.input: obs.numpy(), **state}
            )
            state = {one.input: value for one, value in zip(card.recurrent, after, strict=True)}
            worst = max(worst, float(np.abs(action - expected).max()))
    return worst


@pytest.mark.parametrize(
    ("kind", "version", "layers"),
    [("mlp", 2, 1), ("mlp", 3, 1), ("mlp", 4, 1), ("mlp", 5, 1), ("lstm", 2, 1), ("lstm", 5, 2), ("gru", 3, 2), ("gru", 5, 1)],
)
def test_what_rsl_rl_saves_is_exported_as_it_acts(kind, version, layers, card_file, tmp_path):
    model, out = rsl_model(kind, layers=layers), tmp_path / "out.onnx"
    difference = import_foreign(saved(model, tmp_path / "model.pt", version), out, card_file, activation="elu")
    assert difference < PARITY and played(model, out) < PARITY
    states = {"mlp": [], "lstm": [("h_in", "h_out"), ("c_in", "c_out")], "gru": [("h_in", "h_out")]}[kind]
    assert [(one.input, one.output) for one in read_card(out).recurrent] == states


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_of_rsl_rl_acts_as_it_was_trained(activation, tmp_path):
    from tensordict import TensorDict

    model, obs = rsl_model(activation=activation), torch.randn(1, OBS)
    network = network_of(read_actor(saved(model, tmp_path / "model.pt")), activation)
    assert torch.allclose(network(obs), model(TensorDict({"policy": obs}, batch_size=[1])), atol=1e-5)


def test_the_activations_are_those_of_rsl_rl():
    from rsl_rl.utils import resolve_nn_activation

    assert {name: type(resolve_nn_activation(name)) for name in ACTIVATIONS} == MODULES


def test_an_activation_that_nobody_says_is_asked_for(card_file, tmp_path):
    (tmp_path / "run" / "params").mkdir(parents=True)
    path, out = saved(rsl_model(activation="mish"), tmp_path / "run" / "model.pt"), tmp_path / "out.onnx"
    with pytest.raises(ConfigError, match="activation is not known: .*--activation elu.selu.relu.*params/agent.yaml"):
        import_foreign(path, out, card_file)
    assert not out.exists()
    (tmp_path / "run" / "params" / "agent.yaml").write_text("seed: 1\npolicy:\n  class_name: ActorCritic\n  activation: mish\n")
    assert import_foreign(path, out, card_file) < PARITY and played(rsl_model(activation="mish"), out) < PARITY
    card_file.write_text(to_json(dataclasses.replace(CARD, activation="mish")))
    assert import_foreign(saved(rsl_model(activation="mish"), tmp_path / "alone.pt"), out, card_file) < PARITY
    with pytest.raises(
        ConfigError,
        match="its activation is relu by --activation, mish by the card, mish by agent.yaml:policy.activation; only one",
    ):
        import_foreign(path, out, card_file, activation="relu")


def weights_of(path, change):
    found = torch.load(path, weights_only=True)
    change(found)
    torch.save(found, path)
    return path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda found: found["actor_state_dict"].update({"encoder.0.weight": torch.ones(2, 2)}), "encoder.0.weight"),
        (lambda found: found["actor_state_dict"].update({"mlp.1.weight": torch.ones(32)}), "mlp.1.weight"),
        (lambda found: found["actor_state_dict"].update({"mlp.x.weight": torch.ones(32)}), "mlp.x.weight"),
        (lambda found: found["actor_state_dict"].update({"mlp.2.bias": torch.ones(15)}), "mlp.2.bias has the shape [15]"),
        (lambda found: found["actor_state_dict"].update({"mlp.0.weight": torch.ones(32, 24, dtype=torch.int8)}), "whole numbers"),
        (lambda found: found.update({"extra": {"deep": {"w": torch.ones(2, 2)}}}), "in extra"),
        (lambda found: found.update({"head": torch.ones(2, 2)}), "in head"),
        (lambda found: found["actor_state_dict"].update({"rnn.rnn.weight_hr_l0": torch.ones(4, 4)}), "rnn.rnn.weight_hr_l0"),
        (lambda found: found["actor_state_dict"].update({"obs_normalizer.scale": torch.ones(OBS)}), "obs_normalizer.scale"),
        (lambda found: found.update({"estimator_state_dict": {"0.weight": torch.ones(2, 2)}}), "estimator_state_dict"),
        (lambda found: found.update({"student_state_dict": found.pop("actor_state_dict")}), "a student and its teacher"),
        (lambda found: found.update({"actor_model_state_dict": found.pop("actor_state_dict")}), "a checkpoint of holosoma"),
    ],
)
def test_weights_that_have_no_place_are_named(change, words, card_file, tmp_path):
    path = weights_of(saved(rsl_model("lstm"), tmp_path / "model.pt"), change)
    with pytest.raises(ConfigError) as found:
        import_foreign(path, tmp_path / "out.onnx", card_file, activation="elu")
    assert words in str(found.value) and "\n" not in str(found.value) and not (tmp_path / "out.onnx").exists()


@pytest.mark.parametrize("kind", ["HeteroscedasticGaussianDistribution", "BetaDistribution"])
def test_two_values_for_each_action_are_told(kind, card_file, tmp_path):
    path = saved(rsl_model(distribution={"class_name": kind}), tmp_path / "model.pt")
    with pytest.raises(ConfigError, match="24 = 2 x 12 values .*state_dependent_std.*export_policy_to_onnx"):
        import_foreign(path, tmp_path / "out.onnx", card_file, activation="elu")


def test_a_program_is_no_checkpoint(card_file, tmp_path, capsys):
    path = tmp_path / "policy.pt"
    torch.jit.script(rsl_model().as_jit()).save(path)
    for command in (lambda: main([str(path), str(tmp_path / "o.onnx"), "--card", str(card_file)]), lambda: read_actor(path)):
        with pytest.raises(
            ConfigError, match="a TorchScript program .*: take the run's checkpoint model_N.pt, or its exported policy.onnx"
        ):
            command()


def test_a_checkpoint_is_described_then_exported(tmp_path, capsys):
    run = tmp_path / "run"
    (run / "params").mkdir(parents=True)
    path = saved(rsl_model("gru"), run / "model_9.pt")
    (run / "params" / "agent.yaml").write_text("actor: {activation: elu, hidden_dims: !!python/tuple [32, 16]}\n")
    whole = yaml.safe_load(to_json(dataclasses.replace(CARD, name="mine")))
    (tmp_path / "known.yaml").write_text(
        yaml.safe_dump({key: whole[key] for key in whole if key not in ("input", "output", "sha256")})
    )
    out = run / "walk.yaml"
    assert describe_command(["describe", str(path), "--from", str(tmp_path / "known.yaml"), "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "GRU, then MLP [32, 16]; with a normaliser; 45 observations to 12 actions; activation: elu (agent.yaml:actor" in told
    assert f"training.locomotion.export {path}" in told
    main([str(path), str(run / "walk.onnx"), "--card", str(out)])
    card = read_card(run / "walk.onnx")
    assert card.name == "mine" and [one.input for one in card.recurrent] == ["h_in"]
    assert played(rsl_model("gru"), run / "walk.onnx") < PARITY
    assert card.activation == "" and OnnxPolicy(run / "walk.onnx", MODEL).card == card


def test_what_the_run_did_around_the_network_is_not_lost(card_file, tmp_path):
    path, out, agent = saved(rsl_model(normalised=False), tmp_path / "model.pt"), tmp_path / "out.onnx", tmp_path / "agent.yaml"
    agent.write_text("empirical_normalization: true\npolicy: {activation: elu}\n")
    with pytest.raises(ConfigError, match="no normaliser of observations, and agent.yaml:empirical_normalization says"):
        import_foreign(path, out, card_file)
    agent.write_text("clip_actions: 1.5\npolicy: {activation: elu}\n")
    with pytest.raises(ConfigError, match="action_clip is not there; agent.yaml:clip_actions of the run is 1.5"):
        import_foreign(path, out, card_file)
    card_file.write_text(to_json(dataclasses.replace(CARD, action_clip=1.5)))
    with pytest.raises(ConfigError, match="is the checkpoint itself"):
        import_foreign(path, path, card_file)
    assert import_foreign(path, out, card_file) < PARITY
