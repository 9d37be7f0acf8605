"""Who watches a run without changing it: narrator, report, video, viewer."""
