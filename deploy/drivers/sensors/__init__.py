"""Sensors that hang on the robot's computer: the IMU and cameras."""
