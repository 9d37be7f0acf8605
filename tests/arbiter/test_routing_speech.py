"""How people talk: second thoughts, dictation without punctuation, short forms, and verbs that the robot has no skill for."""

import math

import pytest

from arbiter.routing import Router
from arbiter.routing.corrections import corrected
from arbiter.routing.structure import Clause, Word
from arbiter.rules import Rule
from skills import builtin_skills
from training.router.evaluate import plan_of


@pytest.fixture(scope="module")
def router():
    return Router(builtin_skills())


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("turn left, no wait, turn right", "turn right"),
        ("turn left, i mean right", "turn right"),
        ("turn left no right", "turn right"),
        ("turn left, sorry, the other way", "turn right"),
        ("turn left, oh sorry, right", "turn right"),
        ("no wait, turn right instead", "turn right instead"),
        ("walk forward and turn left, no sorry, turn right", "walk forward and turn right"),
        ("walk forward then turn left, i mean right, then wave", "walk forward then turn right, then wave"),
        ("walk forward, scratch that, sit down", "sit down"),
        ("walk two meters, make that three meters", "walk three meters"),
        ("back, no, forward two meters", "forward two meters"),
        ("touch the red ball, i mean the blue one", "touch the blue ball"),
        ("walk at 0.3 m/s, no wait, 0.25 m/s", "walk at 0.25 m/s"),
        ("walk forward two metres, no, three", "walk forward three metres"),
        ("walk forward 2 m, sorry, 1", "walk forward 1 m"),
        ("wave twice, no, four", "wave four times"),
        ("turn right by ninety, make that sixty degrees", "turn right by sixty degrees"),
        ("three bows, no, two bows", "two bows"),
        # Contradicted where speech halts or regrets, whatever stands between.
        ("wave with the right, er, left hand", "wave with the left hand"),
        ("go to the red ball, wait, the green one", "go to the green ball"),
        ("touch the blue, er, not blue, red ball", "touch the red ball"),
        ("twirl to the left, ah excuse me, to the right", "twirl to the right"),
        ("turn left sixty degrees, wait, thirty", "turn left thirty degrees"),
        ("point to the left, hang on, the map's upside down, to the right", "point to the right"),
        ("turn left, silly me, turn right", "turn right"),
        ("step to the right, did i say right? step to the left", "step to the left"),
        ("turn left, did i just say left, i meant right", "turn right"),
        ("stand up, sorry my love, sit down i should say", "sit down"),
        ("sidestep right and then bow, er, sidestep left i mean, and then bow", "sidestep left, and then bow"),
        ("walk forward then wave, sorry not wave, bow", "walk forward then bow"),
        ("forget walking forwards, walk backwards instead", "walk backwards instead"),
        ("lower your arms, sorry, raise them", "raise your arms"),
        ("walk to the blue ball, no, touch it", "touch the blue ball"),
        ("turn left and then wave, no, not wave, turn left and then bow", "turn left and then bow"),
        ("walk forward, then wave, no, not wave, bow", "walk forward, then bow"),
        ("bow twice. nope. once is plenty.", "bow once."),
    ],
)
def test_a_correction_asks_for_what_is_meant(router, text, meant):
    corrected, plain = router.route(text), router.route(meant)
    assert plain.outcome == "accepted"
    assert calls(corrected) == calls(plain), corrected.reason


def calls(route):
    return [[(call.skill, call.parameters) for call in step] for step in route.steps]


@pytest.mark.parametrize("text", ["walk forward then turn left, oh no", "raise your arms, no, forget I said that"])
def test_what_is_taken_back_moves_nothing(router, text):
    assert router.route(text).rule is Rule.CORRECTION


@pytest.mark.parametrize(
    "text",
    [
        "turn left, um, turn right",
        "arms up, then arms down",
        "turn left, dear, turn right",
        "wave, er, with the left hand",
        "no turning",
        "turn right rather than left",
        "there is no point",
        "make it right",
        "the sign says no turn left",
        "sorry, wave",
    ],
)
def test_what_takes_nothing_back_is_no_correction(router, text):
    assert router._interpreted.retold(text) == text


