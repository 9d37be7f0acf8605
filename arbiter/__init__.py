"""The runtime core: the tick, the behaviour tree, routing, hand-over, blending and the safety layer."""
