"""LeRobot's policies by their own classes, in this process: any checkpoint that LeRobot or this project wrote."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from arbiter.errors import ConfigError, PolicyError
from arbiter.robot import RobotModel
from policies.chunk.backends.lerobot.checkpoint import load
from policies.chunk.backends.lerobot.interface import STATE, connect, described
from policies.chunk.backends.lerobot.tokenizers import room_for
from policies.chunk.backends.sampler import check_smooth, smooth
from policies.chunk.pictures import picture_problem
from policies.chunk.protocol import ChunkObservation

IMAGES = "observation.images"  # all cameras in one tensor, as LeRobot's queues hold them
QUEUED = ("diffusion", "vqbet")  # predict from LeRobot's queue of observations
FLOWS = ("pi0", "pi05", "smolvla")  # sample from noise that can be given, with real-time chunking
WORDLESS = ("act", "diffusion", "vqbet")
RESIZES = ("pi0", "pi05", "pi0_fast", "smolvla")  # bring any picture to their own size
ROWS = {"diffusion": "n_action_steps", "vqbet": "action_chunk_size"}  # elsewhere chunk_size
SAME = 0.02  # two proportions of a picture that are as close are the same
log = logging.getLogger("policy-arbiter.lerobot")


class LeRobotBackend:
    """Predicts with the policy of a checkpoint folder.

    Args:
        folder: The checkpoint, see `policies.chunk.backends.lerobot.checkpoint`.
        joints: Names of the joints that its actions drive, in order; empty: those of its data set.
        dataset: Folder of the data set that it was trained on, for names and rate; "": see
            `policies.chunk.backends.lerobot.interface`.
        robot: Whose joints are assumed, with a warning, where nobody names any and their number fits.
        camera: Which of its cameras is the head camera; "": it has one only.
        device: "cpu", "cuda", "cuda:1", "mps".
        steps: Denoising steps; 0: as the checkpoint says.
        rate_hz: Rows per second that it was trained at; 0: as its data set says, else 50, with a warning.
        rtc_horizon: Rows beyond the committed ones that are still pulled towards the previous chunk.
        name: What faults are charged to.
        smooth: As in `policies.chunk.backends.graphs.GraphBackend` [rows].

    Attributes:
        warnings: What nobody said of the policy, and is assumed.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        joints: Sequence[str] = (),
        dataset: str | Path = "",
        robot: RobotModel | None = None,
        camera: str = "",
        device: str = "cpu",
        steps: int = 0,
        rate_hz: float = 0.0,
        rtc_horizon: int = 10,
        name: str = "",
        smooth: float = 0.0,
    ) -> None:
        self._smooth, self._rtc = check_smooth(smooth, folder), rtc_horizon
        self.checkpoint = load(folder, device)
        policy, config = self.checkpoint.policy, self.checkpoint.policy.config
        said = described(self.checkpoint.folder, dataset)
        self._interface = connect(
            config, self.checkpoint.folder, said, joints=joints, rate_hz=rate_hz, camera=camera, robot=robot
        )
        self.joints, self.rate_hz, self.warnings = self._interface.joints, self._interface.rate_hz, self._interface.assumed
        if config.type in WORDLESS:
            self.warnings += (f"checkpoint {folder}: {config.type} reads no instruction: whatever is said, it does one thing",)
        self.needs_image, self.name = bool(self._interface.camera), name or config.type
        self.horizon, self.observations = horizon_of(config), getattr(config, "n_obs_steps", 1)
        self.supports_rtc = config.type in FLOWS
        self._size = config.image_features[self._interface.camera].shape[1:] if self.needs_image else None
        _set_steps(policy, steps, self.checkpoint.folder)
        if self.supports_rtc:
            self._enable_rtc(policy, config)
        for line in self.warnings:
            log.warning("%s", line)
        self.seconds, self._known = float("nan"), set()

    @staticmethod
    def _enable_rtc(policy, config) -> None:
        from lerobot.policies.rtc import RTCConfig

        config.rtc_config = RTCConfig(enabled=True)
        policy.init_rtc_processor()

    def predict(
        self,
        observation: ChunkObservation,
        prompt: str,
        *,
        previous: np.ndarray | None = None,
        delay_steps: int = 0,
        seed: int = 0,
    ) -> np.ndarray:
        """See `policies.chunk.protocol.ChunkBackend.predict`."""
        started = time.perf_counter()
        self._check_prompt(prompt)
        seen = [*observation.history, observation][-self.observations :]
        batches = [self.checkpoint.before(self._inputs(one, prompt)) for one in seen]
        policy = self.checkpoint.policy
        options: dict[str, Any] = {}
        if self.supports_rtc:
            size = (1, self.horizon, policy.config.max_action_dim)
            noise = np.random.default_rng(seed).standard_normal(size, dtype=np.float32)
            options["noise"] = torch.from_numpy(noise).to(policy.config.device)
        if previous is not None and self.supports_rtc:
            options |= {
                "prev_chunk_left_over": self._normalised(previous),
                "inference_delay": delay_steps,
                "execution_horizon": delay_steps + self._rtc,
            }
        try:
            with torch.no_grad(), seeded(seed, policy.config.device):
                policy.reset()
                last = self._queued(batches) if policy.config.type in QUEUED else batches[-1]
                chunk = self.checkpoint.after(policy.predict_action_chunk(last, **options))[0]
        except AssertionError as error:  # LeRobot's, for words of π0-FAST that are no actions
            raise PolicyError(f"{self.name}: {str(error)[:80]}; it needs more training") from error
        rows = smooth(chunk.double().cpu().numpy(), self._smooth)
        if not np.isfinite(rows).all():
            raise PolicyError(f"{self.name}: the chunk holds values that are not finite; check the checkpoint")
        self.seconds = time.perf_counter() - started
        return rows

    def _inputs(self, observation: ChunkObservation, prompt: str) -> dict[str, Any]:
        """An observation as LeRobot's robots give it. Raises PolicyError for one that no chunk is predicted from."""
        measured = np.concatenate((observation.joint_pos, observation.joint_vel)).astype(np.float32)
        if not np.isfinite(measured).all():
            raise PolicyError(
                f"{self.name}: the state holds a value that is not finite; a chunk is predicted from finite numbers only"
            )
        batch: dict[str, Any] = {"task": prompt}
        if len(self._interface.state):
            batch[STATE] = torch.from_numpy(measured[self._interface.state])
        if self.needs_image:
            batch[self._interface.camera] = self._picture(observation.image)
        return batch

    def _picture(self, image: np.ndarray | None) -> torch.Tensor:
        """The picture as LeRobot has it: (3, height, width), 0 to 1, in the size that the policy was trained with."""
        if image is None:
            raise PolicyError(f"{self.name}: no picture of the head camera; this policy was not trained to go on without one")
        if wrong := picture_problem(image):
            raise PolicyError(f"{self.name}: {wrong}")
        picture = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255.0
        height, width = self._size or picture.shape[1:]
        if self.checkpoint.policy.config.type in RESIZES or picture.shape[1:] == (height, width):
            return picture
        if abs(picture.shape[2] / picture.shape[1] * height / width - 1.0) > SAME:
            raise PolicyError(
                f"{self.name}: the picture has {image.shape[1]} x {image.shape[0]} pixels, the policy was trained with "
                f"{width} x {height}: other proportions; set the camera to the same"
            )
        small = torch.nn.functional.interpolate(picture[None], (height, width), mode="bilinear", antialias=True)
        return small[0].clamp(0.0, 1.0)

    def _queued(self, batches: list[dict[str, Any]]) -> dict[str, Any]:
        """Puts the observations into LeRobot's queue, whose beginning repeats the oldest; the last one, as its select_action
        passes it on."""
        from lerobot.policies.utils import populate_queues

        policy, last = self.checkpoint.policy, {}
        for batch in batches:
            last = {key: value for key, value in batch.items() if isinstance(value, torch.Tensor) and key != "action"}
            if policy.config.image_features:
                last[IMAGES] = torch.stack([last[key] for key in policy.config.image_features], dim=-4)
            policy._queues = populate_queues(policy._queues, last)
        return last

    def _check_prompt(self, prompt: str) -> None:
        """Raises PolicyError for an instruction that LeRobot would cut off without a word."""
        if prompt in self._known:
            return
        count, room = room_for(self.checkpoint.before, self.checkpoint.policy.config, prompt)
        if count > room:
            raise PolicyError(f"{self.name}: the instruction has {count} tokens, the policy reads {room}; shorten it")
        if len(self._known) < 256:
            self._known.add(prompt)

    def _normalised(self, rows: np.ndarray) -> torch.Tensor:
        """Joint targets [rad] in the policy's own units, shape (1, k, m): normalised, relative to the state where it was
        trained so."""
        from lerobot.processor import RelativeActionsProcessorStep
        from lerobot.processor.relative_action_processor import to_relative_actions

        actions = torch.from_numpy(np.array(rows, np.float32))[None].to(self.checkpoint.policy.config.device)
        for step in self.checkpoint.before.steps:
            if isinstance(step, RelativeActionsProcessorStep) and step.enabled:  # it has just seen the state
                actions = to_relative_actions(actions, step._last_state, step._build_mask(actions.shape[-1]))
        normaliser = next(step for step in self.checkpoint.before.steps if hasattr(step, "norm_map"))
        return normaliser._normalize_action(actions, inverse=False)

    def close(self) -> None:
        """Nothing is held open."""


def horizon_of(config: Any) -> int:
    """Rows of a policy's chunk."""
    return int(getattr(config, ROWS.get(config.type, "chunk_size")))


@contextmanager
def seeded(seed: int, device: str) -> Generator[None]:
    """Inside this context torch's random numbers follow from `seed`; those of others go on as if nothing had been."""
    with torch.random.fork_rng([torch.device(device)] if str(device).startswith("cuda") else []):
        torch.manual_seed(seed % 2**63)
        yield


def _set_steps(policy: Any, steps: int, folder: Path) -> None:
    """Denoising steps other than the checkpoint's. Raises ConfigError for a policy that has none."""
    if not steps:
        return
    places = {"pi0": "num_inference_steps", "pi05": "num_inference_steps", "smolvla": "num_steps"}
    kind = policy.config.type
    if kind in places:
        setattr(policy.config, places[kind], steps)
    elif kind == "diffusion":
        policy.diffusion.num_inference_steps = steps
    else:
        raise ConfigError(f"checkpoint {folder}: steps is {steps}; {kind} has no denoising steps")
