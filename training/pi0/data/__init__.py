"""Demonstrations for π0: recording, scripted experts, roll-outs, teleoperation, motion capture and data set tools."""
