"""The chunk backend that a tree file names: one of this project, or one from outside."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from arbiter.errors import ConfigError
from arbiter.kinds import settings_of
from arbiter.plugins import in_time
from arbiter.robot import RobotModel
from arbiter.strict import Node, Problems, build, nearest
from policies.chunk.address import is_address
from policies.chunk.backends.recorded import RecordedChunks
from policies.chunk.contract import form_problems
from policies.chunk.protocol import ChunkBackend
from policies.chunk.timing import ChunkTiming
from policies.context import PolicyContext

BACKENDS = ("recorded", "pi0", "lerobot", "openpi")
NOTHING = Node({}, "options", 1)


@dataclass(frozen=True, slots=True)
class ChunkConfig:
    """A chunk policy.

    Attributes:
        backend: Who predicts: "recorded"; "pi0" (an exported π0), "lerobot" (a checkpoint), "openpi" (a server), of which
            `kind` among the options and what lies at `path` may say the same; or one from outside.
        path: What the backend opens: a file, a folder or an address.
        options: Further settings of the backend.
        timing: When chunks are asked for, blended and given up.
        balance: Whether the reflex balances the legs around the chunk.
    """

    kind: Literal["chunk"]
    backend: str
    path: str
    options: dict[str, str | int | float | bool | dict[str, str]] = field(default_factory=dict)
    timing: ChunkTiming = ChunkTiming()
    balance: bool = True

    @property
    def remote(self) -> bool:
        """Whether `path` is the address of a server, not a file or folder."""
        if self.backend == "recorded":
            return False
        return "openpi" in (self.backend, self.options.get("kind")) or is_address(self.path)


@dataclass(frozen=True, slots=True)
class OutsideChunkConfig:
    """A chunk policy whose backend comes from outside.

    Attributes:
        backend: Its name.
        options: Its settings, whatever they are.
        timing, balance: See ChunkConfig.
    """

    kind: Literal["chunk"]
    backend: str
    options: Node = NOTHING
    timing: ChunkTiming = ChunkTiming()
    balance: bool = True


AnyChunkConfig = ChunkConfig | OutsideChunkConfig


def read_chunk(name: str, node: Node, context: PolicyContext, problems: Problems) -> AnyChunkConfig | None:
    """The typed settings of the chunk policy `name`; problems are added."""
    backend = node.entries.get("backend")
    known = (*BACKENDS, *context.backends)
    if backend is not None and isinstance(backend.value, str) and backend.value not in known:
        problems.add(backend, f"policy {name!r}: chunk backend {backend.value!r}; {nearest(backend.value, known)}")
        return None
    if backend is None or backend.value not in context.backends:
        return build(ChunkConfig, node, problems, f"policies.{name}")
    config = build(OutsideChunkConfig, node, problems, f"policies.{name}")
    if config is not None:
        before = len(problems.lines)
        settings_of(context.backends[config.backend], config.options, problems, f"policies.{name}.options")
        return config if len(problems.lines) == before else None
    return None


def open_backend(config: AnyChunkConfig, context: PolicyContext) -> ChunkBackend:
    """The backend of a chunk policy. Raises ConfigError with the way out."""
    if isinstance(config, OutsideChunkConfig):
        return _from_outside(config, context)
    if config.backend == "recorded":
        if config.options:
            raise ConfigError(f"backend 'recorded' takes no options; given: {', '.join(config.options)}")
        return RecordedChunks.load(context.find(config.path))
    if config.backend not in BACKENDS:
        known = (*BACKENDS, *context.backends)
        raise ConfigError(f"chunk backend {config.backend!r}; {nearest(config.backend, known)}")
    backends = importlib.import_module("policies.chunk.backends")
    path = config.path if config.remote else context.find(config.path)
    options: dict[str, Any] = dict(config.options)
    kind = _kind(config, str(options.pop("kind", "auto")))
    if "joints" in options:
        options["joints"] = joints_of(options["joints"], context.model)
    kind = backends.kind_of(path) if kind == "auto" else kind
    if kind == "lerobot":
        options["robot"] = context.model
    for file in ("api_key_file", "dataset"):
        if file in options:
            options[file] = context.base / Path(str(options[file])).expanduser()
    try:
        return backends.load_backend(path, kind, **options)
    except TypeError as error:
        raise ConfigError(f"chunk backend {config.backend!r}: its options do not fit: {error}") from error


def _kind(config: ChunkConfig, said: str) -> str:
    """What runs the policy, by the names of backend and kind. Raises ConfigError where they contradict each other."""
    if config.backend == "pi0" or said in ("auto", config.backend):
        return said if config.backend == "pi0" else config.backend
    raise ConfigError(f"chunk backend {config.backend!r}: its options say kind {said!r}; leave `kind` out")


def joints_of(said: object, model: RobotModel) -> tuple[str, ...]:
    """What `joints` of a tree file or a command means: `robot`, a group of it, or names with commas between them. Raises
    ConfigError."""
    if said == "robot":
        return model.joints
    if isinstance(said, str) and said in model.groups:
        return tuple(joint for joint, inside in zip(model.joints, model.groups[said], strict=True) if inside)
    names = tuple(name.strip() for name in said.split(",")) if isinstance(said, str) else ()
    wrong = next((name for name in names if name not in model.joints), "")
    if not names or wrong or len(set(names)) < len(names):
        raise ConfigError(
            f"chunk backend 'pi0': joints is {said!r}; `robot` (its joints in its order), one of its groups "
            f"({', '.join(model.groups)}), or names with commas between them are expected"
            + (f"; {wrong!r}: {nearest(wrong, model.joints)}" if wrong else "")
        )
    return names


def _from_outside(config: OutsideChunkConfig, context: PolicyContext) -> ChunkBackend:
    kind, problems = context.backends[config.backend], Problems()
    settings = settings_of(kind, config.options, problems, "options")
    problems.raise_if_any()
    backend, error = in_time(lambda: kind().open(settings, context), kind.patience, "not opened")
    wrong = error or "; ".join(form_problems(backend))
    if backend is None or wrong:
        raise ConfigError(f"chunk backend {config.backend!r}: {wrong}")
    return backend
