"""A network small enough to run inside a tick: its memory is bound once, and what it remembers stays with it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from arbiter.errors import ConfigError
from policies.engine import Provider, start


@dataclass(frozen=True, slots=True)
class StateArrays:
    """One thing that a recurrent network remembers, float32, in the shape of the graph: as read and as written by a run."""

    read: np.ndarray
    written: np.ndarray

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> StateArrays:
        return cls(np.zeros(shape, np.float32), np.zeros(shape, np.float32))


class SessionPorts:
    """What a session's graph says of its inputs and outputs, checked against a card. Raises ConfigError."""

    def __init__(self, path: str | Path, session: onnxruntime.InferenceSession) -> None:
        self._path = path
        self._nodes = {
            "input": {node.name: node for node in session.get_inputs()},
            "output": {node.name: node for node in session.get_outputs()},
        }

    def _node(self, name: str, kind: str) -> Any:
        found = self._nodes[kind]
        if name not in found:
            raise ConfigError(f"{self._path}: no {kind} {name!r} in the graph; there are: {', '.join(found)}")
        return found[name]

    def check(self, name: str, shape: tuple[int, ...], kind: str) -> None:
        """Whether there is such an input or output. Dimensions that the graph leaves open fit."""
        node = self._node(name, kind)
        fits = len(node.shape) == len(shape) and all(
            not isinstance(have, int) or have == want for have, want in zip(node.shape, shape, strict=False)
        )
        if not fits or node.type != "tensor(float)":
            raise ConfigError(
                f"{self._path}: {kind} {name!r} is {node.type} {node.shape}; its card describes tensor(float) {list(shape)}"
            )

    def check_inputs(self, known: Sequence[str]) -> None:
        """Whether the graph reads nothing else."""
        more = [name for name in self._nodes["input"] if name not in known]
        if not more:
            return
        outputs = {name: self._likely_output(name) for name in more}
        if all(outputs.values()):
            states = ", ".join(f"{{input: {name}, output: {output}}}" for name, output in outputs.items())
            advice = f"what a recurrent network remembers is named in its card, here perhaps `recurrent: [{states}]`"
        else:
            advice = "a policy reads one observation, and what it remembers: export it with all observations in one input"
        raise ConfigError(f"{self._path}: the graph also reads {', '.join(more)}, of which its card says nothing; {advice}")

    def _likely_output(self, read: str) -> str:
        """The output that could be handed to the input `read` of the next run, by shape and name; "" if there is none."""
        inputs, outputs = self._nodes["input"], self._nodes["output"]
        alike = [name for name, node in outputs.items() if node.shape == inputs[read].shape]
        return next(iter(difflib.get_close_matches(read, alike, n=1, cutoff=0.0)), "")

    def state_shape(self, read: str, written: str) -> tuple[int, ...]:
        """Shape of what is remembered: that of the input, 1 where the graph leaves it open."""
        shape = tuple(size if isinstance(size, int) else 1 for size in self._node(read, "input").shape)
        self.check(read, shape, "input")
        self.check(written, shape, "output")
        return shape


class Network:
    """A graph whose memory is bound once: a run copies and allocates nothing but what the network remembers.

    Args:
        path: The ONNX file.
        inputs: Name of the input in the graph.
        outputs: Name of the output in the graph.
        x: What the graph reads, float32, shape (1, n).
        size: Width of its output.
        remembered: (input, output) names of what a recurrent network hands to its next run.

    Attributes:
        y: What it wrote last, float32, shape (1, size).
    """

    def __init__(
        self,
        path: str | Path,
        inputs: str,
        outputs: str,
        x: np.ndarray,
        size: int,
        remembered: Sequence[tuple[str, str]] = (),
        *,
        threads: int = 1,
        provider: Provider = "cpu",
    ) -> None:
        self._session = start(path, provider, threads)
        graph = SessionPorts(path, self._session)
        graph.check(inputs, (1, x.shape[1]), "input")
        graph.check(outputs, (1, size), "output")
        graph.check_inputs((inputs, *(name for name, _ in remembered)))
        self.y = np.zeros((1, size), dtype=np.float32)
        self._states = [StateArrays.of(graph.state_shape(*names)) for names in remembered]
        self._binding = self._session.io_binding()
        bound = [(inputs, x, True), (outputs, self.y, False)]
        for (read, written), state in zip(remembered, self._states, strict=True):
            bound += [(read, state.read, True), (written, state.written, False)]
        self._kept = [self._bound(*each) for each in bound]

    def _bound(self, name: str, array: np.ndarray, is_input: bool) -> onnxruntime.OrtValue:
        value = onnxruntime.OrtValue.ortvalue_from_numpy(array)
        (self._binding.bind_ortvalue_input if is_input else self._binding.bind_ortvalue_output)(name, value)
        return value

    def run(self) -> np.ndarray:
        """`y`, computed from what `x` holds now and what the network remembers."""
        for state in self._states:
            state.read[:] = state.written
        self._session.run_with_iobinding(self._binding)
        return self.y

    def forget(self) -> None:
        """A recurrent network begins anew: zeros."""
        for state in self._states:
            state.read[:] = state.written[:] = 0.0

    @property
    def memory(self) -> tuple[np.ndarray, ...]:
        """What the next run begins with, a copy: for `remember`."""
        return tuple(state.written.copy() for state in self._states)

    @property
    def memory_before(self) -> tuple[np.ndarray, ...]:
        """What the last run began with, a copy."""
        return tuple(state.read.copy() for state in self._states)

    def remember(self, memory: Sequence[np.ndarray]) -> None:
        """The next run begins with this; with zeros where it is not finite."""
        for state, values in zip(self._states, memory, strict=True):
            state.written[:] = values if np.isfinite(values).all() else 0.0
