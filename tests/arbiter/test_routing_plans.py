"""Plans of several commands: repeated as a whole, in the order meant, with names and remarks beside them."""

import pytest

from arbiter.routing import Router
from arbiter.routing.repetition import of_plan
from arbiter.rules import Rule
from skills import builtin_skills


@pytest.fixture(scope="module")
def router():
    return Router(builtin_skills())


def plan(route):
    return [call.skill for step in route.steps for call in step]


@pytest.mark.parametrize("times", ["three times", "3 times", "thrice"])
@pytest.mark.parametrize("frame", ["{}: bow, then sit down", "bow, then sit down, {}", "bow, then sit down and do that {}"])
def test_a_whole_plan_is_repeated(router, frame, times):
    route = router.route(frame.format(times))
    assert plan(route) == ["bow", "sit_down"] * 3, route.reason


def test_a_plan_repeated_too_often_is_refused(router):
    route = router.route("five times: bow, then sit down")
    assert route.outcome == "rejected" and 'asks for 10 things ("five times"); at most 8 at a time' in route.reason


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("turn right, wave your left hand, and go through that twice", ["turn_right", "wave_left"] * 2),
        ("do the whole thing twice: turn left then bow", ["turn_left", "bow"] * 2),
        ("arms up and down twice", ["raise_arms", "lower_arms"] * 2),
        ("three times arms up and down", ["raise_arms", "lower_arms"] * 3),
    ],
)
def test_words_that_name_a_plan_repeat_it(router, text, wanted):
    assert plan(router.route(text)) == wanted


def test_what_stands_beside_a_repeated_plan_is_told_and_done_once(router):
    assert plan(router.route("wave and bow, three times, then stop")) == ["wave_right", "bow"] * 3 + ["stop"]
    route = router.route("walk forward and turn left, three times, the floor is wet")
    assert plan(route) == ["walk_forward", "turn_left"] * 3 and '"the floor is wet" was not used' in route.reason


def test_each_command_takes_a_number_of_its_own(router):
    (left,), (right,) = router.route("wave your left hand and then the other, twice each").steps
    assert [(call.skill, call.parameters["count"]) for call in (left, right)] == [("wave_left", 2.0), ("wave_right", 2.0)]
    (bow,), (wave,) = router.route("bow and wave twice each").steps
    assert bow.parameters["count"] == wave.parameters["count"] == 2.0


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("wave left twice, right three times", [("wave_left", 2.0), ("wave_right", 3.0)]),
        ("turn left 90 degrees, right 45 degrees and left 30", [("turn_left", 1.57), ("turn_right", 0.79), ("turn_left", 0.52)]),
        ("turn left twice then right once", [("turn_left", 3.14), ("turn_right", 1.57)]),
        ("full turns to the left, three of them", [("turn_left", 6.28)] * 3),
        ("left by a quarter, then right by a half", [("turn_left", 1.57), ("turn_right", 3.14)]),
        ("three left turns of thirty degrees each", [("turn_left", 1.57)]),
    ],
)
def test_another_side_and_number_are_of_the_command_before_them(router, text, wanted):
    calls = [call for step in router.route(text).steps for call in step]
    assert [(call.skill, call.parameters.get("count") or call.parameters["angle"]) for call in calls] == [
        (skill, pytest.approx(value, abs=0.01)) for skill, value in wanted
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("before waving, bow and turn left", ["bow", "turn_left", "wave_right"]),
        ("before you wave and bow, turn left", ["turn_left", "wave_right", "bow"]),
        ("before you sit down, wave, then bow", ["wave_right", "sit_down", "bow"]),
        ("bow without waving and turn left", ["bow", "turn_left"]),
        ("three metres forward, and the left turn only comes second", ["walk_forward", "turn_left"]),
        ("after the bow and the wave, walk forward", ["bow", "wave_right", "walk_forward"]),
        ("one bow, a pause of two seconds, then one more bow", ["bow", "stand_still", "bow"]),
        ("go to the ball and come back, then go there and wave", ["walk_to_ball", "come_back", "walk_to_ball", "wave_right"]),
        ("backwards one metre, and once that is done, backwards one metre again", ["walk_backward", "walk_backward"]),
        ("arms up, arms down, and all of that a second time", ["raise_arms", "lower_arms"] * 2),
        ("wait three seconds and then wave", ["stand_still", "wave_right"]),
        ("turn left ninety degrees then go on one metre then bow", ["turn_left", "walk_forward", "bow"]),
        ("touch the red ball, but face it beforehand", ["face_ball", "touch_ball"]),
        ("turn until you have the ball right in front of you", ["face_ball"]),
        ("four sidesteps to the left, twenty centimetres each", ["sidestep_left"] * 4),
        ("walk half a metre forward, four times in a row", ["walk_forward"] * 4),
        ("a metre forward, and repeat it twice more", ["walk_forward"] * 3),
        ("turn right and then turn right once more", ["turn_right"] * 2),
        ("bow, then hold still for ten seconds", ["bow", "stand_still"]),
        ("before you sit down: arms up, arms down", ["raise_arms", "lower_arms", "sit_down"]),
        ("before you bow, wave. before you sit down, turn left", ["wave_right", "bow", "turn_left", "sit_down"]),
        ("sit down after bowing and waving left", ["bow", "wave_left", "sit_down"]),
        ("twice round in a circle, walking", ["walk_in_circle"]),
        ("twice bow and then turn left", ["bow", "turn_left"]),
        ("walk two metres forward and one back", ["walk_forward", "walk_backward"]),
    ],
)
def test_what_is_done_before_or_without_something_is_all_that_stands_beside_it(router, text, wanted):
    assert plan(router.route(text)) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "turn right until you face the door",
        "walk forward two metres towards the cliff edge",
        "walk past the red ball",
        "slow down",
        "walk two, three metres",
        "turn left, there's no need",
        "consider turning left",
        "you can forget about raising your arms",
        "strictly off limits today: bowing",
        "turn right by jumping",
        "the wave",
    ],
)
def test_what_resembles_these_moves_nothing(router, text):
    assert router.route(text).outcome == "rejected"


