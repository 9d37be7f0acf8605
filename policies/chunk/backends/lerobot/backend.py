"""π0 by LeRobot's own classes in this process: any checkpoint that LeRobot or this project wrote."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from arbiter.errors import ConfigError, PolicyError
from policies.chunk.backends.lerobot.checkpoint import load
from policies.chunk.backends.lerobot.tokenizers import room_for
from policies.chunk.backends.sampler import check_smooth, smooth
from policies.chunk.protocol import ChunkObservation

STATE, IMAGES = "observation.state", "observation.images."


class LeRobotBackend:
    """Predicts with the policy of a checkpoint folder.

    Args:
        folder: The checkpoint, see `policies.chunk.backends.lerobot.checkpoint`.
        joints: Names of the joints in the order that it was trained with; a LeRobot checkpoint does not say it.
        device: "cpu", "cuda", "cuda:1", "mps".
        steps: Denoising steps; 0: as the checkpoint says.
        rate_hz: Rows per second that it was trained at.
        rtc_horizon: Rows beyond the committed ones that are still pulled towards the previous chunk.
        name: What faults are charged to.
        smooth: As in `policies.chunk.backends.graphs.GraphBackend` [rows].
    """

    needs_image = True

    def __init__(
        self,
        folder: str | Path,
        *,
        joints: tuple[str, ...],
        device: str = "cpu",
        steps: int = 0,
        rate_hz: float = 50.0,
        rtc_horizon: int = 10,
        name: str = "",
        smooth: float = 0.0,
    ) -> None:
        self._smooth = check_smooth(smooth, folder)
        self.checkpoint = load(folder, device)
        policy, config = self.checkpoint.policy, self.checkpoint.policy.config
        self.joints, self.rate_hz, self.horizon = tuple(joints), rate_hz, config.chunk_size
        self.name, self.steps, self._rtc = name or config.type, steps or None, rtc_horizon
        self.supports_rtc = hasattr(policy, "init_rtc_processor") and config.type in ("pi0", "pi05")
        self._cameras = [key for key in config.image_features if not key.startswith(f"{IMAGES}empty_camera")]
        self._check(config)
        if self.supports_rtc:
            self._enable_rtc(policy, config)
        self.seconds, self._known = float("nan"), set()

    def _check(self, config) -> None:
        n = len(self.joints)
        for feature, wanted, size in (
            ("observation.state", 2 * n, config.input_features[STATE].shape[0]),
            ("action", n, config.output_features["action"].shape[0]),
        ):
            if size != wanted:
                raise ConfigError(
                    f"checkpoint {self.checkpoint.folder}: {feature} has {size} values; {wanted} are "
                    f"expected for {n} joints; give the `joints` that it was trained with"
                )
        if len(self._cameras) != 1:
            raise ConfigError(
                f"checkpoint {self.checkpoint.folder}: it reads the cameras "
                f"{', '.join(self._cameras) or 'none'}; this robot has one, its head camera"
            )

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
        if observation.image is None:
            raise PolicyError(f"{self.name}: no picture of the head camera; this policy was not trained to go on without one")
        started = time.perf_counter()
        state = np.concatenate((observation.joint_pos, observation.joint_vel)).astype(np.float32)
        if not np.isfinite(state).all():
            raise PolicyError(
                f"{self.name}: the state holds a value that is not finite; a chunk is predicted from finite numbers only"
            )
        self._check_prompt(prompt)
        picture = torch.from_numpy(np.ascontiguousarray(observation.image)).permute(2, 0, 1).float() / 255.0
        batch = self.checkpoint.before({STATE: torch.from_numpy(state), self._cameras[0]: picture, "task": prompt})
        policy = self.checkpoint.policy
        options: dict[str, Any] = {"num_steps": self.steps} if self.supports_rtc else {}
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
            with torch.no_grad():
                chunk = self.checkpoint.after(policy.predict_action_chunk(batch, **options))[0]
        except AssertionError as error:  # LeRobot's, for words of π0-FAST that are no actions
            raise PolicyError(f"{self.name}: {str(error)[:80]}; it needs more training") from error
        rows = smooth(chunk.double().cpu().numpy(), self._smooth)
        if not np.isfinite(rows).all():
            raise PolicyError(f"{self.name}: the chunk holds values that are not finite; check the checkpoint")
        self.seconds = time.perf_counter() - started
        return rows

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
