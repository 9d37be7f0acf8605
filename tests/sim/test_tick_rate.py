"""The tick at another rate: the same robot and policies, and a policy that acts more often."""

from __future__ import annotations

import dataclasses
import json

import pytest

from arbiter.errors import ConfigError
from policies.locomotion.card import embed_card, read_card
from policies.registry import SHIPPED
from tests.sim.rig import SimRun


@pytest.fixture
def faster(tmp_path) -> str:
    """The project's own network under a card that says 100 Hz, as a setting of the tree."""
    path, card = tmp_path / "faster.onnx", read_card(SHIPPED / "locomotion.onnx")
    data = (SHIPPED / "locomotion.onnx").read_bytes()
    path.write_bytes(embed_card(data, dataclasses.replace(card, rate_hz=100.0)))
    return f"policies.locomotion.file={json.dumps(str(path))}"


@pytest.mark.parametrize("acts", [50, 100])
def test_a_run_at_100_hz_stands_walks_and_gestures(faster, acts):
    settings = ["control.rate_hz=100", *([faster] if acts == 100 else [])]
    with SimRun(seed=2, settings=settings) as run:
        assert run.model.control_hz == 100.0
        since, begun = run.mark(), run.now
        walk = run.say("walk forward one meter")
        assert str(walk.result) == "succeeded" or acts == 100, walk.reason  # at twice its rate the network walks less exactly
        assert run.path(since)[0] == pytest.approx(1.0, abs=0.25)
        assert run.mark() - since == pytest.approx(100.0 * (run.now - begun), abs=2)
        assert str(run.say("wave").result) == "succeeded"
        assert run.falls == 0 and run.broken_limits() == []


def test_a_policy_that_acts_more_often_than_the_tick_is_refused_with_the_key(faster):
    with pytest.raises(ConfigError, match=r"rate_hz is 100; the tick runs at 50 Hz.*control\.rate_hz=100 in the tree file"):
        SimRun(settings=[faster])
