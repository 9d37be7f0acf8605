"""Exports a π0 checkpoint to a folder that runs without torch.

    python -m training.pi0.export runs/pi0/best --to onnx --out exported/pi0
    python -m training.pi0.export runs/pi0/best --to onnx --precision int8 --calibration data/pi0 --out exported/int8
    python -m training.pi0.export runs/pi0/best --to tensorrt --precision fp16 --out engines/pi0

Writes the graphs, the tokenizer, the card and `parity.json`: how far the exported chunk is from LeRobot's own, and how
often the checkpoint and the export succeed in closed loop.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Literal

from arbiter.errors import ConfigError
from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra

Precision = Literal["fp32", "fp16", "int8"]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.pi0.export", description=__doc__)
    p.add_argument("checkpoint", type=Path, help="folder with config.json and model.safetensors")
    p.add_argument("--to", choices=("onnx", "tensorrt"), default="onnx", help="form to export to")
    p.add_argument("--precision", choices=("fp32", "fp16", "int8"), default="fp32", help="precision of weights and arithmetic")
    p.add_argument("--out", type=Path, required=True, help="folder to write")
    p.add_argument("--robot", default="berkeley_humanoid_lite", help="name or folder of the robot's description")
    p.add_argument("--name", default="pi0", help="name in the card")
    p.add_argument("--policy-version", default="1", help="version in the card")
    p.add_argument(
        "--calibration", type=Path, help="LeRobotDataset whose observations calibrate int8; without it int8 is dynamic"
    )
    p.add_argument("--device", default="cpu", help="device on which the checkpoint runs: cpu or cuda")
    p.add_argument("--samples", type=int, default=16, help="chunks compared in the parity report")
    p.add_argument(
        "--runs",
        type=int,
        default=1,
        help="closed-loop runs of each instruction with the checkpoint and with the export, from the same starts; 0: none",
    )
    p.add_argument("--only", action="append", help="an instruction or skill for --runs; may be given again")
    return p


with extra(__name__, parser, "torch", "lerobot", "onnx"):
    import numpy as np

    from arbiter.robot import RobotModel
    from deploy.robots.description import load_model
    from policies.chunk.backends.card import PREFIX, STEP, TOKENIZER, Pi0Card, embed_card, read_card, write_card
    from policies.chunk.backends.lerobot import checkpoint
    from policies.chunk.backends.lerobot.checkpoint import Checkpoint
    from training.pi0.evaluate import wanted_tasks
    from training.pi0.onnx_graphs import export_graphs
    from training.pi0.parity import closed_loop, compare, observations, table
    from training.pi0.quantise import single_precision

RANGE_SLACK = 1e-4  # [rad] by which statistics in 32 bits may be beyond a joint's range


def make_card(loaded: Checkpoint, robot: str, name: str, version: str, precision: Precision) -> Pi0Card:
    """The card of a loaded checkpoint; hashes are still empty."""
    config, model = loaded.policy.config, load_model(robot)
    if getattr(config, "use_relative_actions", False):
        raise ConfigError(
            f"checkpoint {loaded.folder}: its actions are relative to the state, which the graphs do not add. Run "
            "it with the backend `lerobot`, serve it with `python -m deploy.serve`, or train on absolute actions"
        )
    if config.type not in ("pi0", "pi05"):
        raise ConfigError(
            f"checkpoint {loaded.folder}: {config.type!r} cannot be exported as prefix and step; pi0 and "
            "pi05 can. Run it with the backend `lerobot` or serve it with `python -m deploy.serve`"
        )
    state, action = (_affine(loaded, key, mode) for key, mode in (("observation.state", "STATE"), ("action", "ACTION")))
    if len(action[0]) != model.n:
        raise ConfigError(f"checkpoint {loaded.folder}: actions for {len(action[0])} joints; {robot} has {model.n}")
    return Pi0Card(
        format=1,
        kind="chunk",
        variant=config.type,
        name=name,
        version=version,
        robot=robot,
        rate_hz=model.control_hz,
        joints=model.joints,
        horizon=config.chunk_size,
        state_offset=state[0],
        state_scale=state[1],
        action_offset=action[0],
        action_scale=action[1],
        state_size=config.max_state_dim,
        action_size=config.max_action_dim,
        image=config.image_resolution[0],
        tokens=config.tokenizer_max_length,
        steps=config.num_inference_steps,
        precision=precision,
        needs_image=True,
        files={},
        within_range=_keeps_range(loaded, model),
    )


def _keeps_range(loaded: Checkpoint, model: RobotModel) -> bool:
    """Whether every target of the demonstrations is within its joint's range, by the checkpoint's statistics."""
    stats = checkpoint.statistics(loaded.before)["action"]
    if not {"min", "max"} <= stats.keys():
        return False
    return bool(np.all(stats["min"] >= model.lower - RANGE_SLACK) and np.all(stats["max"] <= model.upper + RANGE_SLACK))


def _affine(loaded: Checkpoint, key: str, mode: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Offset and scale of LeRobot's normalisation of `key`: normalised = (value - offset) / scale."""
    normaliser = next(step for step in loaded.before.steps if hasattr(step, "norm_map"))
    kind = loaded.policy.config.normalization_mapping[mode].value
    stats = {name: value.astype(np.float64) for name, value in checkpoint.statistics(loaded.before)[key].items()}
    if kind == "MEAN_STD":
        offset, scale = stats["mean"], stats["std"] + normaliser.eps
    elif kind == "QUANTILES":
        if not {"q01", "q99"} <= stats.keys():
            raise ConfigError(
                f"checkpoint {loaded.folder}: {key} is normalised by quantiles, and its statistics hold only "
                f"{', '.join(sorted(stats))}; train on a dataset whose statistics hold q01 and q99"
            )
        width = stats["q99"] - stats["q01"]
        offset, scale = (stats["q99"] + stats["q01"]) / 2.0, np.where(width == 0, normaliser.eps, width) / 2.0
    else:
        raise ConfigError(f"checkpoint {loaded.folder}: {key} is normalised by {kind}; MEAN_STD and QUANTILES can be exported")
    return tuple(map(float, offset)), tuple(map(float, scale))


