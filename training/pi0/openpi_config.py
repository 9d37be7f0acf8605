"""This robot for openpi (JAX): data transforms, normalisation statistics and training configurations.

From a checkout of openpi, with this project on the Python path; `demonstrations.npz` is a cache with pictures of 224 px
(`python -m training.pi0.data.cache datasets/gestures --side 224 --out demonstrations.npz`):

    python -c "from training.pi0.memory import gather; from training.pi0.openpi_config import write_dataset; \\
               write_dataset(gather(['demonstrations.npz'], 224), 'local/pi0')"
    python -c "from training.pi0.memory import gather; from training.pi0.openpi_config import write_norm_stats; \\
               write_norm_stats(gather(['demonstrations.npz'], 224), 'assets/berkeley_pi0_lora', 'local/pi0')"
    RUN="from training.pi0.openpi_config import run; run('local/pi0')"
    python -c "$RUN" scripts/train.py berkeley_pi0_lora --exp-name first
    python -c "$RUN" scripts/serve_policy.py policy:checkpoint --policy.config berkeley_pi0_lora \\
               --policy.dir checkpoints/berkeley_pi0_lora/first/29999

Configurations: berkeley_{pi0,pi0_fast,pi05}_{lora,full,fsdp}. What openpi trains comes back through openpi's own server
and the backend `openpi`. A fully trained π0 or π0.5 also comes back through openpi's conversion to PyTorch and the strict
loader; that conversion silently drops LoRA adapters, so it is not for `lora`.
`write_norm_stats` takes the place of openpi's `compute_norm_stats.py`, by which a joint that hardly moves in the
demonstrations (legs, while arms are shown) is normalised to millions in the few frames in which it does.
The transforms and statistics do not need openpi, which is imported when configurations are made.
"""

from __future__ import annotations

import dataclasses
import json
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from deploy.robots.description import load_model
from training.pi0.memory import MIN_RELATIVE_STD, MIN_TARGET_STD, Demonstrations, with_minimum_std

JOINTS = 22
STATE = 2 * JOINTS
HORIZON = 50
RATE = 50  # [Hz]
CAMERA = "observation.images.head_camera"
CHECKPOINTS = "gs://openpi-assets/checkpoints"
VARIANTS = ("pi0", "pi0_fast", "pi05")
METHODS = ("lora", "full", "fsdp")
GROWN = ("state_proj/kernel", "action_in_proj/kernel", "action_out_proj/kernel", "action_out_proj/bias")


def picture(image: Any) -> np.ndarray:
    """LeRobot's float (3, H, W) or a camera's uint8 (H, W, 3) as uint8 (H, W, 3)."""
    image = np.asarray(image)
    if np.issubdtype(image.dtype, np.floating):
        image = np.round(255.0 * image).astype(np.uint8)
    return np.moveaxis(image, 0, -1) if image.shape[0] == 3 else image


@dataclasses.dataclass(frozen=True)
class BerkeleyInputs:
    """A frame or an observation in openpi's own terms: one camera, the other two masked.

    `masked`: π0 and π0.5 mask the cameras that are not there; π0-FAST does not (as in openpi's own policies).
    """

    masked: bool = True

    def __call__(self, data: dict) -> dict:
        base = picture(data["observation/image"])
        names = ("base_0_rgb", "left_wrist_0_rgb", "right_wrist_0_rgb")
        there = np.True_ if not self.masked else np.False_
        result = {
            "state": np.asarray(data["observation/state"], np.float32),
            "image": dict(zip(names, (base, np.zeros_like(base), np.zeros_like(base)), strict=True)),
            "image_mask": dict(zip(names, (np.True_, there, there), strict=True)),
        }
        if "actions" in data:
            result["actions"] = np.array(data["actions"], np.float32)  # a copy: openpi's DeltaActions subtracts in place
        if "prompt" in data:
            result["prompt"] = data["prompt"]
        return result


@dataclasses.dataclass(frozen=True)
class BerkeleyOutputs:
    """The 22 joint targets out of the model's wider action."""

    def __call__(self, data: dict) -> dict:
        return {"actions": np.asarray(data["actions"][..., :JOINTS])}


