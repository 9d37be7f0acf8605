"""Reads labelled phrases: the sets under training/router/sets.

    # author: anna               of the whole file
    # kind: compound             of the lines below, see KINDS; "{polite} kindly bow" for one line
    # frame: X, then Y           the wording around the command; "# frame:" ends it
    # another comment
    [walk_forward, wave_* | none]                            the plan that the lines below must give, see plans; none: refused
    walk forward then wave
    walk forward 2 m, then wave twice -> distance=2; count=2         SI units; ";" between the steps
    walk slowly, then wave like a king -> speed<0.35; note=king      the answer names "king"; note=king|royal: one of them
    [walk_forward]
    twice as far << walk_forward distance=1 -> distance=2    what was done last stands behind "<<"
    [skill nod arms]                                         a skill of a third party; its utterances follow
    nod your head

One group of values without ";" belongs to the one step that takes them. A plan of the same steps over and over equals one
longer step: [turn_left, turn_left] and [turn_left] with twice the angle.
[none] must not move; a stop is as good. [none:KIND] is the same with its kind; [safe] is one of negated, conditional, asked
or told.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from arbiter.errors import ConfigError
from arbiter.skill import Skill
from training.router.plans import (
    Plan,
    Vocabulary,
    WantedPlan,
    builtin_vocabulary,
    names_of,
    parse_given_plan,
    parse_plans,
    parse_values,
    vocabulary,
    with_values,
)

SETS = Path(__file__).parent / "sets"
COMMANDS = (
    *("plain", "parameters", "compound", "order", "repetition", "negation", "correction", "polite", "spoken"),
    *("dialect", "qualifier", "at_once", "followup", "third_party"),
)
STILL = ("condition", "later", "question", "remark", "off_topic", "unsafe", "near_miss", "language", "safe")
KINDS = (*COMMANDS, *STILL, "stop", "stop_far")
JOINTS = ("legs", "arms", "whole_body")
_HEADER = re.compile(r"#\s*(author|kind|frame):\s*(.*)")
_KIND = re.compile(r"\{(\w+)\}\s*(.*)")


@dataclass(frozen=True, slots=True)
class Phrase:
    """One labelled instruction.

    Attributes:
        text: The instruction.
        wanted: Every plan that is right: a sequence of groups at once, with values. () where it must be refused.
        kind: One of KINDS.
        refusable: A refusal is right as well.
        notes: Words that the answer names: one of each group.
        last: The plan before it, () where there was none.
        author, frame: Who wrote it, and the wording around the command; "" where not told.
    """

    text: str
    wanted: tuple[WantedPlan, ...] = ()
    kind: str = "plain"
    refusable: bool = False
    notes: tuple[tuple[str, ...], ...] = ()
    last: WantedPlan = ()
    author: str = ""
    frame: str = ""

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The names of `wanted`; those at once are sorted."""
        return tuple(dict.fromkeys(names_of(plan) for plan in self.wanted))

    @property
    def expects(self) -> str:
        """ "stop", "command" or "still"."""
        if not self.wanted:
            return "still"
        return "stop" if (("stop",),) in self.plans else "command"


class ToldSkill(Skill):
    """A third party's skill in a phrase set: name, joints and utterances, nothing else."""

    def __init__(self, name: str, joints: str, utterances: tuple[str, ...] = ()) -> None:
        self.name, self.joints, self.utterances = name, joints, utterances


@dataclass(frozen=True, slots=True)
class PhraseSet:
    """The phrases of one file, and the skills of third parties that they are about."""

    name: str
    phrases: tuple[Phrase, ...]
    skills: tuple[Skill, ...] = ()


