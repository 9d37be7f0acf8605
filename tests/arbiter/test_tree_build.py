"""Tree files: checked whole, every error with file, line and the nearest valid name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.errors import ConfigError
from arbiter.strict import Problems, parse_text
from arbiter.tree.build import Names, check
from arbiter.tree.registry import NODE_TYPES
from deploy.runtime.assemble import assemble
from deploy.runtime.config import find_tree, load_tree
from deploy.tree import main

NAMES = Names(skills=("walk_forward", "bow"), policies=("locomotion", "stand"), groups=("legs", "arms", "whole_body"))


def errors(text):
    problems = Problems()
    check(parse_text(text, "t.yaml"), NAMES, problems)
    return problems.lines


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("selectr: [home]", "t.yaml:1: unknown node type 'selectr'; did you mean 'selector'?"),
        ("selector:\n  - run: walk_forwrd", "t.yaml:2: run: no skill 'walk_forwrd'; did you mean 'walk_forward'?"),
        ("selector:\n  - hand_over: {to: locomotin}", "t.yaml:2: hand_over: no to 'locomotin'; did you mean 'locomotion'?"),
        ("selector:\n  - hand_over: {to: stand, joints: leg}", "t.yaml:2: hand_over: no joints 'leg'; did you mean 'legs'?"),
        ("guard: {falt: true}", "t.yaml:1: unknown key 'guard.falt'; did you mean 'fault'?"),
        ("guard: {mode: runn, falt: true}", "t.yaml:1: guard: no mode 'runn'; did you mean 'run'?"),
        ("run: {skill: walk_forwrd, parameter: {}}", "t.yaml:1: run: no skill 'walk_forwrd'; did you mean 'walk_forward'?"),
        ("guard: {mode: runn}", "t.yaml:1: guard: no mode 'runn'; did you mean 'run'?"),
        ("timeout: {seconds: 1}", "t.yaml:1: timeout needs a `child`"),
        ("timeout: {seconds: soon, child: home}", "t.yaml:1: timeout.seconds is 'soon'; a number is expected"),
        ("selector: []", "t.yaml:1: selector has no children"),
        ("home: {now: true}", "t.yaml:1: home has no settings; 'now' is not known to it"),
        ("[home]", "a node is one word or one `type: settings` pair"),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(text, error):
    assert any(error in line for line in errors(text))


def test_every_error_of_a_file_is_reported():
    assert len(errors("selector:\n  - run: x\n  - guard: {y: 1}\n  - z")) == 3


@pytest.mark.parametrize(
    "text",
    [
        "home",
        "wait: 2",
        "say: hello",
        "run: bow",
        "run: {skill: bow, parameters: {duration: 2.0}}",
        "parallel: {until: one, children: [home, {wait: 1}]}",
        "retry: {times: 2, child: {not: {child: home}}}",
    ],
)
def test_short_and_long_forms(text):
    assert errors(text) == []


def test_every_node_type_says_what_it_does():
    assert all(node.help for node in NODE_TYPES.values())


@given(
    st.recursive(
        st.sampled_from(["home", "guard", "x", 1, None, True]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*NODE_TYPES, "name", "child", "children", "seconds"]), inner, max_size=3)
        ),
    )
)
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


def test_all_errors_of_a_file_come_at_once(tmp_path, capsys):
    text = find_tree("default.yaml").read_text().replace("get_ready", "get_redy")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(text + "limits: {velocity: {arms: 9.0}, upperr: 3}\n")
    assert main([str(wrong)]) == 1
    told = capsys.readouterr().err
    for part in ("unknown node type 'get_redy'; did you mean 'get_ready'?", "at most 8 is allowed", "did you mean 'upper'?"):
        assert part in told
    wrong.write_text("robott: x\n" + text)
    assert main([str(wrong)]) == 1
    told = capsys.readouterr().err
    assert "wrong.yaml:1: unknown key 'robott'; did you mean 'robot'?" in told and "did you mean 'get_ready'?" in told


def tree_with(tmp_path, line, text=""):
    """The default tree with `line` before `home`; the file and the line's number."""
    text = (text or find_tree("default.yaml").read_text()).replace("    - home", f"{line}\n    - home")
    file = tmp_path / "t.yaml"
    file.write_text(text)
    return file, text.splitlines().index(line.splitlines()[0]) + 1


def told_of(file, capsys, status=1):
    assert main([str(file)]) == status
    return capsys.readouterr().err.splitlines()


def test_parameters_of_run_are_checked_like_words(tmp_path, capsys):
    file, line = tree_with(tmp_path, "    - run: {skill: walk_forward, parameters: {sped: 0.2, speed: 5.0, distance: 900}}")
    assert told_of(file, capsys) == [
        f"error: {file}:{line}: run: no parameter 'sped' of walk_forward; did you mean 'speed'?",
        f"error: {file}:{line}: run: speed of walk_forward is 5.0; 0.1 to 0.5 m/s are allowed",
        f"error: {file}:{line}: run: distance of walk_forward is 900; 0.1 to 5 m are allowed",
    ]


