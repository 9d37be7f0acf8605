"""The shape of the project: packages, the direction of imports, a light base install, the wheel."""

import ast
import os
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from deploy.reference import rooms

ROOT = Path(__file__).parents[2]
PACKAGES = ("arbiter", "policies", "skills", "training", "deploy")
ALLOWED = {
    "arbiter": set(),
    "policies": {"arbiter"},
    "skills": {"arbiter"},
    "deploy": {"skills", "policies", "arbiter"},
    "training": {"skills", "policies", "arbiter", "deploy"},
}
LIGHT = {"numpy", "py_trees", "yaml", "onnxruntime", "tokenizers"}
EXTRA = {
    "accelerate",
    "av",
    "bitsandbytes",
    "can",
    "cma",
    "cv2",
    "evdev",
    "h5py",
    "lerobot",
    "matplotlib",
    "mink",
    "mjlab",
    "msgpack",
    "onnx",
    "peft",
    "PIL",
    "ray",
    "rsl_rl",
    "scipy",
    "sklearn",
    "sentence_transformers",
    "serial",
    "tensordict",
    "torch",
    "transformers",
    "trimesh",
    "viser",
    "websockets",
}


def modules(package):
    return sorted((ROOT / package).rglob("*.py"))


def imported(path):
    """Top-level names that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


def test_the_top_level_packages_are_these():
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert found == {*PACKAGES, "tests"}


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_one_way(package):
    wrong = [
        (path.relative_to(ROOT).as_posix(), name)
        for path in modules(package)
        for name in imported(path)
        if name in PACKAGES and name != package and name not in ALLOWED[package]
    ]
    assert wrong == []


# The rooms of each package, lowest first: a room imports only from rooms above it in this list, and the modules beside the
# rooms (the commands of deploy) are imported by none.
ORDER = {
    "policies": ("fallback", "locomotion", "chunk"),
    "deploy": (
        *("host", "cli", "robots", "drivers"),
        *("supervision", "operator", "rig", "console", "serving"),
        *("runtime", "trace", "observers", "policies", "lerobot", "reference"),
    ),
    "training": ("common", "router", "locomotion", "pi0"),
}


@pytest.mark.parametrize("package", ORDER)
def test_rooms_import_one_way(package):
    """No circle between the rooms of a package can come back; an import inside a function counts, too."""
    order = ORDER[package]
    assert set(rooms.rooms(package)) == set(order)
    assert [(one, other) for one, other in rooms.arrows(package) if order.index(one) < order.index(other)] == []


def test_no_room_imports_a_command():
    commands = {f"deploy.{path.stem}" for path in (ROOT / "deploy").glob("*.py") if path.stem != "__init__"}
    wrong = [
        (module, name)
        for module, path in rooms.modules("deploy").items()
        for name in rooms.imported(path) & commands
        if rooms.room(module, "deploy")
    ]
    assert wrong == []


def test_modules_of_skills_import_one_way():
    """`skills` has no rooms: its modules themselves have no circle."""
    modules = rooms.modules("skills")
    left = {module: {*rooms.imported(path)} & set(modules) - {module, "skills"} for module, path in modules.items()}
    while free := [module for module, names in left.items() if not names & left.keys()]:
        for module in free:
            del left[module]
    assert left == {}


def test_the_core_imports_next_to_nothing():
    wrong = {
        (path.name, name)
        for path in modules("arbiter")
        for name in imported(path)
        if name not in sys.stdlib_module_names and name not in LIGHT | {"arbiter"}
    }
    assert wrong == set()


def test_broad_excepts_stand_at_the_doors_only():
    def broad(handler):
        names = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)} if handler.type else {"Exception"}
        return not names.isdisjoint({"Exception", "BaseException"})

    found = [
        path.relative_to(ROOT).as_posix()
        for package in ("arbiter", "skills", "policies")
        for path in modules(package)
        if any(isinstance(node, ast.ExceptHandler) and broad(node) for node in ast.walk(ast.parse(path.read_text())))
    ]
    assert found == ["arbiter/wall.py"]


def test_no_class_name_means_two_things():
    named = [
        (node.name, path.relative_to(ROOT).as_posix())
        for package in PACKAGES
        for path in modules(package)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    ]
    counts = Counter(name for name, _ in named)
    assert [one for one in named if counts[one[0]] > 1] == []


SAME_NAME = {  # modules of one name that do the same for their package, so that the package tells which it is
    "build": 3,
    "card": 3,
    "check": 2,
    "command": 2,
    "contract": 6,
    "curve": 2,
    "describe": 2,
    "figures": 2,
    "judge": 2,
    "measure": 2,
    "tune": 2,
    "evaluate": 3,
    "export": 2,
    "extras": 2,
    "loading": 2,
    "plugin": 2,
    "policy": 3,
    "registry": 3,
    "robot": 2,
    "run": 2,
}


def test_a_module_name_says_which_module_it_is():
    """A reader of a traceback or an import sees the last name first."""
    names = [path.stem for package in PACKAGES for path in modules(package) if not path.stem.startswith("__")]
    more = {name: count for name, count in Counter(names).items() if count > SAME_NAME.get(name, 1)}
    assert more == {}, "give the new one a name that says what it is, or add it to SAME_NAME where its package does"


MESSAGES = {"reason", "message", "why", "fault"}  # names of what is told to people


def _told(node):
    """Whether an expression is a message to people, or str(error)."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "str" and any("error" in ast.unparse(a) for a in node.args)
    return (isinstance(node, ast.Attribute) and node.attr in MESSAGES | {"text"} and "event" in ast.unparse(node)) or (
        getattr(node, "attr", getattr(node, "id", "")) in MESSAGES
    )


