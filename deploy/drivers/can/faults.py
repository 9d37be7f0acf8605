"""Faults of the hardware, and the reaction to each.

A fault is a line "SOURCE: WHAT", such as "can1: bus off". Its reaction is a rung of the ladder (arbiter.types.Mode):

- RUN: a warning; shown, not acted on, and not part of RobotState.faults.
- SETTLE: reported in RobotState.faults; the safety layer brings the robot to a stand on its fallback policies.
- DAMP: reported, and this driver damps every motor at once by itself, until an operator resets it.

A biped falls when its legs are damped, so faults of arms only settle; faults that leave a leg without control damp. A silent
motor settles, also on a leg, and so do frames that cannot be sent for a while: the motor may still receive its targets, or
recover soon. Readings age, and the safety layer damps once too many are too old; the IMU's age is left to it alone.
"""

from __future__ import annotations

from arbiter.types import Mode

# what -> (reaction if it concerns legs or the whole robot, reaction if it concerns arms only)
REACTIONS: dict[str, tuple[Mode, Mode]] = {
    # buses
    "bus off": (Mode.DAMP, Mode.SETTLE),
    "adapter gone": (Mode.DAMP, Mode.SETTLE),
    "transmit queue full": (Mode.SETTLE, Mode.SETTLE),
    "send failed": (Mode.SETTLE, Mode.SETTLE),
    "error passive": (Mode.SETTLE, Mode.SETTLE),
    "no acknowledge": (Mode.SETTLE, Mode.SETTLE),
    "transceiver error": (Mode.SETTLE, Mode.SETTLE),
    "transmit timeout": (Mode.SETTLE, Mode.SETTLE),
    "adapter overflow": (Mode.SETTLE, Mode.SETTLE),
    "many error frames": (Mode.SETTLE, Mode.SETTLE),
    "error frame": (Mode.RUN, Mode.RUN),
    "error warning": (Mode.RUN, Mode.RUN),
    "restarted": (Mode.DAMP, Mode.SETTLE),
    "replies lost": (Mode.SETTLE, Mode.SETTLE),
    "unknown id answers": (Mode.DAMP, Mode.SETTLE),
    "another host commands this bus": (Mode.DAMP, Mode.DAMP),
    # motors
    "does not answer": (Mode.SETTLE, Mode.SETTLE),
    "two motors answer as one": (Mode.DAMP, Mode.SETTLE),
    "sends what is not a number": (Mode.DAMP, Mode.SETTLE),
    "left position mode": (Mode.DAMP, Mode.SETTLE),
    "setting does not take": (Mode.SETTLE, Mode.SETTLE),
    "low voltage": (Mode.SETTLE, Mode.SETTLE),
    "high voltage": (Mode.SETTLE, Mode.SETTLE),
    "battery runs low": (Mode.RUN, Mode.RUN),
    # error bits of a motor
    "general": (Mode.DAMP, Mode.SETTLE),
    "estop": (Mode.DAMP, Mode.DAMP),
    "initialization": (Mode.DAMP, Mode.SETTLE),
    "calibration": (Mode.DAMP, Mode.SETTLE),
    "powerstage": (Mode.DAMP, Mode.SETTLE),
    "invalid mode": (Mode.DAMP, Mode.SETTLE),
    "watchdog timeout": (Mode.DAMP, Mode.SETTLE),
    "over voltage": (Mode.SETTLE, Mode.SETTLE),
    "over current": (Mode.DAMP, Mode.SETTLE),
    "over temperature": (Mode.SETTLE, Mode.SETTLE),
    "can rx fault": (Mode.DAMP, Mode.SETTLE),
    "can tx fault": (Mode.DAMP, Mode.SETTLE),
    "i2c fault": (Mode.DAMP, Mode.SETTLE),
    "encoder fault": (Mode.DAMP, Mode.SETTLE),
    # the rest of the robot
    "imu silent": (Mode.RUN, Mode.RUN),
    "imu frozen": (Mode.DAMP, Mode.DAMP),
    "imu unplugged": (Mode.DAMP, Mode.DAMP),
    "command too old": (Mode.DAMP, Mode.DAMP),
    "supervisor damped": (Mode.DAMP, Mode.DAMP),
    "supervisor gone": (Mode.SETTLE, Mode.SETTLE),
    "command refused": (Mode.DAMP, Mode.DAMP),
}
UNKNOWN = (Mode.DAMP, Mode.SETTLE)


def reaction(fault: str, arms_only: bool = False) -> Mode:
    """The reaction to a fault line; details in brackets, as in "low voltage (19.2 V)", do not count."""
    what = fault.rsplit(": ", 1)[-1].split(" (", 1)[0]
    return REACTIONS.get(what, UNKNOWN)[1 if arms_only else 0]
