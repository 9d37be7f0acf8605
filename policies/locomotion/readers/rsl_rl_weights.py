"""Checkpoints of rsl_rl (2.3 to 5.4): which of their weights are the actor's, what shape it has, and what nobody here can play.

A checkpoint holds no activation and no observation terms. Every weight is the actor's, or of a part that the actor does without
(critic, optimiser, curiosity), or it is named in a refusal: a layer that were dropped would go unseen.
"""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from arbiter.errors import ConfigError
from policies.locomotion.readers import rsl_rl_agent
from policies.locomotion.readers.graph import GraphPort, GraphPorts
from policies.locomotion.readers.policy_description import PolicyDescription, Sourced
from policies.locomotion.readers.rsl_rl_layers import EXPORT, check_mlp, check_normaliser, recurrent_kind, some_of

ACTIVATIONS = "elu selu relu crelu lrelu tanh sigmoid softplus gelu swish mish identity".split()  # rsl_rl's names
# Parts beside the actor; infos: what a training keeps to go on with.
OTHERS = ("critic", "optimizer", "rnd", "teacher", "discriminator", "amp", "privileged", "value", "infos")
NOISE = ("std", "log_std", "distribution.std_param", "distribution.log_std_param")  # of exploration
RENAMED = {"actor.": "mlp.", "actor_obs_normalizer.": "obs_normalizer.", "memory_a.": "rnn."}  # rsl_rl 2 and 3


@dataclass(frozen=True)
class Actor:
    """An actor's weights under the names of rsl_rl 5 ("mlp.0.weight", "rnn.rnn.weight_ih_l0", "obs_normalizer._mean").

    Attributes:
        file: The checkpoint.
        weights: By name; those of exploration left out.
        recurrent: "lstm", "gru", or "" for none.
        observations, actions: Widths.
        explores: Whether it holds a standard deviation of its actions.
    """

    file: Path
    weights: Mapping[str, torch.Tensor]
    recurrent: str
    observations: int
    actions: int
    explores: bool = True

    @property
    def layers(self) -> list[int]:
        """Numbers of the linear layers."""
        return sorted(int(key.split(".")[1]) for key in self.weights if key.startswith("mlp.") and key.endswith(".weight"))

    @property
    def hidden(self) -> list[int]:
        """Widths of the hidden layers."""
        return [int(self.weights[f"mlp.{k}.weight"].shape[0]) for k in self.layers[:-1]]

    @property
    def normalised(self) -> bool:
        return "obs_normalizer._mean" in self.weights


def read_checkpoint(path: Path) -> dict:
    """The dictionary in a `.pt` file, by weights-only loading. Raises ConfigError for anything else."""
    if _is_torchscript(path):
        raise ConfigError(
            f"{path}: a TorchScript program (torch.jit.save), which could only be run, not read: take the run's checkpoint "
            "model_N.pt, or its exported policy.onnx"
        )
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such checkpoint") from error
    except pickle.UnpicklingError as error:
        raise ConfigError(
            f"{path}: holds more than weights, which is refused (it could run code); save it again with rsl_rl's runner.save"
        ) from error
    except (RuntimeError, EOFError, OSError, zipfile.BadZipFile, KeyError) as error:
        raise ConfigError(f"{path}: is not a readable PyTorch checkpoint: cut short, or another kind of file") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: holds a {type(found).__name__}; an RSL-RL checkpoint is a dictionary")
    return found


