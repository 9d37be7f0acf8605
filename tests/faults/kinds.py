"""Every kind of fault, row by row, for `python -m tests.faults.table`: what is injected, in the terms of `causes`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from arbiter.types import JointTarget, RobotState, frozen
from deploy.rig.fault_injection import parse_fault
from policies.chunk.protocol import CameraFrame
from tests.faults.causes import ELBOW, KNEE, Act, alter_network, alter_readings, alter_targets, at_joint, players, raiser
from tests.sim.rig import SimRun

HOUR = 3600.0  # [s]
TURN = 2.0 * np.pi
KINDS: dict[str, tuple[str, Act]] = {}  # number -> (what it is, who does it)


def kind(number: str, title: str, act: Callable[[SimRun], None]) -> None:
    """Registers a row."""
    KINDS[number] = (title, lambda sim, rng: act(sim))


# -- what policies ask for: locomotion and chunk policy alike ---------------------------------------------------------


def targets(change: Callable[[JointTarget], object], ticks: int | None = None) -> Callable[[SimRun], None]:
    def act(sim: SimRun) -> None:
        for name in ("locomotion", "chunk"):
            alter_targets(sim, change, name, ticks)

    return act


def asked(change: Callable[[np.ndarray], np.ndarray], ticks: int | None = None) -> Callable[[SimRun], None]:
    """Position targets q [rad], shape (n,), go through `change`."""
    return targets(lambda target: replace(target, q=change(target.q)), ticks)


def knee(sim_or_q: np.ndarray, value: float) -> np.ndarray:
    return at_joint(sim_or_q, KNEE_INDEX, value)


def every_other(change: Callable[[JointTarget], JointTarget]) -> Callable[[JointTarget], JointTarget]:
    count = [0]

    def turn(target: JointTarget) -> JointTarget:
        count[0] += 1
        return change(target) if count[0] % 2 else target

    return turn


KNEE_INDEX, ELBOW_INDEX = 13, 3  # of KNEE and ELBOW, robot order
NAN = float("nan")

kind("1a", "NaN one joint, 1 tick", asked(lambda q: knee(q, NAN), 1))
kind("1b", "NaN all joints for ever", asked(lambda q: np.full_like(q, NAN)))
kind("1c", "inf one joint for ever", asked(lambda q: knee(q, float("inf"))))
kind("1d", "NaN gain for ever", targets(lambda t: replace(t, kp=knee(t.kp, NAN))))
kind("1e", "NaN every other tick", targets(every_other(lambda t: replace(t, q=knee(t.q, NAN)))))
kind("1f", "network NaN for ever", lambda sim: alter_network(sim, lambda y: np.full_like(y, NAN)))
kind("1g", "network NaN once", lambda sim: alter_network(sim, lambda y: np.full_like(y, NAN), 1))
kind("2a", "1e6 on all, for ever", asked(lambda q: np.full_like(q, 1e6)))
kind("2b", "1e6 one joint, for ever", asked(lambda q: knee(q, 1e6)))
kind("2c", "10 rad step 1 tick", asked(lambda q: q + 10.0, 1))
kind("2d", "wrong sign for ever", asked(lambda q: -q))
kind("2e", "network 1e30", lambda sim: alter_network(sim, lambda y: np.full_like(y, 1e30)))
kind("2f", "negative gains", targets(lambda t: replace(t, kp=-t.kp, kd=-t.kd)))
kind("2g", "gains x100", targets(lambda t: replace(t, kp=100.0 * t.kp, kd=100.0 * t.kd)))
kind("3a", "shape (21,)", asked(lambda q: q[:-1]))
kind("3b", "dtype object", asked(lambda q: q.astype(object)))
kind("3c", "complex", asked(lambda q: q.astype(complex)))
kind("3d", "list", asked(lambda q: q.tolist()))
kind("3e", "int64", asked(lambda q: q.astype(np.int64)))
kind("3f", "None", targets(lambda t: None))
kind("3g", "reversed joint order", asked(lambda q: q[::-1].copy()))


def act_raises(error: BaseException) -> Callable[[SimRun], None]:
    def fail(*args):
        raise error

    def act(sim: SimRun) -> None:
        for name in ("locomotion", "chunk"):
            for player in players(sim, name):
                player.act = fail

    return act


kind("3h", "act raises", act_raises(RuntimeError("policy failed")))
kind("3i", "SystemExit", act_raises(SystemExit(3)))
kind("3j", "MemoryError", act_raises(MemoryError()))

# -- readings ---------------------------------------------------------------------------------------------------------


def reads(change: Callable[[RobotState], RobotState], ticks: int | None = None) -> Callable[[SimRun], None]:
    return lambda sim: alter_readings(sim, lambda state, now: change(state), ticks)


def field(name: str, change: Callable[[np.ndarray], np.ndarray], ticks: int | None = None) -> Callable[[SimRun], None]:
    """One array of the reading goes through `change`."""
    return reads(lambda state: replace(state, **{name: frozen(change(getattr(state, name)))}), ticks)


def frozen_reading(*names: str) -> Callable[[SimRun], None]:
    """Arrays of the reading stay what they are now, with fresh stamps."""

    def act(sim: SimRun) -> None:
        kept: dict[str, np.ndarray] = {}

        def change(state: RobotState, now: float) -> RobotState:
            for name in names:
                kept.setdefault(name, getattr(state, name))
            return replace(state, **kept)

        alter_readings(sim, change)

    return act


def knee_frozen(sim: SimRun) -> None:
    kept: list[float] = []

    def change(state: RobotState, now: float) -> RobotState:
        kept.append(state.joint_pos[KNEE_INDEX])
        return replace(state, joint_pos=knee(state.joint_pos, kept[0]), joint_vel=knee(state.joint_vel, 0.0))

    alter_readings(sim, change)


def same_object(sim: SimRun) -> None:
    kept: list[RobotState] = []

    def change(state: RobotState, now: float) -> RobotState:
        kept.append(state)
        return kept[0]

    alter_readings(sim, change)


def silent(joint: str) -> Callable[[SimRun], None]:
    return lambda sim: sim.robot.failures.silent.add(joint)


def imu_silent(sim: SimRun) -> None:
    sim.robot.failures.imu = "silent"


def off(index: int, angle: float, ticks: int | None = None) -> Callable[[SimRun], None]:
    """An encoder reads `angle` [rad] too much."""
    return field("joint_pos", lambda q: at_joint(q, index, q[index] + angle), ticks)


kind("4a", "NaN leg position", field("joint_pos", lambda q: knee(q, NAN)))
kind("4b", "NaN leg velocity", field("joint_vel", lambda q: knee(q, NAN)))
kind("4c", "NaN gyro", field("base_ang_vel", lambda w: np.full(3, NAN)))
kind("4d", "NaN quaternion", field("base_quat", lambda w: np.full(4, NAN)))
kind("4e", "zero quaternion", field("base_quat", lambda w: np.zeros(4)))
kind("4f", "NaN arm position", field("joint_pos", lambda q: at_joint(q, ELBOW_INDEX, NAN)))
kind("4g", "gyro 1e6", field("base_ang_vel", lambda w: np.full(3, 1e6)))
kind("4h", "leg velocity 900", field("joint_vel", lambda q: knee(q, 900.0)))
kind("4i", "NaN leg 1 tick", field("joint_pos", lambda q: knee(q, NAN), 1))
kind("4j", "NaN gyro 1 tick", field("base_ang_vel", lambda w: np.full(3, NAN), 1))
kind("5a", "leg reading silent (age grows)", silent(KNEE))
kind("5b", "imu silent", imu_silent)
kind("5c", "arm silent", silent(ELBOW))
kind("5d", "knee frozen, fresh stamp", knee_frozen)
kind("5e", "all joints frozen, fresh", frozen_reading("joint_pos", "joint_vel"))
kind("5f", "IMU frozen, fresh", frozen_reading("base_quat", "base_ang_vel"))
kind("5g", "all frozen, fresh", frozen_reading("joint_pos", "joint_vel", "base_quat", "base_ang_vel"))
kind("5h", "same object for ever", same_object)
kind("6a", "stamp +1 h", reads(lambda state: replace(state, stamp=state.stamp + HOUR)))
kind("6b", "stamp -1 h", reads(lambda state: replace(state, stamp=state.stamp - HOUR)))
kind("6c", "stamp NaN", reads(lambda state: replace(state, stamp=NAN)))


def clock_jumps(seconds: float) -> Callable[[SimRun], None]:
    def act(sim: SimRun) -> None:
        sim.session.clock._period += round(seconds / sim.model.dt)

    return act


kind("6d", "clock +1 h once", clock_jumps(HOUR))
kind("6e", "clock -1 h once", clock_jumps(-HOUR))
kind("6f", "clock +0.5 s", clock_jumps(0.5))

# -- the chunk policy's backend ---------------------------------------------------------------------------------------


def backend(change: Callable[[np.ndarray], object]) -> Callable[[SimRun], None]:
    """Chunks [rad], shape (horizon, m), go through `change`."""

    def act(sim: SimRun) -> None:
        found = players(sim, "chunk")[0]._backend
        predict = found.predict
        found.predict = lambda *args, **named: change(predict(*args, **named))

    return act


def no_answers(sim: SimRun) -> None:
    for player in players(sim, "chunk"):
        player._worker.poll = lambda now: None


kind("9a", "chunk answers stop", no_answers)
kind("9b", "backend raises", backend(raiser("no answer from the model")))
kind("9c", "backend NaN rows", backend(lambda chunk: np.full_like(chunk, NAN)))
kind("9d", "backend 1 row", backend(lambda chunk: chunk[:1]))
kind("9e", "backend x10 rows", backend(lambda chunk: np.repeat(chunk, 10, axis=0)))
kind("9f", "backend wrong width", backend(lambda chunk: chunk[:, :-1]))
kind("9g", "backend object array", backend(lambda chunk: chunk.astype(object)))
kind("9h", "backend +0.9 rad jump", backend(lambda chunk: chunk + 0.9))
kind("9i", "backend sign flipped", backend(lambda chunk: -chunk))


def warm(answer: Callable) -> Callable[[SimRun], None]:
    def act(sim: SimRun) -> None:
        for name in ("locomotion", "chunk"):
            for player in players(sim, name):
                player.warm = answer

    return act


kind("12a", "warm raises", warm(raiser("cannot warm")))
kind("12b", "warm never ready", warm(lambda state, request, now: False))

# -- encoders that slipped --------------------------------------------------------------------------------------------

kind("15a", "knee +2pi", off(KNEE_INDEX, TURN))
kind("15b", "knee +0.3", off(KNEE_INDEX, 0.3))
kind("15c", "knee -0.6", off(KNEE_INDEX, -0.6))
kind("15d", "knee sign flip", field("joint_pos", lambda q: knee(q, -q[KNEE_INDEX])))
kind("15e", "arm +0.8", off(ELBOW_INDEX, 0.8))
kind("15f", "knee +2pi 1 tick", off(KNEE_INDEX, TURN, 1))
kind("15g", "knee +0.3 1 tick", off(KNEE_INDEX, 0.3, 1))

# -- the camera -------------------------------------------------------------------------------------------------------


def camera(change: Callable[[CameraFrame], object]) -> Callable[[SimRun], None]:
    def act(sim: SimRun) -> None:
        for player in players(sim, "chunk"):
            look = player._camera
            player._camera = lambda look=look: change(look())

    return act


def first_picture() -> Callable[[CameraFrame], CameraFrame]:
    """The picture stands still, with fresh stamps."""
    kept: list[CameraFrame] = []

    def change(frame: CameraFrame) -> CameraFrame:
        kept.append(frame)
        return replace(frame, image=kept[0].image)

    return change


def noise(frame: CameraFrame) -> CameraFrame:
    rng = np.random.default_rng(int(frame.stamp * 1000.0))
    return replace(frame, image=rng.integers(0, 256, frame.image.shape, np.uint8))


kind("16a", "camera None", camera(lambda frame: None))
kind("16b", "camera old", camera(lambda frame: replace(frame, stamp=frame.stamp - 5.0)))
kind("16c", "camera frozen", lambda sim: camera(first_picture())(sim))
kind("16d", "camera black", camera(lambda frame: replace(frame, image=np.zeros_like(frame.image))))
kind("16e", "camera noise", camera(noise))
kind("16f", "camera raises", camera(raiser("camera unplugged")))

# -- the driver -------------------------------------------------------------------------------------------------------


def write_raises(sim: SimRun) -> None:
    sim.robot.write = raiser("bus write timed out")


def reported(sim: SimRun) -> None:
    sim.robot.failures.reported.append(f"can0/{ELBOW}: over temperature")


def knee_without_torque(sim: SimRun) -> None:
    sim.robot.failures.torqueless.add(KNEE)


kind("20a", "driver read raises", lambda sim: alter_readings(sim, raiser("bus read timed out")))
kind("20b", "read returns None", reads(lambda state: None))
kind("20c", "write raises", write_raises)
kind("20d", "reported driver fault", reported)
kind("20e", "knee without torque", knee_without_torque)

# -- the rig: `TARGET:FAULT`, from the moment t on, or for as long after it as is written ----------------------------

RIG = (
    "can2:drop=1.0@t+0.004s",
    "can2:drop=1.0@t+0.02s",
    "can2:drop=1.0@t+0.2s",
    "can2:drop=0.2@t",
    "can0:drop=1.0@t+0.2s",
    "can0:drop=0.2@t",
    "can2:bus_off@t",
    "can0:bus_off@t",
    "can2:enobufs@t+0.02s",
    "can2:enobufs@t",
    "can2:unplug@t",
    "can0:unplug@t",
    "can2:error_passive@t",
    "can2:error_frame@t",
    "can2:delay=0.01@t",
    "imu:silent@t+0.15s",
    "imu:silent@t",
    "imu:frozen@t",
    "imu:corrupt=0.3@t",
    "imu:lose_bytes=0.2@t",
    "imu:unplug@t",
    f"{KNEE}:silent@t+0.004s",
    f"{KNEE}:silent@t+0.02s",
    f"{KNEE}:silent@t+0.2s",
    f"{KNEE}:silent@t",
    f"{KNEE}:noise=0.1@t",
)


def on_rig(text: str) -> Act:
    """A fault of the rig's list, timed from now."""

    def act(sim: SimRun, rng: np.random.Generator) -> None:
        rig = sim.robot.rig
        timed = text.replace("@t", f"@{rig.time - rig.idle:.4f}s")
        rig.faults = (*rig.faults, parse_fault(timed, tuple(rig.nodes), sim.model.joints))

    return act