def test_a_posture_that_is_never_left_is_taken_once(router):
    (stood,), (wave,) = router.route("stand up and then wave with the right, three times").steps
    assert (stood.skill, wave.skill, wave.parameters["count"]) == ("stand_up", "wave_right", 3.0)


def test_a_number_of_times_behind_one_command_is_its_own(router):
    (step,) = router.route("wave your left hand, three times").steps
    assert step[0].parameters["count"] == 3.0


def test_a_skill_that_counts_nothing_is_done_so_often(router):
    assert plan(router.route("walk forward a metre, twice")) == ["walk_forward"] * 2
    assert plan(router.route("sit down, then go back twice")) == ["sit_down", "walk_backward", "walk_backward"]


def test_a_posture_is_repeated_by_turns_with_its_opposite(router):
    assert plan(router.route("raise and lower your arms, then sit down and stand up twice")) == [
        *("raise_arms", "lower_arms"),
        *("sit_down", "stand_up") * 2,
    ]


def test_steps_are_steps(router):
    ((call,),) = router.route("step back twice").steps
    assert call.skill == "walk_backward" and call.parameters["distance"] == pytest.approx(0.4)


@pytest.mark.parametrize("text", ["wave twice, then bow", "turn left three times", "do it again", "walk two metres"])
def test_what_is_said_of_a_part_is_not_of_the_plan(router, text):
    assert of_plan(router.parse(text).clauses) is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("go forward, but bow first", ["bow", "walk_forward"]),
        ("turn right first and then walk forward", ["turn_right", "walk_forward"]),
        ("once you have gone two metres, turn left", ["walk_forward", "turn_left"]),
        ("walk on, waving your right hand as you go", ["walk_forward", "wave_right"]),
        ("the bow comes last, start by walking forward", ["walk_forward", "bow"]),
        ("touch the red ball, but walk up to it first", ["walk_to_ball", "touch_ball"]),
        ("touch the green ball after walking up to it", ["walk_to_ball", "touch_ball"]),
        ("turn left, walk forward before that, and then bow", ["walk_forward", "turn_left", "bow"]),
        ("before any waving of the right hand, turn left", ["turn_left", "wave_right"]),
        ("do not sit down before you have bowed", ["bow", "sit_down"]),
        ("go to the red ball and when you get there touch it", ["walk_to_ball", "touch_ball"]),
        ("once you have reached the green ball, bow", ["walk_to_ball", "bow"]),
        ("start by bowing and end by walking forward", ["bow", "walk_forward"]),
        ("turn left as soon as you are done standing up", ["stand_up", "turn_left"]),
        ("walk forward, left hand waving", ["walk_forward", "wave_left"]),
        ("turn right, arms going up as you turn", ["turn_right", "raise_arms"]),
        ("wave your right hand, but before you do, stand up", ["stand_up", "wave_right"]),
        ("bow. Before that, turn left ninety degrees", ["turn_left", "bow"]),
        ("wave your right hand the whole time you are walking forward", ["wave_right", "walk_forward"]),
        ("sit down last of all; before that bow, and the very first thing is a left turn", ["turn_left", "bow", "sit_down"]),
        ("you should turn left, then you should bow", ["turn_left", "bow"]),
        ("wave your left hand, and keep waving while you walk forward", ["wave_left", "walk_forward"]),
        ("wave your right hand on your way to the red ball", ["wave_right", "walk_to_ball"]),
    ],
)
def test_order_words_stand_anywhere(router, text, wanted):
    assert plan(router.route(text)) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "touch the red ball but not with your left hand",
        "wave without moving your arms",
        "turn without turning left or right",
        "turn left and, meanwhile, go backwards",
        "walking backwards all the way home, that's what we did",
        "waving your left hand is a lot of fun",
        "stand up, but just if Miss says you may",
        "go forward and ram the ladder she's standing on",
    ],
)
def test_what_a_plan_cannot_keep_to_moves_nothing(router, text):
    assert router.route(text).outcome == "rejected"


