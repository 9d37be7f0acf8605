"""Cards of elsewhere: a card, or one error that names the file; never a traceback."""

import copy
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.errors import ConfigError
from arbiter.routing.encoder import CARD, ENCODER, MODEL_DIR, TOKENIZER, Encoder
from deploy.robots.description import load_model
from policies.chunk.backends import card as pi0
from policies.locomotion import card as locomotion
from policies.onnx_file import add_metadata, strip_metadata
from tests.onnx_policies import card_for, save_policy

WALK = json.loads(locomotion.to_json(card_for(load_model(), sha256="0" * 64)))
CHUNK = json.loads(pi0.to_json(pi0.read_card("policies/weights/pi0_tiny")))
JUNK = st.sampled_from(
    [None, True, -1, 0, 2**70, 1e308, "", "x", "\ud800", [], [[]], [None], ["x"], {}, {"a": []}, [10**30], [1e308]]
)


def places(value, above=()):
    """Paths to everything in a JSON value, of lists to the first entry only."""
    items = value.items() if isinstance(value, dict) else list(enumerate(value))[:1] if isinstance(value, list) else ()
    for key, item in items:
        yield (*above, key)
        yield from places(item, (*above, key))


@pytest.mark.parametrize(("card", "read"), [(WALK, locomotion.from_json), (CHUNK, pi0.from_json)])
def test_junk_in_any_place_is_a_card_or_an_error_that_names_the_file(card, read):
    @given(st.sampled_from(list(places(card))), JUNK, st.booleans())
    def judge(place, junk, left_out):
        changed = copy.deepcopy(card)
        node = changed
        for key in place[:-1]:
            node = node[key]
        if left_out:
            del node[place[-1]]
        else:
            node[place[-1]] = junk
        try:
            read(json.dumps(changed), "x.onnx")
        except ConfigError as error:
            assert all("x.onnx" in line and len(line) < 600 for line in str(error).splitlines())

    judge()


@given(st.text(max_size=40) | st.binary(max_size=40).map(lambda data: data.decode("latin-1")))
def test_any_text_is_refused_by_name(text):
    for read in (locomotion.from_json, pi0.from_json):
        with pytest.raises(ConfigError, match="x.onnx"):
            read(text, "x.onnx")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xff\xfe{}", "card.json: not UTF-8 text (byte 0)"),
        (b'{"format": ' + b"9" * 5000 + b"}", "a number of 5000 digits"),
        (b"[" * 100_000, "nested too deeply"),
        (b"{}", "'format' is missing"),
        (b"[]", "a mapping with format, "),
        (b"", "not valid JSON"),
    ],
)
def test_a_card_beside_engines(tmp_path, data, words):
    (tmp_path / "card.json").write_bytes(data)
    with pytest.raises(ConfigError) as error:
        pi0.read_card(tmp_path)
    assert words in str(error.value) and "card.json" in str(error.value)


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        b"9" * 5000,
        b"[" * 100_000,
        b"{}",
        b"[]",
        b'{"files": 3, "size": 1}',
        b'{"files": {}, "size": 1e999}',
        b'{"files": [1], "size": 2}',
    ],
)
def test_the_card_of_the_encoder(tmp_path, data):
    for name in (ENCODER, TOKENIZER):
        (tmp_path / name).symlink_to((MODEL_DIR / name).resolve())
    (tmp_path / CARD).write_bytes(data)
    with pytest.raises(ConfigError, match=r"card.json"):
        Encoder(tmp_path)


@given(st.integers(0, 5000), st.integers(0, 255))
def test_a_flipped_byte_of_a_policy_file_is_told_by_name(tmp_path_factory, at, byte):
    folder = tmp_path_factory.getbasetemp()
    path = folder / "flipped.onnx"
    if not (folder / "whole.onnx").exists():
        save_policy(folder / "whole.onnx", card_for(load_model()))
    data = bytearray(Path(folder / "whole.onnx").read_bytes())
    data[at % len(data)] = byte
    path.write_bytes(data)
    try:
        locomotion.read_card(path)
    except ConfigError as error:
        assert "flipped.onnx" in str(error)


def test_metadata_that_are_no_text(tmp_path):
    path = save_policy(tmp_path / "walk.onnx", card_for(load_model()))
    bare = strip_metadata(path.read_bytes())
    path.write_bytes(add_metadata(bare, locomotion.METADATA_KEY, "é").replace("é".encode(), b"\xff\xfe"))
    with pytest.raises(ConfigError, match="walk.onnx: not an ONNX file: the metadata at byte .* are not UTF-8 text"):
        locomotion.read_card(path)
