"""Every content word of an accepted clause is used, or a note names it, or the clause is refused."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbiter.errors import ConfigError
from arbiter.routing import Router
from arbiter.routing.clauses import parse
from arbiter.routing.encoder import Encoder
from arbiter.routing.languages.english import FILE, english
from arbiter.routing.quantities import extract
from arbiter.routing.skill_words import stem
from arbiter.routing.text import words
from arbiter.routing.verbs import base_forms
from arbiter.skill import Skill
from skills import builtin_skills


class Juggle(Skill):
    name, policy, joints = "juggle", "chunk", "arms"
    utterances = (
        "juggle",
        "juggle the clubs",
        "do some juggling",
        "keep the clubs in the air",
        "juggle three clubs",
        "show us a juggling trick",
        "throw the clubs up and catch them",
        "start to juggle",
        "juggle for the crowd",
        "toss the clubs around",
    )


@pytest.fixture(scope="module")
def router():
    return Router([*builtin_skills(), Juggle()])


@pytest.fixture(scope="module")
def strange(router):
    """Common English words that no phrase of a skill has and that are no quantity: what they are is nobody's business."""
    said = {
        stem(word) for text, label in zip(router.scorer.texts, router.scorer.labels, strict=True) if label for word in words(text)
    }
    lists = english()
    language = (
        Encoder().wordings | lists.function | lists.light_verbs | lists.prepositions | lists.determiners | lists.conjunctions
    )
    found = sorted(Encoder().common_words(6000) - language - lists.limits - lists.exclusive)
    return [
        word
        for word in found
        if not said & {stem(base) for base in base_forms(word)}
        and not any(extract(word)[0].directions)
        and not extract(f"{word} bow")[0].values  # "quarters"
        and _kept(f"bow {word} now")
    ]


def _kept(text):
    """Whether no connective, politeness or quantity is found in a text."""
    return [piece.text for piece in parse(text).pieces] == [extract(text)[1].removesuffix(" now")] == [text.removesuffix(" now")]


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("raise your arms like a king", '"like a king" was not used'),
        ("march forward proudly", '"proudly" was not used'),
        ("walk towards the door", '"towards the door" was not used'),
        ("point at the clock", '"at the clock" was not used'),
        ("wave at my sister", '"at my sister" was not used'),
        ("wave your right hand at the nice lady", '"at the nice lady" was not used'),
        ("bow halfway", '"halfway" was not used'),
        ("greet the teacher warmly", '"the teacher warmly" was not used'),
        ("take a small step forward", '"small" was not used'),
        ("proudly step to the right", '"proudly" was not used'),
        ("plonk yourself down", '"plonk" taken as sit_down'),
        ("bow slowly like a butler", '"slowly" was not used: bow has one speed; "like a butler" was not used'),
        ("go forward down the passage", '"down the passage" was not used'),
        ("sit down without holding the rail", '"without holding the rail" was not used'),
        ("juggle the clubs blindly", '"blindly" was not used'),
    ],
)
def test_what_nothing_uses_is_named(router, text, note):
    route = router.route(text)
    assert (route.outcome, route.reason) == ("accepted", note)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("walk backwards in a circle", '"backwards" is something else to do; nearest skill is walk_in_circle'),
        ("walk in a circle hopping", 'not understood: "hop" is like nothing this robot can do'),
        ("bow kneeling", '"kneeling" is something else to do; nearest skill is bow'),
        ("move forward in front of the lorry", '"lorry" is no place that walk_forward finds; say how far'),
        ("face away from the ball", '"away" is another way to go; nearest skill is face_ball'),
        ("walk to the non-red ball", '"non" changes what is to be done; nearest skill is walk_to_ball'),
        ("walk to the red ball or the green ball", "names red and green: walk_to_ball is for one colour at a time; say which"),
        ("approach it", '"approach it": nothing was named that it stands for'),
        ("walk up to it", '"to it": nothing was named that it stands for'),
        ("almost touch the ball", '"almost" changes what is to be done; nearest skill is touch_ball'),
        ("hardly move forward", '"hardly" changes what is to be done; nearest skill is walk_forward'),
        ("bow the table", ""),  # by score or by coverage, as the head has it
    ],
)
def test_what_would_change_the_deed_refuses_it(router, text, reason):
    route = router.route(text)
    assert route.outcome == "rejected" and route.reason.startswith(reason)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "walk forward",
            "could you please walk forward two metres",
            "walk slowly",
            "just turn right a little",
            "walk in a ring",
        ),
        *("lift both of your arms up high", "go ahead and walk a bit", "robot, raise your hands please", "bow to the crowd"),
        *("only walk two metres", "wave your right hand right there", "juggle three clubs", "rotate on the spot"),
        *(text for skill in builtin_skills() for text in skill.utterances if skill.name != "stop"),
    ],
)
def test_plain_words_are_used(router, text):
    route = router.route(text)
    assert route.outcome == "accepted" and "not used" not in route.reason


# The encoder takes one strange word in some two thousand for politeness or regret, so that the sample is a fixed one.
@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_strange_word_is_named_or_refused(router, strange, data):
    skill = data.draw(st.sampled_from(sorted(set(router.skills) - {"stop"})))
    text = data.draw(st.sampled_from(router.skills[skill].utterances))
    word = data.draw(st.sampled_from(strange))
    frame = data.draw(st.sampled_from(("{0} {1}", "{0} beside the {1}", "{0} despite my {1}", "{0} like some {1}", "{1} {0}")))
    route = router.route(frame.format(text, word))
    assert route.outcome != "accepted" or re.search(rf'"[^"]*\b{word}\b[^"]*"', route.reason), (route.steps, route.reason)


def test_waving_waves_and_wave_are_one():
    assert len({stem(word) for word in ("wave", "waves", "waving", "waved")}) == 1
    assert stem("hands") == stem("hand") and stem("stepping") == stem("steps") and stem("politely") == stem("polite")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("exclusive:", "exclusives:", r"unknown key 'exclusives'; did you mean 'exclusive'\?"),
        ("conjunctions: and", "conjunctions: And", r"conjunctions: 'And' is no plain lower-case word"),
        ("conjunctions: and", "conjunctions: and and", r"conjunctions: 'and' is there twice; leave one out"),
    ],
)
def test_a_wrong_word_list_is_named(tmp_path, old, new, said):
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "english.yaml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        english(tmp_path / "english.yaml")


class Kneel(Skill):
    name, policy, joints = "kneel", "whole_body", "whole_body"
    utterances = (
        "kneel",
        "kneel down",
        "get down on one knee",
        "go down on your knees",
        "drop to your knees",
        "take a knee",
        "kneel on the floor",
        "kneel before me",
        "get onto your knees",
        "lower yourself to one knee",
    )


def test_words_of_a_skill_that_only_say_how_do_not_ask_for_it():
    router = Router([*builtin_skills(), Kneel()])
    for text in ("walk backwards with high knees", "go in a circle with high knees like a dressage horse"):
        assert "kneel" not in [call.skill for step in router.route(text).steps for call in step]
    ((call,),) = router.route("down on one knee like a knight, please").steps
    assert call.skill == "kneel"
