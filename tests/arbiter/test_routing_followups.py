"""Words that refer to the last plan: what they make of it, and that they move nothing they should not."""

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbiter.errors import ConfigError
from arbiter.routing import Router
from arbiter.routing.clauses import parse
from arbiter.routing.followups import FILE, follow_up, lexicon
from arbiter.routing.opposites import opposites, side_of
from arbiter.skill import Parameter, Route, Skill, SkillCall
from skills import builtin_skills
from training.router.phrases import load_sets


class Kick(Skill):
    policy, joints = "kicks", "legs"
    parameters = (Parameter("count", "", 1.0, 1.0, 5.0), Parameter("speed", "m/s", 1.0, 0.5, 2.0))


class KickLeft(Kick):
    name = "kick_left"
    utterances = (
        "kick with your left foot",
        "give a kick with the left foot",
        "kick left",
        "do a left kick",
        "use your left foot to kick",
    )


class KickRight(Kick):
    name = "kick_right"
    utterances = ("kick with your right foot", "give a kick with the right foot", "kick right", "do a right kick", "kick")


class Look(Skill):
    policy, joints = "looks", "head"


class LookLeft(Look):
    name = "look_left"
    utterances = ("look left", "look to your left", "look over to the left", "gaze left", "glance to the left", "peek left")


class LookRight(Look):
    name = "look_right"
    utterances = tuple(text.replace("left", "right") for text in LookLeft.utterances)


class HandOver(Skill):
    name, policy, joints = "hand_over", "hands", "arms"
    utterances = ("hand me the tool", "hand over the tool", "pass me the tool", "give me the tool", "reach me that tool")


GUESTS = (KickLeft(), KickRight(), LookLeft(), LookRight(), HandOver())


@pytest.fixture(scope="module")
def router():
    return Router([*builtin_skills(), *GUESTS])


def told(route: Route) -> str:
    """The plan in short: skills with what is not their default, "refused", "stopped"."""
    if route.outcome != "accepted":
        return {"rejected": "refused"}.get(route.outcome, route.outcome)
    skills = {skill.name: skill for skill in [*builtin_skills(), *GUESTS]}

    def one(call: SkillCall) -> str:
        usual = {p.name: p.default for p in skills[call.skill].parameters}
        values = [
            f" {name} {round(value, 3):g}" if isinstance(value, (int, float)) else f" {value}"
            for name, value in call.parameters.items()
            if value is not None and value != usual[name]
        ]
        return call.skill + ",".join(values)

    return "; ".join(" + ".join(map(one, step)) for step in route.steps)


WALK, TURN, WAVE, BOW = "walk forward two metres", "turn left 30 degrees", "wave your left hand", "bow three times"
CIRCLE, BALL, ARMS, POINT, KICK = (
    "walk in a circle",
    "touch the red ball",
    "raise your arms",
    "point to the left",
    "kick twice with your left foot",
)
TWO = "walk forward two metres, then wave your left hand"

