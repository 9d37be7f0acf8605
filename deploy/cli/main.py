"""The console script `policy-arbiter`: each sub-command is a module that `python -m` runs, too."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence
from importlib.metadata import version

from arbiter.strict import nearest
from deploy.cli.command import OK, STATUSES, WRONG
from deploy.cli.subcommands import SCRIPT, SUBCOMMANDS


def overview() -> str:
    """All sub-commands with what they do."""
    width = max(map(len, SUBCOMMANDS))
    lines = [f"  {name:{width}}  {about}" for name, (_, about) in SUBCOMMANDS.items()]
    return "\n".join([f"usage: {SCRIPT} COMMAND [OPTIONS]; {SCRIPT} COMMAND --help lists the options", "", *lines, "", STATUSES])


def chosen(words: Sequence[str]) -> tuple[str, int]:
    """(sub-command, number of words that name it); ("", 0) if the words name none."""
    for count in (2, 1):
        name = " ".join(words[:count])
        if len(words) >= count and name in SUBCOMMANDS:
            return name, count
    return "", 0


def main() -> int:
    """Runs the sub-command on the command line as `python -m` would. Returns the exit status."""
    words = sys.argv[1:]
    if words in (["--version"], ["-V"]):
        print(version("policy-arbiter"))
        return OK
    if not words or words[0] in ("-h", "--help", "help"):
        print(overview())
        return OK if words else WRONG
    name, count = chosen(words)
    if not name and (group := [one for one in SUBCOMMANDS if one.startswith(f"{words[0]} ")]):
        print(f"error: {SCRIPT} {words[0]}: of what? {', '.join(group)}", file=sys.stderr)
        return WRONG
    if not name:
        asked = " ".join(word for word in words[:2] if not word.startswith("-"))
        print(f"error: {SCRIPT} {asked}: no such command; {nearest(asked, SUBCOMMANDS)}", file=sys.stderr)
        return WRONG
    sys.argv = [sys.argv[0], *words[count:]]
    runpy.run_module(SUBCOMMANDS[name][0], run_name="__main__", alter_sys=True)
    return OK
