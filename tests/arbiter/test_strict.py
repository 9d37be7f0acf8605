"""Strict YAML: what a user gets to read when a file is wrong."""

import re
from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.errors import ConfigError
from arbiter.strict import Problems, build, load, parse, parse_text
from arbiter.strict.json_text import parse_json


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


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("nme: x", "robot.yaml:1: unknown key 'nme'; did you mean 'name'?"),
        ("name: x\ninner: {gian: 1}", "robot.yaml:2: unknown key 'inner.gian'; did you mean 'gain'?"),
        ("name: 3", "robot.yaml:1: name is 3; text is expected"),
        ("name: x\npair: [1]", "robot.yaml:2: pair has 1 values; 2 are expected"),
        ("name: x\nkind: c", "robot.yaml:2: kind is 'c'; allowed: a, b"),
        ("name: x\ncount: true", "robot.yaml:2: count is True; a whole number is expected"),
        ("name: x\ninner: {gain: .nan}", "robot.yaml:2: inner.gain is NaN; a number is expected"),
        ("count: 2", "robot.yaml:1: 'name' is missing"),
        ("- 1", "robot.yaml:1: the file is a list; a mapping with name is expected"),
    ],
)
def test_an_error_has_file_line_value_and_the_way_out(text, error):
    assert error in problems_of(text)


def test_all_errors_at_once():
    assert len(problems_of("nme: x\ncount: many\npair: 3")) == 4


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a: [", "f.yaml:1: not valid YAML"),
        ("a: 1\na: 2", "f.yaml:2: the key 'a' stands here twice"),
        ("a: &x [1]\nb: *x", "f.yaml:1: '&x': anchors and aliases are not allowed; write the value out"),
        ("a: &x 0.3\nb: *x", "f.yaml:2: '*x': anchors and aliases are not allowed; write the value out"),
        ("a: &x b\n*x : 1", "f.yaml:2: '*x': anchors and aliases are not allowed"),
        ("say: &hello", "f.yaml:1: '&hello': anchors and aliases are not allowed"),
        ("a: {b: &x {c: 1}}\n<<: *x", "f.yaml:2: '*x': anchors and aliases are not allowed"),
        ("1: 2", "f.yaml:1: the key 1 is not a word"),
        ("a: \x00", "holds control characters"),
        ("!!python/object/apply:os.system ['true']", "os.system is not allowed"),
        ("- " * 5000, "not valid YAML"),
    ],
)
def test_bad_yaml_is_refused(text, error):
    with pytest.raises(ConfigError, match="(?s)" + re.escape(error)):
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


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: x\ncount: !!bool x", "robot.yaml:2: the tag !!bool is not allowed"),
        ("name: x\ncount: !!int ''", "robot.yaml:2: the tag !!int is not allowed"),
        ("name: x\ncount: !!timestamp x", "robot.yaml:2: the tag !!timestamp is not allowed"),
        ("name: x\ncount: !!float ''", "robot.yaml:2: the tag"),
        ("name: !!binary aGk=", "robot.yaml:1: the tag"),
        ("name: !!python/name:os.system x", "robot.yaml:1: the tag"),
        ("name: !!python/object/apply:os.system [ls]", "robot.yaml:1: the tag"),
        ("? !!int ''\n: 1", "robot.yaml:1: the tag"),
        ("!!set {a, b}", "robot.yaml:1: the tag"),
        ("!!omap [a: 1]", "robot.yaml:1: the tag"),
        ("name: x\ncount: 0x_", "robot.yaml:2: '0x_' looks like a number and is none"),
        ("name: x\ncount: 0b_", "robot.yaml:2: '0b_' looks"),
        ("name: x\ncount: " + "9" * 5000, "robot.yaml:2: a number of 5000 characters; at most 400 are taken"),
        ("name: x\ncount: " + "1:" * 5000 + "1", "robot.yaml:2: a number of 10001 characters"),
        ("name: x\ncount: " + "9" * 300, "robot.yaml:2: '99"),
        ("name: x\ncount: 0x" + "f" * 300, "is too large a number"),
        ("? " + "9" * 5000 + "\n: 1", "robot.yaml:1: a number of 5000 characters"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", "robot.yaml:3: '*b': anchors and aliases are not allowed"),
        ("a: &a\n  b: *a", "robot.yaml:2: '*a': anchors and aliases are not allowed"),
        ("[" * 300, "robot.yaml: not valid YAML: nested too deeply; 100 levels are allowed"),
        ("[" * 150 + "]" * 150, "robot.yaml: not valid YAML: nested too deeply"),
        ("{a: " * 400 + "1" + "}" * 400, "robot.yaml: not valid YAML: nested too deeply"),
        ("- " * 400 + "x", "robot.yaml: not valid YAML: nested too deeply"),
        ("a: 1\n---\nb: 2", "robot.yaml:2: not valid YAML"),
        ("a: \x00", "robot.yaml: holds control characters"),
        ("a: \ud800", "robot.yaml: holds control characters"),
    ],
)
def test_garbage_is_told_with_file_and_place(text, words):
    with pytest.raises(ConfigError) as error:
        parse_text(text, "robot.yaml")
    assert words in str(error.value) and all(len(line) < 300 for line in str(error.value).splitlines())