def test_to_forget_a_skill_moves_nothing(router):
    assert router.route("forget that you can walk").outcome == "rejected"


def told(*clauses):
    """Clauses whose words in capitals are of regret."""
    return tuple(
        Clause("command", 1.0, tuple(Word(w.lower(), "correction" if w.isupper() else "other", 1.0) for w in clause.split()))
        for clause in clauses
    )


@pytest.mark.parametrize(
    ("clauses", "meant"),
    [
        (("touch the red ball,", "BLAST, the blue one"), "touch the blue ball"),
        (("turn left,", "FIDDLESTICKS,", "turn right"), "turn right"),
        (("bow,", "turn left,", "turn right WAS WHAT COUNTS"), "bow, turn right"),
        (("turn left,", "UM, then bow"), None),  # a filler takes nothing back
        (("turn left,", "then bow"), None),
    ],
)
def test_words_of_regret_that_the_encoder_tells(clauses, meant):
    assert corrected(told(*clauses), frozenset({"turn", "bow", "touch"})) == meant


@pytest.mark.parametrize(
    ("text", "skill"),
    [
        ("i want you to walk forward", "walk_forward"),
        ("you should turn left", "turn_left"),
        ("let's walk", "walk_forward"),
        ("the robot should bow", "bow"),
        ("robots, walk forward", "walk_forward"),
        ("always walk forward", "walk_forward"),
        ("touch the small red ball", "touch_ball"),
        ("assume a seated position", "sit_down"),
        ("do you think you could bow to the head teacher?", "bow"),
        ("Might I trouble you to sit down?", "sit_down"),
        ("the director would very much appreciate it if you turned right", "turn_right"),
        ("you couldn't possibly stand up, could you, dear?", "stand_up"),
        ("would it be all right with you to turn right", "turn_right"),
    ],
)
def test_a_request_is_no_tale(router, text, skill):
    route = router.route(text)
    assert plan_of(route) == ((skill,),), route


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("walk forward two meters turn right and wave", ["walk_forward", "turn_right", "wave_right"]),
        ("turn left turn right sit down", ["turn_left", "turn_right", "sit_down"]),
        ("you are too close step back", ["walk_backward"]),
        ("after walking forward turn right", ["walk_forward", "turn_right"]),
        ("before you walk forward turn right", ["turn_right", "walk_forward"]),
        ("do a left turn", ["turn_left"]),
        ("forward march", ["walk_forward"]),
        ("walk forward and turn left", ["walk_forward", "turn_left"]),
        ("do not walk forward turn left", []),
        ("turn left if you see me wave", []),
    ],
)
def test_commands_without_punctuation(router, text, plan):
    assert [call.skill for step in router.route(text).steps for call in step] == plan


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("turn left, no sorry, turn right", ["turn_right"]),
        ("walk forward two meters turn right and walk forward again", ["walk_forward", "turn_right", "walk_forward"]),
        ("turn rite", ["turn_right"]),
        ("raise then lower your arms", ["raise_arms", "lower_arms"]),
        ("stay exactly as you are", ["stand_still"]),
        ("stand quietly", ["stand_still"]),
        ("go and sit down", ["sit_down"]),
        ("lift your left arm and wave", ["wave_left"]),
        ("i'd be grateful if you walked forward", ["walk_forward"]),
        ("carry on walking", ["walk_forward"]),
        ("back it up", ["walk_backward"]),
        ("put yer arms doon", ["lower_arms"]),
        ("gang forrit", ["walk_forward"]),
        ("shove both yer arms up in the air, will ya", ["raise_arms"]),
        ("turn thisen abaht, lass", ["turn_left"]),
        ("turn yourself to the right now", ["turn_right"]),
        ("turn clockwise where you stand", ["turn_right"]),
        ("walk towards the front", ["walk_forward"]),
        ("one full turn, going left", ["turn_left"]),
        ("shift sideways to the right, hold it four seconds, bow", ["sidestep_right", "stand_still", "bow"]),
        ("walk forward, wait three seconds, bow", ["walk_forward", "stand_still", "bow"]),
        ("walk up to the blue ball and make it a bow", ["walk_to_ball", "bow"]),
        ("give me 15 degrees left", ["turn_left"]),
        ("look straight towards the red ball", ["face_ball"]),
        ("fwd 1m", ["walk_forward"]),
        ("go ahead one meter and then wave at me", ["walk_forward", "wave_right"]),
        ("turn to your right and face the wall", ["turn_right"]),
        ("turn right, then face the wall, then wave", ["turn_right", "wave_right"]),
        ("turn left, then turn left", ["turn_left", "turn_left"]),
        ("instead of turning left walk forward", ["walk_forward"]),
        ("left no right turn right", ["turn_right"]),
        ("reach out your hand and touch the ball", ["touch_ball"]),
        ("go left ninety degrees", ["turn_left"]),
        ("1) turn left 2) walk forward 3) bow", ["turn_left", "walk_forward", "bow"]),
        ("1. bow, 2. sit down", ["bow", "sit_down"]),
        ("wave your right hand, but first turn left", ["turn_left", "wave_right"]),
        ("walk forward, but before that bow", ["bow", "walk_forward"]),
        ("give them a wave, left hand", ["wave_left"]),
        ("trace a circle as you walk", ["walk_in_circle"]),
    ],
)
def test_plans(router, text, plan):
    route = router.route(text)
    assert (route.outcome, [call.skill for step in route.steps for call in step]) == ("accepted", plan), route.reason


