"""Builds the router's encoder (build), fits its classifier (fit) and evaluates both (evaluate)."""
