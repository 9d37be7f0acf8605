"""The gains of the balance reflex, computed from a robot's model."""
