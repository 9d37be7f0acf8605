"""Every relative link of a page leads to a file, and to a heading where it names one; every page named in code exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"(?<!`)!?\[[^\]]*\]\(([^)\s]+)\)")
PAGE_IN_CODE = re.compile(r"\bdocs/[\w/.-]+\.(?:md|gif|svg|png)\b")
CODE = ("arbiter", "policies", "skills", "training", "deploy", "tests", "examples")


def anchors(page: Path) -> set[str]:
    """Names of a page's headings, as GitHub makes them: lower case, without punctuation, spaces as hyphens."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def broken(page: Path) -> list[str]:
    """Relative links of a page that lead nowhere."""
    found = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        if "://" in path or path.startswith("mailto:"):
            continue
        target = page if not path else (page.parent / path).resolve()
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page):
    assert broken(page) == []


def test_a_link_to_nowhere_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One thing\n[a](other.md) [b](page.md#one-thing) [c](#two) [d](https://example.org/x)\n")
    assert broken(page) == ["other.md", "#two"]


def test_pages_named_in_code_exist():
    files = [file for folder in CODE for suffix in ("py", "yaml", "sh", "toml") for file in (ROOT / folder).rglob(f"*.{suffix}")]
    named = {(name, file) for file in files for name in PAGE_IN_CODE.findall(file.read_text(encoding="utf-8", errors="replace"))}
    assert sorted(f"{file.relative_to(ROOT)}: {name}" for name, file in named if not (ROOT / name).exists()) == []
