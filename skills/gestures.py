"""Gestures of the arms and reaching, by the chunk policy: a prompt until the posture is reached or the time is up."""

from __future__ import annotations

from typing import Self

import numpy as np

from arbiter.robot import RobotModel
from arbiter.skill import Outcome, Parameter, Progress, RunContext, StartEnvelope, Verification
from arbiter.types import Request, RobotState
from skills import criteria
from skills.criteria import REST_ANGLE, SPAN, WAVE_SWING
from skills.judged import Judged
from skills.measured import HAND_DOUBT, SIDES
from skills.recordings import Recording
from skills.repeats import Sweeps

SLOW = 0.35  # [rad/s]
DOWN = REST_ANGLE - SLOW * SPAN  # [rad] from rest: there, and slow, the arms have been at rest for SPAN seconds
LEAST_WAVES, RAISING, LONGER = 2.0, 2.0, 4.0  # waves, [s] until the hand is up, [s] that a wave without them goes on


class Gesture(Judged):
    """Sends `prompt` to the chunk policy for `duration` seconds."""

    policy = "chunk"
    joints = "arms"
    start = StartEnvelope(tilt=0.35, joint_speed=10.0)
    time_limit = 25.0
    prompt = ""
    parameters = (Parameter("duration", "s", 4.0, 1.0, 20.0),)

    def unfit(self, robot: RobotModel) -> str:
        """Why the robot cannot do it: without two hands it cannot be judged."""
        known = robot.body is not None and len(robot.body.hands) == len(SIDES)
        return super().unfit(robot) or (
            "" if known else f"the robot {robot.name} has no two hands (roles.hands of its robot.yaml)"
        )

    def request(self, state: RobotState, progress: Progress) -> Request:
        return Request(prompt=self.prompt, elapsed=progress.elapsed)

    def finish(self, state: RobotState, progress: Progress) -> Outcome:
        return Outcome.SUCCESS if progress.elapsed >= progress.number("duration") else Outcome.RUNNING


class Repeated(Gesture):
    """A periodic gesture: ends after `duration`, or after `count` periods of `signal`."""

    sweep = 0.2  # of the signal, the least that counts
    parameters = (*Gesture.parameters, Parameter("count", "", None, 1.0, 10.0))

    _sweeps: Sweeps

    def begin(self, context: RunContext) -> Self:
        run = super().begin(context)
        run._sweeps = Sweeps(self.sweep)
        return run

    def timed(self, progress: Progress) -> bool:
        """Whether it ends by time, not by number."""
        return progress.given("count") is None

    def signal(self, state: RobotState, progress: Progress) -> float:
        """The quantity whose periods are counted; nan while they do not count."""
        raise NotImplementedError

    def finish(self, state: RobotState, progress: Progress) -> Outcome:
        if self.timed(progress):
            return super().finish(state, progress)
        sweeps = self._sweeps.count(self.signal(state, progress))
        return Outcome.SUCCESS if sweeps >= 2 * round(progress.number("count")) else Outcome.RUNNING


class Wave(Repeated):
    """Waves the hand of one `side`. Its sideways motion is counted, not that of a joint, because the elbow takes part."""

    side = ""
    sweep = WAVE_SWING + 2.0 * HAND_DOUBT  # two sweeps are one wave; it ends with the last, which must be one in truth, too

    def finish(self, state: RobotState, progress: Progress) -> Outcome:
        """A wave by time is prolonged if the hand has hardly moved yet."""
        done = super().finish(state, progress)
        if not self.timed(progress):
            return done
        seen = self._sweeps.count(self.signal(state, progress))
        duration = progress.number("duration")
        late = seen < 2.0 * min(LEAST_WAVES, duration - RAISING) and progress.elapsed < duration + LONGER
        return Outcome.RUNNING if late else done

    def signal(self, state: RobotState, progress: Progress) -> float:
        """Position of the raised hand in the base frame, to the left [m]."""
        _, left, up = progress.body.hand(state.joint_pos, self.side)
        return float(left) if up >= progress.body.shoulders + HAND_DOUBT else np.nan

    def criterion(self, run: Recording, progress: Progress) -> Verification:
        count, duration = progress.given("count"), progress.number("duration")
        asked = min(LEAST_WAVES, max(0.5, duration - RAISING)) if count is None else float(round(count))
        return criteria.wave(run, self.side, asked)