TABLE = (
    # once more
    (WALK, "again", "walk_forward distance 2"),
    (WALK, "could you do that once more please", "walk_forward distance 2"),
    (WALK, "do that again twice", "walk_forward distance 2; walk_forward distance 2"),
    (WALK, "again and again and again and again, nine times", "refused"),
    (WALK, "walk again", "walk_forward distance 2"),
    (WALK, "walk forward a metre again", "walk_forward"),
    (WAVE, "wave again", "wave_left"),
    (WAVE, "three more times", "wave_left count 3"),
    (BOW, "again", "bow count 3"),
    (BOW, "one more", "bow"),
    (BOW, "two more", "bow count 2"),
    (TWO, "again", "walk_forward distance 2; wave_left"),
    (KICK, "same again", "kick_left count 2"),
    # going on, more and less of it
    (WALK, "keep going", "walk_forward distance 2"),
    (TURN, "carry on", "turn_left angle 0.524"),
    (TURN, "keep turning", "turn_left angle 0.524"),
    (TWO, "continue", "wave_left"),
    (WALK, "a bit more", "walk_forward distance 0.5"),
    (WALK, "a little further please", "walk_forward distance 0.5"),
    (WALK, "walk a bit further", "walk_forward distance 0.5"),
    (WALK, "another metre and a half", "walk_forward distance 1.5"),
    (WALK, "50 cm more", "walk_forward distance 0.5"),
    (WALK, "half a metre less", "walk_forward distance 1.5"),
    (WALK, "three metres less", "refused"),
    (WALK, "ten more metres", "walk_forward distance 5"),
    (WALK, "twenty more", "refused"),
    (TURN, "another 20 degrees", "turn_left angle 0.349"),
    (TURN, "ten more", "turn_left angle 0.175"),
    (WAVE, "longer", "wave_left duration 6"),
    (WAVE, "further", "refused"),
    ("walk backward for three seconds", "two seconds longer", "walk_backward duration 2"),
    (TWO, "do all of that again", "walk_forward distance 2; wave_left"),
    (WALK, "well done, once more", "walk_forward distance 2"),
    (WALK, "not so far", "walk_forward"),
    (WALK, "agian", "walk_forward distance 2"),
    (WALK, "walk another metre", "walk_forward"),
    (WALK, "the same distance again", "walk_forward distance 2"),
    (WALK, "halfway back", "walk_backward distance 1"),
    (WAVE, "both hands", "refused"),
    (ARMS, "a bit more", "refused"),
    # faster, twice as far
    (WALK, "faster", "walk_forward speed 0.425, distance 2"),
    (WALK, "walk faster", "walk_forward speed 0.425, distance 2"),
    (WALK, "a bit slower", "walk_forward speed 0.287, distance 2"),
    (WALK, "at half the speed", "walk_forward speed 0.175, distance 2"),
    (WALK, "twice as fast", "walk_forward speed 0.5, distance 2"),
    (WALK, "again, but slowly", "walk_forward speed 0.225, distance 2"),
    ("walk forward at 0.5 m/s", "faster", "refused"),
    (WAVE, "faster", "refused"),
    (WALK, "twice as far", "walk_forward distance 4"),
    (TURN, "half as far", "turn_left angle 0.262"),
    (WALK, "double that", "walk_forward distance 4"),
    (TWO, "twice as far", "walk_forward distance 4"),
    (WAVE, "twice as far", "refused"),
    (CIRCLE, "twice as wide", "walk_in_circle radius 1.2"),
    (CIRCLE, "a bit smaller", "walk_in_circle radius 0.45"),
    (KICK, "harder", "refused"),
    (KICK, "faster", "kick_left count 2, speed 1.5"),
    # the other side
    (WAVE, "the other hand", "wave_right"),
    (WAVE, "and now with the right hand", "wave_right"),
    (WAVE, "now the left one", "wave_left"),
    (WAVE, "wave with the other hand", "wave_right"),
    (WAVE, "the other leg", "refused"),
    (WAVE, "left", "refused"),
    (KICK, "the other foot", "kick_right count 2"),
    (KICK, "the other hand", "refused"),
    (WALK, "the other hand", "refused"),
    (TURN, "the other way", "turn_right angle 0.524"),
    ("look left", "now the other way", "look_right"),
    ("look left", "and back", "refused"),
    ("hand me the tool", "hand me the tool again", "hand_over"),
    (WAVE, "the other way", "refused"),
    (TURN, "turn the other way", "turn_right angle 0.524"),
    (TURN, "now right", "turn_right angle 0.524"),
    (TURN, "the same to the right", "turn_right angle 0.524"),
    (WALK, "the other way", "walk_backward distance 2"),
    (WALK, "the same to the right", "sidestep_right distance 2"),
    (CIRCLE, "the other way", "walk_in_circle right"),
    (POINT, "now to the right", "point_at right"),
    (BALL, "now the blue one", "touch_ball blue"),
    (BALL, "now the yellow one", "refused"),
    (WALK, "now blue", "refused"),
    (BOW, "the other way", "refused"),
    (TWO, "again but with the right hand", "walk_forward distance 2; wave_right"),
    # back
    (WALK, "and back", "walk_backward distance 2"),
    (WALK, "go back", "walk_backward distance 2"),
    (WALK, "undo that", "walk_backward distance 2"),
    (WALK, "and return", "walk_backward distance 2"),
    (WALK, "same thing but backwards", "walk_backward distance 2"),
    (WALK, "step back", "walk_backward"),
    (TURN, "and back", "turn_right angle 0.524"),
    (TURN, "go back", "walk_backward"),
    (TURN, "back", "refused"),
    (ARMS, "and back", "lower_arms"),
    (WAVE, "and back", "refused"),
    ("walk forward two metres, then turn left", "undo that", "turn_right; walk_backward distance 2"),
    # other commands, and no commands
    (WALK, "wave again", "wave_right"),
    (WALK, "turn left again", "turn_left"),
    (WALK, "again when I say so", "refused"),
    (WALK, "again in ten minutes", "refused"),
    (WALK, "I did it again", "refused"),
    (WALK, "what did you do again", "refused"),
    (WALK, "do not do that again", "stopped"),
    (WALK, "no more", "stopped"),
    (WALK, "read that again", "refused"),
    (WALK, "move further away", "walk_backward"),
    (WALK, "walk forward a metre, turn left, walk forward again", "walk_forward; turn_left; walk_forward"),
    (TURN, "right of way", "refused"),
    (TURN, "42", "refused"),
    (WAVE, "make a right", "turn_right"),
    # in one instruction
    ("", "wave your left hand, then the other", "wave_left; wave_right"),
    ("", "turn left, then back", "turn_left; turn_right"),
    ("", "walk forward two metres and back", "walk_forward distance 2; walk_backward distance 2"),
    ("", "walk a metre, then the same to the right", "walk_forward; sidestep_right distance 1"),
    ("", "turn left 30 degrees, then right", "turn_left angle 0.524; turn_right angle 0.524"),
    ("", "bow, and again", "bow; bow"),
    ("", "turn left, then go back", "turn_left; walk_backward"),
    (
        "",
        "walk two metres, turn around, and walk back",
        "walk_forward distance 2; turn_left angle 3.142; walk_forward distance 2",
    ),
    ("", "turn around and come back", "turn_left angle 3.142; come_back"),
    ("", "turn around and step forward", "turn_left angle 3.142; walk_forward"),
    ("", "walk in a circle, then the same circle again", "walk_in_circle; walk_in_circle"),
    ("walk two metres, then bow", "only the last part again", "bow"),
    ("walk two metres, then bow", "the entire exercise once more", "walk_forward distance 2; bow"),
    ("walk to the blue ball", "touch it", "touch_ball blue"),
    (WALK, "again, then bow", "walk_forward distance 2; bow"),
    ("", "again, then bow", "refused"),
    (TURN, "go on, walk forward", "walk_forward"),
)


