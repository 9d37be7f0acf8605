"""Writes a checkpoint as the ONNX file the robot runs: normaliser and reference gait inside, its card in the metadata.

    python -m training.locomotion.export runs/locomotion/cpu-1/model_1799.pt walk.onnx
    python -m training.locomotion.export model.pt walk.onnx --card my_walk.yaml     # trained elsewhere, by RSL-RL

A checkpoint of Isaac Lab or mjlab needs a card that says what its observations and actions are: docs/how-to/bring-a-policy.md.
"""

from __future__ import annotations

import argparse
import io
import sys
import warnings
from pathlib import Path

from arbiter.errors import ConfigError
from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra
from deploy.cli.outputs import output_file


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.locomotion.export", description=__doc__)
    p.add_argument("checkpoint", type=Path, help="checkpoint of RSL-RL, model_N.pt")
    p.add_argument("out", type=output_file, help="ONNX file to write")
    p.add_argument("--group", default="legs", choices=("legs", "whole_body"), help="joints that the policy drives")
    p.add_argument("--card", type=Path, help="YAML card of a checkpoint that was trained elsewhere")
    p.add_argument("--activation", default="elu", choices=("elu", "relu", "tanh"), help="activation of the network, with --card")
    p.add_argument("--name", default="locomotion", help="name in the card")
    p.add_argument("--version", default="1", help="version in the card")
    return p


with extra(__name__, parser, "torch"):
    import numpy as np
    import torch
    from torch import nn

    from deploy.robots.description import load_model
    from policies.locomotion.card import ObservationTerm, PolicyCard, check_card, embed_card, from_yaml
    from training.locomotion import gait, terms
    from training.locomotion.fused_policy import FusedPolicy
    from training.locomotion.rsl_rl_checkpoint import load_actor
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
    return write(ReferencePolicy(actor, task), card, out, graph=FusedPolicy(actor, task))


def import_foreign(checkpoint: Path, out: Path, card_file: Path, *, activation: str = "elu") -> float:
    """Writes `out` from a checkpoint trained elsewhere, described by a YAML card; gives back the difference to torch.

    Raises ConfigError if the card does not fit the robot or the checkpoint does not fit the card.
    """
    card = from_yaml(card_file)
    check_card(card, load_model(card.robot), card_file)
    return write(load_actor(checkpoint, card.observation_size, len(card.joints), activation), card, out)


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
    if difference > PARITY:
        raise ConfigError(
            f"{out}: the exported graph differs from torch by {difference:g}; at most {PARITY:g} is allowed: "
            "report this with the checkpoint"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(embed_card(data, card))
    return difference


def serialize(model: nn.Module, width: int) -> bytes:
    """The ONNX bytes of `model`, whose input has `width` values."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the newer exporter takes ten times as long for an MLP
        torch.onnx.export(
            model,
            (torch.zeros(1, width),),
            buffer,  # ty: ignore[invalid-argument-type]  # the annotation leaves out what the function's text allows
            input_names=["obs"],
            output_names=["actions"],
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
