"""Forms of English verbs, and the form that they come from."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from arbiter import strict
from arbiter.errors import ConfigError

FILE = Path(__file__).parent / "languages" / "verbs.yaml"
PARTICIPLE = re.compile(r"\w*[aeiouy]\w+ing")  # "waving", and no "swing"


@cache
def irregular(path: Path = FILE) -> dict[str, tuple[str, str]]:
    """(past, participle) of verbs that do not follow the rule. Raises ConfigError for an entry of another form."""
    found = {}
    for verb, forms in strict.parse(path).plain().items():
        if not (isinstance(forms, list) and len(forms) == 2 and all(isinstance(form, str) for form in forms)):
            raise ConfigError(f"{path}: {verb}: needs two words, its past form and its participle")
        found[str(verb)] = (forms[0], forms[1])
    return found


@cache
def _bases() -> dict[str, str]:
    return {form: verb for verb, forms in irregular().items() for form in forms if form not in irregular()}


def uninflected(verb: str) -> str:
    """The verb of an irregular form: "stand" of "stood"; another word as it is."""
    return _bases().get(verb, verb)


def base_forms(verb: str) -> tuple[str, ...]:
    """What a form may come from, itself first: "gone" from "go", "waved" and "waving" from "wave", "stepped" from "step"."""
    if base := _bases().get(verb):
        return verb, base
    stem = verb.removesuffix("ed").removesuffix("ing")
    return (verb,) if stem == verb else (verb, stem, f"{stem}e", stem[:-1] if stem[-2:-1] == stem[-1:] else stem)
