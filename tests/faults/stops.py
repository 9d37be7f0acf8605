"""How long a stop takes: every door by which one comes in, in every state of the robot, judged in MuJoCo's truth.

    python -m tests.faults.stops                  the table of docs/safety.md
    python -m tests.faults.stops --state walking  one state

Each cell is a fork of a run in lockstep, beside a fork in which nobody stops. A stop is obeyed in the first tick whose command
differs from that of the run without it, or, where nothing moves that could stop, in which it is told, or is so already; a damp
in the first tick without position gain. Afterwards truth is watched: a robot that was stopped stands, or hangs where it hung.
"""

from __future__ import annotations

import argparse
import os
import pty
import select
import signal
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace

import numpy as np

from arbiter.types import Mode
from deploy.observers.show import Screen
from deploy.operator import Gamepad, Keyboard, OperatorSource
from deploy.operator import input_devices as codes
from deploy.operator.input_devices import GamepadInput, TerminalKeys
from deploy.runtime.assemble import assemble
from deploy.runtime.config import load_tree
from deploy.runtime.instruction_sources import Cue, Script, StandardInput
from deploy.runtime.session import Session
from deploy.runtime.signals import Signals
from tests.faults.moments import fallen, forked
from tests.sim.rig import SimRun

AFTER = 100  # ticks that a stop is watched
BENT = {"arm_left_elbow_pitch_joint": 1.0, "leg_left_knee_pitch_joint": 1.0}  # [rad] at the start of a ramp that takes a while


# -- doors: each takes a session and returns what presses it -----------------------------------------------------------

Door = Callable[[Session, str], Callable[[], None]]  # "stop" or "damp"


class Pad:
    """What evdev gives of a gamepad."""

    def __init__(self) -> None:
        self.events: list = []

    def read_one(self):
        return self.events.pop(0) if self.events else None

    def close(self) -> None:
        """Nothing to free."""


def pad(session: Session, what: str) -> Callable[[], None]:
    device = Pad()
    session.sources.append(OperatorSource(Gamepad(GamepadInput(device))))
    code = {"stop": codes.BUTTON_X, "damp": codes.BACK}[what]
    return lambda: device.events.append(SimpleNamespace(type=codes.EV_KEY, code=code, value=1))


def key(session: Session, what: str) -> Callable[[], None]:
    ours, terminal = pty.openpty()
    session.sources.append(OperatorSource(Keyboard(TerminalKeys(terminal))))

    def press() -> None:
        os.write(ours, {"stop": b" ", "damp": b"0"}[what])
        select.select([terminal], [], [], 10.0)  # it has come through the terminal

    return press


def page(session: Session, what: str) -> Callable[[], None]:
    screen, events = Screen.__new__(Screen), []
    screen._console = SimpleNamespace(poll=lambda: [events.pop()] if events else [])
    session.sources.append(screen)
    return lambda: events.append((what,))


class Typed(SimpleNamespace):
    """A stream that says whether it is a terminal."""

    def __iter__(self):
        return iter(())


def lines(by_hand: bool) -> Door:
    def door(session: Session, what: str) -> Callable[[], None]:
        source = StandardInput(Typed(isatty=lambda: by_hand))
        source._reads = True  # its lines come from here
        session.sources.append(source)

        def press() -> None:
            source._line("walk backward")  # waits in a pipe
            source._line({"stop": "please stop", "damp": "damp"}[what])

        return press

    return door


def said(session: Session, what: str) -> Callable[[], None]:
    inbox = session.arbiter.inbox
    return {"stop": lambda: inbox.say("freeze"), "damp": inbox.damp}[what]


def script(session: Session, what: str) -> Callable[[], None]:
    def press() -> None:
        session.sources.append(Script([Cue(at=0.0, **{what: True})]))

    return press


def ctrl_c(session: Session, what: str) -> Callable[[], None]:
    safety = session.arbiter.safety
    signals = Signals(session.end, lambda why: safety.stop(why, "damp"))
    signals.__enter__()

    def press() -> None:
        for _ in range({"stop": 1, "damp": 2}[what]):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.001)  # Python runs the handler between two of its instructions
        signals.__exit__()

    return press


