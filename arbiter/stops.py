"""Orders that stop the robot: stop, damp, settle, and holding still on its way up. Within the tick: no lock, no disk."""

from __future__ import annotations

import numpy as np

from arbiter.events import Event
from arbiter.handover.blend import Blend
from arbiter.handover.coming_to_rest import ComingToRest
from arbiter.lifecycle import Cause, State
from arbiter.safety import Safety
from arbiter.tree.world import World
from arbiter.types import Mode, Request, RobotState

AT_START = 0.02  # [rad] off the start posture within which legs count as being there


class Stops:
    """Owned by the tick.

    Args:
        world: Who is told that the robot was stopped; its handover and its instructions.
        blend: What goes out now.
        safety: The safety layer.
        rest: Brings a walk to rest.
    """

    def __init__(self, world: World, blend: Blend, safety: Safety, rest: ComingToRest) -> None:
        self._world, self._blend, self._safety, self._rest = world, blend, safety, rest
        self._board, self._bank, self._model, self._life = world.handover, world.handover.bank, world.model, world.life

    def stop(self, why: str, state: RobotState, now: float) -> None:
        """Within this tick: legs to zero velocity (a crouch or a bow stays as it is), arms hold, all instructions cancelled."""
        self._world.executor.cancel(f"stopped: {why}", now)
        self._board.drop_all("stopped", now)
        was = self._life.state
        self._life.change(Cause.STOP, why)
        self._world.emit(Event(now, "stopped", f"stopped: {why}", {"reason": why}))
        if was is State.RAMPING:
            self._halt(why, state, now)
        elif was is State.HALTED and self._safety.armed:
            self.damp(f"{why}, again", now)
        elif self._life.ready:
            self._stand_still(state, now)

    def _stand_still(self, state: RobotState, now: float) -> None:
        legs, others = self._model.groups["legs"], self._model.others
        posture = Request(posture=self._blend.output.copy())
        assignment = self._board.authority.owner(legs)
        if assignment is not None and assignment.policy.kind == "chunk":
            self._board.force(legs, self._bank.fallback("stand"), posture, state, now, result="stopped")
        self._board.force(others, self._bank.fallback("hold"), posture, state, now, result="stopped")

    def damp(self, why: str, now: float) -> None:
        """No position gain from this tick on, from any state; instructions and pending hands cancelled."""
        self._safety.damp(why)
        self._world.executor.cancel(f"damped: {why}", now)
        self._board.drop_all("damped", now)
        self._life.change(Cause.DAMP, why)
        self._world.emit(Event(now, "stopped", f"damped: {why}", {"reason": why}))

    def caught(self, now: float) -> None:
        """The harness has its weight: every joint holds. A reflex that balances shakes legs that hang in the air."""
        if self._world.tick and self._safety.armed:
            hold, everything = self._bank.fallback("hold"), self._model.groups["whole_body"]
            self._board.force(everything, hold, Request(), self._world.state, now, result="caught")

    def _halt(self, why: str, state: RobotState, now: float) -> None:
        """Holds the posture that it has on its way up, where it hangs. Legs that are in the start posture stay with `stand`,
        which balances: they may be on the floor."""
        self._world.emit(
            Event(
                now,
                "mode",
                f"holds where it is, in the harness: {why}. Another stop damps; reset and arm to begin again",
                {"reason": why},
            )
        )
        legs = self._model.groups["legs"]
        arrived = np.abs(self._blend.output - self._model.default)[legs].max(initial=0.0) < AT_START
        still = self._model.others if arrived else self._model.groups["whole_body"]
        self._board.force(still, self._bank.fallback("hold"), Request(), state, now, result="stopped")

    def settle(self, state: RobotState, now: float) -> None:
        """The ladder asks for SETTLE: a walk is brought to rest, then fallbacks have every joint. On its way up the robot hangs,
        and stays where it is."""
        self._world.executor.cancel(self._safety.fault or "settling", now)
        self._world.executor.arrivals.forget()
        if self._life.hangs:
            if self._life.state is State.RAMPING:
                why = self._safety.reason or "settling"
                self._life.change(Cause.SETTLE, why)
                self._halt(why, state, now)
            return
        self._life.change(Cause.SETTLE)
        self._board.drop_all("settling", now)
        self._rest.step(state, now, hanging=False)

    def down(self) -> str:
        """Why it can do nothing until it is reset and armed, "" if it can: instructions are not kept until then."""
        if self._life.state is State.HALTED:
            return f"stopped on its way up ({self._life.stopped}); reset and arm it"
        if self._safety.mode in (Mode.DAMP, Mode.OFF):
            return self._safety.fault or f"{self._safety.reason or self._safety.mode.value}; reset and arm it"
        return ""
