"""A chunk policy behind a websocket, for robots on other hosts: requests read, clients admitted and answered."""

MAX_CLIENTS = 8
MAX_IDLE = 600.0  # [s]
