"""Which skill a follow-up means: that of the last call, its other side, its opposite, or the one that undoes it."""

from __future__ import annotations

from dataclasses import replace

from arbiter.routing.choice import Chooser
from arbiter.routing.followup_amounts import Refused, takes
from arbiter.routing.followups import FollowUp, lexicon
from arbiter.routing.opposites import SIDES, Opposites, side_of
from arbiter.routing.quantities import Quantities, extract
from arbiter.routing.text import words
from arbiter.skill import Route, SkillCall, Steps

_MIRROR = {"left": "right", "right": "left", "up": "down", "down": "up", "ahead": "behind", "behind": "ahead"}


def of_it(route: Route, last: Steps) -> Route:
    """A route in which "it" has the colour of the last thing that had one: "touch it" after "walk to the blue ball"."""
    colour = next((c for step in reversed(last) for call in reversed(step) if (c := call.parameters.get("colour"))), None)

    def meant(call: SkillCall) -> SkillCall:
        named = "colour" not in call.parameters or extract(call.phrase)[0].colours or "it" not in words(call.phrase)
        return call if named or colour is None else replace(call, parameters={**call.parameters, "colour": colour})

    return replace(route, steps=tuple(tuple(map(meant, step)) for step in route.steps))


class Related:
    """Args:
    chooser: Knows the skills, their opposites and the parts that they move.
    """

    def __init__(self, chooser: Chooser) -> None:
        self._chooser, self._skills = chooser, chooser.skills

    def akin(self, a: str, b: str) -> bool:
        """Whether two skills are the same, two sides of one, or opposites."""
        pair = self.pair(a)
        return a == b or self._other_side(a) == b or bool(pair and b in pair.names)

    def target(self, call: SkillCall, follow: FollowUp) -> tuple[str, Quantities]:
        """The skill that is meant, and the words that set its parameters. Raises Refused."""
        said, name = follow.said, call.skill
        sided = "other" in follow.marks or said.sides
        if sided and (part := next((noun for noun in self._parts(follow) if noun not in self._chooser.moved(name)), "")):
            raise Refused(f"{name} moves no {part}")
        pair = self.pair(name)
        cue = pair.cue(words(follow.words)) if pair else ""
        onward = "more" in follow.marks and cue == name  # "step back, and another metre back"
        if follow.marks & {"undo", "back"} and not onward:
            if not (back := self._inverse(name)):
                raise Refused(f"{name} has no way back")
            return back, said
        if (
            "backwards" in follow.marks
            and (cue or not follow.marks & {"again", "anchor"})
            and (cue != name or "again" not in follow.marks)
        ):
            if not cue:
                raise Refused(f"{name} has no way backwards")
            return cue, said
        if follow.marks & {"other", "opposite", "backwards"}:
            ways = bool(follow.marks & {"opposite", "backwards"} or set(follow.nouns) & lexicon().ways)
            return self._mirrored(call, said, ways)
        if len(said.sides) > 1:
            raise Refused(f'"{follow.words}" names both sides')
        if said.sides:
            return self._to_side(call, follow), said
        if said.colours and not self.takes(name, "colour"):
            raise Refused(f"{name} has no colour")
        if said.directions and not self.takes(name, "direction"):
            if not cue:
                raise Refused(f"{name} has no {said.directions[0]}")
            return cue, replace(said, directions=())
        return name, said

    def _to_side(self, call: SkillCall, follow: FollowUp) -> str:
        side, name = follow.said.sides[0], call.skill
        if self._offers(name, side):
            return name
        if side_of(name) and (named := name if side_of(name) == side else self._other_side(name)):
            return named
        if "again" in follow.marks and call.phrase and not side_of(name):  # "walk a metre", "the same to the right"
            pair = self.pair(name)
            ways = frozenset().union(*pair.words) if pair else ()  # "walk forward": the same to the right is not forward
            motion = " ".join(word for word in call.phrase.split() if word not in ways)
            found = self._chooser.choose(f"{motion} to the {side}", None).call
            if found and side_of(found.skill) == side:
                return found.skill
        raise Refused(f"{name} has no {side}")

    def _mirrored(self, call: SkillCall, said: Quantities, ways: bool) -> tuple[str, Quantities]:
        """The other side or the opposite; with `ways` of a motion, not of a hand."""
        name, pair = call.skill, self.pair(call.skill)
        for p in self._skills[name].parameters:
            turned = _MIRROR.get(str(call.parameters.get(p.name)), "")
            if turned in p.choices:
                return name, replace(said, sides=(turned,) if turned in SIDES else (), directions=(turned,))
        if pair and ways:
            return pair.names[1 - pair.names.index(name)], said
        limbed = self._chooser.moved(name) & lexicon().parts  # of its left and right hand, not of two ways
        if (other := self._other_side(name)) and (not ways or self.travels(name) or not limbed):
            return other, said
        raise Refused(f"{name} has no opposite" if ways else f"{name} has no other side")

    @staticmethod
    def _parts(follow: FollowUp) -> tuple[str, ...]:
        return tuple(noun for noun in follow.nouns if noun in lexicon().parts)

    def _inverse(self, name: str) -> str:
        """The skill that undoes it: the opposite, or the other side where that goes as far the other way; "" if there is none."""
        if pair := self.pair(name):
            return pair.names[1 - pair.names.index(name)]
        return self._other_side(name) if self.travels(name) and not self.takes(name, "radius") else ""

    def _other_side(self, name: str) -> str:
        side = side_of(name)
        other = "_".join(_MIRROR.get(token, token) if token == side else token for token in name.split("_"))
        return other if side and other in self._skills else ""

    def pair(self, name: str) -> Opposites | None:
        """The opposites that a skill is one of."""
        return next((pair for pair in self._chooser.pairs if name in pair.names), None)

    def travels(self, name: str) -> bool:
        """Whether a skill goes or turns."""
        return self.takes(name, "distance") or self.takes(name, "angle")

    def takes(self, name: str, parameter: str) -> bool:
        """Whether a skill has this parameter."""
        return takes(self._skills[name], parameter)

    def _offers(self, name: str, word: str) -> bool:
        return any(word in p.choices for p in self._skills[name].parameters)
