"""π0-FAST on LeRobot's classes with local tokenizers: fine-tuning, loading, speaking a chunk. Needs torch."""

from tests.needs import needs

NEEDS = needs("train", "torch", "lerobot")

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from arbiter.errors import ConfigError, PolicyError
from deploy.robots.description import load_model
from policies.chunk.backends.lerobot import checkpoint
from policies.chunk.backends.lerobot.backend import LeRobotBackend
from policies.chunk.protocol import ChunkObservation
from tests.pi0_rig import SPEC, TASKS, make_dataset, synthetic

pytestmark = [NEEDS, pytest.mark.timeout(1200), pytest.mark.usefixtures("offline")]

ROWS = 10
# As the published one is made: cosine transform, rounding, byte-pair encoding. It must not run.
CODER = """
raise SystemExit("code that came with a checkpoint runs")
import numpy as np
from scipy.fft import dct
from transformers.processing_utils import ProcessorMixin


class Coder(ProcessorMixin):
    attributes = ["bpe_tokenizer"]
    bpe_tokenizer_class = "AutoTokenizer"

    def __init__(self, bpe_tokenizer, scale=10, min_token=0):
        self.scale, self.min_token = scale, min_token
        super().__init__(bpe_tokenizer)

    def __call__(self, chunks):
        numbers = np.around(dct(np.asarray(chunks), axis=1, norm="ortho") * self.scale).astype(int)
        return [self.bpe_tokenizer("".join(map(chr, one.flatten() - self.min_token)))["input_ids"] for one in numbers]
"""


