"""Policies by kind, from the settings of a tree file.

    policies:
      locomotion: {kind: onnx, file: walk.onnx}
      chunk: {kind: chunk, backend: pi0, path: pi0_tiny}
      stand: {kind: stand}

Libraries of a backend are imported only when a file asks for it.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from arbiter.errors import ArbiterError, ConfigError, MisfitError
from arbiter.policy import Policy
from arbiter.robot import RobotModel
from arbiter.strict import Node, Problems, build, nearest
from arbiter.strict.fields import limited
from arbiter.worker import LockstepWorker, ThreadWorker
from policies.chunk.backends.recorded import RecordedChunks
from policies.chunk.inference import InferenceWorker, infer
from policies.chunk.player import ChunkPolicy, ChunkTiming
from policies.chunk.protocol import CameraFrame, ChunkBackend
from policies.deadline import Deadline
from policies.fallback.policies import Damp, Hold, PolicyStand, PostureStand, Rest, Stand
from policies.fallback.reflex import BalanceReflex, gains_of
from policies.locomotion.policy import OnnxPolicy

FALLBACKS = {"stand": Stand, "hold": Hold, "rest": Rest, "damp": Damp}
SHIPPED = Path(__file__).parent / "weights"
CARDS = Path(__file__).parent / "cards"
POLICIES = "policies"  # in a robot's folder
PLAYERS = 2  # one plays while the next prompt warms


class RefCounted:
    """Calls `close` when the last of `users` has called it: what several players share outlives each of them."""

    def __init__(self, users: int, close: Callable[[], None]) -> None:
        self._users, self._close = users, close

    def __call__(self) -> None:
        self._users -= 1
        if self._users == 0:
            self._close()


@dataclass(frozen=True, slots=True)
class OnnxConfig:
    """A locomotion policy.

    Attributes:
        file: The ONNX file: beside the tree file, in `policies` of the robot's folder, or one that ships with this project.
        card: A YAML card for a file without metadata: in the same places.
        provider: Where it runs.
        threads: Of its inference.
    """

    kind: Literal["onnx"]
    file: str
    card: str | None = None
    provider: Literal["cpu", "cuda", "tensorrt"] = "cpu"
    threads: int = limited(1, 1, 64)


@dataclass(frozen=True, slots=True)
class ChunkConfig:
    """A chunk policy.

    Attributes:
        backend: Who predicts: "recorded", or a kind of π0.
        path: What the backend opens: a file, a folder or an address.
        options: Further settings of the backend.
        timing: When chunks are asked for, blended and given up.
        balance: Whether the reflex balances the legs around the chunk.
    """

    kind: Literal["chunk"]
    backend: str
    path: str
    options: dict[str, str | int | float | bool] = field(default_factory=dict)
    timing: ChunkTiming = ChunkTiming()
    balance: bool = True


@dataclass(frozen=True, slots=True)
class FallbackConfig:
    """A policy that needs no network."""

    kind: Literal["stand", "hold", "rest", "damp"]


KINDS = {"onnx": OnnxConfig, "chunk": ChunkConfig} | dict.fromkeys(FALLBACKS, FallbackConfig)


@dataclass(frozen=True, slots=True)
class PolicyContext:
    """What policies are made with.

    Attributes:
        model: The robot.
        base: Folder that files are named from: that of the tree file.
        camera: Gives the latest picture at once; None: there is no camera.
        chunk_delay: How long an inference takes in lockstep simulation [s]; None: real time, on a thread.
        seed: Of sampling.
        wrap: Stands before each worker of a chunk policy: (policy, player, worker) -> worker. For traces and replays.
    """

    model: RobotModel
    base: Path = Path(".")
    camera: Callable[[], CameraFrame | None] | None = None
    chunk_delay: float | None = None
    seed: int = 0
    wrap: Callable[[str, int, InferenceWorker], InferenceWorker] = lambda policy, player, worker: worker


def load_policies(
    nodes: Mapping[str, Node], context: PolicyContext, unfit: dict[str, str] | None = None
) -> dict[str, tuple[Policy, ...]]:
    """Players of every policy by name, the fallbacks included. Raises ConfigError with every problem of the file.

    `unfit` takes what is left out, with the reason: policies that ship with this project and are made for another robot.
    """
    problems = Problems()
    players = load_each(nodes, context, problems, unfit=unfit)
    if problems.lines:
        for policy in (player for group in players.values() for player in group):
            policy.close()
    problems.raise_if_any()
    return players


def load_each(
    nodes: Mapping[str, Node], context: PolicyContext, problems: Problems, near: bool = False, unfit: dict[str, str] | None = None
) -> dict[str, tuple[Policy, ...]]:
    """The same of those policies that can be opened; `problems` tells of the others. With `near` those that another machine
    or a slow library plays are not opened; it is only looked whether their files are there."""
    players: dict[str, tuple[Policy, ...]] = {}
    configs = {name: config for name, node in nodes.items() if (config := read_config(name, node, problems)) is not None}
    for name, config in configs.items():
        try:
            if near and _far(config):
                _look(config, context)
            elif not isinstance(config, FallbackConfig):
                players[name] = load_policy(name, config, context)
        except MisfitError as error:
            if unfit is None or not _ships(config, context):
                problems.add(nodes[name], f"policy {name!r}: {error}")
            else:
                unfit[name] = str(error)
        except ArbiterError as error:
            problems.add(nodes[name], f"policy {name!r}: {error}")
    for name in (*FALLBACKS, *configs):
        config = configs.get(name, FallbackConfig(name) if name in FALLBACKS else None)
        if isinstance(config, FallbackConfig) and name not in players:
            try:
                players[name] = (load_fallback(name, config.kind, configs, context),)
            except ArbiterError as error:
                problems.add(nodes.get(name, Node({}, str(context.base), 0)), f"policy {name!r}: {error}")
    return players


def load_fallback(name: str, kind: str, configs: Mapping[str, object], context: PolicyContext) -> Policy:
    """A policy that needs no network of its own. What stands is the robot's to say: see `stand` of its robot.yaml."""
    model = context.model
    if kind != "stand" or model.stand == "reflex":
        return FALLBACKS[kind](model, name=name)
    if model.stand == "posture" or not model.groups["legs"].any():
        return PostureStand(model, name=name)
    config = configs.get(model.stand, OnnxConfig("onnx", f"{model.stand}.onnx"))
    if not isinstance(config, OnnxConfig):
        raise ConfigError(f"robot {model.name}: stand is {model.stand!r}; a policy of kind onnx, reflex or posture can stand")
    try:
        return PolicyStand(model, _onnx(name, config, context), name=name)
    except ArbiterError as error:
        raise ConfigError(f"robot {model.name}: stand is {model.stand!r}: {error}") from error


