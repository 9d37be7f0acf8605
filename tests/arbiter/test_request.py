"""Every field of a skill's request is checked, charged to the skill by name, before anything moves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.errors import SkillError
from arbiter.execution.request import Bounds, check_form
from arbiter.skill import Outcome, Skill, StartEnvelope, Verification
from arbiter.types import Request
from tests.arbiter_rig import Rig
from tests.fakes import MODEL

GOOD = {"velocity": np.zeros(3), "prompt": "", "elapsed": 1.0, "posture": None, "start": False}
WITH_NAN = np.where(np.arange(22) == 3, np.nan, 0.0)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("velocity", (0.0, 0.0, 0.0), "velocity is (0.0, 0.0, 0.0); three finite numbers"),
        ("velocity", np.zeros(2), "three finite numbers"),
        ("velocity", np.array((0.0, np.inf, 0.0)), "three finite numbers"),
        ("velocity", np.array(("a", "b", "c")), "three finite numbers"),
        ("prompt", None, "prompt is None; a text is expected"),
        ("elapsed", float("nan"), "elapsed is nan; a number of seconds"),
        ("elapsed", -1.0, "elapsed is -1.0"),
        ("elapsed", True, "elapsed is True"),
        ("posture", WITH_NAN, "posture is nan for joint 3; 22 finite joint positions [rad] or None"),
        ("posture", np.zeros(21), "posture is an array of float64 and shape (21,)"),
        ("posture", [0.0] * 22, "posture is a list"),
        ("start", 1, "start is 1; True or False"),
        ("height", "low", "height is 'low'; a finite number [m] or None"),
        ("height", float("nan"), "height is nan; a finite number [m] or None"),
        ("heading", True, "heading is True; a finite number [rad] or None"),
    ],
)
def test_each_field_is_named_with_its_value_and_what_is_allowed(field, value, told):
    with pytest.raises(SkillError) as error:
        check_form(Request(**(GOOD | {field: value})), 22)
    assert told in str(error.value) and "\n" not in str(error.value)


def test_no_request_is_told():
    with pytest.raises(SkillError, match="request\\(\\) returned dict; an arbiter.types.Request"):
        check_form({"velocity": np.zeros(3)}, 22)


@given(st.lists(st.floats(-10.0, 10.0), min_size=3, max_size=3), st.lists(st.floats(-7.0, 7.0), min_size=22, max_size=22))
def test_bounds_let_pass_exactly_what_robot_and_policy_allow(velocity, posture):
    bounds = Bounds(MODEL, "walk", (0.5, 0.2, 0.8))
    asked = Request(velocity=np.array(velocity), posture=np.array(posture))
    inside = bool(
        (np.abs(asked.velocity) <= np.array(bounds.commands) + 1e-6).all()
        and (asked.posture >= MODEL.lower - 1e-6).all()
        and (asked.posture <= MODEL.upper + 1e-6).all()
    )
    assert (bounds.beyond(asked) == "") is inside


def test_a_policy_that_says_nothing_of_its_commands_takes_any():
    assert Bounds(MODEL, "walk").beyond(Request(velocity=np.array((9.0, 0.0, 0.0)))) == ""


class Job(Skill):
    """A skill that is done after half a second."""

    name, utterances, policy, joints, start = "job", ("do a job", "do the job", "a job"), "chunk", "arms", StartEnvelope()
    asked, found, why = Request(), None, ""

    def request(self, state, progress):
        return self.asked

    def finish(self, state, progress):
        return Outcome.SUCCESS if progress.elapsed > 0.5 else Outcome.RUNNING

    def impossible(self, state, progress):
        return self.why

    def verify(self, readings, progress):
        return self.found


def run(skill, ticks=60):
    rig = Rig(skills=[skill])
    skill.__dict__.pop("verify", None)  # of the rig
    rig.ready().say("job").tick(ticks)
    return rig, rig.last()


@pytest.mark.parametrize(
    ("found", "result", "reason"),
    [
        (None, "ended", "job: not verified"),
        (Verification(True, 0.02, 0.04, "m", "hand 0.02 m from it"), "succeeded", "hand 0.02 m from it"),
        (
            Verification(False, 0.31, 0.04, "m", "hand 0.31 m from it, at most 0.04"),
            "failed",
            "job: hand 0.31 m from it, at most 0.04",
        ),
        (True, "failed", "job: SkillError: verify() returned True; an arbiter.skill.Verification or None is expected"),
    ],
)
def test_what_is_done_succeeds_only_by_what_was_measured(found, result, reason):
    skill = Job()
    skill.found = found
    rig, item = run(skill)
    assert (item.result, item.reason) == (result, reason)
    assert f'{result}: "job" ({reason})' in rig.texts("finished")


def test_what_cannot_be_done_fails_before_its_policy_gets_the_joints():
    skill = Job()
    skill.why = "the ball is 0.69 m to my left, out of reach by 0.26 m"
    rig, item = run(skill)
    assert (item.result, item.reason) == ("failed", f"job: {skill.why}")
    assert item.first_command is None and rig.owner()["arms"] == "rest"


def test_a_verification_sees_every_reading_of_its_run():
    skill, seen = Job(), []
    rig = Rig(skills=[skill])
    skill.__dict__["verify"] = lambda readings, progress: seen.extend(readings)
    rig.ready().say("job").tick(60)
    stamps = [reading.stamp for reading in seen]
    assert len(stamps) == pytest.approx(26, abs=1) and np.diff(stamps) == pytest.approx(0.02)


def test_a_velocity_that_the_policy_was_not_made_for_fails_by_name():
    class Fast(Job):
        policy, joints = "locomotion", "legs"
        asked = Request(velocity=np.array((5.0, 0.0, 0.0)))

    skill = Fast()
    rig = Rig(skills=[skill])
    rig.locomotion.commands = (0.5, 0.2, 0.8)
    rig.ready().say("job").tick(5)
    assert rig.last().result == "failed"
    assert rig.last().reason == ("job: request().velocity asks for 5 m/s in x; policy locomotion was made for at most 0.5")
    assert not any(request.velocity.any() for request in rig.locomotion.requests)


def test_legs_are_not_given_to_a_policy_that_lets_the_robot_fall():
    class Limp(Job):
        policy, joints = "damp", "legs"

    skill = Limp()
    rig = Rig(skills=[skill])
    rig.fallbacks["damp"][0].carries = False
    rig.ready().say("job").tick(5)
    assert "policy damp does not keep the robot on its legs" in rig.last().reason and rig.last().result == "failed"
    assert rig.owner()["legs"] == "locomotion"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"height": 0.5}, ""),
        ({"height": 0.3}, "request().height asks for 0.3 m; policy walk was made for 0.4 to 0.8 m"),
        ({"heading": 0.1}, "request().heading asks for 0.1 rad; policy walk takes no heading"),
    ],
)
def test_a_policy_is_asked_only_for_what_it_takes(asked, told):
    assert Bounds(MODEL, "walk", takes={"height": (0.4, 0.8)}).beyond(Request(**asked)) == told
