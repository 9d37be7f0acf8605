"""Words -> Route. Pure and deterministic: the same skills and text give the same route, on any thread, in any order."""

from __future__ import annotations

import dataclasses
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from arbiter.errors import ConfigError, SkillError
from arbiter.routing.arrangement import rejected, stopped
from arbiter.routing.artefact import Artefact, load
from arbiter.routing.choice import Chooser
from arbiter.routing.classifier import NONE
from arbiter.routing.clauses import MAX_PIECES, Parsed, Piece, parse
from arbiter.routing.corpus import canonical
from arbiter.routing.corrections import corrected, corrected_by
from arbiter.routing.encoder import MODEL_DIR, Encoder
from arbiter.routing.followup_skills import of_it
from arbiter.routing.followups import follow_up, marks
from arbiter.routing.guard import MENDED, OTHER_WORDS, may_mean_stop, stop_guard
from arbiter.routing.holding import held
from arbiter.routing.languages import foreign
from arbiter.routing.last_plan import FollowedPlan
from arbiter.routing.numerals import NUMBER_WORDS
from arbiter.routing.oddities import spread, unreadable
from arbiter.routing.opposites import SIDES, opposites, side_of
from arbiter.routing.planner import Planner
from arbiter.routing.pronouns import Pronouns
from arbiter.routing.quantities import extract
from arbiter.routing.questions import Questions
from arbiter.routing.repair import SHORT, Repair
from arbiter.routing.repetition import RepeatedPlan, of_plan
from arbiter.routing.ruled_out import RuledOut
from arbiter.routing.scorer import Scorer
from arbiter.routing.sentence import Sentence, delay, depends, read
from arbiter.routing.statements import somebody
from arbiter.routing.text import MAX_CHARACTERS, expand, normalise, words
from arbiter.routing.told_order import both_first
from arbiter.routing.units import LENGTH_OR_TIME
from arbiter.rules import Rule
from arbiter.skill import Route, Skill, Steps

COMMON = 16000  # ranks of the encoder's vocabulary that count as English words
_NO_TYPOS = (
    *SIDES,
    *"then and forward backward clockwise anticlockwise counterclockwise degrees meters seconds".split(),
    *"please while without instead after before never".split(),
)
_UNITS = frozenset(
    "once twice thrice deg degs degrees rad rads sec secs min mins hrs cms mtr mtrs metre metres centimetre centimetres yds "
    "kmh kph smidge smidgen".split()
)
_EXCLAIMED = frozenset("oops whoops nope yep yeah ouch ach och hiya blimey".split())  # no typing errors of other words
_ASKED = re.compile(  # politeness may begin with "what", too: "what do you say you bow"
    r"(?:which|who|whose|where) |what (?:can|do|did|does|will|is|are) (?!you (?:say|think|reckon)|the chances|your chances)"
)
_DOUBLED = re.compile(  # "turn turn left", "two two metres"; but "one one five"
    rf"\b(?!\d|one\b|two\b|three\b)([a-z]+)(?: \1)+\b|\b(one|two|three)(?: \2)+(?= (?:{LENGTH_OR_TIME})\b)"
)