def test_a_correction_keeps_the_quantities_of_what_is_meant(router):
    (call,) = (call for step in router.route("turn left 90 degrees, make that 45 degrees").steps for call in step)
    assert call.parameters["angle"] == pytest.approx(math.pi / 4)
    (call,) = (call for step in router.route("walk forwards at point two meters per second").steps for call in step)
    assert call.parameters["speed"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("walk forward a bit, then bow", "distance", 0.5),
        ("turn thirty to the left", "angle", math.radians(30)),
        ("turn left pi/2", "angle", math.pi / 2),
        ("walk 5'", "distance", 1.524),
        ("walk at 0.2", "speed", 0.2),
        ("turn left at 30", "angle", math.radians(30)),
        ("walk in a circle, clockwise", "side", "right"),
        ("make a circle, radius one metre, anticlockwise", "radius", 1.0),
        ("stand there without moving for a quarter of a minute", "duration", 15.0),
        ("wave the right hand during six seconds", "duration", 6.0),
        ("rotate left just a teeny tiny bit", "angle", math.pi / 4),
        ("walk on, nice and slowly", "speed", 0.225),
        ("walk in a circle with a radius of a metre and twenty", "radius", 1.2),
    ],
)
def test_what_a_clause_says_beside_its_verb_is_read(router, text, name, value):
    call = router.route(text).steps[0][0]
    assert call.parameters[name] == (value if isinstance(value, str) else pytest.approx(value, rel=1e-3))


