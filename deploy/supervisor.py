"""An independent process that damps the motors when the control loop's heartbeat stops.

`deploy.supervision.Supervision` starts it from the loop's process. It opens the CAN buses by itself, so that a blocked loop, a
blocked interpreter or a killed process all end the same way: every motor in DAMPING. Once tripped it stays so until the loop is
started anew. (The motors' own watchdog is the wall behind it.)
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time
from pathlib import Path

from deploy.cli.command import CommandParser, command
from deploy.cli.extras import extra


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("deploy.supervisor", description=__doc__.splitlines()[0])
    p.add_argument("--heartbeat", required=True, type=Path, help="the loop's heartbeat file")
    p.add_argument("--robot", default="berkeley_humanoid_lite", help="name of a robot description")
    p.add_argument("--hardware", help="another hardware file than the robot's own")
    p.add_argument("--timeout", type=float, default=0.1, help="longest time without a beat [s]")
    return p


with extra(__name__, parser, "can"):
    from deploy.drivers.can import motor_protocol
    from deploy.drivers.can.bus import BusPort, open_bus
    from deploy.drivers.can.hardware_file import HardwareConfig, load_hardware
    from deploy.drivers.can.motor_protocol import MotorMode
    from deploy.host.thread_priority import SUPERVISOR, claim_realtime
    from deploy.supervision.heartbeat import Heartbeat

LOOK = 0.005  # [s] between two looks at the heartbeat
REPEAT = 4  # looks between two damping commands while tripped


class HeartbeatWatch:
    """Decides when the heartbeat has stopped. Time is an argument.

    Attributes:
        reason: Why it tripped; "" before that.
    """

    def __init__(self, timeout: float):
        self._timeout = timeout
        self._beats = -1
        self._since = 0.0
        self.reason = ""

    def look(self, now: float, beats: int, watching: bool, alive: bool) -> bool:
        """True once it has tripped. `watching`: whether beats are expected; a loop whose process does not exist (`alive`)
        trips it in any case."""
        if self.reason:
            return True
        if beats != self._beats or not watching:
            self._beats, self._since = beats, now
        if not alive:
            self.reason = "the loop's process is gone"
        elif now - self._since > self._timeout:
            self.reason = f"no heartbeat for {1000 * (now - self._since):.0f} ms"
        return bool(self.reason)


def exists(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state != "Z"


def damp_all(ports: dict[str, BusPort], hardware: HardwareConfig) -> None:
    """DAMPING to every motor on every bus."""
    for motor in hardware.motors:
        frame = motor_protocol.set_mode(motor.id, MotorMode.DAMPING)
        ports[motor.bus].send(ports[motor.bus].message(frame.id, frame.data))


def supervise(beat: Heartbeat, hardware: HardwareConfig, timeout: float) -> None:
    """The supervisor's process: runs until the loop ends the supervision, or has died and the motors are damped."""
    ports = {bus.name: BusPort(bus.name, open_bus(bus)) for bus in hardware.buses}
    for port in ports.values():
        port.stop_listening()  # four buses' frames in Python would take a quarter of a core from those who need them
    claim_realtime(SUPERVISOR)  # it must run when everything else hangs
    watch, looks, gone = HeartbeatWatch(timeout), 0, 0
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal stops the loop, which then stops us
    while not stop:
        looks += 1
        beat.set("supervisor_beats", looks)
        pid = beat.get("pid")
        alive = exists(pid)
        if watch.look(time.monotonic(), beat.get("beats"), bool(beat.get("watching")), alive):
            if not beat.get("tripped"):
                beat.set("tripped", 1)
                with contextlib.suppress(OSError):  # a closed terminal is no reason not to damp
                    print(f"supervisor: {watch.reason}: damping every motor", file=sys.stderr, flush=True)
            if looks % REPEAT == 0 or not alive:
                damp_all(ports, hardware)
        if not alive:
            gone += 1
            if gone == REPEAT:
                break
        time.sleep(LOOK)
    for port in ports.values():
        port.close()


@command
def main(arguments: list[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    supervise(Heartbeat(args.heartbeat), load_hardware(args.robot, args.hardware), args.timeout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
