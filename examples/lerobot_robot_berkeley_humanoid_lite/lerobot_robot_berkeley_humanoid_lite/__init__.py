"""LeRobot imports every installed package whose name begins with lerobot_robot_: this one registers robot and teleoperators."""

from deploy.lerobot import BerkeleyGamepad, BerkeleyHumanoidLite, BerkeleyHumanoidLiteConfig, BerkeleyKeyboard, BerkeleyMirror

__all__ = ["BerkeleyGamepad", "BerkeleyHumanoidLite", "BerkeleyHumanoidLiteConfig", "BerkeleyKeyboard", "BerkeleyMirror"]
