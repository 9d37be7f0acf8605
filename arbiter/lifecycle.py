"""The life cycle of a run: from passive to standing by itself, through stops and faults, back to passive. One state machine.

The safety layer's mode says what motors may do; this says where the robot is on its way, and is led by it: `follow` is called
with the mode of every tick. `python -m arbiter.lifecycle` prints the diagram of docs/architecture.md.
"""

from __future__ import annotations

import enum

from arbiter.types import Mode


class State(enum.StrEnum):
    """Where the robot is."""

    PASSIVE = "passive"  # motors damp; an operator may arm it
    RAMPING = "ramping"  # armed, in the harness, slowly to the start posture
    HALTED = "halted"  # stopped on its way up: it stays as it hangs, until it is reset
    RELEASED = "released"  # the operator said that the harness is down; it finds its stand
    STANDING = "standing"  # by itself, with nothing to do
    RUNNING = "running"  # carries out what it was told, or what the tree asks for
    STOPPED = "stopped"  # a stop brought it to rest; a new instruction goes on
    SETTLING = "settling"  # the safety layer holds it, or brings it to a stand on fallbacks
    DAMPED = "damped"  # no position gain, until it is reset
    OFF = "off"  # motors are off, until it is reset


class Cause(enum.StrEnum):
    """What changes the state."""

    ARM = "arm"
    GO = "go"
    STOOD = "stood"  # it stands by itself, within the start envelope
    BEGIN = "begin"
    IDLE = "idle"
    STOP = "stop"
    HALT = "halt"  # a stop while the harness lifted it, which nobody has armed
    SETTLE = "settle"
    DAMP = "damp"
    OFF = "off"
    RESET = "reset"


ON_ITS_LEGS = (State.STANDING, State.RUNNING, State.STOPPED)
TRANSITIONS: dict[tuple[State, Cause], State] = {
    (State.PASSIVE, Cause.ARM): State.RAMPING,
    (State.PASSIVE, Cause.HALT): State.HALTED,
    (State.RAMPING, Cause.GO): State.RELEASED,
    (State.RAMPING, Cause.STOP): State.HALTED,
    (State.RAMPING, Cause.SETTLE): State.HALTED,
    (State.HALTED, Cause.STOP): State.DAMPED,
    (State.RELEASED, Cause.STOOD): State.STANDING,
    (State.RELEASED, Cause.SETTLE): State.SETTLING,
    (State.STANDING, Cause.BEGIN): State.RUNNING,
    (State.RUNNING, Cause.IDLE): State.STANDING,
    (State.STOPPED, Cause.BEGIN): State.RUNNING,
    **{(state, Cause.STOP): State.STOPPED for state in ON_ITS_LEGS},
    **{(state, Cause.SETTLE): State.SETTLING for state in ON_ITS_LEGS},
    **{(state, Cause.DAMP): State.DAMPED for state in State if state is not State.OFF},
    **{(state, Cause.OFF): State.OFF for state in State},
    **{(state, Cause.RESET): State.PASSIVE for state in State},
}
CAUSES = {Mode.DAMP: Cause.DAMP, Mode.OFF: Cause.OFF, Mode.SETTLE: Cause.SETTLE}  # in HOLD it stays where it is


class Lifecycle:
    """Owned by the tick.

    Attributes:
        state: See State.
        stopped: Why it was told to stop, "" once something new began. Kept while it finds its stand, so that it stays stopped.
    """

    def __init__(self) -> None:
        self.state, self.stopped = State.PASSIVE, ""

    def change(self, cause: Cause, why: str = "") -> bool:
        """What happened. False where it means nothing in this state, which then stays.

        `why`: of a stop; kept in `stopped` in any state.
        """
        if why:
            self.stopped = why
        after = TRANSITIONS.get((self.state, cause))
        if after is None:
            return False
        if cause in (Cause.ARM, Cause.BEGIN, Cause.RESET):
            self.stopped = ""
        self.state = State.STOPPED if after is State.STANDING and self.stopped else after
        return True

    def follow(self, mode: Mode, busy: bool) -> None:
        """The safety layer's mode of this tick, and whether anything is carried out."""
        if mode is Mode.PASSIVE and self.state not in (State.PASSIVE, State.HALTED):
            self.change(Cause.RESET)
        elif mode is Mode.RUN:
            self.change(Cause.BEGIN if busy else Cause.IDLE)
        elif mode in CAUSES and not (mode is Mode.SETTLE and self.hangs):  # there `Stops.settle` halts it
            self.change(CAUSES[mode])

    @property
    def hangs(self) -> bool:
        """Armed, but still in the harness: it may stay in any posture, and damping does not make it fall."""
        return self.state in (State.RAMPING, State.HALTED)

    @property
    def ready(self) -> bool:
        """It has stood by itself since it was armed."""
        return self.state in (*ON_ITS_LEGS, State.SETTLING)

    @property
    def down(self) -> bool:
        """It does nothing more until an operator resets and arms it."""
        return self.state in (State.HALTED, State.DAMPED, State.OFF)


def diagram() -> str:
    """The state machine as a Mermaid diagram; what every state has in common stands once."""
    common = {cause: after for (state, cause), after in TRANSITIONS.items() if state is State.PASSIVE and cause is not Cause.ARM}
    lines = ["stateDiagram-v2", "    [*] --> passive"]
    for (state, cause), after in TRANSITIONS.items():
        if cause not in common:
            lines.append(f"    {state} --> {after}: {cause}")
    lines += [f"    note right of {after}: from any state by {cause}" for cause, after in common.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    print(diagram())
