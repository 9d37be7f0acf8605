"""What is checked before a gesture is taught: words, motions, criterion, network. Nothing is recorded yet."""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from arbiter.errors import ConfigError
from arbiter.robot import RobotModel
from arbiter.routing import Router
from deploy.robots.description import load_model
from deploy.runtime.config import find_tree, load_tree
from deploy.runtime.tree_check import load_skill_set
from policies.chunk.backends.card import read_card
from training.pi0 import teaching
from training.pi0.batches import joint_group
from training.pi0.data.clip_demos import busy
from training.pi0.data.disk import RecordingError
from training.pi0.data.instructions import find, is_known
from training.pi0.data.motion_reading import MotionReading
from training.pi0.data.motions import SUFFIXES, judged, on_robot
from training.pi0.data.reading import Reading
from training.pi0.data.sources import DemonstrationSource, open_source
from training.pi0.gesture_criterion import GestureCriterion, judge_with, load_criterion
from training.pi0.memory import Demonstrations, load_source
from training.pi0.taught_skill import TaughtGesture, write_files
from training.pi0.teaching import TeachingSettings

APPROACH = 1.0  # [s] until the arms are where the motion begins
LONGEST = 19.0  # [s] that a gesture may take


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is taught, checked.

    Attributes:
        gesture: Its name, words and criterion. criterion: As it was asked for.
        clips: Joint positions of each motion [rad], shape (T, n); empty where `source` holds demonstrations.
        source: Recorded demonstrations, None: there are none.
        side: Of the pictures that the network reads [px].
        default_tree: Tree file that the gesture is added to.
        warnings: What is unusual.
    """

    gesture: TaughtGesture
    criterion: str
    clips: tuple[np.ndarray, ...]
    source: DemonstrationSource | None
    side: int
    default_tree: Path
    names: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())

    def told(self) -> str:
        """One line for people."""
        what = f"{len(self.clips)} motions" if self.clips else f"{len(self.source.episodes) if self.source else 0} episodes"
        how = "measured by its criterion" if self.criterion else "no criterion: it will end, never succeed"
        return f"{self.gesture.instruction!r}: {what} of {self.gesture.seconds:.1f} s, {self.gesture.joints}; {how}"

    def identity(self) -> dict:
        """What makes it this lesson and no other."""
        return {"instruction": self.gesture.instruction, "sources": list(self.names), "criterion": self.criterion}

    def demonstrations(self, settings: TeachingSettings) -> Demonstrations:
        """Played in simulation, or read from the source."""
        if self.source is None:
            whole_body = self.gesture.joints == "whole_body"
            given = self.gesture.criterion
            return teaching.demonstrate(self.gesture.instruction, list(self.clips), settings, given, whole_body, self.side)
        model = load_model()
        data = load_source(self.source, self.side, model)
        if self.gesture.joints == "arms":  # whatever stood there: in the run another policy does
            data = replace(data, action=np.where(model.groups["arms"], data.action, model.default).astype(np.float32))
        return replace(data, task=np.zeros_like(data.task), tasks=(self.gesture.instruction,))


def check(options: argparse.Namespace, settings: TeachingSettings, how: MotionReading) -> Lesson:
    """Checks all of a command line. Raises ConfigError or RecordingError in one line, with the way out."""
    instruction = " ".join(options.instruction.split())
    model, card = load_model(), read_card(options.start)
    _check_words(instruction, options.start, card.tokens)
    for words in options.say:
        if not words.strip():
            raise ConfigError("--say is empty; give other words for the gesture")
    criterion = load_criterion(options.criterion) if options.criterion else None
    gesture = TaughtGesture(instruction, "arms", 0.0, tuple(options.say), criterion)
    sources = [_teleoperated(options, gesture)] if options.teleop else options.sources
    if not sources:
        raise ConfigError("nothing to learn from: name motion files, a folder of episodes or a data set, or give --teleop")
    motions = [path for path in sources if path.suffix.lower() in SUFFIXES or path.is_file()]
    if motions and len(motions) != len(sources):
        raise ConfigError("motion files and recordings in one lesson; teach from one of the two")
    if motions:
        lesson = _from_motions(gesture, motions, model, how, options.criterion, card.image)
        lesson = replace(lesson, names=tuple(str(path.resolve()) for path in motions))
        _check_criterion(lesson, settings)
    else:
        lesson = _from_recordings(gesture, sources, model, options, card.image)
    _check_skill(lesson)
    return lesson


def _check_words(instruction: str, start: Path, room: int) -> None:
    """The words are new, and the network can read them."""
    if not instruction:
        raise ConfigError("the instruction is empty; say what the gesture is called")
    if '"' in instruction or "\\" in instruction or not instruction.isprintable():
        raise ConfigError(f"instruction {instruction!r}: quotes and backslashes cannot be part of it")
    if is_known(instruction):
        raise ConfigError(f"{instruction!r} is known already (skill {find(instruction).skill}); give the gesture another name")
    from tokenizers import Tokenizer

    used = len(Tokenizer.from_file(str(start / "tokenizer.json")).encode(f"{instruction}\n").ids)
    if used > room:
        raise ConfigError(f"instruction {instruction!r} has {used} tokens, and the network reads {room}; say it in fewer words")


def _from_motions(
    gesture: TaughtGesture, files: list[Path], model: RobotModel, how: MotionReading, criterion: str, side: int
) -> Lesson:
    """Every motion on the robot; what cannot be used is named."""
    clips, warnings, failed = [], [], []
    for file in files:
        try:
            found = on_robot(file, model, how, quiet=False)
            warnings += judged(found, how, str(file))
            q = found.q if how.legs else np.where(model.groups["arms"], found.q, model.default)
            clips.append(busy(q, model.dt))
        except RecordingError as error:
            failed.append(str(error))
    if not clips:
        raise RecordingError(f"none of {len(files)} motions can be used; the first: {failed[0]}")
    seconds = float(np.median([len(q) for q in clips])) * model.dt + APPROACH
    if seconds > LONGEST:
        raise RecordingError(f"the motions take {seconds:.0f} s; {LONGEST:g} s at most can be learnt as one gesture; cut them")
    gesture = replace(gesture, seconds=seconds, joints="whole_body" if how.legs else "arms")
    notes = (*warnings, *(f"left out: {why}" for why in failed))
    return Lesson(gesture, criterion, tuple(clips), None, side, find_tree("default.yaml"), warnings=notes)


def _from_recordings(
    gesture: TaughtGesture, sources: list[Path], model: RobotModel, options: argparse.Namespace, side: int
) -> Lesson:
    """Recorded demonstrations, at the robot's rate."""
    if len(sources) != 1:
        raise ConfigError(f"{len(sources)} recordings; one folder or data set is expected")
    how = Reading(round(model.control_hz), options.source_rate, options.degrees, options.camera)
    source = open_source(sources[0], model, how)
    tasks = sorted({one.instruction for one in source.episodes})
    if gesture.instruction in tasks:
        source = replace(source, episodes=tuple(one for one in source.episodes if one.instruction == gesture.instruction))
    elif len(tasks) > 1:
        raise ConfigError(f"{sources[0]}: no task {gesture.instruction!r} in it; it has {', '.join(map(repr, tasks))}")
    data = load_source(source, 8, model, quiet=True)
    data = replace(data, task=np.zeros_like(data.task), tasks=(gesture.instruction,))
    by_hand = options.teleop and not options.legs  # the policy that stood meanwhile has moved the legs, not the operator
    group = "arms" if by_hand else joint_group(gesture.instruction, model.groups, data)
    seconds = float(np.median([len(one.rows) for one in source.episodes])) * model.dt
    gesture = replace(gesture, seconds=min(LONGEST, seconds), joints=group)
    notes = (*source.remarks, *(f"left out: {why}" for why in source.left_out.values()))
    names = (str(sources[0].resolve()),)
    return Lesson(gesture, options.criterion, (), source, side, find_tree("default.yaml"), names, notes)