@pytest.mark.parametrize(
    ("text", "note"), [("walk at 0.2", '"at 0.2" taken as 0.2 m/s'), ("bow slowly", '"slowly" was not used: bow has one speed')]
)
def test_what_is_taken_or_left_out_is_told(router, text, note):
    assert router.route(text).reason == note


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("swing your arms", 'this robot can\'t "swing"; nearest skill is '),
        ("give the ball a kick", 'this robot can\'t do "give the ball a kick"; nearest skill is touch_ball'),
        ("lie down", 'not understood: "lie down" is like nothing'),
        ("touch your knees", 'this robot can\'t "touch"; nearest skill is '),
        ("do robots bow", "a question or a remark, no instruction"),
        ("run in a circle", 'this robot can\'t "run"; nearest skill is walk_in_circle'),
        ("shake your right hand", 'this robot can\'t "shake"; nearest skill is wave_right'),
        ("hand over the ball", '"hand over the ball" asks for something else than touch_ball'),
        ("march on the spot", '"on the spot": walk_forward goes somewhere'),
        ("sit him down", '"sit him down" asks for something else than sit_down'),
        ("wave a gun at them", '"gun" asks for harm'),
        ("if you see the red ball touch it", 'waits for something: "if you see'),
        ("waving is fun", "a question or a remark, no instruction"),
        ("tomorrow you will walk forward", 'waits for something: "tomorrow'),
        ("point the camera at me", 'not understood: "point the camera at me" is like nothing'),
        ("look, turn left", 'not understood: "look" is like nothing this robot can do'),
        ("imagine you walk forward", "a question or a remark, no instruction"),
        ("robots walk forward", "a question or a remark, no instruction"),
        ("the path turns left", "a question or a remark, no instruction"),
        ("there is no left turn", "a question or a remark, no instruction"),
        ("he turned left yesterday", "a question or a remark, no instruction"),
        ("people wave at trains", "a question or a remark, no instruction"),
        ("nice wave", "a question or a remark, no instruction"),
        ("turn left, actually no", "takes back what it asks for"),
        ("turn left, actually don't", "takes back what it asks for"),
        ("don't walk forward turn left", "only says what not to do"),
        ("turn left when you see me wave", 'waits for something: "when you see'),
        ("point two times up", "point_at has no direction"),
        ("walk between one and two metres", 'gives a range, "between one and two metres"; say one number'),
        ("turn left 30 to 40 degrees", 'gives a range, "30 to 40 degrees"; say one number'),
        ("walk minus two metres", "distance -2 m: walk_forward takes distance from 0.1 to 5 m"),
        ("wave both hands", "wave_right is for one side; say which, or one after the other"),
        ("touch the red ball with both hands", "touch_ball is for one side; say which, or one after the other"),
        ("wave your right hand and bow at the same time", "wave_right and bow can't run at once"),
        ("bow and sit down at once", "bow and sit_down can't run at once"),
        ("stand up and during that bow", "stand_up and bow can't run at once"),
        ("Nadia, raise your arms", 'said to somebody else: "Nadia"; leave out the name'),
        ("Emma, raise your arms", 'said to somebody else: "Emma"; leave out the name'),
        ("hey Julia wave at us", 'said to somebody else: "Julia"; leave out the name'),
        ("turn left, Peter, and mind the step", 'said to somebody else: "Peter"; leave out the name'),
        ("could you stand up, Mrs Jones?", 'said to somebody else: "Mrs Jones"; leave out the name'),
        ("sit down, Mr. Brown", 'said to somebody else: "Mr Brown"; leave out the name'),
        ("kids, wave at the camera", 'said to somebody else: "kids"; leave out the name'),
        ("start with a turn to the left, and begin with a bow", "tells two things to be the first"),
        ("bow at lunchtime", 'waits for something: "at lunchtime"'),
        ("after lunch i'd like you to bow", 'waits for something: "after lunch"'),
        ("in an hour's time sit down", 'waits for something: "in an hour\'s time"'),
        ("sit down at the end of the shift", 'waits for something: "at the end of the shift"'),
        ("lève les bras", "sounds like French; this robot speaks English"),
        ("levanta los brazos", "sounds like Spanish; this robot speaks English"),
        ("geh zwei Meter vorwärts", "sounds like German; this robot speaks English"),
    ],
)
def test_refusals(router, text, reason):
    route = router.route(text)
    assert route.outcome == "rejected" and route.reason.startswith(reason), route


@pytest.mark.parametrize(
    "text", ["wave to Emma, Peter and Lisa", "Robot, bow", "Bow, Sir!", "Turn left. Wave!", "bow to the ladies and gentlemen"]
)
def test_names_of_nobody_else(router, text):
    assert router.route(text).outcome == "accepted", text


