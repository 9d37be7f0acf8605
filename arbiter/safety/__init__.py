"""The safety layer: the one door between policies and motors.

`Safety.filter` checks, in this order: finite, shape, age, mode, position, velocity (with the bound that still allows
braking before the joint's end), acceleration, torque, self-collision, finite again. See docs/safety.md.
"""

from arbiter.safety.command import is_safe
from arbiter.safety.layer import Safety
from arbiter.safety.limits import SafetyLimits

__all__ = ["Safety", "SafetyLimits", "is_safe"]
