"""A driver: this project's simulated robot behind a link that delivers commands later. Yours would speak to your hardware."""

from collections import deque
from dataclasses import dataclass

from arbiter.errors import RobotError
from arbiter.robot import RobotModel
from arbiter.safety import is_safe
from arbiter.strict.fields import limited
from arbiter.types import SafeCommand
from deploy.drivers.checks import Check, passed
from deploy.drivers.door import Driver
from deploy.drivers.simulated.simulated_robot import SimulatedRobot


@dataclass(frozen=True)
class DelayedConfig:
    """Attributes:
    ticks: By which a command comes later.
    """

    ticks: int = limited(1, 0, 3)


class DelayedRobot(SimulatedRobot):
    """With a harness, a camera and the truth of the simulated robot."""

    def __init__(self, model: RobotModel, config: DelayedConfig) -> None:
        super().__init__(model)
        self._ticks = config.ticks
        self._link: deque[SafeCommand] = deque(maxlen=config.ticks + 1)

    def preflight(self) -> list[Check]:
        """What `python -m deploy.doctor` and every run look at first."""
        return [passed("link", f"delivers commands {self._ticks} ticks later")]

    def write(self, command: SafeCommand) -> None:
        """The oldest command that is on its way arrives. What the safety layer did not make is not even sent."""
        if not is_safe(command):
            raise RobotError(f"delayed: {type(command).__name__} did not come from the safety layer")
        self._link.append(command)
        super().write(self._link[0])


class Delayed(Driver):
    """`--robot delayed`."""

    name, help, Config, lockstep = "delayed", "the simulated robot behind a slow link", DelayedConfig, True

    def open(self, model: RobotModel, settings: DelayedConfig) -> DelayedRobot:
        """Of any robot."""
        return DelayedRobot(model, settings)
