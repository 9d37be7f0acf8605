"""A checkpoint of elsewhere is data: what names code, pickles or files outside is refused before LeRobot sees it."""

import json
import shutil
from pathlib import Path

import pytest

from arbiter.errors import ConfigError
from policies.chunk.backends.lerobot.allowed import check_checkpoint

STEP = {"registry_name": "normalizer_processor", "config": {"eps": 1e-8}, "state_file": "s.safetensors"}


@pytest.fixture
def folder(tmp_path):
    """The files that are looked at, of a checkpoint that is taken."""
    made = tmp_path / "checkpoint"
    (made / "tokenizer").mkdir(parents=True)
    for name in ("s.safetensors", "model.safetensors"):
        (made / name).write_bytes(b"")
    write(made / "config.json", {"type": "pi0", "input_features": {"observation.state": {"type": "STATE", "shape": [44]}}})
    write(made / "policy_preprocessor.json", {"name": "x", "steps": [{"registry_name": "to_batch_processor"}, STEP]})
    write(made / "policy_postprocessor.json", {"name": "x", "steps": []})
    write(made / "tokenizer" / "tokenizer_config.json", {"tokenizer_class": "GemmaTokenizerFast"})
    return made


def write(file: Path, value) -> None:
    file.write_text(json.dumps(value))


def refused(folder: Path, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        check_checkpoint(folder)
    assert words in str(error.value) and str(folder) in str(error.value) and "\n" not in str(error.value)


def test_what_lerobot_writes_is_taken(folder):
    check_checkpoint(folder)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (
            {"class": "subprocess.Popen", "config": {"args": "touch x", "shell": True}},
            "step 0 names the class 'subprocess.Popen'",
        ),
        ({"class": "lerobot.processor.normalize_processor.NormalizerProcessorStep"}, "names the class"),
        (STEP | {"class": "os.system"}, "names the class 'os.system'"),
        (STEP | {"_target_": "os.system"}, "names the _target_ 'os.system'"),
        ({"registry_name": "subprocess.Popen"}, "has the registry_name 'subprocess.Popen'"),
        ({"registry_name": "groot_n1_7_vlm_encode_v1"}, "registry_name 'groot_n1_7_vlm_encode_v1'"),
        ({}, "registry_name nothing"),
        ({"registry_name": ["normalizer_processor"]}, "registry_name ['normalizer_processor']"),
        ("x", "step 0 is 'x'; a mapping"),
        (STEP | {"config": {"a": [{"import_path": "os"}]}}, "step 0: config.a[0].import_path means code to run"),
        (STEP | {"config": {"tokenizer": {"class": "os.system"}}}, "config.tokenizer.class means code"),
        (STEP | {"state_file": "../other.safetensors"}, "reads '../other.safetensors'; only a .safetensors file in the folder"),
        (STEP | {"state_file": "/etc/passwd"}, "reads '/etc/passwd'"),
        (STEP | {"state_file": "s.bin"}, "reads 's.bin'"),
        (STEP | {"state_file": "none.safetensors"}, "reads 'none.safetensors'"),
        (STEP | {"state_file": 5}, "reads 5"),
    ],
)
@pytest.mark.parametrize("name", ["policy_preprocessor.json", "policy_postprocessor.json"])
def test_steps_that_are_not_on_the_list_are_refused(folder, name, step, words):
    write(folder / name, {"name": "x", "steps": [step]})
    refused(folder, words)


def test_other_doors_are_closed(folder):
    def changed(name: str, value, words: str) -> None:
        before = (folder / name).read_bytes() if (folder / name).exists() else None
        (folder / name).write_bytes(value) if isinstance(value, bytes) else write(folder / name, value)
        refused(folder, words)
        (folder / name).unlink() if before is None else (folder / name).write_bytes(before)

    changed("config.json", {"type": "groot"}, "is LeRobot's groot, which loads a backbone with the code")
    changed("config.json", {"type": "tdmpc"}, "is LeRobot's tdmpc, which gives one action at a time and no chunk; act, diffusion")
    changed("config.json", {"type": "acto"}, "has the type 'acto'; did you mean 'act'?")
    changed("config.json", {"type": "act", "x": {"_target_": "os.system"}}, "config.json: x._target_ means code")
    changed("config.json", {"type": ["pi0"]}, "has the type ['pi0']")
    changed("config.json", {"type": "pi0", "x": {"_target_": "os.system"}}, "config.json: x._target_ means code")
    changed("config.json", b"\xff", "not UTF-8 text")
    changed("config.json", b"[" * 100_000, "nested too deeply")
    changed("config.json", [1], "holds [1]; a mapping")
    changed("policy_preprocessor.json", {"steps": "x"}, "has no list of steps")
    changed("policy_preprocessor.json", b'{"steps": [], "steps": []}', "the key 'steps' stands there twice")
    changed(
        "tokenizer/tokenizer_config.json",
        {"auto_map": {"AutoTokenizer": ["evil.Tokenizer", None]}},
        "tokenizer/tokenizer_config.json: auto_map means code to run",
    )
    adapter = {"peft_type": "LORA", "base_model_name_or_path": "../base", "auto_mapping": {"base_model_class": "PI0Policy"}}
    changed("adapter_config.json", adapter, "no adapter_model.safetensors; is the download complete?")
    (folder / "adapter_model.bin").write_bytes(b"")
    changed("adapter_config.json", adapter, "adapter_model.bin, but no adapter_model.safetensors; pickled weights can run code")
    (folder / "adapter_model.safetensors").write_bytes(b"")
    changed("adapter_config.json", adapter | {"peft_type": "BONE"}, "has the peft_type 'BONE'; LORA is allowed")
    changed("adapter_config.json", adapter | {"base_model_name_or_path": None}, "names no base_model_name_or_path")
    changed("adapter_config.json", adapter | {"megatron_config": {"x": 1}, "megatron_core": "x"}, "has megatron_config")
    changed("adapter_config.json", adapter | {"corda_config": {"cache_file": "x.pt"}}, "has corda_config")
    write(folder / "adapter_config.json", adapter | {"megatron_config": None, "megatron_core": "megatron.core"})
    check_checkpoint(folder)
    (folder / "adapter_config.json").unlink()
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    refused(folder, "but no model.safetensors; pickled weights can run code")


@pytest.mark.train
def test_a_hostile_checkpoint_runs_nothing(tmp_path):
    """With LeRobot itself, and a step that would leave a mark; then the same checkpoint as it was, so that the test can fail."""
    pytest.importorskip("lerobot")
    from policies.chunk.backends.lerobot import checkpoint
    from tests.pi0_rig import make_tiny

    base, mark = make_tiny(tmp_path), tmp_path / "mark"
    hostile = shutil.copytree(base, tmp_path / "hostile")
    file = hostile / "policy_preprocessor.json"
    value = json.loads(file.read_text())
    value["steps"].insert(0, {"class": "subprocess.Popen", "config": {"args": ["touch", str(mark)]}})
    file.write_text(json.dumps(value))
    with pytest.raises(ConfigError, match="names the class 'subprocess.Popen'"):
        checkpoint.load(hostile)
    (base / "tokenizer" / "evil.py").write_text(f"open({str(mark)!r}, 'w')\n")
    assert checkpoint.load(base).policy.config.type == "pi0"
    config = json.loads((base / "tokenizer" / "tokenizer_config.json").read_text())
    config["auto_map"] = {"AutoTokenizer": ["evil.Tokenizer", "evil.Tokenizer"]}
    (base / "tokenizer" / "tokenizer_config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match="auto_map means code"):
        checkpoint.load(base)
    assert not mark.exists()
