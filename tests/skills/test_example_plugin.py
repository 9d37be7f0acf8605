"""The example plug-in, installed as a user would."""

import subprocess
import sys
from pathlib import Path

from skills.contract import check_skill
from skills.registry import load_skills

EXAMPLE = Path(__file__).parents[2] / "examples" / "dance_skill"


def test_the_example_file_loads_and_keeps_the_contract():
    found = load_skills([EXAMPLE / "dance_skill.py"], use_entry_points=False)
    assert found.problems == []
    assert check_skill(found.skills["dance"]) == []


def test_an_installed_package_is_found_by_its_entry_point(tmp_path):
    """The package's metadata on the path is what an installation leaves."""
    site = tmp_path / "site"
    info = site / "dance_skill-0.1.0.dist-info"
    info.mkdir(parents=True)
    (site / "dance_skill.py").write_text((EXAMPLE / "dance_skill.py").read_text())
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: dance-skill\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[arbiter.skills]\ndance = dance_skill:Dance\nbroken = no_such_module:X\n")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from skills.registry import load_skills; s = load_skills();"
        "print('dance' in s.skills, 'dance' in s.foreign, s.problems)"
    )
    root = Path(__file__).parents[2]
    out = subprocess.run([sys.executable, "-c", code, str(site)], cwd=root, capture_output=True, text=True, check=True).stdout
    assert out.startswith("True True")
    assert "entry point 'broken' left out: ModuleNotFoundError" in out


def test_routing_sees_the_skills_of_a_tree_file(tmp_path, capsys):
    from deploy.route import main as route
    from deploy.runtime.config import find_tree

    text = find_tree("default.yaml").read_text()
    (tmp_path / "dance_skill.py").write_text((EXAMPLE / "dance_skill.py").read_text())
    file = tmp_path / "t.yaml"
    file.write_text(text.replace("files: []", "files: [dance_skill.py]\n  without: [wave_left]"))
    assert route(["--tree", str(file), "--json", "show me your moves"]) == 0
    assert '"skills": ["dance"]' in capsys.readouterr().out
    route(["--tree", str(file), "--json", "wave your left hand"])
    assert '"wave_left"' not in capsys.readouterr().out
    assert route(["--tree", str(file), "--set", "skills.files=[none.py]", "walk forward"]) == 0
    assert "none.py left out" in capsys.readouterr().err
    assert route(["--set", "skills.files=[]", "walk forward"]) == 2
    assert "only with --tree" in capsys.readouterr().err
    assert route(["--tree", "defualt.yaml", "walk forward"]) == 2
    assert "did you mean default.yaml?" in capsys.readouterr().err
