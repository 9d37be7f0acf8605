"""What the responses of a network say about its card: signs, units, order of joints, left and right.

The bounds come from policies of four makers, measured in docs/results/policy-check.md; where physics gives a scale, in its units:
how long a body as tall as this robot takes to fall over, sqrt(height / g).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from arbiter.robot import RobotModel
from policies.locomotion.card import PolicyCard
from policies.locomotion.probes.cards import DEGREES, orders, renamed
from policies.locomotion.probes.history_order import probe_history
from policies.locomotion.probes.mirror import JointMirror, mirror_of
from policies.locomotion.probes.probe_finding import ProbeFinding, judged, skipped
from policies.locomotion.probes.responses import Responses, responses
from policies.locomotion.probes.subject import Network, Stimulus, Subject

GRAVITY = 9.81
TILT = 0.1  # least response to one tilt, as a share of that to the other
BALANCE = (0.18, 2.5)  # response to angular velocity over that to tilt, in times to fall over
JOINT = (0.025, 0.75)  # response to joint velocities over that to positions, in times to fall over
OWN = 1.15  # by which another order may raise the share of the own joint
MIRRORED, SYMMETRIC = 0.5, 0.7  # share to which another order lowers the asymmetry, and what is then left of it
GROWTH = 1.6  # of an action through the previous action: spectral radius of that response
USUAL = {"base_ang_vel": 0.5, "joint_vel": 0.09}  # of these, in the middle of right policies
LEADS = (DEGREES, 1.0 / DEGREES, 20.0, 0.05, 5.0, 0.2)
PROBED = ("base_ang_vel", "projected_gravity", "joint_pos", "joint_pos_rel", "joint_vel", "previous_action")


@dataclass(frozen=True, slots=True)
class ProbedNetwork:
    """A network under its card, and what was measured of it.

    Attributes:
        fall: Time in which the robot falls over [s].
    """

    subject: Subject
    stimuli: Sequence[Stimulus]
    found: Responses
    mirror: JointMirror
    fall: float

    @property
    def card(self) -> PolicyCard:
        return self.subject.card

    @property
    def model(self) -> RobotModel:
        return self.subject.model

    def sees(self, *terms: str) -> bool:
        """Whether it observes one of these."""
        return any(term.term in terms for term in self.card.observations)


def probe_network(card: PolicyCard, model: RobotModel, network: Network) -> list[ProbeFinding]:
    """What the network itself says about its card."""
    subject, mirror = Subject(card, model, network), mirror_of(model)
    stimuli = subject.walking()
    height = model.body.standing if model.body is not None and model.body.standing > 0.0 else 0.5
    probe = ProbedNetwork(subject, stimuli, responses(subject, stimuli), mirror, float(np.sqrt(height / GRAVITY)))
    found = [*_balance(probe), *_leads(probe), *_own_joints(probe), *_previous(probe)]
    found += [*_symmetry(probe), *probe_history(subject, stimuli)]
    others = sorted({term.term for term in card.observations if term.term not in (*PROBED, "velocity_command")})
    if others:
        found.append(skipped("other terms", f"{', '.join(others)}: as the card says; seen in simulation only"))
    return found


def _norm(values: np.ndarray) -> float:
    return float(np.linalg.norm(values))


def _balance(probe: ProbedNetwork) -> Iterator[ProbeFinding]:
    """A robot that tips over and one that is tilted are answered alike: else an axis has the wrong sign."""
    tilt, rate = probe.found.tilt, probe.found.rate
    if not (probe.sees("base_ang_vel") and probe.sees("projected_gravity", "base_euler")):
        yield skipped("tilt", "it does not observe both gravity and angular velocity")
        return
    sizes = [_norm(tilt[..., axis]) for axis in range(2)]
    share = min(sizes) / max(max(sizes), 1e-9)
    missing = "roll" if sizes[0] < sizes[1] else "pitch"
    yield judged(
        "tilt",
        f"roll {sizes[0]:.2f}, pitch {sizes[1]:.2f} [rad/rad]: the smaller is {share:.2f} of the larger",
        share,
        TILT,
        None,
        f"{missing} is hardly seen: projected_gravity looks like taken from a quaternion in another order, such as "
        "(x, y, z, w) for (w, x, y, z), or scaled by 0",
    )
    for axis, name, letter, other in ((0, "roll", "x", "y"), (1, "pitch", "y", "x")):
        a, b = tilt[..., axis], rate[..., axis]
        if min(_norm(a), _norm(b)) < 1e-6:
            yield skipped(f"sign of {name}", "the network does not answer to it")
            continue
        along = float((a * b).sum() / (_norm(a) * _norm(b)))
        yield judged(
            f"sign of {name}",
            f"its answers to {name} and to its rate agree by {along:+.2f} (1: alike, -1: opposite)",
            along,
            0.0,
            None,
            f"base_ang_vel {letter} or projected_gravity {other} has the wrong sign (scale of that value: -1), "
            "or gravity points up",
        )


def _leads(probe: ProbedNetwork) -> Iterator[ProbeFinding]:
    """By how far the network looks ahead: velocity over position. A wrong unit or scale is off by a large factor."""
    found = probe.found
    if probe.sees("base_ang_vel") and probe.sees("projected_gravity", "base_euler"):
        yield _lead(probe, "angular velocity", "base_ang_vel", found.rate, found.tilt, BALANCE)
    if probe.sees("joint_vel") and probe.sees("joint_pos", "joint_pos_rel"):
        yield _lead(probe, "joint velocity", "joint_vel", found.vel, found.pos, JOINT)


def _lead(
    probe: ProbedNetwork, what: str, term: str, fast: np.ndarray, slow: np.ndarray, bounds: tuple[float, float]
) -> ProbeFinding:
    lead = _norm(fast) / max(_norm(slow), 1e-9)
    value, low, high = lead / probe.fall, *bounds
    factor = min(LEADS, key=lambda f: abs(np.log(max(value, 1e-9) * f / USUAL[term])))
    unit = {DEGREES: ", as if it were trained on deg/s", 1.0 / DEGREES: ", as if it were trained on rad/s"}.get(factor, "")
    size = "large" if value > high else "small"
    advice = f"{term} looks {size} by a factor of about {max(factor, 1.0 / factor):.3g}: try scale times {factor:.3g}{unit}"
    return judged(
        what,
        f"looks {lead:.3g} s ahead ({value:.2f} of the {probe.fall:.2f} s in which the robot falls over)",
        value,
        low,
        high,
        advice,
    )


def own_share(found: Responses, rows: np.ndarray, place: np.ndarray) -> float:
    """Mean share of the own joint in the response of the actions `rows`; `place` is where the own joint is observed."""
    size = np.abs(found.pos.mean(0))
    norm = np.maximum(np.linalg.norm(size, axis=1), 1e-9)
    return float(np.mean(size[rows, place[rows]] / norm[rows]))


def _own_joints(probe: ProbedNetwork) -> Iterator[ProbeFinding]:
    """An action answers most to its own joint: where another order raises that, what is seen and what is driven differ."""
    card, joints = probe.card, np.arange(len(probe.card.joints))
    if not probe.sees("joint_pos", "joint_pos_rel"):
        yield skipped("own joints", "it does not observe joint positions")
        return
    value, seen, advice = 1.0, f"share of the own joint in its action's response {own_share(probe.found, joints, joints):.2f}", ""
    tried = orders(card, probe.model, probe.mirror)
    for term in card.observations:  # where both are listed in different orders, either list may be the wrong one
        if term.joints != card.joints and set(term.joints) == set(card.joints):
            tried["joints are those of the actions, in their order,"] = term.joints
    for what, order in tried.items():
        place = np.array([card.joints.index(name) for name in order])
        changed = np.flatnonzero(place != joints)
        now, then = own_share(probe.found, changed, joints), own_share(probe.found, changed, place)
        if then / max(now, 1e-9) > value:
            value = then / max(now, 1e-9)
            advice = f"{what} in what is observed, or in the actions: "
            advice += f"with that the own-joint response rises from {now:.2f} to {then:.2f}"
    seen += f"; another order raises it by {value:.2f}" if advice else "; no order that was tried raises it"
    yield judged("own joints", seen, value, None, OWN, advice)


def _previous(probe: ProbedNetwork) -> Iterator[ProbeFinding]:
    """A network that takes its own last action for more than it was answers more and more, until the clips stop it."""
    if not probe.sees("previous_action"):
        return
    value = float(np.abs(np.linalg.eigvals(probe.found.action.mean(0))).max())
    yield judged(
        "previous action",
        f"in a robot that stays as it is, an action grows to {value:.2f} of itself from step to step",
        value,
        None,
        GROWTH,
        "previous_action looks scaled too high, or in another order than the actions",
    )


def _mirrored(probe: ProbedNetwork, mirror: JointMirror, stimulus: Stimulus) -> Stimulus:
    card, subject = probe.card, probe.subject
    half = next((round(0.5 * term.period * card.rate_hz) for term in card.observations if term.period), 0)
    action = _reflect(subject, mirror, stimulus.action)
    velocity = stimulus.velocity * (1.0, -1.0, -1.0)
    return Stimulus(mirror.state(stimulus.state), velocity, action, stimulus.steps + half)


def _reflect(subject: Subject, mirror: JointMirror, action: np.ndarray) -> np.ndarray:
    whole = np.zeros(subject.model.n)
    whole[subject.driven] = action
    return mirror.posture(whole)[subject.driven]


def asymmetry(probe: ProbedNetwork) -> float:
    """Distance between the answers to mirrored states and the mirrored answers, over what answers to unlike states differ by."""
    subject, mirror = probe.subject, probe.mirror
    here = np.array([subject.act(stimulus) for stimulus in probe.stimuli])
    there = np.array([_reflect(subject, mirror, subject.act(_mirrored(probe, mirror, s))) for s in probe.stimuli])
    return _norm(here - there) / max(np.sqrt(2.0) * _norm(here - here.mean(0)), 1e-9)


def _symmetry(probe: ProbedNetwork) -> Iterator[ProbeFinding]:
    """Whether another order of the joints makes the network far more symmetric. Many right policies are not symmetric."""
    if not probe.mirror.known[probe.subject.driven].all():
        yield skipped("left and right", "the robot's model has no mirror image for some of its joints")
        return
    value, best, advice = asymmetry(probe), 1.0, ""
    for what, order in orders(probe.card, probe.model, probe.mirror).items():
        for where in ("all", "acted"):
            other = renamed(probe.card, dict(zip(probe.card.joints, order, strict=True)), where)
            subject = Subject(other, probe.model, probe.subject.network)
            then = asymmetry(replace(probe, subject=subject, stimuli=subject.walking()))
            if then < SYMMETRIC < value and then / value < best:
                best = then / value
                place = "" if where == "all" else ", in the actions only"
                advice = f"{what}{place}: with that the asymmetry falls from {value:.2f} to {then:.2f}"
    seen = f"asymmetry {value:.2f} (0: mirrored states are answered by mirrored actions; right policies: 0.1 to 1.6)"
    yield judged("left and right", f"{seen}; the best other order leaves {best:.2f} of it", best, MIRRORED, None, advice)
