"""What a test file needs beyond the base install, asked before it imports that."""

from __future__ import annotations

import importlib.util

import pytest

EXTRAS = {"train": "torch", "robot": "can", "viewer": "viser"}  # and a module that tells whether the extra is installed


def needs(extra: str, *modules: str) -> pytest.MarkDecorator:
    """The marker of `extra`, for `pytestmark`. Where one of `modules` is missing, the whole file is skipped."""
    for module in modules:
        pytest.importorskip(module, reason=_advice(module, extra))
    return getattr(pytest.mark, extra)


def missing(extra: str) -> str:
    """Why a single test with the marker of `extra` cannot run; "" if it can."""
    module = EXTRAS[extra]
    return "" if importlib.util.find_spec(module) else _advice(module, extra)


def _advice(module: str, extra: str) -> str:
    return f"needs {module}: uv sync --inexact --extra {extra}"
