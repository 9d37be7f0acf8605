"""The Kalman filter: position, velocity, bias of the accelerometer and the feet on the floor; one covariance for all three axes.

The noise is the same in all directions and the orientation is taken as given, so the three axes are three equal filters. Plain
numbers: for so small a state arrays cost several times as much.
"""

from __future__ import annotations

from arbiter.estimation.rotation import Vector

P, V, B, F = 0, 1, 2, 3  # rows of the state: position, velocity, bias, the first of the feet

ACCELERATION = 0.15  # [m/s²] noise of the accelerometer's mean over a tick, of the orientation that turns it and of time
UNFELT = 3.0  # [m/s²] by which the velocity changes where there is no accelerometer
BIAS = 0.3  # [m/s²] that a bias may be
WANDER = 0.002  # [m/s² per √s] by which it changes
CREEP = 0.03  # [m/s] of a sole that carries
PLACE = 0.004  # [m] by which joints tell the way of a sole wrong
REST = 0.05  # [m/s] that it may move with when it begins
COAST = 0.5  # [m/s] with which it may move where nothing tells how
FADE = 0.8  # of the velocity is left after a tick of coasting


class ContactFilter:
    """Attributes:
    x: For each axis of the odometry frame: position of the IMU [m], its velocity [m/s], bias of the accelerometer [m/s²], place
        of each sole on the floor [m].
    covariance: Of each axis, rows and columns in the same order.
    known: Which soles are on the floor.
    """

    def __init__(self, feet: int) -> None:
        self._size = F + feet
        self.start((0.0, 0.0, 0.0))

    def start(self, position: Vector) -> None:
        """Begins at `position` [m], nearly at rest; nothing is known of the feet."""
        size = self._size
        self.x = [[value] + [0.0] * (size - 1) for value in position]
        self.covariance = [[0.0] * size for _ in range(size)]
        self.covariance[V][V], self.covariance[B][B] = REST**2, BIAS**2
        self.known = [False] * (size - F)

    def predict(self, acceleration: Vector | None, dt: float) -> None:
        """`dt` [s] later. `acceleration` [m/s²], odometry frame, without gravity and bias; None: not known."""
        cov = self.covariance
        if acceleration is None:
            half, step, jolt = 0.0, 0.0, (UNFELT * dt) ** 2
            for x in self.x:
                x[P] += dt * x[V]
        else:
            half, step, jolt = 0.5 * dt * dt, dt, (ACCELERATION * dt) ** 2
            for x, moved in zip(self.x, acceleration, strict=True):
                x[P] += dt * x[V] + half * moved
                x[V] += dt * moved
        bias = cov[B]
        cov[P] = [p + dt * v - half * b for p, v, b in zip(cov[P], cov[V], bias, strict=True)]
        cov[V] = [v - step * b for v, b in zip(cov[V], bias, strict=True)]
        for row in cov:
            row[P] += dt * row[V] - half * row[B]
            row[V] -= step * row[B]
        cov[V][V] += jolt
        cov[P][V] += 0.5 * dt * jolt
        cov[V][P] += 0.5 * dt * jolt
        cov[P][P] += 0.25 * dt * dt * jolt
        cov[B][B] += WANDER * WANDER * dt

    def coast(self, dt: float) -> None:
        """Nothing tells how it moves: it comes to rest, and anything may be."""
        cov = self.covariance
        for x in self.x:
            x[P] += dt * x[V]
            x[V] *= FADE
        self.known = [False] * len(self.known)
        for i in range(self._size):
            cov[V][i] = cov[i][V] = 0.0
        cov[V][V] = COAST * COAST
        cov[P][P] += COAST * COAST * dt

    def lift(self, foot: int) -> None:
        """That sole tells nothing now."""
        self.known[foot] = False

    def stand(self, foot: int, place: Vector, contact: float, dt: float) -> None:
        """What a sole on the floor tells: its `place` from the IMU [m], by the way it went since it was put down; `contact`: how
        far it carries, above 0, at most 1."""
        at, cov = F + foot, self.covariance
        if not self.known[foot]:
            self._put_down(at, place)
            self.known[foot] = True
            return
        creep = CREEP * dt / contact
        cov[at][at] += creep * creep
        across = [b - a for a, b in zip(cov[P], cov[at], strict=True)]
        spread = across[at] - across[P] + PLACE * PLACE
        gain = [value / spread for value in across]
        for x, value in zip(self.x, place, strict=True):
            miss = value - x[at] + x[P]
            x[:] = [a + k * miss for a, k in zip(x, gain, strict=True)]
        self.covariance = [[a - k * b for a, b in zip(row, across, strict=True)] for row, k in zip(cov, gain, strict=True)]

    def _put_down(self, at: int, place: Vector) -> None:
        cov = self.covariance
        for x, value in zip(self.x, place, strict=True):
            x[at] = x[P] + value
        cov[at] = cov[P][:]
        for row in cov:
            row[at] = row[P]
        cov[at][at] = cov[P][P] + PLACE * PLACE
