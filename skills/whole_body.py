"""Gestures of the whole body, by the chunk policy: bowing, crouching and rising, from a quiet stand."""

from __future__ import annotations

import numpy as np

from arbiter.robot import RobotModel
from arbiter.skill import Outcome, Parameter, Progress, Skill, StartEnvelope, Verification
from arbiter.types import RobotState
from skills import criteria
from skills.criteria import BOW_BACK, BOW_STAND, STAND_DROP
from skills.gestures import SLOW, Gesture, Repeated
from skills.recordings import Recording
from skills.rotations import rotations

BOW_SWEEP = 0.2  # [rad] of the hips' pitch; down and up again are two sweeps
SURE = 0.02  # [rad] of the torso: five times the IMU's noise
RISING = 0.005  # [m] by which the torso may have been lower within the last SPAN
BENT = 0.6  # [rad] of a knee: beyond it the robot crouches
UPRIGHT = 0.25  # [rad] of the hips' pitch from where it began: the bow is over


def legless(robot: RobotModel) -> str:
    """Why the robot cannot do a skill that bends hips and knees; "" if it can."""
    known = robot.body is not None and robot.body.knees.size
    return "" if known else f"the robot {robot.name} has no legs with hips and knees"


class WholeBody(Gesture):
    """A gesture that needs the legs: from a quiet stand, balanced by the reflex."""

    joints = "whole_body"
    start = StartEnvelope(tilt=0.25, joint_speed=3.0, ang_vel=1.0, posture=0.6)

    def unfit(self, robot: RobotModel) -> str:
        return Skill.unfit(self, robot) or legless(robot)

    @staticmethod
    def knees(state: RobotState, progress: Progress) -> np.ndarray:
        """Flexion of the knees [rad], shape (feet,)."""
        body = progress.body
        return body.knee_signs * state.joint_pos[body.knees]


class Bow(Repeated):
    """Bows and comes up again; from a quiet stand, balanced by the reflex."""

    name = "bow"
    utterances = (
        "bow",
        "take a bow",
        "bow down",
        "bow to the audience",
        "make a bow",
        "give a polite bow",
        "bend forward at the waist",
        "bow your head and body",
        "lean forward respectfully",
        "bow politely",
        "bow before the guests",
        "do a deep bow",
    )
    prompt = "bow"
    joints = WholeBody.joints
    start = WholeBody.start
    sweep = BOW_SWEEP
    parameters = (Parameter("duration", "s", None, 1.0, 20.0), Parameter("count", "", 1.0, 1.0, 5.0))

    def unfit(self, robot: RobotModel) -> str:
        return Skill.unfit(self, robot) or legless(robot)

    def signal(self, state: RobotState, progress: Progress) -> float:
        body = progress.body
        return float(np.mean(body.hip_signs * state.joint_pos[body.hips]))

    def finish(self, state: RobotState, progress: Progress) -> Outcome:
        outcome = super().finish(state, progress)
        hips = abs(self.signal(state, progress) - self.signal(progress.start, progress)) < UPRIGHT
        leans, leant = (float(np.arcsin(-rotations(one.base_quat)[2, 0])) for one in (state, progress.start))
        upright = hips and leans <= max(leant + BOW_BACK, BOW_STAND) - SURE
        return outcome if self.timed(progress) or upright else Outcome.RUNNING

    def criterion(self, run: Recording, progress: Progress) -> Verification:
        return criteria.bow(run, 1.0 if self.timed(progress) else float(round(progress.number("count"))))

    def timed(self, progress: Progress) -> bool:
        return progress.given("duration") is not None


class SitDown(WholeBody):
    """Crouches, and stays down until another instruction."""

    name = "sit_down"
    utterances = (
        "sit down",
        "sit",
        "take a seat",
        "have a seat",
        "crouch down",
        "squat",
        "get down low",
        "lower yourself into a crouch",
        "sit on the floor",
        "squat down",
        "please be seated",
        "get into a sitting position",
    )
    prompt = "sit down"
    hold = True
    parameters = ()
    start = StartEnvelope(tilt=0.25, joint_speed=3.0, ang_vel=1.0, posture=0.9)

    def finish(self, state: RobotState, progress: Progress) -> Outcome:
        bent = self.knees(state, progress).min() > BENT
        still = np.abs(state.joint_vel[progress.model.groups["legs"]]).max() < SLOW
        return Outcome.SUCCESS if bent and still and progress.elapsed > 1.5 else Outcome.RUNNING

    def criterion(self, run: Recording, progress: Progress) -> Verification:
        return criteria.sit_down(run)


class StandUp(WholeBody):
    """Rises from the crouch."""

    name = "stand_up"
    utterances = (
        "stand up",
        "get up",
        "rise",
        "stand upright",
        "get to your feet",
        "get back on your feet",
        "rise to your feet",
        "straighten up",
        "stand back up",
        "stand tall",
        "come up from the crouch",
        "get up from the floor",
    )
    prompt = "stand up"
    parameters = ()
    start = StartEnvelope(tilt=0.3, joint_speed=4.0, ang_vel=1.5)

    def finish(self, state: RobotState, progress: Progress) -> Outcome:
        body = progress.body
        straight = self.knees(state, progress).max() < BENT
        still = np.abs(state.joint_vel[progress.model.groups["legs"]]).max() < SLOW
        height = body.torso_height(state.joint_pos, rotations(state.base_quat))
        up = straight and still and body.standing - height <= STAND_DROP - RISING
        return Outcome.SUCCESS if up and progress.elapsed > 1.0 else Outcome.RUNNING

    def criterion(self, run: Recording, progress: Progress) -> Verification:
        return criteria.stand_up(run)
