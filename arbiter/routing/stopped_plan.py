"""What "continue" means after a stop: what is left of the plan that was stopped. Of one that is under way it means nothing."""

from __future__ import annotations

from collections.abc import Sequence

from arbiter.routing.clauses import Piece, parse
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
        if _linked(pieces) and any(_onward(piece.text) for piece in pieces):
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

    def _enough(self, left: Steps) -> tuple[Steps, str]:
        """Of what is left, what its skill can do; and what it cannot, being too little, as text."""
        small = {id(call): few for step in left for call in step if (few := self._last_plan.too_little(call))}
        kept = (tuple(call for call in step if id(call) not in small) for step in left)
        return tuple(step for step in kept if step), ": " * bool(small) + " and ".join(small.values())

    def _note(self, call: SkillCall, was: SkillCall) -> str:
        changed = {name: v for name, v in call.parameters.items() if v is not None and v != was.parameters[name]}
        new = [self._last_plan.shown(call.skill, name, value) for name, value in changed.items()]
        return f"{call.skill} goes on for what is left, {', '.join(new)}" if new else f"{call.skill} begins again"


def _onward(text: str) -> bool:
    follow = follow_up(text)
    return follow is not None and "onward" in follow.marks and not follow.rest


def _linked(pieces: Sequence[Piece]) -> bool:
    """Whether commands are joined by more than a comma, which may part an urge from its command: "go on, walk"."""
    return any(piece.joint not in ("comma", "list", "break", "runon") for piece in pieces[1:])
