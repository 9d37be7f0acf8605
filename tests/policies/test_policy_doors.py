"""Kinds of policies and chunk backends from outside: found by file, checked like every other key, opened walled."""

import textwrap
import time

import numpy as np
import pytest

from arbiter.errors import ConfigError, PolicyError
from arbiter.strict import Problems, parse_text
from deploy.robots.description import load_model
from deploy.runtime.config import find_tree, load_tree
from deploy.runtime.doors import load_doors
from policies.chunk.backends.recorded import RecordedChunks
from policies.chunk.contract import check_backend
from policies.loading import check_backend_kind, check_policy_kind
from policies.plugin import BackendKind, PolicyKind
from policies.registry import PolicyContext, load_policies

MODEL = load_model()
SWAY = """
    from dataclasses import dataclass
    from arbiter.strict.fields import limited
    from policies.fallback.policies import Rest
    from policies.plugin import PolicyKind

    @dataclass(frozen=True)
    class SwayConfig:
        height: float = limited(0.05, 0.0, 0.2, "m")

    class Sway(PolicyKind):
        name, help, Config = "sway", "moves the arms", SwayConfig

        def open(self, name, settings, context):
            return Rest(context.model, name=f"{name}_{settings.height:g}")
"""
STILL = """
    import numpy as np
    from dataclasses import dataclass
    from policies.chunk.backends.recorded import RecordedChunks
    from policies.plugin import BackendKind

    @dataclass(frozen=True)
    class StillConfig:
        prompts: tuple[str, ...] = ("hold still",)

    class Still(BackendKind):
        name, help, Config = "still", "stays where it is", StillConfig

        def open(self, settings, context):
            rows = np.array([context.model.default] * 50)
            return RecordedChunks(dict.fromkeys(settings.prompts, rows), context.model.joints, name="still")
"""


