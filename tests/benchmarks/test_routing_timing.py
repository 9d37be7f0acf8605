"""What routing costs: one clause that the encoder has to read, one that it knows, a compound, and the stop guard."""

import itertools

import pytest

from arbiter.routing import Router, stop_guard
from skills import builtin_skills
from training.router.phrases import load_phrases


@pytest.fixture(scope="module")
def router():
    return Router(builtin_skills())


@pytest.fixture(scope="module")
def texts(router):
    """Commands that were not fitted on, in turn: every call reads a new one until all were read."""
    return [phrase.text for phrase in load_phrases("report")]


def test_routing_report_set(benchmark, router, texts):
    turns = itertools.cycle(texts)

    def one():
        router.scorer.forget()
        return router.route(next(turns))

    assert benchmark.pedantic(one, rounds=max(200, len(texts)), iterations=1).text


@pytest.mark.parametrize(
    "text",
    ["wander on ahead at your own pace", "walk forward", "turn left ninety degrees, then stroll ahead and greet the new guests"],
    ids=["new clause", "known clause", "compound"],
)
def test_routing_one(benchmark, router, text):
    def one():
        router.scorer.forget()
        return router.route(text)

    assert benchmark(one).outcome == "accepted"


@pytest.mark.parametrize(
    "text", ["stop", "walk forward two meters, then wave", "walk " * 2000], ids=["stop", "command", "10k characters"]
)
def test_stop_guard(benchmark, text):
    assert benchmark(stop_guard, text) is (text == "stop")


def test_router_start(benchmark):
    router = benchmark.pedantic(lambda: Router(builtin_skills()), rounds=3, iterations=1)
    assert router.skills
