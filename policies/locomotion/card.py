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
from policies.locomotion.observation_terms import ASKED, AXES, CLOCK, Clip, ObservationTerm, clip_problems
from policies.onnx_file import add_metadata, model_hash, strip_metadata, weights_beside

TOLERANCE = 1e-6
ALWAYS_WRITTEN = (
    "term",
    "scale",
    "history",
)  # keys of a term; the others, and those of the card that have a default, only where they differ
Clips = Clip | tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class RecurrentState:
    """What a recurrent network remembers from step to step: the output of one step is the input of the next; zero at first.
    Its shape is the graph's.

    Attributes:
        input, output: Names in the graph, such as h_in and h_out.
    """

    input: str
    output: str


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
        default_pos: Posture that an action of zero asks for [rad], and that joint_pos_rel is measured from.
        kp, kd: Gains it was trained with [N·m/rad], [N·m·s/rad].
        action_scale: [rad] per unit of action.
        input, output: Names in the graph.
        observations: Terms, concatenated in this order.
        sha256: Of the serialized model without metadata; "" in a YAML card that vouches for no bytes.
        action_mode: What an action means. default_offset: target = default_pos + action_scale * action; absolute: action_scale *
            action; residual: measured joint position + action_scale * action.
        action_clip: The action is clipped before it is scaled: to plus or minus a number, to [low, high], or to a list of [low,
            high], one for each action.
        target_clip: The target is clipped [rad], in the same forms, as Isaac Lab's JointPositionAction does with its `clip`.
        previous_action: What the term previous_action sees: the action as it was clipped, or the network's raw output.
        observation_clip: The whole observation is clipped, after scaling: to plus or minus a number or to [low, high].
        history_layout: by_term: all past values of the first term, then those of the second; by_frame: all terms of one moment,
            then of the next, for which all terms have the same history.
        history_order: Of the values of a term, or of the frames.
        recurrent: What the network remembers; not given: nothing.
        activation: Of the network, by rsl_rl's name, for a checkpoint that is exported with this card; an ONNX graph has its own.
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
    action_mode: Literal["default_offset", "absolute", "residual"] = "default_offset"
    action_clip: Clips | None = None
    target_clip: Clips | None = None
    previous_action: Literal["clipped", "raw"] = "clipped"
    observation_clip: Clip | None = None
    history_layout: Literal["by_term", "by_frame"] = "by_term"
    history_order: Literal["oldest_first", "newest_first"] = "oldest_first"
    recurrent: tuple[RecurrentState, ...] = ()
    activation: str = ""

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
        found += [*self._wrong_history(), *self._wrong_clips(), *self._wrong_names(), *self._wrong_clocks()]
        if found:
            raise ConfigError("; ".join(found))

    def _wrong_history(self) -> list[str]:
        lengths = sorted({(term.history, term.lag) for term in self.observations})
        if self.history_layout == "by_term" or len(lengths) < 2:
            return []
        shown = ", ".join(f"{history} after {lag}" if lag else str(history) for history, lag in lengths)
        return [f"history_layout is by_frame, for which all terms need one history; they have {shown}"]

    def _wrong_clips(self) -> list[str]:
        found = [] if self.observation_clip is None else clip_problems("observation_clip", self.observation_clip)
        for key in ("action_clip", "target_clip"):
            clip = getattr(self, key)
            if not isinstance(clip, tuple) or not isinstance(clip[0] if clip else (), tuple):
                found += [] if clip is None else clip_problems(key, clip)
            elif len(clip) != len(self.joints):
                found.append(f"{key} has {len(clip)} values; joints has {len(self.joints)}")
            else:
                found += [line for i, pair in enumerate(clip) for line in clip_problems(f"{key}[{i}]", pair)]
        return found

    def _wrong_names(self) -> list[str]:
        names = [self.input, self.output, *(name for state in self.recurrent for name in (state.input, state.output))]
        found = [f"recurrent names {name!r} twice" for name in sorted({name for name in names[2:] if names.count(name) > 1})]
        found += [f"input and output are both {self.input!r}"] if self.input == self.output else []
        return found if all(names) else [*found, "a name in the graph is empty"]

    def _wrong_clocks(self) -> list[str]:
        phases = [term for term in self.observations if term.term == "phase"]
        apart = [key for key in CLOCK if len({getattr(term, key) for term in phases}) > 1]
        return [f"the terms phase differ in {', '.join(apart)}; a policy has one clock"] if apart else []

    @property
    def commands(self) -> tuple[float, ...] | None:
        """Largest |x|, |y| [m/s] and |yaw| [rad/s] that it was trained for; None: it does not say."""
        most = dict.fromkeys(AXES["velocity_command"], math.inf)
        for term in self.observations:
            for axis, limit in zip(term.seen_axes, term.limit or (), strict=False):
                most[axis] = min(most[axis], limit)
        return tuple(most.values()) if min(most.values()) < math.inf else None

    @property
    def takes(self) -> dict[str, tuple[float, float]]:
        """What it takes beside a velocity, by the name of a Request's field, with lowest and highest."""
        asked = [term for term in self.observations if term.term in ASKED]
        return {term.term.removesuffix("_command"): term.range or (-math.inf, math.inf) for term in asked}

    @property
    def observation_size(self) -> int:
        """Width of the observation vector."""
        return sum(term.size(len(self.joints)) * term.history for term in self.observations)