def test_a_direction_that_is_left_of_three_is_meant(router):
    ((call,),) = router.route("point, but not ahead and not to the right").steps
    assert call.skill == "point_at" and call.parameters["direction"] == "left"


def test_a_name_behind_a_command_is_left_out_and_told(router):
    route = router.route("sit down, wrenbury")
    assert plan(route) == ["sit_down"] and '"wrenbury" was not used' in route.reason


def test_what_others_can_do_by_it_is_told(router):
    route = router.route("turn left so my sister can see you, then bow")
    assert plan(route) == ["turn_left", "bow"] and route.reason == '"so my sister can see you" was not used'


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("hands up, the two of them", ["raise_arms"]),
        ("two metres forward, go", ["walk_forward"]),
        ("two metres forward, walk", ["walk_forward"]),
        ("go left ninety, hang on, right ninety degrees, turn", ["turn_right"]),
        ("turn right ninety degrees, turn left", ["turn_right", "turn_left"]),
        ("sit down, my friend, sit down", ["sit_down"]),
        ("bow, bow", ["bow", "bow"]),
        ("wave your left hand, the other one", ["wave_left", "wave_right"]),
        ("turn left, sorry, then turn right", ["turn_right"]),
        ("wave your left hand, but bow before you do that", ["bow", "wave_left"]),
        ("last is coming back to your start point, first is a bow", ["bow", "come_back"]),
        ("stride forwards, ducky", ["walk_forward"]),
    ],
)
def test_an_echo_is_no_second_command_and_an_order_is_kept(router, text, wanted):
    assert [call.skill for step in router.route(text).steps for call in step] == wanted


