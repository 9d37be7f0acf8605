"""Switches between every pair of policy kinds, counted in ticks; each switch starts where the one before was broken off."""

from arbiter.handover.transition import HandoverSettings
from deploy.latency import PAIRS, measure

TICK = 0.02


def test_every_switch_is_answered_in_the_tick_after_routing_and_none_ends_in_a_fall():
    samples = measure("default.yaml", 1, False, [])  # raises where a fault comes between
    assert list(samples) == [pair for pair, *_ in PAIRS]
    ticks = {pair: {key: round(values[0] / TICK) for key, values in steps.items()} for pair, steps in samples.items()}
    assert ticks["locomotion -> fallback (stop)"] == {"routed": 0, "first_command": 0}
    assert all(steps["routed"] == 1 for pair, steps in ticks.items() if "stop" not in pair)
    assert ticks["locomotion -> locomotion"]["first_command"] == 1
    # Who has just taken the legs keeps them for the least time between two changes of hands.
    assert 1 <= ticks["chunk -> locomotion, whole body"]["first_command"] <= 1 + round(HandoverSettings().dwell / TICK)
    # A robot that stands at zero velocity need not be led to another posture before it bows.
    for pair in (
        "locomotion -> chunk, arms",
        "locomotion -> chunk, whole body",
        "chunk -> chunk, arms",
        "fallback -> chunk, arms",
    ):
        waited = 5  # its first chunk takes 0.1 s of simulated inference
        assert ticks[pair]["first_command"] == 1 + waited, pair
        assert ticks[pair]["blend_end"] - ticks[pair]["first_command"] <= 15, pair
