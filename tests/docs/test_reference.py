"""The pages that are written from the code are as the code has them now."""

import dataclasses
import json

import pytest

from arbiter.tree.guards import GuardConfig
from arbiter.tree.registry import NODE_TYPES
from deploy.reference import commands, files, keys, output_pages, rooms
from deploy.reference.pages import pages, stale
from skills import builtin_skills
from tests.needs import needs

pytestmark = needs("robot", "can")


@pytest.mark.parametrize("path", sorted(pages()), ids=lambda path: path.stem)
def test_a_page_is_as_the_code_has_it(path):
    assert not stale(path, pages()[path]()), f"{path}: run python -m deploy.reference"


def test_a_changed_page_is_found(tmp_path):
    path = tmp_path / "page.md"
    assert stale(path, "text")
    path.write_text("text", encoding="utf-8")
    assert not stale(path, "text")
    assert stale(path, "other text")


def test_every_key_of_a_file_has_a_meaning():
    tops = (files.TreeConfig, files.RobotFile, files.HardwareConfig, files.PolicyCard, files.Pi0Card, *files.KINDS.values())
    kinds = {*tops, *(kind for top in tops for _, kind in files.nested(top))}
    silent = [
        f"{kind.__name__}.{field.name}"
        for kind in kinds
        for field in dataclasses.fields(kind)
        if field.name not in keys.meanings(kind) and field.name not in ("kind", "joints", "groups")
    ]
    assert len(kinds) > 15
    assert silent == []


def test_every_skill_node_and_condition_has_its_place():
    made = {path.name: make for path, make in pages().items()}
    skills, nodes = made["skills.md"](), made["nodes.md"]()
    assert [skill.name for skill in builtin_skills() if f"## {skill.name}\n" not in skills] == []
    assert [name for name in NODE_TYPES if f"### {name}\n" not in nodes] == []
    assert [field.name for field in dataclasses.fields(GuardConfig) if f"| `{field.name}` |" not in nodes] == []


def test_commands_are_found_with_their_options():
    found = commands.modules()
    assert {"deploy.run", "deploy.doctor", "training.locomotion.train", "training.pi0.finetune", "tests.faults.soak"} <= {*found}
    assert "`--strict`" in commands.section("deploy.run")
    assert "Exit status: 0" in commands.section("deploy.run")


def test_rooms_import_one_way():
    """`tests/deploy/test_project.py` holds the rule; here it is that the picture shows what is there."""
    pairs = rooms.arrows()
    assert ("deploy", "arbiter") in pairs
    assert [pair for pair in pairs if pair[0] == "arbiter"] == []
    assert ("tree", "execution") in rooms.arrows("arbiter")


def test_report_and_trace_hold_what_the_pages_say(tmp_path):
    from deploy.run import main

    report = tmp_path / "report.json"
    log = tmp_path / "log"
    main(["--fast", "--say", "walk forward 0.3 m", "--report", str(report), "--log", str(log), "--viewer", "none"])
    told = json.loads(report.read_text())
    assert [*told] == [*output_pages.REPORT]
    assert [*told["instructions"][0]] == [*output_pages.INSTRUCTION]
    assert [*told["handovers"][0]] == [*output_pages.HANDOVER]
    assert [*told["safety"]] == [*output_pages.SAFETY]
    header, tick, *_ = (json.loads(line) for line in (log / "trace.jsonl").read_text().splitlines())
    assert {*header} == {*output_pages.HEADER}
    assert {*tick} == {*output_pages.TICK}
