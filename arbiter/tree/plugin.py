"""Node types of third parties: leaves of their own, by entry point or file.

class Dark(TreeNode):
    name, help, main, Config = "dark", "succeeds while it is dark", "below", DarkConfig

    def update(self, view: View) -> Outcome:
        return Outcome.SUCCESS if lux() < self.config.below else Outcome.FAILURE
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from py_trees.common import Status

from arbiter.aside import PATIENCE, Aside
from arbiter.errors import ConfigError
from arbiter.kinds import Named
from arbiter.plugins import in_time
from arbiter.skill import Outcome
from arbiter.tree.leaves import Leaf
from arbiter.tree.world import World
from arbiter.types import Mode, RobotState
from arbiter.wall import Called

Answer = tuple[int, Outcome, tuple[str, ...], str]  # in which entering, what, what it tells, what is wrong with it
NOT_YET = Called(None, "")
ANSWERS = {Outcome.SUCCESS: Status.SUCCESS, Outcome.FAILURE: Status.FAILURE, Outcome.RUNNING: Status.RUNNING}


@dataclass(frozen=True, slots=True)
class View:
    """The state of the run for a plug-in's node, at one tick.

    Attributes:
        state: The reading.
        now: Time of the tick [s].
        mode: The safety layer's mode.
        fault: The latched fault, "" if none.
        stopped: Why the robot was stopped; "" once a new instruction was accepted.
        ready: Whether it stands by itself.
        instruction: An instruction in words waits, is being routed or runs.
        skills: Names of the skills that run, whoever asked for them.
    """

    state: RobotState
    now: float
    mode: Mode = Mode.RUN
    fault: str = ""
    stopped: str = ""
    ready: bool = True
    instruction: bool = False
    skills: tuple[str, ...] = ()
    told: list[str] = field(default_factory=list)

    def tell(self, text: str) -> None:
        """Prints a line for the user."""
        self.told.append(str(text))


class TreeNode(Named):
    """Base class of node types from outside: a leaf that looks and decides. What moves the robot are `run` and `hand_over`
    beside it in the tree.

    Every call is made on a thread of its own and its errors are caught: a node that raises, blocks or returns an invalid value
    fails by name, is not called again, and never stops the tick.

    Attributes:
        name: As written in a tree file, [a-z_]+.
        help: One line.
        Config: Dataclass of its settings, checked like every other key of the file; None: it has none.
        main: The setting that a bare value stands for (`every: 20`); "" for none.
        config: An instance of `Config`, or None.
    """

    main: str = ""

    def __init__(self, config: Any = None) -> None:
        self.config = config

    def enter(self, view: View) -> None:
        """Its branch begins: the next `update` is the first, or the first after it succeeded, failed or was interrupted."""

    def update(self, view: View) -> Outcome:
        """Called every tick while its branch is ticked."""
        raise NotImplementedError

    def leave(self, view: View) -> None:
        """It was interrupted while it ran."""


class PluginLeaf(Leaf):
    """A TreeNode in the tree.

    Args:
        name: As shown to people.
        world: The blackboard.
        kind: The node's class.
        config: Its settings.
        patience: How long the tick waits for an answer [s]; then RUNNING stands in.
    """

    def __init__(self, name: str, world: World, kind: type[TreeNode], config: object, patience: float = PATIENCE) -> None:
        super().__init__(name, world)
        self._inner, error = in_time(lambda: kind(config))
        if error:
            raise ConfigError(f"node {kind.name} cannot be made: {error}")
        self._aside: Aside[Answer | None] = Aside(f"node-{kind.name}", patience)
        self._due: list[str] = []  # calls that come before the next update
        self._entered, self._broken = 0, False

    def initialise(self) -> None:
        """The branch is entered."""
        self._due.append("enter")
        self._entered += 1

    def update(self) -> Status:
        if self._broken:
            return Status.FAILURE
        answer = self._ask("update")
        return Status.FAILURE if self._broken else ANSWERS[answer]

    def _ask(self, *calls: str) -> Outcome:
        """Makes the calls that are due, then `calls`, unless it still waits for an answer. RUNNING while there is none, or
        only one from before it was last entered."""
        value, error = self._aside.ask(lambda: None) or NOT_YET if self._aside.busy else self._call(calls)
        if error:
            self._fail(error)
        if value is None:
            return Outcome.RUNNING
        entered, answer, told, problem = value
        for text in told:
            self.world.tell("skill", text)
        if problem:
            self._fail(problem)
            return Outcome.FAILURE
        return answer if entered == self._entered else Outcome.RUNNING

    def _call(self, calls: tuple[str, ...]) -> Called[Answer | None]:
        world = self.world
        skills = tuple(run.skill.name for instruction in world.executor.active for run in instruction.runs if not run.over)
        view = View(world.state, world.now, world.mode, world.fault, world.stopped, world.ready, not world.executor.idle, skills)
        names, entered, inner = (*self._due, *calls), self._entered, self._inner
        self._due.clear()

        def call() -> Answer:
            answer, problem = Outcome.RUNNING, ""
            for name in names:
                value = getattr(inner, name)(view)
                answer = value if name == "update" else answer
            if not isinstance(answer, Outcome):  # here, on its own thread: a repr of theirs may raise, or block
                problem = f"update() returned {answer!r}; an arbiter.skill.Outcome is expected"
            return entered, answer, tuple(map(str, view.told)), problem

        return self._aside.ask(call) or NOT_YET

    def _fail(self, why: str) -> None:
        self._broken = True
        self._aside.close()
        self.world.tell("skill", f"node {self.name} is left out from now on: {why}")

    def terminate(self, new_status: Status) -> None:
        """Interrupted: it is told so."""
        if new_status is Status.INVALID and self.status is Status.RUNNING and not self._broken:
            self._due.append("leave")
            self._ask()

    def shutdown(self) -> None:
        """The run is over."""
        self._aside.close()
