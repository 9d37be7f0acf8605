"""LeRobot's own policies in tiny sizes, from nothing or trained by LeRobot's own trainer. Needs torch and LeRobot."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from policies.chunk.backends.lerobot import checkpoint

STATE, ACTION, IMAGE = "observation.state", "action", "observation.images.head_camera"
SIDE = 48  # [px]
SIZES = {
    "act": {
        "dim_model": 32,
        "n_heads": 2,
        "dim_feedforward": 32,
        "n_encoder_layers": 1,
        "use_vae": False,
        "pretrained_backbone_weights": None,
        "chunk_size": 40,
        "n_action_steps": 40,
    },
    "diffusion": {
        "down_dims": (16, 32),
        "diffusion_step_embed_dim": 16,
        "n_groups": 4,
        "horizon": 32,
        "n_action_steps": 24,
        "num_train_timesteps": 10,
        "num_inference_steps": 2,
        "crop_ratio": 1.0,
        "spatial_softmax_num_keypoints": 4,
        "pretrained_backbone_weights": None,
    },
    "smolvla": {
        "num_vlm_layers": 2,
        "expert_width_multiplier": 0.5,
        "max_state_dim": 64,
        "num_steps": 2,
        "resize_imgs_with_padding": (64, 64),
    },
}


def config(kind: str, joints: int = 22, state: int = 44, cameras: tuple[str, ...] = (IMAGE,), **changes):
    """A tiny config of LeRobot's policy `kind`."""
    from lerobot.configs import FeatureType, PolicyFeature
    from lerobot.policies.factory import make_policy_config

    pictures = {camera: PolicyFeature(FeatureType.VISUAL, (3, SIDE, SIDE)) for camera in cameras}
    return make_policy_config(
        kind,
        device="cpu",
        push_to_hub=False,
        input_features={STATE: PolicyFeature(FeatureType.STATE, (state,)), **pictures},
        output_features={ACTION: PolicyFeature(FeatureType.ACTION, (joints,))},
        **SIZES[kind] | changes,
    )


def untrained(kind: str, folder: Path, **changes) -> Path:
    """A checkpoint of `kind` with random weights from a fixed seed, as LeRobot saves it."""
    import torch

    made = config(kind, **changes)
    torch.manual_seed(0)
    policy = checkpoint.construct(made, None)
    with torch.no_grad():
        for weight in policy.parameters():
            weight.mul_(0.5)  # chunks that stay near the middle of every joint's range
    stats = {key: _statistics(feature.shape[0]) for key, feature in (made.input_features | made.output_features).items()}
    pictures = {key: {name: value[:3, None, None] for name, value in stats[key].items()} for key in made.image_features}
    before, after = checkpoint.make_processors(made, stats | pictures)
    checkpoint.save(folder, policy, before, after)
    return folder


def _statistics(size: int) -> dict[str, np.ndarray]:
    ones = np.ones(size, np.float32)
    return {"mean": 0.0 * ones, "std": ones, "min": -ones, "max": ones}


def tiny_vlm(folder: Path) -> Path:
    """The language model of SmolVLA in tiny sizes, as transformers would download it: sizes, tokenizer, processors."""
    from transformers import PreTrainedTokenizerFast, SmolVLMConfig, SmolVLMImageProcessor, SmolVLMProcessor
    from transformers.models.smolvlm.video_processing_smolvlm import SmolVLMVideoProcessor

    from training.pi0.tokenizer import train_tokenizer, vocabulary

    folder.mkdir()
    layers = {"hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 2}
    words = {"model_type": "llama", "vocab_size": 512, "num_hidden_layers": 2, "num_key_value_heads": 2, "head_dim": 16}
    sight = {"model_type": "smolvlm_vision", "num_hidden_layers": 1, "image_size": 64, "patch_size": 16}
    SmolVLMConfig(
        text_config=layers | words | {"pad_token_id": 0},
        vision_config=layers | sight,
        scale_factor=2,
        image_token_id=4,
        pad_token_id=0,
    ).save_pretrained(folder)
    train_tokenizer(vocabulary(("wave the right hand",)), folder, 500)
    special = {
        "image_token": "<image>",
        "fake_image_token": "<fake_token_around_image>",
        "global_image_token": "<global-img>",
        "end_of_utterance_token": "<end_of_utterance>",
    }
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, extra_special_tokens=special)
    SmolVLMProcessor(SmolVLMImageProcessor(), tokenizer, SmolVLMVideoProcessor(), image_seq_len=4).save_pretrained(folder)
    return folder


def trained(kind: str, dataset: Path, out: Path, steps: int, rate: float = 1e-3, batch: int = 8, **changes) -> Path:
    """A checkpoint of `kind` that LeRobot's own trainer made from the data set at `dataset`."""
    from lerobot.configs.default import DatasetConfig
    from lerobot.configs.train import TrainPipelineConfig
    from lerobot.policies.factory import make_policy_config
    from lerobot.scripts.lerobot_train import train

    sizes = SIZES[kind] | {"optimizer_lr": rate, "optimizer_lr_backbone": rate} | changes
    made = make_policy_config(kind, device="cpu", push_to_hub=False, **sizes)
    train(
        TrainPipelineConfig(
            dataset=DatasetConfig(repo_id=f"local/{dataset.name}", root=str(dataset), video_backend="pyav"),
            policy=made,
            output_dir=out,
            steps=steps,
            batch_size=batch,
            num_workers=0,
            save_freq=steps,
            log_freq=steps,
            env_eval_freq=0,
            seed=1,
        )
    )
    return out / "checkpoints" / "last" / "pretrained_model"
