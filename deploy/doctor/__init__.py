"""Pre-flight: everything is looked at before motion may be armed, in a table of pass, warn and fail with what to do.

    report = preflight(robot, tree="default.yaml")      # a CanRobot, not yet connected
    if not report.ok: refuse to arm
"""

from deploy.doctor.examine import preflight
from deploy.doctor.report import Check, Report

__all__ = ["Check", "Report", "preflight"]
