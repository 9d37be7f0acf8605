"""Every command without its extra: help without tracebacks, one line where a library is missing, and nothing heavy for help."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from arbiter.extras import EXTRA_OF, advice, library_of, needed
from deploy.cli.command import INTERRUPTED, UNREAD, in_one_line
from deploy.cli.run_options import parser as run_parser
from deploy.cli.subcommands import SCRIPT, SUBCOMMANDS
from deploy.replay import parser as replay_parser

ROOT = Path(__file__).parents[2]
COMMANDS = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__")
    for package in ("deploy", "training")
    for path in (ROOT / package).rglob("*.py")
    if '\nif __name__ == "__main__":' in path.read_text() and path != ROOT / "deploy/bench.py"  # an earlier name
)
HEAVY = sorted(set(EXTRA_OF) - {"tqdm"})  # tqdm comes with the base install's tokenizers too

# Runs each command in one process, as `python -m` would; what is in sys.modules as None cannot be imported.
RUN_ALL = """
import contextlib, io, json, runpy, sys
commands, arguments, blocked = json.loads(sys.argv[1])
sys.modules.update(dict.fromkeys(blocked))
found = {}
for name in commands:
    sys.argv = [name, *arguments]
    out, err, status = io.StringIO(), io.StringIO(), None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            runpy.run_module(name, run_name="__main__")
        except SystemExit as end:
            status = end.code
        except BaseException as error:
            status = f"{type(error).__name__}: {error}"
    found[name] = status, out.getvalue(), err.getvalue()
slow = ("torch", "lerobot", "mjlab", "transformers", "cv2", "h5py", "mujoco", "onnxruntime", "scipy", "py_trees", "yaml")
loaded = sorted(name for name in slow if sys.modules.get(name))
print("\\n" + json.dumps([found, loaded]))
"""


def run_all(commands, *arguments, blocked=()):
    """({command: [exit status, stdout, stderr]}, heavy libraries that were imported)."""
    command = [sys.executable, "-W", "ignore", "-c", RUN_ALL, json.dumps([commands, arguments, list(blocked)])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_help_of_every_command_on_the_base_install():
    found, _ = run_all(COMMANDS, "--help", blocked=HEAVY)
    assert len(found) >= 37
    for name, (status, out, err) in found.items():
        assert status == 0 and out.startswith("usage: "), (name, status, err)
        assert err == "" or (err.count("\n") == 1 and "uv sync --inexact --extra " in err), (name, err)
    for name, extra in (
        ("deploy.doctor", "robot"),
        ("deploy.calibrate", "robot"),
        ("deploy.rig", "robot"),
        ("deploy.serve", "robot"),
        ("deploy.supervisor", "robot"),
        ("training.locomotion.train", "train"),
        ("training.pi0.data.demos", "train"),
        ("training.router.build", "train"),
    ):
        assert advice(extra) in found[name][2], name
    assert found["deploy.run"][2] == found["deploy.route"][2] == ""


def test_help_loads_nothing_heavy():
    _, loaded = run_all(COMMANDS, "--help")
    assert loaded == []


def test_a_command_without_its_extra_is_one_line():
    needing = [name for name in COMMANDS if re.search(r'with extra\([^)]*"', _source(name))]
    assert len(needing) >= 26
    found, _ = run_all(needing, blocked=HEAVY)
    for name, (status, _, err) in found.items():
        assert status == 2 and err.startswith("error: this command needs ") and err.count("\n") == 1, (name, status, err)
        assert "uv sync --inexact --extra " in err


# Walks the parsers of each command: [command, option, what is missing].
OPTIONS = """
import argparse, json, re, runpy, sys
found = []
def told(action):
    units = r"\\[.+\\]|SECONDS|MB|per second|\\bs\\b|factor|relative|rate|passes|fraction|share"
    return re.search(units, f"{action.help} {action.metavar}")
def walk(parser, command):
    if not parser.prog.startswith(f"python -m {command}"):
        found.append([command, "usage", parser.prog])
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                walk(child, command)
        elif not action.help:
            found.append([command, action.dest, "no help"])
        elif action.type is float and not told(action):
            found.append([command, action.dest, "no unit"])
def parse_args(parser, *_):
    walk(parser, name)
    raise SystemExit
argparse.ArgumentParser.parse_args = parse_args
for name in json.loads(sys.argv[1]):
    sys.argv = [name, "--help"]
    try:
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    except SystemExit:
        pass
