"""Policies by kind, from the settings of a tree file.

    policies:
      locomotion: {kind: onnx, file: walk.onnx}
      chunk: {kind: chunk, backend: pi0, path: pi0_tiny}
      stand: {kind: stand}

Libraries of a backend are imported only when a file asks for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from arbiter.errors import ArbiterError, ConfigError, MisfitError
from arbiter.kinds import settings_of
from arbiter.plugins import in_time
from arbiter.policy import Policy
from arbiter.strict import Node, Problems, build, nearest
from arbiter.strict.fields import limited
from arbiter.worker import LockstepWorker, ThreadWorker
from policies.chunk.address import checked_address
from policies.chunk.inference import InferenceWorker, infer
from policies.chunk.opening import AnyChunkConfig, ChunkConfig, OutsideChunkConfig, open_backend, read_chunk
from policies.chunk.player import ChunkPolicy
from policies.context import SHIPPED, PolicyContext
from policies.contract import form_problems
from policies.fallback.policies import Damp, Hold, PolicyStand, PostureStand, Rest, Stand
from policies.fallback.reflex import BalanceReflex, gains_of
from policies.locomotion.policy import OnnxPolicy
from policies.plugin import PolicyKind

FALLBACKS = {"stand": Stand, "hold": Hold, "rest": Rest, "damp": Damp}
CARDS = Path(__file__).parent / "cards"
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
class FallbackConfig:
    """A policy that needs no network."""

    kind: Literal["stand", "hold", "rest", "damp"]


KINDS = {"onnx": OnnxConfig, "chunk": ChunkConfig} | dict.fromkeys(FALLBACKS, FallbackConfig)


@dataclass(frozen=True, slots=True)
class OutsideConfig:
    """A policy of a kind from outside, with the settings of that kind."""

    kind: type[PolicyKind]
    settings: object


Config = OnnxConfig | AnyChunkConfig | FallbackConfig | OutsideConfig


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
    """The same of those policies that can be opened; `problems` names the others. With `near` those that another machine
    or a slow library plays are not opened; it is only looked whether their files are there."""
    players: dict[str, tuple[Policy, ...]] = {}
    configs = {name: config for name, node in nodes.items() if (config := read_config(name, node, problems, context)) is not None}
    for name, config in configs.items():
        if isinstance(config, FallbackConfig):
            continue
        try:
            if near and _far(config, context):
                _look(config, context)
            else:
                players[name] = load_policy(name, config, context)
        except MisfitError as error:
            if unfit is None or not _ships(config, context):
                problems.add(nodes[name], f"policy {name!r}: {error}")
            else:
                unfit[name] = str(error)
        except ArbiterError as error:
            problems.add(nodes[name], f"policy {name!r}: {error}")
    for name in dict.fromkeys((*FALLBACKS, *configs)):
        config = configs.get(name)
        if config is None or isinstance(config, FallbackConfig):
            try:
                players[name] = (load_fallback(name, name if config is None else config.kind, configs, context),)
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
        policy = _onnx(name, config, context)
        return PolicyStand(model, context.timed(policy), name=name)
    except ArbiterError as error:
        raise ConfigError(f"robot {model.name}: stand is {model.stand!r}: {error}") from error


def _far(config: Config, context: PolicyContext) -> bool:
    """Whether it takes another machine or a slow library."""
    if isinstance(config, OutsideConfig):
        return config.kind.slow
    if isinstance(config, OutsideChunkConfig):
        return context.backends[config.backend].slow
    if isinstance(config, ChunkConfig):
        return config.remote or config.backend == "lerobot" or config.options.get("kind", "onnx") != "onnx"
    return isinstance(config, OnnxConfig) and config.provider != "cpu"


def _look(config: Config, context: PolicyContext) -> None:
    if not isinstance(config, OnnxConfig | ChunkConfig):
        return
    if isinstance(config, ChunkConfig) and config.remote:
        checked_address(config.path)
        return
    name = config.path if isinstance(config, ChunkConfig) else config.file
    if not context.find(name).exists():
        raise ConfigError(f"{context.find(name)}: no such file or folder")


def read_config(name: str, node: Node, problems: Problems, context: PolicyContext) -> Config | None:
    """The typed settings of one policy; problems are added."""
    known = KINDS.keys() | context.kinds.keys()
    kind = node.value.get("kind") if isinstance(node.value, dict) else None
    if kind is None:
        problems.add(node, f"policy {name!r} has no kind; allowed: {', '.join(sorted(known))}")
        return None
    if not isinstance(kind.value, str) or kind.value not in known:
        problems.add(kind, f"policy {name!r} has the kind {kind.value!r}; {nearest(str(kind.value), sorted(known))}")
        return None
    if name in FALLBACKS and kind.value not in FALLBACKS:
        problems.add(
            kind,
            f"policy {name!r} has the kind {kind.value!r}; under this name stands what is left when "
            f"others fail: one of {', '.join(sorted(FALLBACKS))}",
        )
        return None
    if kind.value == "chunk":
        return read_chunk(name, node, context, problems)
    if kind.value in KINDS:
        return build(KINDS[kind.value], node, problems, f"policies.{name}")
    outside, before = context.kinds[kind.value], len(problems.lines)
    rest = Node({key: item for key, item in node.entries.items() if key != "kind"}, node.file, node.line)
    settings = settings_of(outside, rest, problems, f"policies.{name}")
    return OutsideConfig(outside, settings) if len(problems.lines) == before else None


def load_policy(name: str, config: Config, context: PolicyContext) -> tuple[Policy, ...]:
    """The players of one policy. Raises ConfigError with the way out."""
    if isinstance(config, FallbackConfig):
        return (load_fallback(name, config.kind, {}, context),)
    if isinstance(config, AnyChunkConfig):
        return _chunk_players(name, config, context)
    if isinstance(config, OutsideConfig):
        return _from_outside(name, config, context)
    return (context.timed(_onnx(name, config, context)),)


def _from_outside(name: str, config: OutsideConfig, context: PolicyContext) -> tuple[Policy, ...]:
    kind = config.kind
    opened, error = in_time(lambda: kind().open(name, config.settings, context), kind.patience, "not opened")
    players: tuple[Any, ...] = tuple(opened) if isinstance(opened, list | tuple) else (opened,)
    wrong = error or "; ".join(line for player in players for line in form_problems(player, context.model))
    if wrong or not players:
        raise ConfigError(f"policy kind {kind.name!r}: {wrong or 'open() gave no policy'}")
    return tuple(context.timed(player) for player in players)


def _onnx(name: str, config: OnnxConfig, context: PolicyContext) -> OnnxPolicy:
    file = context.find(config.file)
    card = None if config.card is None else context.find(config.card, CARDS)
    return OnnxPolicy(file, context.model, card=card, name=name, threads=config.threads, provider=config.provider)


def _ships(config: Config, context: PolicyContext) -> bool:
    """Whether a policy's file ships with this project: it is then left out, not an error, for a robot that it does not fit."""
    if not isinstance(config, OnnxConfig | ChunkConfig):
        return False
    if isinstance(config, ChunkConfig) and config.remote:
        return False
    name = config.path if isinstance(config, ChunkConfig) else config.file
    return not Path(name).is_absolute() and context.find(name) == SHIPPED / name


def _chunk_players(name: str, config: AnyChunkConfig, context: PolicyContext) -> tuple[Policy, ...]:
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
