"""The creep of the soles, found from recorded walks and a tape."""

from __future__ import annotations

import math

import numpy as np
import pytest

from arbiter.errors import ConfigError
from deploy.replay import load_trace
from deploy.run import main as run
from deploy.trace.tape import TapedWalk, fitted, taped


def test_walks_that_a_tape_measured_give_the_creep():
    rng = np.random.default_rng(0)
    slopes = rng.uniform(2.0, 6.0, 12)
    told = rng.normal(0.0, 1.0, 12)
    noise = 0.002 * rng.standard_normal(12)
    fit = fitted([TapedWalk(told[k] - 0.004 * slopes[k] + noise[k], told[k], -slopes[k]) for k in range(12)])
    assert fit.creep == pytest.approx(0.004, abs=4.0 * fit.deviation) and 0.0 < fit.deviation < 3e-4
    assert fit.after < 0.004 < 0.01 < fit.before
    assert math.isnan(fitted([TapedWalk(1.0, 1.01, -3.0)]).deviation)
    with pytest.raises(ConfigError, match="is the tape's figure in metres"):
        fitted([TapedWalk(200.0, 2.0, -3.0)])


def test_a_recorded_walk_tells_what_its_end_owes_to_creep(tmp_path):
    """The estimate of that run had a creep of its own: where it ended, as a tape's figure, gives that creep back."""
    settings = ["--set", "simulation.creep=0.005", "--fast", "--log", str(tmp_path), "--say", "sidestep left 40 cm"]
    assert run([*settings, "--viewer", "none", "--for", "11", "--strict"]) == 0
    header, ticks = load_trace(tmp_path, verify=True)
    assert header["creep"] == 0.005
    walk = taped(header, ticks, ticks[-1]["estimate"]["position"][0], "walk")
    assert walk.slope < -0.5 and fitted([walk]).creep == pytest.approx(0.005, abs=2e-5)
    with pytest.raises(ConfigError, match="nan m by the tape"):
        taped(header, ticks, math.nan, "walk")
    with pytest.raises(ConfigError, match="it hardly walked"):
        taped(header, ticks[:20], 0.0, "walk")
    bad = tmp_path / "bad.jsonl"
    first, _, rest = (tmp_path / "trace.jsonl").read_text().partition("\n")
    bad.write_text(first.replace('"creep":0.005', '"creep":0.5') + "\n" + rest)
    with pytest.raises(ConfigError, match="creep"):
        load_trace(bad)
