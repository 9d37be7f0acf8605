"""Motors on CAN: the wire protocol, the buses, the 250 Hz command cycle, start-up and calibration.

Read protocol.py (bytes), config.py (which motor is where), bus.py (one bus), bus_cycle.py and cycle.py (what is sent when),
faults.py (what is done about it), startup.py (what is written before anything moves). The robot that the tick sees is
deploy/drivers/can/can_robot.py.
"""
