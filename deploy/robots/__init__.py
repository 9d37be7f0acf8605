"""Robots as folders of data, read and checked: robot.yaml, the MuJoCo model, hardware, balance gains."""
