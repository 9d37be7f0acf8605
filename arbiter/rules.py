"""The rules by which words are taken for something else than a skill's instruction, or refused."""

from __future__ import annotations

import enum


class Rule(enum.StrEnum):
    """Which rule decided about words; the value is how it is told to people."""

    STOP_GUARD = "stop guard"
    LENGTH = "length"
    NUMBER = "number"
    LANGUAGE = "other language"
    CORRECTION = "self-correction"
    NEGATION = "negation"
    CLAUSES = "clauses"
    CONDITION = "condition or later time"
    STATEMENT = "statement or question"
    FOLLOW_UP = "follow-up"
    QUESTION = "question about skills"
    SIDE = "side"
    ALTERNATIVES = "alternatives"
    SCORE = "score"
    SHARED = "shared utterance"
    OPPOSITES = "opposites"
    HARM = "veto: harm"
    VERB = "veto: verb"
    IDIOM = "veto: idiom"
    IN_PLACE = "veto: in place"
    POSTURE = "veto: posture"
    PART = "veto: part of the body"
    ONE_ARM = "veto: one arm"
    COVERAGE = "words left over"
    PARAMETERS = "parameters"
    JOINTS = "joints"
