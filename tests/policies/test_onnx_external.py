"""Weights outside an ONNX file: under a hash, or refused; never outside the folder."""

from tests.needs import needs

pytestmark = needs("train", "onnx")

import dataclasses
import json
import shutil
from pathlib import Path

import onnx
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from arbiter.errors import ConfigError
from arbiter.onnx_fields import NotOnnxError, external_files
from arbiter.routing.encoder import ENCODER, MODEL_DIR, Encoder, sha256
from deploy.robots.description import load_model
from policies.chunk.backends import card as pi0
from policies.engine import digest
from policies.locomotion.card import embed_card, read_card
from policies.locomotion.policy import OnnxPolicy
from policies.onnx_file import add_metadata, weights_beside
from tests.onnx_policies import card_for, message, save_policy

PI0 = Path("policies/weights/pi0_tiny")
MODEL = load_model()


def move_weights(path: Path, location: str = "w.data") -> Path:
    """The file again, its weights in another one; metadata and graph as they were."""
    model = onnx.load_model(str(path))
    kept = {entry.key: entry.value for entry in model.metadata_props}
    (path.parent / location).unlink(missing_ok=True)
    onnx.save_model(model, str(path), save_as_external_data=True, location=location, size_threshold=0)
    assert kept == {entry.key: entry.value for entry in onnx.load_model(str(path), load_external_data=False).metadata_props}
    return path


