"""What is said must be true: results are judged against the simulation's truth, never by the product's own word."""

from __future__ import annotations

import json
import textwrap

import numpy as np
import pytest

from arbiter.skill import Route, SkillCall
from arbiter.types import Request
from deploy import demo
from deploy.drivers.simulated.simulated_robot import Scene
from deploy.run import main
from deploy.runtime.config import TREES
from policies.chunk.backends.graphs import GraphBackend
from skills.criteria import TOUCH_DISTANCE
from skills.rotations import rotations
from skills.walking import WalkForward
from tests.sim.rig import SimRun

WALKS = (
    ("walk forward", 0),
    ("walk forward two meters at 0.5 m/s", 0),
    ("walk backward at 0.3 m/s", 0),
    ("sidestep left half a meter", 1),
    ("sidestep right", 1),
)


def measured(item):
    """What the robot itself measured of the last skill of an instruction."""
    return item.measured[-1][1]


def nearest(run, start, colour):
    """Least distance between a hand and the ball since tick `start` [m], in truth."""
    return min(float(np.linalg.norm(t.hands - t.balls[colour], axis=1).min()) for t in run.truth[start:])


@pytest.fixture(scope="module")
def walker():
    with SimRun(seed=4) as sim:
        yield sim
        assert sim.falls == 0


@pytest.mark.parametrize(("text", "axis"), WALKS)
def test_the_way_that_the_legs_measured_is_the_way_that_was_gone(walker, text, axis):
    walker.wait(1.0)
    start = walker.mark()
    item = walker.say(text)
    gone = abs(walker.path(start)[axis])
    assert item.result == "succeeded", item.reason
    assert measured(item).measured == pytest.approx(gone, rel=0.06, abs=0.04)


@pytest.mark.parametrize(("text", "axis", "asked", "off"), [("walk forward 1 m", 0, 1.0, 0.1), ("turn left", 2, np.pi / 2, 0.12)])
def test_what_was_stopped_goes_as_far_in_two_parts_as_it_should_in_one(walker, text, axis, asked, off):
    walker.wait(1.0)
    start = walker.mark()
    walker.arbiter.inbox.say(text)
    assert walker.wait(0.5).until(lambda: walker.path(start)[axis] > 0.4 * asked, 20.0)
    walker.arbiter.inbox.stop("key")
    walker.wait(2.0)
    item = walker.say("continue")
    assert item.result == "succeeded" and "goes on for what is left" in item.route.reason, item.reason
    assert walker.path(start)[axis] == pytest.approx(asked, abs=off)


@pytest.mark.parametrize(
    ("text", "axis", "metres"),
    [
        ("walk forward 10 cm", 0, 0.1),
        ("walk forward two meters", 0, 2.0),
        ("walk forward 1 meter at 0.15 m/s", 0, 1.0),
        ("walk backward 10 cm", 0, -0.1),
        ("walk backward one meter", 0, -1.0),
        ("sidestep left 10 cm", 1, 0.1),
        ("sidestep right half a meter", 1, -0.5),
    ],
)
def test_a_walk_goes_as_far_as_it_is_told(walker, text, axis, metres):
    """Within 6 cm in truth: what was measured where this was written is in docs/how-to/add-a-skill.md."""
    walker.wait(1.0)
    start = walker.mark()
    item = walker.say(text)
    assert item.result == "succeeded", item.reason
    assert walker.path(start)[axis] == pytest.approx(metres, abs=0.06)


@pytest.mark.parametrize(("text", "degrees"), [("turn left 5 degrees", 5), ("turn right 10 degrees", -10), ("turn around", 180)])
def test_a_turn_goes_as_far_as_it_is_told(walker, text, degrees):
    walker.wait(1.0)
    start = walker.mark()
    item = walker.say(text)
    assert item.result == "succeeded", item.reason
    assert np.degrees(walker.path(start)[2]) == pytest.approx(degrees, abs=2.5)


@pytest.mark.parametrize(
    ("text", "seconds"), [("walk forward for 5 seconds at 0.15 m/s", 5), ("walk backward slowly for 4 seconds", 4)]
)
def test_a_slow_walk_for_a_duration_succeeds(walker, text, seconds):
    """The policy is faster than it is told where it is told to be slow."""
    walker.wait(1.0)
    start = walker.now
    item = walker.say(text)
    assert item.result == "succeeded", item.reason
    assert seconds <= walker.now - start <= seconds + 3.0


def test_a_turn_is_measured_by_the_imu(walker):
    walker.wait(1.0)
    start = walker.mark()
    item = walker.say("turn left 60 degrees")
    assert item.result == "succeeded" and measured(item).measured == pytest.approx(walker.path(start)[2], abs=0.05)


