"""A second process that damps the motors when the control loop stops: the heartbeat between both."""
