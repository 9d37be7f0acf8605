"""A follow-up and the last plan -> the new plan: the same skills, or their opposites and other sides, with what was changed."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

from arbiter.routing.choice import Chooser
from arbiter.routing.clauses import parse
from arbiter.routing.followup_skills import ENDS, Refused, Related, asked, set_by
from arbiter.routing.followups import FollowUp, follow_up, lexicon
from arbiter.routing.languages.english import english
from arbiter.routing.opposites import side_of
from arbiter.routing.parameters import fill
from arbiter.routing.quantities import extract
from arbiter.routing.text import words
from arbiter.routing.verbs import base_forms
from arbiter.skill import SkillCall, Steps

MOST = 8  # skills of one plan
AROUND = 0.5  # [rad] off a half turn that still is one


@dataclass(frozen=True, slots=True)
class FollowedPlan:
    """What a follow-up came to.

    Attributes:
        steps: The new plan, as Route.steps; () where it is refused.
        reason: Why it is refused, or what was taken and clamped.
    """

    steps: Steps
    reason: str = ""


class LastPlan:
    """Makes plans of follow-ups.

    Args:
        chooser: Knows the skills, and what a clause asks for by itself.
    """

    def __init__(self, chooser: Chooser) -> None:
        lexicon()  # its file is checked now, not in the middle of a run
        self._chooser, self._skills, self._related = chooser, chooser.skills, Related(chooser)

    @staticmethod
    def urges(text: str) -> bool:
        """Whether words only urge to what comes after them: "go on, walk"."""
        follow = follow_up(text)
        return follow is not None and not follow.rest and follow.marks <= {"onward", "light", "anchor"} and not follow.changes

    def measured(self, name: str) -> bool:
        """Whether a skill takes an amount, of which more can be asked."""
        return self._related.takes(name, *ENDS)

    def akin(self, call: SkillCall, last: Steps) -> bool:
        """Whether a call is of a skill of the last plan, its other side or its opposite."""
        return any(self._related.akin(call.skill, one.skill) for step in last for one in step)

    def refers(self, text: str, last: Steps) -> FollowedPlan | None:
        """The plan of a whole text that does nothing but refer to the last one, in one clause; None for any other."""
        follow = follow_up(text)
        changed = follow is not None and {"again", "other"} <= follow.marks
        if follow is None or (follow.rest and not changed) or follow.plain:
            return None
        pieces = parse(text).pieces
        if not last and len(pieces) > 1:
            return None  # "a metre forward, and repeat it twice": of what stands before it
        if follow.rest and not all(follow_up(piece.text) for piece in pieces):
            return None  # but "the same circle, the other way round"
        if len([p for p in pieces if p.joint == "then"]) > 1 or len([p for p in pieces if extract(p.text)[0].directions]) > 1:
            return None
        return self.followed(text, last)

    def followed(self, text: str, last: Steps, inside: bool = False) -> FollowedPlan | None:
        """The plan that `text` asks for after `last`; None where it is a command of its own.

        Args:
            text: Normalised and expanded.
            last: The last plan; () where there is none.
            inside: `text` is a clause of an instruction, and `last` what comes before it there.
        """
        follow = follow_up(text)
        if follow is not None and inside and last and (way := self._way_back(follow, last)):
            return way
        if follow is None or (follow.plain and self._complete(follow)):
            return None
        if last and follow.marks >= {"again", "backwards"} and self._same(follow, last):
            return None  # "back one metre, then backwards one metre again"
        if "both" in follow.marks:
            sided = any(side_of(call.skill) for step in last for call in step) and not (follow.rest or follow.said.directions)
            return FollowedPlan((), f'"{text}": one side at a time; say which, or one after the other') if sided else None
        if follow.rest:
            return self.with_verb(follow, last) if last else None
        if not last:
            by_itself = follow.plain or ("light" in follow.marks and "again" not in follow.marks) or follow.goes_on
            return None if by_itself else FollowedPlan((), f'"{text}": nothing was done before that it could refer to')
        try:
            found = FollowedPlan(*self._applied(follow, last, inside))
        except Refused as refusal:
            by_itself = (follow.plain and not follow.said.colours) or follow.goes_on
            return None if by_itself else FollowedPlan((), str(refusal))  # "the blue one"
        verbless = not (follow.marks & {"light", "onward"} or self._chooser.owner(text))
        return found if not follow.plain or (inside and verbless) else self._unless_plain(follow, found, verbless)

    def _same(self, follow: FollowUp, last: Steps) -> bool:
        """Whether a clause, as a command of its own, asks for the skill that was done last."""
        found = self._alone(follow.words)
        return found is not None and found.skill == last[-1][-1].skill

    def _way_back(self, follow: FollowUp, last: Steps) -> FollowedPlan | None:
        """ "Walk two metres, turn around, and walk back": who has turned around goes back the way it went, forwards."""
        turn = last[-1][-1]
        angle = turn.parameters.get("angle")
        half = isinstance(angle, (int, float)) and abs(angle - math.pi) < AROUND
        around = half and not self._related.takes(turn.skill, "radius")
        verb = bool(follow.rest or "light" in follow.marks) and not self._chooser.owner(follow.words)  # "step back" is its own
        found = self._alone(follow.words) if around and verb and "back" in follow.marks else None
        if found is None or not self._related.takes(found.skill, "distance"):
            return None
        went = [call for step in last[:-1] for call in step if self._related.takes(call.skill, "distance")]
        if not went or follow.detailed:
            return FollowedPlan((), f'"{follow.words}" after turning around: say how far, such as "walk forward two metres"')
        return FollowedPlan(((went[-1],),), f'"{follow.words}" taken as {went[-1].skill}, since it has turned around')

    def _complete(self, follow: FollowUp) -> bool:
        """Whether words that may be a command of their own leave nothing to the last plan: "go backwards", "back up a bit"."""
        lit = "light" in follow.marks and "back" not in follow.marks
        return lit or bool(follow.marks & {"little", "much"}) or self._chooser.owner(follow.words) != ""

    def _unless_plain(self, follow: FollowUp, found: FollowedPlan, verbless: bool) -> FollowedPlan | None:
        """ "Go back" is a command of its own: after another motion than the one it reverses, it stays that command.

        "Back" alone may mean either then, and is refused.
        """
        call, meant = self._alone(follow.words), {one.skill for step in found.steps for one in step}
        if call is None:
            aside = follow.nouns or self._related.travels(found.steps[-1][-1].skill)
            bare = aside and set(words(follow.words)) <= english().bare_side | lexicon().parts
            return found if follow.said.colours or (bare and not follow.said.values) else None
        if meant != {call.skill} and verbless and not follow.nouns and follow.marks <= {"back", "anchor"}:
            return FollowedPlan((), f'"{follow.words}" may mean {" and ".join(sorted(meant))} or {call.skill}; say which')
        return found if meant == {call.skill} else None

    def _alone(self, text: str) -> SkillCall | None:
        return self._chooser.choose(text, None).call

    # -- which steps ----------------------------------------------------------------------------------------------

    def _applied(self, follow: FollowUp, last: Steps, inside: bool) -> tuple[Steps, str]:
        notes: list[str] = []
        alone = len(last) == len(last[-1]) == 1
        if follow.marks & {"undo", "back"}:
            back = last[-1:] if inside or follow.detailed else last[::-1]
            steps = tuple(tuple(self._changed(call, follow, notes) for call in step) for step in back)
        elif follow.counted and "anchor" in follow.marks and (inside or not alone):
            steps = last  # "do that twice"
        elif "again" in follow.marks:
            alike = all(a.skill == b.skill and a.parameters == b.parameters for (a, *_), (b, *_) in itertools.pairwise(last))
            # "Bow, then again, then once more": of the last step.
            latest = inside and (alike or (follow.changes and not follow.counted))
            steps = self._again(follow, last[-1:] if latest else last, notes, alone)
        elif not follow.changes:
            steps = last[-1:]
        else:
            steps = (self._latest(follow, last, notes),)
        return self._repeated(steps, follow, inside), "; ".join(dict.fromkeys(notes))

    def _again(self, follow: FollowUp, last: Steps, notes: list[str], alone: bool) -> Steps:
        """All of the last plan, each skill with the change if it can take it; one at least must."""
        if "latest" in follow.marks:
            last = last[-1:]
            alone = len(last[-1]) == 1
        if not follow.changes or (not alone and follow.counted):
            return last
        changed = {id(call): self._tried(call, follow, notes) for step in last for call in step}
        if not any(isinstance(found, SkillCall) for found in changed.values()):
            raise next(found for found in reversed(changed.values()) if isinstance(found, Refused))
        return tuple(
            tuple(found if isinstance(found := changed[id(call)], SkillCall) else call for call in step) for step in last
        )

    def _latest(self, follow: FollowUp, last: Steps, notes: list[str]) -> tuple[SkillCall, ...]:
        """The last step that can take the change: of it, the skills that can."""
        refused: list[Refused] = []
        for step in reversed(last):
            found = [self._tried(call, follow, notes) for call in step]
            if taken := tuple(one for one in found if isinstance(one, SkillCall)):
                return taken
            refused += [one for one in found if isinstance(one, Refused)]
        raise refused[0]

    def _tried(self, call: SkillCall, follow: FollowUp, notes: list[str]) -> SkillCall | Refused:
        try:
            return self._changed(call, follow, notes)
        except Refused as refusal:
            return refusal

    def _repeated(self, steps: Steps, follow: FollowUp, inside: bool = False) -> Steps:
        counts = [value for kind, value, _ in follow.said.values if kind == "count"]
        whole = inside and follow.counted  # "walk, then bow. Do that twice": it is done once already
        counted = not whole and len(steps) == len(steps[-1]) == 1 and self._related.takes(steps[-1][-1].skill, "count")
        times = 1 if counted or not counts else round(counts[0]) - (whole and not follow.marks & {"again", "more"})
        if times < 1 or times * sum(map(len, steps)) > MOST:
            raise Refused(f'"{follow.words}" asks for {times * sum(map(len, steps))} things; at most {MOST} at a time')
        return steps * times

    # -- with a verb ----------------------------------------------------------------------------------------------

    def with_verb(self, follow: FollowUp, last: Steps) -> FollowedPlan | None:
        """ "Wave again", "walk a bit further": as last time, where that was the same motion; else a command of its own."""
        compared = follow.compare and "manner" not in follow.marks
        if not (follow.marks & {"again", "onward", "more", "less", "other", "back", "undo"} or compared or follow.factors):
            return None
        if follow.said.about or follow.said.around:
            return None  # "turn back around"
        found = self._alone(follow.command) or self._alone(follow.rest)  # "the same circle again"
        call = next(
            (call for step in reversed(last) for call in reversed(step) if found and self._related.akin(call.skill, found.skill)),
            None,
        )
        if found is None or call is None or not self._refers(follow, call, found):
            return None
        pair = self._chooser.pair_of(call.skill)
        cue = pair.cue(words(follow.words)) if pair and not follow.marks & {"back", "other"} else ""
        try:
            notes: list[str] = []
            if not self._related.takes(call.skill, "direction"):
                follow = replace(follow, said=replace(follow.said, directions=()))
            steps = self._repeated(((self._changed(call, follow, notes, cue),),), follow)
            return FollowedPlan(steps, "; ".join(notes))
        except Refused as refusal:
            return None if "back" in follow.marks else FollowedPlan((), str(refusal))

    def _refers(self, follow: FollowUp, call: SkillCall, found: SkillCall) -> bool:
        """Whether a command means the last motion: "turn back" after a turn, not "step back" or "move further away" after a walk.

        Words that by themselves ask for another skill must be those of the last command, or name a side or a direction.
        """
        if "back" in follow.marks or ("other" in follow.marks and set(follow.nouns) & lexicon().ways):
            same = {"again", "other"} <= follow.marks
            return not follow.detailed and (same or follow.rest in words(call.phrase))
        known = {base for word in words(call.phrase) for base in (word, *base_forms(word))}
        again = all({word, *base_forms(word)} & known for word in words(follow.rest))
        return found.skill == call.skill or again or bool(follow.said.sides or follow.said.directions or "other" in follow.marks)

    # -- one skill ------------------------------------------------------------------------------------------------

    def _changed(self, call: SkillCall, follow: FollowUp, notes: list[str], cue: str = "") -> SkillCall:
        """The call with the change. Raises Refused."""
        name, said = (cue, follow.said) if cue else self._related.target(call, follow)
        base, more = self._carried(call, name)
        wanted = asked(self._skills[name], base, follow)
        for kind, _, _ in wanted:
            if (end := set_by(kind)) in ENDS:
                base |= {p.name: p.default for p in self._skills[name].parameters if p.name in ENDS and p.name != end}
        filled = fill(self._skills[name], replace(said, values=tuple(wanted), pace=0.0, manner=""), base)
        if filled.refusal:
            raise Refused(filled.refusal)
        spoken = {words for _, _, words in follow.said.values}
        taken = [set_by(kind) for kind, _, words in wanted if words not in spoken]
        shown = [name] * (not self._related.akin(call.skill, name)) + [self.shown(name, one, filled.values[one]) for one in taken]
        notes += [*more, *([f'"{follow.words}" taken as {", ".join(shown)}'] if shown else []), *filled.notes]
        return replace(call, skill=name, parameters=filled.values)

    def too_little(self, call: SkillCall) -> str:
        """Which parameter of a call is below the lowest that its skill takes, and how far; "" if none is."""
        for p in self._skills[call.skill].parameters:
            value = call.parameters.get(p.name)
            if isinstance(value, (int, float)) and value < p.low:
                return f"{call.skill} {p.name} {value:.2g} {p.unit}, at least {p.low:.4g}"
        return ""

    def shown(self, name: str, parameter: str, value: float | str | None) -> str:
        """A parameter of a skill as notes tell it: "distance 0.8 m"."""
        unit = next(p.unit for p in self._skills[name].parameters if p.name == parameter)
        return f"{parameter} {value:.4g} {unit}".strip()

    def _carried(self, call: SkillCall, name: str) -> tuple[dict[str, float | str | None], list[str]]:
        """Parameters of the last call for the skill `name`: how far, how often and what was not the default; and notes."""
        if name == call.skill:
            return dict(call.parameters), []
        old = {p.name: p.default for p in self._skills[call.skill].parameters}
        timed = call.parameters.get("duration") != old.get("duration")
        values, notes = {}, []
        for p in self._skills[name].parameters:
            value = call.parameters.get(p.name, p.default)
            keep = p.name in ENDS[:3] or value != old.get(p.name) or (timed and p.name == "speed")
            values[p.name] = value if keep and p.name in old else p.default
            if isinstance(value, (int, float)) and values[p.name] == value and not p.low <= value <= p.high:
                values[p.name] = min(max(value, p.low), p.high)
                notes.append(f"{p.name} {value:.4g} clamped to {values[p.name]:.4g} ({name} allows {p.low:.4g} to {p.high:.4g})")
        return values, notes