def text_tokenizer(folder: Path) -> Path:
    """Splits "Action: |" and numbers as PaliGemma's does."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    model = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    model.normalizer = normalizers.Replace(" ", "▁")
    model.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\d:;,|▁\n]"), "isolated")
    model.decoder = decoders.Replace("▁", " ")
    special = ["<pad>", "<eos>", "<bos>", "<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
    corpus = [f"Task: {task}, State: -0123456789;\nAction: |" for task in TASKS] * 4
    model.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=511, special_tokens=special, show_progress=False))
    found = json.loads(model.to_str())
    known = found["model"]["vocab"]
    known |= {f"<more{i}>": i for i in range(len(known), 1024)}  # π0-FAST says actions with the last words
    words = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(found)),
        pad_token="<pad>",
        eos_token="<eos>",
        bos_token="<bos>",
        unk_token="<unk>",
    )
    words.save_pretrained(folder)
    return folder


def action_tokenizer(folder: Path, chunks: np.ndarray) -> Path:
    """Learns its pieces from normalised `chunks` (N, T, A)."""
    from scipy.fft import dct
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    numbers = np.around(dct(chunks, axis=1, norm="ortho") * 10).astype(int)
    model = Tokenizer(models.BPE())
    model.pre_tokenizer, model.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    corpus = ["".join(map(chr, one.flatten() - numbers.min())) for one in numbers]
    model.train_from_iterator(
        corpus, trainers.BpeTrainer(vocab_size=512, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    )
    PreTrainedTokenizerFast(tokenizer_object=model).save_pretrained(folder / "bpe_tokenizer")
    (folder / "coder.py").write_text(CODER)
    auto = {"AutoProcessor": "coder.Coder"}
    (folder / "processor_config.json").write_text(
        json.dumps({"processor_class": "Coder", "auto_map": auto, "scale": 10, "min_token": int(numbers.min())})
    )
    return folder


@pytest.fixture(scope="module")
def fast(tmp_path_factory):
    """A checkpoint with random weights, and the folder that its tokenizers came from."""
    from lerobot.configs import FeatureType, PolicyFeature
    from lerobot.policies.factory import make_policy_config

    folder, data = tmp_path_factory.mktemp("fast"), synthetic(4, 24)
    stats = data.stats()
    chunks = (data.chunk(np.arange(len(data)), ROWS) - stats["action"]["mean"]) / stats["action"]["std"]
    config = make_policy_config(
        "pi0_fast",
        device="cpu",
        chunk_size=ROWS,
        n_action_steps=ROWS,
        max_state_dim=44,
        max_action_dim=22,
        image_resolution=(28, 28),
        push_to_hub=False,
        text_tokenizer_name=str(text_tokenizer(folder / "words")),
        action_tokenizer_name=str(action_tokenizer(folder / "coder", chunks)),
        input_features={
            "observation.state": PolicyFeature(FeatureType.STATE, (44,)),
            "observation.images.head_camera": PolicyFeature(FeatureType.VISUAL, (3, 28, 28)),
        },
        output_features={"action": PolicyFeature(FeatureType.ACTION, (22,))},
    )
    torch.manual_seed(0)
    spec = dataclasses.replace(SPEC, vocab=1024)
    policy = checkpoint.construct(config, spec)
    before, after = checkpoint.make_processors(config, stats)
    checkpoint.save(folder / "base", policy, before, after, spec)
    return folder


def test_a_blank_policy_shares_what_a_random_one_shares(fast):
    config, spec = checkpoint.load(fast / "base").policy.config, checkpoint.load_spec(fast / "base")
    pairs = [
        {
            (a, b)
            for a, x in one.named_parameters(remove_duplicate=False)
            for b, y in one.named_parameters(remove_duplicate=False)
            if x is y and a < b
        }
        for one in (checkpoint.construct(config, spec, blank=blank) for blank in (True, False))
    ]
    assert pairs[0] == pairs[1]


def observed(data, frame: int) -> ChunkObservation:
    return ChunkObservation(
        stamp=0.0,
        joint_pos=data.state[frame, :22].astype(float),
        joint_vel=data.state[frame, 22:].astype(float),
        image=data.picture[data.picture_of[frame]],
    )


def test_it_says_the_chunk_that_it_was_shown(fast, tmp_path):
    loaded, data = checkpoint.load(fast / "base"), synthetic(4, 24)
    frames = np.array([3, 27])  # one of each instruction
    batch = loaded.before(
        {
            "observation.state": torch.from_numpy(data.state[frames]),
            "observation.images.head_camera": torch.from_numpy(data.pictures(frames)),
            "action": torch.from_numpy(data.chunk(frames, ROWS)),
            "task": [TASKS[0], TASKS[1]],
        }
    )
    policy = loaded.policy.requires_grad_(True).train()
    optimiser = torch.optim.Adam(policy.parameters(), 3e-3)
    for _ in range(120):
        optimiser.zero_grad()
        loss, _ = policy.forward(batch)
        loss.backward()
        optimiser.step()
    checkpoint.save(tmp_path / "trained", policy, loaded.before, loaded.after, loaded.spec)
    backend = LeRobotBackend(tmp_path / "trained", joints=load_model().joints)
    for frame, task in zip(frames, TASKS, strict=True):
        chunk = backend.predict(observed(data, frame), task)
        wanted = data.chunk(frames[frames == frame], ROWS)[0]
        assert np.abs(chunk - wanted).max() < 0.1 * data.stats()["action"]["std"].max() * np.sqrt(ROWS), "rounded, no more"
    backend.checkpoint.policy.config.n_action_steps = 5  # how many are to be carried out, not how many are said
    assert backend.predict(observed(data, 3), TASKS[0]).shape == (ROWS, 22)
    with pytest.raises(PolicyError, match="pi0_fast: the instruction has .* tokens, the policy reads .*; shorten it"):
        backend.predict(observed(data, 3), "wave the right hand " * 20)
    backend.checkpoint.policy.action_tokenizer.bpe_tokenizer.decode = lambda tokens: "x" * 219
    with pytest.raises(PolicyError, match="pi0_fast said 219 of the 220 numbers of a chunk; it needs more training"):
        backend.predict(observed(data, 3), TASKS[0])


def test_words_that_are_no_actions_are_an_error(fast):
    backend = LeRobotBackend(fast / "base", joints=load_model().joints)
    with pytest.raises(PolicyError, match="pi0_fast: Token sequence does not start with .*it needs more training"):
        backend.predict(observed(synthetic(4, 24), 0), TASKS[0])


def from_the_hub(fast: Path, base: Path) -> Path:
    """As a checkpoint from the hub: its tokenizers lie elsewhere."""
    base.mkdir()
    for file in (fast / "base").iterdir():
        if file.is_file():
            (base / file.name).write_bytes(file.read_bytes())
    return base


def test_fine_tuning_says_which_tokenizers_it_lacks(fast, dataset, tmp_path, monkeypatch):
    from training.pi0.finetune import main

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError, match="action tokenizer '.*none', which are folders or names.*--action-tokenizer"):
        main(
            [
                "--preset",
                "full",
                "--variant",
                "pi0_fast",
                "--checkpoint",
                str(from_the_hub(fast, tmp_path / "base")),
                "--tokenizer",
                str(fast / "words"),
                "--action-tokenizer",
                str(tmp_path / "none"),
                "--dataset",
                str(dataset),
                "--out",
                str(tmp_path / "run"),
                "--device",
                "cpu",
                "--no-bf16",
                "--workers",
                "0",
            ]
        )


def test_fine_tuning_lowers_the_loss_and_keeps_both_tokenizers(fast, tmp_path):
    from training.pi0.finetune import main

    base, data = from_the_hub(fast, tmp_path / "base"), make_dataset(tmp_path / "set", synthetic(4, 24))
    given = ["--tokenizer", str(fast / "words"), "--action-tokenizer", str(fast / "coder")]
    main(
        [
            "--preset",
            "full",
            "--variant",
            "pi0_fast",
            "--checkpoint",
            str(base),
            "--dataset",
            str(data),
            *given,
            "--out",
            str(tmp_path / "run"),
            "--device",
            "cpu",
            "--no-bf16",
            "--no-checkpointing",
            "--workers",
            "0",
            "--steps",
            "16",
            "--batch",
            "4",
            "--every",
            "8",
            "--rate",
            "3e-3",
            "--warmup",
            "2",
            "--held-out",
            "0.3",
        ]
    )
    losses = [loss for _, loss in json.loads((tmp_path / "run" / "held_out.json").read_text())]
    assert losses[1] < losses[0]
    main(
        [
            "--preset",
            "full",
            "--variant",
            "pi0_fast",
            "--dataset",
            str(data),
            "--out",
            str(tmp_path / "run"),
            "--device",
            "cpu",
            "--no-bf16",
            "--no-checkpointing",
            "--workers",
            "0",
            "--steps",
            "24",
            "--batch",
            "4",
            "--every",
            "8",
            "--resume",
            "--held-out",
            "0.3",
        ]
    )
    assert len(json.loads((tmp_path / "run" / "held_out.json").read_text())) == 3
    best = (tmp_path / "run" / "checkpoints" / "last" / "pretrained_model").rename(tmp_path / "elsewhere")
    assert str(fast) not in (best / "config.json").read_text() + (best / "policy_preprocessor.json").read_text()
    assert checkpoint.load(best).policy.config.tokenizer_max_length == 4 * 44 + 64


def test_a_head_that_is_missing_is_the_embedding_and_no_random_one(fast, tmp_path):
    from safetensors.torch import load_file, save_file

    loaded, weights = checkpoint.load(fast / "base"), load_file(fast / "base" / "model.safetensors")
    head = next(key for key in loaded.policy.state_dict() if key.endswith("lm_head.weight"))
    words = head.replace("lm_head", "model.language_model.embed_tokens")
    weights.pop(head, None)
    save_file(weights | {words: torch.full_like(loaded.policy.state_dict()[words], 0.25)}, tmp_path / "model.safetensors")
    checkpoint.load_weights(loaded.policy, tmp_path / "model.safetensors")
    assert (loaded.policy.state_dict()[head] == 0.25).all()
    weights.pop(words, None)
    save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(ConfigError, match="does not fit PI0FastPolicy: 2 missing .*lm_head.weight"):
        checkpoint.load_weights(loaded.policy, tmp_path / "model.safetensors")
