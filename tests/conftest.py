"""Markers that follow from where a test is and what it needs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from tests.needs import EXTRAS, missing
from tests.pi0_fixtures import dataset, exported, offline, tiny  # noqa: F401

# How long an example takes is the machine's business, not the code's.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

SIM = Path(__file__).parent / "sim"


def pytest_collection_modifyitems(items):
    absent = {extra: why for extra in EXTRAS if (why := missing(extra))}
    for item in items:
        extras = {mark.name for mark in item.iter_markers()} & {*EXTRAS, "gpu"}
        if not extras:
            item.add_marker(pytest.mark.core)
        if SIM in item.path.parents:
            item.add_marker(pytest.mark.sim)
        for extra in sorted(extras & set(absent)):
            item.add_marker(pytest.mark.skip(reason=absent[extra]))
