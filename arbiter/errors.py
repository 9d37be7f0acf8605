"""Errors of the runtime core. Each names the thing, the value, what is allowed and the way out."""

from __future__ import annotations


class ArbiterError(Exception):
    """Base of every error that this package raises on purpose."""


class ConfigError(ArbiterError):
    """A file or an option is wrong. Nothing has moved."""


class MisfitError(ConfigError):
    """A policy is made for another robot."""


class PolicyError(ArbiterError):
    """A policy cannot be used, or did not keep its contract."""


class SkillError(ArbiterError):
    """A skill cannot be used, or did not keep its contract."""


class RobotError(ArbiterError):
    """A robot cannot be reached, or did not keep its contract."""
