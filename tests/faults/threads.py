"""A fork keeps one thread: what forks cannot be measured where ONNX Runtime computes on several."""

import pytest


def one_thread(request: pytest.FixtureRequest) -> None:
    """Skips where `-p tests.processors` gives ONNX Runtime a second thread."""
    if request.config.pluginmanager.hasplugin("tests.processors"):
        pytest.skip("moments are forks, and ONNX Runtime has two threads under tests.processors")
