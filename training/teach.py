"""Teaches the robot a new gesture, from motion files, recordings or by hand, so that it can be asked for by words.

    python -m training.teach "clap your hands" clips/*.bvh --criterion clap.py
    python -m training.teach "clap your hands" datasets/clapping           # HDF5 episodes, or a LeRobotDataset
    python -m training.teach "clap your hands" --teleop
    python -m deploy.run --tree runs/teach/clap_your_hands/tree.yaml --say "clap your hands"

Everything is checked before anything is recorded. Then the motions are played in simulation, old gestures are replayed beside
them, training goes on from the network that ships, and the result is exported and measured. What is left in --out: the skill, the
network, a tree in which the words work, and a report. A run that is interrupted goes on where it was.

A criterion tells when the gesture counts as done: a function of a run in a file or behind an entry point. Without one the
gesture ends when its time is over, and is never said to have succeeded.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from arbiter.errors import ConfigError
from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra
from deploy.cli.options import seed
from training.pi0.data.motion_reading import add_motion_options, motion_reading

WEIGHTS = Path(__file__).resolve().parents[1] / "policies" / "weights"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.teach", description=__doc__)
    p.add_argument("instruction", help='what it is called, such as "clap your hands"')
    p.add_argument("sources", type=Path, nargs="*", help="motion files; or a folder of HDF5 episodes, or a LeRobotDataset")
    p.add_argument("--teleop", action="store_true", help="demonstrate it by hand, with the keyboard")
    p.add_argument("--out", type=Path, help="folder for everything (default: runs/teach/NAME)")
    p.add_argument("--criterion", default="", help="FILE.py, FILE.py:function, or an entry point in arbiter.criteria")
    p.add_argument("--say", action="append", default=[], help="other words for it; may be given several times")
    p.add_argument("--from", dest="start", type=Path, help="network to go on from (default: the one that ships)")
    add_motion_options(p)
    p.add_argument("--camera", default="", help="which camera of a LeRobotDataset (default: head_camera, or the only one)")
    for name, kind, default, text in NUMBERS:
        p.add_argument(f"--{name}", type=kind, default=default, help=text)
    p.add_argument("--walker", help='moves the legs in half of them (default: the one that ships); "": they stand')
    p.add_argument("--check", action="store_true", help="check and estimate only")
    return p


NUMBERS = (
    ("demonstrations", int, 48, "demonstrations of the new gesture, from all motions"),
    ("rounds", int, 6, "rounds of the old gestures that are replayed (25 demonstrations each)"),
    ("scenes", int, 400, "touches on a fixed base that are replayed"),
    ("steps", int, 1200, "updates of the network"),
    ("rate", float, 6e-4, "peak learning rate"),
    ("focused", float, 0.25, "fraction of the samples that show the new gesture"),
    ("runs", int, 10, "runs of each gesture in the evaluation; 0: none"),
    ("picture", int, 112, "side of the head camera's picture [px]"),
    ("seed", seed, 0, "seed of all random generators"),
    ("processes", int, 2, "simulations at once"),
)

with extra(__name__, parser, "torch", "lerobot", "mink", "onnx"):
    from training.pi0 import teaching
    from training.pi0.memory import Demonstrations, join, load_cache, save_cache
    from training.pi0.results import summary, table, write
    from training.pi0.taught_skill import POLICY, write_files
    from training.pi0.teaching_checks import Lesson, check
    from training.pi0.teaching_report import report


def settings_of(options: argparse.Namespace) -> teaching.TeachingSettings:
    """The numbers of the command line."""
    numbers = {name: getattr(options, name) for name, *_ in NUMBERS}
    return teaching.TeachingSettings(**numbers, walker=str(options.walker))


def made(file: Path, make) -> Demonstrations:
    """What `make` gathers, kept in `file`: not made again."""
    if file.is_file():
        print(f"# there: {file}")
        return load_cache(file)
    data = make()
    save_cache(data, file)
    return data


def teach(lesson: Lesson, settings: teaching.TeachingSettings, start: Path, out: Path) -> int:
    """All steps behind the checks. Returns the exit status: 1 when the new gesture does not reach half of its runs."""
    work, instruction, side = out / "work", lesson.gesture.instruction, lesson.side
    new = made(work / "new.npz", lambda: lesson.demonstrations(settings))
    parts = [new]
    if settings.rounds:
        parts.append(made(work / "old.npz", lambda: teaching.replay(settings, side)))
    if settings.scenes:
        parts.append(made(work / "touches.npz", lambda: teaching.replay_touches(settings, side)))
    if not (out / POLICY / "parity.json").is_file():
        checkpoint = teaching.start_from(start, work / "start")
        best = teaching.train_on(checkpoint, join(parts), instruction, settings, work / "training")
        teaching.export(best, out / POLICY, lesson.gesture.name)
    tree = write_files(lesson.gesture, out, lesson.default_tree)
    results = teaching.measure(tree, start, out / POLICY, instruction, lesson.criterion, settings) if settings.runs else []
    rows = summary(results)
    print(table(rows))
    if results:
        write(out / "evaluation.json", results, rows, [])
    good = report(lesson, results, out, settings)
    print(f'\n{out}: try it:\n  python -m deploy.run --tree {tree} --say "{instruction}"')
    return 0 if good else 1


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    options.start = options.start or WEIGHTS / "pi0_tiny"
    options.walker = WEIGHTS / "locomotion.onnx" if options.walker is None else options.walker
    settings = settings_of(options)
    lesson = check(options, settings, motion_reading(options))
    for warning in lesson.warnings:
        print(f"note: {warning}", file=sys.stderr)
    out = options.out or Path("runs/teach") / lesson.gesture.name
    if out.exists() and not out.is_dir():
        raise ConfigError(f"--out {out}: is a file; a folder is expected")
    print(f"{lesson.told()}; about {settings.minutes(lesson.gesture.seconds):.0f} min on two cores; everything goes to {out}")
    if options.check:
        return 0
    teaching.resumed(out / "work" / "lesson.json", settings, lesson.identity())
    return teach(lesson, settings, options.start, out)


if __name__ == "__main__":
    sys.exit(in_one_line(main))