def export_onnx(
    loaded: Checkpoint,
    out: Path,
    *,
    robot: str = "berkeley_humanoid_lite",
    name: str = "pi0",
    version: str = "1",
    precision: Precision = "fp32",
    calibration: list[dict] | None = None,
    engine: bool = False,
) -> Pi0Card:
    """Writes the folder `out`.

    `calibration`: inputs of the step graph for calibrated int8; None: dynamic int8. `engine`: graphs to build TensorRT
    engines from; with int8 the prefix, whose inputs are pictures and words, is fp16.
    """
    if precision not in ("fp32", "fp16", "int8"):
        raise ConfigError(f"precision {precision!r} is unknown; there are: fp32, fp16, int8")
    if engine and precision == "int8" and calibration is None:
        raise ConfigError("int8 engines need recorded observations, and are for pi0: give --calibration DATASET, or take fp16")
    out.mkdir(parents=True, exist_ok=True)
    card = make_card(loaded, robot, name, version, precision)
    single_precision(loaded)
    (out / "parity.json").unlink(missing_ok=True)  # an earlier export's report, which the card's hash would cover
    _copy_tokenizer(loaded, out)
    with tempfile.TemporaryDirectory(dir=out, prefix=".export") as scratch:  # up to 13 GB, and /tmp may be in memory
        first, second = Path(scratch) / PREFIX, Path(scratch) / STEP
        export_graphs(loaded.policy, first, second)
        for file in (first, second):
            step = file.name == STEP
            _write(
                file,
                out / file.name,
                "fp16" if engine and precision == "int8" and not step else precision,
                calibration if step else None,
                engine,
            )
    return embed_card(out, card)


def export_engines(loaded: Checkpoint, out: Path, **options) -> Pi0Card:
    """TensorRT engines for the GPU at hand in the folder `out`; `options`: of `export_onnx`."""
    from training.pi0.tensorrt_engines import build_engines

    out.mkdir(parents=True, exist_ok=True)
    (out / "parity.json").unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".export") as graphs:
        card = export_onnx(loaded, Path(graphs), engine=True, **options)
        build_engines(Path(graphs), out)
        shutil.copyfile(Path(graphs) / TOKENIZER, out / TOKENIZER)
    return write_card(out, dataclasses.replace(card, files={}))


def _write(file: Path, out: Path, precision: Precision, calibration: list[dict] | None, engine: bool) -> None:
    """Converts one graph to `precision` and moves it, with its external data, into place."""
    from training.pi0.quantise import for_engine, to_fp16, to_int8

    if engine:
        for_engine(file)
    if precision == "fp16":
        to_fp16(file, out)
    elif precision == "int8":
        to_int8(file, out, calibration, engine)
    else:
        for part in file.parent.glob(f"{file.name}*"):
            part.replace(out.parent / part.name)


def _copy_tokenizer(loaded: Checkpoint, out: Path) -> None:
    tokenizer = next(step for step in loaded.before.steps if hasattr(step, "input_tokenizer")).input_tokenizer
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ConfigError(
            f"checkpoint {loaded.folder}: its tokenizer {type(tokenizer).__name__} has no "
            "tokenizer.json; install transformers' fast tokenizers"
        )
    backend.no_padding()
    backend.no_truncation()
    backend.save(str(out / TOKENIZER))


def size_of(folder: Path) -> int:
    """Bytes of all files of a folder."""
    return sum(file.stat().st_size for file in Path(folder).iterdir() if file.is_file())


def main(argv: list[str] | None = None) -> None:
    arguments = parser().parse_args(argv)
    if arguments.calibration is not None and arguments.precision != "int8":
        raise ConfigError(f"--calibration is for --precision int8, not {arguments.precision}")
    tasks = wanted_tasks(arguments.only)
    loaded = checkpoint.load(arguments.checkpoint, arguments.device)
    calibration = None
    if arguments.calibration is not None:
        from training.pi0.quantise import calibration_inputs

        calibration = calibration_inputs(loaded, arguments.calibration)
    options: dict[str, Any] = {
        "robot": arguments.robot,
        "name": arguments.name,
        "version": arguments.policy_version,
        "precision": arguments.precision,
        "calibration": calibration,
    }
    if arguments.to == "onnx":
        card = export_onnx(loaded, arguments.out, **options)
    else:
        card = export_engines(loaded, arguments.out, **options)
    del loaded, calibration, options  # the comparison loads the checkpoint again, in the type it was saved in
    report = compare(arguments.checkpoint, arguments.out, arguments.to, observations(card, arguments.samples), arguments.device)
    report["bytes"] = size_of(arguments.out)
    if arguments.runs > 0:
        report["closed_loop"] = closed_loop(
            arguments.checkpoint, arguments.out, [one.text for one in tasks], arguments.runs, arguments.device
        )
    (arguments.out / "parity.json").write_text(json.dumps(report, indent=1) + "\n")
    if arguments.to == "onnx":
        embed_card(arguments.out, read_card(arguments.out))
    else:
        write_card(arguments.out, dataclasses.replace(card, files={}))
    print(table(report))


if __name__ == "__main__":
    sys.exit(in_one_line(main))
