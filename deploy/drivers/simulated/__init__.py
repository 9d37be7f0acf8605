"""A robot in MuJoCo behind the same protocol as a real one: motors, sensors, harness, and the truth for reports."""
