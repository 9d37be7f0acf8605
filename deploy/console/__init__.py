"""Viewers of a run: a web page (`web`) and MuJoCo's own window (`native`). Both get snapshots and return the user's inputs;
neither call blocks."""

from deploy.console.snapshot import Event, Snapshot

__all__ = ["Event", "Snapshot"]
