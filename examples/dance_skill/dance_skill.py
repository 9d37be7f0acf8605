"""A whole plug-in: the robot dances, turning left and right on the spot under the walking policy."""

import math
from collections.abc import Sequence

import numpy as np

from arbiter.skill import Outcome, Parameter, Progress, Skill, StartEnvelope, Verification
from arbiter.types import Request, RobotState

SWING = 0.6  # [rad/s] of yaw at the middle of a swing
PERIOD = 2.0  # [s] of one swing left and right
SEEN = 0.15  # [rad/s] that the gyro measures in a turn that counts


class Dance(Skill):
    """Swings left and right `count` times."""

    name = "dance"
    utterances = (
        "dance",
        "do a little dance",
        "dance for me",
        "show me your moves",
        "let's dance",
        "boogie",
        "shake it",
        "dance to the music",
        "can you dance",
        "give us a dance",
    )
    policy = "locomotion"
    joints = "legs"
    parameters = (Parameter("count", "", 2.0, 1.0, 10.0),)
    start = StartEnvelope(posture=0.8)
    time_limit = 30.0

    def request(self, state: RobotState, progress: Progress) -> Request:
        """A yaw command that swings like a pendulum."""
        yaw = SWING * math.sin(2.0 * math.pi * progress.elapsed / PERIOD)
        return Request(velocity=np.array((0.0, 0.0, yaw)), elapsed=progress.elapsed)

    def finish(self, state: RobotState, progress: Progress) -> Outcome:
        """Done after `count` swings."""
        done = progress.elapsed >= progress.number("count") * PERIOD
        return Outcome.SUCCESS if done else Outcome.RUNNING

    def verify(self, readings: Sequence[RobotState], progress: Progress) -> Verification:
        """It has danced if the gyro saw it turn left and right `count` times: half of the changes of direction."""
        turns = [1 if one.base_ang_vel[2] > 0.0 else -1 for one in readings if abs(one.base_ang_vel[2]) > SEEN]
        swings = 0.5 * (bool(turns) + sum(a != b for a, b in zip(turns, turns[1:], strict=False)))
        count = progress.number("count")
        return Verification(swings >= count, swings, count, "periods", f"swung {swings:g} times, at least {count:g} asked")