@pytest.mark.parametrize(
    ("run", "error"),
    [
        (
            "{skill: point_at, parameters: {direction: backwards}}",
            "direction of point_at is 'backwards'; allowed: ahead, left, right",
        ),
        ("{skill: point_at, parameters: {direction: rigth}}", "direction of point_at is 'rigth'; did you mean 'right'?"),
        ("{skill: point_at, parameters: {direction: 1}}", "direction of point_at is 1; allowed: ahead, left, right"),
        ("{skill: point_at, parameters: {direction: yes}}", "direction of point_at is True; allowed: ahead, left, right"),
        (
            "{skill: walk_forward, parameters: {speed: fast}}",
            "speed of walk_forward is 'fast'; a number is expected, 0.1 to 0.5 m/s",
        ),
        (
            "{skill: walk_forward, parameters: {speed: true}}",
            "speed of walk_forward is True; a number is expected, 0.1 to 0.5 m/s",
        ),
        (
            "{skill: walk_forward, parameters: {speed: null}}",
            "speed of walk_forward is None; a number is expected, 0.1 to 0.5 m/s",
        ),
        ("{skill: walk_forward, parameters: {speed: .nan}}", "is NaN; a number is expected"),
        ("{skill: walk_forward, parameters: {speed: .inf}}", "speed of walk_forward is inf; 0.1 to 0.5 m/s are allowed"),
        ("{skill: walk_forward, parameters: {speed: -0.3}}", "speed of walk_forward is -0.3; 0.1 to 0.5 m/s are allowed"),
        ("{skill: walk_forward, parameters: {speed: [0.2]}}", "speed is a list"),
        ("{skill: walk_forward, parameters: [0.2]}", "run.parameters is a list; a mapping is expected"),
        ("{skill: raise_arms, parameters: {count: 2}}", "no parameter 'count' of raise_arms; it takes none"),
        ("{skill: wave_right, parameters: {duration: 0.5}}", "duration of wave_right is 0.5; 1 to 20 s are allowed"),
    ],
)
def test_a_wrong_parameter_of_run_is_an_error_in_its_line(tmp_path, capsys, run, error):
    file, line = tree_with(tmp_path, f"    - run: {run}")
    told = told_of(file, capsys)
    assert len(told) == 1 and told[0].startswith(f"error: {file}:{line}: ") and error in told[0]


def test_a_wrong_parameter_stops_a_run_before_it_begins(tmp_path, capsys):
    from deploy.run import main as run

    file, line = tree_with(tmp_path, "    - run: {skill: walk_forward, parameters: {speed: 5.0}}")
    assert run(["--tree", str(file), "--fast", "--for", "1"]) == 2
    assert f"{file}:{line}: run: speed of walk_forward is 5.0; 0.1 to 0.5 m/s are allowed" in capsys.readouterr().err


@given(st.floats(allow_nan=False) | st.integers() | st.text(max_size=5) | st.booleans() | st.none())
def test_what_passes_is_what_the_skill_takes(value):
    import yaml

    from skills.walking import WalkForward

    names = Names(("walk_forward",), (), (), parameters={"walk_forward": WalkForward.parameters})
    text = yaml.safe_dump({"run": {"skill": "walk_forward", "parameters": {"speed": value}}}, allow_unicode=True)
    problems = Problems()
    try:
        spec = check(parse_text(text, "t.yaml"), names, problems)
    except ConfigError:
        return  # not YAML for us: control characters, absurd numbers
    if not problems.lines:
        assert type(spec.config.parameters["speed"]) is float and 0.1 <= spec.config.parameters["speed"] <= 0.5


def test_parameters_that_are_in_order_pass(tmp_path, capsys):
    runs = "    - steps:\n" + "\n".join(
        f"        - run: {text}"
        for text in (
            "walk_forward",
            "{skill: walk_forward, parameters: {speed: 5e-1, distance: 2, duration: null}}",
            "{skill: point_at, parameters: {direction: left, duration: 1}}",
        )
    )
    file, _ = tree_with(tmp_path, runs)
    assert told_of(file, capsys, 0) == []


