"""A robot in MuJoCo with the protocol of a real one: motors, sensors, harness, and its true state for reports."""
