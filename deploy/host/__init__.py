"""The computer that a run is on: real-time priorities, timing."""
