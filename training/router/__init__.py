"""Tunes the router's encoder to tell the structure of sentences (structure), builds it (build), fits its classifier (fit) and
evaluates both (evaluate, peers)."""
