"""The stop guard: nothing that means stop gets past it, and plain opposites do."""

import itertools
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbiter.errors import ConfigError
from arbiter.routing import Router
from arbiter.routing.guard import FOLDER, LONG, load, stop_guard
from arbiter.skill import SkillCall
from skills import builtin_skills
from training.router.evaluate import plan_of
from training.router.phrases import load_phrases

STOPS = (
    "stop",
    "STOP",
    "Stop!",
    "STOPP",
    "stop it",
    "please stop",
    "halt",
    "freeze",
    "whoa",
    "woah there",
    "emergency",
    "don't move",
    "do not move",
    "stooop",
    "stoppppp",
    "cut it out",
    "knock it off",
    "abort",
    "that's enough",
    "enough",
    "no more",
    "hold it",
    "hold on",
    "wait",
    "cancel",
    "stop waving",
    "stop sitting and get up",
    "why don't you stop",
    "don't stop, no wait, stop",
    "s t o p",
    "s-t-o-p",
    "s.t.o.p",
    "st0p",
    "e-stop",
    "ѕtоp",
    "ｓｔｏｐ",
    "stop\u200b",
    "sto\u0301p",
    "sto\u200dp",
    "🛑 stop 🛑",
    "STOP\x00",
    "nonono stop",
    "pleasestop",
    "shut down the motors",
    "kill the power",
    "hit the brakes",
    "not another step",
    "don't take another step",
    "quit moving",
    "stand down",
    "go ahead and stop",
    "come to a halt",
    "¡alto!",
    "Arrêtez !",
    "pare agora",
    "bitte anhalten",
    "стоп",
    "止まれ",
    "停下",
    "don't do anything",
    "no more walking",
    "don't walk any more",
    "finish moving",
    "pump the brakes",
    "that'll do, mate",
    "easy, tiger",
    "hang on there",
    "steady on",
    "give me a sec",
    "turn yourself off",
    "as far as you go",
    "stay back",
    "turn left, no wait",
    "wo wo wo",
    "nononono",
    "no more waving please",
    "don't come closer",
    "don't keep turning",
    "brakes on",
    "this must end",
    "put an end to this",
    "hold your movement",
    "cancel cancel",
    "can you pause",
    "just a second",
    "do not proceed",
    "please don't do that",
    "hold on a second",
    "look out, a child",
    "call it a day",
    "thats enuf",
    "don't anyone move",
    "no more arm movements",
    "not an inch more",
    "waaait",
    "st op",
    "you are going to fall",
    "stehen bleiben",
    "ne bouge plus",
    "keine bewegung",
    "motors off",
    "three two one stop",
)
GOES_ON = (
    "don't stop",
    "do not stop",
    "please don't stop",
    "never stop",
    "don't stop, keep walking",
    "walk without stopping",
    "walk forward until I say stop",
    "walk forward",
    "step forward",
    "step back",
    "turn left",
    "bow",
    "put your hands up",
    "sit down",
    "about face",
    "shop for milk",
    "where is the bus stop",
    "take a seat",
    "breeze",
    "point at the top",
    "hold your arms up",
    "wait there",
    "lift your arms, then drop them",
    "turn the tv off",
    "turn left, no wait, turn right",
    "take your foot off the brakes",
    "no waving",
    "look out of the window",
    "keep your arms up",
    "keep walking",
    "walk a second lap",
    "hold your arms up, please",
    "the rain has stopped",
    "the stop sign is red",
    "you don't have to stop",
    "don't wave while moving",
)
PLANNED = (
    "walk forward then stop",
    "walk forward for 3 seconds, then stop",
    "go forward 2 meters and then stop",
    "turn around and stop",
)


@pytest.fixture(scope="module")
def router():
    return Router(builtin_skills())


@pytest.mark.parametrize("text", STOPS)
def test_stops(text):
    assert stop_guard(text)


@pytest.mark.parametrize("text", GOES_ON + PLANNED)
def test_lets_pass(text):
    assert not stop_guard(text)


@pytest.mark.parametrize("phrase_set", ["fit", "dev", "report", "surprise"])
def test_every_labelled_stop(phrase_set, router):
    stops = [p.text for p in load_phrases(phrase_set) if p.plans == ((("stop",),),)]
    mistyped = [text for text in stops if not stop_guard(text)]  # left to the router, which knows which words are none
    assert [text for text in mistyped if router.route(text).outcome != "stopped"] == []
    assert len(mistyped) <= 0.02 * len(stops)


