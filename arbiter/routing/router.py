"""Words -> Route. Pure and deterministic: the same skills and text give the same route, on any thread, in any order."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from arbiter.errors import SkillError
from arbiter.routing.artefact import Artefact, load
from arbiter.routing.clauses import MAX_PIECES, Piece, parse
from arbiter.routing.encoder import MODEL_DIR, Encoder
from arbiter.routing.guard import stop_guard
from arbiter.routing.head import NONE
from arbiter.routing.pairs import SIDES, opposites, side_of
from arbiter.routing.parameters import fill
from arbiter.routing.quantities import extract
from arbiter.routing.repair import Repair
from arbiter.routing.scorer import Scored, Scorer, canonical
from arbiter.routing.text import MAX_CHARACTERS, expand, normalise, words
from arbiter.skill import Route, Skill, SkillCall

STOP = "stop"
COMMON = 16000  # ranks of the encoder's vocabulary that count as English words
STOP_ACCEPT = 0.4  # a stop needs less certainty than a motion
TIE = 0.6  # next candidate's score over the best one's from which the two are told to be ambiguous
SURE = 0.85  # share from which the head may contradict a direction word
SIDELESS = 0.5  # cosine to a phrase without a side from which a command may leave its side out
WHOLE = 0.8  # score that a compound needs to be taken as one command
_BARE_SIDE = frozenset("left right leftward leftwards rightward rightwards to the your on side hand clockwise counterclockwise anticlockwise a again now".split())
_NO_COMMAND = re.compile(r"^(?:i|he|she|they|we|my|his|her|our|did|does|is|are|was|were|am|has|had|who|whose|what|which|when|why|how|where"
                         r"|can|could|would|will|should|shall|may|might|must|do (?:you|they|i|we)|have (?:you|they|i|we)) ")
_FUNCTION = frozenset("the a an to of at in on it your my me you and for with that this is are be do".split())


@dataclass(frozen=True, slots=True)
class Choice:
    """What one piece came to: a call, or why there is none.

    Attributes:
        call: None when refused. reason: Refusal, or notes on a call. score, margin: See SkillCall.
        firm: A refusal that a larger context must not overrule.
    """

    call: SkillCall | None
    reason: str = ""
    score: float = float("nan")
    margin: float = float("nan")
    firm: bool = False


class Router:
    """Routes instructions to the loaded skills.

    Args:
        skills: What can be asked for.
        model_dir: Folder of encoder and head; the shipped one if None.
        encoder: Texts -> unit vectors; the encoder of `model_dir` if None.
    """

    def __init__(self, skills: Sequence[Skill], model_dir: Path | None = None,
                 encoder: Callable[[Sequence[str]], np.ndarray] | None = None) -> None:
        folder = model_dir or MODEL_DIR
        self.skills = {skill.name: skill for skill in skills}
        if len(self.skills) < len(skills):
            names = [skill.name for skill in skills]
            raise SkillError(f"skill {next(name for name in names if names.count(name) > 1)!r} is there twice; rename one of them")
        artefact = load(folder)
        encoder = encoder or Encoder(folder)
        if isinstance(encoder, Encoder) and encoder.digest != artefact.encoder:
            raise SkillError(f"the head in {folder} was fitted on another encoder; run `python -m training.router.fit --model {folder}`")
        self._setup(skills, artefact, encoder)

    def _setup(self, skills: Sequence[Skill], artefact: Artefact, encoder: Callable[[Sequence[str]], np.ndarray]) -> None:
        self._accept = artefact.calibration.accept
        self._opposites = opposites(skills)
        joined = {name: pair.names[0] for pair in self._opposites for name in pair.names}
        self.scorer = Scorer(skills, artefact, encoder, joined)
        asked: dict[str, int] = {}
        refused: set[str] = set()
        for text, label in zip(self.scorer.texts, self.scorer.labels, strict=True):
            for word in words(text):
                if label == NONE:
                    refused.add(word)
                else:
                    asked[word] = asked.get(word, 0) + 1
        asked |= {word: asked.get(word, 0) + 1 for word in (*SIDES, "then", "and", "forward", "backward", "degrees", "meters", "seconds", "please",
                                                             "while", "without", "instead", "after", "before", "never")}
        known = encoder.common_words(COMMON) if isinstance(encoder, Encoder) else frozenset()
        self._repair = Repair(asked, known | refused)

    def route(self, text: str) -> Route:
        """What to do about `text`. Never raises."""
        start = time.perf_counter()
        route = self._route(text)
        return dataclasses.replace(route, ms=(time.perf_counter() - start) * 1e3)

    def _route(self, text: str) -> Route:
        if stop_guard(text):
            return self._stopped(text, 1.0, 1.0, "a word of the text means stop")
        if len(text) > MAX_CHARACTERS:
            return Route(text, "rejected", reason=f"too long: {len(text)} characters; an instruction has at most {MAX_CHARACTERS}")
        parsed = parse(self._repair(expand(normalise(text))))
        if not parsed.pieces:
            if parsed.ruled_out:
                return Route(text, "rejected", reason=f'only says what not to do: "{", ".join(parsed.ruled_out)}"')
            return Route(text, "rejected", reason="no words that ask for anything")
        if len(parsed.pieces) > MAX_PIECES:
            return Route(text, "rejected", reason=f"asks for {len(parsed.pieces)} things; at most {MAX_PIECES} at a time")
        return self._plan(text, parsed.pieces)

    def _stopped(self, text: str, score: float, margin: float, reason: str) -> Route:
        call = SkillCall(STOP, self._defaults(STOP), score, margin, text.strip()[:MAX_CHARACTERS])
        return Route(text, "stopped", ((call,),), reason, score, margin)

    def _defaults(self, name: str) -> dict[str, float | str | None]:
        return {p.name: p.default for p in self.skills[name].parameters} if name in self.skills else {}

    # -- plans ----------------------------------------------------------------------------------------------------

    def _plan(self, text: str, pieces: tuple[Piece, ...]) -> Route:
        choices: list[tuple[Piece, Choice]] = []
        index = 0
        while index < len(pieces):
            piece, used = pieces[index], 1
            choice = self._choose(piece.text, choices[-1][1] if choices else None)
            if choice.call is None and not choice.firm:
                piece, choice, used = self._widened(pieces, index, choices, choice)
            if choice.call is None:
                part = f' (in "{piece.text}")' if len(pieces) > 1 else ""
                return Route(text, "rejected", reason=choice.reason + part, score=choice.score, margin=choice.margin)
            if choice.call.skill == STOP and (len(pieces) == 1 or index + used < len(pieces)):
                return self._stopped(text, choice.score, choice.margin, "means stop")
            choices.append((piece, choice))
            index += used
        return self._arrange(text, choices)

    def _widened(self, pieces: tuple[Piece, ...], index: int, choices: list[tuple[Piece, Choice]], alone: Choice) -> tuple[Piece, Choice, int]:
        """A piece that means nothing alone may be a part of one command: "reach out and touch the ball"."""
        piece = pieces[index]
        options = []
        if index + 1 < len(pieces) and pieces[index + 1].joint in ("and", "list"):
            options.append((Piece(f"{piece.text} and {pieces[index + 1].text}", piece.joint), 2))
        for wider, used in options:
            choice = self._choose(wider.text, None)
            if choice.call is not None and choice.score >= WHOLE:
                return wider, choice, used
        if choices and piece.joint in ("and", "list"):
            before, chosen = choices[-1]
            wider = Piece(f"{before.text} and {piece.text}", before.joint)
            choice = self._choose(wider.text, None)
            if choice.call is not None and choice.score >= WHOLE and choice.call.skill == chosen.call.skill:
                choices.pop()
                return wider, choice, 1
        return piece, alone, 1

    def _arrange(self, text: str, choices: list[tuple[Piece, Choice]]) -> Route:
        steps: list[list[SkillCall]] = []
        notes = [choice.reason for _, choice in choices if choice.reason]
        for piece, choice in choices:
            call = choice.call
            if steps and piece.joint in ("and", "list") and any(self._same(call, other) for other in steps[-1]):
                continue
            if steps and piece.joint in ("and", "while"):
                clash = next((other for other in steps[-1] if not self._free(call.skill, other.skill)), None)
                if clash is None:
                    steps[-1].append(call)
                    continue
                if piece.joint == "while":
                    whole = self._choose(text, None)  # "trace a circle as you walk" is one command
                    if len(choices) == 2 and whole.call is not None and whole.score >= WHOLE:
                        return Route(text, "accepted", ((whole.call,),), whole.reason, whole.score, whole.margin)
                    return Route(text, "rejected", reason=f"{clash.skill} and {call.skill} can't run at once: both need the same joints",
                                 score=choice.score, margin=choice.margin)
            steps.append([call])
        calls = [call for step in steps for call in step]
        return Route(text, "accepted", tuple(map(tuple, steps)), "; ".join(notes), min(call.score for call in calls), min(call.margin for call in calls))

    @staticmethod
    def _same(a: SkillCall, b: SkillCall) -> bool:
        return a.skill == b.skill and a.parameters == b.parameters

    def _free(self, a: str, b: str) -> bool:
        return {self.skills[a].joints, self.skills[b].joints} == {"legs", "arms"}

    # -- one piece ------------------------------------------------------------------------------------------------

    def _choose(self, text: str, before: Choice | None) -> Choice:
        if before is not None and before.call is not None and (again := self._other_side(text, before.call)):
            return again
        if " or " in text and (choice := self._offered(text)):
            return choice
        clause = canonical(text)
        if not clause:
            return Choice(None, f'no command in "{text}"')
        if stop_guard(text) and STOP in self.skills:
            return Choice(SkillCall(STOP, self._defaults(STOP), phrase=text), score=1.0, margin=1.0)
        if _NO_COMMAND.match(clause):
            return Choice(None, f'a question or a remark, no instruction: "{text}"', firm=True)
        scored = self.scorer.score([clause])[0]
        if scored.best == NONE:
            return Choice(None, "no skill is loaded")
        if scored.score < (STOP_ACCEPT if scored.best == STOP else self._accept):
            return self._refused(clause, scored)
        name, reason = self._member(text, clause, scored)
        if not name:
            return Choice(None, reason, scored.score, scored.margin, firm=True)
        return self._called(name, text, scored.score, scored.margin)

    def _called(self, name: str, text: str, score: float, margin: float) -> Choice:
        filled = fill(self.skills[name], extract(text)[0])
        if filled.refusal:
            return Choice(None, filled.refusal, score, margin, firm=True)
        return Choice(SkillCall(name, filled.values, score, margin, text), "; ".join(filled.notes), score, margin)

    def _refused(self, clause: str, scored: Scored) -> Choice:
        probability = scored.probability
        nearest = self._say(scored.best)
        known = self.scorer.words[scored.best]
        strange = [word for word in words(clause) if word not in known and word not in _FUNCTION]
        if scored.next != NONE and probability.get(scored.next, 0.0) > TIE * probability[scored.best] and probability.get(NONE, 0.0) < 0.3:
            reason = f"ambiguous between {nearest} and {self._say(scored.next)}"
        elif probability.get(NONE, 0.0) > 0.7 and strange:
            reason = f'asks for something this robot has no skill for: "{clause}"; nearest skill is {nearest} ({scored.score:.2f}, below {self._accept:.2f})'
        else:
            reason = f"not understood: nearest skill is {nearest} ({scored.score:.2f}), below {self._accept:.2f}"
        return Choice(None, reason, scored.score, scored.margin, firm=probability.get(NONE, 0.0) > 0.98)

    def _say(self, label: str) -> str:
        members = [name for name in self.skills if self.scorer.class_of[name] == label]
        return " or ".join(members) or label

    def _offered(self, text: str) -> Choice | None:
        """"Walk forward or wave" is refused: the robot does not choose."""
        calls = [self._choose(part, None).call for part in re.split(r"\bor\b", text) if part.strip()]
        names = {call.skill for call in calls if call}
        if len(names) > 1:
            return Choice(None, f"leaves a choice: {' or '.join(sorted(names))}", firm=True)
        return None

    def _other_side(self, text: str, before: SkillCall) -> Choice | None:
        """"Turn left, then right": a piece that names nothing but a side goes on with the command before it."""
        found = words(extract(text)[1])
        said = extract(text)[0].sides
        if not found or set(found) - _BARE_SIDE or len(said) != 1 or not side_of(before.skill):
            return None
        name = before.skill.replace(side_of(before.skill), said[0])
        return self._called(name, text, before.score, before.margin) if name in self.skills else None

    # -- which of a pair ------------------------------------------------------------------------------------------

    def _member(self, text: str, clause: str, scored: Scored) -> tuple[str, str]:
        """The skill that is meant, of those that the class or its opposite stands for; or "" and why none is."""
        members = [name for name in self.skills if self.scorer.class_of[name] == scored.best]
        said = extract(text)[0].sides
        if "*" in scored.best:
            return self._of_sides(members, said, clause, scored.best)
        name = members[0]
        pair = next((pair for pair in self._opposites if name in pair.names), None)
        if pair is not None:
            name = self._of_opposites(pair.names, pair.cue(words(clause)), scored)
            if not name:
                return "", f"ambiguous between {pair.names[0]} and {pair.names[1]}: say which way"
        side = side_of(name)
        if side and said and side not in said:
            return "", f"{name} is for the {side}; no skill does this to the {said[0]}"
        return name, ""

    def _of_opposites(self, names: tuple[str, str], cue: str, scored: Scored) -> str:
        p = [scored.probability.get(self.scorer.class_of[name], 0.0) for name in names]
        learned = names[int(p[1] > p[0])]
        share = max(p) / max(sum(p), 1e-9)
        if cue and cue != learned:
            return "" if share > SURE else cue
        return learned if cue or share > TIE else ""

    def _of_sides(self, members: list[str], said: tuple[str, ...], clause: str, label: str) -> tuple[str, str]:
        if len(said) == 1:
            name = next((name for name in members if side_of(name) == said[0]), "")
            return (name, "") if name else ("", f"no skill is loaded that does {label.replace('*', said[0])}")
        if said:
            return "", f"names both sides; {' or '.join(members)}?"
        rows = self.scorer.members[label]
        sideless = ~self.scorer.sided[rows]
        if sideless.any():
            similarity = np.where(sideless, self.scorer.matrix[rows] @ self.scorer.vectors([clause])[0], -1.0)
            owner = self.scorer.owners[rows.start + int(similarity.argmax())]
            if similarity.max() >= SIDELESS and owner in members:
                return owner, ""
        return "", f"which side? {' or '.join(members)}"
