"""The operator's hands: gamepad and keyboard. Arm, go, stop, reset, record, and velocity by hand.

Losing the operator (a gamepad unplugged, a terminal closed) is a stop.
"""

from deploy.operator.devices import Gamepad, Keyboard, open_gamepad, open_keyboard
from deploy.operator.source import OperatorSource

__all__ = ["Gamepad", "Keyboard", "OperatorSource", "open_gamepad", "open_keyboard"]
