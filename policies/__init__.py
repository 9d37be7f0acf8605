"""Policies: locomotion networks, chunk players with their backends, and fallbacks without a network."""
