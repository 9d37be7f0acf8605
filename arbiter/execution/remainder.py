"""What is left of an instruction that was stopped: what "continue" then means."""

from __future__ import annotations

from arbiter.execution.instruction import Instruction
from arbiter.execution.instruction import InstructionState as State
from arbiter.skill import Outcome, Steps
from arbiter.types import RobotState


def left_of(instruction: Instruction, state: RobotState, now: float) -> Steps | None:
    """The steps that are left of it, its present one from where the robot stands now; None: it was not cut off.

    A skill that does not know what is left of it begins again.
    """
    if instruction.state is not State.CANCELLED or instruction.step < 0:
        return None
    cut = [run for run in instruction.runs if run.outcome is not Outcome.SUCCESS]
    present = tuple(call for run in cut if (call := run.left(state, now)) is not None)
    return (*((present,) if present else ()), *instruction.steps[instruction.step + 1 :])
