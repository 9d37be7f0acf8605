"""The rig's head camera: what the simulated robot sees, as MJPEG over HTTP on a loopback port.

A separate process, because rendering would delay the motors; it renders only while a client is connected, and ends with
the rig. OpenCV opens its address like any network camera: `--camera http://127.0.0.1:PORT/head.mjpg`.
"""

from __future__ import annotations

import argparse
import contextlib
import http.server
import os
import subprocess
import sys
import threading
import time

from deploy.cli.command import CommandParser
from deploy.cli.extras import extra

HZ = 10.0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("deploy.rig.rig_camera", description=__doc__.splitlines()[0])
    p.add_argument("--robot", required=True, help="name of a robot description")
    p.add_argument("--hz", type=float, default=HZ, help="pictures per second [Hz]")
    return p


with extra(__name__, parser, "cv2"):
    import cv2
    import numpy as np

    from arbiter.slots import LatestSlot
    from deploy.drivers.sensors.sim_camera import SimCamera
    from deploy.drivers.simulated.simulated_robot import SimulatedRobot
    from deploy.drivers.simulated.truth import Pose
    from deploy.rig.process import pipes
    from deploy.robots.description import load_model

NOISE = 2  # of 255, each pixel: a live sensor never sends the same picture twice
QUALITY = 92  # of 100
STARTING = "camera on port "


class RigCamera:
    """The rig's side: starts the process and sends it the pose of the body.

    Attributes:
        url: Where the pictures are.
    """

    def __init__(self, robot: str, hz: float = HZ):
        command = [sys.executable, "-m", "deploy.rig.rig_camera", "--robot", robot, "--hz", str(hz)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self._told, self._answers = pipes(self._process)
        hello = self._answers.readline().decode()
        self.url = f"http://127.0.0.1:{hello.removeprefix(STARTING).strip()}/head.mjpg" if hello else ""
        os.set_blocking(self._told.fileno(), False)

    def show(self, pose: Pose) -> None:
        """Sends the pose of the body without blocking; a pose that does not fit into the pipe is dropped."""
        with contextlib.suppress(OSError):
            os.write(self._told.fileno(), np.concatenate(([pose.time], pose.qpos, *pose.mocap_pos)).tobytes())

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._told.close()
        self._answers.close()


class PoseCamera:
    """Renders the latest pose as JPEG, with sensor noise."""

    def __init__(self, robot: str, hz: float):
        self.period = 1.0 / hz
        body = SimulatedRobot(load_model(robot))
        self._camera, self._first = SimCamera(body.mj_model), body.pose
        self._poses: LatestSlot[Pose] = LatestSlot()
        self._lock, self._random = threading.Lock(), np.random.default_rng(0)

    def follow(self, stream) -> None:
        """Reads poses from `stream` until it ends; each is one write of less than a pipe's page and therefore atomic."""
        qpos, balls = self._first.qpos, self._first.mocap_pos
        size = 8 * (1 + qpos.size + balls.size)
        while data := stream.read(size):
            numbers = np.frombuffer(data)
            self._poses.put(Pose(numbers[0], numbers[1 : 1 + qpos.size], numbers[1 + qpos.size :].reshape(balls.shape)))

    def picture(self) -> bytes:
        with self._lock:
            image = self._camera.render(self._poses.peek() or self._first)
            noise = self._random.integers(-NOISE, NOISE + 1, image.shape)
        noisy = np.clip(image + noise, 0, 255).astype(np.uint8)
        return cv2.imencode(".jpg", noisy[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def handler(eye: PoseCamera) -> type[http.server.BaseHTTPRequestHandler]:
    class Stream(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                while True:
                    began = time.monotonic()
                    picture = eye.picture()
                    self.wfile.write(b"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(picture))
                    self.wfile.write(picture + b"\r\n")
                    time.sleep(max(0.0, eye.period - (time.monotonic() - began)))

        def log_message(self, format: str, *args) -> None:
            pass

    return Stream


def main() -> None:
    args = parser().parse_args()
    eye = PoseCamera(args.robot, args.hz)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(eye))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"{STARTING}{server.server_address[1]}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        eye.follow(sys.stdin.buffer)


if __name__ == "__main__":
    main()
