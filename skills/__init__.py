"""The built-in skills. How skills of users are loaded: see `skills.registry`."""

from __future__ import annotations

from arbiter.skill import Skill
from skills.circling import WalkInCircle
from skills.gestures import LowerArms, PointAt, RaiseArms, WaveLeft, WaveRight
from skills.returning import ComeBack
from skills.standing import StandStill, Stop
from skills.to_balls import FaceBall, WalkToBall
from skills.touching import TouchBall
from skills.walking import SidestepLeft, SidestepRight, TurnLeft, TurnRight, WalkBackward, WalkForward
from skills.whole_body import Bow, SitDown, StandUp

BUILT_IN: tuple[type[Skill], ...] = (
    StandStill,
    Stop,
    WalkForward,
    WalkBackward,
    SidestepLeft,
    SidestepRight,
    TurnLeft,
    TurnRight,
    WalkInCircle,
    WaveRight,
    WaveLeft,
    RaiseArms,
    LowerArms,
    Bow,
    SitDown,
    StandUp,
    PointAt,
    TouchBall,
    WalkToBall,
    FaceBall,
    ComeBack,
)


def builtin_skills() -> tuple[Skill, ...]:
    """One instance of every built-in skill."""
    return tuple(kind() for kind in BUILT_IN)