def rename_location(path: Path, location: str) -> None:
    model = onnx.load_model(str(path), load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    path.write_bytes(model.SerializeToString())


def as_yaml(path: Path, **changes) -> Path:
    """A YAML card beside a file without metadata."""
    card = dataclasses.replace(read_card(path), **changes)
    model = onnx.load_model(str(path))
    del model.metadata_props[:]
    path.write_bytes(model.SerializeToString())
    plain = {key: value for key, value in dataclasses.asdict(card).items() if key != "observations"}
    terms = [
        {key: value for key, value in dataclasses.asdict(term).items() if value not in (None, ())} for term in card.observations
    ]
    file = path.with_suffix(".yaml")
    file.write_text(yaml.safe_dump(listed(plain | {"observations": terms})))
    return file


def listed(value):
    if isinstance(value, dict):
        return {key: listed(item) for key, item in value.items()}
    return [listed(item) for item in value] if isinstance(value, list | tuple) else value


def test_a_card_with_a_hash_refuses_weights_outside_the_file(tmp_path):
    """They could be exchanged under an unchanged card: the robot fell."""
    path = save_policy(tmp_path / "walk.onnx", card_for(MODEL))
    card, bare = read_card(path), onnx.load_model(str(path))
    del bare.metadata_props[:]
    onnx.save_model(bare, str(path), save_as_external_data=True, location="w.data", size_threshold=0)
    path.write_bytes(embed_card(path.read_bytes(), card))
    for use in (read_card, lambda file: OnnxPolicy(file, MODEL)):
        with pytest.raises(ConfigError, match=r"walk.onnx: its weights lie in w.data, of which the SHA-256 in its card"):
            use(path)


def test_without_a_hash_they_are_read_from_the_folder_only(tmp_path):
    path = save_policy(tmp_path / "walk.onnx", card_for(MODEL))
    as_yaml(path, sha256="")
    move_weights(path)
    assert read_card(path).sha256 == "" and weights_beside(path) == (tmp_path / "w.data",)
    OnnxPolicy(path, MODEL).close()
    shutil.copy(tmp_path / "w.data", tmp_path.parent / "w.data")
    for name in ("../w.data", str(tmp_path / "w.data"), "sub/w.data", "..", ".", "", "w\\x", "./w.data"):
        rename_location(path, name)
        with pytest.raises(ConfigError, match="only a file in the same folder is read"):
            read_card(path)
    rename_location(path, "none.data")
    with pytest.raises(ConfigError, match="lie in none.data, which is no file beside it"):
        read_card(path)


@pytest.mark.parametrize("graph", ["prefix.onnx", "step.onnx"])
@pytest.mark.parametrize("location", ["w.data", "w.bin", "weights"])
def test_a_pi0_export_has_a_hash_of_every_file_of_weights(tmp_path, graph, location):
    folder = shutil.copytree(PI0, tmp_path / "pi0")
    card = pi0.read_card(folder)
    move_weights(folder / graph, location)
    card = pi0.embed_card(folder, card)
    assert card.files[location] == pi0.sha256(folder / location)
    pi0.read_card(folder)
    data = bytearray((folder / location).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / location).write_bytes(data)
    with pytest.raises(ConfigError, match=f"{location} was changed after its card was written"):
        pi0.read_card(folder)


def test_a_pi0_card_that_leaves_out_a_file_is_refused(tmp_path):
    folder = shutil.copytree(PI0, tmp_path / "pi0")
    card = pi0.read_card(folder)
    for name in ("prefix.onnx", "tokenizer.json", "w.data"):
        if name == "w.data":
            move_weights(folder / "prefix.onnx")
        whole = pi0.embed_card(folder, card)
        short = dataclasses.replace(whole, files={key: value for key, value in whole.files.items() if key != name})
        step = folder / "step.onnx"
        step.write_bytes(add_metadata(pi0.strip_metadata(step.read_bytes()), pi0.METADATA_KEY, pi0.to_json(short)))
        with pytest.raises(ConfigError, match=f"its card has no SHA-256 of {name}"):
            pi0.read_card(folder)


def test_the_encoder_of_sentences_too(tmp_path):
    folder = shutil.copytree(MODEL_DIR, tmp_path / "model")
    move_weights(folder / ENCODER)
    card = json.loads((folder / "card.json").read_text())
    card["files"][ENCODER] = sha256(folder / ENCODER)
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(ConfigError, match="has weights in 'w.data', of which card.json has no hash"):
        Encoder(folder)


def test_every_tensor_is_found_wherever_it_stands(tmp_path):
    """Constants of nodes, graphs in attributes, sparse tensors, functions."""
    from onnx import TensorProto, helper

    def tensor(name: str) -> TensorProto:
        made = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
        made.external_data.add(key="offset", value="0")
        made.external_data.add(key="location", value=name)
        return made

    sparse = onnx.SparseTensorProto(values=tensor("sparse"), indices=tensor("indices"), dims=[1])
    constant = helper.make_node("Constant", [], ["c"], value=tensor("constant"))
    inner = helper.make_graph([constant], "inner", [], [], [tensor("inner")])
    node = helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)
    graph = helper.make_graph([node], "outer", [], [], [tensor("outer")], sparse_initializer=[sparse])
    function = helper.make_function(
        "d", "f", [], ["c"], [helper.make_node("Constant", [], ["c"], value=tensor("function"))], [helper.make_opsetid("", 17)]
    )
    model = helper.make_model(graph, functions=[function])
    (tmp_path / "x.onnx").write_bytes(model.SerializeToString())
    assert external_files(tmp_path / "x.onnx") == ("constant", "function", "indices", "inner", "outer", "sparse")


def test_what_ships_has_none_and_is_looked_through_quickly():
    files = [MODEL_DIR / ENCODER, *Path("policies/weights").rglob("*.onnx")]
    assert len(files) >= 4 and all(external_files(file) == () for file in files)
    assert all(len(digest(file)) == 32 for file in files)


@given(st.binary(max_size=60))
def test_any_bytes_are_looked_through_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "fuzz.onnx"
    path.write_bytes(data)
    try:
        assert isinstance(external_files(path), tuple)
    except NotOnnxError:
        pass


def test_nested_without_end(tmp_path):
    data = b""
    for _ in range(200):
        for number in (6, 5, 1):  # graph <- attribute <- node
            data = message((number, data))
    (tmp_path / "deep.onnx").write_bytes(message((7, data)))
    with pytest.raises(NotOnnxError, match="nested too deeply"):
        external_files(tmp_path / "deep.onnx")
