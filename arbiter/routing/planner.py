"""The pieces of an instruction -> its route: what each asks for alone, with its neighbours, or after the last plan."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

import numpy as np

from arbiter.routing.arrangement import WHOLE, Arrangement, rejected, stopped
from arbiter.routing.asides import Asides
from arbiter.routing.choice import STOP, Choice, Chooser
from arbiter.routing.classifier import NONE
from arbiter.routing.clauses import MAX_PIECES, Piece
from arbiter.routing.echoes import asks_again, names_the_same, urges_on
from arbiter.routing.followups import follow_up
from arbiter.routing.hearing import Hearing
from arbiter.routing.languages.english import english
from arbiter.routing.last_plan import FollowedPlan, LastPlan
from arbiter.routing.parameters import takes
from arbiter.routing.quantities import extract
from arbiter.routing.segmentation import Segmentation
from arbiter.routing.stopped_plan import StoppedPlan
from arbiter.routing.text import words
from arbiter.routing.variants import Variants
from arbiter.routing.verbs import PARTICIPLE
from arbiter.rules import Rule
from arbiter.skill import Route, SkillCall, Steps


def _pieces(follow: FollowedPlan) -> list[tuple[Piece, Choice]]:
    """The plan of a follow-up as choices, one after the other or at once as it says; its notes are told with the first."""
    calls = [(call, "while" if index else "then") for step in follow.steps for index, call in enumerate(step)]
    return [
        (Piece(call.phrase, joint), Choice(call, "" if number else follow.reason, call.score, call.margin))
        for number, (call, joint) in enumerate(calls)
    ]


@dataclass(slots=True)
class PlanDraft:
    """A plan while it is made.

    Attributes:
        text: The instruction. pieces: One command each. last, manners: See Planner.
        choices: What the pieces so far came to.
        unused: Notes on what is left out.
    """

    text: str
    pieces: tuple[Piece, ...]
    last: Steps | None
    manners: Sequence[str]
    choices: list[tuple[Piece, Choice]] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)

    @property
    def before(self) -> Choice | None:
        """What the last piece came to."""
        return self.choices[-1][1] if self.choices else None

    def joint_after(self, index: int) -> str:
        """How a piece is joined with the one behind it; "" where there is none."""
        return self.pieces[index + 1].joint if index + 1 < len(self.pieces) else ""

    def after(self, index: int) -> str:
        """The text of the piece behind one."""
        return self.pieces[index + 1].text

    def urged(self, index: int) -> bool:
        """Whether nothing but a light verb stands behind the first piece, which is what is asked for: "star jumps, go"."""
        return index == 0 and len(self.pieces) == 2 and set(words(self.after(index))) <= english().light_verbs

    def leave_out(self, words: str) -> None:
        """Has the route say that it does not use some words."""
        self.unused.append(f'"{words}" was not used')


class Planner:
    """Makes a route of pieces.

    Args:
        chooser: Tells what a piece asks for.
        asked: Words of the skills' phrases. utterances: The skills' own, normalised.
        groups: Joint masks of the robot by name.

    Attributes:
        verbs: Words that commands of the skills begin with, without sides, ways and words of structure.
    """

    def __init__(self, chooser: Chooser, asked: Set[str], utterances: Set[str], groups: Mapping[str, np.ndarray]) -> None:
        self._chooser = chooser
        self.verbs = chooser.starts - english().function - english().particles - english().bare_side
        self._segmented, self._hearing = Segmentation(chooser, asked), Hearing(chooser)
        self._variants, self._arranged = Variants(chooser, asked, utterances), Arrangement(chooser, groups)
        self.last_plan, self._asides = LastPlan(chooser), Asides(chooser, asked)
        self.stopped_plan = StoppedPlan(self.last_plan)

    def __call__(
        self, text: str, pieces: tuple[Piece, ...], last: Steps | None, left_out: Sequence[str] = (), manners: Sequence[str] = ()
    ) -> Route:
        """The route of pieces.

        Args:
            last: The plan that follow-ups refer to; None where they can't.
            left_out: Words beside the commands that the route has to name.
            manners: Words that tell how, without which a command is understood just as well.
        """
        draft, index = PlanDraft(text, self._segmented(pieces), last, manners), 0
        for said in left_out:
            draft.leave_out(said)
        while index < len(draft.pieces):
            done = self._planned(draft, index)
            if isinstance(done, Route):
                return done
            index += done
        route = self._arranged(text, draft.choices)
        for said in manners if route.outcome == "accepted" else ():
            if f'"{said}"' not in "; ".join([route.reason, *draft.unused]) and self._untold(said):
                draft.leave_out(said)  # "silently", which a skill's phrase may have, too
        return dataclasses.replace(route, reason="; ".join([route.reason] * bool(route.reason) + draft.unused))

    @staticmethod
    def _untold(manner: str) -> bool:
        """Whether words that tell how become no parameter."""
        said, rest = extract(manner)
        return not (said.pace or said.values or said.sides or said.directions) and bool(words(rest))

    def _planned(self, draft: PlanDraft, index: int) -> int | Route:
        """Adds what the piece at `index` asks for. How many pieces that took, or the route of the text where it ends here."""
        piece = self._segmented.uninflected(draft.pieces[index])
        if self._beside(draft, index, piece):
            return 1
        follow = self._follow(draft, index)
        if follow is not None and follow.steps:
            found = _pieces(follow)
            turns = draft.before is not None and self._alternates(piece, draft.before, found[0][1])
            draft.choices += self._times(draft, piece, found[0][1], len(found)) if turns else found  # "arms up and down twice"
            return 1
        if follow is not None and not self.returns(piece.text):
            return rejected(draft.text, follow.reason, Rule.FOLLOW_UP, piece.text)
        piece, choice, used = self._chosen(draft, index, piece)
        if self._says_no_more(draft, index, piece, choice):
            return 1
        if choice.call is None:
            part = f' (in "{piece.text}")' if len(draft.pieces) > 1 else ""
            said = choice.said or (piece.text if part else "")
            return rejected(draft.text, choice.reason + part, choice.rule, said, choice.score, choice.margin)
        if choice.call.skill == STOP and (len(draft.pieces) == 1 or index + used < len(draft.pieces)):
            rule = choice.rule or Rule.SCORE
            return stopped(self._chooser.skills, draft.text, choice.score, choice.margin, "means stop", rule)
        draft.choices += self._repeated(draft, piece, choice)
        if len(draft.choices) > MAX_PIECES:
            return rejected(draft.text, f"asks for {len(draft.choices)} things; at most {MAX_PIECES} at a time", Rule.CLAUSES)
        return used

    def _beside(self, draft: PlanDraft, index: int, piece: Piece) -> bool:
        """Whether a piece is none by itself, but urges to the one behind it, adds to the one before it, or names its parts."""
        if draft.joint_after(index) == "list" and self.last_plan.urges(piece.text):
            return True  # "go on, walk forward"
        if draft.before is None:
            return False
        if draft.last and asks_again(draft.pieces, index):
            return True
        if self._goes_so(draft.pieces[index], draft.before):
            return True
        last = index + 1 == len(draft.pieces) and set(words(piece.text)) <= english().endearments  # "a bit to the right, duck"
        if piece.joint != "then" and self._asides.keeps_heading(draft.pieces[index], draft.before):
            draft.leave_out(piece.text)
            return True
        if piece.joint in ("list", "runon") and (last or self._asides.adds(piece.text)):
            draft.leave_out(piece.text)  # "two laps, on foot"
            return True
        return names_the_same(piece, draft.before, self._chooser)  # "arms up, the two of them"

    def _goes_so(self, piece: Piece, before: Choice) -> bool:
        """Whether a piece only says how a way is gone: "half a circle to the right, walking"."""
        if piece.joint not in ("list", "while") or before.call is None or not PARTICIPLE.fullmatch(piece.text):
            return False
        found = self._chooser.choose(self._segmented.uninflected(piece).text, None).call
        skills = [self._chooser.skills[call.skill] for call in (found, before.call) if call is not None]
        return len(skills) == 2 and all(takes(skill, "distance") or takes(skill, "angle") for skill in skills)

    def _chosen(self, draft: PlanDraft, index: int, piece: Piece) -> tuple[Piece, Choice, int]:
        """What a piece asks for: as it stands, with a neighbour, or without what nobody can do; and how many pieces that took."""
        choice, used = self._hearing.choose(piece.text, draft.before), 1
        aside = self._listed(draft, index) and not extract(piece.text)[0].values and self._asides(piece.text, choice)
        if choice.call is None and (not choice.firm or choice.rule is Rule.SIDE) and not aside:
            piece, choice, used = self._widened(draft, index, piece, choice)
        if choice.call is None and not choice.firm:
            choice = self._variants.trimmed(piece.text, choice) or choice
        if choice.call is None and choice.rule in (Rule.SCORE, Rule.COVERAGE):
            choice = self._variants.unadorned(piece.text, draft.manners) or choice
        return piece, choice, used

    def _says_no_more(self, draft: PlanDraft, index: int, piece: Piece, choice: Choice) -> bool:
        """Whether a piece asks for nothing more: the call before it once more, a remark, or a name."""
        before = draft.before
        if before is not None and (choice is before or urges_on(piece, choice, before, self._chooser)):
            return True  # "turn right, then face the wall" is one turn
        if (
            before is not None
            and choice.remark
            and piece.joint == "while"
            and english().speakers.intersection(words(piece.text)[:1])
        ):
            draft.leave_out(f"while {piece.text}")  # "stand still while I measure you"
            return True
        listed = self._listed(draft, index)
        if not listed and (before is None or piece.joint != "then" or not choice.remark):
            return False
        if draft.urged(index):
            return False
        if not choice.remark and self._asides(piece.text, choice):
            if before is not None and draft.joint_after(index) and self._asides.between(piece.text, before, draft.after(index)):
                return False
            draft.leave_out(piece.text)  # "sit down, cadet"
            return True
        return choice.remark  # "you're too close, back off"

    @staticmethod
    def _listed(draft: PlanDraft, index: int) -> bool:
        """Whether a comma parts a piece from another."""
        return (draft.pieces[index].joint == "list" and bool(draft.choices)) or draft.joint_after(index) == "list"

    def _repeated(self, draft: PlanDraft, piece: Piece, choice: Choice) -> list[tuple[Piece, Choice]]:
        """A choice so often as its piece says."""
        return self._times(draft, piece, *self._variants.counted(piece, choice))

    def _times(self, draft: PlanDraft, piece: Piece, found: Choice, times: int) -> list[tuple[Piece, Choice]]:
        """A choice so often; by turns with the one before it where it can't be done twice in a row."""
        if times > 1 and draft.before is not None and self._alternates(piece, draft.before, found):
            return [(piece, found), *[draft.choices[-1], (piece, found)] * (times - 1)]  # "sit down and stand up two times"
        return [(Piece(piece.text, "then") if number else piece, found) for number in range(times)]

    def returns(self, text: str) -> bool:
        """Whether words mean a skill that goes back by itself, whatever was done: "come back to where you started"."""
        follow, choice = follow_up(text), self._chooser.choose(text, None)
        if follow is not None and follow.compare:
            return False  # "slow down"
        known = choice.call is not None and choice.call.skill != STOP and choice.score >= WHOLE
        return known and not self.last_plan.measured(choice.call.skill)

    def _alternates(self, piece: Piece, before: Choice, choice: Choice) -> bool:
        """Whether a call after an "and" can't be done twice in a row, but by turns with its opposite before it."""
        if piece.joint not in ("and", "list") or before.call is None or choice.call is None:
            return False
        names = {before.call.skill, choice.call.skill}
        opposed = any(names == set(pair.names) for pair in self._chooser.pairs)
        return opposed and not any(map(self.last_plan.measured, names))

    def _follow(self, draft: PlanDraft, index: int) -> FollowedPlan | None:
        """What a piece says of those before it, or of the last plan where it is the first; None where it says nothing of them."""
        piece = draft.pieces[index]
        if draft.last is None or piece.joint == "while":
            return None
        follow = follow_up(piece.text)
        listed = piece.joint == "list" if index else len(draft.pieces) > 1
        if follow is None or (listed and follow.plain and not follow.rest):
            return None  # "off you go, straight ahead": a detail
        so_far = self._arranged(draft.text, draft.choices).steps if draft.choices else draft.last
        return self.last_plan.followed(piece.text, so_far, inside=bool(draft.choices))

    def _widened(self, draft: PlanDraft, index: int, piece: Piece, alone: Choice) -> tuple[Piece, Choice, int]:
        """A piece that means nothing alone may be a part of one command: "reach out and touch the ball"."""
        given = draft.pieces[index]
        if draft.joint_after(index) in ("and", "list", "while") and not draft.urged(index):
            following = draft.pieces[index + 1]
            link = " " if following.joint == "while" else " and "
            wider = Piece(f"{given.text}{link}{following.text}", given.joint)
            choice = self._chooser.choose(wider.text, None)
            if choice.call is not None and choice.score >= WHOLE and not self._moves_otherwise(given, choice.call):
                return wider, choice, 2
        if draft.choices and given.joint in ("and", "list"):
            before, chosen = draft.choices[-1]
            for link in (" ", " and "):  # "to the left, sideways"
                wider = Piece(f"{before.text}{link}{given.text}", before.joint)
                choice = self._chooser.choose(wider.text, None)
                same = choice.call is not None and chosen.call is not None and choice.call.skill == chosen.call.skill
                if same and choice.score >= WHOLE:
                    draft.choices.pop()
                    return wider, choice, 1
        return given, alone, 1

    def _moves_otherwise(self, piece: Piece, call: SkillCall) -> bool:
        """Whether a piece begins with a verb of other skills' phrases, which those of the call's own do not have."""
        verb = words(piece.text)[0]
        mine = self._chooser.scorer.class_of[call.skill]
        others = any(verb in verbs for label, verbs in self._chooser.verbs.items() if label not in (mine, NONE))
        return others and verb not in self._chooser.verbs[mine]
