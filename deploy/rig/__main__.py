"""The rig as a process of its own, in real time.

    python -m deploy.rig                                   # four buses on a loopback port, an IMU on a pseudo-terminal
    python -m deploy.rig --fault can1:drop=0.2@5s --fault imu:silent@8s+0.2s
    python -m deploy.rig --interface socketcan             # on can0..can3 (or vcan), for clients that speak socketcan only

Then, elsewhere: python -m deploy.run --robot berkeley_humanoid_lite --hardware rig.yaml  (the file that this prints).
On standard input: release, hang, push X Y Z [m/s], fault SPEC, mend SPEC, power (off and on), sweep (a hand
moves all joints from end to end, for calibration), status, quit.
"""

from __future__ import annotations

import argparse
import sys

from deploy.cli.command import CommandParser, command
from deploy.cli.extras import extra
from deploy.cli.options import seed


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser(
        "deploy.rig",
        description="Simulated robot hardware: motors on CAN buses, an IMU on a serial line, a camera and a body behind them.",
    )
    p.add_argument("--robot", default="berkeley_humanoid_lite", help="name of a robot description")
    p.add_argument(
        "--interface",
        choices=("socketcand", "socketcan"),
        default="socketcand",
        help="socketcand: a loopback port; socketcan: existing can or vcan interfaces",
    )
    p.add_argument("--port", type=int, default=0, help="loopback port of socketcand (0: any free one)")
    p.add_argument("--body", choices=("mujoco", "joints"), default="mujoco", help="what the motors turn")
    p.add_argument("--free", action="store_true", help="the robot stands free instead of hanging in the harness")
    p.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="SPEC",
        help="TARGET:FAULT[=VALUE][@START s][+DURATION s]; see docs/how-to/run-on-the-robot.md",
    )
    p.add_argument("--latency", type=float, default=0.0, help="of a motor's answer [s]")
    p.add_argument("--noise", type=float, default=0.0, help="standard deviation of measured positions [rad]")
    p.add_argument(
        "--watchdog",
        type=int,
        metavar="MS",
        help="of the motors, in their flash (default: as the hardware file asks; new motors: 1000)",
    )
    p.add_argument("--seed", type=seed, default=0, help="seed of the noise")
    p.add_argument("--hardware", default="rig.yaml", metavar="FILE", help="where to write the hardware file for the other side")
    p.add_argument("--seconds", type=float, default=0.0, help="stop after so long [s] (0: until told)")
    return p


with extra(__name__, parser, "can"):
    from deploy.rig.realtime import RealtimeRig, command_lines


@command
def main(arguments: list[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    rig = RealtimeRig(
        args.robot,
        interface=args.interface,
        port=args.port,
        body=args.body,
        free=args.free,
        faults=tuple(args.fault),
        latency=args.latency,
        noise=args.noise,
        seed=args.seed,
        watchdog_ms=args.watchdog,
    )
    path = rig.write_hardware(args.hardware)
    print(f"rig: {rig.describe()}; hardware file: {path}", flush=True)
    try:
        rig.run(args.seconds, command_lines(sys.stdin))
    except KeyboardInterrupt:  # its usual end
        pass
    finally:
        rig.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
