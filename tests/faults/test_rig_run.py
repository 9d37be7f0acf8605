"""`deploy.run` as a process of its own in front of a rig in another, as docs/how-to/run-on-the-robot.md has it."""

from tests.needs import needs

pytestmark = needs("robot", "can", "serial", "cv2")

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from itertools import pairwise

import numpy as np
import pytest

from deploy.drivers.sensors.camera import Camera, config_of
from deploy.drivers.sensors.imu import ImuThread, multiply
from deploy.host.thread_priority import IMU, TICK, claim_realtime
from deploy.replay import load_trace
from deploy.rig.process import RigProcess
from deploy.run import main as run


def test_quit_before_anybody_armed_ends_the_run_and_nothing_is_damped_for_it(tmp_path):
    with RigProcess(tmp_path) as rig:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "deploy.run",
                "--robot",
                "berkeley_humanoid_lite",
                "--hardware",
                str(rig.hardware_file),
                "--camera",
                "none",
            ],
            input="quit\n",
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "no heartbeat" not in done.stderr, "closing takes a while, but the motors are let go first"


def on_a_thread(work):
    found = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


def test_real_time_is_for_the_threads_that_ask_and_not_for_those_they_start():
    def ask():
        return claim_realtime(TICK) and (os.sched_getscheduler(0), on_a_thread(lambda: os.sched_getscheduler(0)))

    granted = on_a_thread(ask)
    if not granted:
        pytest.skip("this system grants no real-time priority")
    mine, childs = granted
    assert mine & ~os.SCHED_RESET_ON_FORK == os.SCHED_FIFO
    assert childs == os.SCHED_OTHER


def test_the_imu_is_read_with_real_time_priority():
    if not on_a_thread(lambda: claim_realtime(IMU)):
        pytest.skip("this system grants no real-time priority")
    polled, seen = threading.Event(), []

    class Line:
        class config:
            rate_hz = 200

        def poll(self, now):
            seen.append(os.sched_getparam(0).sched_priority)
            polled.set()

    thread = ImuThread(Line())
    thread.start()
    assert polled.wait(10.0)
    thread.stop()
    assert seen[0] == IMU


def test_the_rigs_camera_shows_what_the_robot_sees(tmp_path):
    with RigProcess(tmp_path) as rig:
        camera = Camera(config_of(re.search(r"http://\S+mjpg", rig.hello)[0]))
        try:
            pictures = []
            while len(pictures) < 3:
                frame = camera()
                if frame is not None and not (pictures and frame.stamp == pictures[-1].stamp):
                    pictures.append(frame)
        finally:
            camera.close()
    image = pictures[-1].image.astype(int)
    assert image.shape == (224, 224, 3) and not np.array_equal(pictures[0].image, pictures[-1].image)
    red, green, blue = image[..., 0], image[..., 1], image[..., 2]
    where = {"red": red - green, "green": green - red, "blue": blue - red}
    columns = {name: np.nonzero(share > 60)[1].mean() for name, share in where.items()}
    assert columns["blue"] < columns["green"] < columns["red"], "its balls, from left to right"


def test_a_fault_of_the_rig_is_injected_and_the_drivers_own_damping_is_told(capsys):
    assert run(["--robot", "rig", "--fast", "--say", "stand still", "--fault", "can2:bus_off@3s", "--for", "4"]) == 1
    assert "the driver has damped every motor it can reach: can2: bus off" in capsys.readouterr().out


def test_a_fault_that_comes_while_the_harness_lifts_the_robot_is_told_as_well(capsys):
    assert run(["--robot", "rig", "--fast", "--say", "stop", "--fault", "imu:frozen@4.2s"]) == 1
    assert "FAULT robot: imu: imu frozen, while the harness lifted it" in capsys.readouterr().out


def test_the_robot_behind_the_rigs_wires_knows_where_it_is(tmp_path):
    report = tmp_path / "report.json"
    words = ["--say", "walk forward half a meter", "--report", str(report), "--log", str(tmp_path / "log")]
    assert run(["--robot", "rig", "--fast", *words]) == 0
    found = json.loads(report.read_text())
    told, path = found["estimate"], found["base_path"]
    x, y = np.subtract(path[-1][1:3], path[0][1:3])
    assert told["position_m"][:2] == pytest.approx((x, y), abs=0.08) and told["doubted_s"] == 0.0 and not told["doubt"]
    states = [tick["state"] for tick in load_trace(tmp_path / "log")[1]]
    assert np.linalg.norm(np.mean([state["acc"] for state in states[-50:]], axis=0)) == pytest.approx(9.81, abs=0.2)
    assert [k for k, state in enumerate(states) if state["mean_gyro"] is None] == [0], "known from the second reading on"
    missed = [missed_rotation(*pair) for pair in pairwise(states[-400:])]
    # 0.26 mrad; 0.85 if the mean came 2.5 ms late, 2.4 if it were the newest sample, 5.1 if it came a tick late.
    assert np.sqrt(np.mean(np.square(missed))) < 5e-4


def missed_rotation(before: dict, state: dict) -> np.ndarray:
    """By how much the rotation that the mean angular velocity tells is off the orientation's [rad], shape (3,)."""
    w, x, y, z = before["quat"]
    turned = multiply((w, -x, -y, -z), state["quat"])
    seconds = (state["stamp"] - state["imu_age"]) - (before["stamp"] - before["imu_age"])
    return seconds * np.array(state["mean_gyro"]) - 2.0 * np.copysign(1.0, turned[0]) * np.array(turned[1:])


def test_the_keys_of_a_real_terminal_reach_the_operator():
    ours, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "deploy.run", "--operator", "keyboard", "--viewer", "none"],
        stdin=terminal,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        for key, words in ((b"", "ready for instructions"), (b"h", 'heard "drive by hand"'), (b" ", "stopped: operator")):
            os.write(ours, key)
            for line in process.stdout:
                if words in line:
                    break
            else:
                pytest.fail(f"{words!r} never came")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    os.close(terminal)
    os.close(ours)
