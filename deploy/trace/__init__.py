"""The trace of a run: writing, checking, opening and verifying it."""