FOREIGN = {
    "French": ("lève les bras", "tourne à gauche", "peux-tu avancer de deux mètres", "fais un salut"),
    "Spanish": ("gira a la derecha", "camina dos pasos", "da una vuelta"),
    "German": ("heb die Arme", "geh zwei Schritte", "setz dich hin", "verbeug dich"),
    "Italian": ("alza le braccia", "cammina avanti", "fai un inchino"),
    "Portuguese": ("levante os braços", "ande para a frente"),
    "Dutch": ("steek je armen omhoog", "draai naar rechts"),
    "Polish": ("podnieś ręce", "obróć się w lewo"),
    "Swedish": ("lyft armarna", "sväng vänster"),
    "Finnish": ("nosta kädet ylös",),
    "Turkish": ("kollarını kaldır",),
    "Czech and Slovak": ("zvedni ruce",),
    "Romanian": ("ridică mâinile",),
    "another language": ("põlvita aeglaselt", "đi thẳng về phía trước"),
    "Cyrillic": ("подними руки", "повернись налево"),
    "Greek": ("σήκωσε τα χέρια",),
    "Hiragana": ("まえにあるいて",),
    "Chinese characters": ("举起双手", "向左转"),
    "Hangul": ("팔을 들어",),
    "Arabic": ("ارفع ذراعيك",),
    "Devanagari": ("अपने हाथ उठाओ",),
}


@pytest.mark.parametrize(("language", "said"), FOREIGN.items())
def test_other_languages_are_refused_by_name(router, language, said):
    for text in said:
        route = router.route(text)
        assert (route.outcome, route.rule) == ("rejected", Rule.LANGUAGE), (text, route)
        assert route.reason.endswith(f" {language}; this robot speaks English")


@pytest.mark.parametrize(
    "text", ["wave to Zoë", "wave to Françoise", "ｗａｖｅ", "wаvе", "wave 👋", "say hello to José", "turn left 90º"]
)
def test_letters_of_other_scripts_amid_english_are_no_other_language(router, text):
    assert router.route(text).outcome == "accepted"


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ("poke the blue ball right now", None),
        ("tap the blue ball right away, please", None),
        ("tap the blue ball with your right hand now", "right"),
        ("use your left hand to touch the blue ball", "left"),
        ("walk to the blue ball and touch it with the left", "left"),
    ],
)
def test_the_hand_that_touches_is_the_one_that_is_named(router, text, side):
    call = router.route(text).steps[-1][-1]
    assert (call.skill, call.parameters["side"]) == ("touch_ball", side)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("please no wave", Rule.NEGATION),
        ("no turn left", Rule.NEGATION),
        ("no arms up", Rule.NEGATION),
        ("forget about turning left", Rule.NEGATION),
        ("look, he is waving", Rule.STATEMENT),
        ("look, the dog is sitting down", Rule.STATEMENT),
        ("have him wave", Rule.STATEMENT),
        ("have Tom walk forward", Rule.STATEMENT),
        ("let's see Tom wave", Rule.STATEMENT),
        ("i'd like Peter to bow", Rule.STATEMENT),
        ("Tom said walk forward", Rule.STATEMENT),
        ('"walk forward", he said', Rule.STATEMENT),
        ('"sit down," said the teacher', Rule.STATEMENT),
        ("all sit down", Rule.STATEMENT),
        ("all of you turn left", Rule.STATEMENT),
        ("waiter, come here", Rule.STATEMENT),
        ("Mike turn left", Rule.STATEMENT),
        ("walk forward? i don't think so", Rule.NEGATION),
        ("sit down? hardly", Rule.NEGATION),
        ("walk forward - gotcha", Rule.CORRECTION),
        ("after you get permission to move, walk forward", Rule.CONDITION),
        ("after that noise, turn left", Rule.CONDITION),
        ("walk forward while nobody looks", Rule.CONDITION),
        ("walk forward, except if i'm there", Rule.CONDITION),
        ("walk forward two three meters", Rule.NUMBER),
        ("walk forward 2 3 meters", Rule.NUMBER),
        ("turn left by five and ninety degrees", Rule.NUMBER),
        ("fall forward", Rule.IDIOM),
        ("take a bow tie", Rule.IDIOM),
        ("wave your", Rule.CLAUSES),
        ("go to", Rule.CLAUSES),
        ("wave at", Rule.CLAUSES),
    ],
)
def test_commands_that_are_forbidden_or_not_the_robots_move_nothing(router, text, rule):
    route = router.route(text)
    assert (route.outcome, route.rule) == ("rejected", rule)


