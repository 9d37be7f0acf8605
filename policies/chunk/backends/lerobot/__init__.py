"""LeRobot's own π0 policies in this process: needs torch (the extra `train`)."""
