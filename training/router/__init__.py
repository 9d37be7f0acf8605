"""How the router is made: the encoder (build), the head (fit) and what they are worth (evaluate)."""
