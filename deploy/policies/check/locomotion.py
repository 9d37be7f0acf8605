"""Everything that can be said of a policy file before anything moves: contract, probes, simulation, what would fit better."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from arbiter.errors import ArbiterError, MisfitError, PolicyError
from arbiter.robot import RobotModel
from deploy.policies.check.drive import Ground
from deploy.policies.check.judge import judge
from deploy.policies.check.search import Better, Progress, Search
from deploy.policies.check.trial import Trial, plans, try_card
from policies.contract import check_policy
from policies.locomotion.card import PolicyCard, check_card, read_card
from policies.locomotion.policy import OnnxPolicy
from policies.locomotion.probes.cards import alternatives
from policies.locomotion.probes.figures import probe_figures
from policies.locomotion.probes.mirror import mirror_of
from policies.locomotion.probes.network import probe_network
from policies.locomotion.probes.probe_finding import ProbeFinding, skipped
from policies.locomotion.probes.subject import Network as Asked
from policies.onnx_network import Network

COURSES = "standing and walking"
REMEMBERED = 5  # steps in which a recurrent network gets to know a state


@dataclass(frozen=True, slots=True)
class Locomotion:
    """A locomotion policy that is checked.

    Attributes:
        file: Its ONNX file.
        card: What is said of it.
        model: The robot.
        progress: Draws how far long work is.
    """

    file: Path
    card: PolicyCard
    model: RobotModel
    progress: Progress

    def policy(self, card: PolicyCard) -> OnnxPolicy:
        """The file under a card. Raises ConfigError where they do not fit."""
        return OnnxPolicy(self.file, self.model, card=replace(card, sha256=""))


def check_locomotion(file: str | Path, card: str | Path | None, model: RobotModel, progress: Progress) -> list[ProbeFinding]:
    """Every finding, in order. Raises ConfigError where there is no card to check."""
    return list(_findings(Locomotion(Path(file), read_card(file, card, model), model, progress)))


def _findings(one: Locomotion) -> Iterator[ProbeFinding]:
    card, model = one.card, one.model
    misfit = _misfit(one)
    yield misfit or ProbeFinding(
        "card", "pass", f"{card.name} {card.version}: {len(card.joints)} joints at {card.rate_hz:g} Hz, for {card.robot}"
    )
    if set(card.joints) - set(model.joints):
        return
    yield from probe_figures(card, model)
    if misfit is None:
        yield _contract(one)
        yield from _network(one)
    can, why = _can_walk(one)
    if not can:
        yield skipped("simulation", why)
        return
    ground = Ground(model)
    trial = None if misfit else _trial(one, ground)
    if trial is not None:
        yield from judge(trial)
    search = Search(ground, one.policy, lambda other: doubts(one, other), one.progress)
    yield fits_better(search.best(card, trial, alternatives(card, model, mirror_of(model))))


def _misfit(one: Locomotion) -> ProbeFinding | None:
    try:
        check_card(one.card, one.model, one.file)
        one.policy(one.card).close()
    except MisfitError as error:
        _, _, text = str(error).partition(": does not fit the robot: ")
        return ProbeFinding("card", "fail", f"does not fit the robot: {text}", advice="mend the card, or the robot's folder")
    except ArbiterError as error:
        return ProbeFinding(
            "card", "fail", str(error), advice="mend the card; `input`, `output` and the terms describe the graph"
        )
    return None


def _contract(one: Locomotion) -> ProbeFinding:
    try:
        wrong = check_policy(lambda: one.policy(one.card), one.model)
    except ArbiterError as error:
        wrong = [str(error)]
    if wrong:
        return ProbeFinding("contract", "fail", "; ".join(wrong), advice="see policies.contract.check_policy")
    return ProbeFinding("contract", "pass", "targets are finite, masked and repeatable; broken readings end in an error")


def _network(one: Locomotion) -> list[ProbeFinding]:
    still = [joint for joint, scale in zip(one.card.joints, one.card.action_scale, strict=True) if not scale]
    if still:
        return [
            ProbeFinding(
                "network", "warn", f"action_scale is 0 for {', '.join(still)}: no action moves them", advice="see the card"
            )
        ]
    try:
        return probe_network(one.card, one.model, asked(one))
    except ArbiterError as error:
        return [skipped("network", str(error))]


def doubts(one: Locomotion, card: PolicyCard) -> int:
    """How many probes of the network another card does not pass."""
    return sum(found.level == "warn" for found in _network(replace(one, card=card)))


def asked(one: Locomotion) -> Asked:
    """The bare network: an observation in, an action out. One that remembers forgets first, and sees the same for a while."""
    card = one.card
    x = np.zeros((1, card.observation_size), np.float32)
    remembered = [(state.input, state.output) for state in card.recurrent]
    network = Network(one.file, card.input, card.output, x, len(card.joints), remembered)

    def ask(vector: np.ndarray) -> np.ndarray:
        x[:] = vector
        network.forget()
        for _ in range(REMEMBERED if remembered else 1):
            action = network.run()[0]
        if not np.isfinite(action).all():
            raise PolicyError("the network gives actions that are not finite")
        return action.astype(float)

    return ask


def _can_walk(one: Locomotion) -> tuple[bool, str]:
    model = one.model
    legs = model.groups["legs"]
    if not legs.any() or model.body is None or not model.body.feet:
        return False, "the robot has no legs that are known: nothing stands or walks"
    if not any(legs[model.index(name)] for name in one.card.joints):
        return False, "it drives no joint of the legs: it neither stands nor walks by itself"
    return True, ""


def _trial(one: Locomotion, ground: Ground) -> Trial:
    policy, courses = one.policy(one.card), plans(one.card, one.model)
    found = [try_card(ground, policy, {name: courses[name]}) for name in one.progress(list(courses), COURSES)]
    policy.close()
    return replace(found[0], courses={name: course for trial in found for name, course in trial.courses.items()})


def fits_better(better: Better | None) -> ProbeFinding:
    """The line that names the likeliest right card."""
    if better is None:
        return ProbeFinding("another card", "pass", "none that was tried is clearly better")
    return ProbeFinding("another card", "warn", f"fits better: {better.other.what}", advice=f"with that {better.why}")
