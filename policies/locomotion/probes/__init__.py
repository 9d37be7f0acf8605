"""Probes of a locomotion policy: whether its network answers as its card says, and which other card would fit better.

Pure functions of a card, a network and a robot: nothing moves. They ask the network through the card's own observation.
"""
