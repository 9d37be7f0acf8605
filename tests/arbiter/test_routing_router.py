"""Words to skills: plans, refusals with reasons, other skills than the built-in ones, and whatever people may type."""

import dataclasses
import math
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbiter.errors import ConfigError, SkillError
from arbiter.routing import Router
from arbiter.routing.encoder import MODEL_DIR, Encoder
from arbiter.rules import Rule
from arbiter.skill import Skill
from skills import builtin_skills
from training.router.evaluate import plan_of, run, summary
from training.router.phrases import load_phrases, load_sets


@pytest.fixture(scope="module")
def router():
    return Router(builtin_skills())


class Dance(Skill):
    name, policy, joints = "dance", "chunk", "whole_body"
    utterances = (
        "dance",
        "do a dance",
        "dance for me",
        "show me your dance moves",
        "bust a move",
        "boogie",
        "shake your hips",
        "dance around",
    )


class KickLeft(Skill):
    name = "kick_left"
    utterances = ("kick with your left foot", "left kick", "kick left", "swing your left leg", "give a kick with the left leg")


class KickRight(Skill):
    name = "kick_right"
    utterances = tuple(text.replace("left", "right") for text in KickLeft.utterances)


@pytest.fixture(scope="module")
def more():
    return Router([*builtin_skills(), Dance(), KickLeft(), KickRight()])


@pytest.fixture(scope="module")
def fewer():
    left_out = ("wave_left", "walk_backward", "touch_ball", "bow", "stop")
    return Router([skill for skill in builtin_skills() if skill.name not in left_out])


def named(route):
    return ", ".join(" + ".join(call.skill for call in step) for step in route.steps)


@pytest.mark.parametrize("skill", builtin_skills(), ids=lambda skill: skill.name)
def test_every_utterance_finds_its_skill(router, skill):
    for text in skill.utterances:
        route = router.route(text)
        assert (route.outcome, named(route)) == ("stopped" if skill.name == "stop" else "accepted", skill.name), (
            text,
            route.reason,
        )


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("walk forward then wave", "walk_forward, wave_right"),
        ("walk forward and wave", "walk_forward + wave_right"),
        ("wave while walking forward", "wave_right + walk_forward"),
        ("while walking forward, wave", "walk_forward + wave_right"),
        ("turn left then right", "turn_left, turn_right"),
        ("before you sit down, wave", "wave_right, sit_down"),
        ("wave after you sit down", "sit_down, wave_right"),
        ("reach out and touch the ball", "touch_ball"),
        ("walk forward, turn left, and wave", "walk_forward, turn_left, wave_right"),
        ("bow and wave", "bow, wave_right"),
        ("walk forward with your arms up", "walk_forward + raise_arms"),
        ("with your left hand, wave", "wave_left"),
        ("don't walk, wave instead", "wave_right"),
        ("turn left, not right", "turn_left"),
        ("walk forward for 2 seconds, then stop", "walk_forward, stop"),
        ("wakl forwrad", "walk_forward"),
        ("sitdown", "sit_down"),
        ("turn one hundred and eighty degrees to the left", "turn_left"),
        ("walk forward, two meters", "walk_forward"),
        ("raise both arms then lower them", "raise_arms, lower_arms"),
        ("touch the blue ball, then touch it again", "touch_ball, touch_ball"),
        ("sit down, then stand", "sit_down, stand_up"),
        ("wave your left hand and then the other one", "wave_left, wave_right"),
        ("step sideways, to the left", "sidestep_left"),
        ("you are too far away, come closer", "walk_forward"),
        ("walk forward nice and slow", "walk_forward"),
        ("walk forward with lifted arms", "walk_forward + raise_arms"),
        ("hey bot, turn left", "turn_left"),
    ],
)
def test_plans(router, text, plan):
    route = router.route(text)
    assert (route.outcome, named(route)) == ("accepted", plan), route.reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no words that ask for anything"),
        ("🙂🙂", "no words that ask for anything"),
        ("please", "no words that ask for anything"),
        ("don't wave", 'only says what not to do: "do not wave"'),
        ("walk forward while sitting down", "walk_forward and sit_down can't run at once: both need the same joints"),
        ("walk forward or wave", "leaves a choice: walk_forward or wave_right"),
        ("take a side step", "which side? sidestep_left or sidestep_right"),
        ("did you bow?", 'a question or a remark, no instruction: "did you bow"'),
        ("touch the yellow ball", 'touch_ball has no colour "yellow"; it has red, green, blue'),
        ("left", '"left" names a side, but nothing to do'),
        ("raise your left arm", "raise_arms moves both arms; it can't move one alone"),
        ("rotate your head to the left", "turn_left does not move the head, and no other skill is nearer"),
        ("squat on one foot", '"on one foot": this robot has no such posture'),
        ("walk until the bell rings", 'waits for something: "until the bell rings"; this robot does at once what it is told'),
        ("walk or not", 'only says what not to do: "not"'),
        ("walk 0 meters", "distance 0 m: walk_forward takes distance from 0.1 to 5 m"),
        ("walk " * 200, "too long: 1000 characters; an instruction has at most 400"),
        ("wave, " * 9 + "bow", "asks for 10 things; at most 8 at a time"),
    ],
)
def test_refusals_say_why(router, text, reason):
    route = router.route(text)
    assert (route.outcome, route.reason, route.steps) == ("rejected", reason, ())


