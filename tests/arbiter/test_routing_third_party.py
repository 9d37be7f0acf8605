"""Skills of third parties: their own utterances reach them, whatever rule would take the words; only the stop guard does."""

import json

import pytest

from arbiter.routing import Router
from arbiter.routing.guard import stop_guard
from arbiter.routing.reach import unreached
from arbiter.rules import Rule
from arbiter.skill import Skill
from skills import builtin_skills
from skills.contract import check_skill
from training.router.evaluate import run
from training.router.phrases import load_sets

REFUSED = {"trades.txt": 2}  # "sit down at the table" and "touch the ball on the table", where a skill wipes tables


@pytest.fixture(scope="module", params=load_sets("third_party"), ids=lambda one: one.name)
def told(request):
    return request.param


@pytest.fixture(scope="module")
def guests(told):
    return told.skills


@pytest.fixture(scope="module")
def router(guests):
    return Router([*builtin_skills(), *guests])


def planned(route):
    return [call.skill for step in route.steps for call in step]


def test_own_utterances_reach_their_skill_or_the_stop_guard(router, guests):
    for skill in guests:
        for text in skill.utterances:
            for said in (text, f"please {text}, robot", f"could you {text}", f"{text.upper()}!"):
                route = router.route(said)
                if stop_guard(said):
                    assert (planned(route), route.rule) == (["stop"], Rule.STOP_GUARD)
                else:
                    assert (planned(route), route.rule) == ([skill.name], None), (said, route.reason)


def test_what_a_skill_says_is_not_held_against_it_in_other_words(router):
    for text, skill in (("pick up the heavy hammer", "pick_up"), ("hand me the other tool", "hand_over")):
        if skill in router.skills:
            assert planned(router.route(text)) == [skill]


def test_a_veto_holds_for_every_other_skill(router):
    for text in (
        "walk forward until you fall",
        "wave the hammer",
        "walk off the stage",
        "raise the gun",
        "walk on all fours like the pony",
    ):
        route = router.route(text)
        assert route.outcome == "rejected" and route.rule is not None


def test_an_utterance_is_no_condition_no_prohibition_and_no_part_of_another_text(router, guests):
    for skill in guests:
        text = skill.utterances[0]
        assert skill.name not in planned(router.route(f"do not {text}"))
        assert skill.name not in planned(router.route(f"{text}, no, scratch that"))


def test_new_words_for_them_reach_them_and_hardly_anything_else(router, told):
    """The phrases were written before anything was measured: 90 to 97 % right, at most 2 % another motion."""
    names = {skill.name for skill in told.skills}
    results = run(router, told)
    theirs = [one for one in results if names & {call.skill for plan in one.phrase.wanted for step in plan for call in step}]
    others = [one for one in results if one.phrase.wanted and one not in theirs]
    assert sum(one.right for one in theirs) >= 0.88 * len(theirs)
    assert sum(one.wrong_motion for one in theirs) <= 0.02 * len(theirs)
    missed = [one for one in others if not one.right]
    assert len(missed) <= REFUSED.get(told.name, 0) and not any(one.wrong_motion for one in missed)


@pytest.mark.parametrize(
    ("text", "rule", "said"),
    [
        ("stop", Rule.STOP_GUARD, ""),
        ("walk 1e3 metres", Rule.NUMBER, "1e3"),
        ("walk between one and two metres", Rule.NUMBER, "between one and two metres"),
        ("walk " * 100, Rule.LENGTH, ""),
        ("turn left, scratch that", Rule.CORRECTION, ""),
        ("don't walk", Rule.NEGATION, ""),
        ("he turned left yesterday", Rule.STATEMENT, ""),
        ("walk or wave", Rule.ALTERNATIVES, ""),
        ("bow, then jump over the chair", Rule.SCORE, "jump over the chair"),
        ("bow so deep that you fall", Rule.HARM, "so deep that you fall"),
        ("swing your arms", Rule.VERB, "swing"),
        ("bow while you walk backward while you turn left", Rule.JOINTS, ""),
        ("point to the left and the right with both hands", None, None),
    ],
)
def test_a_refusal_names_its_rule(text, rule, said):
    route = Router(builtin_skills()).route(text)
    assert (route.outcome == "accepted") == (route.rule is None)
    if rule is not None:
        assert (route.rule, route.said) == (rule, said), route.reason


def test_whatever_is_not_accepted_has_a_rule():
    from training.router.phrases import load_phrases

    router = Router(builtin_skills())
    for phrase in load_phrases("report"):
        route = router.route(phrase.text)
        assert (route.outcome == "accepted") == (route.rule is None), phrase.text


class Odd(Skill):
    name, policy, joints = "odd", "rest", "arms"
    utterances = (
        "hold it",
        "pick up the hammer",
        "stretch your legs",
        "lève les bras",
        "take a seat",
        "flap and then bow twice",
        "flap for 1e3 seconds",
    )


def test_what_takes_an_utterance_is_named():
    router = Router([*builtin_skills(), Odd()])
    lost = {one.utterance: one for one in unreached(router, ("odd",))}
    assert {text: (one.rule, one.said, one.instead) for text, one in lost.items()} == {
        "hold it": (Rule.STOP_GUARD, "", ()),
        "flap and then bow twice": (Rule.CLAUSES, "", ("odd", "bow")),
        "flap for 1e3 seconds": (Rule.NUMBER, "1e3", ()),
    }
    assert "(stop guard)" in str(lost["hold it"]) and "read as 2 commands: odd, bow" in str(lost["flap and then bow twice"])
    (taken,) = unreached(router, [skill.name for skill in builtin_skills()])
    assert (taken.skill, taken.utterance, taken.rule, taken.instead) == ("sit_down", "take a seat", Rule.SHARED, ("odd",))


