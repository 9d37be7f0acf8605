"""Pre-flight: checks everything before motion may be armed; a table of pass, warn and fail, each with what to do.

report = preflight(robot, tree="default.yaml")      # a CanRobot, not yet connected
if not report.ok: refuse to arm
"""

from deploy.drivers.checks import Check, Report

__all__ = ["Check", "Report", "preflight"]


def __getattr__(name: str):
    """What needs the extra `robot` is imported when it is asked for: the command answers --help without it."""
    if name != "preflight":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from deploy.runtime.preflight import preflight

    return preflight