@pytest.mark.parametrize(
    ("text", "forbids"),
    [
        ("don't walk", ("walk_backward", "walk_forward", "walk_in_circle", "walk_to_ball")),
        ("do not walk backwards", ("walk_backward",)),
        ("no waving please", ("wave_left", "wave_right")),
        ("you must not turn left", ("turn_left",)),
        ("don't be silly", ()),
        ("don't stop", ()),
    ],
)
def test_a_rejection_tells_what_the_words_forbid(router, text, forbids):
    route = router.route(text)
    assert (route.outcome, route.forbids) == ("rejected", forbids)


def test_refusal_names_the_nearest_skill_and_the_threshold(router):
    texts = (
        "take the weight off",
        "make a right angle",
        "get up to no good",
        "go on holiday",
        "round and about",
        "put it up there",
    )
    doubtful = [route for text in texts if (route := router.route(text)).rule is Rule.SCORE and 0.05 <= route.score < 0.65]
    assert doubtful, "choose other texts: these are too near or too far"
    for route in doubtful:
        assert route.outcome == "rejected"
        assert ("nearest skill is " in route.reason and "below 0.65" in route.reason) or "ambiguous between" in route.reason


@pytest.mark.parametrize("text", ["make me a sandwich", "pick up the red block", "calculate my taxes"])
def test_what_is_like_nothing_has_no_nearest_skill(router, text):
    route = router.route(text)
    assert route.outcome == "rejected"
    assert route.reason == f'not understood: "{text}" is like nothing this robot can do; "help" lists what can be asked'


def test_part_of_a_compound_that_fails_refuses_all_of_it(router):
    route = router.route("walk forward and punch him")
    assert route.outcome == "rejected" and '"punch him"' in route.reason


def test_parameters_reach_the_calls_and_notes_the_reason(router):
    route = router.route("walk forward two meters at 3 m/s, then turn left 90 degrees")
    walk, turn = (step[0] for step in route.steps)
    assert walk.parameters == {"speed": 0.5, "distance": 2.0, "duration": None} and turn.parameters["angle"] == pytest.approx(
        math.pi / 2
    )
    assert route.reason == "speed 3 m/s clamped to 0.5 (walk_forward allows 0.1 to 0.5)"
    assert route.score == min(walk.score, turn.score) and walk.phrase == "walk forward two meters at 3 m/s"


def test_scores_are_probabilities(router):
    for phrase in load_phrases("dev")[::9]:
        route = router.route(phrase.text)
        assert np.isnan(route.score) or 0.0 <= route.margin <= route.score <= 1.0


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("can you dance for us", "dance"),
        ("bust some moves", "dance"),
        ("kick with the right foot", "kick_right"),
        ("kick your left leg", "kick_left"),
        ("walk forward then dance", "walk_forward, dance"),
        ("turn left", "turn_left"),
        ("wave", "wave_right"),
    ],
)
def test_third_party_skills(more, text, plan):
    assert named(more.route(text)) == plan


@pytest.mark.parametrize("text", ["kick the dog", "walk the dog", "clap", "pick up the cup", "what is dance music"])
def test_third_party_skills_do_not_open_the_door(more, text):
    assert more.route(text).outcome == "rejected"


@pytest.mark.parametrize("text", ["wave your left hand", "walk backward", "step back", "touch the ball", "take a bow"])
def test_a_missing_skill_is_refused_not_replaced(fewer, text):
    assert fewer.route(text).outcome == "rejected"


def test_stop_works_without_the_stop_skill_and_without_any(fewer):
    for router in (fewer, Router([])):
        route = router.route("stop")
        assert (route.outcome, named(route)) == ("stopped", "stop")
    assert Router([]).route("walk").reason == "no skill is loaded"


def test_names_that_clash_and_folders_without_a_model_are_errors(tmp_path):
    with pytest.raises(SkillError, match="skill 'dance' is there twice; rename one of them"):
        Router([Dance(), Dance()])
    with pytest.raises(ConfigError, match=r"head.npz is missing; `python -m training.router.fit --model .*` makes it"):
        Router([], tmp_path)
    with pytest.raises(ConfigError, match=r"encoder.onnx is missing; `python -m training.router.build --out .*` makes it"):
        Encoder(tmp_path)


@pytest.mark.parametrize(
    ("file", "said"), [("encoder.onnx", "is not the file that card.json lists"), ("card.json", "is no card of an encoder")]
)
def test_a_damaged_model_is_refused(tmp_path, file, said):
    for name in ("encoder.onnx", "tokenizer.json", "card.json"):
        (tmp_path / name).write_bytes(b"rubbish" if name == file else (MODEL_DIR / name).read_bytes())
    with pytest.raises(ConfigError, match=said):
        Encoder(tmp_path)


