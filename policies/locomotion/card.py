"""What a policy file says about itself, checked before anything moves.

    card = read_card("walk.onnx")            # from the ONNX metadata, or from a YAML file beside it
    check_card(card, model, "walk.onnx")     # against the robot
    data = embed_card(model_bytes, card)     # for exporters: the file with its card inside

The JSON value stands in the ONNX metadata under `policy_arbiter`, at full precision. A YAML card has the same keys
(`sha256` may be left out) and stands beside a file without metadata: `walk.yaml` for `walk.onnx`.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from arbiter import strict
from arbiter.errors import ConfigError, MisfitError
from arbiter.robot import RobotModel
from arbiter.strict.json_text import parse_json
from policies.card import METADATA_KEY, card_in, embedded, other_robot, problems_of, unknown
from policies.onnx_file import add_metadata, model_hash, strip_metadata, weights_beside

JOINT_TERMS = ("joint_pos_rel", "joint_vel")
SIZES = {"velocity_command": 3, "base_ang_vel": 3, "projected_gravity": 3, "phase": 2}
MAX_HISTORY = 100
TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class ObservationTerm:
    """One term of the observation vector, in the order of the file.

    Attributes:
        term: What is measured. velocity_command: x, y [m/s], yaw [rad/s]; base_ang_vel [rad/s, body frame];
            projected_gravity: unit vector, body frame; joint_pos_rel: position minus default_pos [rad]
            (of a joint the policy does not drive: minus the robot's default); joint_vel
            [rad/s]; previous_action: the network's last output; phase: (sin, cos) of a clock.
        joints: Names, in order; joint terms only.
        scale: Factor, or one for each value of the term.
        history: Past values the network sees, the newest included; oldest first.
        period: Length of the phase clock's turn [s]; phase only.
        stand_still: While the velocity command is zero the clock finishes its half turn and rests there; phase only.
        settle: How long it steps in place before that [s], so that the feet are under the body when it stands, and goes on
            doing so, for 4 s at most, while joints that others drive reach out; phase only.
        wake: A joint farther from default_pos than this [rad] while it stands makes it step in place again; phase only.
        tip: A robot that tips over faster than this [rad/s] while it stands steps in place again; phase only.
        limit: Largest |x|, |y| [m/s] and |yaw| [rad/s] that it was trained for: a skill that asks for more fails;
            velocity_command only.
        slew: How fast the command follows what is asked for [m/s², m/s², rad/s²]: nobody stops in the middle of a step;
            velocity_command only.
    """

    term: Literal[
        "velocity_command", "base_ang_vel", "projected_gravity", "joint_pos_rel", "joint_vel", "previous_action", "phase"
    ]
    joints: tuple[str, ...] = ()
    scale: float | tuple[float, ...] = 1.0
    history: int = 1
    period: float | None = None
    stand_still: bool | None = None
    settle: float | None = None
    wake: float | None = None
    tip: float | None = None
    slew: tuple[float, ...] | None = None
    limit: tuple[float, ...] | None = None

    def size(self, actions: int) -> int:
        """Values of the term without history; `actions`: number of joints the policy drives."""
        if self.term in JOINT_TERMS:
            return len(self.joints)
        return SIZES.get(self.term, actions)

    def problems(self, actions: int) -> list[str]:
        """What is wrong with it, each naming its key."""
        found = []
        if bool(self.joints) != (self.term in JOINT_TERMS):
            found.append(
                f"joints has {len(self.joints)} names; {self.term} "
                f"{'needs at least one' if self.term in JOINT_TERMS else 'takes none'}"
            )
        if len(set(self.joints)) != len(self.joints):
            found.append("joints names a joint twice")
        if isinstance(self.scale, tuple) and len(self.scale) != self.size(actions):
            found.append(f"scale has {len(self.scale)} values; one number or {self.size(actions)} are expected")
        if not np.all(np.isfinite(self.scale)):
            found.append("scale is not finite")
        if not 1 <= self.history <= MAX_HISTORY:
            found.append(f"history is {self.history}; 1 to {MAX_HISTORY} are allowed")
        if (self.period is not None) != (self.term == "phase"):
            found.append(f"period {'is missing' if self.term == 'phase' else f'does not belong to {self.term}'}")
        elif self.period is not None and not 0.0 < self.period < math.inf:
            found.append(f"period is {self.period}; a positive number of seconds is expected")
        if self.stand_still is not None and self.term != "phase":
            found.append(f"stand_still does not belong to {self.term}")
        if self.settle is not None and not self.stand_still:
            found.append("settle needs stand_still: true")
        elif self.settle is not None and not 0.0 <= self.settle < math.inf:
            found.append(f"settle is {self.settle}; a number of seconds is expected")
        for key, unit in (("wake", "rad"), ("tip", "rad/s")):
            value = getattr(self, key)
            if value is not None and not self.settle:
                found.append(f"{key} needs settle: the seconds it then steps in place")
            elif value is not None and not 0.0 < value < math.inf:
                found.append(f"{key} is {value}; a positive number [{unit}] is expected")
        for key in ("slew", "limit"):
            values = getattr(self, key)
            if values is not None and self.term != "velocity_command":
                found.append(f"{key} does not belong to {self.term}")
            elif values is not None and not (len(values) == 3 and all(0.0 < value < math.inf for value in values)):
                found.append(f"{key} is {list(values)}; three positive numbers are expected")
        return found


@dataclass(frozen=True, slots=True)
class PolicyCard:
    """A locomotion policy's description. Lists are in the order of `joints`, the order of the network's output.

    Attributes:
        format: Version of this format.
        kind: What runs it.
        name, version: Of the policy.
        robot: Name of the robot it was trained for.
        rate_hz: How often it acts [Hz].
        joints: Names of the joints it drives.
        default_pos: Posture that an action of zero asks for [rad]; target = default_pos + action_scale * action.
        kp, kd: Gains it was trained with [N·m/rad], [N·m·s/rad].
        action_scale: [rad] per unit of action.
        input, output: Names in the graph.
        observations: Terms, concatenated in this order.
        sha256: Of the serialized model without metadata; "" in a YAML card that vouches for no bytes.
    """

    format: Literal[1]
    kind: Literal["locomotion"]
    name: str
    version: str
    robot: str
    rate_hz: float
    joints: tuple[str, ...]
    default_pos: tuple[float, ...]
    kp: tuple[float, ...]
    kd: tuple[float, ...]
    action_scale: tuple[float, ...]
    input: str
    output: str
    observations: tuple[ObservationTerm, ...]
    sha256: str = ""

    def __post_init__(self) -> None:
        n, found = len(self.joints), problems_of(self)
        for key in ("default_pos", "kp", "kd", "action_scale"):
            values = getattr(self, key)
            if len(values) != n:
                found.append(f"{key} has {len(values)} values; joints has {n}")
            elif not np.all(np.isfinite(values)):
                found.append(f"{key} is not finite")
        if not self.observations:
            found.append("observations is empty")
        for i, term in enumerate(self.observations):
            found += [f"observations[{i}].{text}" for text in term.problems(n)]
        if found:
            raise ConfigError("; ".join(found))

    @property
    def commands(self) -> tuple[float, ...] | None:
        """Largest |x|, |y| [m/s] and |yaw| [rad/s] that it was trained for; None: it does not say."""
        limits = [term.limit for term in self.observations if term.limit is not None]
        return tuple(map(min, *limits, limits[0])) if limits else None

    @property
    def observation_size(self) -> int:
        """Width of the observation vector."""
        return sum(term.size(len(self.joints)) * term.history for term in self.observations)


def to_json(card: PolicyCard) -> str:
    """The card as one JSON value; a key that does not belong to a term is left out."""
    value = dataclasses.asdict(card)
    for term in value["observations"]:
        for key in [key for key, item in term.items() if item is None or item == ()]:
            del term[key]
    return json.dumps(value, allow_nan=False)


def from_json(text: str, file: str) -> PolicyCard:
    """The card that a JSON text holds. Raises ConfigError that names `file` and every key at fault."""
    file = f"{file} (metadata {METADATA_KEY})"
    card = card_in(PolicyCard, parse_json(text, file))
    if not card.sha256:
        raise ConfigError(f"{file}: 'sha256' is missing")
    return card


def from_yaml(path: str | Path) -> PolicyCard:
    """The card in a YAML file. Raises ConfigError with file and line."""
    return card_in(PolicyCard, strict.parse(path))


def read_card(path: str | Path, card: str | Path | None = None) -> PolicyCard:
    """The card of the policy file `path`: its metadata, else the YAML `card`, else `<path>.yaml` beside it.

    A hash in the card must be that of the file. Raises ConfigError with the way out.
    """
    path = Path(path)
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise ConfigError(f"{path}: a device or a pipe; an ONNX file is expected")
        model = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    text = embedded(path, model)
    if card is not None:
        found = from_yaml(card)
    elif text is not None:
        found = from_json(text, str(path))
    elif path.with_suffix(".yaml").is_file():
        found = from_yaml(path.with_suffix(".yaml"))
    else:
        raise ConfigError(
            f"{path}: says nothing about itself (no metadata {METADATA_KEY!r}); describe it in "
            f"{path.with_suffix('.yaml').name} beside it, or name a card"
        )
    beside = weights_beside(path)
    if found.sha256 and found.sha256 != (actual := model_hash(model)):
        raise ConfigError(
            f"{path}: its SHA-256 is {actual}, its card says {found.sha256}; the file was changed after "
            "its card was written: export it again"
        )
    if found.sha256 and beside:
        raise ConfigError(
            f"{path}: its weights lie in {beside[0].name}, of which the SHA-256 in its card says nothing; save it "
            "as one file (onnx.save_model without external data) and export it again"
        )
    return found


def embed_card(model: bytes, card: PolicyCard) -> bytes:
    """The serialized model with `card`, its hash filled in, as its only metadata."""
    bare = strip_metadata(model)
    card = dataclasses.replace(card, sha256=model_hash(bare))
    return add_metadata(bare, METADATA_KEY, to_json(card))


def check_card(card: PolicyCard, model: RobotModel, file: str | Path) -> None:
    """Whether `card` fits the robot. Raises ConfigError with every misfit."""
    found = other_robot(card, model)
    for i, term in enumerate(card.observations):
        found += unknown(f"observations[{i}].joints", term.joints, model)
    named = all(joint in model.joints for joint in card.joints)
    ratio = model.control_hz / card.rate_hz
    if ratio < 1.0 - TOLERANCE or abs(ratio - round(ratio)) > TOLERANCE:
        found.append(
            f"rate_hz is {card.rate_hz:g}; the tick runs at {model.control_hz:g} Hz, which a policy's rate "
            f"must divide ({model.control_hz:g}, {model.control_hz / 2:g}, {model.control_hz / 3:.4g} ...)"
        )
    found += _misfits(card, model) if named else []
    if found:
        raise MisfitError(f"{file}: does not fit the robot: " + "; ".join(found))


def _misfits(card: PolicyCard, model: RobotModel) -> list[str]:
    found = []
    for i, joint in enumerate(card.joints):
        j = model.index(joint)
        if not model.lower[j] - TOLERANCE <= card.default_pos[i] <= model.upper[j] + TOLERANCE:
            found.append(
                f"default_pos of {joint} is {card.default_pos[i]:g} rad; its range is {model.lower[j]:g} to {model.upper[j]:g}"
            )
        for key, value, most in (("kp", card.kp[i], model.kp_max[j]), ("kd", card.kd[i], model.kd_max[j])):
            if not 0.0 <= value <= most + TOLERANCE:
                found.append(f"{key} of {joint} is {value:g}; the robot allows 0 to {most:g}")
    return found
