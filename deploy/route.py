"""Prints what an instruction would make the robot do, and why. Nothing moves. Each instruction follows the one before it:
"again", "twice as far" and "the other hand" mean the last plan that was accepted.

python -m deploy.route "walk forward two meters, then wave"
python -m deploy.route --json --file instructions.txt
python -m deploy.route --tree my.yaml "show me your moves"      # with the skills that my.yaml names
python -m deploy.route --explain "could you bow and then, if you like, wave"
echo "turn left" | python -m deploy.route
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from arbiter.errors import ArbiterError
from deploy.cli.command import CommandParser, command
from deploy.cli.extras import extra


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("deploy.route", description=__doc__)
    p.add_argument("text", nargs="*", help="instructions; without any, lines of --file or of standard input")
    p.add_argument("--file", type=Path, help="a file with one instruction a line")
    p.add_argument("--tree", metavar="FILE", help="takes the skills of this tree file, as a run does: its files and without")
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="overrides a key of the tree file")
    p.add_argument("--explain", action="store_true", help="prints the parse, too: clauses and what their words are for")
    p.add_argument("--json", action="store_true", help="one JSON object a line")
    return p


with extra(__name__, parser):
    from arbiter.execution.inbox import printable
    from arbiter.routing import Router
    from arbiter.routing.corpus import canonical
    from arbiter.routing.reach import lost_utterances
    from arbiter.routing.sentence import Sentence
    from arbiter.routing.structure import Clause
    from arbiter.routing.text import written_out
    from arbiter.rules import Rule
    from arbiter.skill import Route
    from deploy.cli.streams import forgive
    from deploy.runtime.config import load_tree
    from deploy.runtime.tree_check import load_skill_set
    from deploy.runtime.tree_robot import robot_of
    from skills.registry import load_skills


def as_json(route: Route) -> str:
    """One line: text outcome skills parameters score margin reason ms, and steps: which skills run at once, by their index.

    `skills` and `parameters` go together, in the order to be done.
    """

    def number(value: float) -> float | None:
        return round(value, 4) if math.isfinite(value) else None

    calls = [call for step in route.steps for call in step]
    numbers = iter(range(len(calls)))
    return json.dumps(
        {
            "text": route.text,
            "outcome": route.outcome,
            "skills": [call.skill for call in calls],
            "parameters": [dict(call.parameters) for call in calls],
            "steps": [[next(numbers) for _ in step] for step in route.steps],
            "score": number(route.score),
            "margin": number(route.margin),
            "reason": route.reason,
            "ms": round(route.ms, 3),
        },
        ensure_ascii=False,
    )


def as_text(route: Route, router: Router) -> str:
    """The plan or the refusal, the parameters, and the most probable skills of the whole text, as a few lines of text."""
    lines = [f'"{route.text}"']
    if route.outcome == "rejected":
        lines.append(f"  {'answer' if route.answers else 'refused'}: {route.reason}")
    for number, step in enumerate(route.steps, 1):
        for index, call in enumerate(step):
            values = ", ".join(
                f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
                for name, value in call.parameters.items()
                if value is not None
            )
            place = f"{number}." if not index else " +"
            lines.append(f"  {place} {call.skill:16} {values or '-':44} score {call.score:.2f}  margin {call.margin:.2f}")
    if route.outcome != "rejected" and route.reason:
        lines.append(f"  note: {route.reason}")
    scored = route.outcome != "stopped" and route.rule not in (Rule.QUESTION, Rule.FOLLOW_UP)
    if scored and (clause := canonical(written_out(route.text))) and len(route.steps) < 2:
        ranked = sorted(router.scorer.score([clause])[0].probability.items(), key=lambda item: -item[1])[:3]
        lines.append("  likeliest: " + ", ".join(f"{name} {p:.2f}" for name, p in ranked))
    lines.append(f"  {route.outcome} in {route.ms:.1f} ms")
    return "\n".join(lines)


def as_tree(sentence: Sentence) -> str:
    """The parse of an instruction: its clauses with their kinds, what words are for beside the command, what is asked for."""
    parsed = sentence.parsed
    branches = [f"{clause.kind} {clause.certainty:.2f}: {_words(clause)}" for clause in sentence.clauses]
    branches += [f"waits for: {sentence.put_off}"] * bool(sentence.put_off)
    branches += [f"asks for ({piece.joint}): {piece.text}" for piece in parsed.pieces if not sentence.put_off]
    branches += [f"rules out: {clause}" for clause in parsed.ruled_out]
    return "\n".join(f"  {'└─' if branch is branches[-1] else '├─'} {branch}" for branch in branches)


def _words(clause: Clause) -> str:
    """The words of a clause; those that are not of the command itself in brackets with their role."""
    runs = itertools.groupby(clause.words, key=lambda word: word.role)
    told = ((role, " ".join(word.text for word in run)) for role, run in runs)
    return " ".join(text if role == "other" else f"[{role}: {text}]" for role, text in told)


def instructions(texts: Sequence[str], file: Path | None) -> Iterable[str]:
    """From the command line, a file (one a line; # is a comment) or standard input."""
    if texts:
        return map(printable, texts)
    if not file:
        forgive(sys.stdin)
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file else sys.stdin
    return (line.rstrip("\n") for line in lines if line.strip() and not line.startswith("#"))


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0 if everything was understood, 1 if something was refused, 2 if an input can't be read."""
    args = parser().parse_args(argv)
    if args.explain and args.json:
        raise ArbiterError("--explain prints a tree for people; leave --json out")
    if args.set and not args.tree:
        raise ArbiterError(f"--set {args.set[0]}: only with --tree")
    loaded = load_tree(args.tree, args.set) if args.tree else None
    robot = None if loaded is None else robot_of(loaded)
    found = load_skills() if loaded is None else load_skill_set(loaded, robot)
    router = Router(list(found.skills.values()), groups=None if robot is None else robot.groups)
    for problem in (*found.problems, *lost_utterances(router, found.foreign)):
        print(f"route: {problem}", file=sys.stderr)
    refused, last = False, ()
    for text in instructions(args.text, args.file):
        route = router.route(text, last)
        last = route.steps if route.outcome == "accepted" else last
        refused |= route.outcome == "rejected" and not route.answers
        print(as_json(route) if args.json else as_text(route, router), flush=True)
        if args.explain:
            print(as_tree(router.parse(text)), flush=True)
    return int(refused)


if __name__ == "__main__":
    sys.exit(main())
