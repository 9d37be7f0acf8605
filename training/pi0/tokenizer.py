"""A small tokenizer for tiny π0, where Gemma's own (gated, 256 000 entries) is neither needed nor at hand."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

SPECIAL = ("<pad>", "<eos>", "<bos>", "<unk>")  # Gemma's ids: 0, 1, 2, 3


def vocabulary(tasks: Iterable[str]) -> list[str]:
    """The sentences to learn a tokenizer from: the demonstrations' own, and every instruction this project knows."""
    from training.pi0.data.instructions import INSTRUCTIONS

    known = [text for one in INSTRUCTIONS for text in (one.text, *one.paraphrases)]
    return sorted({*tasks, *known})


def train_tokenizer(sentences: Iterable[str], folder: Path, vocab: int = 512):
    """Learns a byte-pair tokenizer in which the words of `sentences` become single tokens, and saves it to `folder`.

    Bytes are its fallback, so that any text has tokens. Like Gemma's it puts <bos> first; the processor ends a
    prompt with a line break, as π0 was trained.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    model = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    model.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace(" ", "▁")])
    model.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    model.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    fallback = [f"<0x{byte:02X}>" for byte in range(256)]
    corpus = [sentence.strip() + "\n" for sentence in sentences] * 4
    model.train_from_iterator(
        corpus, trainers.BpeTrainer(vocab_size=vocab - 1, special_tokens=[*SPECIAL, *fallback], show_progress=False)
    )
    model.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 2)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=model, pad_token="<pad>", eos_token="<eos>", bos_token="<bos>", unk_token="<unk>", padding_side="right"
    )
    tokenizer.save_pretrained(str(folder))
    return tokenizer
