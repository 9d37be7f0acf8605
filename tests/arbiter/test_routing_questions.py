"""Questions about skills: answered by their names, never moved on, never a stop."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbiter.errors import ConfigError
from arbiter.routing import Router
from arbiter.routing.questions import FILE, plain_names, question_words
from arbiter.rules import Rule
from arbiter.skill import Skill
from skills import builtin_skills


class ShowAll(Skill):
    name, policy, joints = "show_all", "shows", "arms"
    utterances = ("what can you do", "show me all your moves", "give us a demonstration", "do the whole show", "run the demo")


@pytest.fixture(scope="module")
def router():
    return Router(builtin_skills())


LISTS = (
    *("help", "help?", "what can you do?", "what can you do", "what else can you do for me?", "what are you able to do"),
    *("which skills do you have", "what commands do you understand?", "what tricks do you know", "list your skills, please"),
    *("list all commands", "show me what you can do", "tell me what you can do", "what can I ask you to do", "how can you help?"),
    *(
        "what are your abilities",
        "waht can you do",
        "hey robot, what can you do?",
        "name your skills",
        "give me a list of skills",
    ),
)


@pytest.mark.parametrize("text", LISTS)
def test_the_skills_are_listed_by_plain_names(router, text):
    route = router.route(text)
    assert (route.outcome, route.rule, route.steps) == ("rejected", Rule.QUESTION, ())
    assert route.reason == f"can be asked for: {', '.join(plain_names(router.skills))}"
    assert "bow, come back, face ball, lower arms, point at" in route.reason
    assert "turn left or right, walk backward" in route.reason


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("can you wave?", 'yes, wave left or right: say "wave your right hand" or "wave your left hand"'),
        ("hey robot, can you bow?", 'yes, bow: say "bow"'),
        ("are you able to sit down?", 'yes, sit down: say "sit down"'),
        ("can you touch the ball?", 'yes, touch ball: say "touch the ball"'),
        ("can you turn?", 'yes, turn left or right: say "turn left" or "turn right"'),
        ("do you know how to bow", 'yes, bow: say "bow"'),
        ("are you capable of waving?", 'yes, wave left or right: say "wave your right hand" or "wave your left hand"'),
    ],
)
def test_whether_it_can_is_told_with_the_words_for_it(router, text, answer):
    route = router.route(text)
    assert (route.outcome, route.rule, route.reason) == ("rejected", Rule.QUESTION, answer)


@pytest.mark.parametrize("text", ["can you dance?", "are you able to dance", "do you know how to make coffee", "can you see me?"])
def test_what_it_cannot_do_is_denied(router, text):
    assert router.route(text).outcome == "rejected"
    assert text.endswith("dance") or router.route(text).reason.startswith("no skill for")


@pytest.mark.parametrize(
    "command", ["turn left", "wave, please", "walk forward two metres", "wave your left hand", "wave for me"]
)
def test_a_request_in_the_form_of_a_question_says_more_than_a_skills_name(router, command):
    asked, told = ([(c.skill, c.parameters) for c in router.route(t).steps[0]] for t in (f"can you {command}?", command))
    assert asked == told


@pytest.mark.parametrize("command", ["wave", "bow", "sit down", "walk backwards"])
def test_without_a_question_mark_it_is_a_polite_request(router, command):
    assert router.route(f"can you {command}").outcome == "accepted"


def test_a_follow_up_may_be_asked_for(router):
    last = router.route("walk forward two metres").steps
    assert router.route("can you do that again?", last).steps == last


@pytest.mark.parametrize("text", ["help!", "help me", "can you stop?", "could you stop"])
def test_a_stop_is_no_question(router, text):
    assert router.route(text).outcome == "stopped"


def test_a_skills_own_utterance_wins():
    router = Router([*builtin_skills(), ShowAll()])
    for text in ("what can you do", "show me all your moves please"):
        assert router.route(text).steps[0][0].skill == "show_all"
    assert "show all" in router.route("list your skills").reason


WORDS = st.sampled_from(sorted(question_words().classes))


@settings(deadline=None, max_examples=100)
@given(st.lists(WORDS, max_size=6).map(" ".join))
def test_what_begins_like_a_question_never_moves(router, text):
    assert router.route(f"what can {text}").outcome != "accepted"
    assert router.route(f"which {text}?").outcome != "accepted"


def test_the_file_of_a_language_is_checked_when_it_is_read(tmp_path):
    path = tmp_path / "words.yaml"
    path.write_text(FILE.read_text().replace("- [what, skills]", "- [what, skils]"))
    with pytest.raises(ConfigError, match="asks: no class is called 'skils'; there are what, list, skills"):
        question_words(path)
    path.write_text(FILE.read_text().replace("[help, assist,", "[Help, assist,"))
    with pytest.raises(ConfigError, match="help: 'Help' is no plain lower-case word"):
        question_words(path)
