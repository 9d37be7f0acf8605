"""Runs a humanoid, simulated or real, that carries out instructions in plain words.

python -m deploy.run --tree default.yaml --say "walk forward" --say "wave your right hand"
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from arbiter.errors import ArbiterError
from deploy.cli.command import INTERRUPTED, in_one_line
from deploy.cli.extras import extra
from deploy.cli.options import named
from deploy.cli.outputs import writable
from deploy.cli.run_options import parser

with extra(__name__, parser):
    from arbiter.execution.instruction import InstructionState
    from arbiter.robot import SelfDamping
    from deploy.cli.streams import warn
    from deploy.host.thread_priority import TICK, claim_realtime
    from deploy.observers.narrate import DampedByItself, Narrator
    from deploy.observers.run_report import RunRecorder, summary, write_report
    from deploy.runtime.assemble import Assembly, assemble
    from deploy.runtime.config import Loaded, load_tree
    from deploy.runtime.instruction_sources import Answers, Sayings, Script, StandardInput, unsaid
    from deploy.runtime.masks import check_settings
    from deploy.runtime.provenance import provenance
    from deploy.runtime.session import Session
    from deploy.runtime.signals import Signals
    from deploy.trace.folders import new_run, point_at
    from deploy.trace.records import Records
    from deploy.trace.writer import TraceWriter


def main(argv: list[str] | None = None) -> int:
    """Runs. Returns the exit status."""
    args = parser().parse_args(argv)
    began = time.monotonic()
    try:
        named(args, ("tree", "robot", "script", "video", "report", "log", "hardware", "camera"))
        check_settings(args.set)
        args.robot, chosen = _robot(args.robot)
        loaded = load_tree(args.tree, [*chosen, *args.set, *_faults(args)])
        sources = _sources(args)
        check_outputs(args)
        assembly = assemble(
            loaded,
            robot=args.robot,
            fast=args.fast,
            seed=args.seed,
            hardware=args.hardware,
            operator=args.operator,
            camera=args.camera,
        )
        if assembly.by_operator and args.say and args.operator != "keyboard":  # somebody has to arm it
            sources.append(standard_input())
        sources += assembly.sources
    except ArbiterError as error:
        print(f"error: {error}", file=sys.stderr)
        if args.log:
            with contextlib.suppress(OSError, AttributeError):  # nothing ran: no folder of a run
                args.run_folder.rmdir()
        return 2
    except KeyboardInterrupt:
        print("interrupted before anything was armed", file=sys.stderr)
        return INTERRUPTED
    try:
        return _run(args, loaded, assembly, sources, began)
    except ArbiterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        assembly.close()


def check_outputs(args) -> None:
    """Checks before anything is opened that the output files can be written."""
    for option, path in (("--report", args.report), ("--video", args.video)):
        if path:
            writable(option, path)
    if args.video and not args.video.lower().endswith(".mp4"):
        raise ArbiterError(f"--video {args.video}: the name must end in .mp4")
    if not args.log_limit > 0.0:
        raise ArbiterError(f"--log-limit {args.log_limit:g}: a positive number of megabytes is expected")
    if args.log:
        args.run_folder = new_run(Path(args.log))


def _sources(args) -> list:
    if args.say and args.script:
        raise ArbiterError("--say and --script together: put the sayings into the script")
    if args.seconds is not None and not args.seconds > 0.0:
        raise ArbiterError(f"--for {args.seconds:g}: a positive number of seconds is expected")
    if args.script:
        return [Script.load(args.script)]
    if args.say:
        return [Sayings(args.say)]
    return [] if args.operator == "keyboard" else [standard_input()]  # a prompt would take the keys of --operator keyboard


def standard_input() -> StandardInput:
    """Lines of standard input; with a prompt if it is a terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return StandardInput()
    from deploy.operator.terminal import open_terminal

    return StandardInput(terminal=open_terminal())


def _robot(name: str) -> tuple[str, list[str]]:
    """The driver, and the tree file's settings with its robot; a robot's folder is simulated."""
    if os.path.isfile(Path(name) / "robot.yaml"):
        return "simulated", [f"robot={json.dumps(str(Path(name).resolve()))}"]
    return name, []


def _faults(args) -> list[str]:
    if args.hardware and args.robot in ("simulated", "rig"):
        raise ArbiterError(f"--hardware {args.hardware}: --robot {args.robot} has none; it is of the real robot")
    if args.fault and args.robot != "rig":
        raise ArbiterError(
            f"--fault {args.fault[0]}: only a rig breaks on demand; add --robot rig, or give it to python -m deploy.rig"
        )
    return [f"simulation.faults={json.dumps(args.fault)}"] if args.fault else []


