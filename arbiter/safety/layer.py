"""The safety layer: nothing reaches a motor but through `Safety.filter`."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from arbiter.robot import RobotModel
from arbiter.safety.command import issue
from arbiter.safety.contact import Collision, Contact
from arbiter.safety.intake import NOTHING, Intake, is_number
from arbiter.safety.ladder import DRIVING, Ladder
from arbiter.safety.limits import SafetyLimits
from arbiter.safety.notes import Notes
from arbiter.safety.shaper import Shaper
from arbiter.safety.tick_state import LastGood, Passes, TickClock
from arbiter.safety.watch import Watch
from arbiter.types import Mode, RobotState, SafeCommand, Verdict

SEED_SLACK = 0.1  # [rad] a joint that hangs this far outside its range may still be armed; the target starts at the end


class Safety:
    """Turns whatever policies ask into a command that keeps the limits, or into none.

    Args:
        model: The robot.
        limits: Its limits, perhaps tightened; None: the robot's own.
        collision: Finds the pairs that touch in a posture [rad], shape (n,), see Contact; None: not checked.
        fallbacks: Policies whose targets pass in SETTLE; all others are held.

    Attributes:
        walking: Policy whose legs are in the middle of a walk, set by the tick; "" if none. Where readings are old, but not yet
            lost, it goes on with the last ones: a walk that is held falls, and the next reading may come. For the same reason
            its targets pass in the first ticks of a SETTLE, until `let_stop` names who brings the walk to rest.
        told: What policies asked for where the tick's monitor has put nan, by policy name; for the reason of a HOLD.
    """

    def __init__(
        self,
        model: RobotModel,
        limits: SafetyLimits | None = None,
        collision: Collision | None = None,
        fallbacks: tuple[str, ...] = ("stand", "hold", "rest", "damp"),
    ) -> None:
        self.model, self.limits = model, limits or SafetyLimits.from_model(model)
        self._intake, self._watch = Intake(model, self.limits), Watch(model, self.limits)
        self._ladder, self._shaper = Ladder(self.limits, self._watch), Shaper(self.limits, model.dt)
        self._contact = Contact(model, collision) if collision is not None else None
        self._clock, self._passes, self._last = TickClock(model.dt), Passes(fallbacks, self.limits.stop_limit), LastGood(model)
        self._legs = model.groups.get("legs", np.ones(model.n, bool))
        self._notes = Notes(model.joints, self._intake, self._watch)
        self.told = NOTHING
        self._believed: RobotState | None = None
        self._read_at = math.nan

    @property
    def walking(self) -> str:
        """See the class."""
        return self._passes.walking

    @walking.setter
    def walking(self, policy: str) -> None:
        self._passes.walking = policy

    # -- state and orders -----------------------------------------------------------------------------------------

    @property
    def counts(self) -> Counter[tuple[str, str, str]]:
        """Interventions so far by (check, joint, policy)."""
        return self._notes.counts

    @property
    def mode(self) -> Mode:
        return self._ladder.mode

    @property
    def armed(self) -> bool:
        """Motors may move."""
        return self._ladder.mode in DRIVING

    @property
    def fault(self) -> str:
        """The latched fault, "" if none."""
        return self._ladder.fault

    @property
    def reason(self) -> str:
        """Why the mode is not RUN."""
        return self._ladder.reason

    @property
    def settling(self) -> float:
        """How long SETTLE has been in force [s]."""
        return self._ladder.settling

    @property
    def wants_settle(self) -> bool:
        """The ladder asks for a fallback policy on every joint."""
        return self._ladder.mode is Mode.SETTLE

    def arm(self, state: RobotState | None = None, now: float | None = None) -> str:
        """Lets motors move, from the measured posture on. Returns why not, "" when armed.

        Args:
            state, now: A reading to go by; None: the one of the last `filter`.
        """
        if state is not None and state is not self._believed:
            self.believe(state, self._clock.now if now is None else now)
        if self._watch.problem[2]:
            return self._watch.problem[2]
        q, limits = self._watch.joints.believed.q, self.limits
        outside = np.maximum(limits.lower - q, q - limits.upper)
        i = int(np.argmax(outside))
        if outside[i] > SEED_SLACK:
            return (
                f"{self.model.joints[i]} is at {q[i]:.2f} rad, outside {limits.lower[i]:.2f} to "
                f"{limits.upper[i]:.2f}; move it by hand or calibrate it"
            )
        refusal = self._ladder.arm()
        if not refusal:
            self._clock.restart()
            self._shaper.seed(q)
            self._last.forget()
            refusal = self._seed_contact()
        return refusal

    def _seed_contact(self) -> str:
        if self._contact is not None:
            self._contact.seed(self._shaper.q)
            if self._contact.error:
                self._ladder.passive("not armed")
                return f"the collision check fails: {self._contact.error}"
        return ""

    def disarm(self) -> None:
        """Damping until it is armed again. A latched fault stays."""
        if self.armed:
            self._ladder.passive("disarmed")

    def reset(self) -> None:
        """An operator clears a latched fault or a stop: passive, may be armed again."""
        self._ladder.reset()
        self._passes.stopping = ""
        self._watch.forget()

    def stop(self, reason: str = "operator", level: str = "settle") -> None:
        """Stops within one tick, from any state, thread or signal handler. Takes no lock.

        Args:
            reason: Who or what stopped it.
            level: "settle" (stand under a fallback where that is possible, else damp), "damp" or "off".
        """
        self._ladder.stop(reason or "operator", level)

    @property
    def obeyed(self) -> tuple[tuple[str, str], ...]:
        """(level, reason) of each `stop` that the last `filter` obeyed."""
        return self._ladder.obeyed

    def damp(self, reason: str) -> None:
        """Damps at once, from any state but OFF; called by the tick. `stop` is for everybody else."""
        self._ladder.damp(reason)

    def trip(self, fault: str, rung: Mode = Mode.SETTLE) -> None:
        """Latches a fault that someone else found; called by the tick. In SETTLE already: one rung further down.

        `rung`: SETTLE, or DAMP where nothing falls, as in the harness.
        """
        self._ladder.trip(fault, rung)

    def latch(self, fault: str) -> None:
        """Latches the failure of a policy that another one can stand in for: SETTLE, also from SETTLE."""
        self._ladder.latch(fault)

    def let_stop(self, policy: str) -> None:
        """In SETTLE `policy` may go on for at most `stop_limit` of the limits: it brings a walk to rest. Until SETTLE ends, or
        until another one is named."""
        self._passes.stopping = policy

    # -- the tick's part ------------------------------------------------------------------------------------------

    def believe(self, state: object, now: float) -> RobotState | None:
        """What is believed of a reading, for everything that decides in this tick; None before the first good reading.

        Joints and IMU are judged one by one: what is impossible, jumps or stands still though it must move is not believed, its
        last good value stands in, and its age grows. Whatever is given, it never raises.

        Args:
            state: What the driver read.
            now: Time of the tick [s].
        """
        self._read_at = now if is_number(now) else self._clock.now + self.model.dt
        self._watch.strict = self.armed
        self._watch.read(state, self._read_at)
        self._believed = self._watch.state()
        return self._believed

    @property
    def doubts(self) -> dict[str, str]:
        """What of the readings is not believed now, by joint name, "IMU" or "stamp": why."""
        return self._watch.doubts()

    @property
    def problem(self) -> str:
        """What is wrong with the newest reading, "" if it was good."""
        return self._watch.problem[2]

    def filter(self, target: object, owners: object, state: object, now: float) -> tuple[SafeCommand, Verdict]:
        """The command for this tick, and why it is what it is. Never raises, whatever it is given.

        Args:
            target: A JointTarget for every joint.
            owners: Policy name of each joint, robot order: who is charged.
            state: The newest reading, or what `believe` made of it in this tick.
            now: Time of the tick [s].
        """
        self._notes.clear()
        blocked, dt = self._clock.next(now, self.armed)
        intake, watch = self._intake, self._watch
        intake.take(target, owners, self.told)  # finite, shape
        if state is not self._believed or now != self._read_at:
            self.believe(state, self._clock.now)  # finite, shape and age of the reading
        mode = self._ladder.step(blocked or self._unusable(), dt)  # age, mode
        if mode is not Mode.SETTLE:
            self._passes.stopping = ""
        if mode not in DRIVING:
            return self._limp(mode)
        self._notes.add_refusals(bool(blocked), self._shaper.q)
        self._hold(mode, bool(blocked))
        self._shaper.propose(intake.q, watch.joints.believed.rows, intake.gains)  # position ... torque
        for change in self._shaper.changes:
            self._notes.add(*change)
        if self._contact is not None and not self._contact.error:
            self._keep_clear(self._contact)
        return self._send()

    def _unusable(self) -> str:
        """Why some joints hold whatever was asked."""
        if self._intake.problem[0]:
            return self._intake.problem[1]
        if self._ladder.mode is Mode.SETTLE:
            allowed = self._passes.after(self._ladder.settling)
            if any(self._intake.owner(i) not in allowed for i in np.flatnonzero(self._legs)):
                return "no fallback policy drives the legs"
        return ""

    def _hold(self, mode: Mode, everything: bool) -> None:
        """Joints whose target cannot be used: the last good command stands in."""
        intake, watch, held, walking = self._intake, self._watch, self._intake.refused, self._passes.walking
        if mode is Mode.SETTLE:
            names = intake.names()
            strangers = sorted(set(names) - self._passes.after(self._ladder.settling))
            held |= np.array([name in strangers for name in names])
            self._notes.add_policies("mode", strangers)
        if everything:
            held.fill(True)
        elif watch.ages.stale:
            held |= np.array([name != walking or not name for name in intake.names()]) | ~self._legs
        elif watch.ages.stale_arms:
            held |= ~self._legs
        if intake.clamped:
            self._notes.add_clamps(~held)
        if np.count_nonzero(held):
            self._shaper.still(held, intake.q)
            np.copyto(intake.block[1:], self._last.gains, where=held)

    def _keep_clear(self, contact: Contact) -> None:
        asked = self._shaper.next.copy()
        stopped, pair = contact.clear(self._shaper)
        if contact.error:
            self._ladder.trip(f"collision check failed: {contact.error}")
        elif stopped is not None:
            self._notes.remark = f"{pair} would touch"
            self._notes.add_changes("collision", stopped, asked, self._shaper.next)

    def _send(self) -> tuple[SafeCommand, Verdict]:
        mode, shaper, block = self._ladder.mode, self._shaper, self._intake.block
        if mode not in DRIVING:  # the collision check has just failed, and no fallback can stand
            return self._limp(mode)
        out = block  # the intake's own memory: it is filled anew in the next tick
        out[0] = shaper.next
        if not self._last.take(out):  # if that happens, no number of ours is to be trusted
            self._ladder.trip("the safety layer computed what is not a finite number", Mode.DAMP)
            return self._limp(Mode.DAMP)
        shaper.commit()
        self._watch.joints.repeats.command[:] = out[:2]
        return issue(self._clock.now, out, mode), self._notes.judge(mode, self._ladder.reason)

    def _limp(self, mode: Mode) -> tuple[SafeCommand, Verdict]:
        """No position control: damping, or no torque at all."""
        out = np.zeros((3, self.model.n))
        np.clip(self._watch.joints.believed.q, self.limits.lower, self.limits.upper, out=out[0])
        if mode is not Mode.OFF:
            out[2] = self.model.kd
        self._watch.joints.repeats.command[:] = out[:2]
        return issue(self._clock.now, out, mode), self._notes.judge(mode, self._ladder.reason)
