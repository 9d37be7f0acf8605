"""What a card can say: every key round trips, every wrong value is named, other projects' names are answered in kind."""

from __future__ import annotations

import dataclasses
import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from arbiter.errors import ConfigError
from deploy.robots.description import load_model
from policies.locomotion.card import RecurrentState, check_card, from_json, from_yaml, to_json
from policies.locomotion.observation_terms import (
    AXES,
    CALLED_HERE,
    JOINT_TERMS,
    OWN_KEYS,
    TERMS,
    UNMEASURED,
    ObservationTerm,
    wrong_name,
)
from tests.onnx_policies import card_for

MODEL = load_model()
CARD = dataclasses.replace(card_for(MODEL), sha256="0" * 64)
JOINTS = CARD.joints
NUMBER = st.floats(-1e6, 1e6)
POSITIVE = st.floats(1e-3, 1e3)
PAIR = st.tuples(st.floats(-9, -1), st.floats(1, 9))
CLIP = st.none() | POSITIVE | PAIR
CLIPS = CLIP | st.tuples(*[PAIR] * len(JOINTS))
BARE = {"height_command": {"value": 0.7}, "heading_command": {"value": 0.0}, "constant": {"value": (0.1, 2.0)}}


def bare(term: str, **keys) -> ObservationTerm:
    """A term with no more than it needs."""
    needs = {"joints": JOINTS[:3]} if term in JOINT_TERMS else {"period": 0.8} if term == "phase" else BARE.get(term, {})
    return ObservationTerm(term, **(needs | keys))


@st.composite
def terms(draw, history: st.SearchStrategy[int]) -> ObservationTerm:
    name = draw(st.sampled_from(sorted(TERMS)))
    keys = {"history": draw(history), "clip": draw(CLIP), "lag": draw(st.sampled_from((0, 2)))}
    if name in AXES:
        keys["axes"] = tuple(draw(st.permutations(AXES[name]))[: draw(st.integers(1, len(AXES[name])))])
    if name == "phase":
        keys |= {"legs": draw(st.sampled_from(((), (0.0, 0.5)))), "restart": draw(st.sampled_from((None, True)))}
        keys["layout"] = draw(st.sampled_from(("by_axis", "by_leg"))) if keys["legs"] else None
    term = bare(name, **keys)
    size = term.size(len(JOINTS))
    for key in ("scale", "offset"):
        keys[key] = draw(NUMBER | st.tuples(*[NUMBER] * size))
    if name == "phase":
        keys["standing"] = draw(st.none() | st.tuples(*[NUMBER] * size))
    if name == "velocity_command":
        keys |= {key: draw(st.none() | st.tuples(*[POSITIVE] * size)) for key in ("slew", "limit")}
    if name in OWN_KEYS["range"]:
        keys["range"] = draw(st.none() | st.just((-1.0, 1.0)))
    return dataclasses.replace(term, **keys)


@st.composite
def cards(draw):
    layout = draw(st.sampled_from(("by_term", "by_frame")))
    history = st.just(draw(st.integers(1, 9))) if layout == "by_frame" else st.integers(1, 9)
    observations = draw(st.lists(terms(history), min_size=1, max_size=4))
    if layout == "by_frame":
        observations = [dataclasses.replace(term, lag=0) for term in observations]
    observations = [dataclasses.replace(term, restart=None) for term in observations]
    states = draw(st.sampled_from(((), (RecurrentState("h_in", "h_out"), RecurrentState("c_in", "c_out")))))
    return dataclasses.replace(
        CARD,
        observations=tuple(observations),
        action_mode=draw(st.sampled_from(("default_offset", "absolute", "residual"))),
        action_clip=draw(CLIPS),
        target_clip=draw(CLIPS),
        previous_action=draw(st.sampled_from(("clipped", "raw"))),
        observation_clip=draw(CLIP),
        history_layout=layout,
        history_order=draw(st.sampled_from(("oldest_first", "newest_first"))),
        recurrent=states,
    )


@settings(deadline=None, max_examples=100)
@given(cards())
def test_every_card_comes_back_from_json_and_from_yaml(tmp_path_factory, card):
    assert from_json(to_json(card), "walk.onnx") == card
    path = tmp_path_factory.mktemp("cards") / "walk.yaml"
    path.write_text(yaml.safe_dump(json.loads(to_json(card))))
    assert from_yaml(path) == card
    check_card(card, MODEL, path)


def test_what_is_not_said_is_not_written():
    """A card that says nothing new reads as before, also for readers that know no more than before."""
    assert set(json.loads(to_json(CARD))) == {field.name for field in dataclasses.fields(CARD)[:15]}


@pytest.mark.parametrize("term", sorted(TERMS))
def test_each_term_knows_its_width(term):
    size = bare(term).size(len(JOINTS))
    wide = {"joint_pos": 3, "joint_pos_rel": 3, "joint_vel": 3, "previous_action": 12, "constant": 2, "phase": 2}
    assert size == wide.get(term, 3 if term in AXES else 1)
    assert bare(term).problems(len(JOINTS)) == []


def test_a_phase_of_two_legs_has_four_values_or_two_of_one_axis():
    assert bare("phase", legs=(0.0, 0.5)).size(12) == 4
    assert bare("phase", legs=(0.0, 0.5), axes=("cos",)).size(12) == 2


@pytest.mark.parametrize("term", sorted(CALLED_HERE))
def test_names_of_others_are_answered_with_the_name_here(term):
    assert wrong_name(term).startswith(f"term is {term!r}; here it is called ")
    assert CALLED_HERE[term].split()[0] in TERMS


