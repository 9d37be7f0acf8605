"""The rig in real time: time passes with the machine's clock, frames come over sockets, the IMU over a serial line."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TextIO

import can
import yaml

from arbiter.errors import ArbiterError, RobotError
from deploy.cli.streams import forgive
from deploy.drivers.can.calibration import nominal, save_calibration
from deploy.drivers.can.hardware_file import HardwareConfig, ImuConfig, load_hardware
from deploy.host.thread_priority import RIG, claim_realtime
from deploy.rig.fault_injection import parse_fault
from deploy.rig.rig import Rig
from deploy.rig.rig_body import MujocoBody
from deploy.rig.rig_camera import HZ, RigCamera
from deploy.rig.serial_line import PtyPort
from deploy.rig.server import SocketcandServer
from deploy.robots.description import load_model

STEP = 0.002  # [s] of physics and motors
NAP = 0.001  # [s] that frames wait to be heard, and answers to be sent, at most
MOST_BEHIND = 0.1  # [s] of time that is left out when the machine is too slow


def command_lines(stream: TextIO) -> Callable[[], str | None]:
    """Reads lines on a thread; the result takes the next one or None."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    forgive(stream)

    def read() -> None:
        for line in stream:
            lines.put(line.strip())

    threading.Thread(target=read, name="rig commands", daemon=True).start()

    def take() -> str | None:
        try:
            return lines.get_nowait()
        except queue.Empty:
            return None

    return take


class RealtimeRig:
    """A rig that other processes talk to.

    Attributes:
        rig: Motors, IMU and body.
        hardware: The hardware configuration with which a driver opens it.
        left_out: Seconds that were skipped because the machine was too slow.
    """

    def __init__(
        self,
        robot: str = "berkeley_humanoid_lite",
        *,
        interface: str = "socketcand",
        port: int = 0,
        body: str = "mujoco",
        free: bool = False,
        faults: tuple[str, ...] = (),
        latency: float = 0.0,
        noise: float = 0.0,
        seed: int = 0,
        watchdog_ms: int | None = None,
    ):
        self.model = load_model(robot)
        hardware = load_hardware(robot)
        self._buses = tuple(bus.name for bus in hardware.buses)
        parsed = tuple(parse_fault(text, self._buses, self.model.joints) for text in faults)
        options = {"hanging": not free} if body == "mujoco" else {}
        self.rig = Rig(
            hardware,
            self.model,
            body=body,
            calibration=nominal(hardware.directions(self.model)),
            faults=parsed,
            seed=seed,
            latency=latency,
            noise=noise,
            watchdog_ms=watchdog_ms,
            **options,
        )
        self._line = PtyPort()
        self.rig.imu.port = self._line
        self._server = SocketcandServer(self._buses, port) if interface == "socketcand" else None
        for bus in hardware.buses:
            self.rig.nodes[bus.name].bus = self._server.buses[bus.name] if self._server else _open(bus.channel)
        self.hardware = replace(
            hardware,
            imu=replace(hardware.imu or ImuConfig(), port=self._line.path),
            buses=tuple(
                replace(bus, interface=interface, channel=bus.name, port=self._server.port if self._server else 0)
                for bus in hardware.buses
            ),
        )
        self._camera = RigCamera(robot) if body == "mujoco" else None
        self._drawn = 0.0
        self.left_out = 0.0

    def describe(self) -> str:
        where = f"socketcand on 127.0.0.1:{self._server.port}" if self._server else "socketcan"
        camera = f"; camera {self._camera.url}" if self._camera else ""
        return f"{where}, channels {', '.join(self._buses)}; IMU on {self._line.path}{camera}"

    def write_hardware(self, path: str | Path) -> Path:
        """Writes the hardware file for the other side, and a calibration without offsets beside it."""
        path = Path(path).absolute()
        calibration = path.with_suffix(".calibration.yaml")
        save_calibration(calibration, self.model, self.rig.calibration.offset, "rig")
        path.write_text(yaml.safe_dump(_plain(replace(self.hardware, calibration=str(calibration))), sort_keys=False))
        return path

    def run(self, seconds: float = 0.0, take_line: Callable[[], str | None] = lambda: None) -> None:
        """Runs until `seconds` have passed (0: for ever) or "quit" is said."""
        claim_realtime(RIG)  # hardware does not wait for other programs; granted on few systems
        began = due = time.monotonic()
        while not seconds or time.monotonic() - began < seconds:
            # Sleeps instead of waiting for the first frame: handling each of the many frames by itself takes a whole core.
            time.sleep(min(max(0.0, due - time.monotonic()), NAP))
            if self._server is not None:
                self._server.poll(0.0, time.time())
            self.rig.pump(min(STEP, max(0.0, time.monotonic() - due + STEP)))
            if self._server is not None:
                self._server.flush()
            if time.monotonic() < due:
                continue
            self.rig.advance(STEP)
            body = self.rig.body
            if self._camera is not None and isinstance(body, MujocoBody) and self.rig.time - self._drawn >= 0.5 / HZ:
                self._drawn = self.rig.time
                self._camera.show(body.pose)
            if self._server is not None:
                self._server.unplugged = {name for name, node in self.rig.nodes.items() if node.wire.refuse}
            due += STEP
            behind = time.monotonic() - due
            if behind > MOST_BEHIND:
                self.left_out += behind
                due += behind
            line = take_line()
            if line == "quit":
                return
            if line:
                print(self.obey(line), flush=True)

    def obey(self, line: str) -> str:
        """One command of standard input; the answer."""
        word, *rest = line.split(maxsplit=1)
        try:
            if word in ("fault", "mend") and rest:
                self.rig.set_fault(parse_fault(rest[0], self._buses, self.model.joints), word == "fault")
            elif word in ("release", "hang", "push") and isinstance(self.rig.body, MujocoBody):
                arguments = [tuple(float(value) for value in rest[0].split())] if rest else []
                getattr(self.rig.body, word)(*arguments)
            elif word == "sweep":
                self.rig.sweep()
            elif word == "power":
                self.rig.switch_off_and_on()
            elif word == "status":
                modes = " ".join(f"{motor.mode:02x}/{motor.errors:x}" for motor in self.rig.motors)
                return f"time {self.rig.time:.3f} left_out {self.left_out:.3f} {self._posture()}modes {modes}"
            else:
                return f"unknown: {line!r}; release, hang, push X Y Z, fault SPEC, mend SPEC, sweep, power, status, quit"
        except (ArbiterError, ValueError, TypeError) as error:
            return f"error: {error}"
        return f"done: {line}"

    def _posture(self) -> str:
        """The body's tilt [rad] and the height of its torso [m], in truth; "" for joints alone."""
        if not isinstance(self.rig.body, MujocoBody):
            return ""
        truth = self.rig.body.truth
        w, _, _, z = truth.base_quat
        return f"tilt {2.0 * math.acos(min(1.0, math.hypot(w, z))):.3f} torso {truth.torso_height:.3f} "

    def close(self) -> None:
        if self._camera is not None:
            self._camera.close()
        self.rig.close()
        self._line.close()
        if self._server is not None:
            self._server.close()


def _open(channel: str) -> can.BusABC:
    try:
        return can.Bus(interface="socketcan", channel=channel)
    except (can.CanError, OSError) as error:
        raise RobotError(
            f"rig: cannot open {channel}: {error}; sudo ip link add dev {channel} type vcan && sudo ip link set {channel} up"
        ) from error


def _plain(config: HardwareConfig) -> dict:
    """A configuration as plain values for YAML."""

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value

    return plain(asdict(config))
