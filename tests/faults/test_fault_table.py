"""The fault table injects what it says, and the robot stands where nothing that it needs to stand has failed."""

import pytest

from tests.faults.kinds import KINDS, RIG
from tests.faults.table import before, chosen, measure, page, table
from tests.faults.threads import one_thread

pytestmark = pytest.mark.slow
STANDS = "0,1a,3h,9b,16f"  # a policy that stumbles, a model or a camera that fails


@pytest.fixture(scope="module")
def found(request):
    one_thread(request)
    causes = chosen(STANDS)
    return causes, {name: measure(name, causes, 1, 0, "simulated") for name in ("walking", "gesture")}


def test_rows_are_judged_and_none_of_these_falls(found):
    causes, columns = found
    assert [text for cells in columns.values() for row in cells.values() for text, fell, _ in row if fell] == []
    assert columns["gesture"]["16f"][0][0].endswith("[failed]"), "the wave goes blind and fails by name"
    assert columns["walking"]["0"][0][0].startswith("run@0")


def test_the_page_shows_before_and_after(found):
    causes, columns = found
    lines = table(causes, columns, before())
    assert lines[2].startswith("| 0 no fault | run@0 | run@0") and len(lines) == len(causes) + 3
    assert lines[-1].startswith("| **all** | 0 of 5 fell | 0 of 5 fell, 0 in RUN without a fault")
    assert "| 9b backend raises | run@0 | run@0" in page("python -m tests.faults.table", [("Simulated robot", lines)])


def test_every_row_of_before_is_measured_again():
    assert set(before()) - {"0"} <= {*KINDS, *RIG}


def test_a_row_that_there_is_not_is_refused():
    with pytest.raises(SystemExit, match="no row '4z'; there are: 0, 1a, "):
        chosen("4z")
