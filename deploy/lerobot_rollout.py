"""LeRobot's `lerobot-rollout` for checkpoints trained here: strict weights, tiny sizes, tokenizers that lie beside them.

    python -m deploy.lerobot_rollout runs/tiny/best --robot.type=berkeley_humanoid_lite --robot.rig=true --robot.armed=true ...

LeRobot's own command runs what LeRobot's trainer wrote; of a π0 that does not fit its file it goes on with
random weights, and it knows no tiny π0.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

from arbiter.errors import ConfigError
from deploy.cli.command import CommandParser, in_one_line

NAMED = "--policy.path="


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("deploy.lerobot_rollout", description=__doc__)
    p.add_argument("checkpoint", help="folder of the checkpoint")
    p.add_argument("options", nargs=argparse.REMAINDER, help="those of lerobot-rollout, without --policy.path")
    return p


@contextlib.contextmanager
def strict_loading(device: str = "cpu") -> Generator[None]:
    """Inside this context LeRobot's rollout loads policy and processors as this project's backend does."""
    import lerobot.rollout.context as context

    from policies.chunk.backends.lerobot.checkpoint import Checkpoint, load

    loaded: dict[str, Checkpoint] = {}

    def load_policy(config: Any) -> Any:
        path = str(config.pretrained_path)
        loaded[path] = load(path, str(config.device or device))
        return loaded[path].policy

    def processors(pretrained_path: Any = None, **_: Any) -> tuple[Any, Any]:
        found = loaded[str(pretrained_path)]
        return found.before, found.after

    rollout: Any = context
    before = rollout._load_pretrained_policy, rollout.make_pre_post_processors
    rollout._load_pretrained_policy, rollout.make_pre_post_processors = load_policy, processors
    try:
        yield
    finally:
        rollout._load_pretrained_policy, rollout.make_pre_post_processors = before


def main(arguments: list[str] | None = None) -> None:
    asked = parser().parse_args(arguments)
    from lerobot.scripts.lerobot_rollout import rollout
    from lerobot.utils.import_utils import register_third_party_plugins

    import deploy.lerobot  # noqa: F401  (registers the robot)
    from policies.chunk.backends.lerobot.allowed import check_checkpoint

    if named := [word for word in asked.options if word.startswith(("--policy.path", "--rename_map"))]:
        raise ConfigError(f"{named[0]}: the checkpoint stands before the options, and its own names are used; leave it out")
    check_checkpoint(Path(asked.checkpoint))  # before LeRobot reads it
    register_third_party_plugins()
    before, sys.argv = sys.argv, [sys.argv[0], f"{NAMED}{asked.checkpoint}", *asked.options]
    try:
        with strict_loading():
            rollout()
    finally:
        sys.argv = before


if __name__ == "__main__":
    sys.exit(in_one_line(main))
