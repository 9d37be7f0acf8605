"""What a checkpoint folder may make LeRobot do, checked before LeRobot reads it: nothing but its own registered steps.

LeRobot imports a processor step by the `class` that policy_preprocessor.json names and calls it, `subprocess.Popen` too,
before it looks whether that is a step at all; PEFT and transformers have such doors as well. A checkpoint is data from
elsewhere: it is refused if it names code, pickled weights or files outside its folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from arbiter.errors import ConfigError
from arbiter.strict import Node, nearest, read_text, short
from arbiter.strict.json_text import parse_json

PI0 = ("pi0", "pi05", "pi0_fast")
POLICIES = ("act", "diffusion", "vqbet", "smolvla", *PI0)
ONE_ACTION = "gives one action at a time and no chunk"
OWN_CODE = "loads a backbone with the code or the pickled weights that lie beside it"
OTHERS = {  # LeRobot's other policies, and why they are not run
    "tdmpc": ONE_ACTION,
    "gaussian_actor": ONE_ACTION,
    "sac": ONE_ACTION,
    "groot": OWN_CODE,
    "multi_task_dit": OWN_CODE,
} | dict.fromkeys(("eo1", "evo1", "fastwam", "lingbot_va", "molmoact2", "vla_jepa", "wall_x", "xvla"), OWN_CODE)
STEPS = frozenset(
    (
        "rename_observations_processor",
        "to_batch_processor",
        "pi0_new_line_processor",
        "smolvla_new_line_processor",
        "tokenizer_processor",
        "action_tokenizer_processor",
        "pi05_prepare_state_tokenizer_processor_step",
        "pi0_fast_prepare_state_tokenizer_processor_step",
        "device_processor",
        "normalizer_processor",
        "unnormalizer_processor",
        "relative_actions_processor",
        "absolute_actions_processor",
    )
)
PROCESSORS = ("policy_preprocessor.json", "policy_postprocessor.json")
ADAPTER = "adapter_config.json"
# Keys that somewhere mean code: in Hydra, jsonargparse, transformers, LeRobot, PEFT.
CODE = frozenset(
    (
        "class",
        "class_path",
        "class_name",
        "_target_",
        "target",
        "_partial_",
        "module",
        "import",
        "import_path",
        "callable",
        "function",
        "auto_map",
        "auto_mapping",
        "__reduce__",
        "code",
        "eval",
    )
)
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
LORA = ("megatron_config", "corda_config", "eva_config", "lora_ga_config", "arrow_config")  # import modules or read pickles


def check_checkpoint(folder: Path) -> None:
    """Raises ConfigError for a folder that names code, pickles or files of elsewhere. Imports nothing of LeRobot."""
    config = read(folder / "config.json")
    kind = config.entries.get("type")
    if kind is None:
        raise ConfigError(
            f"checkpoint {folder}: config.json is not LeRobot's, it names no type; openpi's conversion gives "
            "weights only: put its model.safetensors beside the config.json and the processors of a LeRobot "
            "policy of the same sizes, with openpi's norm_stats.json as statistics and relative actions"
        )
    if why := OTHERS.get(str(kind.value)):
        raise ConfigError(
            f"checkpoint {folder}: is LeRobot's {kind.value}, which {why}; {', '.join(POLICIES)} are run here, and any policy "
            "behind a server that speaks openpi's protocol"
        )
    if kind.value not in POLICIES:
        raise ConfigError(
            f"checkpoint {folder}: config.json has the type {short(kind.plain())}; {nearest(str(kind.plain()), POLICIES)}"
        )
    _no_code(config, folder, "config.json")
    for name in PROCESSORS:
        if (folder / name).exists():
            _check_processor(read(folder / name), folder, name)
        elif kind.value not in PI0:
            raise ConfigError(
                f"checkpoint {folder}: no {name}, as before LeRobot 0.4; `python -m "
                f"lerobot.processor.migrate_policy_normalization --pretrained-path {folder}` makes one that has it"
            )
    if (folder / ADAPTER).exists():
        _check_adapter(folder)
    elif not (folder / "model.safetensors").is_file():
        _no_pickle(folder, "model.safetensors")
    for file in sorted(folder.glob("tokenizer/*.json")):
        if file.name != "tokenizer.json":  # the words themselves
            _no_code(read(file), folder, f"tokenizer/{file.name}")


def read(file: Path) -> Node:
    """A JSON file that holds a mapping. Raises ConfigError naming it."""
    node = parse_json(read_text(file, 50_000_000), str(file))
    if not isinstance(node.value, dict):
        raise ConfigError(f"{file}: holds {short(node.plain())}; a mapping is expected")
    return node


def _check_processor(node: Node, folder: Path, name: str) -> None:
    steps = node.entries.get("steps")
    if steps is None or not isinstance(steps.value, list):
        raise ConfigError(f"checkpoint {folder}: {name} has no list of steps")
    for number, step in enumerate(steps.value):
        where = f"checkpoint {folder}: {name}: step {number}"
        if not isinstance(step.value, dict):
            raise ConfigError(f"{where} is {short(step.plain())}; a mapping is expected")
        if code := sorted(CODE & step.value.keys()):
            raise ConfigError(
                f"{where} names the {code[0]} {short(step.value[code[0]].plain())}; only LeRobot's registered "
                f"steps are run: {', '.join(sorted(STEPS))}"
            )
        kind, state = step.value.get("registry_name"), step.value.get("state_file")
        if kind is None or not isinstance(kind.value, str) or kind.value not in STEPS:
            given = short(kind.plain()) if kind is not None else "nothing"
            raise ConfigError(f"{where} has the registry_name {given}; {nearest(given, STEPS)}")
        if state is not None and not _is_beside(state.value, folder):
            raise ConfigError(f"{where} reads {short(state.plain())}; only a .safetensors file in the folder itself is read")
        _no_code(step, folder, f"{name}: step {number}")


def _is_beside(name: object, folder: Path) -> bool:
    """Whether it is the name of a safetensors file in the folder."""
    return isinstance(name, str) and Path(name).name == name and name.endswith(".safetensors") and (folder / name).is_file()


def _check_adapter(folder: Path) -> None:
    """PEFT takes pickled weights where there are no others, and imports the module that `megatron_core` names."""
    config = read(folder / ADAPTER)
    if not (folder / "adapter_model.safetensors").is_file():
        _no_pickle(folder, "adapter_model.safetensors")
        raise ConfigError(f"checkpoint {folder}: no adapter_model.safetensors; is the download complete?")
    kind, base = config.entries.get("peft_type"), config.entries.get("base_model_name_or_path")
    if kind is None or kind.value != "LORA":
        raise ConfigError(f"checkpoint {folder}: {ADAPTER} has the peft_type {short(kind and kind.plain())}; LORA is allowed")
    if base is None or not isinstance(base.value, str):
        raise ConfigError(f"checkpoint {folder}: {ADAPTER} names no base_model_name_or_path; the folder of the base is expected")
    for key in LORA:
        if key in config.entries and config.entries[key].value not in (None, {}):
            raise ConfigError(f"checkpoint {folder}: {ADAPTER} has {key}; such adapters are not loaded: export it as plain LoRA")
    settings = {key: node for key, node in config.entries.items() if key != "auto_mapping"}  # of PEFT's AutoPeftModel only
    _no_code(Node(settings, config.file, 1), folder, ADAPTER)


def _no_pickle(folder: Path, wanted: str) -> None:
    found = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES) if folder.is_dir() else []
    if found:
        raise ConfigError(
            f"checkpoint {folder}: {found[0]}, but no {wanted}; pickled weights can run code and are not read: "
            "convert them where you trust them"
        )


def _no_code(node: Node, folder: Path, name: str) -> None:
    """Raises ConfigError if a key anywhere below means code."""
    for path, key in _keys(node):
        if key in CODE:
            raise ConfigError(
                f"checkpoint {folder}: {name}: {path} means code to run; a checkpoint is read as data only: take "
                f"it out if it is no more than a note"
            )


def _keys(node: Node, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(node.value, dict):
        for key, item in node.value.items():
            here = f"{path}.{key}" if path else key
            yield here, key
            yield from _keys(item, here)
    elif isinstance(node.value, list):
        for number, item in enumerate(node.value):
            yield from _keys(item, f"{path}[{number}]")
