"""Chunk policies: the player, its inference beside the tick, and the backends that predict chunks."""