@pytest.mark.parametrize("phrase_set", ["fit", "dev", "report", "surprise"])
def test_commands_that_are_taken_for_stops_have_a_word_of_stopping(phrase_set):
    commands = [p for p in load_phrases(phrase_set) if p.plans and not any(("stop",) in plan for plan in p.plans)]
    taken = [p.text for p in commands if stop_guard(p.text)]
    doubtful = set("stop freeze no enough wait hold keep stay settle".split())
    assert [text for text in taken if not doubtful & set(text.split())] == [] and len(taken) <= 0.01 * len(commands)


@given(
    st.sampled_from(["stop", "halt", "freeze", "abort"]),
    st.integers(0, 5),
    st.sampled_from(string.ascii_lowercase),
    st.sampled_from("dri"),
)
def test_one_edit_is_a_stop_unless_it_is_another_word(word, place, letter, how):
    from arbiter.routing.guard import OTHER_WORDS

    place = min(place, len(word) - 1)
    typo = {
        "d": word[:place] + word[place + 1 :],
        "r": word[:place] + letter + word[place + 1 :],
        "i": word[:place] + letter + word[place:],
    }[how]
    assert stop_guard(typo) or typo in OTHER_WORDS


SYMBOLS = st.characters(categories=("M", "P", "S"), exclude_characters="'-./") | st.just(" ")


@given(st.text(SYMBOLS, max_size=60))
def test_stop_amid_symbols(noise):
    assert stop_guard(f"{noise} stop {noise}")


@settings(max_examples=200)
@given(st.text(max_size=3 * LONG))
def test_answers_every_text(text):
    assert stop_guard(text) in (True, False)


def test_a_long_text_with_a_stop_in_it_is_a_stop():
    assert stop_guard("walk " * 2000 + "STOP" + " walk" * 2000)
    assert not stop_guard("walk " * 2000)


FOREIGN = (
    "arrêtez-vous, ça suffit, ne bouge plus, basta, para, alto, no te muevas, halt mal, stehen "
    "bleiben, hör auf, nicht bewegen, fermati, fermo, smettila, pare, chega, pára, hou op, sta stil, "
    "zatrzymaj się, stój, dość, stanna, sluta, stans, dur, стоп, стой, остановись, хватит, зупинись, "
    "止まれ, やめて, 停, 住手, 别动, 멈춰, 그만, توقف, قف, עצור, σταμάτα, रुको, zastav, stůj, pysähdy, seis, "
    "oprește-te, állj, megállj, berhenti, dừng lại"
)


@pytest.mark.parametrize("frame", ["{}", "{}!", "{} {}", "please {}", "¡{}!"])
def test_stops_of_other_languages(frame):
    assert [said for said in FOREIGN.split(", ") if not stop_guard(frame.replace("{}", said))] == []


def test_pain_and_danger_stop():
    hurt = (
        "hurting me",
        "crushing my foot",
        "standing on the child",
        "bumping into him",
        "pinching her hand",
        "pulling my hair",
        "pulling her dress",
        "tugging at my sleeve",
    )
    danger = ("someone in front of you", "a small child behind you", "smoke", "a dog in the way")
    said = [
        *(f"{first}you're {what}" for first in ("", "ouch, ", "hey, robot, ") for what in hurt),
        *(f"you're {what}, get off" for what in hurt),
        *(f"you're {what}, walk backward" for what in hurt),
        "there's a child behind you, walk backward",
        *(f"{first}there's {what}" for first in ("", "wait, ") for what in danger),
        *(
            f"{who} {how}"
            for who in ("you are", "it's")
            for how in ("tipping over", "on fire", "going to fall", "going to knock it over")
        ),
    ]
    said += [
        f"{never} {verb} {whom}"
        for never in ("don't", "never")
        for verb in ("hurt", "touch", "kick")
        for whom in ("me", "the dog")
    ]
    said += [
        f"{who} is {where}"
        for who in ("someone", "a small child")
        for where in ("in your way", "behind you", "lying in front of you")
    ]
    assert [text for text in said if not stop_guard(text)] == []


def test_where_things_are_is_no_stop(router):
    for text in (
        "there is a chair behind you, sit down",
        "there is a ball in front of you, touch it",
        "my friend is here, wave to her",
    ):
        assert not stop_guard(text) and router.route(text).outcome == "accepted", text


