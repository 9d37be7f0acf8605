"""A short demonstration by words: `deploy.run` with other defaults.

    python -m deploy.demo [any option of deploy.run]
"""

from __future__ import annotations

import sys

from deploy.run import main

WORDS = (
    "walk forward", "turn left", "wave your right hand", "make me a sandwich", "touch the red ball",
    "walk forward and raise both arms", "lower your arms", "sit down, then stand up", "take a bow",
)
NEXT = """
Next: type your own instructions     python -m deploy.run --tree default.yaml
      watch it in a browser          python -m deploy.run --tree default.yaml --viewer web
      add a skill, bring a policy, train, run on the robot: the four pages in README.md"""


def demo(argv: list[str]) -> int:
    """Runs the demonstration; options given on the command line come on top."""
    says = [] if "--say" in argv or "--script" in argv else [part for text in WORDS for part in ("--say", text)]
    status = main(["--tree", "default.yaml", *says, *argv])
    print(NEXT)
    return status


if __name__ == "__main__":
    sys.exit(demo(sys.argv[1:]))
