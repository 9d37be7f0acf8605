"""The grammar of labelled sentences, and a small encoder tuned on them, built and read back."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.errors import ConfigError
from arbiter.routing.structure import CLAUSES, OUTPUTS, ROLES
from training.router.structure import marked_sentences
from training.router.structure.grammar import Lists
from training.router.structure.labelled import held_out
from training.router.structure.sentence_maker import SentenceMaker
from training.router.structure.verb_forms import gerund, participle, past

LISTS = Lists.read()


HELD_OUT = st.sampled_from((False, True, None))


@given(st.integers(0, 2**32 - 1), HELD_OUT, HELD_OUT)
def test_every_word_has_its_labels(seed, frames, verbs):
    sentence = LISTS.sentence(np.random.default_rng(seed), frames, verbs)
    count = len(sentence.words)
    assert count and sentence.starts[0] and all(word and " " not in word for word in sentence.words)
    assert len(sentence.starts) == len(sentence.clauses) == len(sentence.roles) == count
    changed = [a != b for a, b in zip(sentence.clauses, sentence.clauses[1:], strict=False)]
    assert all(starts for starts, new in zip(sentence.starts[1:], changed, strict=True) if new)


@given(st.integers(0, 2**32 - 1))
def test_a_seed_makes_one_sentence(seed):
    assert LISTS.sentence(np.random.default_rng(seed)) == LISTS.sentence(np.random.default_rng(seed))


def test_every_kind_and_role_occurs():
    rng = np.random.default_rng(0)
    made = [LISTS.sentence(rng) for _ in range(600)]
    assert {CLAUSES[kind] for one in made for kind in one.clauses} == set(CLAUSES)
    assert {ROLES[role] for one in made for role in one.roles} == set(ROLES)


def test_marked_sentences_say_what_each_word_is_for():
    sentence = marked_sentences.marked("retracted: wave, || command: no,/x 1/2 turn,/q please/f", "f:1")
    assert sentence.words == ("wave,", "no,", "1/2", "turn,", "please") and sentence.starts == (True, True, False, False, False)
    assert [CLAUSES[kind] for kind in sentence.clauses] == ["retracted", *["command"] * 4]
    assert [ROLES[role] for role in sentence.roles] == ["other", "correction", "other", "quantity", "frame"]
    for line in ("order: wave", "wave", "command:"):
        with pytest.raises(ConfigError, match=r"f:1: .* is no clause; it begins with its kind, one of command, negated"):
            marked_sentences.marked(line, "f:1")


def test_sentences_of_held_out_authors_are_not_learned_from():
    learned, kept, everything = (marked_sentences.read(test) for test in (False, True, None))
    assert len(kept) > 500 and len(learned) + len(kept) == len(everything)
    assert {CLAUSES[kind] for one in kept for kind in one.clauses} == set(CLAUSES)


def test_held_out_wordings_are_not_learned_from():
    plain = Lists({"frames_before": [f"frame{i} to" for i in range(40)], **dict.fromkeys(_OTHERS, ["x"])}, ["wave"])
    rng = np.random.default_rng(1)

    def met(frames):
        words = {word for _ in range(800) for word in plain.sentence(rng, frames=frames, verbs=False).words}
        return {name for word in words if (name := re.sub(r"\W", "", word)).startswith("frame")}

    learned, tested = met(False), met(True)
    assert learned and tested and not learned & tested
    assert all(held_out(f"{name} to") for name in tested) and not any(held_out(f"{name} to") for name in learned)


_OTHERS = sorted(set(LISTS._lists) - {"frames_before"})


@pytest.mark.parametrize(
    ("verb", "forms"), [("wave", "waving waved waved"), ("step", "stepping stepped stepped"), ("go", "going went gone")]
)
def test_forms_of_verbs(verb, forms):
    assert [gerund(verb), past(verb), participle(verb)] == forms.split()


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """A BERT of two small layers, tuned for a few steps."""
    transformers = pytest.importorskip("transformers")
    sentence_transformers = pytest.importorskip("sentence_transformers")
    modules = pytest.importorskip("sentence_transformers.sentence_transformer.modules")
    from training.router.build import packaged_model
    from training.router.structure import tune

    folder = tmp_path_factory.mktemp("tuned")
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    transformers.BertModel(transformers.BertConfig(**size)).save_pretrained(folder / "bert")
    transformers.AutoTokenizer.from_pretrained(packaged_model()).save_pretrained(folder / "bert")
    parts = [modules.Transformer(str(folder / "bert")), modules.Pooling(32), modules.Normalize()]
    model = sentence_transformers.SentenceTransformer(modules=parts, device="cpu")
    rng = np.random.default_rng(0)
    tune.tune(model, [LISTS.sentence(rng) for _ in range(128)], ["wave", "walk forward"], 0, folder / "out")
    told = {"source": "a small BERT", "license": "none", "sentences": 128, "seed": 0, "held_out": True}
    (folder / "out" / "structure.json").write_text(json.dumps(told))
    return folder / "out"


def test_the_graph_tells_what_the_tuned_model_tells(tuned, tmp_path):
    import torch
    from safetensors.numpy import load_file
    from sentence_transformers import SentenceTransformer

    from arbiter.routing.encoder import Encoder
    from training.router import build

    card = build.build(tuned, tmp_path)
    assert (card["source"], card["tuning"]["sentences"]) == ("a small BERT", 128)
    encoder, words = Encoder(tmp_path), ["could", "you", "wave,", "please"]
    assert encoder.structured
    logits = encoder.structure(words)
    assert logits.shape == (4, OUTPUTS)
    model = SentenceTransformer(str(tuned), device="cpu")
    tokens = model.tokenizer([words], is_split_into_words=True, return_tensors="pt")
    heads = load_file(tuned / "structure.safetensors")
    with torch.no_grad():
        hidden = model[0].auto_model(**tokens).last_hidden_state[0].numpy()
    first = [tokens.word_ids(0).index(i) for i in range(4)]
    wanted = hidden[first] @ heads["weight"].T + heads["bias"]
    np.testing.assert_allclose(logits, wanted, atol=0.15 * np.abs(wanted).max())  # int8


def test_every_wording_makes_a_command_polite():
    rng = np.random.default_rng(0)
    for frames in (False, True, None):
        maker = SentenceMaker(LISTS._lists, LISTS._phrases, rng, frames, None)
        assert all(maker._command(polite=1.0).words for _ in range(1500))  # one of "frames_apart" is dropped when normalised