def _check_criterion(lesson: Lesson, settings: TeachingSettings) -> None:
    """One demonstration meets the criterion, or fails it for a reason: it does not break, and does not refuse the very motion."""
    criterion: GestureCriterion | None = lesson.gesture.criterion
    whole_body, said = lesson.gesture.joints == "whole_body", []
    for number in range(3):
        made = teaching.play((settings, lesson.clips[number % len(lesson.clips)], whole_body, number))
        if isinstance(made, str):
            said.append(made)
            continue
        verdict = judge_with(criterion.judge, made.run) if criterion else None
        if verdict is None or verdict.success:
            return
        said.append(verdict.text)
    raise ConfigError(f"{lesson.gesture.instruction!r}: the motion itself is not good in three tries: {said[-1]}")


def _check_skill(lesson: Lesson) -> None:
    """The skill keeps its contract, and the words lead to it and to nothing else."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        tree = write_files(replace(lesson.gesture, seconds=max(1.0, lesson.gesture.seconds)), folder, lesson.default_tree)
        loaded = load_tree(str(tree))
        found = load_skill_set(loaded, load_model())
    if lesson.gesture.name not in found.skills:
        raise ConfigError(
            f"the skill {lesson.gesture.name} cannot be loaded: {'; '.join(map(str, found.problems)) or 'see above'}"
        )
    router = Router(list(found.skills.values()), groups=load_model().groups)
    for phrase in (lesson.gesture.instruction, *lesson.gesture.phrases):
        route = router.route(phrase)
        names = [call.skill for step in route.steps for call in step]
        if names != [lesson.gesture.name] or route.outcome == "stopped":  # a gesture called "stop" would never run
            heard = route.reason if route.outcome == "rejected" else f"it means {', '.join(names)}"
            raise ConfigError(f"the words {phrase!r} do not lead to the new gesture: {heard}; call it something else")


def _teleoperated(options: argparse.Namespace, gesture: TaughtGesture) -> Path:
    """Demonstrations by hand, recorded now; those of an earlier run count too. What can be checked without them is, before."""
    from training.pi0.data import teleop
    from training.pi0.data.instructions import slug

    if options.sources:
        raise ConfigError("--teleop and files or recordings in one lesson; teach from one of the two")
    if not str(options.walker):
        raise ConfigError('--walker "" with --teleop: the robot stands on its legs there; leave --walker out')
    _check_skill(Lesson(gesture, options.criterion, (), None, options.picture, find_tree("default.yaml")))
    instruction = gesture.instruction
    root = (options.out or Path("runs/teach") / slug(instruction)) / "teleop"
    print(f"demonstrate {instruction!r} some twenty times; ESC when done")
    teleop.main([str(options.walker), "--instruction", instruction, "--root", str(root), "--picture", str(options.picture)])
    return root
