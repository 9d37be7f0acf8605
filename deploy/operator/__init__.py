"""The operator's devices: gamepad and keyboard. Arm, go, stop, damp, reset, record, and velocity by hand.

Losing the operator (a gamepad unplugged, a terminal closed) is a stop.
"""

from arbiter.errors import ConfigError
from deploy.operator.devices import Gamepad, Keyboard, open_gamepad, open_keyboard
from deploy.operator.source import OperatorSource

OPERATORS = {"gamepad": open_gamepad, "keyboard": open_keyboard}

__all__ = ["OPERATORS", "Gamepad", "Keyboard", "OperatorSource", "open_gamepad", "open_keyboard", "open_operator"]


def open_operator(name: str) -> OperatorSource | None:
    """The operator's device as a source; None for "none". Raises RobotError if there is none, ConfigError for another name."""
    if name == "none":
        return None
    if name not in OPERATORS:
        raise ConfigError(f"operator {name!r}; allowed: {', '.join(OPERATORS)}, none")
    return OperatorSource(OPERATORS[name]())
