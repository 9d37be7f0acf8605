"""Fits the router's head on the fit set and its calibration on the dev set; the report set is never looked at.

python -m training.router.fit [--model DIR]
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.router.fit", description=__doc__)
    p.add_argument("--model", type=Path, help="folder of the encoder; the head is written there (default: the router's own)")
    return p


with extra(__name__, parser, "sklearn"):
    import numpy as np
    from scipy.sparse import csr_matrix, hstack
    from sklearn.linear_model import LogisticRegression

    from arbiter.routing.artefact import HEAD, Artefact, ScoreCalibration, save
    from arbiter.routing.classifier import NONE, LinearClassifier
    from arbiter.routing.corpus import canonical, sided
    from arbiter.routing.encoder import MODEL_DIR, Encoder
    from arbiter.routing.features import SparseRows, TfidfVocabulary, terms
    from arbiter.routing.opposites import class_of, opposites
    from arbiter.routing.scorer import FEATURES, Scorer
    from arbiter.routing.text import written_out
    from skills import builtin_skills
    from training.router.phrases import Phrase, load_phrases

STRENGTH = 20.0  # inverse of the ridge penalty on the classifier; 5 to 100 score alike on the dev set
PARAPHRASE = 0.4  # weight of a phrase that only the classifier learns from
RIDGE = 1.0  # penalty on the calibration
ACCEPT = 0.65  # of the labelled sets' commands scored from 0.5 to here 10 of 14 moved wrongly
ITERATIONS = 1000


def corpus() -> list[tuple[str, str, bool]]:
    """(canonical text, skill or "none", names a side) of all phrases to fit on, each once."""
    rows = [(text, skill.name) for skill in builtin_skills() for text in skill.utterances]
    rows += [
        (phrase.text, phrase.plans[0][0][0] if phrase.plans else NONE)
        for name in ("fit", "none")
        for phrase in load_phrases(name)
    ]
    unique: dict[str, tuple[str, str, bool]] = {}
    for text, owner in rows:  # a phrase counts for the first that claims it: a skill before the refused ones
        if clause := canonical(written_out(text)):
            unique.setdefault(clause, (clause, owner, sided(written_out(text))))
    return list(unique.values())


def paraphrases(known: Collection[str]) -> list[tuple[str, str]]:
    """(canonical text, skill or "none") of the phrases that only the classifier learns from, without `known` ones."""
    found: dict[str, str] = {}
    for phrase in load_phrases("paraphrases"):
        clause = canonical(written_out(phrase.text))
        if clause and clause not in known:
            found.setdefault(clause, phrase.plans[0][0][0] if phrase.plans else NONE)
    return list(found.items())


def fit_vocabulary(texts: Sequence[str]) -> TfidfVocabulary:
    """The tf-idf vocabulary of a corpus: all words, and the pairs that occur more than once."""
    counts = Counter(term for text in texts for term in set(terms(text)))
    kept = sorted(term for term, count in counts.items() if count > 1 or " " not in term)
    frequency = np.array([counts[term] for term in kept], np.float32)
    return TfidfVocabulary.restored(kept, np.log((1.0 + len(texts)) / (1.0 + frequency)) + 1.0)


def fit_classifier(labels: Sequence[str], vectors: np.ndarray, rows: SparseRows, size: int, known: int) -> LinearClassifier:
    """Multinomial logistic regression; small classes (a plug-in has ten phrases, a built-in two hundred) weigh more.

    Args:
        labels: Class of each phrase.
        vectors: Sentence vectors, shape (n, d).
        rows: tf-idf of the same phrases.
        size: Number of columns of `rows`.
        known: Number of phrases that count in full: those behind them are paraphrases.
    """
    classes, target = np.unique(labels, return_inverse=True)
    counts = np.bincount(target)
    weight = np.clip(np.sqrt(counts.mean() / counts), 0.5, 3.0)[target] * np.where(
        np.arange(len(target)) < known, 1.0, PARAPHRASE
    )
    x = hstack((vectors.astype(np.float64), csr_matrix((rows.values, rows.columns, rows.start), (len(labels), size)))).tocsr()
    model = LogisticRegression(C=STRENGTH, max_iter=ITERATIONS).fit(x, target, sample_weight=weight)
    coefficients = model.coef_.T.astype(np.float32)
    d = vectors.shape[1]
    return LinearClassifier(tuple(map(str, classes)), coefficients[:d], coefficients[d:], model.intercept_.astype(np.float32))


def fit_head(encoder: Encoder) -> Artefact:
    """A head without its calibration. Clauses are compared with the corpus; the paraphrases are for the classifier alone."""
    rows = corpus()
    more = paraphrases({text for text, *_ in rows})
    texts = (*(text for text, *_ in rows), *(text for text, _ in more))
    owners = (*(owner for _, owner, _ in rows), *(owner for _, owner in more))
    names = [skill.name for skill in builtin_skills()]
    vectors = np.array([encoder([text])[0] for text in texts]).astype(np.float16).astype(np.float32)
    vocabulary = fit_vocabulary(texts)
    labels = [class_of(owner, names) for owner in owners]
    head = fit_classifier(labels, vectors, vocabulary.rows(texts), len(vocabulary.index), len(rows))
    blank = ScoreCalibration(np.zeros(FEATURES), 0.0, ACCEPT)
    n, sides = len(rows), np.array([side for *_, side in rows])
    return Artefact(head, vocabulary, texts[:n], owners[:n], sides, vectors[:n], blank, encoder.digest)


def single(phrase: Phrase) -> bool:
    """Whether a phrase is one clause that the calibration can learn from."""
    return phrase.kind != "safe" and all(len(plan) == 1 and len(plan[0]) == 1 for plan in phrase.plans)


def calibrate(artefact: Artefact, encoder: Encoder) -> ScoreCalibration:
    """Logistic regression of "the best class is what is meant" on the scorer's features, over dev phrases not fitted on."""
    skills = builtin_skills()
    joined = {name: pair.names[0] for pair in opposites(skills) for name in pair.names}
    scorer = Scorer(skills, artefact, encoder, joined)
    fitted = set(artefact.texts)
    phrases = [(canonical(written_out(phrase.text)), phrase) for phrase in load_phrases("dev") if single(phrase)]
    phrases = [(text, phrase) for text, phrase in phrases if text and text not in fitted]
    scored = scorer.score([text for text, _ in phrases])
    right = np.array(
        [
            any(
                joined.get(scorer.class_of[plan[0][0]], scorer.class_of[plan[0][0]]) == joined.get(s.best, s.best)
                for plan in phrase.plans
            )
            for s, (_, phrase) in zip(scored, phrases, strict=True)
        ],
        float,
    )
    x = np.array([[*s.features.values(), 1.0] for s in scored])
    mean, spread = x.mean(axis=0), x.std(axis=0)
    mean[-1], spread[-1] = 0.0, 1.0
    z = (x - mean) / np.maximum(spread, 1e-9)

    model = LogisticRegression(C=1.0 / RIDGE, fit_intercept=False, max_iter=ITERATIONS).fit(z, right)  # z has a column of ones
    w = model.coef_[0] / np.maximum(spread, 1e-9)
    for name, weight in zip(scored[0].features, w, strict=False):
        print(f"  {weight:8.2f}  {name}")
    return ScoreCalibration(w[:-1], float(w[-1] - w[:-1] @ mean[:-1]), ACCEPT)


def main() -> None:
    args = parser().parse_args()
    folder = args.model or MODEL_DIR
    encoder = Encoder(folder)
    artefact = fit_head(encoder)
    print(f"{len(artefact.texts)} phrases, {len(artefact.head.classes)} classes, {len(artefact.vocabulary.index)} terms")
    save(dataclasses.replace(artefact, calibration=calibrate(artefact, encoder)), folder / HEAD)
    print(f"{folder / HEAD}: {(folder / HEAD).stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    sys.exit(in_one_line(main))
