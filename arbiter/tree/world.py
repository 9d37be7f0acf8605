"""The data and services for the leaves of the tree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from arbiter.events import Event
from arbiter.execution.executor import InstructionExecutor
from arbiter.handover.controller import HandoverController
from arbiter.lifecycle import Lifecycle
from arbiter.robot import RobotModel
from arbiter.types import Mode, RobotState


@dataclass(slots=True)
class World:
    """The blackboard: filled by the arbiter before each tick of the tree.

    Attributes:
        model: The robot.
        handover: Changes of hands.
        executor: Instructions.
        emit: Takes events.
        settle: One tick of coming to rest, see `arbiter.handover.coming_to_rest.ComingToRest.step`.
        state: This tick's reading; not set before the first `see`.
        now: This tick's time [s].
        tick: How often the tree has been ticked.
        mode: The safety layer's mode.
        fault: The latched fault, "" if none.
        life: Where the robot is on its way.
    """

    model: RobotModel
    handover: HandoverController
    executor: InstructionExecutor
    emit: Callable[[Event], None]
    settle: Callable[[RobotState, float], bool]
    state: RobotState = field(init=False)
    now: float = 0.0
    tick: int = 0
    mode: Mode = Mode.PASSIVE
    fault: str = ""
    life: Lifecycle = field(default_factory=Lifecycle)

    def see(self, state: RobotState, now: float, mode: Mode, fault: str) -> None:
        """Sets the data for the next tick of the tree."""
        self.state, self.now, self.mode, self.fault = state, now, mode, fault
        self.tick += 1

    @property
    def may_move(self) -> bool:
        """Whether the tree may start something by itself: not after a stop, nor while no policy drives."""
        return not self.stopped and not self.life.down and self.mode is Mode.RUN

    @property
    def stopped(self) -> str:
        """Why the robot was stopped; "" once something new began."""
        return self.life.stopped

    @property
    def ready(self) -> bool:
        """Whether it stands by itself and accepts instructions."""
        return self.life.ready

    def tell(self, kind: str, text: str) -> None:
        """Emits an event stamped with this tick."""
        self.emit(Event(self.now, kind, text))
