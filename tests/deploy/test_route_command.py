"""`python -m deploy.route`: what an instruction would do, as text or JSON."""

import json
from dataclasses import replace

from arbiter.rules import Rule
from arbiter.skill import Route
from deploy import route as command
from deploy.console import page
from deploy.trace.check import is_route
from deploy.trace.writer import decode_route, encode_input


def test_command_prints_one_object_a_line(capsys, tmp_path):
    file = tmp_path / "said.txt"
    file.write_text("# a comment\nwalk forward and wave\n\nstop\nmake me a sandwich\n", encoding="utf-8")
    assert command.main(["--json", "--file", str(file)]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["outcome"] for line in lines] == ["accepted", "stopped", "rejected"]
    assert list(lines[0]) == ["text", "outcome", "skills", "parameters", "steps", "score", "margin", "reason", "ms"]
    assert lines[0]["skills"] == ["walk_forward", "wave_right"] and lines[0]["steps"] == [[0, 1]]
    assert lines[0]["parameters"][0]["distance"] == 1.0
    assert lines[2]["skills"] == [] and "like nothing this robot can do" in lines[2]["reason"]


def test_command_says_why(capsys):
    assert command.main(["turn left 400 degrees"]) == 0
    out = capsys.readouterr().out
    assert "1. turn_left" in out and "note: angle 6.981 rad clamped to 6.283" in out and "accepted in" in out


def test_command_names_a_file_that_is_not_there(capsys):
    assert command.main(["--file", "nowhere.txt"]) == 2
    assert capsys.readouterr().err == "error: nowhere.txt: No such file or directory\n"


def test_each_instruction_follows_the_one_before_it(capsys):
    assert command.main(["--json", "walk forward two metres", "sing", "again", "and back"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["skills"] for line in lines] == [["walk_forward"], [], ["walk_forward"], ["walk_backward"]]
    assert [line["parameters"][0]["distance"] for line in lines if line["skills"]] == [2.0, 2.0, 2.0]


def test_a_question_is_answered_and_not_refused(capsys):
    assert command.main(["can you wave?"]) == 0
    assert '  answer: yes, wave left or right: say "wave your right hand"' in capsys.readouterr().out


def test_an_answer_is_shown_and_recorded_as_one():
    route = Route("what can you do?", "rejected", reason="can be asked for: bow", rule=Rule.QUESTION)
    assert "<b>answered</b>" in page.route(route) and "rejected" not in page.route(route)
    assert "<b>rejected</b>" in page.route(replace(route, rule=Rule.SCORE))
    written = json.loads(json.dumps(encode_input(route)))
    assert is_route(written) and decode_route(written).answers
    assert not decode_route(written | {"rule": None}).answers and not is_route(written | {"rule": "question"})


def test_the_parse_is_printed_as_a_tree(capsys):
    assert command.main(["--explain", "could you bow and then wave", "bow when I say go"]) == 1
    out = capsys.readouterr().out
    assert "[frame: could you] bow" in out and "[order: and" in out
    assert "├─ asks for (then): bow" in out and "└─ asks for (then): wave" in out
    assert "└─ waits for: when i say go" in out
    assert command.main(["--explain", "sit down in ten minutes"]) == 1
    assert "└─ waits for: in ten minutes" in capsys.readouterr().out
    assert command.main(["--explain", "--json", "bow"]) == 2
    assert capsys.readouterr().err == "error: --explain prints a tree for people; leave --json out\n"
