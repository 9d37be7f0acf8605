"""What is said of a tree file that is wrong, or that is right and hardly meant."""

import textwrap

import pytest

from deploy.run import main as run_tree
from deploy.tree import main
from tests import robots

POLICIES = """
policies:
  locomotion: {kind: onnx, file: locomotion.onnx}
  chunk: {kind: chunk, backend: pi0, path: pi0_tiny}
"""
TREE = """
tree:
  selector:
    - when: {ready: false, child: get_ready}
    - when: {instruction: true, child: {sequence: [route, instructions]}}
    - home
"""
SKILLS = """
    from arbiter.skill import Skill

    class Greet(Skill):
        name, utterances, joints = "greet", ("greet us", "say hello", "greet the guests"), "JOINTS"
        tree = "DOES"
"""


def told(capsys, file, text=None):
    """(exit status, lines on the standard error) of deploy.tree."""
    if text is not None:
        file.write_text(text)
    status = main([str(file)])
    return status, capsys.readouterr().err.splitlines()


def with_greeting(folder, does, joints="arms", robot="berkeley_humanoid_lite"):
    """A tree file that names a file with a skill whose own tree `does` something."""
    (folder / "greet.py").write_text(textwrap.dedent(SKILLS.replace("DOES", does).replace("JOINTS", joints)))
    return f"robot: {robot}\nskills: {{entry_points: false, files: [greet.py]}}\n{POLICIES}{TREE}"


@pytest.mark.parametrize(
    ("does", "error"),
    [
        ("run: wave_rigth", "skill 'greet': tree of greet:1: run: no skill 'wave_rigth'; did you mean 'wave_right'?; mend it"),
        ("steps: [{run: greet}]", "it runs greet itself again"),
        ("steps: [", "tree of greet:1: not valid YAML"),
    ],
)
def test_a_wrong_tree_of_a_skill_is_an_error_like_one_of_the_file(tmp_path, capsys, does, error):
    status, lines = told(capsys, tmp_path / "t.yaml", with_greeting(tmp_path, does))
    assert status == 1 and len(lines) == 1 and lines[0].startswith("error: ") and error in lines[0]


def test_a_skill_that_runs_what_the_robot_is_not_made_for_is_left_out_like_that(tmp_path, capsys):
    folder = robots.two_arms(tmp_path / "arms")
    text = with_greeting(tmp_path, "run: walk_forward", robot=str(folder)).replace(
        "  locomotion: {kind: onnx, file: locomotion.onnx}\n", ""
    )
    status, lines = told(capsys, tmp_path / "t.yaml", text + "home: {}\n")
    assert status == 0, lines
    assert "note: left out: greet (its tree runs walk_forward, which is left out)" in lines


@pytest.mark.parametrize(
    ("joints", "warned"), [("arms", False), ("whole_body", True), ("legs", True)], ids=["used", "more", "others"]
)
def test_joints_that_the_own_tree_of_a_skill_does_not_use_are_a_warning(tmp_path, capsys, joints, warned):
    status, lines = told(capsys, tmp_path / "t.yaml", with_greeting(tmp_path, "run: wave_right", joints))
    assert status == 0
    assert lines == ([f"warning: skill 'greet': takes {joints}, its tree uses arms"] if warned else [])


@pytest.mark.parametrize(
    ("tree", "warning"),
    [
        (
            TREE.replace("    - when: {ready: false, child: get_ready}\n", ""),
            "tree: has no `get_ready`: the robot stays in its harness",
        ),
        (TREE.replace(", instructions]", "]"), "tree: has no `instructions`: what is said is understood and waits for ever"),
        (TREE, ""),
    ],
)
def test_a_tree_that_waits_for_ever_is_told(tmp_path, capsys, tree, warning):
    status, lines = told(capsys, tmp_path / "t.yaml", f"skills: {{entry_points: false}}\n{POLICIES}{tree}")
    assert status == 0 and len(lines) == bool(warning) and all(warning in line for line in lines)


def test_errors_of_the_tree_are_told_while_a_section_is_missing(tmp_path, capsys):
    wrong = TREE.replace("ready: false", "redy: false").replace("- home", "- hom")
    status, lines = told(capsys, tmp_path / "t.yaml", wrong)
    assert status == 1 and [line.split(": ", 2)[2] for line in lines] == [
        "'policies' is missing",
        "unknown key 'when.redy'; did you mean 'ready'?",
        "unknown node type 'hom'; did you mean 'home'?",
    ]


def test_errors_of_policies_are_told_while_the_tree_is_missing(tmp_path, capsys):
    status, lines = told(capsys, tmp_path / "t.yaml", POLICIES.replace("file: l", "fil: l"))
    assert status == 1 and "'tree' is missing" in lines[0]
    assert any("unknown key 'policies.locomotion.fil'" in line for line in lines)


@pytest.mark.parametrize(
    ("text", "what"), [("", "empty"), ("# nothing\n", "empty"), ("- home\n", "a list"), ("home\n", "'home'")]
)
def test_a_file_that_is_no_mapping_is_told_what_it_needs(tmp_path, capsys, text, what):
    status, lines = told(capsys, tmp_path / "t.yaml", text)
    assert status == 1
    assert lines == [f"error: {tmp_path / 't.yaml'}:1: the file is {what}; a mapping with policies, tree is expected"]


def test_a_folder_is_told_as_one_with_the_tree_files_in_it(tmp_path, capsys):
    (tmp_path / "mine.yaml").write_text(TREE)
    status, lines = told(capsys, tmp_path)
    assert status == 2 and lines == [f"error: --tree {tmp_path}: is a folder; name a tree file in it: mine.yaml"]


def test_balls_of_a_scene_that_cannot_be_are_told_each_with_its_line(tmp_path, capsys):
    balls = "simulation:\n  balls:\n    red: [1, 0, 0.6]\n    pink: [1, 0, 1]\n    green: [.inf, 0, 1]\n    blue: [0, 1, 1e300]\n"
    status, lines = told(capsys, tmp_path / "t.yaml", balls + POLICIES + TREE)
    wrong = [line.removeprefix(f"error: {tmp_path / 't.yaml'}:") for line in lines]
    assert status == 1 and wrong == [
        "4: simulation.balls: no ball of colour 'pink'; there are: red, green, blue",
        "5: simulation.balls: the green ball's centre is (inf, 0.0, 1.0); three numbers from -100 to 100 m are expected",
        "6: simulation.balls: the blue ball's centre is (0.0, 1.0, 1e+300); three numbers from -100 to 100 m are expected",
    ]


def test_a_run_tells_of_its_balls_what_the_check_of_the_file_tells(tmp_path, capsys):
    wrong = POLICIES + TREE.replace("home", "hom") + "simulation: {balls: {pink: [1, 0, 1]}}\n"
    status, lines = told(capsys, tmp_path / "t.yaml", wrong)
    assert status == 1 and len(lines) == 2 and "no ball of colour 'pink'" in "".join(lines)
    assert run_tree(["--tree", str(tmp_path / "t.yaml"), "--fast", "--for", "1"]) == 2
    assert capsys.readouterr().err.replace("error: ", "").splitlines() == [line.replace("error: ", "") for line in lines]
