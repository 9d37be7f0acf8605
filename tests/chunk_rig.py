"""A chunk model that answers as told, and a chunk player driven tick by tick."""

from __future__ import annotations

import numpy as np

from arbiter.types import Request, frozen
from arbiter.worker import LockstepWorker
from policies.chunk.inference import infer
from policies.chunk.player import ChunkPolicy
from tests.fakes import MODEL, state_of

ARMS = MODEL.joints[:10]
DT = MODEL.dt
WAVE = Request(prompt="wave")


def motion(times: np.ndarray) -> np.ndarray:
    """The motion that the test backend knows: smooth, other for each joint, at most 0.5 rad/s."""
    return 0.25 * np.sin(2.0 * np.asarray(times)[..., None] + np.arange(10)) - 0.2


class Backend:
    """Answers with `motion`, unless the fault of the present question says otherwise. Keeps every question."""

    name, joints, rate_hz, horizon = "fake", ARMS, 50.0, 50
    needs_image, supports_rtc = False, False

    def __init__(self, faults=(), rtc=False, needs_image=False, origin=0.0):
        self.faults, self.supports_rtc, self.needs_image = list(faults), rtc, needs_image
        self.origin = origin
        self.questions, self.closed = [], 0

    def predict(self, observation, prompt, *, previous=None, delay_steps=0, seed=0):
        self.questions.append((observation, prompt, previous, delay_steps, seed))
        fault = self.faults[len(self.questions) - 1] if len(self.questions) <= len(self.faults) else ""
        start = observation.elapsed
        rows = motion(start + np.arange(self.horizon) / self.rate_hz)
        if self.supports_rtc and previous is not None:
            rows += (previous[0] - rows[0]) * np.exp(-np.arange(50)[:, None] / 15.0)  # continues what is played
        if fault == "raises":
            raise RuntimeError("out of memory")
        return {
            "nan": np.where(np.arange(50)[:, None] == 20, np.nan, rows),
            "shape": rows[:, :9],
            "short": rows[:10],
            "tiny": rows[:1],
            "long": np.vstack((rows, rows)),
            "list": rows.tolist(),
            "nothing": None,
            "flat": rows[0],
            "far": rows + 40.0,
            "offset": rows + 0.3,
            "float32": rows.astype(np.float32),
            "ints": rows.astype(int),
        }.get(fault, rows)

    def close(self):
        self.closed += 1


def player(backend, delay=0.3, **settings_):
    policy = ChunkPolicy(backend, MODEL, LockstepWorker(infer(backend), delay), **settings_)
    policy.reset(state_of(), 0.0)
    return policy


def warm(policy, request=WAVE, limit=200):
    """Warms until ready; the time of the next tick."""
    for k in range(limit):
        if policy.warm(state_of(at_start(), now=k * DT), request, k * DT):
            return (k + 1) * DT
    raise AssertionError("never ready")


def play(policy, start, seconds, request=WAVE):
    """Targets of the arms, shape (ticks, 10)."""
    rows = []
    for k in range(round(seconds / DT)):
        now = start + k * DT
        rows.append(policy.act(state_of(at_start(), now=now), request, now).q[:10])
    return np.array(rows)


def at_start(off=0.0):
    """The robot where the motion begins, its arms `off` [rad] beside that."""
    return frozen(np.concatenate((motion(np.array(0.0)) + off, MODEL.default[10:])))
