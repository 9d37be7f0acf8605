"""Compares walking policies, side by side in one simulator: table, JSON and plots.

python -m training.locomotion.evaluate policies/weights/locomotion.onnx published.onnx:card.yaml --out runs/evaluation
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from arbiter.errors import ConfigError
from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra
from deploy.cli.options import seed


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.locomotion.evaluate", description=__doc__)
    p.add_argument("policies", nargs="+", metavar="FILE[:CARD]", help="ONNX files; a file without metadata needs a card")
    p.add_argument("--out", type=Path, required=True, help="folder for evaluation.json, evaluation.md and grid.png")
    p.add_argument("--episodes", type=int, default=100, help="episodes of the random suite; the other suites scale with it")
    p.add_argument("--suites", nargs="*", help="only suites whose names begin so, such as: grid push (default: all)")
    p.add_argument("--robot", default="berkeley_humanoid_lite", help="name or folder of the robot's description")
    p.add_argument("--threads", type=int, default=2, help="native threads of the simulation")
    p.add_argument("--seed", type=seed, default=0, help="seed of all random generators")
    return p


with extra(__name__, parser, "torch"):
    from deploy.robots.description import load_model
    from training.locomotion.arena import Arena
    from training.locomotion.measures import Figure, errors, figures
    from training.locomotion.suites import Suite, suites

Results = dict[str, dict[str, Figure]]  # policy -> figure -> value


def policy_argument(text: str) -> tuple[Path, Path | None]:
    """FILE or FILE:CARD."""
    file, _, card = text.partition(":")
    for path in (file, card):
        if path and not Path(path).is_file():
            raise ConfigError(f"policy {text!r}: {path} does not exist; give FILE.onnx, or FILE.onnx:CARD.yaml")
    return Path(file), Path(card) if card else None


def evaluate(
    policy: Path, card: Path | None, chosen: list[Suite], *, robot: str, threads: int, seed: int, tell=print
) -> tuple[dict[str, Figure], list]:
    """All figures of one policy, and its grid's (command, error) rows for the plots."""
    model, found, rows = load_model(robot), {}, []
    for suite in chosen:
        arena = Arena(model, policy, card=card, rate_hz=suite.rate_hz, threads=threads)
        records = arena.run(suite.worlds, suite.seconds, seed)
        found |= figures(suite, records)
        if suite.name == "grid":
            rows = [(list(r.world.commands[0][1]), e.tolist()) for r, e in zip(records, errors(records), strict=True)]
        tell(
            f"{policy.name}: {suite.name}: {len(records)} episodes of {suite.seconds:g} s, "
            f"{sum(r.fell is not None for r in records)} falls"
        )
    return found, rows


def table(results: Results) -> str:
    """A Markdown table, one column a policy."""
    names = list(results)
    rows = list(dict.fromkeys(row for found in results.values() for row in found))
    lines = ["| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for row in rows:
        unit = next((f"[{found[row].unit}]" for found in results.values() if row in found and found[row].unit), "")
        cells = [str(results[name].get(row, "-")) for name in names]
        lines.append(f"| {f'{row} {unit}'.strip()} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def plot(grids: dict[str, list], out: Path) -> None:
    """Reached against commanded velocity, one figure for x, y and yaw."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(12, 4), constrained_layout=True)
    for axis, k, label in zip(axes, range(3), ("x [m/s]", "y [m/s]", "yaw [rad/s]"), strict=True):
        for shift, (name, rows) in enumerate(grids.items()):
            asked = [row[0][k] for row in rows]
            axis.plot(
                [a + 0.012 * shift for a in asked],
                [a + row[1][k] for a, row in zip(asked, rows, strict=True)],
                "o",
                ms=4,
                alpha=0.7,
                label=name,
            )
        ends = [min(asked), max(asked)]
        axis.plot(ends, ends, color="black", lw=0.8)
        axis.set(xlabel=f"asked {label}", ylabel="reached")
    axes[0].legend(fontsize=8)
    figure.savefig(out, dpi=110)
    pyplot.close(figure)


def main() -> None:
    args = parser().parse_args()
    chosen = [s for s in suites(args.episodes, args.seed) if not args.suites or s.name.startswith(tuple(args.suites))]
    if not chosen:
        raise SystemExit(f"--suites {' '.join(args.suites)}: none starts so; there are: " + ", ".join(s.name for s in suites(1)))
    args.out.mkdir(parents=True, exist_ok=True)
    results, grids = {}, {}
    for file, card in map(policy_argument, args.policies):
        found, rows = evaluate(file, card, chosen, robot=args.robot, threads=args.threads, seed=args.seed)
        results[file.stem] = found
        if rows:
            grids[file.stem] = rows
        write(results, grids, args.out)
    print(table(results))


def write(results: Results, grids: dict[str, list], out: Path) -> None:
    """Writes table, JSON and plot of what is known so far."""
    text = {name: {key: dataclasses.asdict(f) for key, f in found.items()} for name, found in results.items()}
    (out / "evaluation.json").write_text(json.dumps({"figures": text, "grid": grids}, indent=1))
    (out / "evaluation.md").write_text(table(results) + "\n")
    if grids:
        plot(grids, out / "grid.png")


if __name__ == "__main__":
    sys.exit(in_one_line(main))