def to_json(card: PolicyCard) -> str:
    """The card as one JSON value; a key that has its default is left out, so that older readers know the others."""
    value = _written(card, ("sha256",))
    value["observations"] = [_written(term, ALWAYS_WRITTEN) for term in card.observations]
    return json.dumps(value, allow_nan=False)


def _written(record: PolicyCard | ObservationTerm, always: tuple[str, ...]) -> dict:
    defaults = {field.name: field.default for field in dataclasses.fields(record)}
    return {key: item for key, item in dataclasses.asdict(record).items() if key in always or item != defaults[key]}


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


def read_card(path: str | Path, card: str | Path | None = None, robot: RobotModel | None = None) -> PolicyCard:
    """The card of the policy file `path`: the YAML `card`, else its metadata, else `<path>.yaml` beside it, else what its makers
    wrote into it and beside it, if that is all that a card needs; see `policies.locomotion.readers`.

    A hash in the card must be that of the file, and what the makers wrote into the file must not contradict the card. Raises
    ConfigError with the way out.

    Args:
        path: The ONNX file.
        card: A YAML card, or a file of the makers that describes the policy.
        robot: Whose joints those of the makers are.
    """
    from policies.locomotion.readers.finding import agree, described_by_makers, is_of_makers  # they read cards, too

    path = Path(path)
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise ConfigError(f"{path}: a device or a pipe; an ONNX file is expected")
        model = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    text = embedded(path, model)
    beside_it = path.with_suffix(".yaml")
    if card is not None:
        found = described_by_makers(path, robot, card) if is_of_makers(Path(card)) else from_yaml(card)
    elif text is not None:
        found = from_json(text, str(path))
    elif beside_it.is_file() and not is_of_makers(beside_it):
        found = from_yaml(beside_it)
    else:
        found = described_by_makers(path, robot)
    if found is None:
        raise ConfigError(
            f"{path}: says nothing about itself (no metadata {METADATA_KEY!r}); describe it in "
            f"{beside_it.name} beside it, or name a card"
        )
    agree(found, str(card or (path if text is not None else beside_it)), path, model, robot)
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
    """Whether `card` fits the robot. Raises ConfigError with every misfit, MisfitError if it is made for another robot."""
    found = other_robot(card, model)
    error = MisfitError if found else ConfigError
    for i, term in enumerate(card.observations):
        found += unknown(f"observations[{i}].joints", term.joints, model)
    named = all(joint in model.joints for joint in card.joints)
    ratio = model.control_hz / card.rate_hz
    if ratio < 1.0 - TOLERANCE or abs(ratio - round(ratio)) > TOLERANCE:
        found.append(
            f"rate_hz is {card.rate_hz:g}; the tick runs at {model.control_hz:g} Hz, which a policy's rate "
            f"must divide ({model.control_hz:g}, {model.control_hz / 2:g}, {model.control_hz / 3:.4g} ...); set the tick's rate "
            f"with control.rate_hz={tick_for(card.rate_hz, model.control_hz):g} in the tree file, or control_hz in robot.yaml"
        )
    if model.body is None and any(term.term == "base_lin_vel" for term in card.observations):
        found.append(
            "it observes base_lin_vel, which comes from leg odometry; this robot has no body that is known: `roles` of its "
            "robot.yaml name hands and feet"
        )
    found += _misfits(card, model) if named else []
    if found:
        raise error(f"{file}: does not fit the robot: " + "; ".join(found))


def tick_for(rate_hz: float, control_hz: float) -> float:
    """The lowest rate of the tick [Hz] that a policy's rate divides and that is not below the robot's."""
    return rate_hz * max(1, math.ceil(control_hz / rate_hz - TOLERANCE))


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
