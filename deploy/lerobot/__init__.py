"""The Berkeley Humanoid Lite as a LeRobot robot, with teleoperators: examples/lerobot_robot_berkeley_humanoid_lite makes LeRobot
find them."""

from deploy.lerobot.humanoid import BerkeleyHumanoidLite, BerkeleyHumanoidLiteConfig
from deploy.lerobot.teleoperators import (
    BerkeleyGamepad,
    BerkeleyGamepadConfig,
    BerkeleyKeyboard,
    BerkeleyKeyboardConfig,
    BerkeleyMirror,
    BerkeleyMirrorConfig,
)

__all__ = [
    "BerkeleyGamepad",
    "BerkeleyGamepadConfig",
    "BerkeleyHumanoidLite",
    "BerkeleyHumanoidLiteConfig",
    "BerkeleyKeyboard",
    "BerkeleyKeyboardConfig",
    "BerkeleyMirror",
    "BerkeleyMirrorConfig",
]
