"""What came of a lesson: a page with the numbers, and pictures of the gesture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from training.pi0.results import EpisodeResult, summary, table
from training.pi0.rollout import RolloutJob, run_job
from training.pi0.taught_skill import POLICY
from training.pi0.teaching import TeachingSettings
from training.pi0.teaching_checks import Lesson

ENOUGH = 0.5  # of the new gesture's runs
MOMENTS = 8


def report(lesson: Lesson, results: list[EpisodeResult], out: Path, settings: TeachingSettings) -> bool:
    """Writes report.md and, if measured, pictures. Whether the new gesture does in half of its runs, or has no criterion."""
    instruction = lesson.gesture.instruction
    new = [one for one in results if one.instruction == instruction]
    others = [one for one in results if one.instruction != instruction]
    old = {label: [one for one in others if one.policy == label] for label in ("before", "after")}
    lines = [f"# {instruction}", "", lesson.told() + ".", ""]
    if results:
        shares = {label: 100.0 * np.mean([bool(one.success) for one in some]) for label, some in old.items() if some}
        lines += [outcome(new), ""]
        if len(shares) == 2:
            before, after, runs = shares["before"], shares["after"], len(old["after"])
            lines += [f"Old gestures: {before:.1f} % before, {after:.1f} % after, {runs} runs each.", ""]
        lines += [table(summary(results)), "", "![strip](strip.png)", ""]
        film(lesson, out, settings)
    (out / "report.md").write_text("\n".join(lines))
    return not results or all(one.success is None for one in new) or np.mean([bool(one.success) for one in new]) >= ENOUGH


def outcome(new: list[EpisodeResult]) -> str:
    """The new gesture in one sentence."""
    falls = sum(one.fell for one in new)
    if all(one.success is None for one in new):
        return f"Carried out to the end in {len(new)} runs, {falls} falls. It has no criterion: look at the pictures."
    good = sum(bool(one.success) for one in new)
    return f"Done in {good} of {len(new)} runs by its criterion, {falls} falls."


def film(lesson: Lesson, out: Path, settings: TeachingSettings) -> None:
    """One run by words as a video and as a strip of pictures."""
    import av
    from PIL import Image

    video = out / "run.mp4"
    job = RolloutJob(str(out / POLICY), "auto", lesson.gesture.instruction, 1, settings.seed, "film")
    run_job(replace(job, tree=str(out / "tree.yaml"), criterion=lesson.criterion), video)
    with av.open(str(video)) as container:
        seconds = float(container.duration or 0) / av.time_base
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    length = round(lesson.gesture.seconds * len(frames) / max(1e-9, seconds))
    at = np.linspace(max(0, len(frames) - length), len(frames) - 1, MOMENTS).round().astype(int)
    Image.fromarray(np.concatenate([frames[i][::2, ::2] for i in at], axis=1)).save(out / "strip.png")
