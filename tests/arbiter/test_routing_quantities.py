"""Numbers, units, manner and direction words."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter import strict
from arbiter.errors import ConfigError
from arbiter.routing.numerals import NumberWords, number, spread, unreadable
from arbiter.routing.parameters import fill
from arbiter.routing.quantities import extract, mirrored
from arbiter.routing.text import expand, normalise, strip_politeness
from arbiter.skill import Parameter, Skill
from skills.circling import WalkInCircle
from skills.gestures import PointAt, WaveRight
from skills.touching import TouchBall
from skills.walking import TurnLeft, WalkForward
from skills.whole_body import Bow


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("walk forward 0,5 meters", "walk forward 0.5 meters"),
        ("turn left 1,57 rad, then bow", "turn left 1.57 rad, then bow"),
        ("at 0,250 m/s", "at 0.250 m/s"),
        ("wait 1,000 ms", "wait 1000 ms"),
        ("one, two, 3,2,1", "one, two, 3,2,1"),
        ("walk 2, turn 3", "walk 2, turn 3"),
        ("walk 2,then bow", "walk 2,then bow"),
    ],
)
def test_a_comma_within_a_number_is_a_decimal_point(text, means):
    assert normalise(text) == means


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("2", 2.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("3/4", 0.75),
        ("two", 2.0),
        ("ninety five", 95.0),
        ("one hundred and eighty", 180.0),
        ("two point five", 2.5),
        ("one and a half", 1.5),
        ("half a", 0.5),
        ("a quarter of a", 0.25),
        ("a couple of", 2.0),
        ("twenty-one", 21.0),
    ],
)
def test_number(words, value):
    assert number(words) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("walk forward two meters", "distance", 2.0),
        ("go 50 cm", "distance", 0.5),
        ("go 50cm", "distance", 0.5),
        ("three feet", "distance", 0.9144),
        ("a yard", "distance", 0.9144),
        ("half a metre", "distance", 0.5),
        ("10 inches", "distance", 0.254),
        ("1.5m", "distance", 1.5),
        ("at 0.3 m/s", "speed", 0.3),
        ("half a meter per second", "speed", 0.5),
        ("36 km/h", "speed", 10.0),
        ("at 30 degrees per second", "rate", math.pi / 6),
        ("for 4 seconds", "duration", 4.0),
        ("for a minute", "duration", 60.0),
        ("half a minute", "duration", 30.0),
        ("500 ms", "duration", 0.5),
        ("ninety degrees", "angle", math.pi / 2),
        ("90°", "angle", math.pi / 2),
        ("1.2 radians", "angle", 1.2),
        ("a quarter turn", "angle", math.pi / 2),
        ("half a turn", "angle", math.pi),
        ("two laps", "angle", 4 * math.pi),
        ("three times", "count", 3.0),
        ("twice", "count", 2.0),
        ("three steps", "steps", 3.0),
        ("take a step back", "steps", 1.0),
        ("two side steps", "steps", 2.0),
        ("one time", "count", 1.0),
        ("10 cm per second", "speed", 0.1),
        ("a metre and a half", "distance", 1.5),
        ("two turns and a half", "angle", 5 * math.pi),
        ("6 metres a minute", "speed", 0.1),
        ("1 foot per second", "speed", 0.3048),
        ("one hundred and eighty degrees", "angle", math.pi),
        ("one radian", "angle", 1.0),
        ("a degree", "angle", math.radians(1)),
        ("pi/2", "angle", math.pi / 2),
        ("half pi", "angle", math.pi / 2),
        ("by two pi radians", "angle", 2 * math.pi),
        ("minus two metres", "distance", -2.0),
        ("5'", "distance", 1.524),
        ("5' 6\"", "distance", 1.6764),
        ('9"', "distance", 0.2286),
        ("turn thirty to the left", "number", 30.0),
        ("at 0.2", "speed number", 0.2),
        ("ten whole seconds", "duration", 10.0),
        ("with a speed of 0.2 metres per second", "speed", 0.2),
        ("at speed of half a metre per second", "speed", 0.5),
    ],
)
def test_unit(text, kind, value):
    said, _ = extract(normalise(text))
    assert [(k, pytest.approx(v, rel=1e-3)) for k, v, _ in said.values] == [(kind, value)]


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("walk forward two meters", "walk forward"),
        ("walk at 0.3 m/s for 4 seconds", "walk"),
        ("turn left by 30 degrees", "turn left"),
        ("take three steps forward", "take steps forward"),
        ("wave twice", "wave"),
        ("turn right slowly", "turn right"),
        ("walk in a circle", "walk in a circle"),
    ],
)
def test_rest(text, rest):
    assert extract(normalise(text))[1] == rest


@pytest.mark.parametrize(
    ("text", "sides"),
    [
        ("turn left", ("left",)),
        ("turn to your right", ("right",)),
        ("rotate clockwise", ("right",)),
        ("spin counter-clockwise", ("left",)),
        ("turn anticlockwise", ("left",)),
        ("right now", ()),
        ("left, then right", ("left", "right")),
    ],
)
def test_sides(text, sides):
    assert extract(normalise(text))[0].sides == sides


def test_mirrored_says_left_for_right():
    assert mirrored("turn right") == mirrored("turn left")
    assert mirrored("spin clockwise") == mirrored("spin counterclockwise") == mirrored("spin anti-clockwise")


def values(skill, text):
    return fill(skill, extract(normalise(text))[0])


@pytest.mark.parametrize(
    ("skill", "text", "name", "value"),
    [
        (WalkForward(), "walk 2 m", "distance", 2.0),
        (WalkForward(), "walk 3 steps", "distance", 0.6),
        (WalkForward(), "walk fast", "speed", 0.425),
        (WalkForward(), "walk very slowly", "speed", 0.1),
        (WalkForward(), "walk 1 m in 4 seconds", "speed", 0.25),
        (WalkForward(), "walk", "distance", 1.0),
        (TurnLeft(), "turn around", "angle", math.pi),
        (TurnLeft(), "turn all the way around", "angle", 2 * math.pi),
        (TurnLeft(), "turn left 90", "angle", math.pi / 2),
        (TurnLeft(), "turn left a little", "angle", math.pi / 4),
        (WalkInCircle(), "two laps to the right", "side", "right"),
        (WalkInCircle(), "two laps", "angle", 4 * math.pi),
        (TouchBall(), "touch the green ball", "colour", "green"),
        (PointAt(), "point left", "direction", "left"),
        (WalkForward(), "walk until I say stop", "duration", 20.0),
        (WalkForward(), "retreat 1 m as slowly as you can", "distance", 1.0),
        (WaveRight(), "wave three times", "count", 3.0),
        (Bow(), "bow twice", "count", 2.0),
        (Bow(), "bow", "count", 1.0),
        (TurnLeft(), "turn left twice", "angle", math.pi),
        (WalkInCircle(), "walk in a circle two times", "angle", 4 * math.pi),
    ],
)
def test_fill(skill, text, name, value):
    assert values(skill, text).values[name] == (value if isinstance(value, str) else pytest.approx(value))


def test_out_of_range_is_clamped_and_said():
    filled = values(WalkForward(), "walk at 3 m/s")
    assert filled.values["speed"] == 0.5
    assert filled.notes == ["speed 3 m/s clamped to 0.5 (walk_forward allows 0.1 to 0.5)"]


def test_what_does_not_fit_is_said():
    assert values(PointAt(), "point left three times").notes == ['"three times" was not used: point_at takes direction, duration']


@pytest.mark.parametrize(
    ("skill", "text", "refusal"),
    [
        (WalkForward(), "walk 0 meters", "distance 0 m: walk_forward takes distance from 0.1 to 5 m"),
        (WalkForward(), "walk -2 meters", "distance -2 m: walk_forward takes distance from 0.1 to 5 m"),
        (TouchBall(), "touch the yellow ball", 'touch_ball has no colour "yellow"; it has red, green, blue'),
        (PointAt(), "point behind you", 'point_at has no direction "behind"; it has left, right, ahead'),
    ],
)
def test_refused(skill, text, refusal):
    assert values(skill, text).refusal == refusal


def test_other_parameters_keep_their_defaults():
    class Custom(Skill):
        name, parameters = "custom", (Parameter("count", "", 1.0, 1.0, 5.0), Parameter("force", "N", 3.0))

    assert values(Custom(), "do it four times with force 9").values == {"count": 4.0, "force": 3.0}


@given(st.text(max_size=80))
def test_any_text_gives_finite_values(text):
    said, rest = extract(expand(normalise(text)))
    assert all(math.isfinite(value) for _, value, _ in said.values)
    for skill in (WalkForward(), TurnLeft(), WalkInCircle(), TouchBall()):
        for parameter in skill.parameters:
            value = fill(skill, said).values[parameter.name]
            assert value is None or isinstance(value, str) or parameter.low <= value <= parameter.high
    assert isinstance(strip_politeness(rest), str)


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("could you please walk forward", "walk forward"),
        ("robot, turn left, thanks", "turn left"),
        ("I'd like you to sit down", "sit down"),
        ("why don't you wave", "wave"),
        ("no, turn left", "turn left"),
        ("no turning", "no turning"),
        ("please", ""),
    ],
)
def test_politeness(text, rest):
    assert strip_politeness(expand(normalise(text))) == rest


def test_a_number_after_at_is_an_angle_where_no_speed_is_taken():
    class Nod(Skill):
        name, utterances = "nod", ("nod",)
        parameters = (Parameter("angle", "rad", 1.0, 0.0, 3.0),)

    filled = fill(Nod(), extract("nod at 30")[0])
    assert filled.values["angle"] == pytest.approx(math.radians(30)) and filled.notes == []


ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
TENS = "- ten twenty thirty forty fifty sixty seventy eighty ninety"


def spelled(n, link=" ", joiner=" and "):
    """English words of 0 .. 9999."""
    ones, tens = ONES.split(), TENS.split()
    if n < 20:
        return ones[n]
    if n < 100:
        return tens[n // 10] + (link + ones[n % 10] if n % 10 else "")
    size, word = (100, "hundred") if n < 1000 else (1000, "thousand")
    rest = spelled(n % size, link, joiner) if n % size else ""
    return f"{spelled(n // size)} {word}" + (f"{joiner if size == 100 or n % size < 100 else ' '}{rest}" if rest else "")


@given(st.integers(0, 9999), st.sampled_from(" -"), st.sampled_from([" ", " and "]))
def test_every_whole_number_in_words(n, link, joiner):
    assert number(spelled(n, link, joiner)) == n
    assert spread(f"turn left {spelled(n, link, joiner)} degrees") == ""


@given(st.integers(0, 99), st.lists(st.integers(0, 9), min_size=1, max_size=3))
def test_every_decimal_in_words(whole, figures):
    words = " ".join(ONES.split()[figure] for figure in figures)
    assert number(f"{spelled(whole)} point {words}") == pytest.approx(float(f"{whole}.{''.join(map(str, figures))}"))


AMOUNTS = (
    ("2", 2.0),
    ("2.5", 2.5),
    ("2,5", 2.5),
    ("1/2", 0.5),
    ("½", 0.5),
    ("1½", 1.5),
    ("1 1/2", 1.5),
    ("two", 2.0),
    ("twenty-five", 25.0),
    ("two point five", 2.5),
    ("two and a half", 2.5),
    ("two and a quarter", 2.25),
    ("three and three quarters", 3.75),
    ("one and two thirds", 5 / 3),
    ("two thirds of a", 2 / 3),
    ("three quarters of a", 0.75),
    ("five eighths of a", 0.625),
    ("half a dozen", 6.0),
    ("two dozen", 24.0),
    ("a couple of", 2.0),
    ("a pair of", 2.0),
    ("one eighty", 180.0),
    ("nine zero", 90.0),
)
NAMED = (
    ("metres", "distance", 1.0),
    ("cm", "distance", 0.01),
    ("feet", "distance", 0.3048),
    ("degrees", "angle", math.pi / 180),
    ("right angles", "angle", math.pi / 2),
    ("turns", "angle", 2 * math.pi),
    ("seconds", "duration", 1.0),
    ("minutes", "duration", 60.0),
    ("m/s", "speed", 1.0),
    ("degrees per second", "rate", math.pi / 180),
    ("steps", "steps", 1.0),
    ("times", "count", 1.0),
    ("more times", "count", 1.0),
)


@pytest.mark.parametrize("frame", ["{} {}", "about {} {}", "at least {} {}", "no more than {} {}", "{}-ish {}", "{} or so {}"])
@pytest.mark.parametrize(("amount", "factor"), AMOUNTS)
def test_amounts_with_units(frame, amount, factor):
    frame = frame.replace("-ish", "") if amount.endswith((" a", " of")) else frame
    for unit, kind, si in NAMED:
        said, rest = extract(expand(normalise("do it " + frame.format(amount, unit))))
        assert [(k, pytest.approx(v)) for k, v, _ in said.values] == [(kind, factor * si)], unit
        assert rest in ("do it", "do it steps", "do it turns"), unit
        assert bool(said.estimates) == ("at least" in frame or "no more" in frame or "ish" in frame or "or so" in frame)


@given(st.integers(1, 99), st.integers(10, 99))
def test_metres_and_centimetres(metres, centimetres):
    words = spelled(metres), spelled(centimetres)
    for text in (
        f"{metres}m{centimetres}",
        f"{metres} m {centimetres} cm",
        f"{metres} metres {centimetres}",
        f"{words[0]} metres {words[1]}",
        f"{words[0]} metres and {words[1]} centimetres",
    ):
        assert [v for _, v, _ in extract(normalise(text))[0].values] == [pytest.approx(metres + centimetres / 100)], text


@given(st.integers(1, 9), st.integers(1, 11))
def test_feet_and_inches(feet, inches):
    for text in (
        f"{feet} feet {inches} inches",
        f"{spelled(feet)} foot {spelled(inches)}",
        f"{feet}' {inches}\"",
        f"{feet} ft {inches} in",
    ):
        assert [v for _, v, _ in extract(normalise(text))[0].values] == [
            pytest.approx(0.3048 * feet + 0.0254 * inches, rel=1e-3)
        ], text


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from(["metres", "degrees", "seconds", "times", "steps"]))
def test_ranges_and_sums_are_no_quantity(low, high, unit):
    for a, b in ((str(low), str(high)), (spelled(low), spelled(high))):
        assert spread(f"{a} or {b} {unit}") and spread(f"{a} to {b} {unit}") and spread(f"between {a} and {b} {unit}")
    assert all(unreadable(f"go {low} {sign} {high} {unit}") for sign in ("+", "*", "×", "+/-", "±"))


@pytest.mark.parametrize(
    ("text", "speed", "note"),
    [
        ("walk at half speed", 0.25, '"at half speed" taken as 0.25 m/s'),
        ("walk at fifty percent of full speed", 0.25, '"at fifty percent of full speed" taken as 0.25 m/s'),
        ("walk at 80% speed", 0.4, '"at 80% speed" taken as 0.4 m/s'),
    ],
)
def test_shares_of_a_speed(text, speed, note):
    filled = values(WalkForward(), text)
    assert filled.values["speed"] == pytest.approx(speed) and filled.notes == [note]


def test_bounds_and_multiples_are_told_or_taken():
    filled = values(WalkForward(), "walk at least two metres")
    assert filled.values["distance"] == 2.0 and filled.notes == ['"at least two metres" taken as said, no more and no less']
    assert values(WalkForward(), "walk two times 50 cm").values["distance"] == pytest.approx(1.0)
    assert values(TurnLeft(), "turn left twice 90 degrees").values["angle"] == pytest.approx(math.pi)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("nineteen", ""), "digits has 19 words; 20 are needed, in order"),
        (("fourty: forty", "fourty: fortie"), "spellings has 'fortie', which is none of digits and tens"),
        (("scales:", "scale:"), "unknown key 'scale'; did you mean 'scales'?"),
    ],
)
def test_a_faulty_list_of_numbers_is_an_error(tmp_path, change, said):
    from arbiter.routing.numerals import FILE

    (tmp_path / "numbers.yaml").write_text(FILE.read_text().replace(*change))
    with pytest.raises(ConfigError, match=said):
        strict.load(NumberWords, tmp_path / "numbers.yaml")