def norm_stats(data: Demonstrations, delta: bool = True, limit: int = 20_000, seed: int = 0) -> dict[str, dict[str, list]]:
    """Statistics of state and actions as openpi computes them, after `DeltaActions`, over whole chunks; `with_minimum_std`."""
    frames = np.arange(len(data))
    if len(frames) > limit:
        frames = np.sort(np.random.default_rng(seed).choice(frames, limit, replace=False))
    actions = data.chunk(frames, HORIZON).astype(np.float64)
    if delta:
        actions = actions - data.state[frames, None, :JOINTS]
    values = {"state": data.state[frames].astype(np.float64), "actions": actions.reshape(-1, JOINTS)}
    found = {
        key: {"mean": x.mean(0), "std": x.std(0), "q01": np.quantile(x, 0.01, axis=0), "q99": np.quantile(x, 0.99, axis=0)}
        for key, x in values.items()
    }
    wide = with_minimum_std(
        {"observation.state": found["state"], "action": found["actions"]}, MIN_RELATIVE_STD if delta else MIN_TARGET_STD
    )
    return {key: {name: value.tolist() for name, value in one.items()} for key, one in zip(found, wide.values(), strict=True)}


def write_norm_stats(data: Demonstrations, assets: Path, repo: str, delta: bool = True) -> Path:
    """Writes `assets/repo/norm_stats.json`, where a configuration of openpi looks for it."""
    file = Path(assets) / repo / "norm_stats.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"norm_stats": norm_stats(data, delta)}, indent=2) + "\n")
    return file


def write_dataset(data: Demonstrations, repo: str) -> Path:
    """Writes the demonstrations as the LeRobotDataset `repo`, in the version that openpi's own LeRobot reads.

    `data` comes from a cache with pictures of 224 px. Returns the folder, which is HF_LEROBOT_HOME/repo.
    """
    from lerobot.common.datasets.lerobot_dataset import LeRobotDataset

    side = data.picture.shape[1]
    features = {
        "observation.state": {"dtype": "float32", "shape": (STATE,), "names": None},
        "action": {"dtype": "float32", "shape": (JOINTS,), "names": None},
        CAMERA: {"dtype": "image", "shape": (side, side, 3), "names": ["height", "width", "channels"]},
    }
    made = LeRobotDataset.create(repo, fps=RATE, features=features, use_videos=False)
    for i in range(len(data)):
        made.add_frame(
            {
                "observation.state": data.state[i],
                "action": data.action[i],
                CAMERA: data.picture[data.picture_of[i]],
                "task": data.tasks[data.task[i]],
            }
        )
        if i + 1 == data.end[i]:
            made.save_episode()
    return made.root


