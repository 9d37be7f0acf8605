"""Faults from outside the tick: stops from threads and signals, and the same on the real robot's figures."""

import builtins
import signal
import threading

import numpy as np
import pytest

from arbiter.safety import Safety
from arbiter.types import Mode
from deploy.robots.collision import SelfCollision
from deploy.robots.description import load_model
from tests.safety_rig import DT, Drive, armed, check_limits, reading, small_model, target

MODEL = small_model()
ROBOT = load_model()


def test_a_signal_in_the_middle_of_a_tick_stops_it_within_the_next():
    """The handler runs wherever the main thread is: in this test, in the middle of `filter`."""
    safety = armed(MODEL)
    drive = Drive(safety)

    def find(q):
        if len(drive.sent) == 3:
            signal.raise_signal(signal.SIGUSR1)
        return []

    drive.safety = safety = armed(MODEL, collision=find)
    old = signal.signal(signal.SIGUSR1, lambda *_: safety.stop("signal", "damp"))
    try:
        modes = [drive.tick(MODEL.default + 0.001)[1].mode for _ in range(5)]
    finally:
        signal.signal(signal.SIGUSR1, old)
    assert modes == [Mode.RUN] * 4 + [Mode.DAMP]


def test_stops_from_many_threads_lose_no_stronger_one():
    for _ in range(20):
        drive = Drive(armed(MODEL))
        gate = threading.Barrier(4)

        def press(level, drive=drive, gate=gate):
            gate.wait()
            for _ in range(50):
                drive.safety.stop("thread", level)

        threads = [threading.Thread(target=press, args=(level,)) for level in ("settle", "damp", "off")]
        for thread in threads:
            thread.start()
        gate.wait()
        while any(thread.is_alive() for thread in threads):
            drive.tick(MODEL.default)
        drive.tick(MODEL.default)
        assert drive.safety.mode is Mode.OFF


def test_the_stop_path_needs_no_file_no_import_and_no_policy(monkeypatch):
    drive = Drive(armed(MODEL))
    drive.tick(MODEL.default)

    def forbidden(*args, **kwargs):
        raise AssertionError("the stop path came by here")

    monkeypatch.setattr(builtins, "open", forbidden)
    monkeypatch.setattr(builtins, "__import__", forbidden)
    drive.safety.stop("key", "damp")
    drive.t += DT
    command, verdict = drive.safety.filter(None, None, None, drive.t)  # no target, no owners, no reading
    monkeypatch.undo()
    assert verdict.mode is Mode.DAMP and not command.kp.any()


@pytest.mark.parametrize("level", ["settle", "damp", "off"])
@pytest.mark.parametrize("before", [Mode.PASSIVE, Mode.RUN, Mode.HOLD, Mode.SETTLE, Mode.DAMP, Mode.OFF])
def test_a_stop_from_any_state_never_goes_up_the_ladder(before, level):
    order = [Mode.RUN, Mode.HOLD, Mode.SETTLE, Mode.PASSIVE, Mode.DAMP, Mode.OFF]
    drive = Drive(Safety(MODEL) if before is Mode.PASSIVE else armed(MODEL))
    if before is Mode.HOLD:
        drive.tick(np.full(MODEL.n, np.nan))
    elif before in (Mode.SETTLE, Mode.DAMP, Mode.OFF):
        drive.safety.stop("first", before.value)
        drive.tick(MODEL.default)
    assert drive.safety.mode is before or before is Mode.RUN
    drive.safety.stop("second", level)
    _, verdict = drive.tick(MODEL.default)
    wanted = {"settle": Mode.SETTLE, "damp": Mode.DAMP, "off": Mode.OFF}[level]
    assert order.index(verdict.mode) >= max(order.index(before), order.index(wanted)) or before is Mode.PASSIVE
    assert before is not Mode.PASSIVE or verdict.mode in (Mode.PASSIVE, Mode.DAMP, Mode.OFF)


def test_every_fault_of_the_table_on_the_real_robots_figures():
    """The rung after 1 s of each fault, fallback policies at hand."""
    nan = np.full(ROBOT.n, np.nan)
    legs, arms = ROBOT.groups["legs"], ROBOT.groups["arms"]
    table = [
        ("target is nan", {"q": nan}, Mode.DAMP),
        ("leg reading stale", {"joint_age": np.where(legs, 0.1, 0.0)}, Mode.DAMP),
        ("arm reading stale", {"joint_age": np.where(arms, 0.1, 0.0)}, Mode.SETTLE),
        ("leg lost", {"joint_age": np.where(legs, 0.3, 0.0)}, Mode.DAMP),
        ("arm lost", {"joint_age": np.where(arms, 0.3, 0.0)}, Mode.SETTLE),
        ("imu lost", {"imu_age": 0.3}, Mode.DAMP),
        ("robot fault", {"faults": ("motor 3: over temperature",)}, Mode.SETTLE),
        ("fall", {"tilt": 1.2}, Mode.DAMP),
    ]
    for name, spoil, rung in table:
        drive = Drive(armed(ROBOT), owners=("stand",) * ROBOT.n)
        q = spoil.pop("q", ROBOT.default)
        _, verdict = drive.ticks(60, q, **spoil)
        assert verdict.mode is rung, (name, verdict)
        assert drive.safety.fault, name
        assert drive.safety.arm(), name


def test_random_postures_of_the_real_robot_never_meet_themselves():
    """Absurd targets for 20 s: what is sent is inside the limits and free of self-collision, and never locks up."""
    find = SelfCollision(ROBOT)
    drive = Drive(armed(ROBOT, collision=find), owners=("walk",) * ROBOT.n)
    rng = np.random.default_rng(3)
    goal = ROBOT.default
    for k in range(1000):
        if k % 15 == 0:
            goal = rng.uniform(ROBOT.lower, ROBOT.upper)
        command, verdict = drive.tick(goal)
        assert verdict.mode is Mode.RUN and not find(command.q), k
    check_limits(ROBOT, ROBOT.default, drive.sent)
    refused = sum(n for (check, _, _), n in drive.safety.counts.items() if check == "collision")
    assert refused > 100
    command, _ = drive.ticks(80, ROBOT.default)
    assert np.abs(command.q - ROBOT.default).max() < 1e-6  # nothing is stuck


def test_a_reading_from_a_dead_driver_ends_damped():
    drive = Drive(armed(ROBOT))
    old = reading(ROBOT, 0.0)
    for _ in range(15):
        drive.t += DT
        command, verdict = drive.safety.filter(target(ROBOT, ROBOT.default), ("walk",) * ROBOT.n, old, drive.t)
    assert verdict.mode is Mode.DAMP and not command.kp.any()
