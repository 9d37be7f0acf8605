"""Gestures of the whole body, by the chunk policy: bowing, crouching and rising, from a quiet stand."""

from __future__ import annotations

import numpy as np

from arbiter.skill import Outcome, Parameter, Progress, StartEnvelope, Verification
from arbiter.types import RobotState
from skills import criteria
from skills.criteria import BOW_BACK, BOW_STAND, STAND_DROP, rotations
from skills.gestures import SLOW, Gesture, Repeated
from skills.legs import torso_height
from skills.measured import STANDING

LEGS = slice(10, 22)
HIPS = (12, 18)  # pitch
KNEES = (13, 19)
BOW_SWEEP = 0.2  # [rad] of the hips' pitch; down and up again are two sweeps
SURE = 0.02  # [rad] of the torso: five times the IMU's noise
RISING = 0.005  # [m] by which the torso may have been lower within the last SPAN
UPRIGHT = 0.25  # [rad] of the hips' pitch from where it began: the bow is over


class WholeBody(Gesture):
    """A gesture that needs the legs: from a quiet stand, balanced by the reflex."""

    joints = "whole_body"
    start = StartEnvelope(tilt=0.25, joint_speed=3.0, ang_vel=1.0, posture=0.6)


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

    def signal(self, state: RobotState) -> float:
        return float(np.mean(state.joint_pos[list(HIPS)]))

    def finish(self, state: RobotState, progress: Progress) -> Outcome:
        outcome = super().finish(state, progress)
        hips = abs(self.signal(state) - self.signal(progress.start)) < UPRIGHT
        leans, leant = (float(np.arcsin(-rotations(one.base_quat)[2, 0])) for one in (state, progress.start))
        upright = hips and leans <= max(leant + BOW_BACK, BOW_STAND) - SURE
        return outcome if self.timed(progress) or upright else Outcome.RUNNING

    def criterion(self, run, progress: Progress) -> Verification:
        return criteria.bow(run, 1.0 if self.timed(progress) else float(round(progress.parameters["count"])))

    def timed(self, progress: Progress) -> bool:
        return progress.parameters["duration"] is not None


class SitDown(WholeBody):
    """Crouches; it stays down until it is told otherwise."""

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
        bent = min(state.joint_pos[i] for i in KNEES) > 0.6
        still = np.abs(state.joint_vel[LEGS]).max() < SLOW
        return Outcome.SUCCESS if bent and still and progress.elapsed > 1.5 else Outcome.RUNNING

    def criterion(self, run, progress: Progress) -> Verification:
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
        straight = max(state.joint_pos[i] for i in KNEES) < 0.6
        still = np.abs(state.joint_vel[LEGS]).max() < SLOW
        up = straight and still and STANDING - torso_height(state.joint_pos, rotations(state.base_quat)) <= STAND_DROP - RISING
        return Outcome.SUCCESS if up and progress.elapsed > 1.0 else Outcome.RUNNING

    def criterion(self, run, progress: Progress) -> Verification:
        return criteria.stand_up(run)
