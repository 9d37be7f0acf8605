"""The loop's side of the supervisor, a second process that damps the motors when the control loop stops."""

from deploy.supervision.supervision import Supervision

__all__ = ["Supervision"]