@pytest.mark.parametrize("term", UNMEASURED)
def test_what_is_not_measured_is_said_and_nothing_else_is_offered(term):
    text = wrong_name(term)
    assert "no robot here measures" in text and "did you mean" not in text


@pytest.mark.parametrize(
    "term", ["base_lin_acc", "base_ang_vel_w", "joint_pos_abs", "base_lin_vel_w", "joint_po_rel_x", "joint_vell"]
)
def test_a_hint_never_changes_the_meaning(term):
    meant = {"joint_vell": "did you mean 'joint_vel'?"}.get(term)
    assert (meant in wrong_name(term)) if meant else ("did you mean" not in wrong_name(term))


PHASE = {"term": "phase", "period": 0.8}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"action_mode": "torque"}, "action_mode is 'torque'; allowed: absolute, default_offset, residual"),
        ({"action_clip": -1.0}, "action_clip is -1; a positive number, or [low, high], is expected"),
        ({"action_clip": [1.0, -1.0]}, "action_clip is [1, -1]; the lower end first is expected"),
        ({"action_clip": [[-1.0, 1.0]] * 11}, "action_clip has 11 values; joints has 12"),
        ({"target_clip": [[-1.0, 1.0]] * 11 + [[1.0, 1.0]]}, "target_clip[11] is [1, 1]; the lower end first"),
        ({"observation_clip": 0.0}, "observation_clip is 0"),
        ({"history_layout": "frames"}, "history_layout is 'frames'; did you mean 'by_frame'?"),
        ({"history_order": "reversed"}, "history_order is 'reversed'; allowed: newest_first, oldest_first"),
        (
            {
                "history_layout": "by_frame",
                "observations": [{"term": "base_ang_vel", "history": 5}, {"term": "projected_gravity"}],
            },
            "history_layout is by_frame, for which all terms need one history; they have 1, 5",
        ),
        ({"recurrent": [{"input": "h", "output": "h"}]}, "recurrent names 'h' twice"),
        ({"recurrent": [{"input": "obs", "output": "h_out"}]}, "recurrent names 'obs' twice"),
        ({"recurrent": [{"input": "", "output": "h_out"}]}, "a name in the graph is empty"),
        ({"recurrent": [{"input": "h_in"}]}, "'recurrent[0].output' is missing"),
        ({"observations": [{"term": "joint_pos"}]}, "observations[0].joints has 0 names; joint_pos needs at least one"),
        ({"observations": [{"term": "base_lin_vel", "axes": ["x", "x"]}]}, "axes is [x, x]; some of [x, y, z], each once"),
        ({"observations": [{"term": "joint_vel", "axes": ["x"]}]}, "axes does not belong to joint_vel"),
        ({"observations": [{"term": "base_euler", "offset": [1.0]}]}, "offset has 1 values; one number or 3 are expected"),
        ({"observations": [{"term": "base_euler", "clip": [3, 1]}]}, "observations[0].clip is [3, 1]; the lower end first"),
        ({"observations": [{"term": "base_euler", "lag": -1}]}, "lag is -1; 0 to 100 are allowed"),
        ({"observations": [{"term": "height_command"}]}, "observations[0].value is missing"),
        ({"observations": [{"term": "constant", "value": []}]}, "observations[0].value is missing"),
        ({"observations": [{"term": "height_command", "value": [1, 2]}]}, "value has 2 numbers; one is expected"),
        (
            {"observations": [{"term": "height_command", "value": 0.9, "range": [0.4, 0.8]}]},
            "range is [0.4, 0.8]; lowest and highest, with value 0.9 between, are expected",
        ),
        ({"observations": [{"term": "velocity_command", "axes": ["x", "y"], "limit": [1, 1, 1]}]}, "2 positive numbers"),
        ({"observations": [PHASE | {"layout": "by_leg"}]}, "layout needs legs"),
        ({"observations": [PHASE | {"standing": [0.0]}]}, "standing has 1 values; the term has 2"),
        ({"observations": [PHASE | {"stand_still": True, "standing": [0.0, 0.0]}]}, "stand_still rests the clock"),
        ({"observations": [PHASE, PHASE | {"period": 0.7}]}, "the terms phase differ in period; a policy has one clock"),
        ({"observations": [{"term": "base_ang_vel", "legs": [0.5]}]}, "legs does not belong to base_ang_vel"),
    ],
)
def test_each_wrong_value_is_named(changes, words):
    with pytest.raises(ConfigError) as found:
        from_json(json.dumps(json.loads(to_json(CARD)) | changes), "walk.onnx")
    assert words in str(found.value)


def test_base_lin_vel_is_refused_where_nothing_can_tell_it():
    card = dataclasses.replace(CARD, observations=(ObservationTerm("base_lin_vel"),))
    check_card(card, MODEL, "walk.onnx")
    with pytest.raises(ConfigError, match="observes base_lin_vel.*leg odometry; this robot has no body that is known"):
        check_card(card, dataclasses.replace(MODEL, body=None), "walk.onnx")


def test_limits_of_split_commands_are_joined():
    split = (
        ObservationTerm("velocity_command", axes=("yaw",), limit=(0.9,)),
        ObservationTerm("velocity_command", axes=("y", "x"), limit=(0.2, 0.5)),
    )
    assert dataclasses.replace(CARD, observations=split).commands == (0.5, 0.2, 0.9)
