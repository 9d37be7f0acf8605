"""Checks a policy before anything moves: contract, probes of the network, standing and walking in simulation."""
