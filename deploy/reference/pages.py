"""Every page, or part of a page, that is written from the code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from deploy.reference import commands, files, output_pages, rooms, words

DOCS = Path(__file__).parents[2] / "docs"
MARK = "<!-- Written by `python -m deploy.reference`: change the code, not this. -->"
BEGIN, END = "<!-- rooms: written by `python -m deploy.reference` -->", "<!-- end of rooms -->"
ARCHITECTURE = DOCS / "architecture.md"

WHOLE: dict[str, tuple[str, Callable[[], str]]] = {
    "skills.md": ("Skills", words.skills_page),
    "nodes.md": ("Tree nodes", words.nodes_page),
    "tree-file.md": ("Keys of the tree file", files.tree_file),
    "robot-yaml.md": ("Keys of robot.yaml", files.robot_yaml),
    "hardware-yaml.md": ("Keys of hardware.yaml", files.hardware_yaml),
    "policy-card.md": ("Policy cards", files.policy_card),
    "report.md": ("Report of a run", output_pages.report_page),
    "trace.md": ("Trace of a run", output_pages.trace_page),
    "commands.md": ("Commands", commands.page),
}


def reference(name: str) -> str:
    """A page of `docs/reference`."""
    title, body = WHOLE[name]
    return f"{MARK}\n\n# {title}\n\n{body()}\n"


def architecture() -> str:
    """`docs/architecture.md` with the picture of the rooms as the code has them."""
    text = ARCHITECTURE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{rooms.section()}\n\n{END}{after}"


def pages() -> dict[Path, Callable[[], str]]:
    """What each file should hold."""
    found: dict[Path, Callable[[], str]] = {DOCS / "reference" / name: lambda name=name: reference(name) for name in WHOLE}
    return found | {ARCHITECTURE: architecture}


def stale(path: Path, text: str) -> bool:
    """Whether a file differs from what the code says."""
    return not path.is_file() or path.read_text(encoding="utf-8") != text