@pytest.mark.parametrize(("before", "text", "plan"), TABLE)
def test_a_follow_up_is_understood_or_refused(router, before, text, plan):
    last = router.route(before).steps if before else ()
    route = router.route(text, last)
    assert told(route) == plan, route.reason
    assert route.outcome == "accepted" or route.reason


@pytest.mark.parametrize(
    ("before", "text", "reason"),
    [
        ("", "again", '"again": nothing was done before that it could refer to'),
        (WAVE, "twice as far", "wave_left has no distance or angle"),
        (WALK, "the other hand", "walk_forward moves no hand"),
        (TURN, "back", '"back" may mean turn_right or walk_backward; say which'),
        ("walk forward at 0.5 m/s", "faster", "walk_forward is as fast as it can be: speed 0.5 m/s"),
    ],
)
def test_a_refusal_says_why(router, before, text, reason):
    assert router.route(text, router.route(before).steps if before else ()).reason == reason


def test_what_was_taken_and_clamped_is_told(router):
    last = router.route(WALK).steps
    assert router.route("a bit more", last).reason == '"a bit more" taken as distance 0.5 m'
    assert "distance 20 m clamped to 5" in router.route("ten times as far", last).reason


PARTS = st.sampled_from(
    "again|once more|a bit|more|further|another metre|faster|slower|twice as far|half the speed|the other hand|the other way"
    "|left|right|blue|and back|backwards|undo|the same|do that|now|but|then|twice|continue|less|go|keep going|opposite".split("|")
)
WORDS = st.lists(PARTS, min_size=1, max_size=4).map(" ".join)
BEFORE = st.sampled_from((WALK, TURN, WAVE, BOW, CIRCLE, BALL, ARMS, POINT, KICK, TWO))