def _is_torchscript(path: Path) -> bool:
    """Whether it is an archive with code in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any("/code/" in name or name.endswith("/constants.pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def read_actor(path: Path) -> Actor:
    """The actor of a checkpoint, and nothing left over. Raises ConfigError that says what it is and what to do."""
    own = _actor_weights(read_checkpoint(path), path)
    weights = {key: value for key, value in own.items() if key not in NOISE}
    unused = sorted(key for key in weights if not key.startswith(("mlp.", "rnn.rnn.", "obs_normalizer.")))
    if any(key.startswith(("cnns.", "actor_cnns.")) for key in unused):
        raise ConfigError(f"{path}: its actor sees pictures ({unused[0]} ...), which no observation term here is")
    if unused:
        raise ConfigError(
            f"{path}: its actor has weights that no part of rsl_rl's MLP or recurrent actor uses: {some_of(unused)}; {EXPORT}"
        )
    layers = sorted(int(found[1]) for key in weights if (found := re.fullmatch(r"mlp\.(\d{1,4})\.weight", key)))
    if not layers:
        raise ConfigError(
            f"{path}: its actor has no layers 'mlp.N.weight', but {some_of(sorted(weights)) or 'nothing'}; only MLP and "
            f"recurrent policies can be exported here; {EXPORT}"
        )
    check_mlp(path, weights, layers)
    recurrent = recurrent_kind(path, weights)
    first = weights["rnn.rnn.weight_ih_l0"] if recurrent else weights[f"mlp.{layers[0]}.weight"]
    observations, actions = int(first.shape[1]), int(weights[f"mlp.{layers[-1]}.weight"].shape[0])
    check_normaliser(path, weights, observations)
    if not all(torch.isfinite(value).all() for value in weights.values() if value.is_floating_point()):
        raise ConfigError(f"{path}: its actor holds values that are not finite; take an earlier checkpoint")
    whole = sorted(key for key, value in weights.items() if not value.is_floating_point() and key != "obs_normalizer.count")
    if whole:
        raise ConfigError(f"{path}: {some_of(whole)} are whole numbers: a quantised network, which is not read here; {EXPORT}")
    agent = rsl_rl_agent.of_run(path)
    said = rsl_rl_agent.normalised(agent) if agent is not None else ""
    if said and "obs_normalizer._mean" not in weights:
        raise ConfigError(f"{path}: holds no normaliser of observations, and {said} says that it was trained with one; {EXPORT}")
    return Actor(path, weights, recurrent, observations, actions, len(own) > len(weights))


def _actor_weights(found: dict, path: Path) -> dict[str, torch.Tensor]:
    """Weights of the actor under the names of rsl_rl 5."""
    if "actor_state_dict" in found:
        own, rest = _tensors(found["actor_state_dict"]), [key for key in found if key != "actor_state_dict"]
    elif "model_state_dict" in found:
        own, rest = _of_model(found, path)
    else:
        raise ConfigError(f"{path}: {_what_it_is(found)}")
    _nothing_else(found, rest, path)
    return own


def check_widths(actor: Actor, observations: int, actions: int, by: str) -> None:
    """Raises ConfigError unless the actor maps `observations` to `actions` values, as `by` has them."""
    if not actor.explores and actor.actions == 2 * actions:
        raise ConfigError(
            f"{actor.file}: its last layer has {actor.actions} = 2 x {actions} values and it holds no standard deviation, so "
            f"they are mean and deviation (state_dependent_std) or a BetaDistribution, which the weights do not tell; {EXPORT}"
        )
    if (actor.observations, actor.actions) != (observations, actions):
        raise ConfigError(
            f"{actor.file}: maps {actor.observations} observations to {actor.actions} actions; {by} has {observations} and "
            f"{actions}"
        )


def _tensors(part: Any) -> dict[str, torch.Tensor]:
    return {str(key): value for key, value in part.items() if isinstance(value, torch.Tensor)} if isinstance(part, dict) else {}


def _of_model(found: dict, path: Path) -> tuple[dict[str, torch.Tensor], list[str]]:
    """Of the one model that rsl_rl 2 and 3 (Isaac Lab) save: the actor's weights, and the other keys of the file."""
    model = _tensors(found["model_state_dict"])
    if any(key.startswith("student.") for key in model):
        raise ConfigError(f"{path}: {_student()}")
    renamed = {}
    for key, value in model.items():
        part = next((old for old in RENAMED if key.startswith(old)), "")
        if part:
            renamed[RENAMED[part] + key.removeprefix(part)] = value
        elif not key.startswith(("critic", "memory_c")):
            renamed[key] = value
    if "obs_norm_state_dict" in found:
        renamed |= {f"obs_normalizer.{key}": value for key, value in _tensors(found["obs_norm_state_dict"]).items()}
    return renamed, [key for key in found if key not in ("model_state_dict", "obs_norm_state_dict")]


