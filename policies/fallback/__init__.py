"""Policies without a network of their own: stand, hold, rest, damp, the balance reflex, the replay of a walk."""
