"""The language's patterns are data, checked when they are loaded; what pronouns stand for comes from the loaded skills."""

import pytest

from arbiter.errors import ConfigError
from arbiter.routing import Router
from arbiter.routing.patterns import FILE, patterns
from arbiter.routing.pronouns import Pronouns
from arbiter.skill import Skill
from skills import builtin_skills


@pytest.mark.parametrize(
    ("text", "names", "said"),
    [
        ("orders: {then: next}", "then while", "orders: 'while' is missing"),
        ("orders: {then: next, thn: next}", "then", "orders: 'thn' is unknown; there are then"),
        ("orders: {then: next}\norder: {}", "then while", "orders: 'while' is missing"),
        ("orders: {then: (next}", "then", "orders: '(next' is no regular expression: "),
        ("parts: {now: now}\norders: {then: <nov>}", "then", "orders: no part is called 'nov'; there are now, "),
        ("orders: {then: [next]}", "then", "patterns.orders.then is a list; text is expected"),
        ("{}", "then", "orders: 'then' is missing"),
    ],
)
def test_a_wrong_file_is_refused_by_place(tmp_path, text, names, said):
    file = tmp_path / "language.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        patterns("orders", names, path=file)
    assert str(error.value).startswith(str(file)) and said in str(error.value)


def test_no_pattern_names_a_thing_of_a_skill():
    """ "Ball" is a word of some skills, and of no language."""
    assert "ball" not in FILE.read_text(encoding="utf-8")


class Polish(Skill):
    name, policy, joints = "polish", "chunk", "arms"
    utterances = ("polish the tray", "shine the tray", "polish", "rub the tray until it shines", "buff the tray")


class Juggle(Skill):
    name, policy, joints = "juggle", "chunk", "arms"
    utterances = ("juggle the clubs", "toss the clubs", "juggle", "do some juggling with the clubs", "throw the clubs up")


@pytest.fixture(scope="module")
def router():
    return Router([*builtin_skills(), Polish(), Juggle()])


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("the tray, polish it", ["polish"]),
        ("walk to the blue ball, then touch it", ["walk_to_ball", "touch_ball"]),
        ("raise your arms, then lower them", ["raise_arms", "lower_arms"]),
        ("raise, then lower your arms", ["raise_arms", "lower_arms"]),
        ("wave, then lower your arms", ["wave_right", "lower_arms"]),
    ],
)
def test_what_it_stands_for_is_a_thing_of_some_skill(router, text, plan):
    steps = router.route(text).steps
    assert [call.skill.replace("wave_left", "wave_right") for step in steps for call in step] == plan


def test_a_pronoun_is_of_the_thing_that_was_named_before_it():
    pronouns = Pronouns(["touch the ball", "lift the box", "wave", "wave your hand"])
    assert pronouns.ahead("touch the red ball after you lift it") == "touch the red ball after you lift the red ball"
    assert pronouns.ahead("it is late, touch the red ball") == "it is late, touch the red ball"
    assert pronouns.ahead("touch the sky after you lift it") == "touch the sky after you lift it"
