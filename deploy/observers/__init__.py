"""Observers of a run, which do not change it: narrator, report, video, viewer."""