def _student() -> str:
    return f"a distillation: it holds a student and its teacher; {EXPORT}: that is the student's"


def _what_it_is(found: dict) -> str:
    """Of a dictionary that is no checkpoint of an actor."""
    if "student_state_dict" in found:
        return _student()
    if "actor_model_state_dict" in found:
        return "a checkpoint of holosoma, whose networks are its own: describe the ONNX file that its training exports"
    keys = ", ".join(sorted(map(str, found))[:8]) or "nothing"
    return f"has {keys}; an RSL-RL checkpoint has 'actor_state_dict' (rsl_rl 4 and 5) or 'model_state_dict' (before)"


def _nothing_else(found: dict, rest: list[str], path: Path) -> None:
    """Raises ConfigError for weights under a key that might be a part of the actor."""
    extra = [key for key in rest if _holds_weights(found[key]) and not any(part in str(key) for part in OTHERS)]
    if extra:
        names = some_of(sorted(map(str, extra)))
        raise ConfigError(f"{path}: has weights beside the actor's, in {names}, that may be a part of it; {EXPORT}")


def _holds_weights(part: Any) -> bool:
    if isinstance(part, dict | list | tuple):
        return any(map(_holds_weights, part.values() if isinstance(part, dict) else part))
    return isinstance(part, torch.Tensor) and part.numel() > 1


def known_activation(path: Path) -> Sourced | None:
    """The activation by the run's params/agent.yaml; None: it is not there, or says none."""
    agent = rsl_rl_agent.of_run(path)
    if agent is None:
        return None
    for part in ("actor", "policy"):
        name = agent.entries(part).get("activation") if isinstance(agent.get(part), Mapping) else None
        if isinstance(name, str):
            return Sourced(name.lower(), f"{agent.file}:{part}.activation")
    return None


def describe_checkpoint(path: Path) -> tuple[PolicyDescription, GraphPorts]:
    """What a checkpoint says in the words of the card, and the ports of the graph that it is exported to."""
    actor = read_actor(path)
    found = PolicyDescription("rsl_rl checkpoint", path.name)
    states = {"lstm": ("h", "c"), "gru": ("h",)}.get(actor.recurrent, ())
    exported = "as training.locomotion.export names it"
    found.values |= {
        "input": Sourced("obs", exported),
        "output": Sourced("actions", exported),
        "name": Sourced(path.stem, "the file's name"),
        "version": Sourced("1", "given here"),
    }
    if states:
        pairs = [{"input": f"{state}_in", "output": f"{state}_out"} for state in states]
        found.values["recurrent"] = Sourced(pairs, found.at("rnn.rnn"))
    activation = known_activation(path)
    if activation is not None:
        found.values["activation"] = activation
    if not actor.explores and actor.actions % 2 == 0:
        found.notes.append(
            f"{path.name} holds no standard deviation: with {actor.actions // 2} joints its {actor.actions} outputs are mean and "
            f"deviation (state_dependent_std); then {EXPORT}"
        )
    parts = [f"{actor.recurrent.upper()}, then" if actor.recurrent else "", f"MLP {actor.hidden}"]
    said = f"{activation.value} ({activation.source})" if activation else "not said: --activation of training.locomotion.export"
    found.notes.append(
        f"{path.name}: {' '.join(part for part in parts if part)}; {'with' if actor.normalised else 'without'} a normaliser; "
        f"{actor.observations} observations to {actor.actions} actions; activation: {said}"
    )
    ports = GraphPorts((GraphPort("obs", (1, actor.observations)),), (GraphPort("actions", (1, actor.actions)),))
    return found, ports
