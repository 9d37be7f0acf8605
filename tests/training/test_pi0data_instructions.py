"""The instruction table: what the skills send, and other ways to say it."""

from __future__ import annotations

import inspect

import pytest

from arbiter.errors import ConfigError
from arbiter.skill import Skill
from skills import gestures, whole_body
from training.pi0.data.instructions import GESTURES, INSTRUCTIONS, WALKS, find, select

COLOURS = ("red", "green", "blue")


def test_the_prompts_of_the_built_in_skills_are_the_canonical_texts():
    kinds = [
        kind
        for module in (gestures, whole_body)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Skill) and getattr(kind, "prompt", "")
    ]
    sent = {(kind.name, kind.prompt, kind.joints) for kind in kinds}
    sent |= {("point_at", text, "arms") for text in gestures.PointAt.PROMPTS.values()}
    sent |= {("touch_ball", f"touch the {colour} ball", "arms") for colour in COLOURS}
    assert sent == {(one.skill, one.text, one.joints) for one in GESTURES}


def test_no_two_instructions_share_words():
    said = [text for one in INSTRUCTIONS for text in (one.text, *one.paraphrases)]
    assert len(said) == len(set(said))
    assert all(text == text.lower().strip() for text in said)


def test_every_gesture_has_paraphrases_and_finds_itself():
    for one in INSTRUCTIONS:
        assert one.paraphrases and all(find(text) is one for text in (one.text, *one.paraphrases))
    assert find("  Wave The Right Hand ") is GESTURES[0]


def test_an_unknown_instruction_lists_the_known_ones():
    with pytest.raises(ConfigError, match="'dance' is not known; known are 'wave the right hand'"):
        find("dance")


def test_selecting_by_skill_text_and_group():
    assert [one.target for one in select("touch_ball")] == list(COLOURS)
    assert select("bow,touch the red ball,bow") == (find("bow"), find("touch the red ball"))
    assert select("all") == GESTURES + WALKS
    with pytest.raises(ConfigError, match="no skill or instruction 'juggle'; there are gestures, walks, all, bow"):
        select("bow,juggle")