def grow(loaded: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Flat weights of a 32-dimensional π0 for a wider state and action; new rows and columns are zeros.

    Each weight is converted to the type that openpi expects: weights frozen by LoRA are bfloat16 there, which they may not
    be in a base checkpoint.
    Raises ValueError for any other weight of another shape.
    """
    grown = {}
    for key, value in loaded.items():
        target = wanted[key].shape if key in wanted else value.shape
        if key in wanted:
            value = value.astype(wanted[key].dtype, copy=False)
        if value.shape != target:
            wider = len(value.shape) == len(target) and all(a <= b for a, b in zip(value.shape, target, strict=True))
            if not key.endswith(GROWN) or not wider:
                raise ValueError(f"weight {key}: the checkpoint has {value.shape}, the model {target}")
            wide = np.zeros(target, value.dtype)
            wide[tuple(slice(0, n) for n in value.shape)] = value
            value = wide
        grown[key] = value
    return grown


def growing_loader(path: str):
    """openpi's checkpoint loader, which grows the projections of state and action to this robot's 44 values."""
    import flax.traverse_util as tree
    import openpi.models.model as model
    import openpi.shared.download as download
    from openpi.training import weight_loaders

    @dataclasses.dataclass(frozen=True)
    class GrowingWeightLoader(weight_loaders.WeightLoader):
        params_path: str

        def load(self, params):
            loaded = model.restore_params(download.maybe_download(self.params_path), restore_type=np.ndarray)
            wanted = tree.flatten_dict(params, sep="/")
            loaded = grow(tree.flatten_dict(loaded, sep="/"), wanted)
            # LoRA's own weights are in no base checkpoint: they keep their initial values.
            merged = {key: loaded.get(key, value) for key, value in wanted.items() if key in loaded or "lora" in key}
            return tree.unflatten_dict(merged, sep="/")

    return GrowingWeightLoader(path)


def data_config(repo: str, delta: bool = True):
    """openpi's data configuration for LeRobot data with this project's feature names."""
    import openpi.transforms as transforms
    from openpi.training import config

    @dataclasses.dataclass(frozen=True)
    class LeRobotBerkeleyDataConfig(config.DataConfigFactory):
        delta: bool = True

        def create(self, assets_dirs, model_config):
            repack = transforms.Group(
                inputs=[
                    transforms.RepackTransform(
                        {
                            "observation/image": CAMERA,
                            "observation/state": "observation.state",
                            "actions": "action",
                            "prompt": "prompt",
                        }
                    )
                ]
            )
            fast = model_config.model_type == config.ModelType.PI0_FAST
            data = transforms.Group(inputs=[BerkeleyInputs(masked=not fast)], outputs=[BerkeleyOutputs()])
            if self.delta:
                mask = transforms.make_bool_mask(JOINTS)
                data = data.push(inputs=[transforms.DeltaActions(mask)], outputs=[transforms.AbsoluteActions(mask)])
            return dataclasses.replace(
                self.create_base_config(assets_dirs, model_config),
                repack_transforms=repack,
                data_transforms=data,
                model_transforms=config.ModelTransformFactory()(model_config),
                action_sequence_keys=("action",),
            )

    made: Any = LeRobotBerkeleyDataConfig  # its fields are those of openpi's base class
    return made(repo_id=repo, base_config=config.DataConfig(prompt_from_task=True), delta=delta)


def model_config(variant: str, lora: bool):
    """openpi's model configuration. π0 reads the state through a layer as wide as its action, so both are 44 wide."""
    from openpi.models import pi0_config, pi0_fast

    language, expert = ("gemma_2b_lora", "gemma_300m_lora") if lora else ("gemma_2b", "gemma_300m")
    if variant == "pi0_fast":
        return pi0_fast.Pi0FASTConfig(action_dim=JOINTS, action_horizon=HORIZON, max_token_len=500, paligemma_variant=language)
    if variant == "pi05":
        return pi0_config.Pi0Config(
            pi05=True, action_horizon=HORIZON, max_token_len=320, paligemma_variant=language, action_expert_variant=expert
        )
    return pi0_config.Pi0Config(
        action_dim=STATE, action_horizon=HORIZON, paligemma_variant=language, action_expert_variant=expert
    )


def train_config(variant: str, method: str, repo: str, devices: int = 2, steps: int = 30_000):
    """One openpi TrainConfig with the integration guide's hyper-parameters.

    `devices`: over how many the method "fsdp" shards.
    """
    from openpi.training import config, optimizer

    if variant not in VARIANTS or method not in METHODS:
        raise ValueError(f"configuration {variant}_{method}: variants are {VARIANTS}, methods {METHODS}")
    lora = method == "lora"
    model = model_config(variant, lora)
    options = {"freeze_filter": model.get_freeze_filter(), "ema_decay": None} if lora else {}
    return config.TrainConfig(
        name=f"berkeley_{variant}_{method}",
        model=model,
        data=data_config(repo),
        weight_loader=growing_loader(f"{CHECKPOINTS}/{variant}_base/params"),
        lr_schedule=optimizer.CosineDecaySchedule(warmup_steps=500, peak_lr=5e-5, decay_steps=steps, decay_lr=5e-6),
        optimizer=optimizer.AdamW(b1=0.9, b2=0.999, weight_decay=0.01, clip_gradient_norm=1.0),
        batch_size=16 if lora else 32,
        num_train_steps=steps,
        wandb_enabled=False,
        fsdp_devices=devices if method == "fsdp" else 1,
        # What openpi's server says to a client that connects; the backend `openpi` takes the joints from it.
        policy_metadata={"joints": list(load_model().joints), "rate_hz": float(RATE), "horizon": HORIZON},
        **options,
    )


def register(repo: str, devices: int = 2) -> list[str]:
    """Adds all configurations to openpi's own; returns their names."""
    from openpi.training import config

    made = [train_config(variant, method, repo, devices) for variant in VARIANTS for method in METHODS]
    config._CONFIGS_DICT.update({one.name: one for one in made})
    return [one.name for one in made]


def run(repo: str, devices: int = 2) -> None:
    """Runs the script of openpi that the command line names first, with this robot's configurations."""
    register(repo, devices)
    runpy.run_path(sys.argv.pop(1), run_name="__main__")