print("\\n" + json.dumps(found))
"""


def test_every_option_is_explained_with_its_unit():
    command = [sys.executable, "-W", "ignore", "-c", OPTIONS, json.dumps(COMMANDS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    """The console script, as an installer writes it."""
    path = tmp_path_factory.mktemp("bin") / SCRIPT
    path.write_text("import sys\nfrom deploy.cli.main import main\nsys.exit(main())\n")

    def run(*words, **options):
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.run([sys.executable, path, *words], env=environment, capture_output=True, text=True, **options)

    return run


def test_every_command_has_its_sub_command():
    within = {"deploy.rig.rig_camera", "deploy.robots.berkeley_humanoid_lite.build"}  # parts of others
    assert {module for module, _ in SUBCOMMANDS.values()} == set(COMMANDS) - within
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {SCRIPT: "deploy.cli.main:main"}


def test_the_console_script(script):
    told = script("--help")
    assert told.returncode == 0 and all(f"  {name} " in told.stdout for name in SUBCOMMANDS)
    done = script("route", "--json", "walk forward")
    assert done.returncode == 0 and json.loads(done.stdout)["skills"] == ["walk_forward"]
    assert script("route", "--help").stdout.startswith("usage: policy-arbiter route [-h]")
    assert script("eval", "pi0", "--help").stdout.startswith("usage: policy-arbiter eval pi0 [-h]")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["rout"], "error: policy-arbiter rout: no such command; did you mean 'route'?"),
        (["train"], "error: policy-arbiter train: of what? train locomotion, train pi0, train router"),
        (["tree", "nothing.yaml"], "error: "),
        (["route", "--file", "nothing.txt"], "error: nothing.txt: No such file or directory"),
        (["replay", "nothing"], "error: nothing: cannot be read"),
        (["robot", "check", "nothing"], "error: "),
        (["supervisor", "--heartbeat", "nothing"], "error: "),
    ],
)
def test_foreseeable_errors_are_one_line(script, words, line, tmp_path):
    done = script(*words, cwd=tmp_path)
    assert done.returncode in (1, 2) and done.stdout.count("\n") + done.stderr.count("\n") == 1, done
    assert (done.stderr or done.stdout.replace("ERROR   ", "error: ")).startswith(line), done


def test_who_reads_no_more_ends_a_command_quietly():
    words = [sys.executable, "-m", "deploy.route"]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(words, cwd=ROOT, text=True, **pipes) as command:
        command.stdout.close()
        command.stdin.write("walk forward\n" * 3)
        command.stdin.close()
        assert command.stderr.read() == "" and command.wait() == UNREAD


def test_an_interrupt_is_one_line(capsys):
    def main():
        raise KeyboardInterrupt

    assert in_one_line(main) == INTERRUPTED and capsys.readouterr().err == "interrupted\n"


def test_earlier_names_still_work():
    done = subprocess.run([sys.executable, "-m", "deploy.bench", "--help"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("usage: python -m deploy.rig ")
    assert done.stderr.startswith("deploy.bench is called deploy.rig now\n")
    assert run_parser().parse_args(["--robot", "bench"]).robot == "rig"
    assert replay_parser().parse_args(["log", "--rerun"]).verify and "--rerun" not in replay_parser().format_help()


def _source(command):
    path = ROOT.joinpath(*command.split("."))
    return (path / "__main__.py" if path.is_dir() else path.with_suffix(".py")).read_text()


def test_a_library_that_is_missing_later_is_one_line_too(capsys):
    def main():
        raise ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn")

    assert in_one_line(main) == 2
    assert capsys.readouterr().err == (
        "error: this command needs torch, which comes with the extra `train`: uv sync --inexact --extra train\n"
    )


@pytest.mark.parametrize(
    "error", [ModuleNotFoundError("x", name="arbiter.nothing"), ImportError("x", name="torch"), ModuleNotFoundError("x")]
)
def test_other_mistakes_are_not_called_a_missing_extra(error):
    def main():
        raise error

    assert library_of(error) == ""
    with pytest.raises(ImportError):
        in_one_line(main)


def test_every_library_is_in_the_extra_that_is_named():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    names = {extra: " ".join(wanted).lower().replace("_", "-") for extra, wanted in extras.items()}
    distributions = packages_distributions()
    for library in set(EXTRA_OF) & set(distributions) - {"cuda"}:  # a name that several packages of NVIDIA share
        found = [name.lower().replace("_", "-") for name in distributions[library]]
        assert any(name in names[EXTRA_OF[library]] for name in found), (library, found)
    assert needed("can") == "needs can, which comes with the extra `robot`: uv sync --inexact --extra robot"


@pytest.mark.train
def test_help_of_training_tells_every_default():
    """Each option has a help text, and its default stands in it."""
    code = (
        "import argparse, importlib, json, sys\n"
        "found = {}\n"
        "for name in json.loads(sys.argv[1]):\n"
        "    parser = importlib.import_module(name).parser()\n"
        "    text = ' '.join(parser.format_help().split())\n"
        "    found[name] = text, [[a.option_strings or [a.dest], a.help, a.default, a.required] for a in parser._actions]\n"
        "print(json.dumps(found, default=str))"
    )
    training = [name for name in COMMANDS if name.startswith("training.")]
    pytest.importorskip("mjlab", reason="needs the extra train: uv sync --inexact --extra train")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, json.dumps(training)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name, (text, options) in json.loads(done.stdout.splitlines()[-1]).items():
        assert f"usage: python -m {name} " in text
        for strings, said, default, required in options:
            assert said, (name, strings)
            if default not in (None, False, "", "==SUPPRESS==") and not required and strings[0].startswith("-"):
                shown = " ".join(map(str, default)) if isinstance(default, list) else str(default)
                assert shown in text and "default" in text, (name, strings)


@pytest.mark.train
def test_presets_and_the_help_of_locomotion_agree():
    pytest.importorskip("mjlab", reason="needs the extra train: uv sync --inexact --extra train")
    from training.locomotion.presets import PRESETS
    from training.locomotion.train import parser

    text = " ".join(parser().format_help().split())
    for name in ("envs", "iterations"):
        assert all(f"{getattr(config, name)} with {preset}" in text for preset, config in PRESETS.items())
    assert PRESETS["cpu"].task.group == "legs" and "(default: legs)" in text
    assert f"cpu only (default: {PRESETS['cpu'].threads})" in text
