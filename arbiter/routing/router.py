"""Words -> Route. Pure and deterministic: the same skills and text give the same route, on any thread, in any order."""

from __future__ import annotations

import dataclasses
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from arbiter.errors import ConfigError, SkillError
from arbiter.routing.artefact import Artefact, load
from arbiter.routing.choice import STOP, Choice, Chooser, defaults
from arbiter.routing.classifier import NONE
from arbiter.routing.clauses import MAX_PIECES, Parsed, Piece, parse, without_negation
from arbiter.routing.corpus import canonical
from arbiter.routing.corrections import corrected
from arbiter.routing.encoder import MODEL_DIR, Encoder
from arbiter.routing.followups import follow_up
from arbiter.routing.guard import MENDED, OTHER_WORDS, may_mean_stop, stop_guard
from arbiter.routing.holding import held
from arbiter.routing.languages import foreign
from arbiter.routing.last_plan import Followed, LastPlan
from arbiter.routing.numerals import NUMBER_WORDS
from arbiter.routing.oddities import spread, unreadable
from arbiter.routing.opposites import SIDES, opposites, side_of
from arbiter.routing.quantities import extract
from arbiter.routing.questions import Questions
from arbiter.routing.repair import Repair
from arbiter.routing.scorer import Scorer
from arbiter.routing.segmentation import punctuated
from arbiter.routing.text import MAX_CHARACTERS, expand, normalise, words
from arbiter.rules import Rule
from arbiter.skill import Route, Skill, SkillCall, Steps

COMMON = 16000  # ranks of the encoder's vocabulary that count as English words
WHOLE = 0.8  # score that a compound needs to be taken as one command
_NO_TYPOS = (*SIDES, *"then and forward backward degrees meters seconds please while without instead after before never".split())
_UNITS = frozenset(
    "once twice thrice deg degs degrees rad rads sec secs min mins hrs cms mtr mtrs metre metres centimetre centimetres yds "
    "kmh kph smidge smidgen".split()
)


def _stems(word: str) -> set[str]:
    """What a verb in "-ing" comes from: "waving" from "wave", "sitting" from "sit"."""
    stem = word.removesuffix("ing")
    return {word, stem, f"{stem}e", stem[:-1] if stem[-2:-1] == stem[-1:] else stem}


def _rejected(
    text: str, reason: str, rule: Rule | None, said: str = "", score: float = math.nan, margin: float = math.nan
) -> Route:
    return Route(text, "rejected", (), reason, score, margin, rule=rule, said=said)


def _pieces(follow: Followed) -> list[tuple[Piece, Choice]]:
    """The plan of a follow-up as choices, one after the other or at once as it says; its notes are told with the first."""
    calls = [(call, "while" if index else "then") for step in follow.steps for index, call in enumerate(step)]
    return [
        (Piece(call.phrase, joint), Choice(call, "" if number else follow.reason, call.score, call.margin))
        for number, (call, joint) in enumerate(calls)
    ]


