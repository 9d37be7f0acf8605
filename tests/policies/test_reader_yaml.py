"""YAML of other programs is data: tags are read, nothing that they name is run, and an alias unfolds into no more than it is."""

from __future__ import annotations

import pytest

from arbiter.errors import ConfigError
from policies.locomotion.readers.loose_yaml import Slice, parse_loose


def test_python_tags_are_data():
    found = parse_loose(
        "pos: !!python/tuple [0.0, 1.5]\n"
        "all: !!python/object/apply:builtins.slice [null, null, null]\n"
        "some: !!python/object/apply:builtins.slice [0, 3, null]\n"
        "func: &f !!python/name:mjlab.envs.mdp.observations.joint_pos_rel ''\n"
        "again: *f\n"
        "noise: !!python/object:isaaclab.utils.noise.noise_cfg.UniformNoiseCfg {n_min: -0.1}\n"
        "high: .inf\n"
    )
    assert found["pos"] == [0.0, 1.5] and found["noise"] == {"n_min": -0.1} and found["high"] == float("inf")
    assert found["all"].everything and found["some"] == Slice((0, 3, None))
    assert found["func"] == found["again"] == "mjlab.envs.mdp.observations.joint_pos_rel"


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system ['touch {}']",
        "!!python/object/new:os.system ['touch {}']",
        "!!python/object/apply:subprocess.check_call {{args: [[touch, '{}']]}}",
        "!!python/name:os.system ''",
        "!!python/module:os ''",
    ],
)
def test_nothing_that_a_tag_names_is_run(tag, tmp_path):
    parse_loose(f"a: {tag.format(tmp_path / 'ran')}")
    assert list(tmp_path.iterdir()) == []


def test_aliases_do_not_unfold():
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 40)]
    assert len(parse_loose("\n".join(lines))) == 40


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\na: 2", "f.yaml:2: the key 'a' stands here twice"),
        ("a: [", "f.yaml:1: not valid YAML"),
        ("a: &a [*a]", "an alias lies within what it names"),
        ("[" * 200, "nested too deeply"),
        ("a: \x07", "control characters"),
        ("a: !!int x", "'x' is no int"),
    ],
)
def test_what_is_not_such_a_file_is_one_line(text, words):
    with pytest.raises(ConfigError) as found:
        parse_loose(text, "f.yaml")
    assert words in str(found.value) and "f.yaml" in str(found.value) and "\n" not in str(found.value)
