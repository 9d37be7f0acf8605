"""Several commands: pairs, order words, enumerations, repetitions, at once; what is negated and what is taken back."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from training.router.grids.spoken import COMMANDS, Command, at_once, crossed, in_order, in_order_or_at_once, one, refused
from training.router.phrases import Phrase
from training.router.plans import WantedPlan

RUN_ON = ("{0} {1}", "ok {0} {1} please", "um {0} uh {1}")
LOOSE = ("{0} and {1}", "please {0} and {1}", "{0}, and {1}")
STRICT = (
    *("{0}, {1}", "{0} then {1}", "{0} and then {1}", "{0}, after that {1}", "{0}, next {1}", "{0}. {1}.", "{0}; {1}"),
    *("{0} and afterwards {1}", "{0}, and finally {1}", "{0} followed by {1g}", "{0} and once that is done {1}"),
    *("{0}. Now {1}.", "{0} before {1g}"),
)
FIRST_TO_LAST = (
    *("first {0}, then {1}", "after {0g}, {1}", "after you {0}, {1}", "{0} before you {1}", "{0} and only then {1}"),
    *("{0}. when that is done, {1}", "start by {0g} and end by {1g}", "once you are done {0g}, {1}"),
    *("begin with {0g}, then {1}", "{0}, and as your last move {1}", "{0} to begin with, then {1}"),
)
LAST_TO_FIRST = (
    *("{0} after you {1}", "{0} after {1g}", "before you {0}, {1}", "before {0g}, {1}", "{0}, but first {1}"),
    *("{0}, but before that {1}", "{0} once you have finished {1g}", "{0} as soon as you are done {1g}"),
    *("I want you to {0}, but {1} first", "{0}, only after {1g}"),
)
LISTS = (
    *("1) {0} 2) {1} 3) {2}", "1. {0}, 2. {1}, 3. {2}", "{0}, {1}, {2}", "{0}; {1}; {2}", "{0}. {1}. {2}."),
    *("first {0}, second {1}, third {2}", "step one: {0}; step two: {1}; step three: {2}"),
    *("firstly {0}, secondly {1} and lastly {2}", "do three things: {0}, {1}, {2}", "a) {0} b) {1} c) {2}"),
    *("{0}, next {1}, after that {2}", "to begin with {0}, next {1}, and to finish {2}", "{0} then {1} then {2}"),
    *("- {0} - {1} - {2}", "your programme: {0}, then {1}, and finally {2}"),
)
LOOSE_LISTS = ("{0}, {1} and {2}", "{0} and {1} and {2}", "I'd like you to {0}, {1} and {2}", "{0} {1} {2}")
TIMES = (("twice", 2), ("three times", 3), ("four times", 4))
REPEATED = (
    *("{n}: {0}, then {1}", "do this {n}: {0}, then {1}", "{0} and then {1}, {n}", "{0}, then {1}. do that {n}"),
    *("{0} and then {1}, all of it {n}", "repeat {n}: {0}, then {1}", "{0} then {1} and do both {n}"),
    *("{n} in a row, {0} and then {1}", "do the following {n}: first {0}, then {1}"),
)
COUNTLESS = ("sit_down", "stand_up", "raise_arms", "lower_arms", "touch_ball", "point_at")  # alone, twice makes no sense
ONE_REPEATED = ("{0} {n}", "{n}, {0}", "{0} {n} in a row", "please {0}, {n} in all", "do it {n}: {0}", "{0}, and do that {n}")
TOGETHER = (
    *("{0} while {1g}", "{0} and {1} at the same time", "simultaneously {0} and {1}", "{0} as you {1}"),
    *("at the same time {0} and {1}", "while {1g}, {0}", "{0} and, meanwhile, {1}"),
)
BOTH_HANDS = (
    *("wave both hands", "wave with both arms", "wave your two hands", "give us a wave with both hands"),
    *("both hands, wave", "please wave with both of your hands"),
)
FORBIDDEN = ("don't {0}", "do not {0}", "whatever you do, don't {0}", "never {0}", "please don't {0}", "no {0g}, please")
INSTEAD = (
    *("don't {0}, {1}", "{1}, don't {0}", "{1} but don't {0}", "instead of {0g}, {1}", "rather than {0g}, {1}"),
    *("don't {0} but {1}", "no {0g}, just {1}", "{1} instead of {0g}", "{1}, and whatever you do don't {0}"),
    *("I don't want you to {0}, I want you to {1}", "you need not {0}, only {1}", "not {0g} but {1g}"),
)
CORRECTED = (
    *("{0}, no wait, {1}", "{0}, I mean {1}", "{0}, scratch that, {1}", "{0}, no, sorry, {1}", "{0}... actually, {1}"),
    *("{0} - no, {1}", "{0}, or rather {1}", "{0}, forget that, {1}", "{0} hmm on second thoughts {1}"),
    *("{0}, no don't, {1} instead", "{0} erm I meant {1}", "{0}. wrong, {1}"),
)
TAKEN_BACK = ("{0}, never mind", "{0}, no, forget it", "{0}, scratch that", "{0}, actually don't")


def _second(first: Command, second: Command) -> tuple[WantedPlan, ...]:
    return one(second)


def _backwards(first: Command, second: Command) -> tuple[WantedPlan, ...]:
    return in_order(second, first)


def pairs() -> Iterator[Phrase]:
    """Two commands by nothing, a comma or words."""
    yield from crossed(RUN_ON, "spoken", 25, in_order_or_at_once, 2)
    yield from crossed(LOOSE, "compound", 10, in_order_or_at_once, 2, 5)
    yield from crossed(STRICT, "compound", 10, in_order, 2, 9)


def order() -> Iterator[Phrase]:
    """Words that tell what comes first."""
    yield from crossed(FIRST_TO_LAST, "order", 9, in_order, 2)
    yield from crossed(LAST_TO_FIRST, "order", 9, _backwards, 2, 4)


def enumerations() -> Iterator[Phrase]:
    """Three commands."""
    yield from crossed(LISTS, "order", 9, in_order, 3)
    yield from crossed(LOOSE_LISTS, "compound", 9, in_order_or_at_once, 3, 7)


def repetition() -> Iterator[Phrase]:
    """A plan, or a command, several times."""
    for i, (frame, (said, times)) in enumerate(product(REPEATED, TIMES)):
        for phrase in crossed((frame.replace("{n}", said),), "repetition", 4, in_order, 2, i * 4):
            yield _times(phrase, times)
    for i, (frame, (said, times)) in enumerate(product(ONE_REPEATED, TIMES)):
        for phrase in crossed((frame.replace("{n}", said),), "repetition", 3, one, 1, i * 3):
            yield _times(phrase, times)


def _times(phrase: Phrase, times: int) -> Phrase:
    plans = tuple(plan * times for plan in phrase.wanted)
    countless = len(phrase.wanted[0]) == 1 and phrase.wanted[0][0][0].skill in COUNTLESS
    return Phrase(phrase.text, plans, phrase.kind, refusable=countless, frame=phrase.frame)


def together() -> Iterator[Phrase]:
    """At once, where the joints allow it."""
    yield from crossed(TOGETHER, "at_once", 20, at_once, 2)
    left, right = (next(command for command in COMMANDS if command.call.skill == f"wave_{side}") for side in ("left", "right"))
    hands = (*in_order(left, right), *in_order(right, left))
    for text in BOTH_HANDS:
        yield Phrase(text, hands, "at_once", refusable=True, frame="both hands")


def negation() -> Iterator[Phrase]:
    """What is forbidden does not happen, what is asked for instead does."""
    yield from crossed(FORBIDDEN, "negation", 7, refused)
    yield from crossed(INSTEAD, "negation", 10, _second, 2)


def corrections() -> Iterator[Phrase]:
    """The last wish counts."""
    yield from crossed(CORRECTED, "correction", 10, _second, 2)
    yield from crossed(TAKEN_BACK, "correction", 6, refused)