@pytest.mark.parametrize(
    ("text", "skill", "parameters"),
    [
        ("no, turn left", "turn_left", {}),
        ("no left turns here, turn right instead", "turn_right", {}),
        ("forget about waving, bow", "bow", {}),
        ("let's see you wave", "wave_right", {}),
        ("buddy, turn left", "turn_left", {}),
        ("get them arms down", "lower_arms", {}),
        ("walk forward, just kidding, sit down", "sit_down", {}),
        ("walk forward two two meters", "walk_forward", {"distance": 2.0, "speed": 0.35}),
        ("walk forward two meters nonstop", "walk_forward", {"distance": 2.0, "speed": 0.35}),
        ("wave 3 times for 6 seconds", "wave_right", {"count": 3.0, "duration": 6.0}),
    ],
)
def test_what_only_resembles_them_is_done(router, text, skill, parameters):
    ((call,),) = router.route(text).steps
    assert call.skill == skill
    assert {name: call.parameters[name] for name in parameters} == pytest.approx(parameters)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("turn left no right and then bow", "turn right and then bow"),
        ("walk 2 metres no 3 metres and bow", "walk 3 metres and bow"),
        ("turn thirty, no, forty degrees to the right", "turn forty degrees to the right"),
        ("bow then wave, no, wave then bow", "wave then bow"),
        ("go to the red ball, not the blue one, i mean", "go to the red ball"),
        ("turn left\u2014i mean right", "turn right"),
        ("bow,no,wave", "wave"),
        ("bow, no, three times", "bow three times"),
        ("walk to the red ball, no, the blue one, and touch it", "walk to the blue ball, and touch it"),
        ("walk two metres slowly, no wait, very fast", "walk two metres very fast"),
        ("turn, er, left", "turn left"),
        ("go to the, er, red ball", "go to the red ball"),
        ("half a turn right, no, only a quarter", "a quarter turn right"),
        ("Ninety degrees to the left. Make that forty-five.", "forty five degrees to the left"),
        ("touch the blue, not the blue, the red ball", "touch the red ball"),
        ("Bow, then sit. No, instead of sitting turn left.", "bow, then turn left"),
        ("Bow twice. Actually don't, wave twice instead.", "wave twice"),
        ("turn left, ehm, not turn, step sideways left", "step sideways left"),
        ("walk forward one metre then stand, no, then sit down", "walk forward one metre then sit down"),
        ("bow and wave left, no, wave right", "bow and wave right"),
        ("walk forward and then sit, skip the sitting, turn left instead", "walk forward and then turn left"),
    ],
)
def test_what_follows_a_correction_is_kept(router, text, meant):
    assert calls(router.route(text)) == calls(router.route(meant)) != []


@pytest.mark.parametrize(
    "text", ["don't forget to bow", "why don't you bow", "wave only, no bow", "turn left and when you're done bow"]
)
def test_a_negation_that_forbids_nothing(router, text):
    route = router.route(text)
    assert route.outcome == "accepted" and ("bow" in [call.skill for step in route.steps for call in step]) == (
        "wave" not in text
    )


def test_a_purpose_behind_a_correction_is_told(router):
    assert '"so my gran can see" was not used' in router.route("turn left, no, right, so my gran can see").reason


def test_a_part_of_a_time_is_no_count(router):
    assert router.route("bow two and a half times").reason.startswith("count 2.5: bow takes count from 1 to 5")