@settings(deadline=None, max_examples=150)
@given(before=BEFORE, text=WORDS)
def test_a_follow_up_uses_the_skills_of_the_last_plan_or_their_opposites(router, before, text):
    follow = follow_up(text)
    last = router.route(before).steps
    route = router.route(text, last)
    if follow is None or follow.rest or follow.plain or route.outcome != "accepted":
        return
    if len(parse(text).pieces) > 1:  # "go, then again": "go" is a command of its own
        return
    pairs = [pair.names for pair in opposites(list(router.skills.values()))]
    allowed = {call.skill for step in last for call in step}
    allowed |= {name for names in pairs for name in names if allowed & set(names)}
    allowed |= {name.replace("left", "*").replace("right", "left").replace("*", "right") for name in allowed if side_of(name)}
    if "again" in follow.marks and follow.said.sides:
        allowed |= {"sidestep_left", "sidestep_right"}  # "the same to the right", after a walk
    assert {call.skill for step in route.steps for call in step} <= allowed, (before, text)
    for call in (call for step in route.steps for call in step):
        for p in router.skills[call.skill].parameters:
            value = call.parameters[p.name]
            assert not isinstance(value, float) or (math.isfinite(value) and p.low <= value <= p.high)


@settings(deadline=None, max_examples=100)
@given(text=WORDS)
def test_nothing_moves_by_a_follow_up_without_a_last_plan(router, text):
    follow = follow_up(text)
    on = follow is not None and "onward" in follow.marks and follow.said.values  # "go on for two metres"
    own = follow is None or follow.rest or follow.plain or "light" in follow.marks or on
    if not own and len(parse(text).pieces) < 2:  # "back, then again": "back" is a command of its own
        assert router.route(text).outcome != "accepted"


@settings(deadline=None, max_examples=100)
@given(text=st.text(max_size=60), before=BEFORE)
def test_no_text_makes_it_raise(router, before, text):
    last = router.route(before).steps
    assert router.route(f"again {text}", last).outcome in ("accepted", "rejected", "stopped")


def test_what_moves_nothing_by_itself_moves_nothing_after_a_plan(router):
    """Labelled phrases that are to be refused, but for those that do nothing but refer to a last plan."""
    lasts = itertools.cycle([router.route(before).steps for before in (WALK, TURN, WAVE, TWO)])
    phrases = [phrase for name in ("report", "surprise") for one in load_sets(name) for phrase in one.phrases]
    still = [phrase.text for phrase in phrases if not phrase.wanted and not phrase.last]
    assert len(still) > 1000
    moved = [
        text
        for text, last in zip(still[::3], lasts, strict=False)
        if router.route(text, last).outcome == "accepted" and not router.route(text).steps
    ]
    assert set(moved) <= {"again", "faster", "left", "right"}


def test_the_file_of_a_language_is_checked_when_it_is_read(tmp_path):
    assert lexicon().marks["once more"] == "once"
    path = tmp_path / "words.yaml"
    path.write_text(FILE.read_text().replace("[further, farther]", "[Further]"))
    with pytest.raises(ConfigError, match="further: 'Further' is no list of plain lower-case words"):
        lexicon(path)


