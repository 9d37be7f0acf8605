"""The operator's orders that are no stop: arm, go, reset, and to stay as it is."""

from __future__ import annotations

from arbiter.events import Event
from arbiter.execution.inbox import Mail
from arbiter.handover.blend import Blend
from arbiter.handover.monitor import TargetMonitor
from arbiter.lifecycle import ON_ITS_LEGS, Cause, State
from arbiter.reader import Reader
from arbiter.recorder import Recorder
from arbiter.safety import Safety
from arbiter.tree.world import World
from arbiter.types import Mode, Request, RobotState

MOVING = ("arm", "go")  # orders that let it move


class Arming:
    """Owned by the tick.

    Args:
        world: The handover and the life cycle.
        safety: The safety layer.
        blend: What goes out.
        monitor: Forgets at a reset what it has counted.
        reader: Reads the robot.
        recorder: Takes events, and the orders as inputs.
    """

    def __init__(
        self, world: World, safety: Safety, blend: Blend, monitor: TargetMonitor, reader: Reader, recorder: Recorder
    ) -> None:
        self._world, self._safety, self._blend, self._monitor = world, safety, blend, monitor
        self._reader, self._recorder = reader, recorder

    def obey(self, mail: Mail, now: float) -> None:
        """In the order in which they were given. What lets it move and came with a stop does not count."""
        stopped = mail.stop or mail.damp
        for order in mail.orders:
            if stopped and order in MOVING:
                self._tell(now, f"came with a stop and does not count: {order}")
            elif order == "arm":
                refusal = self.arm(now, self._reader.state)
                self._tell(now, f"not armed: {refusal}" if refusal else "armed: slowly to the start posture")
            else:
                self._recorder.inputs.append((order,))
                {"reset": self._reset, "go": self._go, "halt": self._halt}[order](now)

    def arm(self, now: float, state: RobotState | None = None) -> str:
        """Lets motors move: legs to the standing posture, arms to rest. Returns why not, "" when armed.

        `state`: what is believed in this tick; None: it reads.
        """
        reader, world = self._reader, self._world
        state = reader.read(now) if state is None else state
        now = reader.now
        refusal = self._safety.arm(reader.believed, reader.at)
        if refusal:
            return refusal
        world.life.change(Cause.RESET)
        world.life.change(Cause.ARM)
        model, handover = world.model, world.handover
        self._blend.seed(state.joint_pos)
        handover.authority.q[:] = state.joint_pos
        stand, rest = handover.bank.fallback("stand"), handover.bank.fallback("rest")
        handover.force(model.groups["legs"], stand, Request(posture=model.default, start=True), state, now)
        handover.force(model.others, rest, Request(start=True), state, now)
        self._recorder.mode = Mode.RUN
        self._recorder.inputs.append(("arm", reader.at, reader.reading))
        return ""

    def _go(self, now: float) -> None:
        life = self._world.life
        if not life.change(Cause.GO) and life.state is State.HALTED:
            self._tell(now, f"not ready: stopped on its way up ({life.stopped}); reset and arm it")

    def _halt(self, now: float) -> None:
        self._world.life.change(Cause.HALT)

    def _reset(self, now: float) -> None:
        life, safety = self._world.life, self._safety
        if life.state in ON_ITS_LEGS and safety.mode is Mode.RUN and not safety.fault:
            self._tell(now, "not reset: no fault is latched, and the motors carry the robot; stop or damp it first")
            return
        safety.reset()
        self._world.handover.bank.pardon()
        self._monitor.forget()
        life.change(Cause.RESET)
        self._recorder.emit(Event(now, "reset", "reset by the operator: passive"))

    def _tell(self, now: float, text: str) -> None:
        self._recorder.emit(Event(now, "mode", text))
