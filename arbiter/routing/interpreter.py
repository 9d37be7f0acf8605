"""A text with its typing errors mended -> its route: parsed without what it takes back, planned, and done so often as it says."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence, Set

from arbiter.routing.arrangement import rejected, stopped
from arbiter.routing.choice import STOP, Chooser
from arbiter.routing.clauses import MAX_PIECES, Parsed, Piece
from arbiter.routing.corrections import corrected, undismissed
from arbiter.routing.patterns import patterns
from arbiter.routing.planner import Planner
from arbiter.routing.repetition import RepeatedPlan, of_plan
from arbiter.routing.ruled_out import RuledOut
from arbiter.routing.sentence import Sentence
from arbiter.routing.statements import somebody
from arbiter.routing.structure import Clause
from arbiter.rules import Rule
from arbiter.skill import Route, SkillCall, Steps

(_ASKED,), (_LEAD, _UNTIL, _ACTED, _EITHER) = patterns("questions", "asked"), patterns("requests", "lead until acted either")
_MISTAKEN = (Rule.STATEMENT, Rule.SCORE, Rule.NEGATION)  # for what a request in another form may be refused
MOST = 8  # corrections that one text may hold


def put_off(text: str, late: str) -> Route:
    """The refusal of a text that has the robot wait for something."""
    return rejected(text, f'waits for something: "{late}"; this robot does at once what it is told', Rule.CONDITION, late)


class Interpreter:
    """Makes routes of mended texts.

    Args:
        chooser: Tells what a clause asks for. planned: Makes a route of pieces.
        clauses_of: The clauses of a normalised text. read: Parses it.
        known: Words of the skills' phrases, of politeness and of address.
    """

    def __init__(
        self,
        chooser: Chooser,
        planned: Planner,
        clauses_of: Callable[[str], tuple[Clause, ...]],
        read: Callable[[str], Sentence],
        known: Set[str],
    ) -> None:
        self._chooser, self._planned, self._clauses_of, self._read, self._known = chooser, planned, clauses_of, read, known
        self._ruled_out = RuledOut(chooser.skills, chooser)

    def retold(self, said: str) -> str:
        """A normalised text without what it takes back; "" where it takes back everything."""
        said, mended = undismissed(said), False
        for _ in range(MOST):
            found = self._clauses_of(said)
            told = corrected(found, self._planned.verbs) if said else None
            regrets = any(word.role == "correction" for clause in found for word in clause.words)
            if told is None or told == said or (mended and not told and not regrets):
                break  # "left, oh dear, right, I always mix them up" takes back no more
            said, mended = told, True
        return said

    def __call__(self, text: str, said: str, last: Steps | None) -> Route:
        """The route of a text, which may be a request in another form."""
        route = self._understood(text, said, last)
        if route.rule in _MISTAKEN and (lead := _LEAD.match(said)):  # "do you think you could bow to the teacher?"
            asked = self._understood(text, said[lead.end() :].strip(" .!?,"), last)
            return asked if asked.outcome == "accepted" else route
        if route.rule is Rule.SIDE and (either := _EITHER.search(said)):
            free = self._understood(text, f"{said[: either.start()]} to the left", last)
            note = "; ".join(filter(None, (free.reason, f'left taken: "{either[0].strip(" ,.;")}"')))
            return dataclasses.replace(free, reason=note) if free.outcome == "accepted" else route
        if route.rule is Rule.COVERAGE and (until := _UNTIL.match(said)):
            facing = self._understood(text, f"{until['lead'] or ''}face {until['what']}{until['rest']}", last)
            seen = (self._chooser.skills[call.skill].sees for step in facing.steps for call in step)
            return facing if facing.outcome == "accepted" and any(seen) else route
        if route.rule in _MISTAKEN and (acted := _ACTED.match(said)):
            asked = self._understood(text, said[acted.end() :], last)
            return asked if asked.outcome == "accepted" and self._of_third_parties(asked) else route
        return route

    def _of_third_parties(self, route: Route) -> bool:
        """Whether no shipped skill is in a plan: "pretend you are walking on the moon" is no walk."""
        scorer = self._chooser.scorer
        return all(scorer.class_of[call.skill] in scorer.new for step in route.steps for call in step)

    def _understood(self, text: str, said: str, last: Steps | None) -> Route:
        """The route of a normalised text, parsed here, once; a stop where it is refused and a clause of it surely means that."""
        sentence = self._read(said)
        route = self._judged(text, said, sentence, last)
        if route.outcome == "rejected" and (halt := sentence.halt):
            reason = f'"{halt}" means stop, and no command is understood beside it'
            return stopped(self._chooser.skills, text, route.score, route.margin, reason, Rule.STOP_GUARD, halt)
        return route

    def _judged(self, text: str, said: str, sentence: Sentence, last: Steps | None) -> Route:
        if _ASKED.match(said):
            return rejected(text, f'a question or a remark, no instruction: "{said}"', Rule.STATEMENT)
        if name := somebody(text, self._known, self._chooser.starts):
            return rejected(text, f'said to somebody else: "{name}"; leave out the name', Rule.STATEMENT, name)
        if sentence.parsed.both_first:
            return rejected(text, "tells two things to be the first", Rule.CLAUSES)
        if told := sentence.reported:
            return rejected(text, f'somebody\'s words, no instruction: "{told}"', Rule.STATEMENT, told)
        if late := sentence.put_off:
            return put_off(text, late)
        if repeated := of_plan(sentence.clauses):
            return self._repeated(text, repeated, last)
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
        return self._ruled_out.applied(route, parsed.ruled_out)

    def _of_one_skill(self, said: str, parsed: Parsed) -> bool:
        """Whether pieces that no order parts are one command of a third party: "lift your knees up and march on the spot"."""
        joints = {piece.joint for piece in parsed.pieces[1:]}
        if not joints or "then" in joints or parsed.ruled_out or not self._chooser.one_command(said):
            return False
        whole = self._chooser.kind(self._chooser.choose(said, None))
        apart = (self._chooser.kind(self._chooser.choose(piece.text, None)) for piece in parsed.pieces)
        return "while" in joints or any(kind != whole for kind in apart)

    def _repeated(self, text: str, repeated: RepeatedPlan, last: Steps | None) -> Route:
        """The route of a plan that is done so often, or of one command that takes the number itself."""
        once = self._understood(text, repeated.rest, last)
        calls = [call for step in once.steps for call in step]
        if once.outcome != "accepted":
            return once
        if len(calls) < 2 or (not repeated.named and self._stuck(calls)):
            return self._understood(text, f"{repeated.rest} {repeated.times} times", last)
        steps = [step for step in once.steps if not all(call.skill == STOP for call in step)]
        if repeated.each:
            plan = [one for step in steps for one in self._counted(step, repeated.times)]
        else:
            plan = steps * repeated.times
        if sum(map(len, plan)) > MAX_PIECES:
            reason = f'asks for {sum(map(len, plan))} things ("{repeated.said}"); at most {MAX_PIECES} at a time'
            return rejected(text, reason, Rule.CLAUSES)
        return dataclasses.replace(once, steps=(*plan, *once.steps[len(steps) :]))

    def _counted(self, step: tuple[SkillCall, ...], times: int) -> list[tuple[SkillCall, ...]]:
        """A step so often: by the number of each call where all of them count so far."""
        high = [p.high for call in step for p in self._chooser.skills[call.skill].parameters if p.name == "count"]
        if len(high) < len(step) or times > min(high):
            return [step] * times
        return [tuple(dataclasses.replace(call, parameters={**call.parameters, "count": float(times)}) for call in step)]

    def _stuck(self, calls: Sequence[SkillCall]) -> bool:
        """Whether a plan takes a posture that it never leaves, before a skill that counts: "stand up and wave, three times"."""
        names, measured = {call.skill for call in calls}, self._planned.last_plan.measured
        counts = any(parameter.name == "count" for parameter in self._chooser.skills[calls[-1].skill].parameters)
        held = (pair for pair in self._chooser.pairs if not any(map(measured, pair.names)))
        return counts and any(len(names & set(pair.names)) == 1 for pair in held)
