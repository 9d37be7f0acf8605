"""Which plan the router is told of as the last one: the plan that a person means by "again"."""

import pytest

from arbiter.execution import arrivals
from tests.arbiter_rig import Rig


def told(rig):
    """The last plan of the newest request, by names."""
    return ",".join("+".join(call.skill for call in step) for step in rig.requests[-1].last)


def test_the_plan_that_was_begun_is_meant_whatever_became_of_it():
    rig = Rig().ready()
    rig.say("gibberish").tick(3)
    assert told(rig) == "", "nothing was done before"
    rig.say("walk_forward+wave_right,bow").tick(20)
    rig.say("gibberish").tick(3)
    rig.say("gibberish").tick(3)
    assert told(rig) == "walk_forward+wave_right,bow", "a refusal is no plan"
    rig.say("stop").tick(5)
    rig.say("turn_left").tick(3)
    assert told(rig) == "walk_forward+wave_right,bow", "nor does a stop take it away"
    rig.say("gibberish").tick(3)
    assert told(rig) == "turn_left"


def test_of_several_that_wait_the_newest_is_meant_until_it_is_cancelled():
    rig = Rig("queue").ready()
    rig.say("walk_forward").say("bow").say("wave_left").tick(10)
    assert [",".join(call.skill for step in request.last for call in step) for request in rig.requests] == [
        "",
        "walk_forward",
        "bow",
    ]
    rig.say("stop").tick(5)
    rig.say("gibberish").tick(3)
    assert told(rig) == "walk_forward", "the others were never begun"


def test_one_that_displaces_another_before_it_is_routed_does_not_refer_to_it():
    rig = Rig().ready()
    rig.say("bow").say("walk_forward").tick(5)
    assert told(rig) == ""
    assert rig.arbiter.executor.log[-1].first_command is not None


def test_nothing_is_meant_once_the_robot_was_damped_or_has_settled():
    for end in (lambda rig: rig.arbiter.inbox.damp("test"), lambda rig: rig.arbiter.safety.stop("test", "settle")):
        rig = Rig().ready()
        rig.say("walk_forward").tick(20)
        end(rig)
        rig.tick(60)
        rig.arbiter.inbox.reset()
        rig.arbiter.inbox.arm()
        rig.tick(5)
        rig.ready()
        rig.say("gibberish").tick(3)
        assert rig.requests[-1].text == "gibberish" and told(rig) == ""


def test_a_plan_that_ended_long_ago_is_not_meant(monkeypatch):
    monkeypatch.setattr(arrivals, "MEANT", 1.0)
    rig = Rig().ready()
    rig.say("bow").tick(100)
    rig.say("gibberish").tick(3)
    assert told(rig) == "bow", "it is under way"
    rig.say("stop").tick(40)
    rig.say("gibberish").tick(3)
    assert told(rig) == "bow"
    rig.tick(20)
    rig.say("gibberish").tick(3)
    assert told(rig) == ""


def test_what_the_tree_runs_by_itself_is_not_meant():
    rig = Rig(
        tree="""
        - when: {ready: true, child: {selector: [{sequence: [route, instructions]}, {run: {skill: bow}}]}}
    """
    ).stand()
    rig.tick(60)
    assert rig.arbiter.executor.log[-1].by == "tree"
    rig.say("gibberish").tick(3)
    assert told(rig) == ""


@pytest.mark.parametrize(
    ("said", "ticks", "left"),
    [
        ("walk_forward,bow", 150, [{"walk_forward"}, {"bow"}]),
        ("walk_forward+wave_right,bow", 150, [{"walk_forward", "wave_right"}, {"bow"}]),
        ("walk_forward", 2, [{"walk_forward"}]),
    ],
)
def test_what_is_left_of_an_instruction_that_was_stopped_is_meant_by_continue(said, ticks, left):
    rig = Rig().ready()
    rig.say(said).tick(ticks)
    rig.say("stop").tick(5)
    rig.say("bow").tick(5)
    request = rig.requests[-1]
    assert [{call.skill for call in step} for step in request.left] == left
    calls = {call.skill: call.parameters for step in (*request.last, *request.left) for call in step}
    whole = request.last[0][0].parameters["distance"]
    assert 0.1 <= calls["walk_forward"]["distance"] <= whole
    assert (calls["walk_forward"]["distance"] < 0.7 * whole) == (ticks > 100), "of a walk that nobody measures, by its command"


def test_what_runs_or_waits_is_under_way():
    rig = Rig("queue").ready()
    rig.say("gibberish").tick(3)
    rig.say("walk_forward").tick(20)
    rig.say("bow").tick(5)
    rig.say("gibberish").tick(3)
    rig.say("stop").tick(5)
    rig.say("gibberish").tick(3)
    assert [request.under_way for request in rig.requests] == [False, False, True, True, False]


def test_nothing_is_left_of_what_came_to_its_end_or_was_never_stopped():
    rig = Rig().ready()
    rig.say("walk_forward").tick(20)
    rig.say("wave_right", "queue").tick(5)
    assert rig.requests[-1].left is None
    rig.say("stop").tick(5)
    rig.say("stand_still").tick(400)
    assert rig.last().result == "ended"
    rig.say("bow").tick(5)
    assert rig.requests[-1].left is None
