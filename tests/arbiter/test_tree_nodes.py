"""Every node type of the tree, ticked: over stand-in robots and policies, judged by who drives which joint."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from py_trees.common import Status

from arbiter.execution.run import Phase
from arbiter.skill import Outcome, Parameter, Skill
from arbiter.strict import Problems, parse_text
from arbiter.tree.build import Names, check
from arbiter.tree.own import TRIES
from arbiter.tree.registry import NODE_TYPES
from arbiter.types import Mode, Request
from tests.arbiter_rig import DT, Rig, tree_of
from tests.fakes import MODEL


class Timed(Skill):
    """Runs for `duration` seconds."""

    utterances = ("one", "two", "three")
    parameters = (Parameter("duration", "s", 0.4, 0.1, 5.0),)

    def __init__(self, name, joints, hold=False, broken=""):
        self.name, self.joints, self.hold, self.broken = name, joints, hold, broken
        self.policy = "locomotion" if joints == "legs" else "chunk"

    def request(self, state, progress):
        if self.broken:
            raise ValueError(self.broken)
        speed = 0.3 if self.joints == "legs" else 0.0
        return Request(velocity=np.array((speed, 0.0, 0.0)), prompt=self.name, elapsed=progress.elapsed)

    def finish(self, state, progress):
        return Outcome.SUCCESS if progress.elapsed >= progress.parameters["duration"] - 1e-9 else Outcome.RUNNING


SKILLS = [
    Timed("legs_job", "legs"),
    Timed("arms_job", "arms"),
    Timed("arms_held", "arms", hold=True),
    Timed("broken_job", "arms", broken="no idea"),
]
LISTENS = "selector: [{when: {instruction: true, child: {sequence: [route, instructions]}}}, {wait: 1000}]"


def rig(tree, **options):
    return Rig(tree=tree, skills=SKILLS, **options).stand()


def results(rig, by="tree"):
    return [(item.text, item.result) for item in rig.arbiter.executor.log if item.by == by]


def owner_ticks(rig, ticks, group="arms"):
    """Names of who drives `group` in each of the next ticks."""
    names = []
    for _ in range(ticks):
        rig.tick()
        names.append(rig.owner()[group])
    return names


# -- run ------------------------------------------------------------------------------------------------------------


def test_a_run_of_the_tree_is_told_and_kept_like_an_instruction():
    up = rig("- steps: [{run: {skill: arms_job, parameters: {duration: 1.0}}}, {wait: 100}]")
    up.tick(80)
    item = up.last()
    assert (item.by, item.text, item.result) == ("tree", "arms_job", "ended")
    assert item.finished - item.first_command == pytest.approx(1.0, abs=2 * DT)
    assert up.texts("started") == ["arms_job (duration=1), run by the tree"]
    assert "ended: the tree's arms_job (arms_job: not verified)" in up.texts("finished")
    assert {event.data["by"] for event in up.events if event.kind in ("started", "finished")} == {"tree"}


def test_home_does_not_take_the_joints_of_a_run():
    """A wave of 4 s beside `home` waves for 4 s."""
    up = rig("- parallel: {until: all, children: [{run: {skill: arms_job, parameters: {duration: 4.0}}}, home]}")
    names = owner_ticks(up, 260)
    first = names.index("chunk")
    assert names[first : first + 200] == ["chunk"] * 200
    assert results(up) == [("arms_job", "ended")], "once, not for ever"
    assert set(names[-30:]) == {"rest"}, "and then the arms go home"


def test_parallel_runs_on_disjoint_joints_each_run_once_and_together():
    up = rig(
        "- steps:\n  - parallel: [{run: {skill: legs_job, parameters: {duration: 2.0}}}, {run: arms_job}]\n"
        "  - say: both done\n  - wait: 100"
    )
    up.tick(30)
    assert up.owner() == {"legs": "locomotion", "arms": "chunk"}
    assert up.locomotion.requests[-1].velocity[0] == 0.3
    up.tick(100)
    assert sorted(results(up)) == [("arms_job", "ended"), ("legs_job", "ended")]
    assert "both done" in up.texts("mode")


def test_steps_run_one_after_the_other_and_the_joints_pass_directly():
    up = rig("- steps: [{run: arms_job}, {run: legs_job}, {run: arms_held}, {wait: 100}]")
    up.tick(150)
    assert results(up) == [("arms_job", "ended"), ("legs_job", "ended"), ("arms_held", "ended")]
    assert up.owner()["arms"] == "chunk", "what a skill holds stays"
    straight = rig("- steps: [{run: arms_job}, {run: arms_held}, {wait: 100}]")
    names = owner_ticks(straight, 120)
    assert "rest" not in names[names.index("chunk") :]


def test_the_arms_go_home_while_the_tree_walks_on():
    up = rig("- steps: [{run: arms_job}, {run: {skill: legs_job, parameters: {duration: 5.0}}}]")
    up.tick(80)
    assert results(up)[1] == ("legs_job", "") and up.owner()["arms"] == "rest"


def test_a_run_that_is_interrupted_cancels_only_itself():
    branch = rig(
        "- parallel:\n    until: all\n    children:\n"
        "    - ignore_failure:\n        child: {timeout: {seconds: 0.5, child: "
        "{run: {skill: arms_job, parameters: {duration: 5.0}}}}}\n"
        "    - run: {skill: legs_job, parameters: {duration: 2.0}}"
    )
    branch.tick(60)
    assert results(branch) == [("arms_job", "cancelled"), ("legs_job", "")]
    assert branch.arbiter.executor.log[0].reason == "its branch of the tree was left"
    branch.tick(60)
    assert results(branch)[:2] == [("arms_job", "cancelled"), ("legs_job", "ended")]


def test_who_takes_joints_cancels_who_had_them_and_says_so():
    """One book-keeper: a run that has lost its joints does not go on as if it had them."""
    up = rig(
        f"- parallel:\n  - {LISTENS}\n  - ignore_failure: {{child: {{run: {{skill: arms_job, parameters: {{duration: 5.0}}}}}}}}"
    )
    up.tick(30)
    assert up.owner()["arms"] == "chunk"
    up.say("arms_held").tick(60)
    told = next(item for item in up.arbiter.executor.log if item.by == "words")
    assert told.result == "ended"
    assert ("arms_job", "cancelled") in results(up)
    assert up.arbiter.executor.log[0].reason == '"arms_held" takes its joints'


def test_an_instruction_on_other_joints_runs_beside_the_tree():
    up = rig(f"- parallel:\n  - run: {{skill: arms_job, parameters: {{duration: 3.0}}}}\n  - {LISTENS}")
    up.tick(10)
    assert up.arbiter.executor.idle, "what the tree runs by itself is no instruction"
    up.say("legs_job").tick(40)
    assert results(up, "words") == [("legs_job", "ended")] and results(up) == [("arms_job", "")]


def test_a_branch_of_higher_priority_keeps_what_it_runs():
    up = rig(
        "- when: {battery_below: 0.1, child: {run: {skill: legs_job, parameters: {duration: 1.0}}}}\n"
        "- when: {instruction: true, child: {sequence: [route, instructions]}}"
    )
    up.robot.changes["battery"] = 1.0
    up.tick(5)
    up.say("arms_job").tick(5)
    up.robot.changes["battery"] = 0.05
    up.tick(30)
    assert results(up, "words") == [("arms_job", "cancelled")] and results(up) == [("legs_job", "")]
    up.tick(30)
    assert results(up)[0] == ("legs_job", "ended")
    assert up.owner()["arms"] == "rest", "what the interrupted instruction left goes home"


def test_after_a_stop_the_tree_starts_nothing_and_the_arms_hold():
    """Stop works whatever the tree says: this one has no branch for it."""
    up = rig("- steps: [{run: {skill: legs_job, parameters: {duration: 5.0}}}, {run: arms_job}]")
    up.tick(20)
    assert up.locomotion.requests[-1].velocity[0] == 0.3
    up.arbiter.inbox.stop("test")
    up.tick(1)
    assert not up.locomotion.requests[-1].velocity.any()
    up.tick(100)
    assert results(up) == [("legs_job", "cancelled")]
    assert up.owner() == {"legs": "locomotion", "arms": "hold"} and not up.locomotion.requests[-1].velocity.any()


@pytest.mark.parametrize("node", ["run: broken_job", "retry: {times: 3, child: {run: broken_job}}"])
def test_a_run_that_fails_in_every_tick_does_not_fill_the_log(node):
    up = rig(f"- {node}")
    up.tick(240)
    assert results(up) == [("broken_job", "failed")] * TRIES
    assert "ValueError: no idea" in up.last().reason
    assert sum("not tried again for a while" in text for text in up.texts("skill")) == 1
    up.tick(20)
    assert len(results(up)) > TRIES, "after a while it is tried again"


@pytest.mark.parametrize(
    "branch",
    [
        "parallel: [{run: arms_job}, {run: arms_held}]",
        "parallel: [{run: broken_job}, {run: legs_job}]",
        "parallel: [{run: broken_job}, {hand_over: {to: chunk, joints: arms}}]",
        "sequence: [{run: legs_job}, {run: arms_job}, {guard: {fault: true}}]",
    ],
)
def test_branches_that_cannot_work_do_not_fill_the_log(branch):
    up = rig(f"- {branch}")
    up.tick(200)
    board = up.arbiter.handover
    assert up.arbiter.executor.log.total <= 4 * TRIES and board.log.total <= 6 * TRIES


def test_a_run_does_not_begin_while_nothing_drives():
    up = rig("- wait: 0.5\n- run: arms_job")
    up.arbiter.safety.stop("test", level="damp")
    up.tick(50)
    assert results(up) == []


# -- hand_over ------------------------------------------------------------------------------------------------------


def test_hand_over_waits_for_the_gate_and_is_interrupted_whole():
    up = rig(
        "- steps: [{hand_over: {to: stand, joints: legs}}, {wait: 1}, "
        "{hand_over: {to: chunk, joints: arms, prompt: hello}}, {wait: 100}]"
    )
    up.tick(60)  # it begins at home, where locomotion may keep the legs for the dwell time
    assert up.owner()["legs"] == "stand"
    up.tick(60)
    assert up.owner() == {"legs": "stand", "arms": "chunk"}
    assert {player.requests[-1].prompt for player in up.players if player.requests} == {"hello"}
    swings = rig("- timeout: {seconds: 1, child: {hand_over: {to: stand, joints: legs}}}")
    swings.arbiter.handover.force(MODEL.groups["legs"], swings.locomotion, Request(), swings.robot.read(0.0), swings.now)
    fast = np.zeros(MODEL.n)
    fast[MODEL.groups["legs"]] = 7.0
    swings.robot.changes["joint_vel"] = fast
    swings.tick(60)
    assert swings.owner()["legs"] == "locomotion", "legs in mid-step are not handed to a stand"


def test_hand_over_cancels_who_wanted_the_joints():
    up = rig(
        "- parallel:\n  - run: {skill: arms_job, parameters: {duration: 3.0}}\n"
        "  - steps: [{wait: 1}, {hand_over: {to: rest, joints: arms}}]"
    )
    up.tick(90)
    assert results(up)[0] == ("arms_job", "cancelled")
    assert up.arbiter.executor.log[0].reason == "the tree hands its joints to rest"


def test_hand_over_that_is_refused_fails_and_says_why():
    up = rig("- steps: [{ignore_failure: {child: {hand_over: {to: chunk, joints: arms}}}}, {say: went on}, {wait: 100}]")
    for player in up.players:
        player.warm_ticks = 10**6
    up.tick(300)
    told = "arms stay with rest, not handed to chunk: refused: policy chunk not ready"
    assert any(told in text for text in up.texts("refused"))
    assert "went on" in up.texts("mode")


# -- say, wait, and what stands around them ---------------------------------------------------------------------------


def test_say_tells_once_each_time_its_branch_is_entered():
    up = rig("- when: {battery_below: 0.1, child: {sequence: [{say: low}, {settle: {hold: true}}]}}")
    for _ in range(3):
        up.robot.changes["battery"] = 0.05
        up.tick(20)
        up.robot.changes["battery"] = 1.0
        up.tick(20)
    assert up.texts("mode").count("low") == 3


@pytest.mark.parametrize(
    ("node", "times"),
    [
        ("repeat: {times: 3, child: {steps: [{say: x}, {wait: 0.1}]}}", 3),
        ("repeat: {times: 3, child: {say: x}}", 3),
        ("sequence: [{say: x}, {wait: 2}]", 1),
        ("steps: [{say: x}, {say: y}, {say: x}, {wait: 2}]", 2),
        ("retry: {times: 3, child: {sequence: [{say: x}, {guard: {fault: true}}]}}", 3),
        ("parallel: [{say: x}, {wait: 2}]", 1),
    ],
)
def test_say_in_rounds(node, times):
    up = rig(f"- steps:\n  - ignore_failure: {{child: {{{node}}}}}\n  - wait: 100")
    up.tick(40)
    assert up.texts("mode").count("x") == times


def test_say_as_a_branch_of_its_own_tells_once_while_it_lasts():
    up = rig("- sequence: [{guard: {battery_below: 0.1}}, {say: low}]")
    up.robot.changes["battery"] = 0.05
    up.tick(50)
    assert up.texts("mode").count("low") == 1


def ticks_until(up, text, limit=200):
    for count in range(limit):
        if text in up.texts("mode"):
            return count
        up.tick()
    return limit


@pytest.mark.parametrize(
    ("node", "ticks"),
    [
        ("wait: 0.5", 26),
        ("wait: 0", 1),
        ("not: {child: {guard: {fault: true}}}", 1),
        ("ignore_failure: {child: {guard: {fault: true}}}", 1),
        ("timeout: {seconds: 5, child: {wait: 0.5}}", 26),
        ("repeat: {times: 2, child: {wait: 0.5}}", 52),
        ("retry: {times: 4, child: {not: {child: {wait: 0.1}}}}", 200),
        ("retry: {times: 3, child: {timeout: {seconds: 0.2, child: {guard: {fault: false}}}}}", 1),
        ("selector: [{guard: {fault: true}}, {wait: 0.2}]", 11),
        ("sequence: [{guard: {ready: true}}, {wait: 0.2}]", 11),
        ("parallel: [{wait: 0.2}, {wait: 0.5}]", 26),
        ("parallel: {until: one, children: [{wait: 0.2}, {wait: 0.5}]}", 11),
        ("parallel: [{wait: 5}, {guard: {fault: true}}]", 200),
        ("repeat: {times: 2, child: {guard: {fault: true}}}", 200),
    ],
)
def test_how_long_a_node_takes_to_succeed(node, ticks):
    """Ticks until what stands behind it is reached; 200: it fails, or does not end."""
    up = rig(f"- steps: [{{{node}}}, {{say: reached}}, {{wait: 100}}]")
    assert ticks_until(up, "reached") == ticks


def test_timeout_interrupts_its_child_and_fails():
    up = rig("- steps: [{not: {child: {timeout: {seconds: 0.5, child: {wait: 5}}}}}, {say: late}, {wait: 100}]")
    assert ticks_until(up, "late") == 27


# -- conditions -------------------------------------------------------------------------------------------------------


def world_of(up, **changes):
    up.robot.changes.update(changes)


FAST, TURN = np.zeros(MODEL.n), np.array((0.0, 0.0, 0.4))
FAST[3] = -2.0


@pytest.mark.parametrize(
    ("condition", "make", "undo"),
    [
        ("battery_below: 0.2", {"battery": 0.1}, {"battery": 0.3}),
        ("battery_below: 0.2", {"battery": 0.1}, {"battery": float("nan")}),
        ("joint_speed_above: 1.5", {"joint_vel": FAST}, {"joint_vel": FAST * 0.5}),
        ("turning_above: 0.3", {"base_ang_vel": TURN}, {"base_ang_vel": TURN * 0.5}),
    ],
)
def test_when_on_readings(condition, make, undo):
    up = rig(f"- when: {{{condition}, child: {{sequence: [{{say: holds}}, {{wait: 100}}]}}}}")
    for count in (1, 2):
        up.robot.changes.update(undo)
        up.tick(15)
        up.robot.changes.update(make)
        up.tick(15)
        assert up.texts("mode").count("holds") == count


def test_when_on_the_tilt_and_on_falls():
    up = rig("- when: {tilt_above: 0.2, child: {say: leans}}")
    up.tick(5)
    assert "leans" not in up.texts("mode")
    up.robot.tilt = 0.3
    up.tick(5)
    assert up.texts("mode").count("leans") == 1
    fallen = rig("- wait: 100")
    fallen.robot.tilt = MODEL.fall_tilt + 0.1
    fallen.tick(3)
    assert fallen.arbiter.world.mode is Mode.DAMP and "abandon" in fallen.tick().branch


@pytest.mark.parametrize(
    ("guard", "holds"),
    [
        ("mode: run", True),
        ("mode: damp", False),
        ("fault: false", True),
        ("fault: true", False),
        ("fallen: false", True),
        ("stopped: false", True),
        ("stopped: true", False),
        ("ready: true", True),
        ("ready: false", False),
        ("instruction: false", True),
        ("instruction: true", False),
        ("mode: run, fault: false, ready: true", True),
        ("mode: run, fault: true", False),
    ],
)
@pytest.mark.parametrize("kind", ["guard: {%s}", "when: {%s, child: {wait: 0}}"])
def test_conditions_on_the_life_cycle(kind, guard, holds):
    up = rig(f"- steps: [{{{kind % guard}}}, {{say: holds}}, {{wait: 100}}]")
    up.tick(3)
    assert ("holds" in up.texts("mode")) is holds


def test_when_stopped_and_when_an_instruction_runs():
    up = rig(
        "- when: {stopped: true, child: {sequence: [{say: has stopped}, stop]}}\n"
        "- when: {instruction: true, child: {sequence: [{say: works}, route, instructions]}}"
    )
    up.say("legs_job").tick(5)
    assert up.texts("mode").count("works") == 1 and up.tick().branch.endswith("instructions")
    up.arbiter.inbox.stop("test")
    up.tick(5)
    assert up.texts("mode").count("has stopped") == 1 and up.tick().branch.endswith("stop")
    up.say("arms_job").tick(20)
    assert up.texts("mode").count("works") == 2


def test_settle_stands_under_the_fallbacks_and_ends_or_stays():
    up = rig("- steps: [{run: arms_job}, {settle: {hold: false}}, {say: settled}, {wait: 100}]")
    up.tick(250)
    assert up.owner() == {"legs": "stand", "arms": "rest"} and "settled" in up.texts("mode")
    stays = rig("- settle: {hold: true}")
    stays.say("legs_job").tick(250)
    assert results(stays, "words") == [("legs_job", "cancelled")] and "settle" in stays.tick().branch


# -- what must always hold ----------------------------------------------------------------------------------------------

LEAVES = st.sampled_from(
    [
        "{run: {skill: legs_job, parameters: {duration: 2.0}}}",
        "{run: {skill: arms_job, parameters: {duration: 2.0}}}",
        "{run: arms_held}",
        "{run: broken_job}",
        "home",
        "{wait: 0.1}",
        "{say: x}",
        "{hand_over: {to: stand, joints: legs}}",
        "{hand_over: {to: rest, joints: arms}}",
        "{guard: {instruction: true}}",
        "{when: {instruction: true, child: {sequence: [route, instructions]}}}",
        "{settle: {hold: false}}",
    ]
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(
            "{{{}: [{}]}}".format,
            st.sampled_from(["selector", "sequence", "steps", "parallel"]),
            st.lists(inner, min_size=1, max_size=3).map(", ".join),
        ),
        st.builds("{{{}: {{child: {}}}}}".format, st.sampled_from(["not", "ignore_failure"]), inner),
        st.builds("{{timeout: {{seconds: 0.3, child: {}}}}}".format, inner),
        st.builds("{{{}: {{times: 2, child: {}}}}}".format, st.sampled_from(["retry", "repeat"]), inner),
    ),
    max_leaves=6,
)


@settings(max_examples=25, deadline=None)
@given(TREES, st.lists(st.sampled_from(["", "", "legs_job", "arms_job", "arms_held", "stop!"]), max_size=6))
@example("{run: {skill: arms_job, parameters: {duration: 2.0}}}", ["", "", "arms_held", ""])
@example(
    "{parallel: [{run: arms_job}, {run: arms_held}, {steps: [{wait: 0.3}, {hand_over: {to: rest, joints: arms}}]}]}",
    ["", "", "", ""],
)
def test_whatever_the_tree_a_run_that_runs_owns_its_joints(tree, script):
    up = rig(f"- parallel:\n  - {LISTENS}\n  - ignore_failure: {{child: {tree}}}", order="together")
    executor, authority = up.arbiter.executor, up.arbiter.authority
    for text in script or [""]:
        if text == "stop!":
            up.arbiter.inbox.stop("test")
        elif text:
            up.say(text)
        for _ in range(12):
            up.tick()
            runs = [run for instruction in executor.active for run in instruction.runs if run.phase is Phase.RUNNING]
            for run in runs:
                assert all(assignment.run is run for assignment in authority.owners(run.joints)), run.skill.name
            wanted = [run.joints for instruction in executor.active for run in instruction.runs if not run.over]
            assert not wanted or np.sum(wanted, axis=0).max() <= 1, "no joint has two who want it"
            assert np.sum([assignment.joints for assignment in authority.assignments], axis=0).max() == 1
    assert all(item.result for item in executor.log if item.finished is not None)


EVERYTHING = """
- when:
    stopped: true
    child: {sequence: [{say: has stopped}, stop]}