class WaveRight(Wave):
    """Waves the right hand."""

    name = "wave_right"
    utterances = (
        "wave your right hand",
        "wave with the right hand",
        "wave with your right arm",
        "wave right",
        "greet them with your right hand",
        "say hello with the right hand",
        "give a wave with your right",
        "use your right hand to wave",
        "wave goodbye with your right hand",
        "wave",
        "wave hello",
        "say hi",
        "wave goodbye",
        "greet me",
        "give us a wave",
    )
    prompt = "wave the right hand"
    side = "right"


class WaveLeft(Wave):
    """Waves the left hand."""

    name = "wave_left"
    utterances = (
        "wave your left hand",
        "wave with the left hand",
        "wave with your left arm",
        "wave left",
        "greet them with your left hand",
        "say hello with the left hand",
        "give a wave with your left",
        "use your left hand to wave",
        "wave goodbye with your left hand",
    )
    prompt = "wave the left hand"
    side = "left"


class RaiseArms(Gesture):
    """Raises both arms; they stay up."""

    name = "raise_arms"
    utterances = (
        "raise your arms",
        "lift your arms",
        "put your hands up",
        "arms up",
        "hands up",
        "raise both hands",
        "lift your hands above your head",
        "put your arms in the air",
        "reach for the sky",
        "stretch your arms up",
        "hold your arms up high",
        "bring your arms up",
    )
    prompt = "raise both arms"
    hold = True
    parameters = ()

    def finish(self, state: RobotState, progress: Progress) -> Outcome:
        still = np.abs(state.joint_vel[progress.model.groups["arms"]]).max() < SLOW
        return Outcome.SUCCESS if still and progress.elapsed > 2.0 else Outcome.RUNNING

    def criterion(self, run: Recording, progress: Progress) -> Verification:
        return criteria.raise_arms(run)


class LowerArms(Gesture):
    """Lowers both arms."""

    name = "lower_arms"
    utterances = (
        "lower your arms",
        "put your arms down",
        "arms down",
        "hands down",
        "drop your arms",
        "lower both hands",
        "let your arms hang",
        "bring your arms down",
        "put your hands back down",
        "relax your arms",
        "arms at your sides",
        "let your hands fall to your sides",
    )
    prompt = "lower both arms"
    parameters = ()

    def finish(self, state: RobotState, progress: Progress) -> Outcome:
        arms = progress.model.groups["arms"]
        away = np.abs(state.joint_pos - progress.model.default)[arms].max()
        down = away < DOWN and np.abs(state.joint_vel[arms]).max() < SLOW
        return Outcome.SUCCESS if down and progress.elapsed > 1.0 else Outcome.RUNNING

    def criterion(self, run: Recording, progress: Progress) -> Verification:
        return criteria.lower_arms(run)


class PointAt(Gesture):
    """Points left, right or ahead."""

    name = "point_at"
    utterances = (
        "point at it",
        "point ahead",
        "point to the left",
        "point to the right",
        "point at the ball",
        "point straight ahead",
        "point with your arm",
        "show me where it is",
        "point in that direction",
        "point at the door",
        "indicate the direction with your hand",
        "point your finger that way",
    )
    parameters = (
        Parameter("direction", "", "ahead", choices=("left", "right", "ahead")),
        Parameter("duration", "s", 3.0, 1.0, 20.0),
    )
    PROMPTS = {"left": "point to the left", "right": "point to the right", "ahead": "point straight ahead"}

    def request(self, state: RobotState, progress: Progress) -> Request:
        return Request(prompt=self.PROMPTS[progress.word("direction")], elapsed=progress.elapsed)

    def criterion(self, run: Recording, progress: Progress) -> Verification:
        return criteria.point_at(run, progress.word("direction"))