def sigterm(session: Session, what: str) -> Callable[[], None]:
    signals = Signals(session.end, session.arbiter.inbox.damp)
    signals.__enter__()

    def press() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.001)
        signals.__exit__()

    return press


def call(session: Session, what: str) -> Callable[[], None]:
    level = {"stop": "settle", "damp": "damp"}[what]
    return lambda: session.arbiter.safety.stop("a program", level)


DOORS: dict[str, Door] = {
    "key": key,
    "gamepad": pad,
    "page": page,
    "typed": lines(True),
    "pipe": lines(False),
    "said": said,
    "script": script,
    "Ctrl-C": ctrl_c,
    "SIGTERM": sigterm,
    "safety.stop": call,
}
STOP_ONLY = ("SIGTERM",)


# -- states: each brings a run there ----------------------------------------------------------------------------------


def hanging() -> tuple[Session, Callable[[], object]]:
    """Passive in the harness, with bent joints: a session, and what closes it."""
    assembly = assemble(load_tree("default.yaml"), fast=True)
    robot = assembly.robot
    for joint, bent in BENT.items():
        robot._data.qpos[robot.mj_model.joint(joint).qposadr[0]] = bent
    robot.step(0.02)
    session = Session(robot, assembly.arbiter, assembly.clock, [], assembly.observers)
    session.clock.start()
    session.step()
    return session, assembly.close


def standing() -> tuple[Session, Callable[[], object]]:
    """Free and ready."""
    sim = SimRun()
    return sim.session, sim.assembly.close


def ramp(ticks: int) -> Callable[[Session], None]:
    def go(session: Session) -> None:
        session.start()
        wait(session, ticks)

    return go


def doing(words: str, ticks: int = 80, then: Callable[[Session], None] = lambda session: None) -> Callable[[Session], None]:
    def go(session: Session) -> None:
        session.arbiter.inbox.say(words)
        wait(session, ticks)
        assert session.arbiter.executor.active, f"{words!r} is not under way"
        then(session)

    return go


def wait(session: Session, ticks: int) -> None:
    for _ in range(ticks):
        session.step()


def handing_over(session: Session) -> None:
    session.arbiter.inbox.say("take a bow")
    wait(session, 5)
    assert session.arbiter.handover.pending, "nothing is handed over"


def holding(session: Session) -> None:
    """An arm's encoder has fallen silent."""
    session.robot.failures.silent.add("arm_left_elbow_pitch_joint")
    wait(session, 5)
    assert session.arbiter.safety.mode is Mode.HOLD


def told(level: str) -> Callable[[Session], None]:
    def go(session: Session) -> None:
        session.arbiter.safety.stop("a test", level)
        wait(session, 5)
        assert session.arbiter.safety.mode.value == level

    return go


WALK = "walk forward for 9 seconds"
STATES: dict[str, tuple[Callable, Callable[[Session], None]]] = {
    "passive": (hanging, lambda session: None),
    "on its way up": (hanging, ramp(20)),
    "hanging, ready": (hanging, ramp(105)),
    "standing": (standing, lambda session: None),
    "walking": (standing, doing(WALK)),
    "turning": (standing, doing("turn left for 9 seconds")),
    "gesture": (standing, doing("wave your right hand")),
    "bow": (standing, doing("take a bow")),
    "hand-over": (standing, doing(WALK, then=handing_over)),
    "HOLD": (standing, doing(WALK, then=holding)),
    "SETTLE": (standing, doing(WALK, then=told("settle"))),
    "DAMP": (standing, told("damp")),
}
HANGS = ("passive", "on its way up", "hanging, ready")


# -- one cell ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cell:
    """What became of one stop.

    Attributes:
        state, door, what: Where, by which door, "stop" or "damp".
        ticks: From the press to the tick that obeyed, 0: the first one; None: it never did.
        fell: Whether it fell, in truth.
        speed: Fastest joint at the end [rad/s], in truth.
        moved: How far a joint went after it [rad], in truth.
        ready: Whether it stands by itself at the end, and wants instructions.
    """

    state: str
    door: str
    what: str
    ticks: int | None
    fell: bool
    speed: float
    moved: float
    ready: bool


