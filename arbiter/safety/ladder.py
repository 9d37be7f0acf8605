"""The ladder: HOLD, SETTLE, DAMP, OFF. It chooses by what is still healthy: a biped falls when its power is cut."""

from __future__ import annotations

from arbiter.safety.limits import SafetyLimits
from arbiter.safety.watch import Watch
from arbiter.types import Mode

DRIVING = (Mode.RUN, Mode.HOLD, Mode.SETTLE)
SWINGING = 1.0  # [rad/s] of the base: it falls, or swings in its harness; no start posture is reached from there
RECOVERY = 0.25  # a good tick pays back this much of a held one, so that a flickering fault still runs out of time


class Ladder:
    """Which mode is in force and why. Owned by the tick, but for `stop`, which any thread or signal handler may call.

    Attributes:
        mode: The mode in force.
        fault: The latched fault, "" if none; only `reset` clears it.
        reason: Why the mode is not RUN.
        settling: How long SETTLE has been in force [s].
        obeyed: (level, reason) of each `stop` that the last `step` found.
    """

    def __init__(self, limits: SafetyLimits, watch: Watch) -> None:
        self._limits, self._watch = limits, watch
        self.mode, self.fault, self.reason = Mode.PASSIVE, "", "not armed"
        self._settle = False
        self.settling = 0.0
        self.obeyed: tuple[tuple[str, str], ...] = ()
        self._held = 0.0  # time on hold, paid back slowly by good ticks [s]
        # One slot a level: each is one store, so calls from several threads cannot lose the stronger one.
        self._stop_settle = self._stop_damp = self._stop_off = ""

    # -- wishes ---------------------------------------------------------------------------------------------------

    def arm(self) -> str:
        """Passive to RUN. Returns why not, "" when armed."""
        watch = self._watch
        if self.fault:
            return f"a fault is latched: {self.fault}; an operator has to reset it"
        if self.mode is not Mode.PASSIVE:
            return f"the robot is in {self.mode.value}; it has to be passive"
        if self._stop_off or self._stop_damp or self._stop_settle:
            return f"stopped: {self._stop_off or self._stop_damp or self._stop_settle}; an operator has to reset it"
        if watch.behind:
            return watch.behind
        if watch.ages.stale or watch.ages.stale_arms:
            return watch.ages.stale or watch.ages.stale_arms
        if watch.fall.fallen or watch.fall.tilt > self._limits.fall_tilt:  # a reset forgets that it fell, not that it lies
            return (
                f"the robot has fallen: tilt {watch.fall.tilt:.2f} rad, at most {self._limits.fall_tilt:g}; set it up and reset"
            )
        if max(map(abs, watch.imu.rate)) > SWINGING:
            fastest = max(map(abs, watch.imu.rate))
            return f"the base turns at {fastest:.1f} rad/s, at most {SWINGING:g} is right; let it hang still, then arm"
        if watch.ages.faults:
            return f"the robot reports {', '.join(watch.ages.faults)}"
        self._settle, self._held = False, 0.0
        self.mode, self.reason = Mode.RUN, ""
        return ""

    def stop(self, reason: str, level: str) -> None:
        """Leaves a wish that the next `step` honours: no lock, no disk, no import, no policy call. Never raises.

        Anything but "settle" and "off" counts as "damp".
        """
        if level == "off":
            self._stop_off = reason
        elif level == "settle":
            self._stop_settle = reason
        else:
            self._stop_damp = reason

    def damp(self, reason: str) -> None:
        """No position gain from now on; called by the tick."""
        if self.mode is not Mode.OFF:
            self.mode, self.reason = Mode.DAMP, f"damped: {reason}"

    def passive(self, why: str) -> None:
        """Damping until it is armed again."""
        self._settle, self._held = False, 0.0
        self.mode, self.reason = Mode.PASSIVE, why

    def reset(self) -> None:
        """An operator clears whatever latched."""
        self.fault = ""
        self._stop_settle = self._stop_damp = self._stop_off = ""
        self.passive("not armed")

    def trip(self, fault: str, rung: Mode = Mode.SETTLE) -> None:
        """Latches a fault and goes down: to SETTLE where a fallback can stand; from SETTLE one rung further."""
        self._latch(fault, Mode.DAMP if self.mode is Mode.SETTLE else rung)

    def latch(self, fault: str) -> None:
        """Latches a fault that leaves a fallback, or a spare, to stand with: to SETTLE, and no further from there."""
        self._latch(fault, Mode.SETTLE)

    # -- the tick's part ------------------------------------------------------------------------------------------

    def step(self, blocked: str, dt: float) -> Mode:
        """Advances by `dt` [s]; `blocked`: why the target of this tick cannot be used, "" if it can."""
        self.obeyed = ()
        if self._stop_off or self._stop_damp or self._stop_settle:
            self._obey()
        if self.mode not in DRIVING:
            return self.mode
        self.settling = self.settling + dt if self.mode is Mode.SETTLE else 0.0
        self._check_health()
        if self.mode in DRIVING:
            # A stand does not need its arms: in SETTLE they hold, and the legs go on.
            arms = "" if self.mode is Mode.SETTLE else self._watch.ages.stale_arms
            self._wait(blocked or self._watch.ages.stale or arms, dt)
        return self.mode

    def _obey(self) -> None:
        off, damp, settle = self._stop_off, self._stop_damp, self._stop_settle
        wishes = (("off", off), ("damp", damp), ("settle", settle))
        self.obeyed = tuple((level, reason) for level, reason in wishes if reason)
        if off:
            self.mode, self.reason = Mode.OFF, f"switched off: {off}"
        elif damp:
            self.damp(damp)
        elif settle and self.mode in (Mode.RUN, Mode.HOLD):
            self._down(f"settled: {settle}")
        # A stop that arrives between the reads above and here is still found: only what was read is taken off.
        if self._stop_settle is settle:
            self._stop_settle = ""
        if self._stop_damp is damp:
            self._stop_damp = ""
        if self._stop_off is off:
            self._stop_off = ""

    def _check_health(self) -> None:
        ages, fall = self._watch.ages, self._watch.fall
        if fall.fallen:
            self._latch("fall", Mode.DAMP, f"fall: tilt {fall.tilt:.2f} rad, at most {self._limits.fall_tilt:g}")
        elif ages.lost:
            self._latch(ages.lost, Mode.DAMP)
        elif not self.fault and (ages.faults or ages.lost_arms):
            self._settle_soon(f"robot: {', '.join(ages.faults)}" if ages.faults else ages.lost_arms)
        elif self.fault and self.mode in (Mode.RUN, Mode.HOLD):
            self._settle_soon(self.fault)

    def _settle_soon(self, fault: str) -> None:
        """Latches a fault with which a fallback can stand, as soon as it can: readings that are old may be new again in the next
        tick. Until then all hold, and they are lost before that has lasted long."""
        if self._watch.ages.stale and not self._watch.fall.fallen:
            self.fault = fault
        else:
            self._latch(fault, Mode.SETTLE)

    def _wait(self, blocked: str, dt: float) -> None:
        if blocked:
            self._held += dt
        elif self._held > 0.0:
            self._held = max(0.0, self._held - RECOVERY * dt)
        if self._held > self._limits.hold_limit + 1e-9:  # a sum of ticks that meets it exactly is fine
            self.trip(f"held for {self._limits.hold_limit:g} s: {blocked}")
        elif not self._settle:
            self.mode, self.reason = (Mode.HOLD, blocked) if blocked else (Mode.RUN, "")

    def _latch(self, fault: str, rung: Mode, reason: str = "") -> None:
        self.fault = self.fault or fault
        if self.mode not in DRIVING:
            return
        if rung is Mode.SETTLE:
            self._down(reason or fault)
        else:
            self.mode, self.reason = Mode.DAMP, reason or fault

    def _down(self, reason: str) -> None:
        """To SETTLE if a fallback can stand, else to DAMP."""
        self._held = 0.0
        self._settle = self._watch.healthy
        self.mode, self.reason = (Mode.SETTLE, reason) if self._settle else (Mode.DAMP, reason)