@pytest.mark.parametrize("text", ["bow tie", "go fish", "sitting bull"])
def test_a_word_that_is_not_set_apart_is_no_name(router, text):
    assert router.route(text).outcome != "accepted"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("three full turns to the left", ["turn_left"] * 3),
        ("turn, only not to the left", ["turn_right"]),
        ("wave, but leave your left hand out of it", ["wave_right"]),
        ("do not go to the red ball, go to the green one", ["walk_to_ball"]),
        ("leave the blue ball be and touch the red one", ["touch_ball"]),
        ("it is the left hand that I want you to wave", ["wave_left"]),
        ("bow, and whatever you do, don't sit down", ["bow"]),
        ("turn all the way round to the left, twice", ["turn_left"] * 2),
        ("turn right, then turn right again, and then once more", ["turn_right"] * 3),
        ("3x: raise your arms, lower your arms", ["raise_arms", "lower_arms"] * 3),
        ("turn right 90", ["turn_right"]),
        ("ninety degrees left", ["turn_left"]),
        ("the left hand waving", ["wave_left"]),
        ("walk a metre, hold it for two seconds, then bow", ["walk_forward", "stand_still", "bow"]),
        ("two rounds of walking in a circle, on foot", ["walk_in_circle"]),
        ("turn and face the green ball", ["face_ball"]),
        ("turn left and face the green ball", ["turn_left", "face_ball"]),
        ("walk once around in a circle, then bow", ["walk_in_circle", "bow"]),
        ("step to the right, sideways", ["sidestep_right"]),
        ("bow, then return to where you started", ["bow", "come_back"]),
        # What a lead, a frame or an address leaves is the command as it would be said by itself.
        ("before the bow i'd like you to walk two metres", ["walk_forward", "bow"]),
        ("bow as the last thing, before that come back to where you started", ["come_back", "bow"]),
        ("it would be wonderful if you sat down now", ["sit_down"]),
        ("get going, bro, two metres", ["walk_forward"]),
        ("walk on then, me lover", ["walk_forward"]),
        ("sit down for the ceremony, if you don't mind", ["sit_down"]),
        ("turn till you're facing the ball", ["face_ball"]),
        ("we'd very much like you to turn right now", ["turn_right"]),
        ("would you do two right-angle turns to the left", ["turn_left"]),
    ],
)
def test_a_piece_is_what_it_stands_for(router, text, wanted):
    assert plan(router.route(text)) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "bow as soon as the guests are here",
        "wave on my signal",
        "sit down if you can hear me",
        "walk two metres, but only if nobody is in front of you",
    ],
)
def test_a_condition_waits_whatever_it_is_about(router, text):
    assert router.route(text).reason.startswith("waits for something")


@pytest.mark.parametrize("who", ["birthday boy", "day nurse", "night shift"])
def test_whom_a_gesture_is_made_at_is_no_time(router, who):
    assert plan(router.route(f"wave your left hand at the {who}")) == ["wave_left"]


@pytest.mark.parametrize("when", ["weekend", "stroke of midnight", "end of the day", "ringing of the bell"])
def test_what_a_gesture_waits_for_is_one(router, when):
    assert router.route(f"wave your left hand at the {when}").rule is Rule.CONDITION


def test_it_keeps_the_colour_of_what_it_stands_for(router):
    (_,), (touch,) = router.route("walk to the red ball and touch it for five seconds").steps
    assert touch.parameters["colour"] == "red" and touch.parameters["duration"] == 5.0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("one step to the left, love", ""),
        ("bow three times, once for each judge", '"once for each judge" was not used'),
        ("full speed ahead, me hearty", 'hearty" was not used'),
        ("walk forward slowly, the floor is wet", "the floor is wet"),
        ("stand still for ten seconds while I measure you", '"while i measure you" was not used'),
        ("a bit to the right, duck", ""),
        ("scoot over to the left, I need to get the trolley by", '"i need to get the trolley by" was not used'),
        ("go to the green ball, er, red, red ball", ""),
        ("walk in a circle to the right, one whole lap", ""),
        ("step right to let the trolley past", '"to let the trolley past" was not used'),
        ("slide left half a metre, keep facing the front", '"keep facing the front" was not used'),
        ("you can put your arms down now so put them down please", ""),
        ("you may bow to Professor Lind now, so do it", '"to professor lind" was not used'),
        ("turn, either way is fine", '"either way is'),
        ("one metre sideways, I don't mind which side", 'left taken: "i do not mind which side"'),
    ],
)
def test_what_asks_for_nothing_is_left_out(router, text, told):
    route = router.route(text)
    assert len(plan(route)) == 1 and (told in route.reason if told else not route.reason)


