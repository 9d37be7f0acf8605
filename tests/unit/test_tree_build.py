"""Tree files: checked whole, every error with file, line and the nearest valid name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.errors import ConfigError
from arbiter.strict import Problems, parse_text
from arbiter.tree.build import Names, check
from arbiter.tree.registry import NODE_TYPES
from deploy.config import find_tree, load_tree
from deploy.tree import main

NAMES = Names(skills=("walk_forward", "bow"), policies=("locomotion", "stand"), groups=("legs", "arms", "whole_body"))


def errors(text):
    problems = Problems()
    check(parse_text(text, "t.yaml"), NAMES, problems)
    return problems.lines


@pytest.mark.parametrize(("text", "error"), [
    ("selectr: [home]", "t.yaml:1: unknown node type 'selectr'; did you mean 'selector'?"),
    ("selector:\n  - run: walk_forwrd", "t.yaml:2: run: no skill 'walk_forwrd'; did you mean 'walk_forward'?"),
    ("selector:\n  - hand_over: {to: locomotin}", "t.yaml:2: hand_over: no to 'locomotin'; did you mean 'locomotion'?"),
    ("selector:\n  - hand_over: {to: stand, joints: leg}", "t.yaml:2: hand_over: no joints 'leg'; did you mean 'legs'?"),
    ("guard: {falt: true}", "t.yaml:1: unknown key 'guard.falt'; did you mean 'fault'?"),
    ("guard: {mode: runn}", "t.yaml:1: guard: no mode 'runn'; did you mean 'run'?"),
    ("timeout: {seconds: 1}", "t.yaml:1: timeout needs a `child`"),
    ("timeout: {seconds: soon, child: home}", "t.yaml:1: timeout.seconds is 'soon'; a number is expected"),
    ("selector: []", "t.yaml:1: selector has no children"),
    ("home: {now: true}", "t.yaml:1: home has no settings; 'now' is not known to it"),
    ("[home]", "a node is one word or one `type: settings` pair"),
])
def test_what_is_wrong_is_said_where_it_stands(text, error):
    assert any(error in line for line in errors(text))


def test_every_error_of_a_file_is_reported():
    assert len(errors("selector:\n  - run: x\n  - guard: {y: 1}\n  - z")) == 3


@pytest.mark.parametrize("text", [
    "home", "wait: 2", "say: hello", "run: bow", "run: {skill: bow, parameters: {duration: 2.0}}",
    "parallel: {until: one, children: [home, {wait: 1}]}", "retry: {times: 2, child: {not: {child: home}}}"])
def test_short_and_long_forms(text):
    assert errors(text) == []


def test_every_node_type_says_what_it_does():
    assert all(node.help for node in NODE_TYPES.values())


@given(st.recursive(st.sampled_from(["home", "guard", "x", 1, None, True]),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
                        st.sampled_from([*NODE_TYPES, "name", "child", "children", "seconds"]), inner, max_size=3)))
def test_any_structure_is_accepted_or_explained(value):
    import yaml
    problems = Problems()
    spec = check(parse_text(yaml.safe_dump(value)), NAMES, problems)
    assert (spec is None) == bool(problems.lines) or problems.lines


def test_overrides_are_checked_like_the_file():
    loaded = load_tree("default.yaml", ["control.blend_time=0.2", "simulation.chunk_delay=0.3"])
    assert loaded.config.control.blend_time == 0.2
    assert loaded.config.simulation.chunk_delay == 0.3
    assert "blend_time: 0.2" in loaded.resolved_yaml()
    with pytest.raises(ConfigError, match="unknown key 'control.blendtime'; did you mean 'blend_time'?"):
        load_tree("default.yaml", ["control.blendtime=0.2"])
    with pytest.raises(ConfigError, match="key=value is expected"):
        load_tree("default.yaml", ["control.blend"])
    with pytest.raises(ConfigError, match="control.blend is 'foo'; allowed: inertial, crossfade"):
        load_tree("default.yaml", ["control.blend=foo"])


def test_a_missing_tree_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean default.yaml?"):
        load_tree("defualt.yaml")


def test_the_page_lists_every_node_type_and_condition():
    from dataclasses import fields
    from pathlib import Path

    from arbiter.tree.guards import GuardConfig
    page = (Path(__file__).parents[2] / "docs" / "tree.md").read_text()
    assert [name for name in NODE_TYPES if f"`{name}" not in page] == []
    assert [field.name for field in fields(GuardConfig) if f"`{field.name}`" not in page] == []


def test_all_errors_of_a_file_come_at_once(tmp_path, capsys):
    text = find_tree("default.yaml").read_text().replace("get_ready", "get_redy")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(text + "limits: {velocity: {arms: 9.0}, upperr: 3}\n")
    assert main([str(wrong)]) == 2
    told = capsys.readouterr().err
    for part in ("unknown node type 'get_redy'; did you mean 'get_ready'?", "at most 8 is allowed", "did you mean 'upper'?"):
        assert part in told
    wrong.write_text("robott: x\n" + text)
    assert main([str(wrong)]) == 2
    told = capsys.readouterr().err
    assert "wrong.yaml:1: unknown key 'robott'; did you mean 'robot'?" in told and "did you mean 'get_ready'?" in told