def _far(config: OnnxConfig | ChunkConfig | FallbackConfig) -> bool:
    """Whether it takes another machine or a slow library."""
    if isinstance(config, ChunkConfig):
        return config.backend == "pi0" and ("://" in config.path or config.options.get("kind", "onnx") != "onnx")
    return isinstance(config, OnnxConfig) and config.provider != "cpu"


def _look(config: OnnxConfig | ChunkConfig, context: PolicyContext) -> None:
    name = config.path if isinstance(config, ChunkConfig) else config.file
    if "://" not in name and not _find(name, context, SHIPPED).exists():
        raise ConfigError(f"{_find(name, context, SHIPPED)}: no such file or folder")


def read_config(name: str, node: Node, problems: Problems) -> OnnxConfig | ChunkConfig | FallbackConfig | None:
    """The typed settings of one policy; problems are added."""
    kind = node.value.get("kind") if isinstance(node.value, dict) else None
    if kind is None:
        problems.add(node, f"policy {name!r} has no kind; allowed: {', '.join(sorted(KINDS))}")
        return None
    if not isinstance(kind.value, str) or kind.value not in KINDS:
        problems.add(kind, f"policy {name!r} has the kind {kind.value!r}; {nearest(str(kind.value), KINDS)}")
        return None
    if name in FALLBACKS and kind.value not in FALLBACKS:
        problems.add(
            kind,
            f"policy {name!r} has the kind {kind.value!r}; under this name stands what is left when "
            f"others fail: one of {', '.join(sorted(FALLBACKS))}",
        )
        return None
    return build(KINDS[kind.value], node, problems, f"policies.{name}")


