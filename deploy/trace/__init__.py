"""The trace of a run: written, checked, opened, decided again."""
