"""Windows on a run: a web page (`web`) and MuJoCo's own window (`native`). Both are fed with snapshots and give back
events; neither is ever waited for."""

from deploy.console.snapshot import Event, Snapshot

__all__ = ["Event", "Snapshot"]