def _waits(late: str) -> str:
    return f'waits for something: "{late}"; this robot does at once what it is told'


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
            twice, _ = Counter(skill.name for skill in skills).most_common(1)[0]
            raise SkillError(f"skill {twice!r} is there twice; rename one of them")
        artefact = load(folder)
        encoder = encoder or Encoder(folder)
        if isinstance(encoder, Encoder) and encoder.digest != artefact.encoder:
            raise ConfigError(
                f"the head in {folder} was fitted on another encoder; run `python -m training.router.fit --model {folder}`"
            )
        self._structure = encoder.structure if isinstance(encoder, Encoder) and encoder.structured else None
        self._wordings = encoder.wordings if isinstance(encoder, Encoder) else frozenset()
        self._setup(skills, artefact, encoder)

    def _setup(self, skills: Sequence[Skill], artefact: Artefact, encoder: Callable[[Sequence[str]], np.ndarray]) -> None:
        pairs = opposites(skills)
        joined = {name: pair.names[0] for pair in pairs for name in pair.names}
        self.scorer = Scorer(skills, artefact, encoder, joined)
        self._chooser = Chooser(self.skills, self.scorer, artefact.calibration.accept, pairs)
        self._pronouns = Pronouns(canonical(text) for skill in skills for text in skill.utterances)
        self._utterances = frozenset(expand(normalise(text)) for skill in skills for text in skill.utterances)
        self._questions = Questions(self.skills, self._chooser.owner, self._utterances, lambda text: self._route(text, ()))
        asked: Counter[str] = Counter((*_NO_TYPOS, *MENDED, *NUMBER_WORDS, *marks()))
        refused: set[str] = set()
        for text, label in zip(self.scorer.texts, self.scorer.labels, strict=True):
            (refused if label == NONE else asked).update(words(text))
        known = encoder.common_words(COMMON) if isinstance(encoder, Encoder) else frozenset()
        self._asked = frozenset(asked)
        moves = (skill for skill in skills if side_of(skill.name) and {p.name for p in skill.parameters} & {"distance", "angle"})
        verbs = sorted({verb for skill in moves for verb in self._chooser.verbs[self.scorer.class_of[skill.name]]})
        # "Turn right after you stand up" names a side, "wave right after you stand up" does not.
        self._aside = re.compile(
            rf"(\b(?:{'|'.join(map(re.escape, verbs)) or '(?!)'}) right)(?= (?:right )?(?:after|before|once)\b)"
        )
        self._ruled_out = RuledOut(self.skills, self._chooser)
        self._planned = Planner(self._chooser, self._asked, self._utterances, self._groups)
        spoken = {name for word in self._wordings if len(word) > SHORT for name in (word, f"{word}y")}  # "old chap", "ducky"
        self._repair = Repair(asked, refused, known | _UNITS | OTHER_WORDS | _EXCLAIMED | spoken)

    def route(self, text: str, last: Steps = (), left: Steps | None = None) -> Route:
        """What to do about `text`. Never raises.

        Args:
            text: The instruction.
            last: The plan that "again", "a bit more" and "the other hand" mean, as `Route.steps`; () where there is none.
            left: What is left of it, if it was stopped: what "continue" means.
        """
        start = time.perf_counter()
        self._chooser.forget()
        route = of_it(self._route(text, last, left), last)
        if route.outcome == "rejected" and may_mean_stop(text):
            reason = "words of the text mean stop, and no command is understood beside them"
            route = stopped(self.skills, text, 1.0, 1.0, reason, Rule.STOP_GUARD)
        return dataclasses.replace(route, ms=(time.perf_counter() - start) * 1e3)

    def parse(self, text: str) -> Sentence:
        """How the router reads a text, its typing errors mended and what it takes back left out. Nothing is routed."""
        given = expand(normalise(text[:MAX_CHARACTERS]))
        sentence = read(corrected(held(self._heard(given))), self._structure, self._wordings, self._pronouns)
        return dataclasses.replace(sentence, put_off=sentence.put_off or delay(given))

    def _heard(self, given: str, spared: frozenset[str] = frozenset()) -> str:
        """A text with typing errors mended, words doubled in speech once, and a side apart from what follows it.

        Args:
            spared: Words that are no typing errors.
        """
        return self._aside.sub(r"\1,", self._repair(_DOUBLED.sub(r"\1\2", given), spared))

    def _route(self, text: str, last: Steps, left: Steps | None = None) -> Route:
        if stop_guard(text):
            return stopped(self.skills, text, 1.0, 1.0, "a word of the text means stop", Rule.STOP_GUARD)
        if len(text) > MAX_CHARACTERS:
            reason = f"too long: {len(text)} characters; an instruction has at most {MAX_CHARACTERS}"
            return rejected(text, reason, Rule.LENGTH)
        if odd := unreadable(text):
            reason = f'"{odd}" is no number this robot reads; write it in digits, such as 1000 or 0.5'
            return rejected(text, reason, Rule.NUMBER, odd)
        given = expand(normalise(text))
        if wide := spread(given):
            return rejected(text, f'gives a range, "{wide}"; say one number', Rule.NUMBER, wide)
        if answer := self._questions.answer(given):
            return rejected(text, answer, Rule.QUESTION)
        if given not in self._utterances and (late := delay(given)):
            return rejected(text, _waits(late), Rule.CONDITION, late)
        if self._is_utterance(given):
            return self._planned(text, (Piece(given, "then"),), last if self._refers(given, last) else None)
        if language := foreign(text, self._asked | _UNITS, self._repair.knows):
            return rejected(text, f"{language}; this robot speaks English", Rule.LANGUAGE)
        route = self._of_heard(text, given, said := self._heard(given), last, left)
        if route.rule in (Rule.SCORE, Rule.COVERAGE) and (other := self._heard(given, self.scorer.learned)) != said:
            again = self._of_heard(text, given, other, last, left)  # "bum" is no "bump"
            return again if again.outcome == "accepted" else route
        return route

    def _of_heard(self, text: str, given: str, said: str, last: Steps, left: Steps | None) -> Route:
        """The route of a text with its typing errors mended."""
        if said != given and stop_guard(said):
            reason = "a word of the text, its typing error mended, means stop"
            return stopped(self.skills, text, 1.0, 1.0, reason, Rule.STOP_GUARD, said)
        if said != given and (answer := self._questions.answer(said)):
            return rejected(text, answer, Rule.QUESTION)
        mended = corrected(held(said))
        if said and not mended:
            return rejected(text, "takes back what it asks for", Rule.CORRECTION)
        if follow := self._planned.stopped_plan.goes_on(mended, last, left) or self._planned.last_plan.refers(mended, last):
            return self._followed(text, follow)
        if self._one_phrase(mended):
            return self._planned(text, (Piece(mended, "then"),), last)
        return self._of_plan(text, mended, last)

    def _of_plan(self, text: str, said: str, last: Steps | None) -> Route:
        """The route of a text that may say how often all of it is to be done."""
        if repeated := of_plan(said):
            route = self._understood(text, repeated.rest, last)
            if route.outcome != "accepted" or sum(map(len, route.steps)) > 1:
                return self._repeated(route, repeated)
            said = f"{repeated.rest} {repeated.times} times"  # of one command: its own parameter
        return self._understood(text, said, last)

    def _understood(self, text: str, said: str, last: Steps | None) -> Route:
        """The route of a normalised text that is parsed here, once."""
        if _ASKED.match(said):
            return rejected(text, f'a question or a remark, no instruction: "{said}"', Rule.STATEMENT)
        sentence = read(said, self._structure, self._wordings, self._pronouns)
        if retold := corrected_by(sentence.clauses):  # words of regret that only the encoder knows
            return self._understood(text, retold, last)
        if name := somebody(text, sentence.clauses, self._wordings | self._asked):
            return rejected(text, f'said to somebody else: "{name}"; leave out the name', Rule.STATEMENT, name)
        if both_first(sentence.clauses):
            return rejected(text, "tells two things to be the first", Rule.CLAUSES)
        if late := sentence.put_off or depends(said, self._chooser.starts):
            return rejected(text, _waits(late), Rule.CONDITION, late)
        if sentence.plain != said and of_plan(sentence.plain):
            return self._of_plan(text, sentence.plain, last)
        route = self._of_sentence(text, said, sentence, last)
        if sentence.told and route.outcome == "accepted":
            return rejected(text, f'a remark, no instruction: "{said}"', Rule.STATEMENT)
        return route

    def _of_sentence(self, text: str, said: str, sentence: Sentence, last: Steps | None) -> Route:
        parsed = sentence.parsed
        if not parsed.pieces:
            if parsed.ruled_out:
                reason = f'only says what not to do: "{", ".join(parsed.ruled_out)}"'
                forbidden = self._ruled_out.forbidden(parsed.ruled_out)
                return dataclasses.replace(rejected(text, reason, Rule.NEGATION), forbids=forbidden)
            return rejected(text, "no words that ask for anything", Rule.CLAUSES)
        if len(parsed.pieces) > MAX_PIECES:
            return rejected(text, f"asks for {len(parsed.pieces)} things; at most {MAX_PIECES} at a time", Rule.CLAUSES)
        if self._of_one_skill(said, parsed):
            return self._planned(text, (Piece(said, "then"),), last)
        refers = None if ":" in said or parsed.ruled_out else last
        unread = (*sentence.left_out, *self._ruled_out.unread(parsed.ruled_out))
        route = self._planned(text, parsed.pieces, refers, unread, sentence.manners)
        return self._ruled_out.on_the_other(route, parsed.ruled_out)

    def _of_one_skill(self, said: str, parsed: Parsed) -> bool:
        """Whether pieces that no order parts are one command of a third party: "lift your knees up and march on the spot"."""
        joints = {piece.joint for piece in parsed.pieces[1:]}
        if not joints or "then" in joints or parsed.ruled_out or not self._chooser.one_command(said):
            return False
        whole = self._chooser.kind(self._chooser.choose(said, None))
        apart = (self._chooser.kind(self._chooser.choose(piece.text, None)) for piece in parsed.pieces)
        return "while" in joints or any(kind != whole for kind in apart)

    @staticmethod
    def _repeated(route: Route, repeated: RepeatedPlan) -> Route:
        """An accepted plan so often as was said."""
        calls = repeated.times * sum(map(len, route.steps))
        if route.outcome != "accepted" or repeated.times < 2:
            return route
        if calls > MAX_PIECES:
            reason = f'asks for {calls} things ("{repeated.said}"); at most {MAX_PIECES} at a time'
            return rejected(route.text, reason, Rule.CLAUSES)
        return dataclasses.replace(route, steps=route.steps * repeated.times)

    def _is_utterance(self, given: str) -> bool:
        """Whether a text is a skill's own utterance, which only the stop guard may take for anything else."""
        if not self._chooser.owner(given) or (" and " in given and extract(given)[0].values):
            return False
        return given in self._utterances or not self._goes_on(given)

    def _refers(self, given: str, last: Steps) -> bool:
        """Whether a last plan says more of a skill's utterance: "walk again"."""
        follow = follow_up(given) if last and given not in self._utterances else None
        return follow is not None and not follow.plain

    def _one_phrase(self, plain: str) -> bool:
        """Whether a text is a skill's phrase as it stands. A quantity amid several clauses may be of a command of its own."""
        return (
            self.scorer.knows(canonical(plain))
            and not (" and " in plain and extract(plain)[0].values)
            and not self._goes_on(plain)
        )

    @staticmethod
    def _goes_on(plain: str) -> bool:
        """Whether a clause of several refers to the one before it, or to the last plan: "wave, then again"."""
        if follow_up(plain) is None:
            return False
        pieces = parse(plain).pieces
        found = [follow for piece in pieces if (follow := follow_up(piece.text))]
        return len(pieces) > 1 and any(not (follow.rest or follow.plain) for follow in found)

    def _followed(self, text: str, follow: FollowedPlan) -> Route:
        calls = [call for step in follow.steps for call in step]
        if not calls:
            return rejected(text, follow.reason, Rule.FOLLOW_UP)
        score, margin = min(call.score for call in calls), min(call.margin for call in calls)
        return Route(text, "accepted", follow.steps, follow.reason, score, margin)
