"""Strict YAML: what a user gets to read when a file is wrong."""

from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.errors import ConfigError
from arbiter.strict import Problems, build, load, parse_text


@dataclass(frozen=True)
class Inner:
    gain: float


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner | None = None
    pair: tuple[float, float] = (0.0, 1.0)
    kind: Literal["a", "b"] = "a"
    count: int = 1


def problems_of(text, kind=Outer):
    problems = Problems()
    build(kind, parse_text(text, "robot.yaml"), problems)
    return problems.lines


def test_a_right_file_becomes_a_dataclass():
    problems = Problems()
    value = build(Outer, parse_text("name: x\ninner: {gain: 1e-3}\npair: [1, 2]\nkind: b"), problems)
    assert not problems.lines
    assert value == Outer("x", Inner(0.001), (1.0, 2.0), "b")


@pytest.mark.parametrize(("text", "error"), [
    ("nme: x", "robot.yaml:1: unknown key 'nme'; did you mean 'name'?"),
    ("name: x\ninner: {gian: 1}", "robot.yaml:2: unknown key 'inner.gian'; did you mean 'gain'?"),
    ("name: 3", "robot.yaml:1: name is 3; text is expected"),
    ("name: x\npair: [1]", "robot.yaml:2: pair has 1 values; 2 are expected"),
    ("name: x\nkind: c", "robot.yaml:2: kind is 'c'; allowed: a, b"),
    ("name: x\ncount: true", "robot.yaml:2: count is True; a whole number is expected"),
    ("name: x\ninner: {gain: .nan}", "robot.yaml:2: inner.gain is NaN; a number is expected"),
    ("count: 2", "robot.yaml:1: 'name' is missing"),
    ("- 1", "robot.yaml:1: Outer is a list; a mapping is expected"),
])
def test_an_error_has_file_line_value_and_the_way_out(text, error):
    assert error in problems_of(text)


def test_all_errors_at_once():
    assert len(problems_of("nme: x\ncount: many\npair: 3")) == 4


@pytest.mark.parametrize(("text", "error"), [
    ("a: [", "f.yaml:1: not valid YAML"),
    ("a: 1\na: 2", "f.yaml:2: the key 'a' stands here twice"),
    ("a: &x [1]\nb: *x", "f.yaml:1: aliases are not allowed"),
    ("1: 2", "f.yaml:1: the key 1 is not a word"),
    ("a: \x00", "holds control characters"),
    ("!!python/object/apply:os.system ['true']", "os.system is not allowed"),
    ("- " * 5000, "not valid YAML"),
])
def test_bad_yaml_is_refused(text, error):
    with pytest.raises(ConfigError, match="(?s)" + error.replace("[", r"\[")):
        parse_text(text, "f.yaml")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match="no.yaml: cannot be read: No such file"):
        load(Outer, tmp_path / "no.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(ConfigError, match="binary.yaml: not UTF-8 text"):
        load(Outer, tmp_path / "binary.yaml")
    (tmp_path / "huge.yaml").write_bytes(b"#" * 1_000_001)
    with pytest.raises(ConfigError, match="at most 1000000"):
        load(Outer, tmp_path / "huge.yaml")


@given(st.text(max_size=200))
def test_garbage_gives_a_value_or_a_config_error(text):
    try:
        problems = Problems()
        build(Outer, parse_text(text), problems)
    except ConfigError:
        pass
