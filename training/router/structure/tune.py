"""Tunes the router's encoder so that it tells the structure of a sentence, too, and keeps the vectors that it had.

    python -m training.router.structure.tune --out DIR [--sentences 30000] [--steps ...]

Leaves a folder for `training.router.build --source DIR`: the tuned model, and structure.safetensors with the heads.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.router.structure.tune", description=__doc__)
    p.add_argument("--out", type=Path, required=True, help="folder to write the tuned model to")
    p.add_argument("--source", type=Path, help="folder of a sentence-transformers model or of one tuned before (default: MiniLM)")
    p.add_argument("--sentences", type=int, default=30000, help="sentences of the grammar to learn from (default: 30000)")
    p.add_argument(
        "--all", action="store_true", help="learn from the held-out wordings, too: for what ships, once it is measured"
    )
    p.add_argument("--seed", type=int, default=0, help="of the sentences and of the order (default: 0)")
    p.add_argument("--threads", type=int, default=2, help="CPU threads (default: 2)")
    return p


with extra(__name__, parser, "torch", "sentence_transformers"):
    import numpy as np
    import torch
    from safetensors.torch import load_file, save_file
    from sentence_transformers import SentenceTransformer
    from tqdm import tqdm

    from arbiter.routing.structure import CLAUSES, ROLES
    from training.router.build import HEADS, PACKAGED, TUNING, packaged_model
    from training.router.fit import corpus
    from training.router.structure import marked_sentences
    from training.router.structure.grammar import Lists
    from training.router.structure.labelled import LabelledSentence

BATCH, PLAIN = 32, 8  # sentences of the grammar, and phrases of the corpus, in a step
POOL = 640  # sentences that are sorted by length
RATE, WARM_UP = 1.5e-4, 0.06  # largest learning rate, share of the steps until it is reached
MARKED = 3  # times that each marked sentence is learned from
SAVED = 300  # steps
KEEP = 5.0  # weight of (1 - cosine) to the vectors that the encoder had


class Heads(torch.nn.Module):
    """Linear heads on the first token of each word: clause start, kind of the clause, role."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(size, 2 + len(CLAUSES) + len(ROLES))

    def forward(self, hidden: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.linear(hidden).split((2, len(CLAUSES), len(ROLES)), dim=-1)


class Tuned(torch.nn.Module):
    """The encoder of a sentence-transformers model, its mean pooling, and the heads."""

    def __init__(self, model: SentenceTransformer, heads: dict[str, torch.Tensor] | None = None) -> None:
        super().__init__()
        self.model, self.tokenizer = model, model.tokenizer
        self.bert: Any = model[0].auto_model  # a transformers model, which sentence-transformers types as Module | Tensor
        self.heads = Heads(self.bert.config.hidden_size)
        if heads is not None:  # of a model that was tuned before
            self.heads.linear.load_state_dict(heads)

    def hidden(self, tokens: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.bert(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]).last_hidden_state

    @staticmethod
    def pooled(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize((hidden * mask[..., None]).sum(1), dim=-1)

    def tokens(self, texts: list[str] | list[list[str]], words: bool) -> dict:
        return self.tokenizer(texts, is_split_into_words=words, padding=True, truncation=True, max_length=96, return_tensors="pt")


def word_places(encoded, row: int) -> list[int]:
    """Index of the first token of each word of a text."""
    places: dict[int, int] = {}
    for place, word in enumerate(encoded.word_ids(row)):
        if word is not None:
            places.setdefault(word, place)
    return [places[word] for word in sorted(places)]


def labels(encoded, sentences: list[LabelledSentence]) -> torch.Tensor:
    """(start, clause, role) at the first token of each word, -100 elsewhere; shape (3, sentences, tokens)."""
    found = torch.full((3, *encoded["input_ids"].shape), -100)
    for row, sentence in enumerate(sentences):
        for word, place in enumerate(word_places(encoded, row)):
            found[:, row, place] = torch.tensor((int(sentence.starts[word]), sentence.clauses[word], sentence.roles[word]))
    return found


def _batches(sentences: list[LabelledSentence], rng: np.random.Generator) -> np.ndarray:
    """Indices of the sentences of each step, shape (steps, BATCH): of like length, since padding costs as much as words."""
    lengths, order = np.array([len(s.words) for s in sentences]), rng.permutation(len(sentences))
    pools = [pool[np.argsort(lengths[pool], kind="stable")] for pool in np.array_split(order, max(1, len(order) // POOL))]
    whole = [pool[: len(pool) // BATCH * BATCH].reshape(-1, BATCH) for pool in pools]
    return rng.permutation(np.concatenate(whole))


def tune(
    model: SentenceTransformer,
    sentences: list[LabelledSentence],
    phrases: list[str],
    seed: int,
    out: Path,
    heads: dict[str, torch.Tensor] | None = None,
) -> None:
    """One pass over the sentences; phrases of the corpus, and the sentences themselves, keep the vectors that they had.

    What it has learned is written to `out` every SAVED steps and at the end.
    """
    torch.manual_seed(seed)
    tuned, rng = Tuned(model, heads), np.random.default_rng(seed)
    for parameter in tuned.bert.embeddings.word_embeddings.parameters():
        parameter.requires_grad_(False)
    with torch.no_grad():
        before = torch.tensor(model.encode(phrases, normalize_embeddings=True, show_progress_bar=False))
    order = _batches(sentences, rng)
    steps, entropy = len(order), torch.nn.functional.cross_entropy
    optimiser = torch.optim.AdamW(
        [{"params": [p for p in tuned.bert.parameters() if p.requires_grad]}, {"params": tuned.heads.parameters(), "lr": 1e-3}],
        lr=RATE,
        weight_decay=0.01,
    )
    warm = max(1, int(WARM_UP * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / warm, (steps - step) / max(1, steps - warm))
    )
    with tqdm(range(steps), desc="tuning", mininterval=20.0) as bar:
        for step in bar:
            tuned.train()
            chosen = [sentences[i] for i in order[step]]
            encoded = tuned.tokens([list(s.words) for s in chosen], words=True)
            wanted = labels(encoded, chosen)
            logits = tuned.heads(tuned.hidden(encoded))
            loss = sum(
                entropy(one.flatten(0, 1), told.flatten(), ignore_index=-100) for one, told in zip(logits, wanted, strict=True)
            )
            rows = rng.integers(len(phrases), size=PLAIN)
            plain = tuned.tokens([phrases[i] for i in rows], words=False)
            tuned.eval()  # the vectors are compared without dropout
            kept = (tuned.pooled(tuned.hidden(plain), plain["attention_mask"]) * before[rows]).sum(-1).mean()
            total = loss + KEEP * (1.0 - kept)
            optimiser.zero_grad()
            total.backward()
            torch.nn.utils.clip_grad_norm_(tuned.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            if step % 10 == 0:
                bar.set_postfix(loss=f"{total.item():.3f}", cosine=f"{kept.item():.4f}")
            if step % SAVED == SAVED - 1:
                save(tuned, out)
    save(tuned.eval(), out)


def save(tuned: Tuned, out: Path) -> None:
    """The tuned model and its heads."""
    tuned.model.save(str(out))
    save_file({"weight": tuned.heads.linear.weight.detach(), "bias": tuned.heads.linear.bias.detach()}, out / HEADS)


def main() -> None:
    args = parser().parse_args()
    torch.set_num_threads(args.threads)
    source = args.source or packaged_model()
    model = SentenceTransformer(str(source), device="cpu", model_kwargs={"attn_implementation": "eager"})
    lists, rng = Lists.read(), np.random.default_rng(args.seed)
    test = None if args.all else False
    sentences = [
        lists.sentence(rng, frames=test, verbs=test) for _ in tqdm(range(args.sentences), desc="sentences", disable=None)
    ]
    said = marked_sentences.read(test=False)
    sentences += MARKED * said
    phrases = [text for text, *_ in corpus()] + [" ".join(s.words) for s in sentences[:4000]]
    args.out.mkdir(parents=True, exist_ok=True)
    origin, licence = PACKAGED if args.source is None else (source.name, "that of the source")
    told = {
        "wordings": " ".join(sorted(lists.wordings() | marked_sentences.wordings(said))),
        "source": origin,
        "license": licence,
        "sentences": args.sentences,
        "marked": len(said),
        "seed": args.seed,
        "held_out": not args.all,
    }
    heads = None
    if (source / HEADS).is_file():  # goes on with a tuned model
        before = json.loads((source / TUNING).read_text())
        before.pop("wordings", None)
        told |= {"source": before["source"], "license": before["license"], "after": before}
        heads = load_file(source / HEADS)
    (args.out / TUNING).write_text(json.dumps(told) + "\n")
    tune(model, sentences, phrases, args.seed, args.out, heads)


if __name__ == "__main__":
    sys.exit(in_one_line(main))
