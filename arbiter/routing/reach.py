"""Which utterances of skills do not lead to their skill, and the rule that takes each."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from arbiter.routing.corpus import bare, own_phrases
from arbiter.routing.router import Router
from arbiter.routing.text import written_out
from arbiter.rules import Rule
from arbiter.skill import Route


@dataclass(frozen=True, slots=True)
class Unreached:
    """An utterance that does not lead to its skill alone.

    Attributes:
        skill: Whose utterance it is. utterance: As it is given.
        rule: What takes it. said: The words that the rule read, "" where they are all.
        instead: Skills that it leads to, or whose utterance it is too.
        score: Of the route, nan where nothing was scored.
    """

    skill: str
    utterance: str
    rule: Rule
    said: str = ""
    instead: tuple[str, ...] = ()
    score: float = float("nan")

    def __str__(self) -> str:
        others = ", ".join(self.instead)
        if self.rule is Rule.SHARED:
            how = f"it is an utterance of {others} too"
        elif self.rule is Rule.CLAUSES and others:
            how = f"read as {len(self.instead)} commands: {others}"
        elif self.rule is Rule.SCORE:
            how = f"score: nearest is {others} {self.score:.2f}" if others else f"score: {self.score:.2f} is too low"
        else:
            how = self.rule + (f': "{self.said}"' if self.said else "")
        return f'skill {self.skill!r}: the utterance "{self.utterance}" does not lead to it alone ({how}); say it in other words'


def unreached(router: Router, names: Iterable[str]) -> tuple[Unreached, ...]:
    """The utterances of some of the router's skills that do not lead to their skill alone, through the whole of routing."""
    owners = own_phrases(router.skills.values())
    found = []
    for name in sorted(router.skills.keys() & set(names)):
        for text in router.skills[name].utterances:
            lost = _lost(name, text, router.route(text))
            others = tuple(one for one in owners.get(bare(written_out(text)), ()) if one != name)
            if lost is not None and others and lost.rule is Rule.SCORE:
                lost = Unreached(name, text, Rule.SHARED, instead=others)
            found += [lost] if lost is not None else []
    return tuple(found)


def lost_utterances(router: Router, foreign: Collection[str]) -> list[str]:
    """One line for each utterance of any skill that does not lead to it, where there are skills of third parties: theirs may
    have taken a built-in one's."""
    return [str(one) for one in unreached(router, router.skills)] if foreign else []


def _lost(name: str, text: str, route: Route) -> Unreached | None:
    planned = tuple(call.skill for step in route.steps for call in step)
    if planned == (name,):
        return None
    instead = () if route.rule is Rule.STOP_GUARD else planned
    rule = route.rule or (Rule.CLAUSES if len(planned) > 1 else Rule.SCORE)
    return Unreached(name, text, rule, route.said, instead, route.score)
