"""RSL-RL checkpoints, ours and those of others, as networks: in the form that is exported, and in rsl_rl's own class."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
from torch import nn

from arbiter.errors import ConfigError
from policies.locomotion.card import PolicyCard
from policies.locomotion.readers.agreement import same
from policies.locomotion.readers.rsl_rl_agent import of_run
from policies.locomotion.readers.rsl_rl_weights import (
    ACTIVATIONS,
    Actor,
    check_widths,
    known_activation,
    read_actor,
    read_checkpoint,
)

__all__ = ["Normalizer", "RecurrentNetwork", "load_actor", "network_of", "read_checkpoint", "trained_activation"]

EPS = 1e-2  # of rsl_rl's EmpiricalNormalization
MODULES: dict[str, type[nn.Module]] = {
    "elu": nn.ELU,
    "selu": nn.SELU,
    "relu": nn.ReLU,
    "crelu": nn.CELU,
    "lrelu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softplus": nn.Softplus,
    "gelu": nn.GELU,
    "swish": nn.SiLU,
    "mish": nn.Mish,
    "identity": nn.Identity,
}


class Normalizer(nn.Module):
    """(x - mean) / (std + eps)."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, mean: torch.Tensor, std: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean.reshape(1, -1).float())
        self.register_buffer("std", std.reshape(1, -1).float() + EPS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.mean) / self.std