@pytest.mark.parametrize(
    "text",
    [
        "turn left, jump",
        "bow, juggle",
        "bow, a handstand",
        "bow, the splits",
        "walk forward, cook dinner",
        "turn left, your jacket off",
        "ten star jumps, go",
        "a dozen squats, go",
        "undo that turn left",
        "walk up the steps",
        "go forward down the back stairs",
        "turn left by banana degrees",
        "walk umpteen metres",
        "t plus 60 s: turn left",
        "it would be silly of you to bow",
        "pretend you're walking in a meadow",
    ],
)
def test_what_may_ask_for_something_is_not(router, text):
    assert router.route(text).outcome == "rejected", router.route(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("turn left. My other left! I mean right", ["turn_right"]),
        ("wave your left hand. The other left, I mean right", ["wave_right"]),
        ("step left. My other left!", ["sidestep_right"]),
        ("one, bow; two, sit down", ["bow", "sit_down"]),
        ("arms down, no, up, up!", ["raise_arms"]),
        ("turn left, no, forget the turn and bow", ["bow"]),
        ("no need to sit down, a bow will do, so bow", ["bow"]),
        ("to begin with turn right, to end with bow", ["turn_right", "bow"]),
        ("to end with, bow; to start with, turn left", ["turn_left", "bow"]),
        ("your last job is bowing; your first is turning left", ["turn_left", "bow"]),
        ("sit down, after bowing that is", ["bow", "sit_down"]),
        ("here's the running order: one, bow; two, turn left; three, sit down", ["bow", "turn_left", "sit_down"]),
        ("find your way to the green ball, then give it a touch", ["walk_to_ball", "touch_ball"]),
        ("bow, but stay on the spot", ["bow"]),
        ("turn right, but stay where you are", ["turn_right"]),
        ("with the greatest respect, please stand up", ["stand_up"]),
        ("bow, no rush", ["bow"]),
        ("step right so the cart gets past", ["sidestep_right"]),
        ("raise your arms to wake the audience up, then bow", ["raise_arms", "bow"]),
        ("walk on, Biscuit", ["walk_forward"]),
    ],
)
def test_what_stands_around_commands_tells_their_plan(router, text, wanted):
    assert plan(router.route(text)) == wanted, router.route(text)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Biscuit, sit", Rule.STATEMENT),
        ("bow, Emma", Rule.STATEMENT),
        ("walk forward; two, maybe three metres", Rule.NUMBER),
        ("this afternoon I'd like you to walk in a circle", Rule.CONDITION),
        ("sit down and raise your arms, both together in one move", Rule.JOINTS),
    ],
)
def test_what_others_or_later_times_are_told_is_refused(router, text, rule):
    assert router.route(text).rule is rule


def test_at_one_and_the_same_time_is_at_once(router):
    assert len(router.route("at one and the same time, walk forward and wave with your right hand").steps) == 1


def test_an_amount_each_time_is_done_so_often(router):
    ((turn,),) = router.route("turn left twice, ninety degrees each time").steps
    assert turn.parameters["angle"] == pytest.approx(3.1416, abs=1e-3)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("don't execute this: turn left", Rule.NEGATION),
        ("no to the bow", Rule.NEGATION),
        ("turn left, jk", Rule.NEGATION),
        ("walk forward, cancel", Rule.NEGATION),
        ("bow? you must be joking", Rule.NEGATION),
        ("he moves, you step back", Rule.CONDITION),
        ("the music stops: sit down", Rule.CONDITION),
        ("get ready to walk forward", Rule.CONDITION),
        ("walk forward, but not yet", Rule.CONDITION),
        ("walk backward, that is if you're not too tired", Rule.CONDITION),
        ("wave at anybody who comes in", Rule.CONDITION),
        ("turn left, failing that right", Rule.CONDITION),
        ("the rest of you sit down", Rule.STATEMENT),
        ("walk to any ball but the red one", Rule.ALTERNATIVES),
        ("face the ball that isn't red", Rule.ALTERNATIVES),
        ("would somebody please sit down", Rule.STATEMENT),
        ("walk forward, sorry, I wasn't talking to you", Rule.STATEMENT),
    ],
)
def test_what_is_not_asked_of_the_robot_now_moves_nothing(router, text, rule):
    assert router.route(text).rule is rule


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("when you are ready, walk forward", ["walk_forward"]),
        ("first you turn left, then you bow", ["turn_left", "bow"]),
        ("robot, you turn left", ["turn_left"]),
    ],
)
def test_what_only_resembles_it_is_done(router, text, wanted):
    assert plan(router.route(text)) == wanted
