"""Hand-overs: warm, gate, bridge, blend. Strict: all joints change hands in one tick, or the old policy keeps them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from arbiter.execution.request import Bounds
from arbiter.execution.run import ZERO_VELOCITY, Run
from arbiter.handover.authority import Authority
from arbiter.handover.bank import PolicyBank
from arbiter.handover.handover_records import HandoverRecords
from arbiter.handover.homes import Homes
from arbiter.handover.steps import STEADY, Steps
from arbiter.handover.transition import (
    DEFAULTS,
    HOME_ENVELOPE,
    Bound,
    Handover,
    HandoverSettings,
    Transition,
    Violation,
    check_envelope,
)
from arbiter.policy import Policy
from arbiter.recent import Recent
from arbiter.robot import RobotModel
from arbiter.skill import Outcome, StartEnvelope
from arbiter.types import Request, RobotState
from arbiter.wall import walled

STANCE = StartEnvelope(tilt=0.2, joint_speed=1.5, ang_vel=0.5, posture=0.25)  # of legs that walked, for what comes next
STOOD = StartEnvelope(tilt=0.2, joint_speed=1.5, ang_vel=0.5, posture=0.15)  # of legs that a stand has led there from elsewhere


class HandoverController:
    """Carries out changes of hands. Owned by the tick; no method waits.

    Args:
        model: The robot.
        authority: Who drives what; only the handover and the safety ladder change it.
        bank: The policies.
        home: Policy name by joint group, for joints that no skill wants.
        settings: See HandoverSettings.
    """

    def __init__(
        self,
        model: RobotModel,
        authority: Authority,
        bank: PolicyBank,
        home: dict[str, str],
        settings: HandoverSettings = DEFAULTS,
    ) -> None:
        self.model, self.authority, self.bank, self.settings = model, authority, bank, settings
        self.records, self.steps = HandoverRecords(model, authority), Steps(model, authority)
        self.pending: list[Transition] = []
        self.just_switched, self.continued = np.zeros((2, model.n), bool)
        self.changes = 0
        self._switched = np.full(model.n, -np.inf)
        self._legs = model.groups["legs"]
        self._homes = Homes(model, home)

    @property
    def log(self) -> Recent[Handover]:
        """Changes of hands of this run, the newest last."""
        return self.records.log

    # -- wishes ---------------------------------------------------------------------------------------------------

    def request(self, run: Run, state: RobotState, now: float) -> None:
        """`run` wants its joints. Pending changes of the same joints are dropped; refusals end the run."""
        name = run.skill.policy
        if name in self.bank.banned:
            run.end(Outcome.FAILURE, f"policy {name} is out of use: {self.bank.banned[name]}", now)
            return
        self._drop(run.joints, "replaced", now)
        policy = self._pick(name, run.joints)
        if policy is None or (run.joints & ~policy.joints).any():
            what = "is busy" if policy is None else f"does not drive {self.records.label(run.joints)}"
            run.end(Outcome.FAILURE, f"policy {name} {what}", now)
            return
        if (run.joints & self._legs).any() and not getattr(policy, "carries", True):
            run.end(Outcome.FAILURE, f"policy {name} does not keep the robot on its legs; locomotion, chunk and stand do", now)
            return
        run.bound(Bounds(self.model, name, getattr(policy, "commands", None), getattr(policy, "takes", None) or {}))
        run.prepare(state, now)
        if not run.over:
            self._open(policy, run.joints, run, run.skill.start, run.skill.name, run.requested)

    def release_to_home(self, joints: np.ndarray, now: float) -> None:
        """Releases `joints` to their home policies, which take them as soon as the start envelope holds."""
        for mask, name in self._homes.of(joints, self.bank.banned):
            if any((t.joints & mask).any() for t in self.pending):
                continue
            policy = self.bank.fallback(name)
            assignments = self.authority.owners(mask)
            if len(assignments) == 1 and assignments[0].policy is policy:
                assignments[0].run, assignments[0].request = None, Request()
                continue
            envelope = HOME_ENVELOPE if (mask & self.model.groups["legs"]).any() else StartEnvelope()
            self._open(policy, mask, None, envelope, "", now)

    def hand(self, name: str, joints: np.ndarray, request: Request, now: float) -> Handover:
        """The tree gives `joints` to a policy without a skill: warmed, gated, bridged and blended like any other. The record
        tells how it goes on: a `first_command` once it drives; `waits` is false without one when it was refused."""
        self._drop(joints, "replaced", now)
        assignments = self.authority.owners(joints)
        if len(assignments) == 1 and assignments[0].policy.name == name:
            assignments[0].run, assignments[0].request = None, request
            return self.records.at_once(joints, name, now, "done")
        policy = self._pick(name, joints)
        if policy is None or name in self.bank.banned:
            why = f"policy {name} " + ("is busy" if policy is None else f"is out of use: {self.bank.banned[name]}")
            return self.records.new(joints, name, now, result=f"refused: {why}")
        envelope = HOME_ENVELOPE if (joints & self._legs).any() else StartEnvelope()
        return self._open(policy, joints, None, envelope, "", now, request)

    def waits(self, record: Handover) -> bool:
        """Whether this change of hands is still to come."""
        return any(t.record is record for t in self.pending)

    def withdraw(self, record: Handover, why: str, now: float) -> None:
        """Drops one change of hands that is still to come."""
        for t in [t for t in self.pending if t.record is record]:
            self._refuse(t, why, now)

    def force(
        self, joints: np.ndarray, policy: Policy, request: Request, state: RobotState, now: float, result: str = "forced"
    ) -> None:
        """A fallback takes `joints` at once: no gate, no dwell, but blended."""
        if not joints.any():
            return
        self._drop(joints, "forced out", now)
        assignments = self.authority.owners(joints)
        if len(assignments) == 1 and assignments[0].policy is policy:
            assignments[0].request, assignments[0].run = request, None
            return
        record = self.records.new(joints, policy.name, now)
        walled(policy.reset, state, now)
        walled(policy.warm, state, request, now)
        self._take(Transition(policy, joints, None, HOME_ENVELOPE, record), request, state, now)
        record.result = result
        self.log.append(record)

    def release(self, run: Run) -> None:
        """`run` is over: its policy goes on at zero velocity until someone takes the joints."""
        for assignment in self.authority.assignments:
            if assignment.run is run:
                self.changes += 1
                assignment.run, assignment.request = None, replace(run.request, velocity=ZERO_VELOCITY)

    # -- the tick's part ------------------------------------------------------------------------------------------

    def update(self, state: RobotState, now: float) -> None:
        """Advances every pending change of hands by one tick."""
        self.steps.note(state, now)
        for transition in list(self.pending):
            if transition.run is not None and transition.run.over:
                self._refuse(transition, transition.run.reason or "no longer wanted", now)
                continue
            self._advance(transition, state, now)

    def _advance(self, t: Transition, state: RobotState, now: float) -> None:
        request = t.run.request if t.run is not None else t.request
        warm, error = self._warm(t, request, state, now)  # in every tick: what was ready a second ago may be stale
        if error:
            self._refuse(t, f"policy {t.policy.name} could not warm: {error}", now)
            return
        reason, waited = self._blocked_by(t, state, now), now - t.record.requested
        looks = t.run is not None and t.run.looks(state, now)
        if reason and waited > self.settings.bridge_limit:
            self._refuse(t, f"start envelope not reached within {self.settings.bridge_limit:g} s: {reason}", now)
        elif reason:
            t.hindered = now
            self._bridge(t, reason, waited, state, now)
        elif not warm and min(waited, now - t.hindered) > self.settings.warm_limit:
            self._refuse(t, f"policy {t.policy.name} not ready within {self.settings.warm_limit:g} s", now)
        elif warm and not looks and now - self._switched[t.joints].max() >= self.settings.dwell - 1e-9:
            self.changes += 1
            self.pending.remove(t)
            self._take(t, request, state, now)
            t.record.result = "done"

    def _blocked_by(self, t: Transition, state: RobotState, now: float) -> Violation | None:
        """Why `t` cannot happen yet; None if it can. A walk leaves the feet anywhere: what follows begins from a quiet stand."""
        assignments = self.authority.owners(t.joints)
        if len(assignments) == 1 and assignments[0].policy is t.policy:
            return None
        reason = check_envelope(t.envelope, state, t.joints, self.model)
        walks = any(
            assignment.policy.kind == "locomotion" and (assignment.joints & self._legs).any() for assignment in assignments
        )
        if reason or not (walks or t.bridged == "stand"):
            return reason
        if now - self.steps.stepped < STEADY:
            return Violation(
                Bound.REST, f"the legs have been at rest for {now - self.steps.stepped:.2f} s, at least {STEADY:g} is asked for"
            )
        return check_envelope(STOOD if t.bridged == "stand" else STANCE, state, t.joints, self.model)

    def _warm(self, t: Transition, request: Request, state: RobotState, now: float) -> tuple[bool, str]:
        if self.authority.drives(t.policy):
            return True, ""
        if not t.reset:
            t.reset = True
            _, error = walled(t.policy.reset, state, now)
            if error:
                return False, error
        ready, error = walled(t.policy.warm, state, request, now)
        return bool(ready), error

    def _bridge(self, t: Transition, reason: Violation, waited: float, state: RobotState, now: float) -> None:
        """Works towards the start envelope: stop, then stand. Who walks stops by himself: a stand in mid-step is a fall."""
        legs = self._legs
        for assignment in self.authority.owners(t.joints | legs):
            if assignment.run is not None and (assignment.joints & t.joints).any():
                self.release(assignment.run)
        assignment = self.authority.owner(legs)
        walks = assignment is not None and assignment.policy.kind == "locomotion" and now - self.steps.stepped < STEADY
        stops = walks and waited < self.settings.stop_limit
        if stops or reason.bound is not Bound.POSTURE or (t.run is not None and not (t.joints & legs).any()):
            t.bridged = t.bridged or "stop"
            return
        if assignment is not None and assignment.policy is not self.bank.fallback("stand"):
            t.bridged = "stand"
            request = Request(posture=self.model.default)
            record = self.records.new(legs, "stand", now, result="bridge")
            stand = self.bank.fallback("stand")
            walled(stand.reset, state, now)
            self._take(Transition(stand, legs, None, HOME_ENVELOPE, record), request, state, now)
            self.log.append(record)

    def _take(self, t: Transition, request: Request, state: RobotState, now: float) -> None:
        t.record.from_policy = self.records.owners(t.joints)
        changed = t.joints.copy()
        for assignment in self.authority.owners(t.joints):
            if assignment.policy is t.policy:
                changed &= ~assignment.joints
        for policy in self.authority.give(t.joints, t.policy, t.run, request):
            walled(policy.release)
        self._switched[changed] = now
        t.record.first_command = now
        if changed.any():
            self.just_switched |= changed
            self.records.blends(t.record)
        else:
            t.record.blend_end = now
        if t.run is not None:
            t.run.begin(state, now)
            t.run.blend_end = t.record.blend_end

    # -- bookkeeping ----------------------------------------------------------------------------------------------

    def take_over(self, joints: np.ndarray, policy: Policy, now: float, why: str) -> None:
        """`policy` goes on with the motion of `joints` at zero velocity: not blended, as it continues what was sent."""
        self.log.append(self.records.at_once(joints, policy.name, now, why))
        self._switched[joints] = now
        self.continued |= joints
        for old in self.authority.give(joints, policy, None, Request(velocity=ZERO_VELOCITY)):
            walled(old.release)

    def drop_all(self, why: str, now: float) -> None:
        """Forgets every pending change of hands."""
        self._drop(self.model.groups["whole_body"], why, now)

    def _open(
        self,
        policy: Policy,
        joints: np.ndarray,
        run: Run | None,
        envelope: StartEnvelope,
        skill: str,
        requested: float,
        request: Request | None = None,
    ) -> Handover:
        record = self.records.new(joints, policy.name, requested, skill)
        self.changes += 1
        self.log.append(record)
        self.pending.append(Transition(policy, joints, run, envelope, record, request=request or Request()))
        return record

    def _pick(self, name: str, joints: np.ndarray) -> Policy | None:
        driving = [assignment.policy for assignment in self.authority.assignments]
        return self.bank.pick(name, driving, [t.policy for t in self.pending])

    def _drop(self, joints: np.ndarray, why: str, now: float) -> None:
        for t in [t for t in self.pending if (t.joints & joints).any()]:
            self._refuse(t, why, now)

    def _refuse(self, t: Transition, why: str, now: float) -> None:
        self.changes += 1
        self.pending.remove(t)
        t.record.result = f"refused: {why}"
        if not self.authority.drives(t.policy):
            walled(t.policy.release)
        if t.run is not None:
            t.run.end(Outcome.FAILURE, why, now)
