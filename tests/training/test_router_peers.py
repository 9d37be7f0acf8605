"""The router beside others: the same phrases, encoder and judge."""

from __future__ import annotations

import numpy as np
import pytest

from tests.needs import needs

pytestmark = needs("train", "sklearn")

from arbiter.routing import Router
from arbiter.routing.encoder import Encoder
from skills import builtin_skills
from training.router.figures import grouped
from training.router.peers import PeerCorpus, head_alone, linear_probe, measured, nearest_cosine, pivot, threshold
from training.router.phrases import parse_set

TEXTS = (
    "turn to the left",
    "turn left",
    "spin to the right",
    "turn right",
    "bow down",
    "take a bow",
    "what time is it",
    "buy milk",
)
LABELS = ("turn_left", "turn_left", "turn_right", "turn_right", "bow", "bow", "none", "none")
PHRASES = (
    "[turn_left]\nturn left please\n[bow]\nplease bow\n[none:off_topic]\nwhat time is it now\n[turn_left, bow]\nturn left, bow\n"
)


@pytest.fixture(scope="module")
def encode():
    encoder = Encoder()
    return lambda text: encoder([text])[0]


@pytest.fixture(scope="module")
def router() -> Router:
    return Router(builtin_skills())


@pytest.fixture(scope="module")
def data(encode) -> PeerCorpus:
    dev = (("a turn to the left", frozenset(("turn_left",))), ("the cat sleeps", frozenset(("none",))))
    return PeerCorpus(TEXTS, LABELS, np.array([encode(text) for text in TEXTS]), dev)


@pytest.mark.parametrize("peer", [nearest_cosine, linear_probe])
def test_a_peer_finds_the_skill_and_is_surer_of_what_it_was_given(peer, data, encode):
    guess = peer(data, encode)
    assert [guess(text)[0] for text in TEXTS] == list(LABELS)
    assert guess("turn left")[1] > guess("the left luggage office")[1]


def test_the_threshold_keeps_commands_and_drops_the_rest(data, encode):
    guess = nearest_cosine(data, encode)
    level = threshold(guess, data.dev)
    assert guess("a turn to the left")[1] >= level > guess("the cat sleeps")[1] or guess("the cat sleeps")[0] == "none"


def test_the_head_takes_the_side_that_is_said(router):
    guess = head_alone(router)
    assert [guess(f"turn {side}")[0] for side in ("left", "right")] == ["turn_left", "turn_right"]
    assert guess("")[0] == "none"


def test_peers_are_judged_as_the_router_is(router, data, encode):
    sets = (parse_set(PHRASES),)
    results = measured(nearest_cosine(data, encode), 0.5, router, sets)
    assert [result.finding for result in results] == ["exact", "exact", "exact", "part lost"]
    groups = grouped(results, lambda result: result.phrase.kind)
    assert pivot({"cosine": groups}).splitlines()[-1] == "| all | 4 | 75.0 / 25.0 |"
