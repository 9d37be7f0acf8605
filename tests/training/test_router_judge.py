"""What counts as right: whole plans, values of the right call, repetitions that come to the same, notes."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.errors import ConfigError
from arbiter.skill import Route, SkillCall
from training.router.aims import aims_table, reached
from training.router.evaluate import before_groups
from training.router.figures import Share, beside, grouped, summary, table
from training.router.judge import judge
from training.router.phrases import KINDS, SETS, load_sets, parse_phrases, parse_set
from training.router.plans import builtin_vocabulary

HALF_TURN = math.pi


def route(*steps: str, reason: str = "") -> Route:
    """ "walk_forward distance=2 + wave_left": a step."""
    plan = []
    for step in steps:
        calls = []
        for call in step.split(" + "):
            name, *pairs = call.split()
            values = {key: float(v) if v.replace(".", "").isdigit() else v for key, v in (pair.split("=") for pair in pairs)}
            calls.append(SkillCall(name, values))
        plan.append(tuple(calls))
    return Route("", "accepted" if steps else "rejected", tuple(plan), reason)


def finding(header: str, labels: str, got: Route) -> str:
    (phrase,) = parse_phrases(f"[{header}]\nany words{labels and f' -> {labels}'}")
    return judge(phrase, got, 0.0).finding


@pytest.mark.parametrize(
    ("header", "labels", "got", "found"),
    [
        ("turn_left, bow", "", route("turn_left", "bow"), "exact"),
        ("turn_left, bow", "", route("bow", "turn_left"), "order"),
        ("turn_left, bow", "", route("bow"), "part lost"),
        ("turn_left, bow", "", route("bow", reason="clamped something"), "part lost"),
        ("turn_left, bow", "", route("bow", reason="left out: turn_left"), "part told"),
        ("turn_left, bow", "", route("turn_right", "bow"), "side"),
        ("turn_left, bow", "", route("turn_left", "bow", "sit_down"), "motion"),
        ("turn_left, bow", "", route("turn_left", "stand_still", "bow"), "pause"),
        ("turn_left, stand_still, bow", "", route("turn_left", "bow"), "part lost"),
        ("turn_left, bow", "", route(), "refused"),
        ("turn_left, bow", "", route("stop"), "stopped"),
        ("turn_left, bow | none", "", route(), "exact"),
        ("walk_forward + wave_*", "", route("walk_forward + wave_right"), "exact"),
        ("walk_forward + wave_*", "", route("walk_forward", "wave_right"), "order"),
        ("walk_forward & wave_*", "", route("walk_forward", "wave_left"), "exact"),
        ("walk_forward", "", route("walk_backward"), "side"),
        ("walk_forward", "", route("walk_forward", "stop"), "exact"),
        ("walk_forward, stop", "", route("walk_forward"), "exact"),
        ("point_at", "direction=left", route("point_at direction=right"), "side"),
        ("walk_forward, turn_left", "; angle=1", route("walk_forward", "turn_left angle=2"), "value"),
        (
            "walk_forward, walk_backward",
            "distance=1; distance=2",
            route("walk_forward distance=2", "walk_backward distance=1"),
            "value",
        ),
        ("walk_forward", "speed<0.35", route("walk_forward speed=0.35"), "value"),
        ("walk_forward", "speed<0.35 distance>1", route("walk_forward speed=0.2 distance=1.1"), "exact"),
        ("walk_forward | none", "note=toe|tip", route("walk_forward", reason='unread "on tiptoe"'), "exact"),
        ("walk_forward | none", "note=toe|tip", route("walk_forward"), "note"),
        ("walk_forward | none", "note=toe|tip", route(), "exact"),
        ("none", "", route("bow"), "motion"),
        ("none", "", route("stop"), "exact"),
        ("none", "", route("stand_still"), "exact"),
        ("none", "note=whistle", route(), "note"),
        ("stop", "", route(), "refused"),
        ("stop", "", route("stop"), "exact"),
        ("stop", "", route("walk_forward"), "motion"),
        ("stand_still", "duration=3", route("stand_still duration=2"), "value"),
        ("stand_still", "", route("stop"), "stopped"),
    ],
)
def test_findings(header, labels, got, found):
    assert finding(header, labels, got) == found


@pytest.mark.parametrize(
    ("header", "labels", "got", "found"),
    [
        ("turn_left, turn_left", "", route(f"turn_left angle={HALF_TURN}"), "exact"),
        ("turn_left", f"angle={HALF_TURN}", route("turn_left angle=1.5708", "turn_left angle=1.5708"), "exact"),
        ("turn_left, turn_left", "", route("turn_left angle=1.5708"), "part lost"),
        ("turn_left, turn_left", "", route("turn_left angle=6.2"), "motion"),
        ("bow, bow, bow", "", route("bow count=3"), "exact"),
        ("bow", "count=3", route("bow", "bow", "bow"), "exact"),
        ("bow", "count=3", route("bow count=1"), "value"),
        ("walk_forward, walk_forward", "duration=2; duration=2", route("walk_forward duration=4 distance=1"), "exact"),
        ("sit_down, sit_down", "", route("sit_down"), "part lost"),
        ("wave_left, bow, wave_left, bow", "", route("wave_left", "bow count=2"), "part lost"),
        ("wave_left, bow, wave_left, bow", "", route("wave_left", "bow", "wave_left", "bow"), "exact"),
        ("wave_left, wave_left", "", route("wave_left", reason='ignored "twice"'), "part told"),
        ("point_at, point_at", "direction=left; direction=left", route("point_at direction=left"), "part lost"),
    ],
)
def test_a_repeated_step_equals_a_longer_one(header, labels, got, found):
    assert finding(header, labels, got) == found


@given(st.lists(st.sampled_from(["turn_left", "bow", "wave_left", "walk_forward", "sit_down"]), min_size=1, max_size=5))
def test_a_plan_is_exact_beside_itself_and_lacks_what_is_left_out(names):
    plan = ", ".join(names)
    assert finding(plan, "", route(*names)) == "exact"
    assert finding(f"{plan}, point_at", "", route(*names)) == "part lost"
    assert finding(plan, "", route(*names, "raise_arms")) == "motion"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[bow]\n[walk]\nwalk", "<text>:2: no skill 'walk'; there are bow, "),
        ("bow", "a phrase stands before the first \\[plan\\]"),
        ("[bow, ]\nbow", "'bow,' is no plan"),
        ("[bow]\nbow -> depth=2", "bow has no parameter 'depth'; it has duration, count"),
        ("[bow]\nbow -> count=9", "count 9.0 of bow must be within 1 and 5"),
        ("[point_at]\npoint up -> direction=up", "point_at has no direction 'up'; it has left, right, ahead"),
        ("[walk_forward, walk_backward]\ngo -> distance=2", "2 steps of the plan take 'distance'; write the values of each step"),
        ("[bow, bow]\nbow -> count=1; count=1; count=1", "3 groups of values for 2 steps"),
        ("[bow]\nbow -> twice", "'twice' is no label"),
        ("# kind: rude\n[bow]\nbow", "no kind 'rude'; there are plain, "),
        ("[skill bow arms]\nbow", r"\[skill bow arms\]: write \[skill NAME JOINTS\]"),
        ("[bow]\nagain << jump", "no skill 'jump'"),
    ],
)
def test_a_wrong_label_is_named_with_its_line(text, error):
    with pytest.raises(ConfigError, match=error):
        parse_set(text)


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(ConfigError, match=r"(?s)<text>:2:.*<text>:4:"):
        parse_set("[bow]\nbow -> x=1\nbow\nbow -> count=7")


def test_headers_reach_the_phrases():
    read = parse_set(
        "# author: anna\n# kind: polite\n# frame: kindly X\n[bow]\nkindly bow\n"
        "{followup} again << turn_left angle=1, bow -> count=1\n# frame:\n"
        "[skill nod arms]\nnod\nnod your head\n# kind: third_party\n[nod]\ngive me a nod\n"
    )
    polite, again, nod = read.phrases
    assert (polite.author, polite.kind, polite.frame, polite.text) == ("anna", "polite", "kindly X", "kindly bow")
    assert again.kind == "followup" and again.text == "again"
    assert [call.skill for step in again.last for call in step] == ["turn_left", "bow"]
    assert (nod.kind, nod.frame, nod.plans) == ("third_party", "", ((("nod",),),))
    assert [(skill.name, skill.joints, skill.utterances) for skill in read.skills] == [("nod", "arms", ("nod", "nod your head"))]


def test_a_folder_is_as_many_sets_as_files(tmp_path: Path):
    (tmp_path / "a.txt").write_text("[bow]\nbow\n")
    (tmp_path / "b.txt").write_text("[none]\nsing\n")
    assert [len(each.phrases) for each in load_sets(str(tmp_path))] == [1, 1]
    with pytest.raises(ConfigError, match="no phrase set 'nowhere'; there are dev, "):
        load_sets("nowhere")


def test_figures_keep_seen_and_unseen_apart():
    phrases = parse_phrases("# kind: polite\n[bow]\nbow\nkindly bow\n[turn_left, bow]\nturn left and bow\n")
    routes = [route("bow"), route(), route("bow")]
    results = [judge(p, r, 1.0, seen=i == 0) for i, (p, r) in enumerate(zip(phrases, routes, strict=True))]
    polite, everything = grouped(results, lambda result: result.phrase.kind)
    assert (polite.exact, polite.seen, polite.unseen) == (Share(1, 3), Share(1, 1), Share(0, 2))
    assert everything.wrong_motion == Share(1, 3) and everything.findings == {"exact": 1, "refused": 1, "part lost": 1}
    assert summary(results)["part lost % of all"] == 33.3
    assert table([polite]).splitlines()[-1].startswith("| polite | 3 |  33.3 (6.1 to 79.2)")


def test_a_run_stands_beside_another_and_the_aims():
    phrases = parse_phrases("# kind: polite\n[bow]\nkindly bow\nbow, please\n# kind: later\n[none]\nbow at noon\n")
    results = [judge(phrase, got, 1.0) for phrase, got in zip(phrases, (route("bow"), route(), route("bow")), strict=True)]
    groups = grouped(results, lambda result: result.phrase.kind)
    before = [groups[0].as_json() | {"exact": Share(0, 2).as_json()}]
    polite, later, _ = beside(before, groups).splitlines()[2:]
    assert polite.startswith("| polite | 2 |   0.0 (0.0 to 65.8) |  50.0 (9.5 to 90.5) |")
    assert later.startswith("| later | 1 | - |   0.0")
    assert {aim.name: (str(found.hits), aim.met(found)) for aim, found in reached(results)} == {
        "commands exact": ("1", False),
        "wrong motion, all phrases": ("1", False),
        "kept still": ("0", False),
        "polite exact": ("1", False),
    }
    assert aims_table(results).splitlines()[-1].startswith("| polite exact | >= 95 |  50.0")


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share(of):
    share = Share(*of)
    low, high = share.interval()
    assert 0.0 <= low <= share.percent + 1e-9 and share.percent - 1e-9 <= high <= 100.0
    assert high - low >= Share(10 * share.hits, 10 * share.of).interval()[1] - Share(10 * share.hits, 10 * share.of).interval()[0]


def test_the_examples_for_authors_can_be_read():
    page = (SETS / "first_sight" / "README.md").read_text(encoding="utf-8")
    blocks = "\n".join(line[4:] for line in page.splitlines() if line.startswith("    "))
    read = parse_set(blocks)
    assert {"plain", "parameters", "compound", "condition", "followup"} <= {phrase.kind for phrase in read.phrases}
    assert [skill.name for skill in read.skills] == ["nod"]
    assert [kind for kind in KINDS if f"| `{kind}` |" not in page] == ["safe"]  # of old sets only
    known = builtin_vocabulary()
    assert all(f"`{skill}`" in page for skill in known)


def test_figures_of_another_run_are_read_or_refused(tmp_path: Path):
    results = [judge(phrase, route("bow"), 1.0) for phrase in parse_phrases("[bow]\nbow\n")]
    file = tmp_path / "before.json"
    file.write_text(json.dumps({"groups": [group.as_json() for group in grouped(results, lambda _: "plain")]}))
    assert beside(before_groups(file), grouped(results, lambda _: "plain")).count("100.0 (20.7 to 100.0)") == 4
    file.write_text("[]")
    with pytest.raises(ConfigError, match="holds no figures"):
        before_groups(file)