def test_a_walk_that_does_not_go_has_not_succeeded(walker, monkeypatch):
    """The policy is asked for nothing: commanded and gone are two things."""
    request = WalkForward.request

    def still(walk, state, progress):
        request(walk, state, progress)
        return Request(elapsed=progress.elapsed)

    monkeypatch.setattr(WalkForward, "request", still)
    walker.wait(1.0)
    start = walker.mark()
    item = walker.say("walk forward one meter")
    assert abs(walker.path(start)[0]) < 0.1
    assert item.result == "failed" and item.reason.startswith("walk_forward: went ") and " of 1.00 m" in item.reason


def test_a_ball_that_is_out_of_view_is_not_touched_and_nothing_moves():
    with SimRun(seed=1) as run:
        for text in ("walk forward", "turn left"):
            run.say(text)
        run.wait(1.0)
        start = run.mark()
        item = run.say("touch the red ball")
        run.wait(0.5)
        assert item.result == "failed" and "no red ball in view" in item.reason
        assert nearest(run, start, "red") > 0.3
        arms = np.array(run.commands[start:])[:, run.model.groups["arms"]]
        assert np.ptp(arms, axis=0).max() < 0.02


def test_a_ball_that_is_out_of_reach_is_told_with_its_distance_and_nothing_moves():
    with SimRun(seed=1) as run:
        arms, start = run.model.groups["arms"], run.mark()
        for ahead, left, up in ((0.9, 0.0, 0.45), (0.6, 0.5, 0.45), (0.3, 0.14, 0.44), (0.34, 0.1, 0.85)):
            truth = run.truth[-1]
            run.robot.set_balls({"red": truth.base_pos + rotations(truth.base_quat) @ (ahead, left, up)})
            run.wait(0.2)
            before = run.mark()
            item = run.say("touch the red ball")
            assert item.result == "failed" and "out of reach by" in item.reason and f"{ahead}" in item.reason, item.reason
            assert run.truth[-1].time - run.truth[before].time < 0.5, "at once"
        assert np.ptp(np.array(run.commands[start:])[:, arms], axis=0).max() < 0.02


def test_a_touch_that_succeeded_is_a_touch():
    seen = set()
    with SimRun(seed=2) as run:
        for x, y, z in ((0.28, 0.14, 0.64), (0.24, -0.18, 0.62), (0.24, 0.22, 0.70), (0.30, -0.2, 0.56)):
            truth = run.truth[-1]
            run.robot.set_balls({"red": truth.base_pos + rotations(truth.base_quat) @ (x, y, z)})
            run.wait(0.3)
            start = run.mark()
            item = run.say("touch the red ball")
            gap = nearest(run, start, "red")
            seen.add(str(item.result))
            assert item.result in ("succeeded", "failed")
            assert item.result != "succeeded" or gap <= TOUCH_DISTANCE, f"{gap:.3f} m"
            assert gap > 0.025 or item.result == "succeeded", f"{gap:.3f} m: {item.reason}"
            run.say("lower your arms")
    assert "succeeded" in seen


FAILING = """
    from deploy.drivers.sensors.detector import DetectorKind

    class Failing(DetectorKind):
        name, help = "failing", "has lost its network"

        def open(self, camera, settings):
            return self

        def find(self, image):
            raise RuntimeError("the network is gone")
"""


def test_what_it_cannot_see_it_neither_touches_nor_walks_to(tmp_path):
    (tmp_path / "failing.py").write_text(textwrap.dedent(FAILING))
    tree = tmp_path / "my.yaml"
    tree.write_text((TREES / "default.yaml").read_text() + "\ndetectors: {use: failing, files: [failing.py]}\n")
    with SimRun(seed=2, tree=str(tree)) as run:
        start = run.mark()
        for text in ("touch the red ball", "walk to the ball"):
            item = run.say(text)
            assert item.result == "failed", item.reason
            assert "the detector failing fails: RuntimeError: the network is gone" in item.reason
        run.arbiter.executor.memory.sight = lambda now: None  # a camera whose pictures do not come
        item = run.say("touch the red ball")
        assert item.result == "failed" and "no picture of the head camera within 2 s" in item.reason
        arms = run.model.groups["arms"]
        swings = np.ptp([t.joint_pos[arms] for t in run.truth[start:]], axis=0)
        assert swings.max() < 0.03 and np.abs(run.path(start)).max() < 0.05, "it has not moved"


class Still(GraphBackend):
    """A server that answers with the posture that is there."""

    def predict(self, observation, prompt, **options):
        return np.tile(observation.joint_pos, (self.horizon, 1))


PLUG_IN = """
    from arbiter.skill import Outcome, Skill
    from arbiter.types import Request

    class Salute(Skill):
        name = "salute"
        utterances = ("salute the flag", "give a salute", "do a military salute", "salute me")
        policy = "chunk"
        joints = "arms"

        def request(self, state, progress):
            return Request(prompt="raise both arms", elapsed=progress.elapsed)

        def finish(self, state, progress):
            return Outcome.SUCCESS if progress.elapsed > 1.0 else Outcome.RUNNING
"""


