"""The tests as on another processor: python -m pytest -p tests.processors, or `make test-processor` for all of it.

ONNX Runtime cannot be told to leave out instructions. So what its graphs return is changed here by a few units in the last
place, always the same for the same numbers, and its sessions use two threads: as much as another processor changes. The
rest (torch, BLAS, numpy, the C library) is told by environment variables, see the Makefile. A test that fails so hangs on bits.
"""

from __future__ import annotations

import functools

import numpy as np
import onnxruntime

from policies import engine

CHANGE = 1e-6  # relative; float32 has 6e-8 to a rounding, and a layer sums hundreds


def rounded_otherwise(x: object) -> object:
    """`x` as another order of summation may give it."""
    if not isinstance(x, np.ndarray) or x.dtype != np.float32:
        return x
    return x * (1.0 + np.float32(CHANGE) * np.sin(np.float32(1e4) * x))


def pytest_configure(config):
    run, network, options = onnxruntime.InferenceSession.run, engine.Network.run, onnxruntime.SessionOptions

    @functools.wraps(run)
    def run_otherwise(self, *args, **kwargs):
        return [rounded_otherwise(x) for x in run(self, *args, **kwargs)]

    @functools.wraps(network)
    def network_otherwise(self):
        network(self)
        self.y[...] = rounded_otherwise(self.y)
        return self.y

    class TwoThreads(options):
        """Session options that ask for two threads whatever they are told."""

        def __setattr__(self, name, value):
            super().__setattr__(name, 2 if name == "intra_op_num_threads" else value)

    onnxruntime.InferenceSession.run, engine.Network.run = run_otherwise, network_otherwise
    onnxruntime.SessionOptions = TwoThreads


def pytest_report_header():
    return f"another processor: ONNX graphs changed by {CHANGE:g}, two threads"