@dataclass(slots=True)
class _Reader:
    """Where a file's reading stands: what the headers above the line say."""

    told: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    phrases: list[Phrase] = field(default_factory=list)
    header: Phrase | None = None
    skill: str = ""
    about: dict[str, str] = field(default_factory=dict)
    known: Vocabulary = field(default_factory=lambda: dict(builtin_vocabulary()))

    def read(self, line: str) -> None:
        """One line. Raises ConfigError."""
        if match := _HEADER.match(line):
            self.about[match[1]] = _kind(match[2].strip()) if match[1] == "kind" else match[2].strip()
        elif line.startswith("[skill "):
            self._skill(line.strip("[]").split()[1:])
        elif line.startswith("["):
            self.skill, self.header = "", _header(line.strip("[]").strip(), self.known)
        elif line and not line.startswith("#"):
            if self.skill:
                self.told[self.skill][1].append(line)
            elif self.header is None:
                raise ConfigError("a phrase stands before the first [plan]")
            else:
                self.phrases.append(self._phrase(line, self.header))

    def _skill(self, given: list[str]) -> None:
        if len(given) != 2 or given[1] not in JOINTS or given[0] in self.known:
            raise ConfigError(f"[skill {' '.join(given)}]: write [skill NAME JOINTS], a new name and one of {', '.join(JOINTS)}")
        self.skill, self.header = given[0], None
        self.told[given[0]] = (given[1], [])
        self.known = {**self.known, **vocabulary([ToldSkill(given[0], given[1])])}

    def _phrase(self, line: str, header: Phrase) -> Phrase:
        kind = self.about.get("kind", "")
        if match := _KIND.match(line):
            kind, line = _kind(match[1]), match[2]
        said, _, labels = line.partition(" -> ")
        text, _, last = said.partition(" << ")
        notes = tuple(tuple(pair[5:].lower().split("|")) for pair in labels.replace(";", " ").split() if pair.startswith("note="))
        groups = [" ".join(pair for pair in group.split() if not pair.startswith("note=")) for group in labels.split(";")]
        wanted = header.wanted
        if any(groups):
            values = [parse_values(group) for group in groups]
            wanted = tuple(with_values(plan, values, self.known) for plan in wanted)
        given = parse_given_plan(last, self.known) if last else ()
        phrase = replace(header, text=text.strip(), wanted=wanted, notes=notes, last=given)
        kind = kind or (header.kind if header.kind != "plain" else _kind_by_form(phrase))
        return replace(phrase, kind=kind, author=self.about.get("author", ""), frame=self.about.get("frame", ""))


def _kind(name: str) -> str:
    if name and name not in KINDS:
        raise ConfigError(f"no kind {name!r}; there are {', '.join(KINDS)}")
    return name


def _kind_by_form(phrase: Phrase) -> str:
    """The kind of a command whose file does not tell it."""
    if phrase.expects != "command":
        return "stop" if phrase.expects == "stop" else "safe"
    if any(len(plan) > 1 or len(plan[0]) > 1 for plan in phrase.wanted):
        return "compound"
    return "parameters" if any(call.values for plan in phrase.wanted for step in plan for call in step) else "plain"


def _header(text: str, known: Vocabulary) -> Phrase:
    """What the lines below a [plan] have in common."""
    if text == "safe" or text.startswith("none:"):
        return Phrase("", kind=_kind(text.removeprefix("none:")), refusable=True)
    wanted, refusable = parse_plans(text, known)
    return Phrase("", wanted, refusable=refusable)


def parse_set(text: str, name: str = "<text>") -> PhraseSet:
    """A file's text. Raises ConfigError, with all that is wrong in it."""
    reader, wrong = _Reader(), []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            reader.read(line.strip())
        except ConfigError as error:
            wrong.append(f"{name}:{number}: {error}")
    if wrong:
        raise ConfigError("\n".join(wrong))
    skills = tuple(ToldSkill(skill, joints, tuple(said)) for skill, (joints, said) in reader.told.items())
    return PhraseSet(name, tuple(reader.phrases), skills)


def parse_phrases(text: str, name: str = "<text>") -> tuple[Phrase, ...]:
    """The phrases of a file's text."""
    return parse_set(text, name).phrases


def load_sets(name: str) -> tuple[PhraseSet, ...]:
    """A set by name ("fit", "none", "dev", "report", "surprise", "first_sight") or by path; of a folder, each of its files."""
    path = Path(name) if name.endswith(".txt") or Path(name).is_dir() else SETS / name
    files = sorted(path.glob("*.txt")) if path.is_dir() else [path.with_suffix(".txt")]
    if not files or not files[0].exists():
        there = sorted(p.stem for p in SETS.iterdir() if p.suffix in (".txt", ""))
        raise ConfigError(f"no phrase set {name!r}; there are {', '.join(there)}, or give a file or folder")
    return tuple(_load(file) for file in files)


def _load(file: Path) -> PhraseSet:
    return parse_set(file.read_text(encoding="utf-8"), file.name)


def load_phrases(name: str) -> tuple[Phrase, ...]:
    """The phrases of a set, see load_sets."""
    return tuple(phrase for each in load_sets(name) for phrase in each.phrases)