def watched(session: Session, press: Callable[[], None], ticks: int) -> tuple[list, list]:
    """(reports, truth) of the ticks after the press; a run that was asked to end ends meanwhile."""
    reports, truth, robot = [], [], session.robot
    session.observers.append(reports.append)
    session.observers.append(lambda report: truth.append(robot.truth))
    press()
    while len(reports) < ticks and not session.ending:
        session.step()
    if session.ending:
        robot.hang = lambda *_: None  # nobody holds it
        session._wait = lambda *_: None  # what comes after the rest is no matter of ticks
        session.stop()
    return reports, truth


def judge(session: Session, state: str, door: str, what: str, twin: list, ticks: int) -> Cell:
    """Presses, now. Spoils the session: call it in a fork."""
    press = DOORS[door](session, what)
    before = session.robot.truth.joint_pos.copy()
    reports, truth = watched(session, press, ticks)
    if what == "damp":
        obeyed = [not report.command.kp.any() for report in reports]
    else:
        moves = [not np.array_equal(report.command.q, q) for report, q in zip(reports, twin, strict=False)]
        so = [
            report.verdict.mode not in (Mode.RUN, Mode.HOLD) or any(event.kind == "stopped" for event in report.events)
            for report in reports
        ]
        obeyed = moves if any(moves) else so
    fell = state not in HANGS and any(fallen(t, session.arbiter.model.fall_tilt) for t in truth)
    return Cell(
        state,
        door,
        what,
        obeyed.index(True) if True in obeyed else None,
        fell,
        float(np.abs(truth[-1].joint_vel).max()),
        float(np.abs(truth[-1].joint_pos - before).max()),
        session.arbiter.world.ready,
    )


def in_state(session: Session, state: str, doors: Iterable[str], ticks: int) -> list[Cell]:
    """Brings it there, and presses at every door. Spoils the session: call it in a fork."""
    STATES[state][1](session)
    twin = forked(lambda: [report.command.q for report in watched(session, lambda: None, ticks)[0]])
    pressed = [(door, what) for what in ("stop", "damp") for door in doors if what == "stop" or door not in STOP_ONLY]
    return [forked(partial(judge, session, state, door, what, twin, ticks)) for door, what in pressed]


def cells(states: Iterable[str] = STATES, doors: Iterable[str] = DOORS, ticks: int = AFTER) -> Iterable[Cell]:
    """Every door in every state, watched for so many ticks. Raises RuntimeError where a fork did not answer."""
    states = list(states)
    for begin in (hanging, standing):
        here = [state for state in states if STATES[state][0] is begin]
        session, close = begin() if here else (None, lambda: None)
        for state in here:
            found = forked(partial(in_state, session, state, doors, ticks))
            for cell in found if isinstance(found, list) else [found]:
                if not isinstance(cell, Cell):
                    raise RuntimeError(f"{state}: {cell}")
                yield cell
        close()


def markdown(found: list[Cell]) -> str:
    """The table: a row a state, a column a door; ticks to a stop / to a damp."""
    doors = list(dict.fromkeys(cell.door for cell in found))
    table = {(cell.state, cell.door, cell.what): cell.ticks for cell in found}
    lines = ["| ticks to stop / damp | " + " | ".join(doors) + " |", "|---" * (len(doors) + 1) + "|"]
    for state in dict.fromkeys(cell.state for cell in found):
        shown = []
        for door in doors:
            ticks = [table[state, door, what] for what in ("stop", "damp") if (state, door, what) in table]
            shown.append(" / ".join("never" if value is None else str(value) for value in ticks))
        lines.append(f"| {state} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Prints the table. Exit status 1 when a stop took longer than a tick, or a robot that was stopped fell."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.stops", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--state", action="append", choices=tuple(STATES), help="one state (default: all)")
    args = parser.parse_args(argv)
    found = list(cells(args.state or STATES))
    print(markdown(found))
    fell = [cell for cell in found if cell.fell and cell.what == "stop" and cell.state != "DAMP"]
    bad = fell + [cell for cell in found if cell.ticks is None or cell.ticks > 1]
    for cell in bad:
        print(cell, file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
