"""What a run in real time does with the memory of the process."""

import gc

from deploy.runtime.clock import RealClock
from deploy.runtime.session import Session
from tests.arbiter_rig import Rig
from tests.fakes import MODEL


def test_what_was_loaded_before_a_run_in_real_time_is_not_searched_for_garbage_meanwhile():
    """77 000 objects: a tick that comes too late."""
    rig = Rig()
    rig.arbiter.safety.disarm()
    rig.tick()
    session = Session(rig.robot, rig.arbiter, RealClock(MODEL.dt))
    session.start(arm=False)
    assert gc.get_freeze_count() > 10_000
    session.stop()
    assert gc.get_freeze_count() == 0
