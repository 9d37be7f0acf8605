"""Writes the pages of docs/ that come from the code: docs/reference and the picture of the rooms in docs/architecture.md."""

from __future__ import annotations

import sys

from deploy.cli.command import CommandParser, command
from deploy.cli.extras import extra

STATUS = "exit status: 0 when the pages are as the code has them or were written; 1 with --check when one is not"


def parser() -> CommandParser:
    """The command line."""
    p = CommandParser("deploy.reference", description=__doc__.splitlines()[0], epilog=STATUS)
    p.add_argument("--check", action="store_true", help="write nothing; tell which pages are out of date")
    return p


with extra(__name__, parser):
    from deploy.reference.pages import pages, stale


@command
def main(argv: list[str] | None = None) -> int:
    """Exit status: see `--help`."""
    args = parser().parse_args(argv)
    old = {path: text for path, make in pages().items() if stale(path, text := make())}
    for path, text in old.items():
        print(f"{path}: {'out of date; run python -m deploy.reference' if args.check else 'written'}")
        if not args.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return int(args.check and bool(old))


if __name__ == "__main__":
    sys.exit(main())
