"""Traces and reports: a folder per run, a limit, nothing overwritten, and what cannot be written is said at the start."""

import json
import os
from pathlib import Path

import pytest

from arbiter.errors import ConfigError
from deploy.cli.outputs import writable
from deploy.replay import load_trace
from deploy.replay import main as replay
from deploy.run import main
from deploy.trace.folders import new_run, newest, point_at
from deploy.trace.writer import TraceWriter
from tests.arbiter_rig import Rig
from tests.fakes import MODEL

HEADER = {"joints": list(MODEL.joints), "config": "", "tree": "x", "seed": 0}


def reports(count):
    rig = Rig().ready()
    return [rig.tick() for _ in range(count)]


def written(folder, ticks, limit=None):
    writer = TraceWriter(folder, HEADER, "settings\n", limit)
    for report in ticks:
        writer(report)
    writer.close()
    return writer


def test_each_run_has_a_folder_and_the_newest_is_opened(tmp_path):
    root, ticks = tmp_path / "deep" / "log", reports(6)
    folders = []
    for k in range(12):  # several within a second, as scripts begin them
        folders.append(new_run(root))
        written(folders[-1], ticks[: 1 + k % 5])
        point_at(root, folders[-1])
        assert len(load_trace(root)[1]) == 1 + k % 5 and newest(root) == folders[-1]
    assert len(set(folders)) == 12 and (root / "config.yaml").read_text() == "settings\n"
    assert [len(load_trace(folder)[1]) for folder in folders] == [1 + k % 5 for k in range(12)], "none was overwritten"


def test_a_trace_of_before_stays_and_is_opened_where_there_is_no_other(tmp_path):
    written(tmp_path, reports(3))
    before = (tmp_path / "trace.jsonl").read_bytes()
    assert len(load_trace(tmp_path)[1]) == 3
    run = new_run(tmp_path)
    written(run, reports(2))
    point_at(tmp_path, run)
    assert (tmp_path / "trace.jsonl").read_bytes() == before and len(load_trace(tmp_path)[1]) == 2
    with pytest.raises(ConfigError, match="cannot be written: File exists"):
        TraceWriter(tmp_path, HEADER, "other settings\n")
    assert (tmp_path / "config.yaml").read_text() == "settings\n"


def test_the_newest_of_records_is_opened(tmp_path):
    for number in (1, 2):
        written(tmp_path / f"record_00{number}", reports(number))
        os.utime(tmp_path / f"record_00{number}" / "trace.jsonl", (number, number))
    assert newest(tmp_path).name == "record_002"


@pytest.mark.parametrize("limit", [40_000, 100_000])
def test_a_trace_stays_within_its_limit_and_keeps_the_newest_ticks(tmp_path, limit):
    ticks = reports(120)
    writer = written(tmp_path, ticks, limit)
    assert sum(path.stat().st_size for path in tmp_path.glob("trace*")) <= limit
    header, kept = load_trace(tmp_path)
    assert [tick["i"] for tick in kept] == list(range(kept[0]["i"], ticks[-1].index + 1)), "no hole"
    assert kept[0]["i"] > ticks[0].index and len(kept) > 3 and header["start"] == ticks[0].now
    assert not writer._broken


def test_a_fault_is_kept_whatever_the_limit_and_only_so_many_of_them(tmp_path):
    rig = Rig().ready()
    ticks = []
    for k in range(100):
        if k % 4 == 0:
            rig.arbiter.safety.reset()
            rig.arbiter.arm(rig.now)
        if k % 4 == 2:
            rig.arbiter.safety.trip(f"fault {k}")
        ticks.append(rig.tick())
    writer = written(tmp_path, ticks, 30_000)
    dumps = sorted(tmp_path.glob("fault_*.jsonl"))
    assert len(dumps) == len(writer.dumps) == 20
    assert any("fault 2" in text for tick in load_trace(writer.dumps[0])[1] for kind, text in tick["events"] if kind == "fault")


def test_decisions_are_not_made_again_from_the_middle(tmp_path, capsys):
    written(tmp_path, reports(5))
    assert replay([str(tmp_path), "--verify"]) == 2
    assert "begins with tick 40; decisions are made again from the first on" in capsys.readouterr().err


def test_what_can_be_written_is_and_its_folder_is_made(tmp_path):
    path = tmp_path / "no" / "such" / "folder" / "run.json"
    assert writable("--report", path) == path and path.parent.is_dir() and not path.exists()
    path.write_text("kept")
    writable("--report", path)
    assert path.read_text() == "kept" and list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("option", ["--report", "--video", "--log"])
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("file/run.mp4", "file is no folder"),
        ("file/deeper/run.mp4", "Not a directory"),
        ("x" * 300 + ".mp4", "File name too long"),
        ("folder", "is a folder"),
    ],
)
def test_what_cannot_be_written_is_said_before_anything_is_opened(tmp_path, capsys, monkeypatch, option, name, why):
    if option == "--log" and name in ("folder", "file/run.mp4"):  # a folder is what it wants, and "in a file" is none
        name, why = "file", "file is no folder"
    monkeypatch.setattr("deploy.run.assemble", lambda *_, **__: pytest.fail("it began"))
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    assert main(["--fast", "--say", "bow", option, str(tmp_path / name)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {option} {tmp_path / name}") and error.count("\n") == 1 and why in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_wrong_tree_leaves_no_folder_of_a_run(tmp_path, capsys):
    assert main(["--fast", "--say", "bow", "--log", str(tmp_path), "--set", "policies.locomotion.file=none.onnx"]) == 2
    assert list(tmp_path.iterdir()) == []
    assert main(["--fast", "--say", "bow", "--log-limit", "0"]) == 2
    assert "--log-limit 0: a positive number of megabytes is expected" in capsys.readouterr().err


def test_a_report_into_a_folder_that_is_not_there_yet(tmp_path):
    path = Path(tmp_path) / "nodir" / "x.json"
    assert main(["--fast", "--for", "0.1", "--say", "bow", "--report", str(path)]) in (0, 1)
    assert path.exists()


def test_verifying_says_first_what_is_not_as_it_was(tmp_path, capsys):
    """A run of other code or of other weights may decide otherwise: that is told before the comparison."""
    assert main(["--fast", "--viewer", "none", "--say", "wave", "--for", "0.5", "--log", str(tmp_path)]) == 0
    trace = tmp_path / "trace.jsonl"
    header, *ticks = trace.read_text().splitlines()
    capsys.readouterr()
    assert replay([str(trace), "--verify"]) == 0
    assert "note:" not in capsys.readouterr().out
    changed = json.loads(header)
    changed["provenance"]["commit"] = "0123456"
    files = changed["provenance"]["files_sha256"]
    weights = next(name for name in files if name.endswith("locomotion.onnx"))
    files[weights] = "0" * 64
    trace.write_text("\n".join([json.dumps(changed), *ticks]) + "\n")
    assert replay([str(trace), "--verify"]) == 0
    code, weights, outcome = capsys.readouterr().out.splitlines()[:3]
    assert code.startswith("note: recorded by other code: 0123456; this is ")
    assert weights == "note: recorded with other files: locomotion.onnx"
    assert outcome.endswith("the same decisions came out")
