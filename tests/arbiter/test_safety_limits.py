"""Limits: from the robot, tightened and never loosened."""

import numpy as np
import pytest

from arbiter.errors import ConfigError
from arbiter.safety import SafetyLimits
from tests.safety_rig import small_model

MODEL = small_model()
LIMITS = SafetyLimits.from_model(MODEL)


def test_limits_are_the_robots():
    limits = SafetyLimits.from_model(MODEL)
    for name in ("lower", "upper", "velocity", "acceleration", "effort"):
        assert np.array_equal(getattr(limits, name), getattr(MODEL, name)), name
    assert np.array_equal(limits.kp, 2.0 * MODEL.kp) and np.array_equal(limits.kd, 2.0 * MODEL.kd)
    assert limits.fall_tilt == MODEL.fall_tilt


def test_a_number_caps_every_joint():
    tight = LIMITS.tightened(velocity=5, hold_limit=0.3)
    assert tight.velocity.tolist() == [5.0, 5.0, 5.0, 2.0]
    assert tight.hold_limit == 0.3
    assert LIMITS.velocity.tolist() == [20.0, 20.0, 8.0, 2.0]
    with pytest.raises(ValueError):
        tight.velocity[0] = 100.0


def test_a_mapping_names_groups_and_joints():
    tight = LIMITS.tightened(velocity={"legs": 10.0, "arm_elbow_joint": 1.0}, lower={"leg_knee_joint": 0.2}, upper={"arms": 0.4})
    assert tight.velocity.tolist() == [10.0, 10.0, 8.0, 1.0]
    assert tight.lower.tolist() == [-1.0, 0.2, -2.0, -0.5]
    assert tight.upper.tolist() == [1.0, 2.0, 0.4, 0.4]
    assert LIMITS.tightened(lower=-0.7).lower.tolist() == [-0.7, 0.0, -0.7, -0.5]


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        ({"velocity": 25.0}, "safety limit velocity: 25 rad/s is looser than the robot's; at most 20 is allowed"),
        ({"velocity": {"arms": 9.0}}, "safety limit velocity of arms: 9 rad/s is looser than the robot's; at most 8 is allowed"),
        ({"lower": {"leg_knee_joint": -0.1}}, "lower of leg_knee_joint: -0.1 rad is looser than the robot's; at least 0 is"),
        ({"upper": {"leg_knee_joint": 2.1}}, "upper of leg_knee_joint: 2.1 rad is looser than the robot's; at most 2 is"),
        ({"lower": -3.0}, "lower: -3 rad is looser than the robot's; at least -2 is allowed"),
        ({"hold_limit": 0.6}, "hold_limit: 0.6 s is looser than the robot's; at most 0.5 is allowed"),
        ({"velocty": 1.0}, "safety limit 'velocty' is not known; did you mean 'velocity'?"),
        ({"zzz": 1.0}, "safety limit 'zzz' is not known; allowed: lower, upper, velocity"),
        ({"joints": 1.0}, "safety limit 'joints' is not known"),
        ({"velocity": {"leg_kne_joint": 1.0}}, "no joint or group 'leg_kne_joint'; did you mean 'leg_knee_joint'?"),
        ({"velocity": "fast"}, "safety limit velocity: 'fast' is not a finite number"),
        ({"velocity": True}, "safety limit velocity: True is not a finite number"),
        ({"velocity": float("nan")}, "safety limit velocity: nan is not a finite number"),
        ({"velocity": 0.0}, "safety limit velocity of leg_hip_joint: 0 rad/s is not allowed; more than 0 is"),
        ({"fall_tilt": -1}, "safety limit fall_tilt: -1.0 rad is not allowed; a finite number above 0 is"),
        (
            {"lower": {"leg_knee_joint": 1.0}, "upper": {"leg_knee_joint": 0.5}},
            "safety limit lower of leg_knee_joint: 1 rad is not allowed; at most upper is",
        ),
    ],
)
def test_wrong_limits_are_refused_by_name(overrides, text):
    with pytest.raises(ConfigError) as error:
        LIMITS.tightened(**overrides)
    assert text in str(error.value)


def test_the_same_value_is_allowed_and_what_is_tightened_stays_so():
    assert LIMITS.tightened(velocity={"arm_elbow_joint": 2.0}).velocity.tolist() == LIMITS.velocity.tolist()
    assert LIMITS.tightened(velocity=0.01).velocity.tolist() == [0.01] * 4
    with pytest.raises(ConfigError, match="at most 3 is allowed"):
        LIMITS.tightened(velocity=3.0).tightened(velocity=4.0)