def test_a_policy_that_does_nothing_never_succeeds(monkeypatch, tmp_path):
    monkeypatch.setattr(GraphBackend, "predict", Still.predict)
    file = tmp_path / "salute.py"
    file.write_text(textwrap.dedent(PLUG_IN))
    with SimRun(seed=0, settings=(f"skills.files=[{file}]",)) as run:
        for text in ("raise both arms", "wave your right hand", "point to the left", "touch the red ball"):
            item = run.say(text, limit=60.0)
            assert item.result == "failed", f"{text}: {item.reason}"
        assert run.say("salute the flag").result == "ended", "a skill without a criterion"
        assert run.falls == 0


BAD = """
    import numpy as np
    from arbiter.skill import Skill
    from arbiter.types import Request

    def posture(value):
        return np.where(np.arange(22) == 13, value, 0.0)

    class Bad(Skill):
        def request(self, state, progress):
            return self.asked if state.stamp > 0.0 else Request()  # harmless when it is loaded

    class Hollow(Bad):
        name, policy, utterances = "hollow", "stand", ("go hollow", "hollow out", "be hollow now")
        asked = Request(posture=posture(np.nan))

    class Contort(Bad):
        name, policy, utterances = "contort", "stand", ("contort yourself", "do a contortion", "contort your knee")
        asked = Request(posture=posture(9.0))

    class Whirl(Bad):
        name, utterances = "whirl", ("whirl like a dervish", "do a whirl", "whirl around madly")
        asked = Request(velocity=np.array((0.0, 0.0, 4.0)))

    class Slump(Bad):
        name, policy, utterances = "slump", "damp", ("slump to the floor", "do a slump", "slump down limp")
        asked = Request()
"""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("hollow", "SkillError: request().posture is nan for joint 13; 22 finite joint positions"),
        ("contort", "request().posture asks leg_left_knee_pitch_joint for 9 rad; its range is 0 to 2.44346"),
        ("whirl", "request().velocity asks for 4 rad/s in yaw; policy locomotion was made for at most 0.909"),
        ("slump", "policy damp does not keep the robot on its legs"),
    ],
)
def test_a_request_beyond_what_is_allowed_fails_by_name_before_anything_moves(tmp_path, text, reason):
    file = tmp_path / "bad.py"
    file.write_text(textwrap.dedent(BAD))
    with SimRun(seed=0, settings=(f"skills.files=[{file}]",)) as run:
        run.arbiter.executor.arrivals.routing._route = lambda text: Route(text, "accepted", ((SkillCall(text),),))
        start = run.mark()
        item = run.say(text)
        run.wait(2.0)
        assert item.result == "failed" and reason in item.reason, item.reason
        assert np.hypot(*run.path(start)[:2]) < 0.05 and run.falls == 0
        assert all(report.verdict.mode.value == "run" for report in run.reports[start:])


def test_the_demonstration_is_true(tmp_path, capfd):
    """`make run`: what it says has succeeded has, in truth; it touches a ball; the safety layer has next to nothing to trim."""
    path = tmp_path / "report.json"
    status = demo.demo(["--fast", "--strict", "--report", str(path)])
    report = json.loads(path.read_text())
    assert status == 3, "a sandwich is more than it can do"
    results = {item["text"]: item["result"] for item in report["instructions"]}
    assert results.pop("make me a sandwich") == "refused" and set(results.values()) == {"succeeded"}, results
    for item in report["instructions"]:
        for found in item["truth"]["verified"] if item["truth"] else ():
            assert found["success"], f"{item['text']}: {found['text']}"
    touch = next(item for item in report["instructions"] if item["text"] == "touch the red ball")
    assert touch["truth"]["hand_to_ball_m"]["red"] <= TOUCH_DISTANCE
    assert report["falls"] == 0 and all((item["truth"] or {}).get("falls", 0) == 0 for item in report["instructions"])
    assert sum(report["safety"]["interventions"].values()) <= 300, "152 where this was written, once 1668"
    beyond = [row for row in report["safety"]["trims"] if row["check"] == "position"]
    assert sum(row["count"] for row in beyond) <= 60, "no policy asks for what is beyond a joint's end, but within blends"
    assert all(row["count"] > 0 and row["most"] >= 0.0 for row in report["safety"]["trims"])
    about = report["provenance"]
    assert about["seed"] == 0 and about["machine"]["python"] and any("locomotion.onnx" in name for name in about["files_sha256"])
    out = capfd.readouterr().out
    assert "in truth: " in out and "trims: " in out and "9 succeeded, 1 refused" in out


def test_scene_balls_keep_their_names():
    assert set(Scene().balls) == {"red", "green", "blue"}


def test_strict_is_quiet_where_all_succeeded(capfd):
    assert main(["--tree", "default.yaml", "--fast", "--strict", "--say", "stand still"]) == 0
