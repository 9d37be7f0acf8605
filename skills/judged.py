"""Skills with a criterion that is measured: what all built-in skills are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from arbiter.skill import Progress, RunContext, Skill, Verification
from arbiter.types import RobotState
from skills.course import Course
from skills.criteria import fallen
from skills.measured import Measured
from skills.recordings import Recording, Way


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


class Followed(Judged):
    """One whose way over the floor is followed as it goes: `request` asks `_course` in every tick."""

    _course: Course

    def begin(self, context: RunContext) -> Self:
        run = super().begin(context)
        run._course = Course()
        return run

    def criterion(self, run: Way, progress: Progress) -> Verification | None:
        """What the way is worth."""
        raise NotImplementedError

    def verify(self, readings: Sequence[RobotState], progress: Progress) -> Verification | None:
        """As any other, but where this run has followed `readings` as they came: then it takes no longer after a long run."""
        track = self._course.track() if hasattr(self, "_course") else None
        if track is None or not readings or track.time[-1] != readings[-1].stamp:
            return super().verify(readings, progress)
        return fallen(track) or self.criterion(track, progress)
