"""What "continue" and "undo that" mean after a stop: what is left of the plan that was stopped, and what was done of it.

"Continue" means nothing of a plan that is under way."""

from __future__ import annotations

from dataclasses import replace

from arbiter.routing.clauses import parse
from arbiter.routing.followup_skills import ENDS
from arbiter.routing.followups import follow_up
from arbiter.routing.last_plan import FollowedPlan, LastPlan
from arbiter.skill import SkillCall, Steps


class StoppedPlan:
    """Makes the plan that goes on with what is left.

    Args:
        last_plan: Makes plans of all other follow-ups.
    """

    def __init__(self, last_plan: LastPlan) -> None:
        self._last_plan = last_plan

    def goes_on(self, text: str, last: Steps, left: Steps | None, under_way: bool = False) -> FollowedPlan | None:
        """The plan of "continue", "go on walking" after the last plan was stopped and `left` was left of it; None of other texts,
        and where it was not stopped. "Continue" with more beside it is refused, and while the plan is `under_way`."""
        if under_way and _onward(text) and LastPlan.urges(text):
            return FollowedPlan((), f'"{text}": what was asked for last is under way; say how much more of it')
        if left is None:
            return None
        pieces, follow = parse(text).pieces, follow_up(text)
        # A comma alone may part an urge from its command: "go on, walk".
        linked = any(piece.joint not in ("list", "runon") for piece in pieces[1:])
        if linked and any(_onward(piece.text) for piece in pieces):
            return FollowedPlan((), f'"{text}": what was stopped goes on by itself; say "continue" alone, then the rest')
        if follow is None or "onward" not in follow.marks:
            return None
        left, small = self._enough(left)
        if not left and (not follow.rest or self._last_plan.with_verb(follow, last) is not None):
            return FollowedPlan((), f'"{text}": {"too little" if small else "nothing"} is left of what was stopped{small}')
        if follow.rest:
            return self._last_plan.with_verb(follow, left) if left else None
        if {kind for kind, *_ in follow.said.values} - {"count"}:
            return None  # "continue for a metre" says all that is needed
        if follow.changes:
            return FollowedPlan((), f'"{text}": what was stopped goes on as it was; say "continue" alone, or all of it anew')
        was = {call.skill: call for call in last[-len(left)]}
        notes = [f"too little is left of the first{small}"] if small else []
        return FollowedPlan(left, "; ".join([*notes, *(self._note(call, was.get(call.skill, call)) for call in left[0])]))

    def done(self, text: str, last: Steps, left: Steps | None) -> tuple[Steps, str]:
        """The plan that "undo that" and "walk back" take back: `last`, or what was done of it before it was stopped.

        With it why that is not known, or too little to be taken back; "" if it is.
        """
        if left is None:
            return last, ""
        pieces = parse(text).pieces
        follow = follow_up(pieces[0].text) if pieces else None
        if follow is None or not follow.marks & {"undo", "back"} or follow.said.values:
            return last, ""
        whole, refusal = last[: len(last) - len(left)], f'"{text}": what was asked for last was stopped on its way; say how far'
        if not left or left[0] is last[len(whole)]:
            return (whole, "") if whole else (last, refusal)
        rest = {call.skill: call for call in left[0]}
        present = [_done(call, rest.get(call.skill)) for call in last[len(whole)]]
        if None in present:
            return last, refusal
        done, small = self._enough((*whole, tuple(call for call in present if call is not None)))
        return (done, "") if done else (last, f'"{text}": too little was done of what was stopped{small}')

    def concerns(self, steps: Steps, last: Steps) -> bool:
        """Whether a plan begins with what undoes the last one, or does it again."""
        return any(self._last_plan.akin(call, last) for step in steps[:1] for call in step)

    def _enough(self, left: Steps) -> tuple[Steps, str]:
        """Of what is left, what its skill can do; and what it cannot, being too little, as text."""
        small = {id(call): few for step in left for call in step if (few := self._last_plan.too_little(call))}
        kept = (tuple(call for call in step if id(call) not in small) for step in left)
        return tuple(step for step in kept if step), ": " * bool(small) + " and ".join(small.values())

    def _note(self, call: SkillCall, was: SkillCall) -> str:
        changed = {name: v for name, v in call.parameters.items() if v is not None and v != was.parameters[name]}
        new = [self._last_plan.shown(call.skill, name, value) for name, value in changed.items()]
        return f"{call.skill} goes on for what is left, {', '.join(new)}" if new else f"{call.skill} begins again"


def _done(call: SkillCall, rest: SkillCall | None) -> SkillCall | None:
    """What was done of a call of which `rest` is left; None where that is not known, or nothing."""
    ends = [name for name in ENDS if isinstance(call.parameters.get(name), (int, float))]
    if rest is None or not ends:
        return call
    done = {}
    for name in ends:
        asked, left = call.parameters[name], rest.parameters[name]
        if isinstance(asked, (int, float)) and isinstance(left, (int, float)) and left < asked:
            done[name] = asked - left
    return replace(call, parameters={**call.parameters, **done}) if done else None


def _onward(text: str) -> bool:
    follow = follow_up(text)
    return follow is not None and "onward" in follow.marks and not follow.rest
