"""Words -> Route. Pure and deterministic: the same skills and text give the same route, on any thread, in any order."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from arbiter.errors import ConfigError, SkillError
from arbiter.routing.arrangement import rejected, stopped
from arbiter.routing.artefact import load
from arbiter.routing.choice import Chooser
from arbiter.routing.clauses import Piece, parse
from arbiter.routing.corpus import canonical, utterances
from arbiter.routing.encoder import MODEL_DIR, Encoder
from arbiter.routing.followup_skills import of_it
from arbiter.routing.followups import follow_up
from arbiter.routing.guard import may_mean_stop, means_stop, stop_guard
from arbiter.routing.holding import held
from arbiter.routing.interpreter import Interpreter, put_off
from arbiter.routing.languages import foreign
from arbiter.routing.languages.english import english
from arbiter.routing.last_plan import FollowedPlan
from arbiter.routing.mending import Mending
from arbiter.routing.numerals import spread, unreadable
from arbiter.routing.opposites import opposites
from arbiter.routing.planner import Planner
from arbiter.routing.pronouns import Pronouns
from arbiter.routing.quantities import extract
from arbiter.routing.questions import Questions
from arbiter.routing.refusals import Refusals
from arbiter.routing.scorer import Scorer
from arbiter.routing.sentence import Sentence, clauses_of, delay, read
from arbiter.routing.statements import named
from arbiter.routing.text import MAX_CHARACTERS, written_out
from arbiter.rules import Rule
from arbiter.skill import Route, Skill, Steps

READ = 4  # sentences that are kept, since one text is looked at more than once
COMMON = 16000  # ranks of the encoder's vocabulary that count as English words


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
        if len(self.skills) < len(skills):
            twice, _ = Counter(skill.name for skill in skills).most_common(1)[0]
            raise SkillError(f"skill {twice!r} is there twice; rename one of them")
        artefact = load(folder)
        encoder = encoder or Encoder(folder)
        if isinstance(encoder, Encoder) and encoder.digest != artefact.encoder:
            raise ConfigError(
                f"the head in {folder} was fitted on another encoder; run `python -m training.router.fit --model {folder}`"
            )
        pairs = opposites(skills)
        joined = {name: pair.names[0] for pair in pairs for name in pair.names}
        self.scorer = Scorer(skills, artefact, encoder, joined)
        self._chooser = Chooser(self.skills, self.scorer, artefact.calibration.accept, pairs)
        self._utterances = frozenset(written_out(text) for skill in skills for text in skill.utterances)
        self._questions = Questions(self.skills, self._chooser.owner, self._utterances, lambda text: self._route(text, ()))
        self._setup(encoder if isinstance(encoder, Encoder) else None, groups or {})

    def _setup(self, encoder: Encoder | None, groups: Mapping[str, np.ndarray]) -> None:
        wordings = encoder.wordings if encoder else frozenset()
        self._mended = Mending(self._chooser, wordings, encoder.common_words(COMMON) if encoder else frozenset())
        self._planned = Planner(self._chooser, self._mended.asked, self._utterances, groups)
        structure = encoder.structure if encoder and encoder.structured else None
        cached = lru_cache(READ)(partial(clauses_of, logits=structure, wordings=wordings))
        pronouns = Pronouns(text for skill in self.skills.values() for text in utterances(skill))
        self._read = lru_cache(READ)(partial(read, structure=cached, known=wordings, pronouns=pronouns))
        self._interpreted = Interpreter(self._chooser, self._planned, cached, self._read, wordings | self._mended.asked)
        self._refused = Refusals(self._chooser.starts, wordings | self._mended.asked)

    def route(self, text: str, last: Steps = (), left: Steps | None = None, under_way: bool = False) -> Route:
        """What to do about `text`. Never raises.

        Args:
            text: The instruction.
            last: The plan that "again", "a bit more" and "the other hand" mean, as `Route.steps`; () where there is none.
            left: What is left of it, if it was stopped: what "continue" means.
            under_way: It runs, or is about to: "continue" asks for nothing then.
        """
        start = time.perf_counter()
        self._chooser.forget()
        route = of_it(self._route(text, last, left, under_way), last)
        if route.outcome == "rejected" and may_mean_stop(text):
            reason = "words of the text mean stop, and no command is understood beside them"
            route = stopped(self.skills, text, 1.0, 1.0, reason, Rule.STOP_GUARD)
        return dataclasses.replace(route, ms=(time.perf_counter() - start) * 1e3)

    def parse(self, text: str) -> Sentence:
        """How the router reads a text, its typing errors mended and what it takes back left out. Nothing is routed."""
        given = written_out(text[:MAX_CHARACTERS])
        sentence = self._read(self._interpreted.retold(held(self._mended(given))))
        return dataclasses.replace(sentence, put_off=sentence.put_off or delay(given))

    def _route(self, text: str, last: Steps, left: Steps | None = None, under_way: bool = False) -> Route:
        if stop_guard(text):
            return stopped(self.skills, text, 1.0, 1.0, "a word of the text means stop", Rule.STOP_GUARD)
        if len(text) > MAX_CHARACTERS:
            reason = f"too long: {len(text)} characters; an instruction has at most {MAX_CHARACTERS}"
            return rejected(text, reason, Rule.LENGTH)
        if odd := unreadable(text):
            reason = f'"{odd}" is no number this robot reads; write it in digits, such as 1000 or 0.5'
            return rejected(text, reason, Rule.NUMBER, odd)
        given = written_out(text)
        if wide := spread(given):
            return rejected(text, f'gives a range, "{wide}"; say one number', Rule.NUMBER, wide)
        if answer := self._questions.answer(given):
            return rejected(text, answer, Rule.QUESTION)
        if given not in self._utterances and (late := delay(given)):
            return put_off(text, late)
        if given not in self._utterances and (refusal := self._refused(text, given)):
            return refusal
        if self._is_utterance(given):
            return self._planned(text, (Piece(given, "then"),), None if given in self._utterances else last)
        if language := foreign(text, self._mended.asked | english().units, self._mended.knows):
            return rejected(text, f"{language}; this robot speaks English", Rule.LANGUAGE)
        route = self._of_heard(text, given, said := self._mended(given, named(text)), last, left, under_way)
        if (
            route.rule in (Rule.SCORE, Rule.COVERAGE)
            and (other := self._mended(given, self.scorer.learned | named(text))) != said
        ):
            again = self._of_heard(text, given, other, last, left, under_way)  # "bum" is no "bump", and "Lind" no "line"
            return again if again.outcome == "accepted" else route
        return route

    def _of_heard(self, text: str, given: str, said: str, last: Steps, left: Steps | None, under_way: bool) -> Route:
        """The route of a text with its typing errors mended."""
        if said != given and means_stop(said):
            reason = "a word of the text, its typing error mended, means stop"
            return stopped(self.skills, text, 1.0, 1.0, reason, Rule.STOP_GUARD, said)
        if said != given and (answer := self._questions.answer(said)):
            return rejected(text, answer, Rule.QUESTION)
        mended = self._interpreted.retold(held(said))
        if said and not mended:
            return rejected(text, "takes back what it asks for", Rule.CORRECTION)
        if onward := self._planned.stopped_plan.goes_on(mended, last, left, under_way):
            return self._followed(text, onward)
        done, unknown = self._planned.stopped_plan.done(mended, last, left)
        route = self._of_mended(text, mended, done)
        undoes = unknown and self._planned.stopped_plan.concerns(route.steps, last)
        return rejected(text, unknown, Rule.FOLLOW_UP) if undoes else route

    def _of_mended(self, text: str, mended: str, last: Steps) -> Route:
        follow = self._planned.last_plan.refers(mended, last)
        if follow and (follow.steps or not self._planned.returns(mended)):
            return self._followed(text, follow)
        if self.scorer.knows(canonical(mended)) and self._whole(mended):
            return self._planned(text, (Piece(mended, "then"),), last)
        return self._interpreted(text, mended, last)

    def _is_utterance(self, given: str) -> bool:
        """Whether a text is a skill's own utterance, which only the stop guard may take for anything else."""
        return self._chooser.owner(given) != "" and self._whole(given)

    def _whole(self, said: str) -> bool:
        """Whether a skill's phrase is no more than that: none of several clauses has a quantity or refers to the
        last plan."""
        if " and " in said and extract(said)[0].values:
            return False
        follow = None if said in self._utterances else follow_up(said)
        return follow is None or follow.plain or len(parse(said).pieces) < 2

    def _followed(self, text: str, follow: FollowedPlan) -> Route:
        calls = [call for step in follow.steps for call in step]
        if not calls:
            return rejected(text, follow.reason, Rule.FOLLOW_UP)
        score, margin = min(call.score for call in calls), min(call.margin for call in calls)
        return Route(text, "accepted", follow.steps, follow.reason, score, margin)
