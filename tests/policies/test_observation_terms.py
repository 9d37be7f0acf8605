"""Observations and actions against a plain reference, written from the page of the card: lists, one value after the other."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbiter.base_velocity import BaseVelocity
from arbiter.errors import PolicyError
from arbiter.types import Request, frozen
from policies.locomotion.card import ObservationTerm
from policies.locomotion.observation import ObservationBuilder
from policies.locomotion.policy import OnnxPolicy
from tests.fakes import MODEL, state_of
from tests.onnx_policies import card_for, save_policy
from tests.policies.test_card_vocabulary import JOINTS, cards

LEGS = [MODEL.index(joint) for joint in JOINTS]
DEFAULT = dict(zip(MODEL.joints, MODEL.default, strict=True)) | dict(zip(JOINTS, MODEL.default[LEGS], strict=True))
STEPS = 12


def states(seed: int, count: int) -> list:
    rng = np.random.default_rng(seed)
    found = []
    for k in range(count):
        quat = rng.normal(size=4)
        found.append(
            state_of(
                MODEL.default + 0.1 * rng.normal(size=MODEL.n),
                rng.normal(size=MODEL.n),
                0.02 * k,
                base_quat=frozen(quat / np.linalg.norm(quat)),
                base_ang_vel=frozen(rng.normal(size=3)),
            )
        )
    return found


def rotation(quat) -> np.ndarray:
    """Body to world, column by column: each axis is turned by the quaternion product q v q*."""
    w, v = quat[0], np.array(quat[1:])
    turned = [axis + 2.0 * w * np.cross(v, axis) + 2.0 * np.cross(v, np.cross(v, axis)) for axis in np.eye(3)]
    return np.array(turned).T


class PlainReference:
    """The page of the card, word by word."""

    def __init__(self, card) -> None:
        self.card, self.velocity = card, BaseVelocity(MODEL.body)
        self.frames: list[list[list[float]]] = []
        self.steps = 0  # that the clock has made

    def values(self, term, state, request, action, velocity) -> list[float]:
        turn = rotation(state.base_quat)
        walks = math.sqrt(sum(v * v for v in request.velocity)) > 0.022
        sides = {"x": 0, "y": 1, "z": 2, "yaw": 2, "roll": 0, "pitch": 1}
        angles = (math.atan2(turn[2, 1], turn[2, 2]), math.asin(-turn[2, 0]), math.atan2(turn[1, 0], turn[0, 0]))
        vectors = {
            "velocity_command": request.velocity,
            "base_ang_vel": state.base_ang_vel,
            "projected_gravity": turn.T @ (0.0, 0.0, -1.0),
            "base_euler": angles,
            "base_lin_vel": velocity,
        }
        if term.term in vectors:
            axes = term.axes or {"velocity_command": ("x", "y", "yaw"), "base_euler": ("roll", "pitch", "yaw")}.get(
                term.term, "xyz"
            )
            return [float(vectors[term.term][sides[axis]]) for axis in axes]
        if term.term in ("joint_pos", "joint_pos_rel", "joint_vel"):
            read = state.joint_vel if term.term == "joint_vel" else state.joint_pos
            taken = DEFAULT if term.term == "joint_pos_rel" else dict.fromkeys(MODEL.joints, 0.0)
            return [float(read[MODEL.joints.index(joint)]) - taken[joint] for joint in term.joints]
        if term.term == "phase":
            if term.standing is not None and not walks:
                return list(term.standing)
            turns = [self.steps / (self.card.rate_hz * term.period) + leg for leg in term.legs or (0.0,)]
            pairs = [(axis, turn) for axis in term.axes or ("sin", "cos") for turn in turns]
            if term.layout == "by_leg":
                pairs = [(axis, turn) for turn in turns for axis in term.axes or ("sin", "cos")]
            return [getattr(math, axis)(2.0 * math.pi * turn) for axis, turn in pairs]
        return {
            "previous_action": list(action),
            "walk_command": [float(walks)],
            "height_command": [term.value if request.height is None else request.height],
            "heading_command": [term.value if request.heading is None else request.heading],
            "constant": list(term.value) if isinstance(term.value, tuple) else [term.value],
        }[term.term]

    def frame(self, state, request, action) -> list[list[float]]:
        """Of each term: offset off, clipped, scaled, and all clipped in the end."""
        found, velocity = [], self.velocity.measure(state)
        for term in self.card.observations:
            values = self.values(term, state, request, action, velocity)
            size = len(values)
            offset = term.offset if isinstance(term.offset, tuple) else [term.offset] * size
            scale = term.scale if isinstance(term.scale, tuple) else [term.scale] * size
            values = [x - o for x, o in zip(values, offset, strict=True)]
            values = [clipped(x, term.clip) * s for x, s in zip(values, scale, strict=True)]
            found.append([clipped(x, self.card.observation_clip) for x in values])
        return found

    def vector(self, frame) -> list[float]:
        """All frames, the newest last, as the network sees them."""
        self.frames.append(frame)
        newest_first = self.frames[::-1]

        def past(i: int, age: int) -> list[float]:
            return newest_first[min(age, len(newest_first) - 1)][i]

        terms = self.card.observations
        ages = [range(term.lag, term.lag + term.history) for term in terms]
        if self.card.history_order == "oldest_first":
            ages = [age[::-1] for age in ages]
        if self.card.history_layout == "by_frame":
            order = [(i, age) for age in ages[0] for i in range(len(terms))]
        else:
            order = [(i, age) for i in range(len(terms)) for age in ages[i]]
        return [value for i, age in order for value in past(i, age)]


def clipped(x: float, clip) -> float:
    low, high = (-math.inf, math.inf) if clip is None else (-clip, clip) if isinstance(clip, float) else clip
    return min(high, max(low, x))


def without_slew(card):
    """How a command is slewed has its own tests."""
    return dataclasses.replace(card, observations=tuple(dataclasses.replace(term, slew=None) for term in card.observations))


@settings(deadline=None, max_examples=60)
@given(cards(), st.integers(0, 10**6), st.sampled_from((0.0, 0.3)))
def test_any_card_builds_what_the_plain_reference_builds(card, seed, speed):
    card = without_slew(card)
    builder, reference, rng = ObservationBuilder(card, MODEL), PlainReference(card), np.random.default_rng(seed)
    first, *later = states(seed, STEPS)
    builder.reset(first)
    reference.vector(reference.frame(first, Request(), np.zeros(len(JOINTS))))
    action = np.zeros(len(JOINTS))
    for state in later:
        request = Request(velocity=frozen((speed, 0.0, -speed)), height=rng.choice((None, 0.6)), heading=rng.choice((None, 0.1)))
        builder.update(state, request)
        wanted = np.array(reference.vector(reference.frame(state, request, action)))
        np.testing.assert_allclose(builder.vector[0], wanted, rtol=1e-5, atol=1e-5 * max(1.0, np.abs(wanted).max()))
        action = rng.normal(size=len(JOINTS))
        builder.acted(action)
        reference.steps += 1


def test_a_clock_that_restarts_begins_at_zero_when_the_robot_sets_off():
    """As a policy of two clocks stands with both at half a turn, and sets off with the left one at zero."""
    term = ObservationTerm("phase", period=0.4, legs=(0.0, 0.5), axes=("cos",), standing=(-1.0, -1.0), restart=True)
    builder = ObservationBuilder(card_for(MODEL, observations=(term,)), MODEL)
    builder.reset(state_of())
    seen = []
    for speed in (0.0, 0.3, 0.3, 0.3, 0.0, 0.0, 0.3):
        builder.update(state_of(), Request(velocity=frozen((speed, 0.0, 0.0))))
        seen.append(builder.vector[0].tolist())
        builder.acted(np.zeros(len(JOINTS)))
    turn = [math.cos(2 * math.pi * 0.05 * k) for k in range(3)]
    wanted = [[-1, -1], *[[c, -c] for c in turn], [-1, -1], [-1, -1], [1, -1]]
    np.testing.assert_allclose(seen, wanted, atol=1e-6)


@pytest.mark.parametrize("clip", [None, 0.5])
@pytest.mark.parametrize("term", ["base_ang_vel", "base_euler", "base_lin_vel", "joint_pos"])
def test_a_clip_never_makes_a_reading_finite(term, clip):
    card = card_for(MODEL, observations=(ObservationTerm(term, JOINTS if term == "joint_pos" else (), clip=clip),))
    bad = {"base_ang_vel": "base_ang_vel", "base_euler": "base_quat", "base_lin_vel": "base_ang_vel", "joint_pos": "joint_pos"}[
        term
    ]
    builder = ObservationBuilder(card, MODEL)
    builder.reset(state_of())
    for value in (np.nan, np.inf):
        state = dataclasses.replace(state_of(), **{bad: frozen(np.full(getattr(state_of(), bad).shape, value))})
        with np.errstate(invalid="ignore"):
            builder.update(state, Request())
        assert builder.not_finite() == term


ACTION = np.linspace(-2.0, 2.0, len(JOINTS))
MODES = {
    "default_offset": lambda q, a: MODEL.default[LEGS] + 0.25 * a,
    "absolute": lambda q, a: 0.25 * a,
    "residual": lambda q, a: q[LEGS] + 0.25 * a,
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("clip", "clips"), [(None, ACTION), (0.5, np.clip(ACTION, -0.5, 0.5)), ((-0.1, 1.0), np.clip(ACTION, -0.1, 1.0))]
)
def test_each_way_to_mean_an_action(tmp_path, mode, clip, clips):
    """The network answers ACTION, whatever it sees."""
    card = card_for(MODEL, action_mode=mode, action_clip=clip)
    path = save_policy(tmp_path / "fixed.onnx", card)
    policy = OnnxPolicy(path, MODEL)
    policy._network.run = lambda: np.array([ACTION], np.float32)
    state = states(3, 1)[0]
    policy.reset(state, 0.0)
    target = policy.act(state, Request(), 0.0)
    np.testing.assert_allclose(target.q[LEGS], MODES[mode](state.joint_pos, clips), atol=1e-6)


def test_a_target_is_clipped_joint_by_joint(tmp_path):
    pairs = tuple((-0.01 * (i + 1), 0.02 * (i + 1)) for i in range(len(JOINTS)))
    card = card_for(MODEL, default_pos=(0.0,) * 12, target_clip=pairs)
    for bias in (3.0, -3.0):
        policy = OnnxPolicy(save_policy(tmp_path / "wild.onnx", card, bias=bias), MODEL)
        policy.reset(state_of(), 0.0)
        wanted = [high if bias > 0.0 else low for low, high in pairs]
        np.testing.assert_allclose(policy.act(state_of(), Request(), 0.0).q[LEGS], wanted, atol=1e-6)


@pytest.mark.parametrize(("sees", "wanted"), [("clipped", 0.5), ("raw", 3.0)])
def test_the_previous_action_is_seen_as_the_card_says(tmp_path, sees, wanted):
    """The network echoes its previous action and adds 3; clipped at 0.5."""
    card = card_for(MODEL, observations=(ObservationTerm("previous_action"),), action_clip=0.5, previous_action=sees)
    policy = OnnxPolicy(save_policy(tmp_path / "echo.onnx", card, bias=3.0), MODEL)
    policy.reset(state_of(), 0.0)
    for now in (0.0, 0.02):
        policy.act(state_of(), Request(), now)
    np.testing.assert_allclose(policy._observation.vector[0], wanted, rtol=1e-6)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("rate", [50.0, 25.0])
def test_a_spare_answers_the_same_whatever_an_action_means(tmp_path, mode, rate):
    card = card_for(MODEL, action_mode=mode, rate_hz=rate, action_clip=1.0)
    weights = 0.1 * np.random.default_rng(1).normal(size=(card.observation_size, len(JOINTS)))
    policy = OnnxPolicy(save_policy(tmp_path / "policy.onnx", card, weights), MODEL)
    spare = policy.spare()
    many = states(5, 20)
    policy.reset(many[0], 0.0)
    for k, state in enumerate(many):
        target = policy.act(state, Request(), 0.02 * k)
        assert np.abs(spare.recompute(policy).q - target.q).max() < 1e-6


def test_a_reading_that_is_not_finite_is_named_behind_a_history(tmp_path):
    terms = tuple(ObservationTerm(name, history=3) for name in ("base_ang_vel", "projected_gravity", "base_euler"))
    card = card_for(MODEL, observations=terms, history_layout="by_frame", history_order="newest_first")
    policy = OnnxPolicy(save_policy(tmp_path / "walk.onnx", card), MODEL)
    policy.reset(state_of(), 0.0)
    with pytest.raises(PolicyError, match="observation projected_gravity is not finite"):
        policy.act(state_of(base_quat=frozen((np.nan, 0.0, 0.0, 0.0))), Request(), 0.0)
