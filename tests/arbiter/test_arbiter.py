"""The tick over stand-in robots and policies: routing to skills, hand-over, stop, failures."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbiter.errors import RobotError
from arbiter.execution.caller import ThreadedCaller
from arbiter.handover.transition import Bound, Violation, check_envelope
from arbiter.safety import Safety
from arbiter.skill import Outcome, Progress, Skill, StartEnvelope, Verification
from arbiter.tick import Arbiter
from arbiter.tree.leaves import IN_POSTURE
from arbiter.types import Mode, Request, Sighting
from arbiter.worker import LockstepWorker
from deploy.runtime.config import load_tree
from deploy.runtime.tree_check import check_tree
from skills.gestures import WaveRight
from skills.registry import load_skills
from skills.walking import WalkForward
from tests.arbiter_rig import DT, Rig
from tests.fakes import MODEL, FakePolicy, FakeRobot, fallbacks, state_of

LEGS, ARMS = MODEL.groups["legs"], MODEL.groups["arms"]


def test_it_starts_under_fallbacks_and_goes_home_when_it_stands_by_itself():
    rig = Rig()
    rig.tick(10)
    assert rig.owner() == {"legs": "stand", "arms": "rest"}
    rig.say("walk_forward").tick(20)
    assert rig.owner()["legs"] == "stand", "nothing but the fallback drives before it stands by itself"
    rig.ready()


def test_the_first_command_goes_out_in_the_tick_after_routing():
    rig = Rig().ready()
    rig.say("walk_forward")
    rig.tick(3)
    assert rig.last().first_command - rig.last().routed <= DT + 1e-9
    assert rig.locomotion.requests[-1].velocity[0] > 0


def test_walking_is_a_new_request_to_the_policy_that_drives_already():
    rig = Rig().ready()
    rig.locomotion.calls.clear()
    rig.say("walk_forward").tick(5)
    assert rig.locomotion.calls == [], "no reset, no warm-up"
    assert rig.arbiter.handover.log[-1].blend_end == rig.arbiter.handover.log[-1].first_command


def test_a_rejection_moves_nothing():
    rig = Rig().ready()
    owners = rig.owner()
    rig.say("gibberish").tick(5)
    assert rig.last().result == "refused" and rig.last().reason == "not understood"
    assert rig.owner() == owners


def test_a_question_is_answered_beside_what_is_under_way():
    rig = Rig().ready()
    rig.say("walk_forward").tick(10)
    rig.say("what can you do?").tick(5)
    assert rig.last().result == "answered" and not rig.texts("rejected")
    assert rig.texts("answered") == ['answered: "what can you do?" (can be asked for: bow)']
    assert rig.arbiter.executor.log[-2].result == "" and rig.locomotion.requests[-1].velocity[0] > 0.0


def test_legs_walk_while_arms_wave_and_both_go_home():
    rig = Rig().ready()
    rig.say("walk_forward+wave_right").tick(20)
    assert rig.owner() == {"legs": "locomotion", "arms": "chunk"}
    rig.tick(450)  # nobody waves here: 4 s, and 4 s of waiting for it
    assert rig.last().result == "ended" and "not verified" in rig.last().reason
    rig.tick(30)
    assert rig.owner() == {"legs": "locomotion", "arms": "rest"}
    assert np.array_equal(rig.locomotion.requests[-1].velocity, np.zeros(3))


def test_a_held_posture_stays_until_another_skill_wants_the_joints():
    rig = Rig().ready()
    rig.say("raise_arms").tick(150)
    assert rig.last().result == "ended"
    rig.tick(100)
    assert rig.owner()["arms"] == "chunk"
    rig.say("walk_forward").tick(20)
    assert rig.owner() == {"legs": "locomotion", "arms": "chunk"}
    rig.say("lower_arms").tick(120)
    assert rig.owner()["arms"] == "rest"


def test_the_next_prompt_warms_on_the_other_player_while_the_last_one_drives():
    rig = Rig().ready()
    rig.say("raise_arms").tick(150)
    driving = next(p for p in rig.players if rig.arbiter.authority.drives(p))
    other = next(p for p in rig.players if p is not driving)
    other.warm_ticks = 10
    rig.say("wave_right").tick(6)
    assert rig.arbiter.authority.drives(driving) and "warm" in other.calls
    rig.tick(20)
    assert rig.arbiter.authority.drives(other) and not rig.arbiter.authority.drives(driving)
    assert driving.calls[-1] == "release"


@pytest.mark.parametrize("how", ["word", "call"])
def test_stop_works_within_one_tick(how):
    rig = Rig().ready()
    rig.say("walk_forward+wave_right").tick(20)
    rig.say("stop") if how == "word" else rig.arbiter.inbox.stop("key")
    rig.tick()
    assert np.array_equal(rig.locomotion.requests[-1].velocity, np.zeros(3))
    assert rig.owner() == {"legs": "locomotion", "arms": "hold"}
    assert rig.arbiter.executor.idle
    rig.tick(100)
    assert rig.owner()["arms"] == "hold", "it stays stopped"
    rig.say("wave_right").tick(30)
    assert rig.owner()["arms"] == "chunk", "until a new instruction"


@pytest.mark.parametrize("words", ["don't walk_forward", "that is quite all right there"])
def test_words_that_the_router_takes_as_a_stop_stop_what_is_under_way(words):
    rig = Rig().ready()
    rig.say("walk_forward,bow").tick(20)
    rig.say(words).tick(3)
    assert np.array_equal(rig.locomotion.requests[-1].velocity, np.zeros(3))
    assert rig.arbiter.executor.idle and rig.last().result == "stopped"
    assert rig.texts("stopped")[-1] == f"stopped: {words}"


def test_to_forbid_what_is_not_under_way_stops_nothing():
    rig = Rig().ready()
    rig.say("walk_forward").tick(20)
    rig.say("don't bow", "together").tick(5)
    assert rig.last().result == "refused"
    assert rig.locomotion.requests[-1].velocity[0] > 0.0


def test_stop_during_a_whole_body_chunk_freezes_the_posture_under_the_balancing_fallback():
    rig = Rig().ready()
    rig.say("bow").tick(60)
    assert rig.owner() == {"legs": "chunk", "arms": "chunk"}
    before = np.array(rig.robot.sent[-1].q)
    rig.arbiter.inbox.stop("page")
    rig.tick()
    assert rig.owner() == {"legs": "stand", "arms": "hold"}
    assert np.abs(rig.fallbacks["stand"][0].requests[-1].posture[LEGS] - before[LEGS]).max() < 0.05


def test_stop_without_anything_to_stop_is_fine_in_any_state():
    rig = Rig()
    rig.arbiter.inbox.stop("early")
    rig.tick(3)
    assert rig.texts("stopped") == ["stopped: early"]


def test_strict_hand_over_the_old_policy_stays_when_the_new_one_cannot_warm():
    rig = Rig().ready()
    for player in rig.players:
        player.warm_ticks = 10**6
    rig.say("wave_right").tick(270)
    assert rig.owner()["arms"] == "rest"
    assert rig.last().result == "failed" and "not ready within 5 s" in rig.last().reason


def test_the_start_envelope_is_awaited_then_the_skill_fails_and_says_why():
    rig = Rig().ready()
    rig.robot.tilt = 0.3  # bow begins below 0.25
    rig.say("bow").tick(20)
    assert rig.owner()["legs"] == "locomotion"
    rig.robot.tilt = 0.0
    rig.tick(10)
    assert rig.owner()["legs"] == "chunk"
    rig = Rig().ready()
    rig.robot.tilt = 0.3
    rig.say("bow").tick(430)
    assert "start envelope not reached within 8 s: tilt 0.30 rad, at most 0.25" in rig.last().reason


def test_a_crouch_is_bridged_by_standing_before_walking():
    rig = Rig().ready()
    crouch = MODEL.default.copy()
    crouch[[12, 18]], crouch[[13, 19]], crouch[[14, 20]] = -0.9, 1.4, -0.6
    for player in rig.players:
        player.q = crouch
    rig.say("sit_down").tick(250)
    assert rig.last().result == "ended" and rig.owner()["legs"] == "chunk"
    rig.say("walk_forward").tick(100)
    log = [(item.from_policy, item.to_policy, item.result) for item in rig.arbiter.handover.log[-3:]]
    assert ("chunk", "stand", "bridge") in log and ("stand", "locomotion", "done") in log
    assert rig.owner()["legs"] == "locomotion"


def test_a_policy_that_fails_is_replaced_by_a_fallback_and_named():
    rig = Rig().ready()
    rig.say("wave_right").tick(30)
    for player in rig.players:
        player.fail = "camera lost"
    rig.tick(2)
    assert rig.last().result == "failed" and "policy chunk: PolicyError: camera lost" in rig.last().reason
    rig.tick(60)
    assert rig.owner() == {"legs": "locomotion", "arms": "rest"}


def test_a_walking_policy_that_fails_is_out_of_use_until_reset():
    rig = Rig().ready()
    rig.say("walk_forward").tick(30)
    rig.locomotion.fail = "NaN"
    rig.tick(3)
    assert rig.owner()["legs"] == "stand"
    assert rig.arbiter.safety.fault == "policy locomotion failed: PolicyError: NaN", "what is out of use is a visible fault"
    rig.locomotion.fail = ""
    rig.say("turn_left").tick(5)
    assert rig.last().result == "cancelled" and rig.owner()["legs"] == "stand"
    rig.arbiter.inbox.reset()
    rig.tick(2)
    assert rig.arbiter.arm(rig.now) == ""
    rig.ready().say("turn_left").tick(30)
    assert rig.last().first_command is not None


def test_non_finite_targets_never_reach_the_motors():
    rig = Rig().ready()
    rig.say("wave_right").tick(30)
    for player in rig.players:
        player.q = np.full(MODEL.n, np.nan)
    rig.tick(5)
    assert all(np.isfinite(command.q).all() for command in rig.robot.sent)
    assert any(key[0] == "finite" and key[2] == "chunk" for key in rig.arbiter.safety.counts)


def test_storms_are_tamed():
    rig = Rig().ready()
    rig.arbiter.handover.log.clear()
    for i in range(100):
        rig.say(("wave_right", "wave_left", "raise_arms")[i % 3]).tick(3)
    rig.tick(100)
    taken = sorted(
        item.first_command for item in rig.arbiter.handover.log if item.joints == "arms" and item.first_command is not None
    )
    assert 10 <= len(taken) <= 6.0 / rig.arbiter.handover.settings.dwell + 2
    assert min(np.diff(taken)) >= rig.arbiter.handover.settings.dwell - 1e-6


def test_a_newer_instruction_replaces_one_not_yet_routed():
    rig = Rig().ready()
    rig.say("walk_forward").say("turn_left").tick(5)
    first, second = rig.arbiter.executor.log[-2:]
    assert first.result == "cancelled" and "replaced by a newer instruction" in first.reason
    assert second.route.steps[0][0].skill == "turn_left" and second.first_command is not None


def test_queue_runs_one_after_the_other_and_together_beside():
    rig = Rig("queue").ready()
    rig.say("wave_right").say("wave_left").tick(10)
    assert [item.first_command is not None for item in rig.arbiter.executor.log] == [True, False]
    rig.tick(850)
    assert [item.result for item in rig.arbiter.executor.log] == ["ended", "ended"]
    rig = Rig("together").ready()
    rig.say("walk_forward").tick(20)
    rig.say("wave_left").tick(20)
    assert rig.owner() == {"legs": "locomotion", "arms": "chunk"}
    assert rig.locomotion.requests[-1].velocity[0] > 0


class Clumsy(Skill):
    name = "clumsy"
    utterances = ("be clumsy", "fumble", "trip up")
    start = StartEnvelope()
    fault = "request"

    def request(self, state, progress):
        if self.fault == "request" and progress.elapsed > 0.1:
            raise ZeroDivisionError("oops")
        if self.fault == "block" and progress.elapsed > 0.1:
            import time

            time.sleep(2.0)
        return super().request(state, progress)

    def finish(self, state, progress):
        return 7 if self.fault == "rubbish" and progress.elapsed > 0.1 else Outcome.RUNNING


def test_what_a_skill_answered_before_its_run_does_not_end_the_run():
    """Asked for a preview it answers late, and that it is done; by then it has its joints."""
    skill, free, answers = Clumsy(), threading.Event(), [lambda: free.wait(10.0) and Outcome.SUCCESS]
    caller = ThreadedCaller(skill, patience=0.0)
    skill.finish = lambda state, progress: answers[-1]()
    progress = Progress(0.0, np.zeros(3), 0.0, {}, 0, state_of())
    assert caller.step(state_of(), progress, ())[0].outcome is Outcome.RUNNING
    answers.append(lambda: Outcome.RUNNING)
    free.set()
    for _ in range(2000):
        result, error = caller.step(state_of(), progress, (state_of(),))
        assert error == "" or error.startswith("blocks")
        assert result is None or result.outcome is Outcome.RUNNING
        time.sleep(0.0005)
        if not caller._preview and not caller._aside.busy:
            break
    caller.close()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("request", "clumsy: ZeroDivisionError: oops"),
        ("rubbish", "clumsy: SkillError: finish() returned 7"),
        ("block", "clumsy: blocks: no answer within 10 ticks"),
    ],
)
def test_a_broken_skill_fails_by_name_and_the_robot_goes_on(fault, reason):
    skill = Clumsy()
    skill.fault = fault
    rig = Rig(
        skills=[skill], caller=lambda skill, context: ThreadedCaller(skill, context, 0.002 if fault == "block" else 1.0)
    ).ready()
    rig.say("clumsy").tick(40)
    assert rig.last().result == "failed" and reason in rig.last().reason
    rig.say("wave_right").tick(30)
    assert rig.owner()["arms"] == "chunk"


def test_a_driver_that_raises_ages_the_last_reading_and_never_stops_the_tick():
    rig = Rig().ready()
    rig.robot.broken = "unplugged"
    report = rig.tick(3)
    assert report.verdict.mode is Mode.RUN and report.reading is None
    assert report.now - report.state.stamp == pytest.approx(3 * DT), "the last good reading stands in, and ages"
    assert rig.texts("reading") == ["reading of driver not believed: OSError: unplugged"]
    assert rig.tick().verdict.mode is Mode.HOLD
    rig.tick(10)
    assert "IMU reading is" in rig.arbiter.safety.fault and rig.arbiter.safety.mode is Mode.DAMP


@pytest.mark.parametrize(
    "spoil",
    [
        {"broken": "timed out"},
        {"changes": {"joint_vel": np.full(MODEL.n, np.nan)}},
        {"changes": {"base_quat": np.zeros(4)}},
        {"changes": {"stamp": 3600.0}},
    ],
)
def test_one_bad_reading_costs_nothing(spoil):
    rig = Rig().ready()
    rig.say("walk_forward").tick(20)
    for name, value in spoil.items():
        setattr(rig.robot, name, value)
    rig.tick()
    rig.robot.broken, rig.robot.changes = "", {}
    report = rig.tick(60)
    assert report.verdict.mode is Mode.RUN and rig.owner()["legs"] == "locomotion" and not rig.arbiter.bank.banned
    assert rig.last().result == ""
    told = rig.texts("reading")
    assert "not believed: " in told[0] and "believed again" in told[-1]


def test_without_a_first_reading_nothing_starts():
    rig = Rig.__new__(Rig)
    robot = FakeRobot()
    robot.broken = "no power"
    loaded, found = load_tree("default.yaml"), load_skills(use_entry_points=False)
    policies = fallbacks() | {
        "locomotion": (FakePolicy("locomotion", "locomotion", "legs"),),
        "chunk": (FakePolicy("chunk", "chunk"),),
    }
    arbiter = Arbiter(
        robot,
        policies,
        found.skills,
        loaded.config.home,
        Safety(MODEL),
        LockstepWorker(lambda request: rig.route(request.text), 0.005),
        check_tree(loaded, found, set(policies)),
        lambda text: False,
    )
    with pytest.raises(RobotError, match="no first reading: OSError: no power"):
        arbiter.tick(0.0)


INSTRUCTIONS = st.sampled_from(
    [
        "walk_forward",
        "wave_right",
        "bow",
        "raise_arms",
        "sit_down",
        "stop",
        "gibberish",
        "turn_left+wave_left",
        "sit_down,stand_up",
        "stand_still",
    ]
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(INSTRUCTIONS, st.integers(1, 40), st.sampled_from(["replace", "queue", "together"])), max_size=12))
def test_each_joint_has_exactly_one_owner_at_each_tick(script):
    rig = Rig().ready()
    for text, ticks, how in script:
        rig.say(text, how)
        for _ in range(ticks):
            report = rig.tick()
            count = sum(assignment.joints.astype(int) for assignment in rig.arbiter.authority.assignments)
            assert (count == 1).all()
            assert all(report.owners)
    for item in rig.arbiter.executor.log:
        assert item.result in ("", "succeeded", "ended", "cancelled", "refused", "failed", "stopped")


def test_a_violated_start_envelope_is_typed_and_the_decision_does_not_read_its_words(monkeypatch):
    """The bridge stands a crouching robot up whatever the sentence says."""
    bent = MODEL.default.copy()
    bent[MODEL.index("leg_left_knee_pitch_joint")] += 0.9
    envelope = StartEnvelope(tilt=0.1, posture=0.3)
    legs = MODEL.groups["legs"]
    assert check_envelope(envelope, state_of(), legs, MODEL) is None
    assert check_envelope(envelope, state_of(tilt=0.2), legs, MODEL).bound is Bound.TILT
    found = check_envelope(envelope, state_of(bent), legs, MODEL)
    assert found.bound is Bound.POSTURE and "0.90 rad from the standing posture, at most 0.3" in str(found)
    monkeypatch.setattr(
        "arbiter.handover.controller.check_envelope",
        lambda *args: (v := check_envelope(*args)) and Violation(v.bound, "autrement dit"),
    )
    test_a_crouch_is_bridged_by_standing_before_walking()


@pytest.mark.parametrize(
    ("orders", "armed"), [("arm reset", False), ("reset arm", True), ("reset arm reset", False), ("arm reset arm", True)]
)
def test_orders_of_one_tick_are_obeyed_in_their_order(orders, armed):
    rig = Rig().ready()
    rig.arbiter.inbox.damp()
    rig.tick(3)
    for order in orders.split():
        getattr(rig.arbiter.inbox, order)()
    rig.tick(2)
    assert rig.arbiter.safety.armed is armed


def test_a_damp_is_told_as_one():
    """To whoever looks at an instruction, at the mode, or tries another instruction; with a stop beside it, too."""
    rig = Rig().ready()
    rig.say("walk_forward").tick(20)
    rig.say("bow", "queue").tick()
    rig.arbiter.inbox.damp("page")
    rig.arbiter.inbox.stop("page")
    report = rig.say("turn_left", "queue").tick()
    assert report.verdict.mode is Mode.DAMP and report.verdict.reason == "damped: page"
    assert [item.reason for item in rig.arbiter.executor.log] == ["damped: page"] * 3
    rig.say("wave_left").tick(2)
    assert rig.last().reason == "damped: page; reset and arm it"


def test_a_reset_is_an_event_of_its_own_kind():
    rig = Rig().ready()
    rig.arbiter.inbox.reset()
    rig.tick()
    assert not rig.texts("reset") and rig.arbiter.safety.mode is Mode.RUN, "no fault is latched: nothing is cut"
    rig.arbiter.inbox.damp()
    rig.tick()
    rig.arbiter.inbox.reset()
    rig.tick()
    assert rig.texts("reset") == ["reset by the operator: passive"]


def test_two_changes_of_hands_to_one_policy_wait_side_by_side():
    """Its joints can be had one group after the other, the later asked first."""
    rig = Rig().ready()
    board, groups = rig.arbiter.handover, MODEL.groups
    rig.robot.changes["joint_vel"] = np.where(groups["legs"], 20.0, 0.0)  # nobody takes legs that move so fast
    rig.tick(2)
    legs = board.hand("hold", groups["legs"], Request(), rig.now)
    arms = board.hand("hold", groups["arms"], Request(), rig.now)
    rig.tick(20)
    assert arms.first_command is not None and board.waits(legs)
    board.withdraw(legs, "test", rig.now)
    assert not board.waits(legs)


def test_each_policy_acts_once_in_a_tick_whoever_fails_beside_it():
    rig = Rig(tree="- instructions").ready()
    rest, stand = rig.fallbacks["rest"][0], rig.fallbacks["stand"][0]
    for policy in (rest, stand):
        policy.requests.clear()
    rig.locomotion.fail = stand.fail = "no sensor"
    rig.tick()
    assert len(rest.requests) == 1 and len(stand.requests) == 1


def test_what_a_policy_asked_for_before_a_reset_does_not_count():
    monitor, knee = Rig().ready().arbiter.monitor, MODEL.index("leg_left_knee_pitch_joint")
    monitor._authority.block[0, knee] = np.nan
    for _ in range(2):
        assert not monitor.judge(monitor_state(), "")
        monitor._authority.block[0, knee] = np.nan
    monitor.forget()
    assert not monitor.judge(monitor_state(), "")
    for _ in range(2):
        monitor._authority.block[0, knee] = np.nan
        found = monitor.judge(monitor_state(), "")
    assert [assignment.policy.name for assignment, _ in found] == ["locomotion"]


def monitor_state():
    return FakeRobot().read(0.0)


@pytest.mark.parametrize("text", [None, 3, ["done"]])
def test_a_verification_without_a_text_is_refused(text):
    rig = Rig().ready()
    rig.skills["bow"].verify = lambda readings, progress: Verification(True, 1.0, 1.0, "rad", text)
    rig.skills["bow"].finish = lambda state, progress: Outcome.SUCCESS if progress.elapsed > 0.2 else Outcome.RUNNING
    rig.say("bow").tick(60)
    assert rig.last().result == "failed" and f"the text {text!r}" in rig.last().reason


def test_what_a_skill_was_told_stays_as_it_was(monkeypatch):
    rig, told, finish = Rig().ready(), [], WalkForward.finish

    def noted(skill, state, progress):
        told.append((progress, progress.travelled.copy()))
        return finish(skill, state, progress)

    monkeypatch.setattr(WalkForward, "finish", noted)
    rig.say("walk_forward").tick(40)
    assert told[-1][1][0] > 0.05 and all(np.array_equal(progress.travelled, was) for progress, was in told)
    with pytest.raises(ValueError, match="read-only"):
        told[-1][0].travelled[0] = 0.0


def test_a_skill_is_told_how_many_chunks_were_played(monkeypatch):
    """Progress.chunks was 0 for ever."""
    rig, told, finish = Rig().ready(), [], WaveRight.finish

    def noted(skill, state, progress):
        told.append(progress.chunks)
        return finish(skill, state, progress)

    monkeypatch.setattr(WaveRight, "finish", noted)
    rig.say("wave_right").tick(20)
    for player in rig.players:
        player.chunks = 3
    rig.tick(5)
    assert told[0] == 0 and told[-1] == 3


def test_a_robot_that_does_not_get_up_says_what_it_waits_for():
    rig = Rig()
    rig.tick(1200)
    assert [event.text for event in rig.events if "waits for go" in event.text] == [IN_POSTURE] * 2
    rig.robot.tilt = 0.6
    rig.tick(505)
    assert rig.events[-1].text == "on its way up: tilt 0.60 rad, at most 0.4"
    rig.arbiter.inbox.go()
    rig.tick(505)
    assert rig.events[-1].text == "not yet standing by itself: tilt 0.60 rad, at most 0.4" and not rig.arbiter.world.ready
    rig.robot.tilt = 0.0
    rig.tick(1)
    assert rig.arbiter.world.ready


@pytest.mark.parametrize(("asked", "told"), [(1e6, "for 1e+06 rad"), (np.nan, "for nan rad")])
def test_a_hold_says_what_was_asked_for(asked, told):
    rig = Rig().ready()
    rig.say("walk_forward").tick(20)
    rig.locomotion.q = np.full(MODEL.n, asked)
    report = rig.tick()
    assert report.verdict.mode is Mode.HOLD
    assert report.verdict.reason.startswith(f"locomotion asks {MODEL.joints[np.argmax(MODEL.groups['legs'])]} {told}")
    rig.locomotion.q = None
    assert rig.tick().verdict.mode is Mode.RUN


@pytest.mark.parametrize("level", ["settle", "damp", "off"])
def test_a_stop_of_the_safety_layer_refuses_an_arm_of_the_same_tick(level):
    rig = Rig()
    rig.arbiter.safety.disarm()
    rig.tick()
    rig.arbiter.inbox.arm()
    rig.arbiter.safety.stop("key", level)
    report = rig.tick()
    assert not report.command.kp.any() and not rig.arbiter.safety.armed
    assert [event.text for event in report.events][0] == "not armed: stopped: key; an operator has to reset it"


@pytest.mark.parametrize(
    ("first", "ticks", "reason"),
    [
        (Sighting(0.0, {}, "the detector fails"), 5, "no ball in view: the detector fails"),
        (None, 110, "no ball in view: no picture of the head camera within 2 s"),
        (Sighting(0.0, {"red": np.array((0.3, 0.2, 0.6))}), 5, ""),
    ],
)
def test_a_skill_that_sees_takes_its_joints_after_the_first_look(first, ticks, reason):
    rig = Rig().ready()
    looks = []
    rig.arbiter.executor.memory.sight = looks.append  # nothing is known yet
    rig.say("touch_ball").tick(20)
    assert len(looks) > 10 and rig.owner()["arms"] == "rest"
    rig.arbiter.executor.memory.sight = lambda now: first and replace(first, stamp=now)
    rig.tick(ticks)
    assert (rig.owner()["arms"] == "chunk") == (not reason)
    assert (rig.last().result == "failed") == bool(reason) and rig.last().reason.endswith(reason)