def load_policy(name: str, config: OnnxConfig | ChunkConfig | FallbackConfig, context: PolicyContext) -> tuple[Policy, ...]:
    """The players of one policy. Raises ConfigError with the way out."""
    if isinstance(config, FallbackConfig):
        return (load_fallback(name, config.kind, {}, context),)
    if isinstance(config, ChunkConfig):
        return _chunk_players(name, config, context)
    policy = _onnx(name, config, context)
    return (policy if context.chunk_delay is not None else Deadline(policy),)


def _onnx(name: str, config: OnnxConfig, context: PolicyContext) -> OnnxPolicy:
    file = _find(config.file, context, SHIPPED)
    card = None if config.card is None else _find(config.card, context, CARDS)
    return OnnxPolicy(file, context.model, card=card, name=name, threads=config.threads, provider=config.provider)


def _find(name: str, context: PolicyContext, shipped: Path) -> Path:
    """A file beside the tree file, else one of the robot's folder, else one that ships."""
    near = context.base / name
    places = [near, *([] if context.model.folder is None else [context.model.folder / POLICIES / name]), shipped / name]
    return next((place for place in places if os.path.exists(place)), near)  # False for what can be no name of a file


def _ships(config: OnnxConfig | ChunkConfig, context: PolicyContext) -> bool:
    """Whether a policy's file is one that ships with this project: nobody means it for a robot that it does not fit."""
    name = config.path if isinstance(config, ChunkConfig) else config.file
    return "://" not in name and _find(name, context, SHIPPED) == SHIPPED / name


def _chunk_players(name: str, config: ChunkConfig, context: PolicyContext) -> tuple[Policy, ...]:
    backend = open_backend(config, context)
    lock = threading.Lock()
    close = RefCounted(PLAYERS, backend.close)
    players = []
    for player in range(PLAYERS):
        if context.chunk_delay is None:
            worker: InferenceWorker = ThreadWorker(infer(backend), f"chunks-{backend.name}", lock)
        else:
            worker = LockstepWorker(infer(backend), context.chunk_delay)
        worker = context.wrap(name, player, worker)
        reflex = BalanceReflex(context.model) if config.balance and gains_of(context.model) else None
        players.append(
            ChunkPolicy(
                backend,
                context.model,
                worker,
                name=name,
                camera=context.camera,
                reflex=reflex,
                timing=config.timing,
                seed=context.seed,
                close=close,
            )
        )
    return tuple(players)


def open_backend(config: ChunkConfig, context: PolicyContext) -> ChunkBackend:
    """The backend of a chunk policy. Raises ConfigError with the way out."""
    if config.backend == "recorded":
        if config.options:
            raise ConfigError(f"backend 'recorded' takes no options; given: {', '.join(config.options)}")
        return RecordedChunks.load(_find(config.path, context, SHIPPED))
    if config.backend != "pi0":
        raise ConfigError(f"chunk backend {config.backend!r}; {nearest(config.backend, ('recorded', 'pi0'))}")
    pi0 = importlib.import_module("policies.chunk.backends")
    path = config.path if "://" in config.path else _find(config.path, context, SHIPPED)
    options = dict(config.options)
    # A LeRobot checkpoint does not name its joints: they are the robot's. Of a server its user has to say so.
    if options.get("kind") == "lerobot" or options.get("joints") == "robot":
        options["joints"] = context.model.joints
    elif "joints" in options:
        raise ConfigError(
            f"chunk backend 'pi0': joints is {options['joints']!r}; in a tree file it can only be `robot`, the "
            "robot's joints in its order"
        )
    if "api_key_file" in options:
        options["api_key_file"] = context.base / Path(str(options["api_key_file"])).expanduser()
    try:
        return pi0.load_backend(path, **options)
    except TypeError as error:
        raise ConfigError(f"chunk backend 'pi0': its options do not fit: {error}") from error
