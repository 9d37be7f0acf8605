"""Across processes, on loopback: the rig, the robot's driver, the supervisor, and what is left when one of them dies.

Real pacing, but nothing here depends on how fast the machine is: each test waits for what must come.
"""

from tests.needs import needs

pytestmark = needs("robot", "can", "serial")

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import yaml

from arbiter.errors import ConfigError, RobotError
from arbiter.safety.command import issue
from arbiter.types import Mode
from deploy.drivers.can.motor_protocol import MotorError, MotorMode
from deploy.rig.process import RigProcess
from deploy.runtime.bring_up import bring_up_robot
from deploy.supervision import Supervision
from deploy.supervision.heartbeat import Heartbeat, heartbeat_path
from deploy.supervisor import HeartbeatWatch, exists

# A loop of its own process: opens the rig, arms, ticks; then does what its argument says.
LOOP = """
import ctypes, sys, time
import numpy as np
from arbiter.safety.command import issue
from arbiter.types import Mode
from deploy.drivers.can.hardware_file import load_hardware
from deploy.drivers.can.can_robot import open_robot
from deploy.supervision import Supervision

file, supervised, end = sys.argv[1:]
supervision = Supervision(hardware_file=file, timeout=5.0).start() if supervised == "yes" else None
robot = open_robot(hardware=load_hardware(path=file), supervisor=supervision.word if supervision else lambda now: "")
robot.connect()
model = robot.model
block = np.array((model.default, model.kp, model.kd))
ticks = 0
while True:
    robot.write(issue(time.monotonic(), block.copy(), Mode.RUN))
    if supervision:
        supervision.beat()
    ticks += 1
    if ticks == 25:
        print("running", flush=True)
        sys.stdin.readline()
        if end == "blocked loop":
            sys.stdin.readline()
            print(robot.damped_by, flush=True)
        if end == "blocked interpreter":
            ctypes.PyDLL(None).usleep(60_000_000)  # holds the GIL
    time.sleep(0.02)
"""


def patient(file, **limits):
    """The rig's hardware file with other limits: a loaded test machine must not look like a fault."""
    data = yaml.safe_load(file.read_text())
    data["limits"] |= {"silent_cycles": 1000, "command_age": 100.0, "loss": 1.0, **limits}
    data["imu"]["max_age"] = 100.0
    file.write_text(yaml.safe_dump(data))


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    """With watchdogs of a minute: where a motor damps, something else has done it."""
    with RigProcess(tmp_path_factory.mktemp("rig"), "--body", "joints", "--watchdog", "60000") as process:
        yield process


@pytest.fixture
def start_loop():
    """Starts loops of their own processes; none outlives its test, however that ends."""
    loops = []

    def start(rig, supervised, end):
        loop = subprocess.Popen(
            [sys.executable, "-c", LOOP, str(rig.hardware_file), supervised, end],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=os.getcwd(),
            start_new_session=end == "hang-up",
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # whoever started the tests may ignore it
        )
        loops.append(loop)
        assert loop.stdout.readline().strip() == "running"
        wait_for(lambda: {mode for mode, _ in rig.modes()} == {MotorMode.POSITION})
        loop.stdin.write("go\n")
        loop.stdin.flush()
        return loop

    yield start
    for loop in loops:
        kill(loop)


