"""Writes a checkpoint as the ONNX file the robot runs: normaliser and reference gait inside, its card in the metadata.

    python -m training.locomotion.export runs/locomotion/cpu-1/model_1799.pt walk.onnx
    python -m training.locomotion.export model.pt walk.onnx --card my_walk.yaml     # trained elsewhere, by RSL-RL

A checkpoint of Isaac Lab or mjlab needs a card that says what its observations and actions are, which `python -m deploy.policy
describe` drafts, and its activation, which params/agent.yaml of the run says: docs/how-to/bring-a-policy.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from arbiter.errors import ConfigError
from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra
from deploy.cli.outputs import output_file

ACTIVATIONS = ("elu", "selu", "relu", "crelu", "lrelu", "tanh", "sigmoid", "softplus", "gelu", "swish", "mish", "identity")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.locomotion.export", description=__doc__)
    p.add_argument("checkpoint", type=Path, help="checkpoint of RSL-RL, model_N.pt")
    p.add_argument("out", type=output_file, help="ONNX file to write")
    p.add_argument("--group", default="legs", choices=("legs", "whole_body"), help="joints that the policy drives")
    p.add_argument("--card", type=Path, help="YAML card of a checkpoint that was trained elsewhere")
    p.add_argument(
        "--activation",
        type=str.lower,
        choices=ACTIVATIONS,
        help="of the network, with --card; asked for where the run does not say it",
    )
    p.add_argument("--name", default="locomotion", help="name in the card")
    p.add_argument("--version", default="1", help="version in the card")
    return p


with extra(__name__, parser, "torch"):
    import numpy as np
    import torch
    from torch import nn

    from deploy.robots.description import load_model
    from policies.locomotion.card import ObservationTerm, PolicyCard, RecurrentState, check_card, embed_card, from_yaml
    from policies.locomotion.readers.rsl_rl_weights import Actor, check_widths, read_actor
    from training.locomotion import gait, terms
    from training.locomotion.fused_policy import FusedPolicy
    from training.locomotion.rsl_rl_checkpoint import (
        AsTrained,
        RecurrentNetwork,
        Stepped,
        as_trained,
        clipped_as_trained,
        load_actor,
        network_of,
        other_file,
        trained_activation,
    )
    from training.locomotion.symmetry import actor_mirror, joint_mirror, symmetric
    from training.locomotion.task import Task, TaskConfig

PARITY = 1e-4  # largest allowed difference between torch and the exported graph [units of action]


class ReferencePolicy(nn.Module):
    """Observation to action: the network's output added to the reference gait, written out plainly.

    Args:
        actor: Normaliser and network.
        task: The task it was trained on.
    """

    place: torch.Tensor
    action_lower: torch.Tensor
    action_upper: torch.Tensor

    def __init__(self, actor: nn.Module, task: Task) -> None:
        super().__init__()
        self.actor, self.gait, self.scale = actor, task.config.gait, task.config.action_scale
        self.legs = task.legs
        self.mirror, self.answer = actor_mirror(task.joints), joint_mirror(task.joints)
        place = torch.zeros(12, task.m)
        place[torch.arange(12), task.legs] = 1.0
        self.register_buffer("place", place)
        self.register_buffer("action_lower", task.action_lower)
        self.register_buffer("action_upper", task.action_upper)

    def forward(self, obs: torch.Tensor) -> torch.Tensor:
        legs = terms.reference_gait(obs, self.legs, self.gait) / self.scale
        walking = gait.moving(obs[:, :3]).unsqueeze(-1)
        seen = torch.cat((obs[:, :-2], obs[:, -2:] * walking), -1)
        action = symmetric(self.actor, self.mirror, self.answer, seen) + legs @ self.place
        return action.clamp(self.action_lower, self.action_upper)


def card_of(task: Task, name: str, version: str) -> PolicyCard:
    """The card of a policy trained on `task`."""
    figures, drives = task.model, task.joint_indices.numpy()

    def column(values: np.ndarray) -> tuple[float, ...]:
        return tuple(float(value) for value in values[drives])

    limit = tuple(round(most / gain, 3) for most, gain in zip(task.config.command_range, task.config.gain, strict=True))
    terms = (
        ObservationTerm("velocity_command", scale=task.config.gain, slew=task.config.slew, limit=limit),
        ObservationTerm("base_ang_vel"),
        ObservationTerm("projected_gravity"),
        ObservationTerm("joint_pos_rel", task.joints),
        ObservationTerm("joint_vel", task.joints),
        ObservationTerm("previous_action"),
        ObservationTerm(
            "phase",
            period=task.config.gait.period,
            stand_still=True,
            settle=task.config.step_in_place,
            wake=task.config.joint_error,
            tip=task.config.tilt_rate_robot,
        ),
    )
    return PolicyCard(
        format=1,
        kind="locomotion",
        name=name,
        version=version,
        robot=figures.name,
        rate_hz=task.config.rate_hz,
        joints=task.joints,
        default_pos=column(figures.default),
        kp=column(figures.kp),
        kd=column(figures.kd),
        action_scale=(task.config.action_scale,) * task.m,
        input="obs",
        output="actions",
        observations=terms,
    )


def export(checkpoint: Path, out: Path, task: Task, *, name: str = "locomotion", version: str = "1") -> float:
    """Writes `out` from a checkpoint trained on `task`; gives back the largest difference to torch.

    Raises ConfigError if the checkpoint does not fit the task or the graph differs from torch.
    """
    card = card_of(task, name, version)
    actor = load_actor(checkpoint, card.observation_size, task.m)
    other_file(checkpoint, out)
    return write(ReferencePolicy(actor, task), card, out, graph=FusedPolicy(actor, task))


def import_foreign(checkpoint: Path, out: Path, card_file: Path, *, activation: str | None = None) -> float:
    """Writes `out` from a checkpoint trained elsewhere, described by a YAML card; gives back the difference to the network as it
    was trained: in rsl_rl's own class.

    Raises ConfigError if the card does not fit the robot, the checkpoint does not fit the card, or nobody says the activation.
    """
    card = from_yaml(card_file)
    check_card(card, load_model(card.robot), card_file)
    actor = read_actor(checkpoint)
    check_widths(actor, card.observation_size, len(card.joints), str(card_file))
    other_file(checkpoint, out)
    clipped_as_trained(checkpoint, card, card_file)
    activation = trained_activation(checkpoint, activation, card.activation)
    network = network_of(actor, activation).eval()
    card = dataclasses.replace(card, recurrent=_states(network, card), activation="")
    with one_thread():
        data = serialize(network, actor.observations, card)
        difference = step_parity(as_trained(actor, activation), data, card, actor)
    _save(data, card, out, difference)
    return difference


@contextmanager
def one_thread() -> Generator[None]:
    """Torch on one thread: networks this small are a hundred times slower on several of a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _states(network: nn.Module, card: PolicyCard) -> tuple[RecurrentState, ...]:
    """What the network remembers, under the names of the card if it has as many."""
    count = len(network.states) if isinstance(network, RecurrentNetwork) else 0
    if len(card.recurrent) == count:
        return card.recurrent
    if not isinstance(network, RecurrentNetwork):
        raise ConfigError("the card has recurrent states, the checkpoint's network has none: leave `recurrent` out")
    return tuple(RecurrentState(f"{state}_in", f"{state}_out") for state in network.states)


