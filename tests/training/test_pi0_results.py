"""What evaluations of π0 add up to."""

import json

from training.pi0.results import EpisodeResult, demonstrations_to_collect, summary, table, write


def result(policy: str, instruction: str, success: bool, seed: int = 1, ms: float = 5.0) -> EpisodeResult:
    return EpisodeResult(policy, instruction, seed, success, 0.5, "m", "came near", False, 10.0, 1.0, 2.0, ms)


def test_what_to_collect_is_ordered_by_each_policys_own_rates_and_names_it():
    results = [
        result("old", "bow", False, 1),
        result("old", "bow", True, 2),
        result("old", "sit down", False, 3),
        result("new", "bow", False, 4),
        result("new", "sit down", False, 5),
        result("new", "sit down", True, 6),
    ]
    lines = demonstrations_to_collect(results)
    assert [line[: line.index(": came")] for line in lines] == [
        "old: 'sit down', seed 3",
        "new: 'bow', seed 4",
        "old: 'bow', seed 1",
        "new: 'sit down', seed 5",
    ]
    assert demonstrations_to_collect(results[3:])[0].startswith("'bow', seed 4")


def test_what_is_not_finite_is_null_in_json(tmp_path):
    results = [result("new", "bow", True, ms=float("nan")), result("new", "bow", True, ms=float("inf"))]
    rows = summary(results)
    write(tmp_path / "results.json", results, rows, [])
    data = json.loads((tmp_path / "results.json").read_text(), parse_constant=lambda word: 1 / 0)
    assert [run["inference_ms"] for run in data["runs"]] == [None, None] and data["summary"][0]["inference_ms"] is None
    assert "| new | bow | 2 | 100 % |" in table(rows)
