"""From words to skills. See docs/routing.md.

route = Router(skills).route("walk forward two meters, then wave")
"""

from arbiter.routing.guard import stop_guard
from arbiter.routing.router import Router

__all__ = ["Router", "stop_guard"]