def tree_with(folder, policies, **files):
    """A tree file with `policies` beside its own, and files of plug-ins in `folder`."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text))
    text = find_tree("default.yaml").read_text().replace("policies:\n", f"policies:\n{textwrap.indent(policies, '  ')}\n", 1)
    head = "\n".join(
        f"{key}: {{files: [{name}.py]}}" for key, name in (("policy_kinds", "sway"), ("backends", "still")) if name in files
    )
    file = folder / "t.yaml"
    file.write_text(f"{head}\n{text}")
    return file


def test_files_bring_a_kind_of_policies_and_a_backend(tmp_path):
    file = tree_with(tmp_path, "a: {kind: sway, height: 0.1}\nb: {kind: chunk, backend: still}", sway=SWAY, still=STILL)
    loaded = load_tree(str(file))
    doors = load_doors(loaded)
    assert doors.problems == [] and set(doors.kinds) == {"sway"} and set(doors.backends) == {"still"}
    nodes = {name: loaded.config.policies[name] for name in ("a", "b")}
    context = PolicyContext(MODEL, chunk_delay=0.1, kinds=doors.kinds, backends=doors.backends)
    players = load_policies(nodes, context)
    assert players["a"][0].name == "a_0.1" and [player.kind for player in players["b"]] == ["chunk", "chunk"]
    for group in players.values():
        for player in group:
            player.close()


@pytest.mark.parametrize(
    ("policies", "error"),
    [
        ("a: {kind: swey}", "policy 'a' has the kind 'swey'; did you mean 'sway'?"),
        ("a: {kind: none}", "allowed: chunk, damp, hold, onnx, rest, stand, sway"),
        ("a: {kind: sway, height: 2}", "policies.a.height is 2; 0 to 0.2 m are allowed"),
        ("a: {kind: sway, hight: 0.1}", "unknown key 'policies.a.hight'; did you mean 'height'?"),
        ("a: {kind: chunk, backend: stil}", "policy 'a': chunk backend 'stil'; did you mean 'still'?"),
        ("a: {kind: chunk, backend: still, options: {prompt: x}}", "policies.a.options.prompt'; did you mean 'prompts'?"),
        ("a: {kind: chunk, backend: still, path: x}", "unknown key 'policies.a.path'"),
    ],
)
def test_settings_are_checked_with_file_and_line(tmp_path, policies, error):
    file = tree_with(tmp_path, policies, sway=SWAY, still=STILL)
    line = file.read_text().splitlines().index(f"  {policies}") + 1
    with pytest.raises(ConfigError) as raised:
        loaded = load_tree(str(file))
        doors = load_doors(loaded)
        load_policies(loaded.config.policies, PolicyContext(MODEL, kinds=doors.kinds, backends=doors.backends))
    assert f"{file}:{line}: " in str(raised.value) and error in str(raised.value)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("x = 1", "holds no subclass of policies.plugin.PolicyKind that has a name"),
        (SWAY.replace('"sway"', '"onnx"'), "is a policy kind of this project"),
        (SWAY.replace("def open", "def opened"), "Sway has no open()"),
        (SWAY.replace("height: float", "height: object"), "Config.height is a <class 'object'>"),
    ],
)
def test_a_broken_file_is_left_out_by_name_and_an_error_of_the_tree_file(tmp_path, text, error):
    file = tree_with(tmp_path, "", sway=text)
    problems = Problems()
    doors = load_doors(_typed(file), problems)
    assert doors.kinds == {} and error in doors.problems[0]
    assert any("policy_kinds.files: sway.py: " in line and error in line for line in problems.lines)


def _typed(file):
    """The tree file, its plug-ins not looked at."""
    from arbiter.strict import build, parse
    from deploy.runtime.config import Loaded, TreeConfig

    node = parse(file)
    return Loaded(file, node, build(TreeConfig, node, Problems()))


class Blocks(PolicyKind):
    name, help, patience = "blocks", "hangs while it opens", 0.05

    def open(self, name, settings, context):
        time.sleep(2.0)


class Raises(PolicyKind):
    name, help = "raises", "raises while it opens"

    def open(self, name, settings, context):
        raise OSError("no file")


class Rubbish(PolicyKind):
    name, help = "rubbish", "opens what is no policy"

    def open(self, name, settings, context):
        return 3


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (Blocks, "policy kind 'blocks': blocks: not opened within 0.05 s"),
        (Raises, "policy kind 'raises': OSError: no file"),
        (Rubbish, "policy kind 'rubbish': int has no reset(), warm(), act(), release(), close()"),
    ],
)
def test_what_goes_wrong_while_it_opens_names_policy_and_kind(kind, error):
    assert check_policy_kind(kind) == []
    nodes = parse_text(f"p: {{kind: {kind.name}}}", "t.yaml").value
    with pytest.raises(ConfigError, match="t.yaml:1: policy 'p': ") as raised:
        load_policies(nodes, PolicyContext(MODEL, kinds={kind.name: kind}))
    assert error in str(raised.value)


def test_the_contract_of_a_backend_kind():
    assert check_backend_kind(type("B", (BackendKind,), {"name": "pi0", "help": "h"}))[0].endswith("choose another")
    assert check_backend_kind(type("B", (BackendKind,), {"name": "mine", "help": "h"})) == ["B has no open()"]
    assert "is not a subclass of policies.plugin.BackendKind" in check_backend_kind(Raises)[0]


class Wave:
    """A backend that keeps the contract; what a test changes breaks it."""

    name, joints, rate_hz, horizon, needs_image, supports_rtc = "wave", MODEL.joints, 50.0, 50, False, False

    def __init__(self):
        self.calls = 0

    def predict(self, observation, prompt, *, previous=None, delay_steps=0, seed=0):
        if prompt != "wave":
            raise PolicyError(f"{prompt!r} was not learnt")
        if not np.isfinite(observation.joint_pos).all():
            raise PolicyError("joints are not known")
        return np.tile(observation.joint_pos, (50, 1)) + np.random.default_rng(seed).normal(size=(50, 1))

    def close(self):
        self.calls += 1


def breaks(call):
    """A predict() that spoils the rows, or the inputs, of a good one."""

    def predict(self, observation, prompt, **options):
        return call(self, Wave.predict(self, observation, prompt, **options), options)

    return predict


def count(self, rows, options):
    self.calls += 1
    return rows + self.calls


def in_place(self, rows, options):
    if options.get("previous") is not None:
        options["previous"] += 1.0
    return rows


def same_array(self, rows, options):
    self.calls += 1
    self.kept = getattr(self, "kept", rows)
    self.kept += self.calls - 1
    return self.kept


def close_once(self):
    self.calls += 1
    if self.calls > 1:
        raise ValueError("closed already")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"name": ""}, "name is ''; text is expected"),
        ({"joints": ("a", "a")}, "a tuple of different joint names is expected"),
        ({"rate_hz": float("nan")}, "a positive number of rows per second"),
        ({"horizon": 1}, "two or more rows"),
        ({"needs_image": None}, "needs_image is None; True or False is expected"),
        ({"supports_rtc": 1}, "supports_rtc is 1; True or False is expected"),
        ({"close": None}, "Bad has no close()"),
        ({"predict": breaks(lambda self, rows, options: rows[:20])}, "rows of shape (20, 22); (50, 22) is expected"),
        ({"predict": breaks(lambda self, rows, options: rows.tolist())}, "returned list; an array of floats is expected"),
        ({"predict": breaks(lambda self, rows, options: rows * np.nan)}, "rows that are not finite"),
        ({"predict": breaks(count)}, "the same inputs and seed gave another chunk"),
        ({"predict": breaks(same_array)}, "a later call changed the rows of an earlier one"),
        ({"predict": breaks(in_place)}, "predict() changed `previous`"),
        ({"close": close_once}, "close(), called for the second time: ValueError: closed already"),
    ],
)
def test_the_contract_of_a_backend_tells_what_is_wrong(changes, error):
    assert check_backend(Wave, "wave") == []
    problems = check_backend(type("Bad", (Wave,), changes), "wave")
    assert any(error in line for line in problems), problems


def test_a_backend_that_plays_what_is_not_finite_for_joints_that_are_not_known():
    def predict(self, observation, prompt, **options):
        return np.tile(observation.joint_pos, (50, 1))

    problems = check_backend(type("Bad", (Wave,), {"predict": predict}), "wave")
    assert problems == [
        "predict() of joints that are not a number: returned rows that are not finite; an error, or a chunk that can be played, "
        "is expected"
    ]


def test_backends_of_this_project_keep_the_contract():
    from policies.chunk.backends import load_backend
    from policies.context import SHIPPED

    rows = np.array([MODEL.default] * 60)
    assert check_backend(lambda: RecordedChunks({"hold": rows}, MODEL.joints), "hold") == []
    assert check_backend(lambda: load_backend(SHIPPED / "pi0_tiny"), "touch the red ball") == []
