"""Faults on demand: `TARGET:FAULT[=VALUE][@START s][+DURATION s]`.

Such as `can1:drop=0.2@5s` or `leg_left_knee_pitch_joint:error=over current@3s`.

Targets: a bus ("can1"), a joint's motor by joint name, or "imu".
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from arbiter.errors import ConfigError
from arbiter.strict import nearest
from deploy.drivers.can.motor_protocol import MotorError

# fault -> whether it takes a value: None (no), a default, or ... (needed)
BUS_FAULTS = {
    "drop": ...,
    "delay": ...,
    "error_frame": None,
    "error_passive": None,
    "bus_off": None,
    "enobufs": None,
    "unplug": None,
}
MOTOR_FAULTS = {
    "silent": None,
    "duplicate_id": None,
    "wrong_id": ...,
    "error": ...,
    "voltage": ...,
    "noise": ...,
    "nan": None,
    "deaf": None,
    "mode": ...,
}
IMU_FAULTS = {"silent": None, "corrupt": ..., "lose_bytes": ..., "frozen": None, "unplug": None}
PATTERN = re.compile(r"^(?P<target>[\w/]+):(?P<fault>\w+)(=(?P<value>[^@+]+))?(@(?P<start>[\d.]+)s)?(\+(?P<length>[\d.]+)s)?$")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a fault list.

    Attributes:
        target: Bus name, joint name or "imu".
        kind: One of the faults above.
        value: Its value, nan where it takes none; error bits for "error".
        start, end: When it holds [s on the rig's clock].
    """

    target: str
    kind: str
    value: float = math.nan
    start: float = 0.0
    end: float = math.inf

    def holds(self, now: float) -> bool:
        return self.start <= now < self.end


def parse_fault(text: str, buses: tuple[str, ...], joints: tuple[str, ...]) -> Fault:
    """Reads one fault. Raises ConfigError with the nearest valid name."""
    match = PATTERN.match(text.strip())
    if match is None:
        raise ConfigError(f"fault {text!r}: expected TARGET:FAULT[=VALUE][@START s][+DURATION s], such as can1:drop=0.2@5s")
    target, kind, value = match["target"], match["fault"], match["value"]
    kinds = BUS_FAULTS if target in buses else IMU_FAULTS if target == "imu" else MOTOR_FAULTS if target in joints else None
    if kinds is None:
        raise ConfigError(f"fault {text!r}: unknown target {target!r}; {nearest(target, (*buses, 'imu', *joints))}")
    if kind not in kinds:
        raise ConfigError(f"fault {text!r}: unknown fault {kind!r} of {target}; {nearest(kind, kinds)}")
    if (value is None) != (kinds[kind] is None):
        raise ConfigError(f"fault {text!r}: {kind} takes {'no value' if kinds[kind] is None else 'a value: ' + kind + '=...'}")
    start = float(match["start"] or 0.0)
    end = start + float(match["length"]) if match["length"] else math.inf
    return Fault(target, kind, _value(text, kind, value), start, end)


def _value(text: str, kind: str, value: str | None) -> float:
    if value is None:
        return math.nan
    if kind == "error":
        name = value.strip().upper().replace(" ", "_")
        if name not in MotorError.__members__:
            raise ConfigError(f"fault {text!r}: unknown error {value!r}; {nearest(name, MotorError.__members__)}")
        return float(MotorError[name])
    try:
        return float(value)
    except ValueError:
        raise ConfigError(f"fault {text!r}: {value!r} is not a number") from None
