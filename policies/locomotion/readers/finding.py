"""Which files beside a policy describe it, who wrote them, and what all of them say together.

described = describe("policy.onnx", model)          # metadata, and files where their makers put them
described.draft.card("policy.onnx")                 # a PolicyCard, or what is in its way
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from arbiter.errors import ConfigError
from arbiter.robot import RobotModel
from policies.card import METADATA_KEY
from policies.locomotion.card import PolicyCard, from_json, from_yaml
from policies.locomotion.readers import (
    holosoma,
    isaac_env,
    mjlab,
    own_card,
    published,
    rl_sar,
    rsl_rl_agent,
    unitree_deploy,
    unitree_gym,
)
from policies.locomotion.readers.card_draft import Draft, put_together
from policies.locomotion.readers.graph import ACTIONS, GraphPorts, describe_graph, read_graph
from policies.locomotion.readers.joint_orders import Context
from policies.locomotion.readers.loose_yaml import read_loose
from policies.locomotion.readers.names import matched
from policies.locomotion.readers.policy_description import PolicyDescription, Sourced
from policies.onnx_file import model_hash, read_metadata

CARDS = Path(__file__).parents[2] / "cards"
YAML_READERS: tuple[tuple[Callable, Callable], ...] = (
    (unitree_deploy.recognises, unitree_deploy.read),
    (published.recognises, published.read),
    (isaac_env.recognises, isaac_env.read),
    (unitree_gym.recognises, unitree_gym.read),
    (rl_sar.recognises, rl_sar.read),
    (rsl_rl_agent.recognises, rsl_rl_agent.read),
)
METADATA_READERS: tuple[tuple[Callable, Callable], ...] = ((mjlab.recognises, mjlab.read), (holosoma.recognises, holosoma.read))
CHECKPOINTS = (".pt", ".pth")
# Where makers put them; of each group the first that is there: deploy.yaml is made from env.yaml.
BESIDE = (
    tuple(f"{folder}{name}" for name in ("deploy.yaml", "env.yaml") for folder in ("", "params/", "../params/")),
    ("config.yaml",),
    rsl_rl_agent.PLACES,
)
READ = (
    "deploy.yaml (unitree_rl_lab, unitree_rl_mjlab), params/env.yaml (Isaac Lab, mjlab), the deployment YAML of unitree_rl_gym "
    "and of rl_sar, that of the Berkeley Humanoid Lite, a policy card or some of its keys"
)


@dataclass(frozen=True, slots=True)
class Hints:
    """What the user adds to the files.

    Attributes:
        sources: Files that describe the policy.
        order: Joints that the indices of those files count.
        renamed: The robot's joint names by the maker's.
        settings: Keys of the card with their values.
        beside: Whether files are looked for where their makers put them.
        by_words: Whether joint names may be matched by the words that they are made of.
    """

    sources: Sequence[Path] = ()
    order: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    beside: bool = True
    by_words: bool = True


@dataclass(frozen=True, slots=True)
class Described:
    """A draft, and the descriptions that it was made of."""

    draft: Draft
    descriptions: tuple[PolicyDescription, ...]

    @property
    def says_something(self) -> bool:
        """Whether anything but the graph itself describes it."""
        return len(self.descriptions) > 1


def describe(path: str | Path, robot: RobotModel | None, hints: Hints | None = None) -> Described:
    """What the files of the policy `path` say of it. Raises ConfigError for files that cannot be read at all."""
    path, hints = Path(path), hints or Hints()
    itself, graph, model = _network(path)
    context = Context(() if robot is None else robot.joints, tuple(hints.order), outputs=_outputs(graph))
    found = [own_card.read("--set", hints.settings, between=" ")] if hints.settings else []
    found += [read_file(source, context) for source in hints.sources]
    near = [*_shipped(model), *_beside(path, context, taken=hints.sources)] if hints.beside else []
    near += describe_metadata(path, model, context)
    found += sorted(near, key=lambda one: one.maker != own_card.MAKER)  # a card says what its author looked through
    found.append(itself)
    return Described(_draft(path, found, robot, hints, graph), tuple(found))


def _network(path: Path) -> tuple[PolicyDescription, GraphPorts, bytes]:
    """What the network itself says, its ports, and the bytes of an ONNX file; b"" of a checkpoint."""
    if path.suffix in CHECKPOINTS:
        from policies.locomotion.readers.rsl_rl_weights import describe_checkpoint  # torch

        return *describe_checkpoint(path), b""
    try:
        model = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    graph = read_graph(model, str(path))
    return describe_graph(path, model, graph), graph, model


def described_by_makers(path: Path, robot: RobotModel | None, source: str | Path | None = None) -> PolicyCard | None:
    """The card that the files of the makers make without anybody's help; None: nobody says anything. Raises ConfigError with
    all that is in the way."""
    described = describe(path, robot, Hints([] if source is None else [Path(source)], by_words=False))
    if not described.says_something:
        return None
    try:
        return described.draft.card(str(path))
    except ConfigError as error:
        out = path.with_suffix(".yaml").name
        raise ConfigError(f"{error}\n{path}: draft its card: python -m deploy.policy describe {path} --out {out}") from error


def is_of_makers(path: Path) -> bool:
    """Whether a YAML file is one that makers of policies write, and no card."""
    try:
        top = read_loose(path)
    except ConfigError:
        return False
    return isinstance(top, Mapping) and any(recognises(top) for recognises, _ in YAML_READERS)


def agree(card: PolicyCard, source: str, path: Path, model: bytes, robot: RobotModel | None) -> None:
    """Raises ConfigError if the card says anything else than what the makers wrote into the file."""
    metadata = read_metadata(model)
    context = Context(() if robot is None else robot.joints, outputs=len(card.joints))
    makers = [read(path.name, metadata, context) for recognises, read in METADATA_READERS if recognises(metadata)]
    if not makers:
        return
    names = [name for one in makers for name in _joint_names(one)]
    rename, _ = matched(names, card.joints)
    found = put_together([own_card.of_card(card, Path(source).name), *makers], rename).contradictions
    if found:
        raise ConfigError(
            f"{path}: its card and what its makers wrote into it differ: {'; '.join(found)}: correct the card, or draft it anew: "
            f"python -m deploy.policy describe {path}"
        )


def read_file(path: Path, context: Context) -> PolicyDescription:
    """What one YAML file says. Raises ConfigError for a file that none of the readers knows."""
    if path.suffix == ".py":
        raise ConfigError(
            f"{path}: is Python code, which is never run (legged_gym keeps its settings so): write what it says as YAML: keys "
            "of the card, or the deployment form of unitree_rl_gym"
        )
    top = read_loose(path)
    found = _recognised(path, top, context)
    if found is None:
        keys = ", ".join(list(top)[:8]) if isinstance(top, Mapping) else type(top).__name__
        raise ConfigError(f"{path}: is none of the files that are read here: {READ}; it has: {keys}")
    return found


def _recognised(path: Path, top: Any, context: Context) -> PolicyDescription | None:
    if not isinstance(top, Mapping):
        return None
    for recognises, read in YAML_READERS:
        if recognises(top):
            return read(path.name, top, replace(context, folder=path.parent))
    if own_card.whole(top):
        return own_card.of_card(from_yaml(path), path.name)
    return own_card.read(path.name, top) if own_card.recognises(top) else None


def describe_metadata(path: Path, model: bytes, context: Context) -> list[PolicyDescription]:
    """What the metadata of an ONNX file say: its card, and what its exporter wrote."""
    metadata = read_metadata(model)
    found = [own_card.of_card(from_json(metadata[METADATA_KEY], path.name), path.name)] if METADATA_KEY in metadata else []
    return found + [read(path.name, metadata, context) for recognises, read in METADATA_READERS if recognises(metadata)]


def _shipped(model: bytes) -> list[PolicyDescription]:
    """The card that ships for these very bytes."""
    wanted = model_hash(model)
    cards = [(file, from_yaml(file)) for file in sorted(CARDS.glob("*.yaml"))]
    return [own_card.of_card(card, f"cards/{file.name}") for file, card in cards if card.sha256 == wanted]


def _beside(path: Path, context: Context, taken: Sequence[Path]) -> list[PolicyDescription]:
    """Descriptions where their makers put them: beside it, in params, ../params, ../configs."""
    places = [path.with_suffix(".yaml"), path.parent / ".." / "configs" / f"{path.stem}.yaml"]
    for group in BESIDE:
        places += [path.parent / place for place in group if (path.parent / place).is_file()][:1]
    given = {source.resolve() for source in taken if source.exists()}
    there = dict.fromkeys(place.resolve() for place in places if place.is_file())
    read = [_recognised(place, read_loose(place), context) for place in there if place not in given]
    return [one for one in read if one is not None]


def _draft(path: Path, found: list[PolicyDescription], robot: RobotModel | None, hints: Hints, graph: GraphPorts) -> Draft:
    names = list(dict.fromkeys(name for one in found for name in _joint_names(one) if not name.startswith("#")))
    rename, wrong = matched(names, robot.joints, hints.renamed) if robot is not None else ({}, [])
    draft = put_together(found, rename)
    if robot is not None:
        _of_robot(draft, robot, rename, wrong, hints)
    _fits(draft, path, graph)
    return draft


def _outputs(graph: GraphPorts) -> int | None:
    """How many joints the network drives, if its output says."""
    named = [port for port in graph.outputs if port.name in ACTIONS] or list(graph.outputs[:1])
    return named[0].width if named else None


def _joint_names(one: PolicyDescription) -> list[str]:
    return list(one.joints.value) if one.joints is not None else []


def _of_robot(draft: Draft, robot: RobotModel, rename: Mapping[str, str], wrong: list[str], hints: Hints) -> None:
    """Whether the joints are the robot's."""
    draft.problems += wrong
    guessed = [f"{name} is {own}" for name, own in rename.items() if name.rsplit("/", 1)[-1] != own and name not in hints.renamed]
    if guessed and hints.by_words:
        draft.notes.append(f"joints matched by the words of their names: {', '.join(guessed)}: look through it")
    elif guessed:
        draft.problems.append(
            f"its joints have other names than the robot's ({guessed[0]} ...): let `deploy.policy describe` draft a card, and "
            "look through it"
        )
    said = draft.values.get("robot")
    if said is None and not wrong:
        theirs = "joints" in draft.values
        draft.values["robot"] = Sourced(
            robot.name, "its joints are those of this robot" if theirs else "the robot that is asked for"
        )
        draft.missing.pop("robot", None)


def _fits(draft: Draft, path: Path, graph: GraphPorts) -> None:
    """Whether the graph has as many inputs and outputs as the description."""
    name = draft.values["input"].value if "input" in draft.values else ""
    read = next((port for port in graph.inputs if port.name == name), None)
    width = read.width if read is not None else None
    if read is not None and read.shape and not (len(read.shape) == 2 and read.shape[0] in (1, None)):
        draft.problems.append(
            f"{path.name}: its input {name!r} has the shape {[size or 'any' for size in read.shape]}; one observation at a time, "
            "[1, width], is run here: export it with a batch of 1"
        )
    joints = draft.values["joints"].value if "joints" in draft.values else None
    output = draft.values["output"].value if "output" in draft.values else ""
    outputs = next((port.width for port in graph.outputs if port.name == output), None)
    if joints is not None and outputs is not None and outputs != len(joints):
        draft.contradictions.append(
            f"joints: {len(joints)} in {draft.values['joints'].source}; output {output!r} of {path.name} has {outputs} values"
        )
    if draft.complete and width is not None and (size := draft.card(str(path)).observation_size) != width:
        draft.contradictions.append(
            f"observations: {size} values by {draft.terms[0].source}; input {name!r} of {path.name} reads {width}"
        )
