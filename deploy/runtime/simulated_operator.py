"""From passive to ready, and back: pre-flight passed, arm, slow ramp to the start posture, stand free; in reverse at the end."""

from __future__ import annotations

import enum

from arbiter.handover.transition import HOME_ENVELOPE, check_envelope
from arbiter.lifecycle import State
from arbiter.robot import FaultLatching, Hangable
from arbiter.tick import Arbiter, TickReport
from arbiter.types import Mode

SETTLED = 0.4  # [s] in the start posture before the harness is lowered
QUIET = 0.3  # [s] free, upright and on its feet before instructions are taken
LOADED, UPRIGHT = 0.5, 0.4  # share of its weight on its feet, tilt [rad]
LIFTED = 2.5  # [s] for the harness to catch and lift a fallen robot
PATIENCE = 5.0  # [s] that it waits for the robot to stand before it says so, and between two words on it


class HarnessPhase(enum.Enum):
    """Phases of the harness."""

    HANGING = "hanging"  # it carries the robot
    LOWERING = "lowering"
    FREE = "free"  # it is slack
    LIFTING = "lifting"  # after a reset


class ClearsFaults:
    """The operator's reset reaches the driver, which latches faults of its own. For a robot without a harness of ours.

    Args:
        robot: Its driver.
    """

    def __init__(self, robot: FaultLatching) -> None:
        self._robot = robot

    def __call__(self, report: TickReport) -> None:
        """Between ticks: the motors stay damped until the robot is armed anew."""
        if any(event.kind == "reset" for event in report.events):
            self._robot.clear_faults()


class SimulatedOperator:
    """The operator of a simulated robot: arms it in the harness, lowers it, and hangs it up again after a reset.

    Args:
        robot: A simulated robot in its harness.
        arbiter: Its arbiter.
    """

    def __init__(self, robot: Hangable, arbiter: Arbiter) -> None:
        self._robot, self._arbiter = robot, arbiter
        self._phase = HarnessPhase.HANGING
        self._since: float | None = None
        self._told = 0.0  # when it last said what it waits for [s]

    def __call__(self, report: TickReport) -> None:
        """Between ticks: starts the next phase when its condition holds."""
        now = report.now
        if any(event.kind == "reset" for event in report.events):
            if isinstance(self._robot, FaultLatching):
                self._robot.clear_faults()
            self._robot.hang()
            self._phase, self._since = HarnessPhase.LIFTING, now
        life = self._arbiter.life
        if self._phase is HarnessPhase.LIFTING and life.stopped:  # somebody wants it to stay as it is: passive
            self._arbiter.inbox.halt()
            self._enter(HarnessPhase.HANGING, None)
        elif self._phase in (HarnessPhase.HANGING, HarnessPhase.LIFTING) and life.ready:  # somebody said go: down at once
            self._robot.release()
            self._enter(HarnessPhase.FREE, None)
        elif self._phase is HarnessPhase.LIFTING and self._lasted(now, LIFTED) and self._is_armed(report, now):
            self._enter(HarnessPhase.HANGING, None)
        elif self._phase is HarnessPhase.HANGING and report.verdict.mode is Mode.RUN and life.state is not State.HALTED:
            legs = self._arbiter.model.groups["legs"]
            in_posture = not check_envelope(HOME_ENVELOPE, report.state, legs, self._arbiter.model)
            self._since = (now if self._since is None else self._since) if in_posture else None
            if self._lasted(now, SETTLED):
                self._robot.release()
                self._told = now
                self._enter(HarnessPhase.LOWERING, None)
        elif self._phase is HarnessPhase.LOWERING and (
            life.state is State.HALTED or report.verdict.mode in (Mode.DAMP, Mode.OFF)
        ):
            self._robot.hang()
            self._enter(HarnessPhase.HANGING, None)
        elif self._phase is HarnessPhase.LOWERING and self._robot.supported == 0.0:
            loaded, tilt = self._robot.loaded, report.state.tilt
            stands = loaded >= LOADED and tilt <= UPRIGHT
            self._since = (now if self._since is None else self._since) if stands else None
            if self._lasted(now, QUIET):
                self._arbiter.inbox.go()
                self._enter(HarnessPhase.FREE, None)
            elif not stands and now - self._told >= PATIENCE:
                self._told = now
                self._arbiter.world.tell(
                    "mode",
                    f"waits for the robot to stand: {100.0 * loaded:.0f} % of its weight on its feet, at least "
                    f"{100.0 * LOADED:.0f} % is asked for; tilt {tilt:.2f} rad, at most {UPRIGHT:g}",
                )

    def _lasted(self, now: float, seconds: float) -> bool:
        return self._since is not None and now - self._since >= seconds

    def _is_armed(self, report: TickReport, now: float) -> bool:
        """Whether it is armed, by this object or by a person."""
        return report.verdict.mode is Mode.RUN or not self._arbiter.arm(now)

    def _enter(self, phase: HarnessPhase, since: float | None) -> None:
        self._phase, self._since = phase, since
