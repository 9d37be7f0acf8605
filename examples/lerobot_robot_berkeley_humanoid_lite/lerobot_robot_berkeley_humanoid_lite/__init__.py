"""LeRobot imports every installed package whose name begins with lerobot_robot_; importing this registers the robot."""

from deploy.lerobot.humanoid import BerkeleyHumanoidLite, BerkeleyHumanoidLiteConfig

__all__ = ["BerkeleyHumanoidLite", "BerkeleyHumanoidLiteConfig"]
