"""Sound-alikes: what is misheard is taken for what sounds like it, and nothing else moves."""

import itertools

import pytest

from arbiter.errors import ConfigError
from arbiter.routing import Router
from arbiter.routing.hearing import with_numbers
from arbiter.routing.sounds import FILE, load, sound
from arbiter.skill import Skill
from skills import builtin_skills
from training.router.evaluate import plan_of
from training.router.phrases import load_phrases


class Nod(Skill):
    name, joints = "nod", "arms"
    utterances = (
        "nod",
        "nod your head",
        "give a nod",
        "nod twice",
        "nod at me",
        "say yes with your head",
        "nod yes",
        "nod gently",
    )


@pytest.fixture(scope="module")
def router():
    return Router(builtin_skills())


ALIKE = (
    "turn torn tern|walk wok woke|bow bough bau|forward foreword foreward|two too to|four for fore|"
    "eight ate|one won|right write rite wright|down dawn don|raise raze rays|wave way've waive|"
    "sit set seat|still steel stile|left lift|ball bawl bowl|blue blew bleu|red read reed|thirty therty|"
    "lower lore|circle sirkle|point poynt|your yore you're|ten tin|six sicks|five fife"
)


@pytest.mark.parametrize("words", [group.split() for group in ALIKE.split("|")], ids=lambda words: words[0])
def test_alike_words_have_one_key(words):
    assert len({sound(word) for word in words}) == 1


def test_other_words_have_other_keys():
    groups = [group.split()[0] for group in ALIKE.split("|") if group.split()[0] != "two"]
    assert len({sound(word) for word in groups}) == len(groups)


HEARD = (  # a command, and what a recogniser may make of each of its words
    ("turn left", "turn_left", {"turn": ("torn", "tern"), "left": ("lift",)}),
    ("walk forward", "walk_forward", {"walk": ("wok",), "forward": ("foreword", "four word", "for word")}),
    ("sit down", "sit_down", {"sit": ("set",), "down": ("dawn", "don")}),
    ("raise your arms", "raise_arms", {"raise": ("raze", "rays"), "your": ("you're", "yore")}),
    ("stand still", "stand_still", {"still": ("steel", "stile")}),
    ("wave your right hand", "wave_right", {"wave": ("way've",), "right": ("write", "rite")}),
    ("touch the blue ball", "touch_ball", {"blue": ("blew",), "ball": ("bawl",)}),
    ("take a bow", "bow", {"bow": ("bough",)}),
)


@pytest.mark.parametrize("frame", ["{}", "please {}", "wave, then {}", "{} please"])
@pytest.mark.parametrize(("text", "skill", "misheard"), HEARD, ids=[text for text, *_ in HEARD])
def test_one_misheard_word(router, frame, text, skill, misheard):
    for word, wrong in ((word, wrong) for word, others in misheard.items() for wrong in others):
        route = router.route(said := frame.format(text.replace(word, wrong)))
        assert (route.outcome, plan_of(route)[-1]) == ("accepted", (skill,)), (said, route.reason)


def test_what_was_taken_is_told(router):
    assert router.route("torn left").reason == '"torn" taken as "turn"'
    assert router.route("walk foreword too metres").reason == '"too" taken as "two"; "foreword" taken as "forward"'


NUMBERS = {"won": 1, "too": 2, "to": 2, "tree": 3, "free": 3, "for": 4, "fore": 4, "ate": 8}


@pytest.mark.parametrize("unit", ["steps", "metres", "times", "degrees"])
def test_numbers_before_a_unit_by_their_sound(unit):
    spelled = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight"]
    for said, value in NUMBERS.items():
        heard, taken = with_numbers(f"go on {said} {unit}")
        assert (heard, taken) == (f"go on {spelled[value]} {unit}", [f'"{said}" taken as "{spelled[value]}"'])


@pytest.mark.parametrize(
    "text", ["wave for seconds", "go at times", "take a few steps", "go two steps", "side steps", "walk in steps", "wave to me"]
)
def test_other_words_before_a_unit_stay(text):
    assert with_numbers(text) == (text, [])


def test_no_motion_from_what_is_to_be_refused(router):
    refused = [phrase.text for phrase in load_phrases("none")[::12]]
    moved = {
        text: route.reason
        for text in refused
        if (route := router.route(text)).outcome == "accepted" and "taken as" in route.reason
    }
    assert moved == {}


def test_no_motion_from_ordinary_sentences(router):
    verbs, things = (
        ("raise", "torn", "set", "weigh", "write", "steel", "read", "lift"),
        ("the rent", "a letter", "jeans", "the flour", "my aunt"),
    )
    for verb, thing in itertools.product(verbs, things):
        assert router.route(f"{verb} {thing}").outcome == "rejected", (verb, thing)


def test_skills_of_others_are_heard(router):
    more = Router([*builtin_skills(), Nod()])
    for said in ("gnawed your head", "knod your head", "nodd your head", "knod at me"):
        assert plan_of(more.route(said)) in ((("nod",),), ()), said
    assert plan_of(more.route("knod your head")) == (("nod",),)
    assert router.route("knod your head").outcome == "rejected"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("'(ab': a", "is no spelling: missing "),
        ("'x?': ks", "a spelling has letters, and sounds are letters or 0"),
        ("x: '-'", "a spelling has letters, and sounds are letters or 0"),
    ],
)
def test_a_faulty_rule_is_an_error(tmp_path, rule, said):
    (tmp_path / "sounds.yaml").write_text(FILE.read_text().replace("x: ks", rule))
    with pytest.raises(ConfigError, match=said):
        load(tmp_path / "sounds.yaml")