def test_every_utterance_of_the_built_in_skills_leads_to_its_skill():
    router = Router(builtin_skills())
    assert unreached(router, router.skills) == ()


def test_what_a_third_party_says_of_a_thing_is_not_done_to_it_by_another_verb():
    router = Router([*builtin_skills(), *next(one for one in load_sets("third_party") if one.name == "workplaces.txt").skills])
    for text in ("polish the left shoe", "count the boxes", "polish the tray", "pour out the solution"):
        assert router.route(text).outcome == "rejected", text
    for text, skill in (("arrange the boxes in a stack", "stack_boxes"), ("break into a moonwalk", "moonwalk")):
        assert planned(router.route(text)) == [skill]


def test_one_command_of_a_third_party_stays_whole_and_two_commands_stay_two():
    class Knees(Skill):
        name, policy, joints = "knees", "rest", "legs"
        utterances = ("march on the spot", "lift your knees up in place", "march in place", "get your knees moving")

    router = Router([*builtin_skills(), Knees()])
    assert planned(router.route("lift your knees up and march on the spot")) == ["knees"]
    assert planned(router.route("march in place and wave your left hand")) == ["knees", "wave_left"]
    assert planned(router.route("bow, then march in place")) == ["bow", "knees"]


def test_a_third_party_leaves_the_scores_of_the_built_in_skills_as_they_are():
    class Knees(Skill):
        name, policy, joints = "knees", "rest", "legs"
        utterances = ("march on the spot", "lift your knees up in place")

    plain, guest = Router(builtin_skills()).scorer, Router([*builtin_skills(), Knees()]).scorer
    texts = ["walk two steps ahead", "take a deep bow", "wave to the crowd"]
    for a, b in zip(plain.score(texts), guest.score(texts), strict=True):
        odds = [one.probability["walk_forward"] / one.probability["bow"] for one in (a, b)]
        assert a.best == b.best and odds[0] == pytest.approx(odds[1], rel=0.01)


def test_the_contract_of_a_skill_has_its_words():
    problems = check_skill(Odd())
    assert len(problems) == 3 and all("skill 'odd': the utterance" in line for line in problems)


def test_an_utterance_that_names_a_time_is_no_later_time():
    class Sunny(Odd):
        name, utterances = "sunny", ("how will tomorrow be", "show tomorrow's sky", "weather dance")

    router = Router([*builtin_skills(), Sunny()])
    assert planned(router.route("show tomorrow's sky")) == ["sunny"]
    assert router.route("tomorrow, weather dance").rule is Rule.CONDITION


def test_of_two_third_parties_with_one_utterance_neither_has_it():
    class Other(Odd):
        name, utterances = "other", ("wiggle your ears", "pick up the hammer", "flap your ears")

    lost = unreached(Router([*builtin_skills(), Odd(), Other()]), ("odd", "other"))
    assert any((one.utterance, one.rule) == ("pick up the hammer", Rule.SHARED) for one in lost)


def test_routing_with_skills_of_a_tree_file_names_what_does_not_lead_to_them(tmp_path, capsys):
    from deploy import route, tree
    from deploy.runtime.config import find_tree

    (tmp_path / "odd.py").write_text(
        "from arbiter.skill import Skill\n\n\nclass LookLeft(Skill):\n    name, policy, joints = 'look_left', 'rest', 'arms'\n"
        "    utterances = ('look left', 'glance to the left', 'face left', 'hold it')\n"
    )
    file = tmp_path / "t.yaml"
    file.write_text(find_tree("default.yaml").read_text().replace("files: []", "files: [odd.py]"))
    assert route.main(["--tree", str(file), "--json", "look left", "please face left", "turn left"]) == 0
    printed = capsys.readouterr()
    assert [json.loads(line)["skills"] for line in printed.out.splitlines()] == [["look_left"], ["look_left"], ["turn_left"]]
    told = [line for line in printed.err.splitlines() if "does not lead to it" in line]
    assert [("look_left" in line, "hold it" in line) for line in told] == [(True, True), (True, False)], told
    assert tree.main([str(file)]) == 0
    assert sum("does not lead to it" in line for line in capsys.readouterr().err.splitlines()) == len(told)


def test_commands_without_anything_between_them_are_both_done_or_refused(router, guests):
    """Two utterances of different skills, one of them a third party's: all of 49 pairs at first."""
    texts = [(skill.name, skill.utterances[1]) for skill in guests]
    texts += [("walk_forward", "walk forward two metres"), ("bow", "take a bow"), ("turn_left", "turn left")]
    pairs = [(a, b) for k, a in enumerate(texts) for b in texts[k + 2 :: 3]]
    routes = [(planned(router.route(f"{a[1]} {b[1]}")), [a[0], b[0]]) for a, b in pairs]
    assert sum(got == wanted for got, wanted in routes) >= 0.85 * len(pairs)
    assert sum(got not in ([], wanted) for got, wanted in routes) <= 0.1 * len(pairs)


def test_a_third_party_acts_what_it_is_to_pretend_and_moves_no_arm_that_others_raise():
    class Stir(Skill):
        name, joints = "stir_left", "arms"
        utterances = ("stir with your left hand", "stir the pot with the left hand", "make a stirring motion with your left arm")

    router = Router([*builtin_skills(), Stir()])
    for text in ("pretend you're stirring soup with your left hand", "imagine you are stirring the pot with the left hand"):
        assert planned(router.route(text)) == ["stir_left"], text
    for text in ("pretend you are walking in a meadow", "pretend he is stirring the pot", "raise just your left arm"):
        assert router.route(text).outcome == "rejected", text