def _run(args, loaded: Loaded, assembly: Assembly, sources: list, began: float) -> int:
    typed = next((source for source in sources if isinstance(source, StandardInput)), None)
    terminal = None if typed is None else typed.terminal
    narrator = Narrator(terminal)
    written = args.report or args.log or args.operator != "none"
    about = provenance(loaded, args.robot, args.seed, args.fast) if written else {}
    recorder = RunRecorder(assembly.arbiter, assembly.truth, narrator.say, about)
    observers = [narrator, recorder, *assembly.observers]
    if isinstance(assembly.robot, SelfDamping):
        observers.append(DampedByItself(assembly.robot, narrator.say))
    session = Session(assembly.robot, assembly.arbiter, assembly.clock, sources, observers, assembly.beat, narrator.say)
    narrator.lost = session.end
    if typed is not None:
        typed.lost = session.end
    for source in sources:
        if isinstance(source, Answers):
            source.tell, source.skills = narrator.say, assembly.arbiter.executor.skills
    closers = _extras(args, loaded, assembly, session, narrator, about)
    for line in assembly.notes:
        narrator.say(line)
    narrator.say(f"{assembly.robot.model.name}, {args.robot}: ready to arm after {time.monotonic() - began:.1f} s")

    def report() -> dict:
        found = recorder.build(assembly.clock.overruns, session.ending, unsaid(session.sources))
        if args.report:
            try:
                write_report(found, Path(args.report))
            except OSError as error:
                narrator.say(f"error: --report {args.report}: {error.strerror}")
        return found

    safety, last = assembly.arbiter.safety, [*_last_calls(assembly), *([] if terminal is None else [terminal.restore]), report]
    with Signals(session.end, lambda why: safety.stop(why, "damp"), last, suspends=not assembly.by_operator):
        try:
            if assembly.by_operator:  # a real robot's time does not wait for the loop
                claim_realtime(TICK)
            session.start(arm=not assembly.by_operator)
            session.run(args.seconds)
            if session.ending:
                narrator.say(f"{session.ending}: comes to rest, then ends")
            session.stop()
        finally:
            if assembly.by_operator:
                assembly.robot.close()  # before the slow clean-up, which the supervisor takes for a dead loop
            for close in closers:
                close()
            if terminal is not None:
                terminal.close()
            found = report()
            narrator.say(summary(found))
            narrator.close()
            if narrator.unheard:
                warn(f"{session.ending}: it came to rest and ended" + (f"; report: {args.report}" if args.report else ""))
    if session.faulted:
        return 1
    said = [item for item in found["instructions"] if item["by"] == "words"]  # not the tree's own
    good = InstructionState.SUCCEEDED, InstructionState.ANSWERED
    return 3 if args.strict and any(item["result"] not in good for item in said) else 0


def _last_calls(assembly: Assembly) -> list[Callable[[], object]]:
    """What is still done when the run is ended by force: the driver damps by itself, then devices are let go."""
    robot, closers = assembly.robot, [source.close for source in assembly.sources]
    return [lambda: robot.damp("the run was ended by force"), *closers] if isinstance(robot, SelfDamping) else closers


def _extras(args, loaded: Loaded, assembly: Assembly, session: Session, narrator: Narrator, about: dict) -> list:
    """Trace, video and viewer, each an observer on a thread of its own. Returns what to close."""
    closers = []
    header = {
        "tree": str(loaded.path),
        "robot": args.robot,
        "seed": args.seed,
        "fast": args.fast,
        "joints": list(assembly.robot.model.joints),
        "creep": assembly.robot.model.creep,
        "config": loaded.resolved_yaml(),
        "provenance": about,
    }
    if args.operator != "none":
        records = Records(Path(args.log or "records"), header, loaded.resolved_yaml(), narrator.say)
        for source in assembly.sources:
            source.record = records.switch
        session.observers.append(records.observe)
        closers.append(records.close)
    if args.log:
        trace = TraceWriter(args.run_folder, header, loaded.resolved_yaml(), 1e6 * args.log_limit)
        point_at(Path(args.log), args.run_folder)
        session.observers.append(trace)
        closers.append(trace.close)
    if args.video:
        from deploy.observers.show import FilmObserver

        video = FilmObserver(Path(args.video), assembly)
        session.observers.append(video)
        closers.append(video.close)
    viewer = args.viewer
    if viewer == "auto":
        from deploy.console.native import has_display

        viewer = "native" if has_display() and sys.stdin.isatty() and not args.fast else "none"
    if viewer != "none":
        from deploy.observers.show import Screen

        screen = Screen(viewer, assembly, args.port)
        session.observers.append(screen)
        session.sources.append(screen)
        narrator.say(screen.address)
        closers.append(screen.close)
    return closers


if __name__ == "__main__":
    sys.exit(in_one_line(main))
