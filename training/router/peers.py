"""Measures the router beside others on the same phrases, with the same encoder, data and judge.

python -m training.router.peers [--set report|surprise|first_sight|FILE.txt | --grid NAME|all] [--by KEY] [--json]

nearest cosine   the skill of the most similar phrase of the fit set, above a cosine
linear probe     logistic regression on the sentence vector, above a probability
head             the router's own head on the whole text, above its own score, the side by the word
semantic-router  the library of that name (IndexedRouter), calibrated by its own means; left out where it is not installed

Each of them finds one skill or none, and no values: compare the right plans. Thresholds are those that are best on the dev set.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra
from training.router.evaluate import GROUPINGS, add_source, evaluate, sets_of


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.router.peers", description=__doc__)
    add_source(p)
    p.add_argument("--by", choices=tuple(GROUPINGS), default="kind", help="what the rows of the table are")
    p.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    return p


with extra(__name__, parser, "sklearn"):
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    from arbiter.routing import Router
    from arbiter.routing.choice import STOP, defaults
    from arbiter.routing.classifier import NONE
    from arbiter.routing.corpus import canonical
    from arbiter.routing.encoder import Encoder
    from arbiter.routing.opposites import side_of
    from arbiter.routing.text import words, written_out
    from arbiter.skill import Route, Skill, SkillCall
    from skills import builtin_skills
    from training.router.figures import Group, grouped
    from training.router.judge import PhraseResult, judge
    from training.router.phrases import Phrase, PhraseSet, load_phrases
    from training.router.plans import vocabulary

LIBRARY = "semantic_router"
STRENGTH = 20.0  # inverse of the probe's ridge penalty, as that of training.router.fit
Guess = Callable[[str], tuple[str, float]]  # text -> skill or "none", and how sure


@dataclass(frozen=True, slots=True)
class PeerCorpus:
    """What a peer is given: the phrases that the router's head is fitted on, and those that its calibration is.

    Attributes:
        labels: Skill, or "none", of each text.
        vectors: shape (n, size).
        dev: Phrases of one skill or none, and the skills that are right.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    vectors: np.ndarray
    dev: tuple[tuple[str, frozenset[str]], ...]


def plain(text: str) -> str:
    """Lower-case words without punctuation: what every peer reads."""
    return " ".join(words(text.lower()))


def _owners(phrase: Phrase) -> frozenset[str]:
    return frozenset(plan[0][0] for plan in phrase.plans) or frozenset((NONE,))


def corpus(encode: Callable[[str], np.ndarray], skills: Sequence[Skill]) -> PeerCorpus:
    """Utterances, fit set and refused phrases, each text once."""
    rows = [(plain(text), skill.name) for skill in skills for text in skill.utterances]
    rows += [
        (plain(phrase.text), min(_owners(phrase))) for name in ("fit", "none", "paraphrases") for phrase in load_phrases(name)
    ]
    unique = {text: label for text, label in reversed(rows) if text}  # a skill before the refused ones
    single = [p for p in load_phrases("dev") if p.kind != "safe" and all(len(plan) == len(plan[0]) == 1 for plan in p.plans)]
    dev = tuple((plain(phrase.text), _owners(phrase)) for phrase in single)
    return PeerCorpus(tuple(unique), tuple(unique.values()), np.array([encode(text) for text in unique]), dev)


def threshold(guess: Guess, dev: Sequence[tuple[str, frozenset[str]]]) -> float:
    """The one above which a guess counts that makes most of the dev phrases right."""
    guesses = [(guess(text), owners) for text, owners in dev]
    levels = sorted({sure for (_, sure), _ in guesses})
    return max(levels, key=lambda level: sum((name if sure >= level else NONE) in owners for (name, sure), owners in guesses))


def nearest_cosine(data: PeerCorpus, encode: Callable[[str], np.ndarray]) -> Guess:
    """The label of the most similar phrase."""

    def guess(text: str) -> tuple[str, float]:
        cosines = data.vectors @ encode(plain(text))
        best = int(cosines.argmax())
        return data.labels[best], float(cosines[best])

    return guess


def linear_probe(data: PeerCorpus, encode: Callable[[str], np.ndarray]) -> Guess:
    """Logistic regression on the vector."""
    model = LogisticRegression(C=STRENGTH, max_iter=1000).fit(data.vectors, data.labels)

    def guess(text: str) -> tuple[str, float]:
        probability = model.predict_proba(encode(plain(text))[None])[0]
        return str(model.classes_[probability.argmax()]), float(probability.max())

    return guess


def head_alone(router: Router) -> Guess:
    """The shipped head on the whole text; of a mirrored pair, the side that is said."""
    scorer = router.scorer

    def guess(text: str) -> tuple[str, float]:
        if not (clause := canonical(written_out(text))):
            return NONE, 0.0
        scored = scorer.score([clause])[0]
        names = [name for name, kind in scorer.class_of.items() if kind == scored.best]
        said = words(text.lower())
        best = next((name for name in names if side_of(name) in said), names[0] if names else NONE)
        return best, scored.score

    return guess


