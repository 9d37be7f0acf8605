"""When frames were taken: the rate that their times tell, gaps, and resampling by time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.pi0.data.disk import RecordingError

LATE = 1.5  # periods between two frames that count as a gap
WHOLE = 0.03  # share by which a rate may be off a whole number and still be meant as that
SLOWEST, FASTEST = 1.0, 1000.0  # [Hz]


@dataclass(frozen=True, slots=True)
class Timing:
    """What the times of an episode tell.

    Attributes:
        rate: Frames per second, by the median distance of two; 0 for a single frame.
        gaps: Where frames are missing: (time of the frame before [s, from the start], what is missing [s]).
    """

    rate: float
    gaps: tuple[tuple[float, float], ...] = ()

    @property
    def fps(self) -> int:
        """The whole number of frames per second that is meant, 0 where it is none: 29.97 is 30, 12.5 is none."""
        whole = round(self.rate)
        return whole if whole and abs(self.rate - whole) <= WHOLE * whole else 0

    def told(self) -> str:
        """The gaps for people, "" without any."""
        some = ", ".join(f"{missing:.2f} s missing after {at:.2f} s" for at, missing in self.gaps[:5])
        return f"{some}{f' and {len(self.gaps) - 5} more' if len(self.gaps) > 5 else ''}"


def timing(time: np.ndarray, where: str) -> Timing:
    """Rate and gaps of `time` [s], shape (T,), rising. Raises RecordingError for times that can be no seconds."""
    steps = np.diff(np.asarray(time, float))
    if not len(steps):
        return Timing(0.0)
    period = float(np.median(steps))
    if not SLOWEST <= 1.0 / period <= FASTEST:
        raise RecordingError(
            f"{where}: its times are {period:g} apart, which is {1.0 / period:g} Hz; seconds are expected (are these "
            f"milliseconds?), at {SLOWEST:g} to {FASTEST:g} Hz"
        )
    late = np.flatnonzero(steps > LATE * period)
    return Timing(1.0 / period, tuple((float(time[i] - time[0]), float(steps[i] - period)) for i in late))


@dataclass(frozen=True, slots=True)
class LowDimensional:
    """The numbers of an episode; T frames, n joints.

    Attributes:
        time: When the joints were measured [s], shape (T,), rising.
        joint_pos: [rad], shape (T, n). joint_vel: [rad/s], shape (T, n). action: Position targets [rad], shape (T, n).
    """

    time: np.ndarray
    joint_pos: np.ndarray
    joint_vel: np.ndarray
    action: np.ndarray

    def in_radians(self) -> LowDimensional:
        """The same, of numbers in degrees."""
        return LowDimensional(self.time, *(np.radians(part) for part in (self.joint_pos, self.joint_vel, self.action)))

    def at_rate(self, rate: float) -> tuple[LowDimensional, np.ndarray]:
        """The same motion at `rate` [Hz], and which of its frames each new one has its picture from, shape (T',).

        Numbers are interpolated, across gaps too; the picture is the newest one there was.
        """
        new = resampled_times(self.time, rate)
        parts = (interpolated(self.time, part, new) for part in (self.joint_pos, self.joint_vel, self.action))
        return LowDimensional(new, *parts), latest(self.time, new)


def resampled_times(time: np.ndarray, rate: float) -> np.ndarray:
    """Times at `rate` [Hz] from the first to the last of `time` [s], shape (T',)."""
    count = int(np.floor((time[-1] - time[0]) * rate + 1e-6)) + 1
    return time[0] + np.arange(count) / rate


def interpolated(time: np.ndarray, values: np.ndarray, new: np.ndarray) -> np.ndarray:
    """`values`, shape (T, n), at the times `new`, shape (T', n), in their own type."""
    return np.stack([np.interp(new, time, column) for column in values.T], axis=1).astype(values.dtype)


def latest(time: np.ndarray, new: np.ndarray) -> np.ndarray:
    """The newest frame that there was at each of the times `new`, shape (T',)."""
    return np.maximum(np.searchsorted(time, new + 1e-6, side="right") - 1, 0)


def differences(time: np.ndarray, joint_pos: np.ndarray) -> np.ndarray:
    """Velocities [rad/s], shape (T, n), from positions: for recordings that hold none."""
    if len(time) < 2:
        return np.zeros_like(joint_pos)
    return np.gradient(joint_pos.astype(float), time, axis=0).astype(joint_pos.dtype)
