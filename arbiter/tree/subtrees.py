"""Trees that skills bring: checked like that of the tree file, with what else there is to run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from arbiter.errors import ConfigError
from arbiter.skill import Skill
from arbiter.strict import Problems, parse_text
from arbiter.tree.build import Names, Spec, check
from arbiter.tree.own import RunConfig

OF_THE_WHOLE = {"route", "instructions", "abandon", "stop", "settle", "get_ready", "home"}  # nodes for the tree file alone


def check_subtrees(skills: Mapping[str, Skill], names: Names) -> tuple[dict[str, Spec], dict[str, str]]:
    """(checked trees, what is wrong with the others) of the skills that have one, by their names.

    Args:
        skills: All of a run.
        names: What trees may refer to.
    """
    own = replace(names, types={name: kind for name, kind in names.types.items() if name not in OF_THE_WHOLE})
    specs: dict[str, Spec] = {}
    wrong: dict[str, str] = {}
    for name, skill in skills.items():
        if skill.tree:
            spec, error = _checked(name, skill.tree, own)
            if spec is not None:
                specs[name] = spec
            else:
                wrong[name] = error
    while missing := {name: lost for name, spec in specs.items() if (lost := _lost(name, specs, wrong))}:
        for name, lost in missing.items():
            del specs[name]
            wrong[name] = lost
    return specs, wrong


def _checked(name: str, text: str, names: Names) -> tuple[Spec | None, str]:
    problems = Problems()
    try:
        spec = check(parse_text(text, f"tree of {name}"), names, problems)
    except ConfigError as error:
        return None, str(error)
    return (None if problems.lines else spec), "; ".join(problems.lines)


def runs(spec: Spec) -> Iterator[str]:
    """Names of the skills that a tree runs."""
    if isinstance(spec.config, RunConfig):
        yield spec.config.skill
    for child in spec.children:
        yield from runs(child)


def _lost(name: str, specs: Mapping[str, Spec], wrong: Mapping[str, str]) -> str:
    """Why a tree that is right in itself cannot run: it leads to one that is wrong, or back to itself."""
    seen: set[str] = set()
    ahead = [*runs(specs[name])]
    while ahead:
        skill = ahead.pop()
        if skill == name:
            return f"tree of {name}: it runs {name} itself again"
        if skill in wrong:
            return f"tree of {name}: {skill} is left out: {wrong[skill]}"
        if skill in specs and skill not in seen:
            seen.add(skill)
            ahead += runs(specs[skill])
    return ""
