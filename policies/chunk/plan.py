"""The motion that is played: a chunk over time, with a decaying splice offset, and a smooth stop at its end."""

from __future__ import annotations

import math

import numpy as np

STOP_S = 0.12  # [s] time constant with which the target comes to rest after the last row


def quintic(offset: np.ndarray, speed: np.ndarray, elapsed: float, length: float) -> np.ndarray:
    """An offset that starts at `offset` with velocity `speed` and decays to zero, at rest, within `length` seconds."""
    if elapsed >= length or length <= 0.0:
        return np.zeros_like(offset)
    s = elapsed / length
    stay = 1.0 - s**3 * (10.0 - 15.0 * s + 6.0 * s * s)
    drift = s - s**3 * (6.0 - 8.0 * s + 3.0 * s * s)
    return offset * stay + speed * (length * drift)


class Plan:
    """Joint targets over time.

    Attributes:
        start: Time of the first row [s].
        end: Time of the last row [s].
    """

    def __init__(self, rows: np.ndarray, start: float, rate_hz: float) -> None:
        """`rows` [rad], shape (k, m), k >= 2; row i is meant for `start + i / rate_hz`."""
        self._rows = rows
        self._rate = rate_hz
        self.start = start
        self.end = start + (len(rows) - 1) / rate_hz
        self._offset = self._speed = np.zeros(rows.shape[1])
        self._spliced, self._length = start, 0.0

    def moved(self, start: float) -> Plan:
        """The same rows, the first one meant for `start`."""
        return Plan(self._rows, start, self._rate)

    def splice(self, q: np.ndarray, dq: np.ndarray | None, now: float, length: float) -> None:
        """Joins on to a target at `q` [rad] that moves with `dq` [rad/s] (None: as the rows do); the difference is gone after
        `length` [s]."""
        rows, rate = self._raw(now)
        self._offset, self._speed = q - rows, np.zeros_like(rate) if dq is None else dq - rate
        self._spliced, self._length = now, length

    def at(self, now: float) -> np.ndarray:
        """Targets [rad], shape (m,)."""
        return self._raw(now)[0] + quintic(self._offset, self._speed, now - self._spliced, self._length)

    def _raw(self, now: float) -> tuple[np.ndarray, np.ndarray]:
        """Targets and their velocity, without the splice: linear between rows, at rest soon after the last."""
        rows, last = self._rows, len(self._rows) - 1
        at = min(max((now - self.start) * self._rate, 0.0), float(last))
        i = min(int(at), last - 1)
        slope = rows[i + 1] - rows[i]
        q, dq = rows[i] + (at - i) * slope, slope * self._rate
        late = now - self.end
        if late > 0.0:
            fade = math.exp(-late / STOP_S)
            return q + dq * (STOP_S * (1.0 - fade)), dq * fade
        return q, dq if now >= self.start else np.zeros_like(dq)

    def left_over(self, now: float, most: int) -> np.ndarray:
        """What is still to be played from `now` on, at the rate of the rows, shape (k <= most, m); k 0: it is over."""
        rows, last = self._rows, len(self._rows) - 1
        count = min(most, max(0, math.floor((self.end - now) * self._rate + 1e-6) + 1))
        times = now + np.arange(count) / self._rate
        at = np.clip((times - self.start) * self._rate, 0.0, last)
        i = np.minimum(at.astype(int), last - 1)
        q = rows[i] + (at - i)[:, None] * (rows[i + 1] - rows[i])
        for k in np.flatnonzero(times < self._spliced + self._length):
            q[k] += quintic(self._offset, self._speed, times[k] - self._spliced, self._length)
        return q
