"""A stop and a damp by every door in every state: within one tick, and in truth."""

import pytest

from tests.faults.stops import DOORS, HANGS, STATES, STOP_ONLY, cells, markdown

ONE = 1  # tick


@pytest.fixture(scope="module")
def table():
    """What each press does at once."""
    return list(cells(ticks=4))


@pytest.fixture(scope="module")
def after():
    """What becomes of a stop by the door of a speech recogniser, in two seconds."""
    return {cell.state: cell for cell in cells(doors=("pipe",), ticks=100) if cell.what == "stop"}


@pytest.mark.parametrize("state", STATES)
def test_each_door_is_heard_within_a_tick(table, state):
    found = {(cell.door, cell.what): cell.ticks for cell in table if cell.state == state}
    assert set(found) == {(door, what) for door in DOORS for what in ("stop", "damp") if what == "stop" or door not in STOP_ONLY}
    assert {press: ticks for press, ticks in found.items() if ticks is None or ticks > ONE} == {}


@pytest.mark.parametrize("state", [state for state in STATES if state not in (*HANGS, "DAMP")])
def test_a_robot_that_is_stopped_stands(after, state):
    cell = after[state]
    assert not cell.fell and cell.speed < 0.5, "fastest joint [rad/s] two seconds later"


@pytest.mark.parametrize("state", ["on its way up", "hanging, ready"])
def test_a_robot_that_is_stopped_on_its_way_up_hangs_where_it_was(after, state):
    cell = after[state]
    assert cell.moved < 0.1 and cell.speed < 0.05 and not cell.ready


def test_the_table_names_every_state_and_door(table):
    lines = markdown(table).splitlines()
    assert len(lines) == 2 + len(STATES) and all(door in lines[0] for door in DOORS)
    assert lines[2].startswith("| passive | 0 / 0 |")