def test_what_yaml_takes_for_a_date_is_text():
    assert parse_text("{version: 2026-01-31, when: 2026-01-31 10:00:00, <<: x, is: =}").plain() == {
        "version": "2026-01-31",
        "when": "2026-01-31 10:00:00",
        "<<": "x",
        "is": "=",
    }


def test_errors_show_no_more_of_a_value_than_a_line_holds():
    [line] = problems_of(f"name: x\ncount: {'y' * 100_000}")
    assert line.startswith("robot.yaml:2: count is 'yyy") and line.endswith("... (100002 characters); a whole number is expected")
    assert len(problems_of(f"name: x\n{'y' * 900}: 1")[0]) < 400


PIECES = [
    "!!bool",
    "!!int",
    "!!float",
    "!!timestamp",
    "!!null",
    "!!str",
    "!!binary",
    "!!map",
    "!!seq",
    "!x",
    "&a",
    "*a",
    "<<",
    "=",
    "~",
    "{",
    "}",
    "[",
    "]",
    ":",
    ": ",
    "- ",
    "? ",
    ",",
    "'",
    '"',
    "|",
    ">",
    "%",
    "@",
    "#",
    "\n",
    "  ",
    "a",
    "name",
    "count",
    "0x_",
    "1:2",
    "-.inf",
    ".nan",
    "1e999",
    "9" * 401,
    "2026-01-31",
    "\t",
    "\ufeff",
    "\u2028",
    "é",
]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text(max_size=30))
def test_any_text_is_values_or_one_error_a_line(text):
    try:
        node = parse_text(text, "robot.yaml")
        build(Outer, node, Problems())
        repr(node.plain())
    except ConfigError as error:
        assert all(line.startswith("robot.yaml:") for line in str(error).splitlines())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "card.json:1: not valid JSON: Expecting property name"),
        ("", "card.json:1: not valid JSON"),
        ('{"a": 1, "a": 1}', "card.json: not valid JSON: the key 'a' stands there twice"),
        ('{"a": NaN}', "holds NaN, which is not a number"),
        ('{"a": -Infinity}', "holds -Infinity"),
        ('{"a": ' + "9" * 5000 + "}", "card.json: not valid JSON: a number of 5000 digits"),
        ("[" * 100_000, "card.json: not valid JSON: nested too deeply"),
        ("[" * 150 + "]" * 150, "card.json: not valid JSON: nested too deeply"),
    ],
)
def test_json_is_as_strict(text, words):
    with pytest.raises(ConfigError) as error:
        parse_json(text, "card.json")
    assert words in str(error.value) and "\n" not in str(error.value)


def test_a_whole_number_beyond_64_bits_is_none():
    assert repr(parse_json('{"a": 18446744073709551616}', "x").plain()["a"]) == "1.8446744073709552e+19"


def test_files_that_are_no_text_are_named(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"a: \xff")
    (tmp_path / "b.yaml").write_bytes(b"#" * 1_000_001)
    for name, words in (
        ("a.yaml", "not UTF-8 text (byte 3)"),
        ("b.yaml", "at most 1000000 bytes"),
        ("c.yaml", "No such file"),
        ("", "Is a directory"),
        ("d\0.yaml", "embedded null"),
    ):
        with pytest.raises(ConfigError, match=re.escape(words)) as error:
            parse(f"{tmp_path}/{name}")
        assert str(tmp_path) in str(error.value)