class RecurrentNetwork(nn.Module):
    """Normaliser, recurrent layers, MLP; the state goes in and comes out, as in rsl_rl's own export.

    Args:
        normaliser: Of the observation.
        rnn: LSTM or GRU.
        mlp: From its output to the action.
    """

    def __init__(self, normaliser: nn.Module, rnn: nn.LSTM | nn.GRU, mlp: nn.Module) -> None:
        super().__init__()
        self.normaliser, self.rnn, self.mlp = normaliser, rnn, mlp

    @property
    def states(self) -> tuple[str, ...]:
        """What it remembers."""
        return ("h", "c") if isinstance(self.rnn, nn.LSTM) else ("h",)

    def zero_state(self) -> tuple[torch.Tensor, ...]:
        """Its state before the first step, each of shape (layers, 1, hidden)."""
        return tuple(torch.zeros(self.rnn.num_layers, 1, self.rnn.hidden_size) for _ in self.states)

    def forward(self, obs: torch.Tensor, *state: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x = self.normaliser(obs).unsqueeze(0)
        x, after = self.rnn(x, state if len(state) > 1 else state[0])
        return (self.mlp(x.squeeze(0)), *(after if isinstance(after, tuple) else (after,)))


def trained_activation(checkpoint: Path, given: str | None, card: str) -> str:
    """The activation that the network was trained with: as the user says, as the card says, as the run's params/agent.yaml says.
    Raises ConfigError if nobody says it, or two differ: the weights alone would do with any."""
    found = known_activation(checkpoint)
    said = {"--activation": given, "the card": card, **({found.source: found.value} if found is not None else {})}
    said = {source: name.lower() for source, name in said.items() if name}
    if len({*said.values()}) > 1:
        names = ", ".join(f"{name} by {source}" for source, name in said.items())
        raise ConfigError(f"{checkpoint}: its activation is {names}; only one is right")
    name = next(iter(said.values()), "")
    if name not in MODULES:
        what = f"its activation is {name!r}" if name else "its activation is not known: no checkpoint holds it"
        raise ConfigError(
            f"{checkpoint}: {what}; say what it was trained with: --activation {'|'.join(ACTIVATIONS)} (Isaac Lab's tasks: elu), "
            "`activation` of the card, or put the run's params/agent.yaml beside it"
        )
    return name


def other_file(checkpoint: Path, out: Path) -> None:
    """Raises ConfigError if the exported file would take the place of the checkpoint."""
    if out.exists() and out.samefile(checkpoint):
        raise ConfigError(f"{out}: is the checkpoint itself, which would be overwritten; name another file")


def clipped_as_trained(checkpoint: Path, card: PolicyCard, card_file: Path) -> None:
    """Raises ConfigError if the run clipped its actions and the card says otherwise."""
    agent = of_run(checkpoint)
    if agent is None:
        return
    clip = agent.get("clip_actions")
    if clip is not None and not same(clip, card.action_clip):
        raise ConfigError(
            f"{card_file}: action_clip is {card.action_clip if card.action_clip is not None else 'not there'}; "
            f"{agent.file}:clip_actions of the run is {clip}: give the card `action_clip: {clip}`"
        )


def load_actor(path: Path, observations: int, actions: int, activation: str = "elu") -> nn.Sequential:
    """Normaliser and network of a checkpoint. Raises ConfigError unless it maps `observations` to `actions` values."""
    actor = read_actor(path)
    check_widths(actor, observations, actions, "this task")
    network = network_of(actor, activation)
    if not isinstance(network, nn.Sequential):
        raise ConfigError(
            f"{path}: its actor is recurrent ({actor.recurrent}); this task trains plain networks: give its card with --card"
        )
    return network


def network_of(actor: Actor, activation: str) -> nn.Sequential | RecurrentNetwork:
    """The actor as a network: a plain sequence, or a RecurrentNetwork."""
    w = actor.weights
    normaliser = [Normalizer(w["obs_normalizer._mean"], w["obs_normalizer._std"])] if actor.normalised else []
    layers: list[nn.Module] = []
    for k in actor.layers:
        rows, columns = w[f"mlp.{k}.weight"].shape
        layer = nn.Linear(columns, rows)
        layer.load_state_dict({"weight": w[f"mlp.{k}.weight"], "bias": w[f"mlp.{k}.bias"]})
        layers += [layer, MODULES[activation]()]
    if not actor.recurrent:
        return nn.Sequential(*normaliser, *layers[:-1])
    mine = {key.removeprefix("rnn.rnn."): value for key, value in w.items() if key.startswith("rnn.rnn.")}
    kind = nn.LSTM if actor.recurrent == "lstm" else nn.GRU
    count = sum(key.startswith("weight_ih_l") for key in mine)
    rnn = kind(actor.observations, mine["weight_hh_l0"].shape[1], count)
    rnn.load_state_dict(mine)
    return RecurrentNetwork(normaliser[0] if normaliser else nn.Identity(), rnn, nn.Sequential(*layers[:-1]))


class AsTrained(nn.Module):
    """The same actor in the class of rsl_rl that trained it: what an export is compared with.

    Args:
        actor: Its weights; every one of them must have its place in the class.
        activation: By rsl_rl's name.
    """

    def __init__(self, actor: Actor, activation: str) -> None:
        super().__init__()
        from rsl_rl.models import MLPModel, RNNModel
        from tensordict import TensorDict

        self._obs = lambda obs: TensorDict({"policy": obs}, batch_size=[1])
        size: dict = {"rnn_type": actor.recurrent} if actor.recurrent else {}
        if actor.recurrent:
            size |= {"rnn_hidden_dim": int(actor.weights["rnn.rnn.weight_hh_l0"].shape[1])}
            size |= {"rnn_num_layers": sum(key.startswith("rnn.rnn.weight_ih_l") for key in actor.weights)}
        self.model = (RNNModel if actor.recurrent else MLPModel)(
            self._obs(torch.zeros(1, actor.observations)),
            {"actor": ["policy"]},
            "actor",
            actor.actions,
            hidden_dims=actor.hidden,
            activation=activation,
            obs_normalization=actor.normalised,
            **size,
        )
        self.model.load_state_dict(dict(actor.weights), strict=True)
        self.model.eval()

    def reset(self) -> None:
        """Forgets what it remembers."""
        self.model.reset()

    def forward(self, obs: torch.Tensor) -> torch.Tensor:
        return self.model(self._obs(obs))


class Stepped(nn.Module):
    """A network that keeps its state from call to call: what AsTrained is without rsl_rl."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self._state = network, ()
        self.reset()

    def reset(self) -> None:
        """Forgets what it remembers."""
        self._state = self.network.zero_state() if isinstance(self.network, RecurrentNetwork) else ()

    def forward(self, obs: torch.Tensor) -> torch.Tensor:
        if not self._state:
            return self.network(obs)
        action, *self._state = self.network(obs, *self._state)
        return action


def as_trained(actor: Actor, activation: str) -> AsTrained | Stepped:
    """The actor in rsl_rl's own class; where rsl_rl is not installed, the network that is exported."""
    if importlib.util.find_spec("rsl_rl") is None:
        return Stepped(network_of(actor, activation))
    return AsTrained(actor, activation)
