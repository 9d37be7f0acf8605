"""The files of a taught gesture: its skill, its criterion, and a tree in which the words work."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from training.pi0.data.instructions import slug
from training.pi0.gesture_criterion import GestureCriterion

POLICY = "policy"  # folder of the exported network
VARIANTS = ("{}", "please {}", "{} please", "can you {}", "could you {} for me", "now {}", "I want you to {}", "go on and {}")

SKILL = '''"""Taught by `python -m training.teach`: {instruction}. The file is yours to change; the prompt must stay as it is."""

from __future__ import annotations

{imports}from arbiter.skill import Parameter, Progress, Verification
from skills.recordings import Recording
from skills.gestures import Gesture
{load}

class {cls}(Gesture):
    """{instruction}"""

    name = "{name}"
    utterances = (
{utterances}
    )
    prompt = "{instruction}"
    joints = "{joints}"
    parameters = (Parameter("duration", "s", {seconds:.1f}, 1.0, 20.0),)

    def criterion(self, run: Recording, progress: Progress) -> Verification | None:
        """{told}"""
        return {judge}
'''
LOAD_FILE = """
_spec = spec_from_file_location("{module}", Path(__file__).with_name("{file}"))
assert _spec is not None and _spec.loader is not None
_module = module_from_spec(_spec)
_spec.loader.exec_module(_module)
"""
TREE = """# Taught by `python -m training.teach`: the default tree with "{instruction}". Paths are relative to this file.
{text}"""


@dataclass(frozen=True, slots=True)
class TaughtGesture:
    """What is taught. `seconds`: how long a run takes; `phrases`: other words for it."""

    instruction: str
    joints: str
    seconds: float
    phrases: tuple[str, ...] = ()
    criterion: GestureCriterion | None = None

    @property
    def name(self) -> str:
        return slug(self.instruction)


def write_files(gesture: TaughtGesture, folder: Path, default: Path) -> Path:
    """Writes skill, criterion and tree to `folder`; `default`: the tree that they are added to. Returns the tree's file."""
    folder.mkdir(parents=True, exist_ok=True)
    skill, tree = folder / f"{gesture.name}.py", folder / "tree.yaml"
    skill.write_text(skill_text(gesture, folder))
    text = default.read_text()
    for before, after in (("path: pi0_tiny", f"path: {POLICY}"), ("files: []", f"files: [{skill.name}]")):
        if text.count(before) != 1:
            raise ValueError(f"{default}: {before!r} is not there once")
        text = text.replace(before, after)
    tree.write_text(TREE.format(instruction=gesture.instruction, text=text))
    return tree


def skill_text(gesture: TaughtGesture, folder: Path) -> str:
    """The skill's source; a criterion's file is copied beside it."""
    imports = load = ""
    judge, told = "None", "Nothing is measured: it ends when its time is over, and is never said to have succeeded."
    criterion = gesture.criterion
    if criterion is not None:
        told = "When it counts as done."
        judge = f"_module.{criterion.attribute}(run)"
        if criterion.file is not None:
            copy = f"criterion_of_{gesture.name}.py"
            if criterion.file != (folder / copy).resolve():
                shutil.copyfile(criterion.file, folder / copy)
            imports = "from importlib.util import module_from_spec, spec_from_file_location\nfrom pathlib import Path\n\n"
            load = LOAD_FILE.format(module=copy.removesuffix(".py"), file=copy)
        else:
            imports = f"import {criterion.module} as _module\n"
    said = dict.fromkeys(form.format(phrase) for phrase in (gesture.instruction, *gesture.phrases) for form in VARIANTS)
    return SKILL.format(
        instruction=gesture.instruction,
        imports=imports,
        load=load,
        cls="".join(word.capitalize() for word in gesture.name.split("_")),
        name=gesture.name,
        utterances="\n".join(f"        {text!r}," for text in said),
        joints=gesture.joints,
        seconds=min(20.0, gesture.seconds),
        told=told,
        judge=judge,
    )
