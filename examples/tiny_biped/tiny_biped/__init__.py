"""A robot that is a folder: robot.yaml and model.xml beside this file."""
