"""The tick.

robot.read -> inbox -> tree.tick -> policies.act -> blend -> safety.filter -> robot.write -> trace
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter_ns

import py_trees

from arbiter.arming import Arming
from arbiter.ball_memory import BallMemory
from arbiter.estimation.estimator import BaseEstimator
from arbiter.events import Event
from arbiter.execution.caller import MakeCaller, SkillCaller
from arbiter.execution.executor import InstructionExecutor
from arbiter.execution.inbox import MAX_WAITING, Inbox, Mail, RouteRequest
from arbiter.execution.instruction import Instruction, InstructionState
from arbiter.handover.authority import Authority, JointAssignment
from arbiter.handover.bank import PolicyBank
from arbiter.handover.blend import Blend
from arbiter.handover.coming_to_rest import ComingToRest
from arbiter.handover.controller import HandoverController
from arbiter.handover.monitor import TargetMonitor
from arbiter.handover.transition import DEFAULTS, HandoverSettings
from arbiter.lifecycle import Cause, Lifecycle
from arbiter.policy import Policy
from arbiter.reader import Reader
from arbiter.recorder import Recorder
from arbiter.report import STAGES, TickReport
from arbiter.robot import Robot, RobotModel
from arbiter.safety import Safety
from arbiter.skill import Route, Skill
from arbiter.stops import Stops
from arbiter.tree.build import Spec, grow
from arbiter.tree.world import World
from arbiter.types import JointTarget, Mode, RobotState, SafeCommand, Verdict
from arbiter.wall import walled
from arbiter.worker import Worker

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
        memory: What the head camera sees and has seen, for skills that see.

    Attributes:
        estimator: Estimates where the base is; None for a robot whose feet are not known.
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
        memory: BallMemory | None = None,
        subtrees: Mapping[str, Spec] | None = None,
    ) -> None:
        self.robot, self.safety = robot, safety
        model, bank = robot.model, PolicyBank(policies)
        self.inbox = Inbox(instructions, stop_guard)
        self.authority = Authority(model)
        self.recorder = Recorder(self.authority)
        self.handover = HandoverController(model, self.authority, bank, home, settings)
        self.rest = ComingToRest(model, self.authority, self.handover, bank, safety)
        self.monitor = TargetMonitor(model, self.authority, bank)
        safety.told = self.monitor.refused
        self.executor = InstructionExecutor(
            model, skills, self.handover, routing, self.recorder.emit, caller, memory, self.inbox.steering
        )
        self.world = World(model, self.handover, self.executor, self.recorder.emit, self.rest.step)
        self.blend = Blend(model, settings.blend, settings.blend_time)
        self.stops = Stops(self.world, self.blend, safety, self.rest)
        self.root = grow(tree, self.world)
        self.executor.subtrees.update({name: grow(spec, self.world) for name, spec in (subtrees or {}).items()})
        self.alarms: list[Callable[[], str]] = []
        self.estimator = BaseEstimator(model) if model.body is not None and model.body.feet else None
        self.reader = Reader(robot, safety, self.recorder.emit, self.estimator)
        self.arming = Arming(self.world, safety, self.blend, self.monitor, self.reader, self.recorder)
        self._ns = [0] * (len(STAGES) + 1)

    @property
    def model(self) -> RobotModel:
        """The robot's."""
        return self.robot.model

    @property
    def bank(self) -> PolicyBank:
        """The policies."""
        return self.handover.bank

    @property
    def life(self) -> Lifecycle:
        """Where the robot is on its way."""
        return self.world.life

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
        return self._report(target, command, verdict, now)

    # -- stages ---------------------------------------------------------------------------------------------------

    def _receive(self, state: RobotState, now: float) -> None:
        for alarm in self.alarms:
            if fault := alarm():
                self.recorder.inputs.append(("alarm", fault))
                self.safety.trip(fault)
        mail = self.inbox.poll(now)
        if mail is not None:
            self.recorder.inputs += mail.inputs()
            self._take(mail, now)
            self.arming.obey(mail, now)
            if mail.damp:
                self.damp(mail.damp, now)
            if mail.stop:
                self.stop(mail.stop, state, now)
        self.recorder.inputs += [("route", ticket, route) for ticket, route in self.executor.arrivals.poll(now)]
        if self.executor.arrivals.halt:
            self.stop(self.executor.arrivals.halt, state, now)
        if why := self.stops.down():
            self.executor.arrivals.forget()
            if not self.executor.idle:
                self.executor.cancel(why, now)
        elif self.executor.arrivals.waiting:
            self.world.life.change(Cause.BEGIN)

    def _take(self, mail: Mail, now: float) -> None:
        """Texts: to the router, or no further where a stop came with them."""
        why = f"damped: {mail.damp}" if mail.damp else mail.stop and f"stopped: {mail.stop}"
        for instruction in mail.said:
            if instruction.ticket in mail.stops:
                self.executor.arrivals.turn_away(instruction, InstructionState.STOPPED, "a stop word", now)
            elif why:
                self.executor.arrivals.turn_away(instruction, InstructionState.CANCELLED, why, now)
            else:
                self.executor.arrivals.receive(instruction, now)
        if mail.lost:
            dropped = Instruction(0, f"({mail.lost} texts)", "", at=now)
            self.executor.arrivals.turn_away(
                dropped, InstructionState.REFUSED, f"more came at once than the {MAX_WAITING} that can wait", now
            )

    def _decide(self, state: RobotState, now: float) -> None:
        self.executor.memory.note(state)
        self.world.see(state, now, self.safety.mode, self.safety.fault)
        for _ in self.root.tick():
            pass
        self.executor.tidy(now)
        if self.safety.wants_settle:
            self.stops.settle(state, now)
        self.handover.update(state, now)
        self.safety.walking = self.handover.steps.walker(now)

    def _act(self, state: RobotState, now: float) -> None:
        if self.recorder.mode in (Mode.PASSIVE, Mode.DAMP, Mode.OFF):
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
        self.recorder.emit(Event(now, "policy", f"policy {policy.name} failed: {why}", {"policy": policy.name}))
        if policy.kind == "fallback":
            self.safety.trip(f"fallback {policy.name} failed: {why}")
            return
        self.rest.failed(assignment, why, state, now)
        if policy.kind == "locomotion":
            self.safety.latch(f"policy {policy.name} failed: {why}")
            self.rest.step(state, now, hanging=self.world.life.hangs)

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
        if self.estimator is not None:
            self.estimator.sent(command)
        _, error = walled(self.robot.write, command)
        if error:
            self.safety.trip(f"driver: write failed: {error}")

    def _report(self, target: JointTarget, command: SafeCommand, verdict: Verdict, now: float) -> TickReport:
        recorder = self.recorder
        recorder.inputs += [("safety", level, reason) for level, reason in self.safety.obeyed]
        self.handover.records.note_sent(command.q, self.blend.active, now)
        self.world.life.follow(verdict.mode, bool(self.executor.active))
        recorder.follow(verdict, self.safety.fault, now)
        return recorder.report(self.reader, self.root, target, command, verdict, self._ns)

    # -- orders ---------------------------------------------------------------------------------------------------

    def arm(self, now: float) -> str:
        """See `Arming.arm`."""
        return self.arming.arm(now)

    def stop(self, why: str, state: RobotState, now: float) -> None:
        """See `Stops.stop`."""
        self.stops.stop(why, state, now)

    def damp(self, why: str, now: float) -> None:
        """See `Stops.damp`."""
        self.stops.damp(why, now)

    def caught(self, now: float) -> None:
        """See `Stops.caught`."""
        self.stops.caught(now)

    def close(self) -> None:
        """Ends workers and frees the policies; the caller that opened the robot closes it."""
        self.executor.arrivals.routing.close()
        for root in (self.root, *self.executor.subtrees.values()):
            for node in root.iterate():
                node.shutdown()
        self.bank.close()
        py_trees.blackboard.Blackboard.clear()
