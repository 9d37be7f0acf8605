"""The bench: a robot without the robot. Simulated motor controllers speak the motors' bytes on CAN, a simulated IMU speaks
the IMU's on a serial line, and a body moves behind them.

    with deploy.bench.start(faults=("can1:drop=0.2@5s",)) as robot: ...     # in this process, in lockstep
    python -m deploy.bench                                                   # a process of its own, real time
"""

from deploy.bench.lockstep import BenchRobot, start

__all__ = ["BenchRobot", "start"]
