"""The Kalman filter: position, velocity, bias of the accelerometer and the feet on the floor; one covariance for all three axes.

The noise is the same in all directions and the orientation is taken as given, so the three axes are three equal filters.
"""

from __future__ import annotations

import numpy as np

P, V, B, F = 0, 1, 2, 3  # rows of the state: position, velocity, bias, the first of the feet


class ContactFilter:
    """Attributes:
    state: Position of the IMU [m], velocity [m/s], bias of the accelerometer [m/s²], the soles on the floor [m], all in
        the odometry frame, shape (3 + feet, 3).
    covariance: Of each of the three axes, shape (3 + feet, 3 + feet).
    """

    ACCELERATION = 0.4  # [m/s²] noise of the accelerometer's mean over a tick, of the orientation that turns it and of time
    UNFELT = 3.0  # [m/s²] by which the velocity changes where there is no accelerometer
    BIAS = 0.3  # [m/s²] a bias may be
    WANDER = 0.002  # [m/s² per √s] by which it changes
    CREEP = 0.15  # [m/s] of a sole that carries
    PLACE = 0.004  # [m] by which joints tell the place of a sole wrong
    SPEED = 0.08  # [m/s] by which they tell the speed of the IMU wrong, where the sole stands

    def __init__(self, feet: int) -> None:
        self._feet = feet
        self.start(np.zeros(3))

    def start(self, position: np.ndarray) -> None:
        """Begins at `position` [m] at rest; nothing is known of the feet."""
        n = F + self._feet
        self.state, self.covariance = np.zeros((n, 3)), np.zeros((n, n))
        self.state[P] = position
        self.covariance[V, V], self.covariance[B, B] = 0.05**2, self.BIAS**2
        self._step = np.eye(n)
        self.known = [False] * self._feet

    def predict(self, acceleration: np.ndarray | None, dt: float) -> None:
        """`dt` [s] later. `acceleration` [m/s²], odometry frame, without gravity, with the bias; None: not known."""
        state, step = self.state, self._step
        if acceleration is None:
            step[P, V], step[P, B], step[V, B], noise = dt, 0.0, 0.0, self.UNFELT
            state[P] += dt * state[V]
        else:
            moved = acceleration - state[B]
            state[P] += dt * state[V] + (0.5 * dt * dt) * moved
            state[V] += dt * moved
            step[P, V], step[P, B], step[V, B], noise = dt, -0.5 * dt * dt, -dt, self.ACCELERATION
        cov = self.covariance = step @ self.covariance @ step.T
        jolt = (noise * dt) ** 2
        cov[V, V] += jolt
        cov[P, V] += 0.5 * dt * jolt
        cov[V, P] += 0.5 * dt * jolt
        cov[P, P] += 0.25 * dt * dt * jolt
        cov[B, B] += self.WANDER**2 * dt

    def correct(self, places: list, speeds: list, contacts: list[float], dt: float) -> None:
        """What the feet tell.

        Args:
            places: Of each sole from the IMU [m], odometry frame, (3,) each.
            speeds: Velocity of the IMU [m/s] if that sole stands still, likewise.
            contacts: How far each sole carries, 0 to 1; 0: not at all.
        """
        rows, told, noise = [], [], []
        for foot, contact in enumerate(contacts):
            if not contact:
                self.known[foot] = False
                continue
            if self.known[foot]:
                self.covariance[F + foot, F + foot] += (self.CREEP * dt / contact) ** 2
                rows.append((P, F + foot))
                told.append(places[foot])
                noise.append(self.PLACE**2)
            else:
                self._put_down(foot, places[foot])
            rows.append((V,))
            told.append(speeds[foot])
            noise.append((self.SPEED / contact) ** 2)
        if rows:
            self._update(rows, np.array(told), np.array(noise))

    def _put_down(self, foot: int, place) -> None:
        cov, at = self.covariance, F + foot
        self.known[foot] = True
        self.state[at] = self.state[P] + place
        cov[at] = cov[P]
        cov[:, at] = cov[:, P]
        cov[at, at] = cov[P, P] + self.PLACE**2

    def _update(self, rows: list, told: np.ndarray, noise: np.ndarray) -> None:
        h = np.zeros((len(rows), len(self.state)))
        for k, row in enumerate(rows):
            if len(row) == 2:
                h[k, row[0]], h[k, row[1]] = -1.0, 1.0
            else:
                h[k, row[0]] = 1.0
        across = self.covariance @ h.T
        gain = np.linalg.solve(h @ across + np.diag(noise), across.T).T
        self.state += gain @ (told - h @ self.state)
        cov = self.covariance - gain @ across.T
        self.covariance = 0.5 * (cov + cov.T)
