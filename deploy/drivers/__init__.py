"""What reads and commands a robot: simulated, on CAN, and the sensors beside it."""
