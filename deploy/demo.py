"""A short demonstration by words: `deploy.run` with other defaults.

python -m deploy.demo [any option of deploy.run]
"""

from __future__ import annotations

import os
import shutil
import sys

from deploy.cli.command import in_one_line
from deploy.cli.extras import extra
from deploy.cli.run_options import parser

with extra(__name__, parser):
    from deploy.run import main

WORDS = (  # the balls hang where the robot begins: it touches one, walks away, and goes back to it from memory
    "wave your right hand",
    "touch the red ball",
    "walk forward",
    "turn left",
    "make me a sandwich",
    "walk forward and raise both arms",
    "lower your arms",
    "sit down, then stand up",
    "take a bow",
    "walk to the red ball and touch it",
)
NEXT = """
Next: type your own instructions     {uv} run --no-dev python -m deploy.run --tree default.yaml
      watch it in a browser          {uv} run --no-dev --extra viewer python -m deploy.run --tree default.yaml --viewer web
      add a skill, bring a policy, train, run on the robot: "Next" in README.md"""


def demo(argv: list[str]) -> int:
    """Runs the demonstration; options given on the command line override its own."""
    says = [] if "--say" in argv or "--script" in argv else [part for text in WORDS for part in ("--say", text)]
    status = main(["--tree", "default.yaml", *says, *argv])
    print(NEXT.format(uv="uv" if shutil.which("uv") else os.environ.get("UV", "uv")))  # uv tells its children where it is
    return status


if __name__ == "__main__":
    sys.exit(in_one_line(lambda: demo(sys.argv[1:])))
