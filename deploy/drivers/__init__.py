"""Drivers: the simulated robot, the robot on CAN, and the sensors on the robot's computer."""
