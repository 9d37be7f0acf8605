"""The rig: simulated robot hardware. Simulated motor controllers use the motors' protocol on CAN, a simulated IMU uses the
IMU's on a serial line, and a simulated body moves behind them.

    with deploy.rig.start(faults=("can1:drop=0.2@5s",)) as robot: ...     # in this process, in lockstep
    python -m deploy.rig                                                   # a process of its own, real time
"""

__all__ = ["RigRobot", "start"]


def __getattr__(name: str):
    """What needs the extra `robot` is imported when it is asked for: the parsing of faults does not need it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from deploy.rig import lockstep

    return getattr(lockstep, name)
