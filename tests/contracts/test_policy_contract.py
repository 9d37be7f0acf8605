"""The policies of this project keep the contract, and the check catches those that do not."""

from __future__ import annotations

import numpy as np
import pytest

from arbiter.types import JointTarget, frozen
from arbiter.worker import LockstepWorker
from deploy.robots.description import load_model
from policies.chunk.backends.recorded import RecordedChunks
from policies.chunk.inference import infer
from policies.chunk.player import ChunkPolicy
from policies.contract import check_policy
from policies.fallback.policies import Damp, Hold, Rest, Stand
from policies.fallback.reflex import BalanceReflex
from policies.locomotion.policy import OnnxPolicy
from tests.onnx_policies import card_for, save_policy

MODEL = load_model()


@pytest.mark.parametrize("kind", [Hold, Damp, Rest, Stand])
def test_fallbacks(kind):
    assert check_policy(lambda: kind(MODEL), MODEL) == []


@pytest.mark.parametrize("rate", [50.0, 25.0])
def test_locomotion(tmp_path, rate):
    path = save_policy(tmp_path / "walk.onnx", card_for(MODEL, rate_hz=rate))
    assert check_policy(lambda: OnnxPolicy(path, MODEL), MODEL) == []


def test_chunks():
    backend = RecordedChunks({"": np.tile(MODEL.default, (200, 1))}, MODEL.joints)
    assert (
        check_policy(lambda: ChunkPolicy(backend, MODEL, LockstepWorker(infer(backend), 0.3), reflex=BalanceReflex(MODEL)), MODEL)
        == []
    )


class Careless(Hold):
    """A policy with one fault, by name."""

    def __init__(self, fault: str) -> None:
        super().__init__(MODEL)
        self.fault, self.count = fault, 0
        if fault == "kind":
            self.kind = "walker"
        if fault == "joints":
            self.joints = np.ones(3, bool)
        if fault == "rate":
            self.rate_hz = 51.0

    def warm(self, state, request, now):
        return super().warm(state, request, now) and self.fault != "never ready"

    def _compose(self, state, request, dt):
        self.count += 1
        good = super()._compose(state, request, dt)
        return {
            "nan": JointTarget(frozen(np.full(MODEL.n, np.nan)), good.kp, good.kd, good.joints),
            "shape": JointTarget(frozen(np.zeros(3)), good.kp, good.kd, good.joints),
            "gain": JointTarget(good.q, frozen(-good.kp), good.kd, good.joints),
            "memory": JointTarget(frozen(good.q + 1e-3 * self.count), good.kp, good.kd, good.joints),
            "broken": JointTarget(state.joint_pos, good.kp, good.kd, good.joints),
            "mask": JointTarget(good.q, good.kp, good.kd, frozen(np.zeros(MODEL.n), bool)),
            "nothing": None,
        }.get(self.fault, good)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("kind", "kind is 'walker'; allowed: locomotion, chunk, fallback"),
        ("joints", "a mask of 22 bools"),
        ("never ready", "warm() was not ready within 200 ticks"),
        ("nan", "q is not finite"),
        ("shape", r"q has shape (3,); (22,) is expected"),
        ("gain", "a gain is negative"),
        ("memory", "reset() must forget everything"),
        ("broken", "q is not finite"),
        ("mask", f"the target leaves out {MODEL.joints[0]}, unlike the policy's own mask"),
        ("rate", "rate_hz is 51.0; more than 0, at most the 50 Hz of the tick"),
        ("nothing", "act() returned NoneType"),
    ],
)
def test_faults_are_named(fault, words):
    (found,) = check_policy(lambda: Careless(fault), MODEL)
    assert words in found