def semantic_router(data: PeerCorpus, encode: Callable[[str], np.ndarray]) -> Guess:
    """The library's router on the same vectors, calibrated on the dev set."""
    encoders = importlib.import_module(f"{LIBRARY}.encoders")
    library = importlib.import_module(LIBRARY)

    class SameEncoder(encoders.DenseEncoder):
        def __call__(self, docs: list[str]) -> list[list[float]]:
            return [encode(doc).tolist() for doc in docs]

    routes = [
        library.Route(name=name, utterances=[text for text, label in zip(data.texts, data.labels, strict=True) if label == name])
        for name in sorted(set(data.labels))
    ]
    router = library.IndexedRouter(encoder=SameEncoder(name="same"), routes=routes)
    fresh = [(text, owners) for text, owners in data.dev if text not in set(data.texts)]
    router.fit([text for text, _ in fresh], [min(owners) for _, owners in fresh])

    def guess(text: str) -> tuple[str, float]:
        choice = router(plain(text))
        return choice.name or NONE, float(choice.confidence or 0.0)

    return guess


def routed(text: str, name: str, sure: float, router: Router) -> Route:
    """A guess as a route, with default values."""
    if name == NONE:
        return Route(text, "rejected", reason="none", score=sure)
    call = SkillCall(name, defaults(router.skills, name), sure, sure, text)
    return Route(text, "stopped" if name == STOP else "accepted", ((call,),), score=sure)


def measured(guess: Guess, level: float, router: Router, phrase_sets: Sequence[PhraseSet]) -> list[PhraseResult]:
    """A peer's results."""
    known, fitted = vocabulary(router.skills.values()), frozenset(router.scorer.texts)
    results = []
    for phrase in (phrase for each in phrase_sets for phrase in each.phrases):
        start = time.thread_time_ns()
        name, sure = guess(phrase.text)
        route = routed(phrase.text, name if sure >= level else NONE, sure, router)
        cpu_ms = (time.thread_time_ns() - start) / 1e6
        results.append(judge(phrase, route, cpu_ms, known, canonical(written_out(phrase.text)) in fitted))
    return results


def compared(phrase_sets: Sequence[PhraseSet]) -> dict[str, list[PhraseResult]]:
    """The results of the router and of each peer, by name; of sets with skills of their own, fitted with these."""
    encoder = Encoder()
    met: dict[str, np.ndarray] = {}

    def encode(text: str) -> np.ndarray:
        """One text a run, as the router's scorer does it."""
        if text not in met:
            met[text] = encoder([text])[0]
        return met[text]

    results: dict[str, list[PhraseResult]] = {}
    for skills in dict.fromkeys(each.skills for each in phrase_sets):
        router = Router([*builtin_skills(), *skills])
        chosen = [each for each in phrase_sets if each.skills == skills]
        data = corpus(encode, [*builtin_skills(), *skills])
        results.setdefault("router", []).extend(evaluate(chosen))
        for name, guess in guesses(data, encode, router).items():
            results.setdefault(name, []).extend(measured(guess, threshold(guess, data.dev), router, chosen))
    return results


def guesses(data: PeerCorpus, encode: Callable[[str], np.ndarray], router: Router) -> dict[str, Guess]:
    """Every peer that can be had, by name."""
    found = {
        "nearest cosine": nearest_cosine(data, encode),
        "linear probe": linear_probe(data, encode),
        "head": head_alone(router),
    }
    if importlib.util.find_spec(LIBRARY):
        found["semantic-router"] = semantic_router(data, encode)
    return found


def pivot(groups: dict[str, list[Group]]) -> str:
    """A Markdown table: right plan / wrong motion [per cent], a column for each."""
    names = list(groups)
    rows = [f"| | phrases | {' | '.join(names)} |", "|" + "---|" * (2 + len(names))]
    for row in zip(*groups.values(), strict=True):
        cells = [f"{group.plan.percent:.1f} / {group.wrong_motion.percent:.1f}" for group in row]
        rows.append(f"| {row[0].name or '-'} | {row[0].exact.of} | {' | '.join(cells)} |")
    return "\n".join(rows)


def main() -> None:
    args = parser().parse_args()
    groups = {name: grouped(results, GROUPINGS[args.by]) for name, results in compared(sets_of(args)).items()}
    if args.json:
        print(json.dumps({name: [group.as_json() for group in found] for name, found in groups.items()}))
        return
    print(pivot(groups))
    print("right plan / wrong motion, per cent; peers find one skill and no values")
    if "semantic-router" not in groups:
        print("semantic-router is not installed and was left out; `pip install semantic-router` adds it")


if __name__ == "__main__":
    sys.exit(in_one_line(main))
