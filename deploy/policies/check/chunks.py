"""A chunk policy: its backend's contract. What a model of pictures and words would do, no probe of joints can say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from arbiter.robot import RobotModel
from arbiter.wall import walled
from policies.chunk.address import is_address
from policies.chunk.contract import check_backend
from policies.chunk.opening import ChunkConfig, open_backend
from policies.context import PolicyContext
from policies.locomotion.probes.probe_finding import ProbeFinding, skipped


def is_chunk_policy(path: str) -> bool:
    """Whether it is a folder, an address or a file of recorded motions, not one ONNX file."""
    return is_address(path) or Path(path).is_dir() or path.endswith(".safetensors")


def config_of(path: str) -> ChunkConfig:
    """How a tree file would name it."""
    if path.endswith(".safetensors") and not Path(path).is_dir():
        return ChunkConfig("chunk", "recorded", path)
    if is_address(path):
        return ChunkConfig("chunk", "pi0", path, {"kind": "openpi", "joints": "robot"})
    return ChunkConfig("chunk", "pi0", path, {"kind": "lerobot"} if (Path(path) / "config.json").is_file() else {})


def check_chunks(path: str, prompt: str, model: RobotModel) -> list[ProbeFinding]:
    """The contract of the backend at `path`, its joints and its rate. Raises nothing: what it cannot open is a finding."""
    config = config_of(path)
    # A path of the command line is meant from where one stands, not from a tree file.
    context = PolicyContext(model, Path.cwd())
    backend, error = walled(open_backend, config, context)
    if backend is None and is_address(path):  # a server that names its joints
        backend, error = walled(open_backend, replace(config, options={"kind": "openpi"}), context)
    if backend is None:
        return [ProbeFinding("opens", "fail", error, advice="see docs/how-to/bring-a-policy.md for what can be opened")]
    found = [
        ProbeFinding(
            "opens", "pass", f"{backend.name}: {backend.horizon} rows at {backend.rate_hz:g} Hz, {len(backend.joints)} joints"
        )
    ]
    foreign = [name for name in backend.joints if name not in model.joints]
    if foreign:
        seen = f"it drives {', '.join(foreign)}; {model.name} has no such joints"
        found.append(ProbeFinding("joints", "fail", seen, advice="name the robot that it was made for with --robot"))
    else:
        found.append(ProbeFinding("joints", "pass", f"all are the robot's: {', '.join(backend.joints[:3])} ..."))
    wrong = check_backend(lambda: backend, prompt)
    found += [ProbeFinding("contract", "fail", line, advice="see policies.chunk.contract.check_backend") for line in wrong]
    if not wrong:
        found.append(ProbeFinding("contract", "pass", f"chunks are finite, whole and repeatable, asked to {prompt!r}"))
    found += [
        skipped("joint order, signs", "joints are named, and a picture decides as much as they do: look at a run in simulation"),
        skipped("success", "whether it does what it is told is measured by python -m training.pi0.evaluate"),
    ]
    return found
