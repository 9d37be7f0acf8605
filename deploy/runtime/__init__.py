"""A run put together and kept going: settings, assembly, session, clock, sources of instructions, signals."""