TURNED = "turn left 90 degrees"
CUT = (  # what was stopped, the share that is left of its first step, the words, the plan, a word of the note
    (WALK, 0.4, "continue", "walk_forward distance 0.8", "walk_forward goes on for what is left, distance 0.8 m"),
    (WALK, 0.4, "ok, please go on", "walk_forward distance 0.8", "0.8 m"),
    (WALK, 0.4, "continue walking", "walk_forward distance 0.8", ""),
    (WALK, 0.4, "again", "walk_forward distance 2", ""),
    (WALK, 0.4, "continue for half a metre", "walk_forward distance 0.5", ""),
    (TWO, 0.4, "carry on", "walk_forward distance 0.8; wave_left", "0.8 m"),
    (TWO, 1.0, "carry on", "walk_forward distance 2; wave_left", "walk_forward begins again"),
    (TURNED, 0.5, "keep going", "turn_left angle 0.785", "angle 0.7854 rad"),
)


@pytest.mark.parametrize(("first", "share", "text", "plan", "note"), CUT)
def test_what_was_stopped_goes_on_with_what_is_left(router, first, share, text, plan, note):
    last = router.route(first).steps
    ((call,), *rest) = last
    ends = {name: value * share for name, value in call.parameters.items() if name in ("distance", "angle") and value}
    left = ((replace(call, parameters={**call.parameters, **ends}),), *rest)
    route = router.route(text, last, left)
    assert told(route) == plan and note in route.reason


STOPPED_BACK = (  # what was stopped at its last step, the share that is left of that, the words, the plan
    ("turn left 360 degrees", 0.93, "undo that", "turn_right angle 0.44"),
    ("walk forward three metres", 0.85, "walk back", "walk_backward distance 0.45"),
    ("walk forward three metres", 0.85, "go back", "walk_backward distance 0.45"),
    ("walk forward three metres", 0.85, "walk back half a metre", "walk_backward distance 0.5"),
    ("walk forward three metres", 0.85, "again", "walk_forward distance 3"),
    ("walk forward two metres, then turn left", 0.5, "undo that", "turn_right angle 0.785; walk_backward distance 2"),
    ("walk forward three metres", 0.99, "undo that", "refused"),
    ("walk forward three metres", 1.0, "walk back", "refused"),
    ("walk forward three metres", 1.0, "walk back and wave", "refused"),
    ("walk forward three metres", 1.0, "come back to where you started", "come_back"),
    (WALK, 1.0, "walk forward one metre, then walk back", "walk_forward; walk_backward distance 1"),
)


@pytest.mark.parametrize(("first", "share", "text", "plan"), STOPPED_BACK)
def test_of_what_was_stopped_no_more_is_undone_than_was_done(router, first, share, text, plan):
    last = router.route(first).steps
    (call,) = last[-1]
    name = "distance" if "distance" in call.parameters else "angle"
    left = ((replace(call, parameters={**call.parameters, name: call.parameters[name] * share}),),)
    route = router.route(text, last, left)
    assert told(route) == plan, route.reason
    assert plan != "refused" or "of what was stopped" in route.reason or "say how far" in route.reason


@pytest.mark.parametrize(("left", "plan"), [((), "walk_backward distance 2"), (None, "walk_backward distance 2")])
def test_what_was_stopped_at_its_end_or_never_is_undone_whole(router, left, plan):
    assert told(router.route("undo that", router.route(WALK).steps, left)) == plan


@pytest.mark.parametrize("text", ["", "?", "please", ", , back", "undo", "and and back"])
def test_no_words_after_a_stop_make_it_raise(router, text):
    last = router.route(WALK).steps
    assert router.route(text, last, last).outcome in ("accepted", "rejected")


