"""Skills with a criterion that is measured: what all built-in skills are."""

from __future__ import annotations

from collections.abc import Sequence

from arbiter.skill import Progress, Skill, Verification
from arbiter.types import RobotState
from skills.criteria import Recording, fallen
from skills.measured import Measured


class Judged(Skill):
    """A skill whose success is measured by `criterion`: on the robot by its own readings, in a report by the true state."""

    def criterion(self, run: Recording, progress: Progress) -> Verification | None:
        """The verification of `run`; None if the quantity that it judges was not measured."""
        raise NotImplementedError

    def verify(self, readings: Sequence[RobotState], progress: Progress) -> Verification | None:
        """The criterion on the robot's measurements; a fall fails it. None if the robot's shape is not known."""
        if progress.robot is None or progress.robot.body is None:
            return None
        run = Measured(readings, progress.robot, progress.sightings)
        return fallen(run) or self.criterion(run, progress)
