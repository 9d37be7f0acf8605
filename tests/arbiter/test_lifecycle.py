"""The state machine of a run: what each cause leads to, and what holds whatever happens."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.lifecycle import ON_ITS_LEGS, TRANSITIONS, Cause, Lifecycle, State, diagram
from arbiter.types import Mode

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"
STEPS = st.one_of(
    st.tuples(st.sampled_from(Cause), st.sampled_from(("", "test"))), st.tuples(st.sampled_from(Mode), st.booleans())
)
UP = ((Cause.ARM, ""), (Cause.GO, ""), (Cause.STOOD, ""))


def step(life, first, second):
    return life.follow(first, second) if isinstance(first, Mode) else life.change(first, second)


@pytest.mark.parametrize(
    ("steps", "state", "stopped"),
    [
        (UP, State.STANDING, ""),
        ((*UP, (Mode.RUN, True)), State.RUNNING, ""),
        ((*UP, (Mode.RUN, True), (Mode.RUN, False)), State.STANDING, ""),
        ((*UP, (Mode.RUN, True), (Cause.STOP, "key"), (Mode.RUN, False)), State.STOPPED, "key"),
        ((*UP, (Cause.STOP, "key"), (Cause.BEGIN, "")), State.RUNNING, ""),
        ((*UP, (Mode.HOLD, False)), State.STANDING, ""),
        ((*UP, (Mode.SETTLE, False)), State.SETTLING, ""),
        ((*UP, (Mode.SETTLE, False), (Mode.DAMP, False)), State.DAMPED, ""),
        ((UP[0], (Cause.STOP, "key")), State.HALTED, "key"),
        ((UP[0], (Cause.STOP, "key"), (Cause.STOP, "again")), State.DAMPED, "again"),
        ((UP[0], (Cause.STOP, "key"), (Cause.GO, "")), State.HALTED, "key"),
        ((UP[0], (Mode.HOLD, False)), State.RAMPING, ""),
        ((UP[0], (Mode.SETTLE, False)), State.RAMPING, ""),
        ((UP[0], (Cause.SETTLE, "a fault")), State.HALTED, "a fault"),
        ((UP[0], UP[1], (Cause.STOP, "key"), UP[2]), State.STOPPED, "key"),
        (((Cause.STOP, "key"), (Cause.HALT, ""), (Mode.PASSIVE, False)), State.HALTED, "key"),
        ((*UP, (Mode.PASSIVE, False)), State.PASSIVE, ""),
        ((*UP, (Cause.DAMP, "key"), (Cause.RESET, "")), State.PASSIVE, ""),
    ],
)
def test_the_way_of_a_run(steps, state, stopped):
    life = Lifecycle()
    for first, second in steps:
        step(life, first, second)
    assert (life.state, life.stopped) == (state, stopped)


@given(st.lists(STEPS, max_size=40))
def test_whatever_happens_it_is_on_its_legs_only_after_it_was_let_go(steps):
    life, released = Lifecycle(), False
    for first, second in steps:
        before = life.state
        changed = step(life, first, second)
        released = life.state is not State.PASSIVE and (released or life.state is State.RELEASED)
        assert released or life.state not in ON_ITS_LEGS
        assert life.state is before or changed is not False
        assert before is not State.OFF or life.state in (State.OFF, State.PASSIVE)
        assert before is not State.DAMPED or life.state in (State.DAMPED, State.OFF, State.PASSIVE)
        assert not (life.ready and (life.hangs or life.down))


@pytest.mark.parametrize("state", State)
def test_damp_off_and_reset_mean_something_in_every_state(state):
    assert TRANSITIONS[state, Cause.OFF] is State.OFF and TRANSITIONS[state, Cause.RESET] is State.PASSIVE
    assert TRANSITIONS.get((state, Cause.DAMP)) is (State.DAMPED if state is not State.OFF else None)


def test_the_page_shows_the_machine_as_it_is():
    assert diagram() in PAGE.read_text(), "docs/architecture.md: put in what python -m arbiter.lifecycle prints"