def test_a_step_that_had_not_begun_is_not_undone(router):
    last = router.route("walk forward two metres, then turn left").steps
    assert told(router.route("undo that", last, last[1:])) == "walk_backward distance 2"
    assert told(router.route("undo that", last, last)) == "refused"


def test_too_little_to_go_is_told_and_what_comes_after_it_is_done(router):
    last = router.route(TWO).steps
    ((call,), *rest) = last
    short = (replace(call, parameters={**call.parameters, "distance": 0.05}),)
    route = router.route("continue", last[:1], (short,))
    assert told(route) == "refused"
    assert route.reason == '"continue": too little is left of what was stopped: walk_forward distance 0.05 m, at least 0.1'
    assert told(router.route("continue walking", last[:1], (short,))) == "refused"
    route = router.route("continue", last, (short, *rest))
    assert told(route) == "wave_left" and "too little is left of the first: walk_forward distance 0.05 m" in route.reason


@pytest.mark.parametrize("text", ["continue", "keep going", "ok, please go on"])
def test_what_is_under_way_needs_no_continue(router, text):
    last = router.route(WALK).steps
    route = router.route(text, last, under_way=True)
    assert told(route) == "refused" and "what was asked for last is under way; say how much more of it" in route.reason
    assert told(router.route("continue for half a metre", last, under_way=True)) == "walk_forward distance 0.5"
    assert told(router.route("again", last, under_way=True)) == "walk_forward distance 2"


def test_what_was_stopped_at_its_end_does_not_begin_again(router):
    route = router.route("continue", router.route(WALK).steps, ())
    assert (told(route), route.reason) == ("refused", '"continue": nothing is left of what was stopped')
    assert told(router.route("again", router.route(WALK).steps, ())) == "walk_forward distance 2"


@pytest.mark.parametrize(
    "text", ["continue, then wave", "wave your left hand and continue", "bow, then go on", "continue and bow"]
)
def test_what_was_stopped_goes_on_by_itself_only(router, text):
    last = router.route(TWO).steps
    route = router.route(text, last, last)
    assert told(route) == "refused" and 'say "continue" alone, then the rest' in route.reason


@pytest.mark.parametrize("text", ["continue slowly", "continue faster", "continue but slower", "continue twice"])
def test_what_was_stopped_goes_on_as_it_was(router, text):
    last = router.route(TWO).steps
    route = router.route(text, last, last)
    assert told(route) == "refused" and "goes on as it was" in route.reason


def test_nothing_is_left_to_go_on_walking(router):
    assert told(router.route("continue walking", router.route(WALK).steps, ())) == "refused"


def test_of_the_same_skill_twice_the_step_that_was_stopped_is_told(router):
    last = router.route("turn left 90 degrees, then turn left 30 degrees").steps
    ((call,), *rest) = last
    left = ((replace(call, parameters={**call.parameters, "angle": 0.5}),), *rest)
    assert "turn_left goes on for what is left, angle 0.5 rad" in router.route("continue", last, left).reason
    assert "turn_left begins again" in router.route("continue", last, last).reason


@pytest.mark.parametrize(
    ("before", "text", "skill", "name", "value"),
    [
        ("turn left 45 degrees", "undo that turn", "turn_right", "angle", math.radians(45)),
        ("walk backward two metres", "undo that walk", "walk_forward", "distance", 2.0),
        ("walk backward two metres", "another half metre back", "walk_backward", "distance", 0.5),
        ("walk backward two metres", "back again", "walk_forward", "distance", 2.0),
    ],
)
def test_what_goes_back_and_what_goes_on_backwards(before, text, skill, name, value):
    router = Router(builtin_skills())
    ((call,),) = router.route(text, router.route(before).steps).steps
    assert call.skill == skill and call.parameters[name] == pytest.approx(value)


def test_another_way_back_within_a_plan_goes_on():
    (one,), (more,) = Router(builtin_skills()).route("go back half a metre and then another metre back").steps
    assert (one.skill, more.skill) == ("walk_backward", "walk_backward") and more.parameters["distance"] == 1.0
