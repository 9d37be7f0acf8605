"""Signals, closed terminals and lost readers, each against a process of its own: it comes to rest, ends, and tells."""

import json
import os
import pty
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from arbiter.types import Mode
from deploy.runtime.assemble import assemble
from deploy.runtime.config import load_tree
from deploy.runtime.session import NOTICE, Session
from tests.sim.rig import SimRun

WALK = ["--tree", "default.yaml", "--viewer", "none", "--fast", *["--say", "walk forward for 20 seconds"] * 30]
# Hangs in the driver, on the thread of the tick, once the robot walks.
HANGS = """
import ctypes, sys
from deploy.drivers.simulated.simulated_robot import SimulatedRobot
from deploy.run import main

def python():
    while True:
        pass

def library(loaded):
    mutex = ctypes.create_string_buffer(64)
    while True:  # a mutex that is locked twice; no signal ends that call
        loaded.pthread_mutex_lock(mutex)

hangs = {"in Python": python, "in C": lambda: library(ctypes.CDLL(None)),
         "in C, with the interpreter's lock": lambda: library(ctypes.PyDLL(None))}[sys.argv[1]]
step, steps = SimulatedRobot.step, []

def hang(robot, dt):
    steps.append(dt)
    if len(steps) == 50:
        print("hangs", flush=True)
        hangs()
    step(robot, dt)

SimulatedRobot.step = hang
sys.exit(main(["--tree", "default.yaml", "--viewer", "none", "--fast", "--say", "walk forward", "--report", sys.argv[2]]))
"""