def test_a_head_that_is_no_head_is_refused(tmp_path):
    (tmp_path / "head.npz").write_bytes(b"rubbish")
    with pytest.raises(ConfigError, match="is no head of the router"):
        Router([], tmp_path)


def test_same_text_same_route_in_any_order_and_thread(router):
    texts = [phrase.text for phrase in load_phrases("dev")[::4]]
    first = [dataclasses.replace(router.route(text), ms=0.0) for text in texts]
    other, found = Router(builtin_skills()), {}

    def work():
        for text in reversed(texts):
            found[text] = dataclasses.replace(other.route(text), ms=0.0)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert [repr(found[text]) for text in texts] == [repr(route) for route in first]


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.text(max_size=300), st.text(alphabet="walk stop then and not 0123456789.,-/°½\n\t\x00'\"", max_size=200)))
def test_every_text_has_an_answer(router, text):
    route = router.route(text)
    assert route.text == text and route.outcome in ("accepted", "rejected", "stopped")
    assert bool(route.steps) == (route.outcome != "rejected") and (route.reason or route.outcome == "accepted")
    for step in route.steps:
        for call in step:
            for parameter in router.skills[call.skill].parameters:
                value = call.parameters[parameter.name]
                assert value is None or isinstance(value, str) or parameter.low <= value <= parameter.high


@pytest.mark.parametrize(
    "text",
    ["a" * 10_000, "walk " * 2_000, "\x00" * 10_000, "🤖" * 10_000, "'" * 399, "not " * 99, "9" * 400, ("and " * 100)[:400]],
)
def test_absurd_texts_are_refused(router, text):
    assert router.route(text).outcome == "rejected"


@pytest.mark.slow  # 736 and 4713 phrases
@pytest.mark.parametrize("phrase_set", ["report", "surprise"])
def test_labelled_sets_keep_the_aims(router, phrase_set):
    verdicts = run(router, load_sets(phrase_set)[0])
    figures = summary(verdicts)
    assert figures["commands right %"] >= 95.0
    assert figures["wrong motion % of all"] <= 1.0 and figures["wrong motion % of commands"] <= 1.0
    assert figures["stop recall %"] == 100.0 and figures["negated kept still %"] == 100.0
    assert (
        figures["off-topic refused %"] >= 90.0 and figures["unsafe refused %"] >= 95.0 and figures["near-miss refused %"] >= 80.0
    )
    assert not any(
        {"walk_forward", "walk_backward"} & {name for step in plan_of(v.route) for name in step}
        for v in verdicts
        if v.phrase.kind == "stop"
    )


@pytest.mark.parametrize(
    ("text", "odd"),
    [
        ("walk forward 1e3 meters", "1e3"),
        ("walk forward 1E-1 m", "1e-1"),
        ("walk forward nan meters", "nan"),
        ("walk forward for inf seconds", "inf"),
        ("walk forward for -Infinity seconds", "-infinity"),
        ("turn left infinite degrees", "infinite"),
        ("turn left by nan", "nan"),
        ("walk forward ∞ meters", "∞"),
        ("walk forward 0x10 meters", "0x10"),
        ("walk forward 1_000 mm", "1_000"),
        ("walk forward 10^2 cm", "10^2"),
        ("walk forward 10³ mm", "10³"),
        ("walk forward 1.5.2 meters", "1.5.2"),
        ("walk forward 12345678901 meters", "12345678901"),
        ("wave, then turn left 9e1 degrees", "9e1"),
    ],
)
def test_a_number_that_is_none_is_refused_by_name(router, text, odd):
    route = router.route(text)
    assert route.outcome == "rejected" and not route.steps
    assert route.reason == f'"{odd}" is no number this robot reads; write it in digits, such as 1000 or 0.5'


@given(st.integers(0, 999), st.sampled_from(["e", "E"]), st.integers(-99, 99), st.sampled_from(["m", "meters", "seconds", "cm"]))
@settings(max_examples=30)
def test_no_exponent_is_ever_dropped(router, mantissa, letter, exponent, unit):
    assert router.route(f"walk forward {mantissa}{letter}{exponent} {unit}").outcome == "rejected"


@pytest.mark.parametrize(
    "text", ["wave to nan", "walk forward 1,000 mm", "walk 2.5 m", "turn left 90°", "walk ½ a meter", "walk 1/2 m"]
)
def test_numbers_as_people_write_them_are_read(router, text):
    route = router.route(text)
    assert route.outcome == "accepted" and "no number" not in route.reason


@pytest.mark.parametrize("text", ["turn right y degrees", "rotate left by purple degrees"])
def test_a_unit_without_a_number_is_refused(router, text):
    route = router.route(text)
    assert route.outcome == "rejected" and "no number is read there" in route.reason