OFF = ("never mind", "forget", "skip", "cancel", "scrap", "forget about")
WHAT = ("the bow", "the wave", "that", "bowing")
THEN = ("turn left", "walk forward two metres", "sit down")


def test_what_is_dismissed_before_a_command_is_left_out(router):
    for off, what, joint, then in itertools.product(OFF, WHAT, (", ", " and ", ", just "), THEN):
        route = router.route(text := f"{off} {what}{joint}{then}")
        wanted = {"turn left": "turn_left", "sit down": "sit_down"}.get(then, "walk_forward")
        assert (route.outcome, plan_of(route)) == ("accepted", ((wanted,),)), text


@pytest.mark.parametrize("behind", ["make me a sandwich", "tell me a joke", "jump over the chair"])
@pytest.mark.parametrize("stop", ["that's enough", "cut it out", "knock it off", "hold on", "no more walking"])
def test_a_stop_with_what_is_no_command_is_a_stop(router, stop, behind):
    assert router.route(f"{stop}, {behind}").outcome == "stopped"


@pytest.mark.parametrize("text", ["no more, please, I can't bear it", "no more, he's getting scared", "I've had my fill of this"])
def test_a_refused_text_that_the_encoder_takes_for_a_stop_is_one(router, text):
    route = router.route(text)
    assert not stop_guard(text) and route.outcome == "stopped"
    assert "means stop, and no command is understood beside it" in route.reason


@pytest.mark.parametrize("text", ["help", "help me understand what you can do", "well done", "what can you do", "good job"])
def test_questions_and_praise_are_no_stop(router, text):
    assert not stop_guard(text) and router.route(text).outcome == "rejected"


@pytest.mark.parametrize(
    ("text", "plan", "duration"),
    [
        ("bow and hold it for two seconds", "bow", 2.0),
        ("point left and keep it there for 4 s", "point_at", 4.0),
        ("raise your arms, hold them up for three seconds", "raise_arms", None),
    ],
)
def test_what_is_held_for_a_time_is_one_command(router, text, plan, duration):
    route = router.route(text)
    assert plan_of(route) == ((plan,),)
    assert route.steps[0][0].parameters.get("duration") == duration and (
        duration or '"three seconds" was not used' in route.reason
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("words: stop", "word: stop"), "unknown key 'word'; did you mean 'words'"),
        (("well done", "well (done"), r"'well \(done' is no regular expression: missing \)"),
        (("<activity>", "<activities>"), "no part is called 'activities'; there are "),
    ],
)
def test_a_faulty_list_of_stops_is_an_error(tmp_path, change, said):
    for name in ("stops.yaml", "stops_other.yaml"):
        (tmp_path / name).write_text((FOLDER / name).read_text().replace(*change))
    with pytest.raises(ConfigError, match=said):
        load(tmp_path)


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("turn left and then walk forward, that's it", ["turn_left", "walk_forward"]),
        ("um forward one metre thats all", ["walk_forward"]),
        ("if it's not too much trouble, go back a little", ["walk_backward"]),
        ("bow four times, no, twice is enough", ["bow"]),
    ],
)
def test_words_that_end_a_request_or_beg_for_it_are_no_stop_beside_a_command(router, text, plan):
    route = router.route(text)
    assert [name for step in plan_of(route) for name in step] == plan, route.reason


@pytest.mark.parametrize("last", ["", "walk_forward"])
@pytest.mark.parametrize(
    "text",
    [
        *(
            "that's it",
            "right, that's it now",
            "no, that's it",
            "good, thats all",
            "sandwich, that's it",
            "slow down, that's it",
            "back off, that's it",
            "that's it, no more",
        ),
        *("not so fast", "hey, not so quick", "twice is enough", "no, twice is enough", "if it's not too late, don't move"),
    ],
)
def test_the_same_words_without_a_command_stop(router, text, last):
    steps = ((SkillCall("walk_forward", {"speed": 0.3, "distance": 1.0}),),) if last else ()
    assert plan_of(router.route(text, steps)) == (("stop",),)


def test_not_so_quick_this_time_is_slower():
    router = Router(builtin_skills())
    last = router.route("walk in a circle").steps
    for text in ("not so quick this time", "again, but not so fast"):
        ((call,),) = router.route(text, last).steps
        assert call.skill == "walk_in_circle" and call.parameters["speed"] < last[0][0].parameters["speed"]
        assert router.route(text).outcome == "stopped"