def step_parity(trained: AsTrained | Stepped, data: bytes, card: PolicyCard, actor: Actor, steps: int = 200) -> float:
    """Largest difference between the network as it was trained and its ONNX bytes, step by step over random observations; half
    way both begin anew."""
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    shapes = {port.name: port.shape for port in session.get_inputs()}
    generator, worst, state = torch.Generator().manual_seed(0), 0.0, {}
    for k in range(steps):
        if k % (steps // 2) == 0:
            trained.reset()
            state = {one.input: np.zeros(shapes[one.input], np.float32) for one in card.recurrent}
        obs = torch.randn(1, actor.observations, generator=generator)
        with torch.inference_mode():
            expected = trained(obs).numpy()
        outputs = [card.output, *(one.output for one in card.recurrent)]
        action, *after = session.run(outputs, {card.input: obs.numpy(), **state})
        state = {one.input: value for one, value in zip(card.recurrent, after, strict=True)}
        worst = max(worst, float(np.abs(expected - action).max()))
    return worst


def write(model: nn.Module, card: PolicyCard, out: Path, *, graph: nn.Module | None = None) -> float:
    """Writes `model` with its card; gives back the largest difference to torch over random observations.

    Args:
        model: What the file must compute.
        card: Its description.
        out: The file.
        graph: The same in another form, which the file holds; None: the model itself.
    """
    model.eval()
    data = serialize((graph or model).eval(), card.observation_size)
    difference = parity(model, data, card.observation_size)
    _save(data, card, out, difference)
    return difference


def _save(data: bytes, card: PolicyCard, out: Path, difference: float) -> None:
    """Writes the graph with its card. Raises ConfigError if it differs from torch."""
    if not difference <= PARITY:
        raise ConfigError(
            f"{out}: the exported graph differs from torch by {difference:g}; at most {PARITY:g} is allowed: "
            "report this with the checkpoint"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(embed_card(data, card))


def serialize(model: nn.Module, width: int, card: PolicyCard | None = None) -> bytes:
    """The ONNX bytes of `model`, whose input has `width` values; its ports are named as in the card."""
    buffer = io.BytesIO()
    states = card.recurrent if card is not None else ()
    zeros = model.zero_state() if isinstance(model, RecurrentNetwork) else ()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the newer exporter takes ten times as long for an MLP
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # recurrent layers look at the shapes of what they get
        warnings.simplefilter("ignore", UserWarning)  # of batches, which no robot has
        torch.onnx.export(
            model,
            (torch.zeros(1, width), *zeros),
            buffer,  # ty: ignore[invalid-argument-type]  # the annotation leaves out what the function's text allows
            input_names=[card.input if card is not None else "obs", *(state.input for state in states)],
            output_names=[card.output if card is not None else "actions", *(state.output for state in states)],
            opset_version=17,
            dynamo=False,
        )
    return buffer.getvalue()


def parity(model: nn.Module, data: bytes, width: int, samples: int = 200) -> float:
    """Largest difference between `model` and its ONNX bytes over `samples` random observations, standing ones included."""
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    for k in range(samples):
        obs = torch.randn(1, width, generator=generator)
        if k % 2:
            obs[:, :3] = 0.0
        with torch.inference_mode():
            expected = model(obs).numpy()
        worst = max(worst, float(np.abs(expected - session.run(None, {"obs": obs.numpy()})[0]).max()))
    return worst


def main(argv: list[str] | None = None) -> None:
    args = parser().parse_args(argv)
    if args.card:
        difference = import_foreign(args.checkpoint, args.out, args.card, activation=args.activation)
    else:
        difference = export(args.checkpoint, args.out, Task(TaskConfig(group=args.group)), name=args.name, version=args.version)
    print(f"{args.out}: {args.out.stat().st_size} bytes; differs from torch by at most {difference:.2g}")


if __name__ == "__main__":
    sys.exit(in_one_line(main))