class Router:
    """Routes instructions to the loaded skills.

    Args:
        skills: What can be asked for.
        model_dir: Folder of encoder and head; the shipped one if None.
        encoder: Texts -> unit vectors; the encoder of `model_dir` if None.
        groups: Joint masks of the robot by name, which tell what can run at once; None: of no robot in particular.
    """

    def __init__(
        self,
        skills: Sequence[Skill],
        model_dir: Path | None = None,
        encoder: Callable[[Sequence[str]], np.ndarray] | None = None,
        groups: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        folder = model_dir or MODEL_DIR
        self.skills = {skill.name: skill for skill in skills}
        self._groups = groups or {}
        if len(self.skills) < len(skills):
            names = [skill.name for skill in skills]
            raise SkillError(
                f"skill {next(name for name in names if names.count(name) > 1)!r} is there twice; rename one of them"
            )
        artefact = load(folder)
        encoder = encoder or Encoder(folder)
        if isinstance(encoder, Encoder) and encoder.digest != artefact.encoder:
            raise ConfigError(
                f"the head in {folder} was fitted on another encoder; run `python -m training.router.fit --model {folder}`"
            )
        self._setup(skills, artefact, encoder)

    def _setup(self, skills: Sequence[Skill], artefact: Artefact, encoder: Callable[[Sequence[str]], np.ndarray]) -> None:
        pairs = opposites(skills)
        joined = {name: pair.names[0] for pair in pairs for name in pair.names}
        self.scorer = Scorer(skills, artefact, encoder, joined)
        self._chooser = Chooser(self.skills, self.scorer, artefact.calibration.accept, pairs)
        self._utterances = frozenset(expand(normalise(text)) for skill in skills for text in skill.utterances)
        self._last_plan = LastPlan(self._chooser)
        self._questions = Questions(self.skills, self._chooser.owner, self._utterances, lambda text: self._route(text, ()))
        asked: Counter[str] = Counter((*_NO_TYPOS, *MENDED, *NUMBER_WORDS))
        refused: set[str] = set()
        for text, label in zip(self.scorer.texts, self.scorer.labels, strict=True):
            (refused if label == NONE else asked).update(words(text))
        known = encoder.common_words(COMMON) if isinstance(encoder, Encoder) else frozenset()
        self._asked = frozenset(asked)
        self._repair = Repair(asked, refused, known | _UNITS | OTHER_WORDS)

    def route(self, text: str, last: Steps = ()) -> Route:
        """What to do about `text`. Never raises.

        Args:
            text: The instruction.
            last: The plan that "again", "a bit more" and "the other hand" mean, as `Route.steps`; () where there is none.
        """
        start = time.perf_counter()
        route = self._route(text, last)
        if route.outcome == "rejected" and may_mean_stop(text):
            reason = "words of the text mean stop, and no command is understood beside them"
            route = self._stopped(text, 1.0, 1.0, reason, Rule.STOP_GUARD)
        return dataclasses.replace(route, ms=(time.perf_counter() - start) * 1e3)

    def _route(self, text: str, last: Steps) -> Route:
        if stop_guard(text):
            return self._stopped(text, 1.0, 1.0, "a word of the text means stop", Rule.STOP_GUARD)
        if len(text) > MAX_CHARACTERS:
            reason = f"too long: {len(text)} characters; an instruction has at most {MAX_CHARACTERS}"
            return _rejected(text, reason, Rule.LENGTH)
        if odd := unreadable(text):
            reason = f'"{odd}" is no number this robot reads; write it in digits, such as 1000 or 0.5'
            return _rejected(text, reason, Rule.NUMBER, odd)
        given = expand(normalise(text))
        if wide := spread(given):
            return _rejected(text, f'gives a range, "{wide}"; say one number', Rule.NUMBER, wide)
        if answer := self._questions.answer(given):
            return _rejected(text, answer, Rule.QUESTION)
        if self._is_utterance(given, last):
            return self._plan(text, (Piece(given, "then"),), None)
        if language := foreign(given, self._asked):
            return _rejected(text, f"sounds like {language}; this robot speaks English", Rule.LANGUAGE)
        said = self._repair(given)
        if said != given and stop_guard(said):
            return self._stopped(text, 1.0, 1.0, "a word of the text, its typing error mended, means stop", Rule.STOP_GUARD, said)
        if said != given and (answer := self._questions.answer(said)):
            return _rejected(text, answer, Rule.QUESTION)
        plain = punctuated(corrected(held(said)))
        if said and not plain:
            return _rejected(text, "takes back what it asks for", Rule.CORRECTION)
        if follow := self._last_plan.followed(plain, last):
            return self._followed(text, follow)
        parsed = Parsed((Piece(plain, "then"),), ()) if self._one_phrase(plain) else parse(plain)
        if not parsed.pieces:
            if parsed.ruled_out:
                reason = f'only says what not to do: "{", ".join(parsed.ruled_out)}"'
                forbidden = self._forbidden(parsed.ruled_out)
                return dataclasses.replace(_rejected(text, reason, Rule.NEGATION), forbids=forbidden)
            return _rejected(text, "no words that ask for anything", Rule.CLAUSES)
        if len(parsed.pieces) > MAX_PIECES:
            return _rejected(text, f"asks for {len(parsed.pieces)} things; at most {MAX_PIECES} at a time", Rule.CLAUSES)
        return self._plan(text, parsed.pieces, None if ":" in plain else last)

    def _forbidden(self, ruled_out: Sequence[str]) -> tuple[str, ...]:
        """Skills that are ruled out: "don't walk" means every way of walking, "don't turn left" one of turning."""
        found: set[str] = set()
        for clause in map(without_negation, ruled_out):
            said = words(clause)
            meant = {name for name in self.skills if len(said) == 1 and name.split("_")[0] in _stems(said[0])}
            if said and (call := self._chooser.choose(clause, None).call):
                kind = self.scorer.class_of[call.skill]
                meant |= {call.skill, *(name for name in self.skills if self.scorer.class_of[name] == kind)}
            sides = extract(clause)[0].sides
            found |= {name for name in meant if not sides or side_of(name) in ("", *sides)}
        return tuple(sorted(found - {STOP}))

    def _is_utterance(self, given: str, last: Steps) -> bool:
        """Whether a text is a skill's own utterance, which only the stop guard may take for anything else.

        "Walk again" is no utterance as it stands: a last plan says how far.
        """
        if given not in self._utterances and ((last and follow_up(given)) or self._goes_on(given)):
            return False
        return self._chooser.owner(given) != "" and not (" and " in given and extract(given)[0].values)

    def _one_phrase(self, plain: str) -> bool:
        """Whether a text is a skill's phrase as it stands. A quantity amid several clauses may be of a command of its own."""
        counted = " and " in plain and extract(plain)[0].values
        return self.scorer.knows(canonical(plain)) and not counted and not self._goes_on(plain)

    @staticmethod
    def _goes_on(plain: str) -> bool:
        """Whether a clause of several refers to the one before it, or to the last plan: "wave, then again"."""
        if follow_up(plain) is None:
            return False
        pieces = parse(plain).pieces
        found = [follow for piece in pieces if (follow := follow_up(piece.text))]
        return len(pieces) > 1 and any(not (follow.rest or follow.plain) for follow in found)

    def _stopped(self, text: str, score: float, margin: float, reason: str, rule: Rule, said: str = "") -> Route:
        call = SkillCall(STOP, defaults(self.skills, STOP), score, margin, text.strip()[:MAX_CHARACTERS])
        return Route(text, "stopped", ((call,),), reason, score, margin, rule=rule, said=said)

    # -- plans ----------------------------------------------------------------------------------------------------

    def _followed(self, text: str, follow: Followed) -> Route:
        calls = [call for step in follow.steps for call in step]
        if not calls:
            return _rejected(text, follow.reason, Rule.FOLLOW_UP)
        score, margin = min(call.score for call in calls), min(call.margin for call in calls)
        return Route(text, "accepted", follow.steps, follow.reason, score, margin)

    def _plan(self, text: str, pieces: tuple[Piece, ...], last: Steps | None) -> Route:
        choices: list[tuple[Piece, Choice]] = []
        index = 0
        while index < len(pieces):
            piece, used = pieces[index], 1
            if pieces[index + 1 : index + 2] and pieces[index + 1].joint == "list" and self._last_plan.urges(piece.text):
                index += 1  # "go on, walk forward"
                continue
            follow = None if last is None else self._follow(text, pieces, index, choices, last)
            if follow is not None and not follow.steps:
                return _rejected(text, follow.reason, Rule.FOLLOW_UP, piece.text)
            if follow is not None:
                choices += _pieces(follow)
                index += 1
                continue
            choice = self._chooser.choose(piece.text, choices[-1][1] if choices else None)
            if choice.call is None and not choice.firm:
                piece, choice, used = self._widened(pieces, index, choices, choice)
            if choices and choice is choices[-1][1]:
                index += 1  # "turn right, then face the wall" is one turn
                continue
            if choice.remark and index + 1 < len(pieces) and pieces[index + 1].joint == "list":
                index += 1  # "you're too close, back off"
                continue
            if choice.call is None:
                part = f' (in "{piece.text}")' if len(pieces) > 1 else ""
                said = choice.said or (piece.text if part else "")
                return _rejected(text, choice.reason + part, choice.rule, said, choice.score, choice.margin)
            if choice.call.skill == STOP and (len(pieces) == 1 or index + used < len(pieces)):
                return self._stopped(text, choice.score, choice.margin, "means stop", choice.rule or Rule.SCORE)
            choices.append((piece, choice))
            index += used
        return self._arrange(text, choices)

    def _follow(
        self, text: str, pieces: tuple[Piece, ...], index: int, choices: list[tuple[Piece, Choice]], last: Steps
    ) -> Followed | None:
        """What a piece says of those before it, or of the last plan where it is the first; None where it says nothing of them."""
        piece = pieces[index]
        follow = follow_up(piece.text)
        if follow is None or (index and piece.joint == "list" and follow.plain):
            return None  # "off you go, straight ahead": a detail
        so_far = self._arrange(text, choices).steps if choices else last
        return self._last_plan.followed(piece.text, so_far, inside=bool(choices))

    def _widened(
        self, pieces: tuple[Piece, ...], index: int, choices: list[tuple[Piece, Choice]], alone: Choice
    ) -> tuple[Piece, Choice, int]:
        """A piece that means nothing alone may be a part of one command: "reach out and touch the ball"."""
        piece = pieces[index]
        options = []
        if index + 1 < len(pieces) and pieces[index + 1].joint in ("and", "list"):
            options.append((Piece(f"{piece.text} and {pieces[index + 1].text}", piece.joint), 2))
        for wider, used in options:
            choice = self._chooser.choose(wider.text, None)
            if choice.call is not None and choice.score >= WHOLE:
                return wider, choice, used
        if choices and piece.joint in ("and", "list"):
            before, chosen = choices[-1]
            wider = Piece(f"{before.text} and {piece.text}", before.joint)
            choice = self._chooser.choose(wider.text, None)
            same = choice.call is not None and chosen.call is not None and choice.call.skill == chosen.call.skill
            if same and choice.score >= WHOLE:
                choices.pop()
                return wider, choice, 1
        return piece, alone, 1

    def _arrange(self, text: str, choices: list[tuple[Piece, Choice]]) -> Route:
        steps: list[list[SkillCall]] = []
        notes = [choice.reason for _, choice in choices if choice.reason]
        for piece, choice in choices:
            if (call := choice.call) is None:
                continue  # a refusal: whoever chose has left it out
            if steps and piece.joint in ("and", "list") and any(self._same(call, other) for other in steps[-1]):
                continue
            if steps and piece.joint in ("and", "list") and self._details(call, steps[-1][-1]):
                steps[-1][-1] = call  # "stretch out your arm and point left"
                continue
            if steps and piece.joint in ("and", "while"):
                clash = next((other for other in steps[-1] if not self._free(call.skill, other.skill)), None)
                if clash is None:
                    steps[-1].append(call)
                    continue
                if piece.joint == "while":
                    whole = self._chooser.choose(text, None)  # "trace a circle as you walk" is one command
                    alike = self.skills[call.skill].policy == self.skills[clash.skill].policy
                    if (
                        alike
                        and len(choices) == 2
                        and whole.call is not None
                        and whole.score >= WHOLE
                        and self._covers(whole.call, choices)
                    ):
                        return Route(text, "accepted", ((whole.call,),), whole.reason, whole.score, whole.margin)
                    reason = f"{clash.skill} and {call.skill} can't run at once: both need the same joints"
                    return _rejected(text, reason, Rule.JOINTS, "", choice.score, choice.margin)
            steps.append([call])
        calls = [call for step in steps for call in step]
        return Route(
            text,
            "accepted",
            tuple(map(tuple, steps)),
            "; ".join(notes),
            min(call.score for call in calls),
            min(call.margin for call in calls),
        )

    def _covers(self, whole: SkillCall, choices: list[tuple[Piece, Choice]]) -> bool:
        """Whether a skill's phrases have the first word of each piece: "walk" in "walk in a circle", but not "bow" in "wave"."""
        said = self.scorer.words[self.scorer.class_of[whole.skill]]
        return all(words(piece.text)[0] in said for piece, _ in choices)

    def _details(self, call: SkillCall, before: SkillCall) -> bool:
        """Whether a call says again in other words, and in detail, what the one before it asked for."""
        again = call.skill == before.skill and call.phrase.split()[0] != before.phrase.split()[0]
        return again and before.parameters == defaults(self.skills, before.skill)

    @staticmethod
    def _same(a: SkillCall, b: SkillCall) -> bool:
        return a.skill == b.skill and a.parameters == b.parameters

    def _free(self, a: str, b: str) -> bool:
        """Whether two skills can run at once: their joint groups share no joint."""
        names = [self.skills[name].joints for name in (a, b)]
        mine, theirs = (self._groups.get(name) for name in names)
        if mine is None or theirs is None:  # of no robot in particular: groups of other names are others
            return names[0] != names[1] and "whole_body" not in names
        return not (mine & theirs).any()