- when:
    battery_below: 0.1
    child: {settle: {hold: true}}
- when:
    instruction: true
    child: {sequence: [route, instructions]}
- steps:
    - parallel: [{run: legs_job}, {timeout: {seconds: 5, child: {run: arms_job}}}]
    - hand_over: {to: stand, joints: legs}
    - retry: {times: 2, child: {ignore_failure: {child: {not: {child: {guard: {ready: true}}}}}}}
    - repeat: {times: 2, child: {wait: 0.1}}
    - guard: {fault: true}
"""


def types_in(spec):
    """Names of the node types in a checked tree."""
    return [spec.type.name, *(name for child in spec.children for name in types_in(child))]


def test_every_node_type_there_is_has_been_ticked():
    """A new type comes with a test, or this one fails."""
    names = Names({skill.name for skill in SKILLS}, ("stand",), ("legs", "arms", "whole_body"))
    assert set(types_in(check(parse_text(tree_of(EVERYTHING)), names, Problems()))) == NODE_TYPES.keys()
    up, ticked = Rig(tree=EVERYTHING, skills=SKILLS), set()

    def tick(count):
        for _ in range(count):
            up.tick()
            ticked.update(node for node in up.arbiter.root.iterate() if node.status is not Status.INVALID)

    tick(2)
    up.arbiter.inbox.go()
    tick(150)
    assert results(up)[:2] == [("legs_job", "ended"), ("arms_job", "ended")]
    up.say("arms_job")
    tick(40)
    up.arbiter.inbox.stop("test")
    tick(5)
    up.say("legs_job")
    tick(5)
    up.robot.changes["battery"] = 0.05
    tick(15)
    up.robot.tilt = MODEL.fall_tilt + 0.1
    tick(5)
    assert [node.name for node in up.arbiter.root.iterate() if node not in ticked] == []