def _words(node):
    """Whether an expression holds English."""
    return any(isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value for part in ast.walk(node))


def _reads_english(node):
    """Whether a test asks what a message says."""
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        return any(map(_told, sides)) and any(not _told(side) and _words(side) for side in sides)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in ("startswith", "endswith", "find") and _told(node.func.value)
    return False


def test_nothing_branches_on_the_text_of_a_message():
    """Reasons are typed; their text is made at the rim. Other people's libraries tell some things in words only."""
    others = {
        "deploy/drivers/can/adapter_errors.py",
        "training/pi0/data/disk.py",
        "policies/chunk/backends/lerobot/tokenizers.py",
    }
    found = [
        f"{path.relative_to(ROOT).as_posix()}:{node.lineno} {ast.unparse(node)}"
        for package in PACKAGES
        for path in modules(package)
        if path.relative_to(ROOT).as_posix() not in others
        for node in ast.walk(ast.parse(path.read_text()))
        if _reads_english(node)
    ]
    assert found == []


def test_the_main_job_loads_no_heavy_library():
    code = (
        "import sys, deploy.run; print(sorted({'torch', 'lerobot', 'transformers', 'matplotlib', 'viser', 'can', 'cv2',"
        " 'ray', 'av'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_the_tests_are_collected_on_the_base_install():
    """A file that needs more says so before it imports it: tests/needs.py."""
    code = (
        f"import sys, pytest; sys.modules.update(dict.fromkeys({sorted(EXTRA)}));"
        "sys.exit(pytest.main(['--collect-only', '-q', '-m', 'core and not slow']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.train
def test_the_type_checker_finds_nothing():
    """Over what `tool.ty.src` lists; every extra must be there for it to know the types."""
    for module in ("ty", "torch", "mjlab", "lerobot", "sentence_transformers"):
        pytest.importorskip(module, reason="the type checker needs every extra: uv sync --all-extras")
    done = subprocess.run(
        [sys.executable, "-m", "ty", "check", "--output-format", "concise"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_the_wheel_holds_what_a_run_needs_and_no_tests(tmp_path):
    pytest.importorskip("hatchling", reason="builds the wheel; in the group `dev`")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]  # not uv: it need not be on PATH
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    wheel = next(tmp_path.glob("policy_arbiter-*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "site")
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    for needed in (
        "deploy/trees/default.yaml",
        "deploy/robots/berkeley_humanoid_lite/model.xml",
        "arbiter/routing/model/encoder.onnx",
        "policies/weights/locomotion.onnx",
        *(f"{package}/py.typed" for package in PACKAGES),
    ):
        assert needed in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    done = subprocess.run(
        [sys.executable, "-m", "deploy.route", "--json", "walk forward two meters"],
        cwd=tmp_path / "site",
        capture_output=True,
        text=True,
        check=True,
    )
    assert '"walk_forward"' in done.stdout


def test_the_ci_hides_uv_from_the_command_it_runs(tmp_path):
    """As on a machine without one: neither on PATH nor importable."""
    told = "#!/bin/sh\n" + "\n".join(
        (
            'echo "make $@"',
            "command -v uv && echo on PATH",
            "python3 -m uv --version && echo importable",
            "python3 -c 'import sys; print(sys.version_info[:2] >= (3, 12))'",
            "command -v chromium || true",
        )
    )
    for name, text in (("uv", "#!/bin/sh\n"), ("chromium", "#!/bin/sh\n"), ("make", told)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "uv.py").write_text("")
    python = Path(sys.base_prefix) / "bin"
    environment = os.environ | {"PATH": f"{tmp_path}:{python}:{os.environ['PATH']}", "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([ROOT / ".ci/run"], env=environment, capture_output=True, text=True)
    first, second, third = done.stdout.splitlines()
    assert (first, second) == ("make test", "True") and third.endswith("/chromium"), done.stdout + done.stderr
    assert done.returncode == 0
