"""Kinds of policies and chunk backends from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arbiter.kinds import Door, check_form
from policies.chunk.opening import BACKENDS
from policies.plugin import BackendKind, PolicyKind
from policies.registry import KINDS


def check_policy_kind(kind: object) -> list[str]:
    """What is wrong with a class that brings a kind of policies, one line each. What it opens is for
    `policies.contract.check_policy`."""
    return _check(kind, PolicyKind, "policy kind", KINDS)


def check_backend_kind(kind: object) -> list[str]:
    """What is wrong with a class that brings a chunk backend, one line each. What it opens is for
    `policies.chunk.contract.check_backend`."""
    return _check(kind, BackendKind, "backend", dict.fromkeys(BACKENDS))


def _check(kind: Any, base: type[PolicyKind] | type[BackendKind], noun: str, taken: Mapping[str, object]) -> list[str]:
    problems = check_form(kind, base, noun, taken)
    if not problems and kind.open is base.open:
        problems = [f"{kind.__name__} has no open()"]
    return problems


POLICY_DOOR = Door("arbiter.policies", PolicyKind, "policy kind", check_policy_kind, KINDS)
BACKEND_DOOR = Door("arbiter.backends", BackendKind, "backend", check_backend_kind, BACKENDS)
