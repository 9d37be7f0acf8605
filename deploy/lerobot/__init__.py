"""The Berkeley Humanoid Lite as a LeRobot robot: examples/lerobot_robot_berkeley_humanoid_lite makes LeRobot find it."""

from deploy.lerobot.humanoid import BerkeleyHumanoidLite, BerkeleyHumanoidLiteConfig

__all__ = ["BerkeleyHumanoidLite", "BerkeleyHumanoidLiteConfig"]
