"""The creep of the soles, found from recorded walks and a tape."""

from __future__ import annotations

import math

import numpy as np
import pytest

from arbiter.errors import ConfigError
from deploy.replay import load_trace
from deploy.run import main as run
from deploy.trace.redecide import redecide
from deploy.trace.tape import TapedWalk, fitted, taped


def test_walks_that_a_tape_measured_give_the_creep():
    rng = np.random.default_rng(0)
    slopes = rng.uniform(2.0, 6.0, 12)
    told = rng.normal(0.0, 1.0, 12)
    noise = 0.002 * rng.standard_normal(12)
    fit = fitted([TapedWalk(told[k] - 0.004 * slopes[k] + noise[k], told[k], -slopes[k]) for k in range(12)])
    assert fit.creep == pytest.approx(0.004, abs=4.0 * fit.deviation) and 0.0 < fit.deviation < 3e-4
    assert fit.after < 0.004 < 0.01 < fit.before
    assert fit.known and not fitted([TapedWalk(1.0, 1.01, -3.0)]).known
    assert not fitted([TapedWalk(0.0, miss, -3.0) for miss in (0.01, -0.02, 0.02, 0.0, 0.01)]).known, "they disagree"
    with pytest.raises(ConfigError, match="is the tape's figure in metres"):
        fitted([TapedWalk(200.0, 2.0, -3.0)])
    for slope in (0.0, 0.007):
        with pytest.raises(ConfigError, match="moves the ends of these walks by 0.0 cm, which no tape shows"):
            fitted([TapedWalk(1.0, 1.05, slope)])


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """A short walk to the left; its estimate had a creep of its own."""
    folder = tmp_path_factory.mktemp("walk")
    settings = ["--set", "simulation.creep=0.005", "--fast", "--log", str(folder), "--say", "sidestep left 40 cm"]
    assert run([*settings, "--viewer", "none", "--for", "11", "--strict"]) == 0
    return folder


def test_a_recorded_walk_tells_what_its_end_owes_to_creep(log, tmp_path):
    """Where it ended by its own estimate, as a tape's figure, gives the creep of that estimate back, to a tenth of a millimetre:
    the orientation's filter had one reading more in the run, that of arming."""
    header, ticks = load_trace(log, verify=True)
    assert header["creep"] == 0.005
    walk = taped(header, ticks, ticks[-1]["estimate"]["position"][0], "walk")
    assert walk.slope < -0.5 and fitted([walk]).creep == pytest.approx(0.005, abs=7e-5)
    with pytest.raises(ConfigError, match="nan m by the tape"):
        taped(header, ticks, math.nan, "walk")
    with pytest.raises(ConfigError, match="walk: it went 0.0. m from its start"):
        taped(header, ticks[:20], 0.0, "walk")
    with pytest.raises(ConfigError, match="walk: begins with tick 10; where it started is not in it"):
        taped(header, ticks[10:], 0.0, "walk")
    bad = tmp_path / "bad.jsonl"
    first, _, rest = (log / "trace.jsonl").read_text().partition("\n")
    bad.write_text(first.replace('"creep":0.005', '"creep":0.5') + "\n" + rest)
    with pytest.raises(ConfigError, match="creep"):
        load_trace(bad)


def test_an_estimate_that_is_rounded_otherwise_is_the_same_and_another_one_is_told(log):
    header, ticks = load_trace(log, verify=True)
    ticks = ticks[:200]

    def otherwise(at, **values):
        ticks[at] = ticks[at] | {"estimate": ticks[at]["estimate"] | values}

    (x, y, z), (u, v, w) = (ticks[at]["estimate"]["position"] for at in (150, 160))
    otherwise(150, position=[x + 1e-14, y, z])
    otherwise(160, position=[u + 1e-6, v, w])
    otherwise(161, position=[u, v])
    otherwise(162, heading=1.0)
    otherwise(163, heading=None)
    otherwise(164, doubt="its feet slip")
    otherwise(165, another=0.0)
    assert [line.partition(" at ")[0] for line in redecide(header, ticks)] == [f"tick {at}" for at in range(160, 166)]
    assert len(redecide(header | {"creep": 0.0}, ticks)) > 20, "its creep is the run's"


def changed(ticks, since, until, **values):
    """The same run; what was read from tick `since` to `until` is this."""
    wrong = range(*slice(since, until).indices(len(ticks)))
    return [tick | {"state": tick["state"] | values} if k in wrong else tick for k, tick in enumerate(ticks)]


def test_readings_that_a_run_does_not_believe_do_not_reach_the_estimate(log):
    header, ticks = load_trace(log, verify=True)
    whole = taped(header, ticks, 0.0, "walk")
    for values in ({"q": None}, {"quat": [None] * 4}, {"stamp": None}, {"age": None}):
        walk = taped(header, changed(ticks, 250, 251, **values), 0.0, "walk")
        assert walk.told == pytest.approx(whole.told, abs=0.02) and walk.slope == pytest.approx(whole.slope, rel=0.1)


def test_a_walk_in_which_the_robot_fell_or_lost_its_place_is_refused(log):
    header, ticks = load_trace(log, verify=True)
    lying = changed(ticks, 300, 500, quat=[math.sqrt(0.5), 0.0, math.sqrt(0.5), 0.0])
    with pytest.raises(ConfigError, match="walk: it fell at .* s; leave this walk out"):
        taped(header, lying, 0.0, "walk")
    silent = changed(ticks, 250, 290, age=[10.0] * len(header["joints"]))
    with pytest.raises(ConfigError, match="walk: its estimate was not trusted for .* leave this walk out"):
        taped(header, silent, 0.0, "walk")
    lifted = changed(ticks, 450, None, age=[10.0] * len(header["joints"]))
    assert taped(header, lifted, 0.0, "walk").told == pytest.approx(taped(header, ticks[:450], 0.0, "walk").told, abs=0.005)
