"""The steps of teaching a gesture: its demonstrations, old ones replayed, training on from a network, export, evaluation."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from tqdm import tqdm

from arbiter.errors import ConfigError
from deploy.robots.description import load_model
from policies.chunk.backends.lerobot import checkpoint
from policies.chunk.backends.lerobot.tokenizers import TOKENIZER
from training.pi0.batches import joint_weights
from training.pi0.collected import Collected
from training.pi0.data import demos, scenes
from training.pi0.data.clip_demos import ClipDemonstrator, Played
from training.pi0.data.disk import RecordingError
from training.pi0.data.instructions import GESTURES
from training.pi0.evaluate import jobs
from training.pi0.export import embed_card, export_onnx, read_card, size_of
from training.pi0.finetuning_presets import TinyTraining
from training.pi0.gesture_criterion import GestureCriterion, judge_with
from training.pi0.memory import Demonstrations
from training.pi0.parity import compare, observations
from training.pi0.rebuild import save_rebuilt
from training.pi0.results import EpisodeResult
from training.pi0.rollout import RolloutJob, run_job
from training.pi0.spread import spread
from training.pi0.train_tiny import TinyModel, checkpoint_of, flow_matching, train

FIRST_SEED = 1000
FEWEST = 0.5  # share of the demonstrations that must meet their criterion


@dataclass(frozen=True, slots=True)
class TeachingSettings:
    """How much of everything.

    Attributes:
        demonstrations: Of the new gesture. rounds, scenes: Of the old ones: rounds of `training.pi0.data.demos`, and touches.
        steps, rate: Updates of the network, and their peak learning rate. focused: Fraction of the samples that show the new one.
        runs: Of each gesture in the evaluation; 0: none.
        walker: Locomotion policy that moves the legs in half of the demonstrations; "": they stand.
        seed: Of all random generators. picture: Side of the head camera's picture [px]. processes: Simulations at once.
    """

    demonstrations: int = 48
    rounds: int = 6
    scenes: int = 400
    steps: int = 1200
    rate: float = 6e-4
    focused: float = 0.25
    runs: int = 10
    walker: str = "policies/weights/locomotion.onnx"
    seed: int = 0
    picture: int = 112
    camera_hz: float = 12.5
    processes: int = 2

    def minutes(self, seconds: float) -> float:
        """About how long it takes on two cores; `seconds`: of a demonstration."""
        simulated = self.demonstrations * 0.6 * seconds + self.rounds * 25 * 1.6 + self.scenes * 0.15
        evaluation = self.runs * (len(GESTURES) * 2 + 1) * 2.0
        return (120.0 + (simulated + evaluation) / max(1, min(2, self.processes)) + 0.3 * self.steps) / 60.0


@lru_cache(maxsize=1)
def _demonstrator(walker: str, picture: int, camera_hz: float, whole_body: bool) -> ClipDemonstrator:
    return ClipDemonstrator(load_model(), walker, picture, camera_hz, whole_body)


def play(job: tuple[TeachingSettings, np.ndarray, bool, int]) -> Played | str:
    """One demonstration of (settings, motion, whole body, number), or why there is none."""
    settings, q, whole_body, number = job
    player = _demonstrator(settings.walker, settings.picture, settings.camera_hz, whole_body)
    try:
        return player.play(q, np.random.default_rng((settings.seed, number)))
    except RecordingError as error:
        return str(error)


def demonstrate(
    instruction: str,
    clips: list[np.ndarray],
    settings: TeachingSettings,
    criterion: GestureCriterion | None,
    whole_body: bool,
    side: int,
) -> Demonstrations:
    """The new gesture, from each of `clips`, joint positions (T, n), in turn. Raises ConfigError when too few are good."""
    work = [(settings, clips[i % len(clips)], whole_body, i) for i in range(settings.demonstrations)]
    kept, dropped = Collected(side), Counter[str]()
    results = spread(play, work, settings.processes)
    for made in tqdm(results, f"demonstrating {instruction!r}", total=len(work), unit="demo", disable=None):
        if isinstance(made, str):
            dropped[made] += 1
            continue
        verdict = judge_with(criterion.judge, made.run) if criterion else None
        if verdict is not None and not verdict.success:
            dropped[verdict.text] += 1
            continue
        kept.add(instruction, made.frames)
    if len(kept) < FEWEST * len(work):
        why = dropped.most_common(1)[0][0]
        raise ConfigError(
            f"{instruction!r}: {len(kept)} of {len(work)} demonstrations are good; most often: {why}; take other clips, or "
            "another criterion"
        )
    return kept.demonstrations()


def replay(settings: TeachingSettings, side: int) -> Demonstrations:
    """The gestures that the network knows, by their scripted experts."""
    made = demos.Settings(settings.seed + 100, settings.picture, settings.camera_hz, settings.walker)
    texts = demos.plan(GESTURES, settings.rounds, made.seed)
    kept = Collected(side)
    results = spread(demos.make, [(made, i, text) for i, text in enumerate(texts)], settings.processes)
    for made_one, _ in tqdm(results, "replaying the old gestures", total=len(texts), unit="demo", disable=None):
        if made_one is not None:
            kept.add(made_one.instruction, made_one.frames)
    return kept.demonstrations()


def replay_touches(settings: TeachingSettings, side: int) -> Demonstrations:
    """Touches on a fixed base, in numbers: see `training.pi0.data.scenes`."""
    work = [(settings.seed + 100, side, number) for number in range(settings.scenes)]
    results = spread(scenes.make, work, settings.processes)
    return scenes.gather(list(tqdm(results, "replaying touches", total=len(work), unit="scene", disable=None)))


def start_from(policy: Path, folder: Path) -> Path:
    """The checkpoint to go on from, in `folder`: that of an exported tiny π0, or one as it is."""
    if (policy / "config.json").is_file():
        return policy
    return folder if (folder / "config.json").is_file() else save_rebuilt(policy, folder)


def train_on(start: Path, data: Demonstrations, focus: str, settings: TeachingSettings, out: Path) -> Path:
    """Trains the network at `start` on `data`; returns the folder of the best checkpoint."""
    going_on = (out / "state" / "step.json").is_file()
    loaded = checkpoint.load(checkpoint_of(out) if going_on else start)
    if loaded.spec is None:
        raise ConfigError(f"checkpoint {start} is not a tiny π0 (no tiny.json); fine-tune it with training.pi0.finetune")
    policy = loaded.policy.requires_grad_(True)
    # What it sees stays as it is: a few new gestures have nothing to say about pictures.
    policy.model.paligemma_with_expert.paligemma.model.vision_tower.requires_grad_(False)
    stats, words = checkpoint.statistics(loaded.before), start / TOKENIZER
    stats["action"] |= {"min": data.action.min(axis=0), "max": data.action.max(axis=0)}  # the card vouches for the range
    before, after = checkpoint.make_processors(policy.config, stats, words)
    model = TinyModel(policy, before, after, stats, loaded.spec, words)
    options = replace(
        TinyTraining(),
        steps=settings.steps,
        pretrain=0,
        auxiliary_weight=0.0,
        rate=settings.rate,
        warmup=min(100, max(1, settings.steps // 10)),
        every=max(1, min(200, settings.steps // 4)),
        seed=settings.seed,
        focus=focus,
        focused=settings.focused,
    )
    weight = joint_weights(data.tasks, data=data)
    loss = flow_matching(None, options, data)
    return train(model, data, options, out, weight=weight, resume=going_on, loss=loss)


def export(best: Path, policy: Path, name: str) -> None:
    """The network as ONNX in the folder `policy`, compared with its checkpoint."""
    export_onnx(checkpoint.load(best), policy, name=name)
    report = compare(best, policy, "onnx", observations(read_card(policy), 8))
    report["bytes"] = size_of(policy)
    (policy / "parity.json").write_text(json.dumps(report, indent=1) + "\n")
    embed_card(policy, read_card(policy))


def measure(
    tree: Path, before: Path, after: Path, instruction: str, criterion: str, settings: TeachingSettings
) -> list[EpisodeResult]:
    """The new gesture with the network `after`, the old ones with both, from the same starts, by words."""
    work = evaluation_jobs("after", after, [instruction], tree, settings.runs, criterion)
    for one in GESTURES:
        work += evaluation_jobs("before", before, [one.text], Path("default.yaml"), settings.runs)
        work += evaluation_jobs("after", after, [one.text], tree, settings.runs)
    found: list[EpisodeResult] = []
    for results in tqdm(spread(run_job, work, settings.processes), "measuring", total=len(work), unit="job", disable=None):
        found += results
    return found


def evaluation_jobs(label: str, policy: Path, texts: list[str], tree: Path, runs: int, criterion: str = "") -> list[RolloutJob]:
    """Runs of each of `texts` in blocks, from fixed starts."""
    return jobs({label: policy}, "auto", texts, runs, FIRST_SEED, tree=str(tree), criterion=criterion)


def resumed(file: Path, settings: TeachingSettings, what: dict) -> None:
    """Notes in `file` what is taught and how. Raises ConfigError when something else was begun there."""
    wanted = {**what, **asdict(settings)}
    if file.is_file():
        begun = json.loads(file.read_text())
        differs = [key for key in wanted if begun.get(key) != wanted[key] and key != "processes"]
        if differs:
            raise ConfigError(
                f"{file.parent.parent}: begun with another {differs[0]} ({begun.get(differs[0])}, now "
                f"{wanted[differs[0]]}); name another --out, or remove it"
            )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(wanted, indent=1) + "\n")
