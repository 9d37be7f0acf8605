"""The tick.

robot.read -> inbox -> tree.tick -> policies.act -> blend -> safety.filter -> robot.write -> trace
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from time import perf_counter_ns

import numpy as np
import py_trees

from arbiter.events import Event
from arbiter.execution.caller import MakeCaller, SkillCaller
from arbiter.execution.executor import InstructionExecutor
from arbiter.execution.inbox import MAX_WAITING, Inbox, Mail, RouteRequest
from arbiter.execution.instruction import Instruction, InstructionState
from arbiter.execution.run import Sight, blind
from arbiter.handover.authority import Authority, JointAssignment
from arbiter.handover.bank import PolicyBank
from arbiter.handover.blend import Blend
from arbiter.handover.coming_to_rest import ComingToRest
from arbiter.handover.controller import HandoverController
from arbiter.handover.monitor import TargetMonitor
from arbiter.handover.transition import DEFAULTS, HandoverSettings
from arbiter.lifecycle import ON_ITS_LEGS, Cause, State
from arbiter.policy import Policy
from arbiter.reader import Reader
from arbiter.report import STAGES, TickReport
from arbiter.robot import Robot
from arbiter.safety import Safety
from arbiter.skill import Route, Skill
from arbiter.stops import Stops
from arbiter.tree.build import Spec, branch, grow
from arbiter.tree.world import World
from arbiter.types import JointTarget, Mode, Request, RobotState, SafeCommand, Verdict
from arbiter.wall import walled
from arbiter.worker import Worker

MOVING = ("arm", "go")  # orders that let it move
STAND_INS = 3  # who may act for the same joints in one tick: a policy, its spare, a fallback


class Arbiter:
    """Routes instructions to skills, skills to policies, policies to joints, all of it through the safety layer.

    Args:
        robot: A connected driver.
        policies: Players by policy name; "stand", "hold" and "rest" among them.
        skills: Skills by name.
        home: Policy name by joint group for joints that no skill wants.
        safety: The safety layer.
        routing: Routes beside the tick.
        tree: A checked tree (`arbiter.tree.build.check`).
        stop_guard: Tells whether a text is a stop; answers within microseconds.
        settings: How joints change hands.
        instructions: What a new instruction does to older ones: "replace", "queue", "together".
        caller: Makes the object that asks a skill.
        sight: What the head camera sees, for skills that see.

    Attributes:
        taps: Asked every tick for further inputs, for the trace: what workers delivered.
        alarms: Asked every tick for a fault that was found beside it, "" if there is none: a thread that has died.
    """

    def __init__(
        self,
        robot: Robot,
        policies: Mapping[str, Sequence[Policy]],
        skills: Mapping[str, Skill],
        home: dict[str, str],
        safety: Safety,
        routing: Worker[RouteRequest, Route],
        tree: Spec,
        stop_guard: Callable[[str], bool],
        settings: HandoverSettings = DEFAULTS,
        instructions: str = "replace",
        caller: MakeCaller = SkillCaller,
        sight: Sight = blind,
        subtrees: Mapping[str, Spec] | None = None,
    ) -> None:
        self.robot, self.safety, self.model = robot, safety, robot.model
        self.inbox = Inbox(instructions, stop_guard)
        self.bank = PolicyBank(policies)
        self.authority = Authority(self.model)
        self.handover = HandoverController(self.model, self.authority, self.bank, home, settings)
        self.rest = ComingToRest(self.model, self.authority, self.handover, self.bank, safety)
        self.monitor = TargetMonitor(self.model, self.authority, self.bank)
        safety.told = self.monitor.refused
        self.executor = InstructionExecutor(
            self.model, skills, self.handover, routing, self._emit, caller, sight, self.inbox.steering
        )
        self.world = World(self.model, self.handover, self.executor, self._emit, self.rest.step)
        self.life = self.world.life
        self.blend = Blend(self.model, settings.blend, settings.blend_time)
        self.stops = Stops(self.world, self.blend, safety, self.rest)
        self.root = grow(tree, self.world)
        self.executor.subtrees.update({name: grow(spec, self.world) for name, spec in (subtrees or {}).items()})
        self.taps: list[Callable[[], list[tuple]]] = []
        self.alarms: list[Callable[[], str]] = []
        self._events: list[Event] = []
        self._inputs: list[tuple] = []
        self.reader = Reader(robot, safety, self._emit)
        self._index, self._mode = 0, Mode.PASSIVE
        self._branch, self._tip = "", None
        self._owners, self._version = (), -1
        self._q = np.zeros((3, self.model.n))  # sent positions of this tick and the two before it
        self._ns = [0] * (len(STAGES) + 1)

    # -- the tick -------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> TickReport:
        """One tick at `now` [s]. Never waits, never raises for what a plug-in, a policy or a driver does."""
        clock, ns = perf_counter_ns, self._ns
        ns[0] = clock()
        state = self.reader.read(now)
        now = self.reader.now
        ns[1] = clock()
        self._receive(state, now)
        ns[2] = clock()
        self._decide(state, now)
        ns[3] = clock()
        self._act(state, now)
        ns[4] = clock()
        target = self._blend(now)
        ns[5] = clock()
        command, verdict = self.safety.filter(target, self.authority.names, self.reader.believed, self.reader.at)
        ns[6] = clock()
        self._write(command)
        ns[7] = clock()
        return self._report(state, target, command, verdict, now)

    # -- stages ---------------------------------------------------------------------------------------------------

    def _receive(self, state: RobotState, now: float) -> None:
        for alarm in self.alarms:
            if fault := alarm():
                self._inputs.append(("alarm", fault))
                self.safety.trip(fault)
        mail = self.inbox.poll(now)
        if mail is not None:
            self._inputs += mail.inputs()
            self._take(mail, now)
            self._obey(mail, now)
            if mail.damp:
                self.damp(mail.damp, now)
            if mail.stop:
                self.stop(mail.stop, state, now)
        self._inputs += [("route", ticket, route) for ticket, route in self.executor.poll(now)]
        if self.executor.halt:
            self.stop(self.executor.halt, state, now)
        if why := self.stops.down():
            if not self.executor.idle:
                self.executor.cancel(why, now)
        elif self.executor.waiting:
            self.life.change(Cause.BEGIN)

    def _take(self, mail: Mail, now: float) -> None:
        """Texts: to the router, or no further where a stop came with them."""
        why = f"damped: {mail.damp}" if mail.damp else mail.stop and f"stopped: {mail.stop}"
        for instruction in mail.said:
            if instruction.ticket in mail.stops:
                self.executor.turn_away(instruction, InstructionState.STOPPED, "a stop word", now)
            elif why:
                self.executor.turn_away(instruction, InstructionState.CANCELLED, why, now)
            else:
                self.executor.receive(instruction, now)
        if mail.lost:
            dropped = Instruction(0, f"({mail.lost} texts)", "", at=now)
            self.executor.turn_away(
                dropped, InstructionState.REFUSED, f"more came at once than the {MAX_WAITING} that can wait", now
            )

    def _obey(self, mail: Mail, now: float) -> None:
        """The operator's orders, in the order in which they were given. What lets it move and came with a stop does not count."""
        stopped = mail.stop or mail.damp
        for order in mail.orders:
            if stopped and order in MOVING:
                self._emit(Event(now, "mode", f"came with a stop and does not count: {order}"))
            elif order == "arm":
                refusal = self.arm(now, self.reader.state)
                self._emit(Event(now, "mode", f"not armed: {refusal}" if refusal else "armed: slowly to the start posture"))
            else:
                self._inputs.append((order,))
                {"reset": self._reset, "go": self._go, "halt": self._halt}[order](now)

    def _go(self, now: float) -> None:
        if not self.life.change(Cause.GO) and self.life.state is State.HALTED:
            self._emit(Event(now, "mode", f"not ready: stopped on its way up ({self.life.stopped}); reset and arm it"))

    def _halt(self, now: float) -> None:
        self.life.change(Cause.HALT)

    def _decide(self, state: RobotState, now: float) -> None:
        self.world.see(state, now, self.safety.mode, self.safety.fault)
        for _ in self.root.tick():
            pass
        self.executor.tidy(now)
        if self.safety.wants_settle:
            self.stops.settle(state, now)
        self.handover.update(state, now)
        self.safety.walking = self.handover.walker(now)

    def _act(self, state: RobotState, now: float) -> None:
        if self._mode in (Mode.PASSIVE, Mode.DAMP, Mode.OFF):
            return  # nothing drives: the safety layer sends damping whatever is asked
        assignments = asked = self.authority.assignments[:]
        for _ in range(STAND_INS):
            failed = self.authority.act(assignments, state, now) or self.monitor.judge(state, self.safety.walking)
            if not failed:
                self.rest.note(now)
                return
            for assignment, why in failed:
                self._failed(assignment, why, state, now)
            # Whoever took over acts in this tick: a walk must not miss one.
            assignments = [
                assignment for assignment in self.authority.assignments if not any(assignment is known for known in asked)
            ]
            asked = asked + assignments

    def _failed(self, assignment: JointAssignment, why: str, state: RobotState, now: float) -> None:
        policy = assignment.policy
        self._emit(Event(now, "policy", f"policy {policy.name} failed: {why}", {"policy": policy.name}))
        if policy.kind == "fallback":
            self.safety.trip(f"fallback {policy.name} failed: {why}")
            return
        self.rest.failed(assignment, why, state, now)
        if policy.kind == "locomotion":
            self.safety.latch(f"policy {policy.name} failed: {why}")
            self.rest.step(state, now, hanging=self.life.hangs)

    def _blend(self, now: float) -> JointTarget:
        authority, just_switched, continued = self.authority, self.handover.just_switched, self.handover.continued
        if continued.any():
            self.blend.go_on(continued)
            continued[:] = False
        if just_switched.any():
            self.blend.start(just_switched, authority.block, now)
            just_switched[:] = False
        return self.blend.apply(authority.block, now)

    def _write(self, command: SafeCommand) -> None:
        _, error = walled(self.robot.write, command)
        if error:
            self.safety.trip(f"driver: write failed: {error}")

    def _report(self, state: RobotState, target: JointTarget, command: SafeCommand, verdict: Verdict, now: float) -> TickReport:
        self._inputs += [("safety", level, reason) for level, reason in self.safety.obeyed]
        for tap in self.taps:
            self._inputs += tap()
        q, dt = self._q, self.model.dt
        q[2], q[1], q[0] = q[1], q[0], command.q
        if self._index >= 2 and self.handover.measuring:
            speed = np.abs(q[0] - q[1]) / dt
            change = np.abs(q[0] - 2.0 * q[1] + q[2]) / (dt * dt)
            self.handover.measure(speed, change, self.blend.active, now)
        self.life.follow(verdict.mode, bool(self.executor.active))
        if verdict.mode is not self._mode:
            self._changed_mode(verdict, state, now)
        tip = self.root.tip()
        if tip is not self._tip:
            self._tip, self._branch = tip, branch(self.root)
        if self.authority.version != self._version:
            self._version, self._owners = self.authority.version, tuple(self.authority.names)
        spent = tuple(b - a for a, b in pairwise(self._ns))
        report = TickReport(
            self._index,
            self.reader.at,
            state,
            command,
            verdict,
            self._owners,
            self._branch,
            tuple(self._events),
            tuple(self._inputs),
            target.q,
            spent,
            self.reader.reading,
        )
        self._events.clear()
        self._inputs.clear()
        self._index += 1
        return report

    # -- orders ---------------------------------------------------------------------------------------------------

    def arm(self, now: float, state: RobotState | None = None) -> str:
        """Lets motors move: legs to the standing posture, arms to rest. Returns why not, "" when armed.

        `state`: what is believed in this tick; None: it reads.
        """
        state = self.reader.read(now) if state is None else state
        now = self.reader.now
        refusal = self.safety.arm(self.reader.believed, self.reader.at)
        if refusal:
            return refusal
        self.life.change(Cause.RESET)
        self.life.change(Cause.ARM)
        self.blend.seed(state.joint_pos)
        self.authority.q[:] = state.joint_pos
        legs, others = self.model.groups["legs"], self.model.others
        self.handover.force(legs, self.bank.fallback("stand"), Request(posture=self.model.default, start=True), state, now)
        self.handover.force(others, self.bank.fallback("rest"), Request(start=True), state, now)
        self._mode = Mode.RUN
        self._inputs.append(("arm", self.reader.at, self.reader.reading))
        return ""

    def stop(self, why: str, state: RobotState, now: float) -> None:
        """See `Stops.stop`."""
        self.stops.stop(why, state, now)

    def damp(self, why: str, now: float) -> None:
        """See `Stops.damp`."""
        self.stops.damp(why, now)

    def caught(self, now: float) -> None:
        """See `Stops.caught`."""
        self.stops.caught(now)

    def _reset(self, now: float) -> None:
        if self.life.state in ON_ITS_LEGS and self.safety.mode is Mode.RUN and not self.safety.fault:
            self._emit(
                Event(now, "mode", "not reset: no fault is latched, and the motors carry the robot; stop or damp it first")
            )
            return
        self.safety.reset()
        self.bank.pardon()
        self.monitor.forget()
        self.life.change(Cause.RESET)
        self._emit(Event(now, "reset", "reset by the operator: passive"))

    def _changed_mode(self, verdict: Verdict, state: RobotState, now: float) -> None:
        reason = f": {verdict.reason}" if verdict.reason else ""
        kind = "fault" if self.safety.fault else "mode"
        self._emit(
            Event(
                now,
                kind,
                f"{self._mode.value} -> {verdict.mode.value}{reason}",
                {"from": self._mode.value, "to": verdict.mode.value, "reason": verdict.reason},
            )
        )
        self._mode = verdict.mode

    def _emit(self, event: Event) -> None:
        self._events.append(event)

    def close(self) -> None:
        """Ends workers and frees the policies; the caller that opened the robot closes it."""
        self.executor.routing.close()
        for root in (self.root, *self.executor.subtrees.values()):
            for node in root.iterate():
                node.shutdown()
        self.bank.close()
        py_trees.blackboard.Blackboard.clear()
