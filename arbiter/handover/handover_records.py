"""Records of changes of hands: for the report, with the peaks of what was sent while they blended."""

from __future__ import annotations

from collections import deque

import numpy as np

from arbiter.handover.authority import Authority
from arbiter.handover.transition import Handover
from arbiter.recent import Recent
from arbiter.robot import RobotModel


class HandoverRecords:
    """Owned by the handover controller.

    Attributes:
        log: Of this run, the newest last.
    """

    def __init__(self, model: RobotModel, authority: Authority) -> None:
        self._groups, self._dt, self._authority = model.groups, model.dt, authority
        self.log: Recent[Handover] = Recent()
        self._open: list[Handover] = []  # those that blend
        self._labels = {mask.tobytes(): name for name, mask in reversed(model.groups.items()) if mask.any()}
        self._sent: deque[np.ndarray] = deque(maxlen=3)  # positions [rad] of this tick and of the two before it

    def new(self, joints: np.ndarray, policy: str, now: float, skill: str = "", result: str = "pending") -> Handover:
        """A record of `joints`, bool, shape (n,), that are to go to `policy`; not yet in the log."""
        return Handover(self.owners(joints), policy, skill, self.label(joints), now, result=result)

    def at_once(self, joints: np.ndarray, policy: str, now: float, result: str) -> Handover:
        """A record of `joints` that `policy` drives from `now` [s] on without a blend."""
        record = self.new(joints, policy, now, result=result)
        record.first_command = record.blend_end = now
        return record

    def owners(self, joints: np.ndarray) -> str:
        """Who drives them now, joined by "+"."""
        return "+".join(dict.fromkeys(one.policy.name for one in self._authority.owners(joints))) or "none"

    def label(self, joints: np.ndarray) -> str:
        """Name of a joint group; of several that are all there, joined by "+"."""
        key = joints.tobytes()
        if key not in self._labels:
            parts = [name for name, mask in self._groups.items() if mask.any() and not (mask & ~joints).any()]
            covered = np.any([self._groups[name] for name in parts], axis=0) if parts else ~joints
            self._labels[key] = "+".join(parts) if np.array_equal(covered, joints) else "some joints"
        return self._labels[key]

    def blends(self, record: Handover) -> None:
        """Its joints have changed hands in this tick."""
        self._open.append(record)

    def note_sent(self, q: np.ndarray, blending: np.ndarray, now: float) -> None:
        """What goes out, positions [rad] and the joints that blend, shape (n,): peaks of the blends; closes those that ended."""
        self._sent.append(q)
        if not self._open or len(self._sent) < 3:
            return
        before, last, _ = self._sent
        velocity = np.abs(q - last) / self._dt
        acceleration = np.abs(q - 2.0 * last + before) / (self._dt * self._dt)
        for record in list(self._open):
            mask = self._mask(record.joints)
            record.peak_velocity = max(record.peak_velocity, float(velocity[mask].max()))
            record.peak_acceleration = max(record.peak_acceleration, float(acceleration[mask].max()))
            if record.first_command is not None and now > record.first_command and not (blending & mask).any():
                self._close(record, mask, now)

    def _close(self, record: Handover, mask: np.ndarray, now: float) -> None:
        record.blend_end = now
        self._open.remove(record)
        for assignment in self._authority.assignments:
            if assignment.run is not None and assignment.run.blend_end is None and (assignment.joints & mask).any():
                assignment.run.blend_end = now

    def _mask(self, label: str) -> np.ndarray:
        """The joints of a label, all of them where it names none."""
        names = [name for name in label.split("+") if name in self._groups]
        return np.any([self._groups[name] for name in names], axis=0) if names else self._groups["whole_body"]
