"""Locomotion policies: one ONNX network, one action a tick; the card that describes it, its observation vector."""
