"""Authority: each joint has exactly one owner at each tick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from arbiter.errors import PolicyError
from arbiter.execution.run import Run
from arbiter.policy import Policy
from arbiter.robot import RobotModel
from arbiter.types import JointTarget, Request, RobotState
from arbiter.wall import walled

NO_JOINT = -1


@dataclass(slots=True, eq=False)
class JointAssignment:
    """A policy and the joints it drives now.

    Attributes:
        policy: The driver.
        joints: Mask of its joints, bool, shape (n,).
        run: The run it works for; None: at home.
        request: What it is asked when `run` is None.
    """

    policy: Policy
    joints: np.ndarray
    run: Run | None
    request: Request


def first(joints: np.ndarray) -> int:
    """Index of the first of `joints`, bool, shape (n,); NO_JOINT where there are none."""
    return int(np.argmax(joints)) if joints.any() else NO_JOINT


class Authority:
    """Who drives which joint, and the target that this makes.

    `q`, `kp`, `kd` [rad, N·m/rad, N·m·s/rad], shape (n,), the rows of `block`, are the composed target of the last `act`; a
    joint whose policy failed keeps its last target until the handover gives it to a fallback.
    """

    def __init__(self, model: RobotModel) -> None:
        self._model = model
        self.assignments: list[JointAssignment] = []
        self.block = np.stack((model.default, np.zeros(model.n), model.kd))
        self.q, self.kp, self.kd = tuple(self.block)
        self.names: list[str] = [""] * model.n
        self.version = 0

    def owner(self, joints: np.ndarray) -> JointAssignment | None:
        """The assignment that holds the first of `joints`; None where there are none."""
        return self.at(first(joints))

    def at(self, joint: int) -> JointAssignment | None:
        """The assignment that holds the joint of this index; None for NO_JOINT."""
        if joint == NO_JOINT:
            return None
        return next((assignment for assignment in self.assignments if assignment.joints[joint]), None)

    def owners(self, joints: np.ndarray) -> list[JointAssignment]:
        """All assignments that hold any of `joints`."""
        return [assignment for assignment in self.assignments if (assignment.joints & joints).any()]

    def drives(self, policy: Policy) -> bool:
        """Whether `policy` holds any joint."""
        return any(assignment.policy is policy for assignment in self.assignments)

    def give(self, joints: np.ndarray, policy: Policy, run: Run | None, request: Request | None = None) -> list[Policy]:
        """Hands `joints` to `policy`, all at once. Returns the policies that drive nothing any more."""
        before = {id(assignment.policy): assignment.policy for assignment in self.assignments}
        for assignment in self.assignments:
            assignment.joints = assignment.joints & ~joints
        self.assignments = [assignment for assignment in self.assignments if assignment.joints.any()]
        self.assignments.append(JointAssignment(policy, joints.copy(), run, request or Request()))
        self.version += 1
        for i in np.flatnonzero(joints):
            self.names[i] = policy.name
        return [old for old in before.values() if not self.drives(old)]

    def act(self, assignments: Sequence[JointAssignment], state: RobotState, now: float) -> list[tuple[JointAssignment, str]]:
        """Asks owners for their targets. Returns those that failed, with what went wrong."""
        failed = []
        for assignment in assignments:
            run = assignment.run
            request = assignment.request if run is None else run.request
            wrong, error = walled(self._ask, assignment, state, request, now)
            if wrong or error:
                failed.append((assignment, wrong or error))
            elif run is not None and assignment.policy.kind == "chunk":
                run.history.chunks = getattr(assignment.policy, "chunks", 0)
        return failed

    def _ask(self, assignment: JointAssignment, state: RobotState, request: Request, now: float) -> str:
        """Takes the target of one owner. Returns what is wrong with it, "" if nothing is."""
        policy, mask = assignment.policy, assignment.joints
        target = policy.act(state, request, now)
        if not isinstance(target, JointTarget):
            return f"act() returned {type(target).__name__}; a JointTarget is expected"
        if target.joints is not policy.joints:  # who hands out its own mask is right
            self._check_joints(mask, target.joints)
        shape = self.q.shape
        for name, into, values in (("q", self.q, target.q), ("kp", self.kp, target.kp), ("kd", self.kd, target.kd)):
            if not isinstance(values, np.ndarray):
                raise PolicyError(f"{name} is {type(values).__name__}; an array of shape {shape} is expected")
            if values.shape != shape:
                raise PolicyError(f"{name} has shape {values.shape}; {shape} is expected")
            if values.dtype.kind != "f":  # whole numbers of radians are no targets, they are a mistake
                raise PolicyError(f"{name} holds {values.dtype}; floating-point numbers are expected")
            np.copyto(into, values, where=mask)
        return ""

    def _check_joints(self, wanted: np.ndarray, driven: object) -> None:
        """Raises PolicyError where a target does not drive what it has to."""
        if not isinstance(driven, np.ndarray) or driven.dtype != bool or driven.shape != wanted.shape:
            raise PolicyError(f"its target's joints is {driven!r:.60}; a mask of {len(wanted)} bools is expected")
        left_out = wanted & ~driven
        if left_out.any():
            raise PolicyError(f"its target leaves out {self._model.joints[int(np.argmax(left_out))]}, which it has to drive")

    def describe(self) -> dict[str, str]:
        """Owner's name for each joint group that has joints; names joined by "+" where a group is split."""
        table = {}
        for group, mask in self._model.groups.items():
            if mask.any() and group != "whole_body":
                table[group] = "+".join(dict.fromkeys(self.names[i] for i in np.flatnonzero(mask)))
        return table