def wait_for(condition, seconds=90.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def heartbeats():
    """Files of heartbeats that lie about."""
    probe = heartbeat_path()
    probe.unlink()
    return set(probe.parent.glob("policy-arbiter-heartbeat-*"))


def all_damped(rig):
    return {mode for mode, _ in rig.modes()} == {MotorMode.DAMPING}


def kill(loop):
    loop.send_signal(signal.SIGKILL)
    loop.wait()
    with contextlib.suppress(BrokenPipeError):  # a line that was never read
        loop.stdin.close()
    loop.stdout.close()


def test_a_killed_process_leaves_the_motors_to_their_watchdogs(tmp_path, start_loop):
    with RigProcess(tmp_path, "--body", "joints", "--watchdog", "300") as rig:
        patient(rig.hardware_file)
        loop = start_loop(rig, "no", "killed")
        kill(loop)
        wait_for(lambda: all_damped(rig))
        assert {errors for _, errors in rig.modes()} == {MotorError.WATCHDOG_TIMEOUT}


@pytest.mark.parametrize("end", ["blocked loop", "blocked interpreter", "killed", "hang-up"])
def test_the_supervisor_damps_every_motor(rig, start_loop, end):
    """With watchdogs of 60 s and commands that never grow too old, only the supervisor can have done it."""
    patient(rig.hardware_file)
    before = heartbeats()
    loop = start_loop(rig, "yes", end)
    assert heartbeats() == before, "a loop that is killed would leave its heartbeat behind"
    if end == "killed":
        kill(loop)
    if end == "hang-up":  # the whole group of the terminal hears of it
        os.killpg(loop.pid, signal.SIGHUP)
    wait_for(lambda: all_damped(rig))
    assert {errors for _, errors in rig.modes()} == {0}
    if end == "blocked loop":  # the driver, whose own thread still runs, has learnt of it, and does not arm again
        loop.stdin.write("go on\n")
        loop.stdin.flush()
        said = loop.stdout.readline().strip()
        assert said == "supervisor: supervisor damped" or said.endswith("another host commands this bus")


@pytest.mark.slow
def test_the_field_is_taken_driven_and_left(rig):
    """Pre-flight, supervisor, driver and heartbeat together, over sockets and a pseudo-terminal."""
    patient(rig.hardware_file, watchdog_ms=60_000)
    field = bring_up_robot(hardware_file=str(rig.hardware_file), heartbeat=60.0)
    assert field.report.ok
    field.robot.connect()
    block = np.array((field.robot.model.default, field.robot.model.kp, field.robot.model.kd))
    ticks = 0
    while {mode for mode, _ in rig.modes()} != {MotorMode.POSITION}:
        field.robot.write(issue(0.0, block.copy(), Mode.RUN))
        field.beat()
        ticks += 1
        assert ticks < 2000
    assert field.robot.pace.rounds > 0 and field.robot.read(0.0).faults == ()
    field.close()
    assert {mode for mode, _ in rig.modes()} == {MotorMode.IDLE}


def test_a_field_that_is_not_fit_is_not_taken(rig):
    patient(rig.hardware_file, watchdog_ms=2000)
    rig.ask("fault leg_left_knee_pitch_joint:silent")
    with pytest.raises(RobotError, match="pre-flight failed, motion is not armed:(.|\n)*no answer from 7"):
        bring_up_robot(hardware_file=str(rig.hardware_file))
    rig.ask("mend leg_left_knee_pitch_joint:silent")
    with pytest.raises(ConfigError, match="operator 'nobody'; allowed: gamepad, keyboard, none"):
        bring_up_robot(operator="nobody")


def test_faults_of_a_running_rig(rig):
    assert rig.ask("fault can1:drop=0.5") == "done: fault can1:drop=0.5"
    assert rig.ask("mend can1:drop=0.5") == "done: mend can1:drop=0.5"
    assert rig.ask("fault can9:drop=0.5").startswith("error: fault 'can9:drop=0.5': unknown target 'can9'")
    assert rig.ask("dance").startswith("unknown: 'dance'; release, hang")


def test_the_watch_counts_beats_not_seconds():
    watch = HeartbeatWatch(0.1)
    assert not watch.look(0.0, 0, False, True)
    assert not watch.look(5.0, 0, False, True)  # nothing is watched before the first beat
    assert not watch.look(5.05, 1, True, True)
    assert not watch.look(5.14, 1, True, True)
    assert watch.look(5.16, 1, True, True) and "no heartbeat for 110 ms" in watch.reason
    assert watch.look(5.17, 2, True, True)  # it stays tripped
    dead = HeartbeatWatch(0.1)
    assert dead.look(0.0, 1, True, False) and "process is gone" in dead.reason


def test_a_supervisor_that_is_gone_is_noticed():
    supervision = Supervision()
    assert supervision.word(0.0) == ""  # not started
    path = heartbeat_path()
    supervision._beat = Heartbeat(path)
    supervision._beat.set("supervisor_beats", 1)
    assert supervision.word(1.0) == "" and supervision.word(1.4) == ""
    assert supervision.word(1.6) == "supervisor gone"
    supervision._beat.set("supervisor_beats", 2)
    assert supervision.word(1.7) == ""
    supervision._beat.set("tripped", 1)
    assert supervision.word(1.8) == "supervisor damped"
    supervision.close()
    assert not path.exists() and supervision.word(9.0) == ""


def test_a_heartbeat_is_seen_by_another_mapping():
    path = heartbeat_path()
    one, other = Heartbeat(path), Heartbeat(path)
    one.beat()
    one.beat()
    other.set("tripped", 1)
    assert other.get("beats") == 2 and one.get("tripped") == 1 and one.get("watching") == 0
    one.close()
    other.close()
    path.unlink()


def test_processes_that_exist():
    assert exists(os.getpid())
    child = subprocess.Popen([sys.executable, "-c", ""])
    while exists(child.pid):  # a zombie does not count
        time.sleep(0.01)
    child.wait()
    assert not exists(2**22 + 1)


def test_a_supervisor_that_cannot_open_its_buses_says_so(tmp_path, capfd):
    file = tmp_path / "hardware.yaml"
    file.write_text("buses: [{name: can0, interface: socketcan, channel: nocan}]\nmotors: []\n")
    with pytest.raises(RobotError, match="supervisor: did not come up"):
        Supervision(hardware_file=str(file)).start()
    assert "joints without a motor" in capfd.readouterr().err


def test_the_interpreter_lock_is_really_held():
    """The blocked-interpreter case above relies on PyDLL keeping the GIL."""
    ticks = []
    thread = threading.Thread(target=lambda: [ticks.append(time.sleep(0.001)) for _ in range(1000)], daemon=True)
    thread.start()
    time.sleep(0.02)
    before = len(ticks)
    ctypes.PyDLL(None).usleep(200_000)
    assert len(ticks) - before <= 2


def posture(rig):
    """(tilt [rad], height of the torso [m]) of the rig's body, in truth."""
    words = rig.ask("status").split()
    return float(words[words.index("tilt") + 1]), float(words[words.index("torso") + 1])


@pytest.mark.slow
def test_sigterm_on_a_robot_that_stands_free_ends_the_run_on_its_feet(tmp_path):
    """In real time, over sockets, with the supervisor: it stands until its people have had the time to take its weight."""
    with RigProcess(tmp_path) as rig:
        patient(rig.hardware_file)
        command = [
            sys.executable,
            "-m",
            "deploy.run",
            "--robot",
            "berkeley_humanoid_lite",
            "--camera",
            "none",
            "--hardware",
            str(rig.hardware_file),
            "--report",
            str(tmp_path / "run.json"),
        ]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:

            def until(words):
                for line in run.stdout:
                    if words in line:
                        return
                pytest.fail(f"{words!r} never came")

            def order(word, words):
                run.stdin.write(word + "\n")
                run.stdin.flush()
                until(words)

            until("ready to arm")
            order("arm", "armed")
            rig.ask("release")
            wait_for(lambda: posture(rig)[1] < 0.64)  # its feet are on the floor
            time.sleep(1.5)  # and the rope goes
            order("go", "ready for instructions")
            run.send_signal(signal.SIGTERM)
            until("at rest. The motors damp in 5 s")
            tilt, height = posture(rig)
            assert tilt < 0.2 and height > 0.55 and {mode for mode, _ in rig.modes()} == {MotorMode.POSITION}
            rig.ask("hang")
            run.stdout.read()
            assert run.wait(60) == 0
        assert {mode for mode, _ in rig.modes()} == {MotorMode.IDLE}
        report = json.loads((tmp_path / "run.json").read_text())
        assert report["falls"] == 0 and report["safety"]["faults"] == []