def test_what_a_file_names_is_there_or_told_with_its_line(tmp_path, capsys):
    text = find_tree("default.yaml").read_text()
    text = (
        text.replace("locomotion.onnx", "walk.onnx")
        .replace("path: pi0_tiny", "path: pi0_huge")
        .replace("files: []", "files: [none.py, broken.py]")
    )
    (tmp_path / "broken.py").write_text("def nod(:\n")
    file, _ = tree_with(tmp_path, "    - run: walk_forwrd", text)
    told = told_of(file, capsys)
    lines = text.splitlines()
    for part, error in (
        ("walk.onnx", "walk.onnx"),
        ("pi0_huge", "pi0_huge"),
        ("none.py", "none.py: no such file"),
        ("broken.py", "broken.py: SyntaxError"),
    ):
        number = next(index for index, line in enumerate(lines, 1) if part in line)
        assert any(f"{file}:{number}: " in line and error in line for line in told), (error, told)
    assert any("run: no skill 'walk_forwrd'; did you mean 'walk_forward'?" in line for line in told)
    assert len(told) == 5


def test_wrong_values_do_not_hide_each_other(tmp_path, capsys):
    text = (
        find_tree("default.yaml")
        .read_text()
        .replace("  blend: inertial", "  blend: inertail\n  blend_time: fast\n  dwell: -1\n  stop_limit: 61")
        .replace("home: {legs: locomotion", "home: {legs: locomotoin")
        .replace("locomotion.onnx", "walk.onnx")
        .replace("hold: true", "hold: 3")
    )
    file, _ = tree_with(tmp_path, "    - wait: -1\n    - repeat: {times: 0, child: {timeout: {seconds: -2, child: home}}}", text)
    told = "\n".join(told_of(file, capsys))
    for error in (
        "control.blend is 'inertail'; did you mean 'inertial'?",
        "control.blend_time is 'fast'; a number is expected",
        "control.dwell is -1; 0 to 60 s are allowed",
        "control.stop_limit is 61; 0 to 60 s are allowed",
        "home.legs: no policy 'locomotoin'; did you mean 'locomotion'?",
        "walk.onnx",
        "settle.hold is 3; true or false",
        "wait.seconds is -1; 0 to 86400 s are allowed",
        "repeat.times is 0; 1 to 1000000 are allowed",
        "timeout.seconds is -2; 0 to 86400 s are allowed",
    ):
        assert error in told
    assert told.count("\n") == 9, "and no other"


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("    - guard: {battery_below: 20}", "guard.battery_below is 20; 0 to 1 are allowed"),
        ("    - guard: {tilt_above: -0.1}", "guard.tilt_above is -0.1; 0 and more rad are allowed"),
        ("    - hand_over: {to: locomotion, joints: arms}", "the policy 'locomotion' does not drive arms; it drives legs"),
        ("    - hand_over: {to: chunk, joints: leg}", "hand_over: no joints 'leg'; did you mean 'legs'?"),
    ],
)
def test_values_that_cannot_be_meant(tmp_path, capsys, line, error):
    file, number = tree_with(tmp_path, line)
    told = told_of(file, capsys)
    assert len(told) == 1 and told[0].startswith(f"error: {file}:{number}: ") and error in told[0]


def test_policies_that_do_not_fit_skills_and_homes(tmp_path, capsys):
    text = find_tree("default.yaml").read_text().replace("arms: rest", "arms: locomotion").replace("  chunk: {", "  chonk: {")
    file, _ = tree_with(tmp_path, "    - wait: 1", text)
    told = "\n".join(told_of(file, capsys))
    assert "home.arms: the policy 'locomotion' does not drive arms" in told
    assert "no policy 'chunk', which the skills " in told and ", bow, " in told and "there are: chonk, damp, hold" in told
    assert told.count("no policy 'chunk'") == 1


def test_a_file_that_is_not_there_is_a_wrong_option(capsys):
    assert main(["defualt.yaml"]) == 2
    assert "did you mean default.yaml?" in capsys.readouterr().err


def test_the_shipped_trees_are_in_order(capsys):
    assert main(["default.yaml"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("control.blend_time=!!bool x", "--set control.blend_time:1: the tag !!bool is not allowed"),
        ("limits.velocity=!!timestamp x", "--set limits.velocity:1: the tag !!timestamp"),
        ("control.dwell=" + "9" * 5000, "--set control.dwell:1: a number of 5000 characters"),
        ("policies.locomotion.file=" + "x" * 5000, "cannot be read: File name too long"),
        ("policies.locomotion.file=/dev/zero", "/dev/zero: a device or a pipe; an ONNX file is expected"),
        ("policies.chunk.path=" + "x" * 5000, "neither step.onnx nor card.json"),
        ("policies.chunk.options={steps: 9223372036854775807}", "steps is 9223372036854775807; 1 to 1000 denoising steps"),
        ("robot=" + "y" * 5000, "no description by that name or path"),
    ],
)
def test_garbage_in_an_override_is_told_by_name(setting, words):
    with pytest.raises(ConfigError) as error:
        assemble(load_tree("default.yaml", [setting]), fast=True)
    assert words in str(error.value)