def heeding():
    """In the child: the shell of a test may ignore what the child has to heed."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


def started(*options, **kinds):
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.run", *WALK, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heeding,
        **kinds,
    )
    for line in process.stdout:
        if "walk_forward (speed" in line:
            return process
    pytest.fail(process.stderr.read())


def report_of(path):
    """What the report of a run that was ended says: it walked, and came to rest on its feet."""
    report = json.loads(path.read_text())
    assert report["falls"] == 0 and report["safety"]["faults"] == []
    said = report["instructions"] = [item for item in report["instructions"] if item["outcome"] != "unsaid"]
    assert said[-1]["result"] == "cancelled"
    x = np.array(report["base_path"])[:, 1]
    assert abs(x[-1] - x[-4]) < 0.05, "it walks on to the end of the record"
    return report


@pytest.mark.parametrize(
    ("number", "robot"), [pytest.param(signal.SIGTERM, "rig", marks=pytest.mark.robot), (signal.SIGQUIT, "simulated")]
)
def test_a_signal_brings_it_to_rest_and_ends_the_run(tmp_path, number, robot):
    with started("--robot", robot, "--report", str(tmp_path / "run.json")) as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=100)
        assert process.returncode == 0, err
        assert f"{number.name}: comes to rest, then ends" in out and f"stopped: {number.name}" in out
        assert report_of(tmp_path / "run.json")["instructions"][-1]["reason"] == f"stopped: {number.name}"
        assert "Traceback" not in err


def test_a_reader_that_goes_away_brings_it_to_rest_and_ends_the_run(tmp_path):
    with started("--report", str(tmp_path / "run.json")) as process:
        process.stdout.close()
        assert process.wait(100) == 0
        told = process.stderr.read()
        assert told.startswith("nobody reads the standard output any more: it came to rest") and told.count("\n") == 1
        report_of(tmp_path / "run.json")


def test_a_terminal_that_is_closed_brings_it_to_rest_and_ends_the_run(tmp_path):
    pid, ours = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-m", "deploy.run", *WALK, "--report", str(tmp_path / "run.json")])
    seen = b""
    while b"walk_forward (speed" not in seen:
        seen += os.read(ours, 4096)
    os.close(ours)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    report_of(tmp_path / "run.json")


@pytest.mark.parametrize(
    ("where", "status"), [("in Python", 130), ("in C", 130), ("in C, with the interpreter's lock", -signal.SIGKILL)]
)
def test_the_third_interrupt_ends_a_process_that_hangs(tmp_path, where, status):
    report = tmp_path / "run.json"
    with subprocess.Popen(
        [sys.executable, "-c", HANGS, where, str(report)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heeding,
    ) as process:
        for line in process.stdout:
            if line == "hangs\n":
                break
        for _ in range(3):
            process.send_signal(signal.SIGINT)
            time.sleep(0.05)  # two of a kind that are pending at once are one
        assert process.wait(60) == status, process.stderr.read()
    if status == 130:
        assert json.loads(report.read_text())["ticks"] == 50, "what was known is written"


class OnTheFloor:
    """A simulated robot whose harness nobody can call: as a real one."""

    def __init__(self, robot):
        self._robot = robot

    def __getattr__(self, name):
        if name == "hang":
            raise AttributeError(name)
        return getattr(self._robot, name)


@pytest.mark.parametrize("words", ["walk backward for 9 seconds", "turn left for 9 seconds"])
def test_a_robot_that_stands_free_comes_to_rest_and_its_people_are_told_before_it_damps(words):
    with SimRun() as sim:
        sim.arbiter.inbox.say(words)
        sim.wait(3.3)
        told, modes = [], []
        robot = OnTheFloor(sim.robot)
        session = Session(
            robot, sim.arbiter, sim.session.clock, [], [sim._keep, lambda r: modes.append(r.verdict.mode)], say=told.append
        )
        session.end("SIGTERM")
        ticks = len(sim.truth)
        session.stop()
        assert told == [
            f"at rest. The motors damp in {NOTICE:g} s: take the robot's weight with the harness. Ctrl-C or damp: at once"
        ]
        stood = round(NOTICE / sim.model.dt)
        assert set(modes) == {Mode.RUN} and sim.falls == 0 and len(modes) > stood
        rest = sim.truth[-stood:]
        assert max(np.linalg.norm(t.base_vel[:2]) for t in rest) < 0.1 and len(sim.truth) - ticks < stood + 150
        assert sim.arbiter.safety.mode is Mode.PASSIVE


def test_whoever_may_stop_is_heard_while_the_run_ends():
    class Pad:
        done = False

        def __init__(self):
            self.polls = 0

        def poll(self, elapsed, idle, inbox):
            self.polls += 1
            inbox.say("walk forward")
            inbox.arm()
            if self.polls == 5:
                inbox.damp("pad")

    with SimRun() as sim:
        pad = Pad()
        session = Session(OnTheFloor(sim.robot), sim.arbiter, sim.session.clock, [pad], [sim._keep])
        session.stop()
        assert pad.polls == 5 and sim.reports[-1].verdict.mode is Mode.DAMP
        assert [item.text for item in sim.arbiter.executor.log] == [], "nothing new is begun"


def test_a_run_that_ends_on_its_way_up_ends_in_the_harness():
    assembly = assemble(load_tree("default.yaml"), fast=True)
    session = Session(assembly.robot, assembly.arbiter, assembly.clock, [], assembly.observers)
    session.start()
    for _ in range(10):
        session.step()
    session.end("SIGHUP")
    session.stop()
    assert assembly.robot.truth.supported == 1.0 and not assembly.arbiter.world.ready
    assembly.close()


def test_a_process_without_input_and_output_runs(tmp_path):
    command = f'"{sys.executable}" -m deploy.run --fast --say "stand still" --report {tmp_path}/run.json <&- >&- 2>&-'
    assert subprocess.run(["sh", "-c", command], timeout=100).returncode == 0
    assert json.loads((tmp_path / "run.json").read_text())["instructions"][0]["result"] != "cancelled"


def test_a_stop_from_a_pipe_does_not_wait_for_its_turn(tmp_path):
    """As a speech recogniser sends it: behind other lines, while the first of them is carried out."""
    report = tmp_path / "run.json"
    with subprocess.Popen(
        [sys.executable, "-m", "deploy.run", "--tree", "default.yaml", "--fast", "--report", str(report)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        process.stdin.write("walk forward for 20 seconds\n" * 30)
        process.stdin.flush()
        for line in process.stdout:
            if "walk_forward (speed" in line:
                break
        process.stdin.write("OK, that's enough now!\n")
        process.stdin.close()
        process.stdout.read()
        assert process.wait(60) == 0
    done = json.loads(report.read_text())["instructions"]
    results = [item["result"] for item in done]
    assert len(done) == 31 and results.count("stopped") == 1 and results.count("succeeded") <= 2
    assert {item["reason"] for item in done if item["result"] == "cancelled"} == {"stopped: OK, that's enough now!"}
