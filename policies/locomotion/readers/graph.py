"""What the graph of an ONNX file itself says: names and widths of its ports, what it remembers, and its hash."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from arbiter.errors import ConfigError
from arbiter.onnx_fields import NotOnnxError, fields
from policies.locomotion.readers.policy_description import PolicyDescription, Sourced
from policies.onnx_file import model_hash, weights_beside

GRAPH, INITIALIZER, INPUT, OUTPUT = 7, 5, 11, 12
ACTIONS = ("actions", "action", "output")


@dataclass(frozen=True, slots=True)
class GraphPort:
    """An input or output: its name and shape; None: any size."""

    name: str
    shape: tuple[int | None, ...]

    @property
    def width(self) -> int | None:
        """Size of the last axis."""
        return self.shape[-1] if self.shape else None


@dataclass(frozen=True, slots=True)
class GraphPorts:
    """The ports of a graph."""

    inputs: tuple[GraphPort, ...]
    outputs: tuple[GraphPort, ...]


def read_graph(model: bytes, file: str) -> GraphPorts:
    """The ports of a serialized model. Raises ConfigError if it is not ONNX or has no graph."""
    try:
        graphs = [model[a:b] for number, _, a, b in fields(model) if number == GRAPH]
        if not graphs:
            raise NotOnnxError("it has no graph")
        graph = graphs[-1]
        parts: dict[int, list[bytes]] = {INITIALIZER: [], INPUT: [], OUTPUT: []}
        for number, _, a, b in fields(graph):
            if number in parts:
                parts[number].append(graph[a:b])
        weights = {_text(part, 8) for part in parts[INITIALIZER]}
        inputs = tuple(port for port in map(_port, parts[INPUT]) if port.name not in weights)
        return GraphPorts(inputs, tuple(map(_port, parts[OUTPUT])))
    except NotOnnxError as error:
        raise ConfigError(f"{file}: not an ONNX file: {error}") from error


def _part(message: bytes, number: int) -> bytes:
    """The last field `number` of a message; b"" if there is none."""
    return next((message[a:b] for n, _, a, b in reversed(list(fields(message))) if n == number), b"")


def _text(message: bytes, number: int) -> str:
    return _part(message, number).decode("utf-8", "replace")


def _port(info: bytes) -> GraphPort:
    shape = _part(_part(_part(info, 2), 1), 2)
    return GraphPort(_text(info, 1), tuple(_size(shape[a:b]) for n, _, a, b in fields(shape) if n == 1))


def _size(dim: bytes) -> int | None:
    for number, _, a, b in fields(dim):
        if number == 1:
            return sum((byte & 0x7F) << 7 * k for k, byte in enumerate(dim[a:b]))
    return None


def describe_graph(path: Path, model: bytes, graph: GraphPorts) -> PolicyDescription:
    """What the graph says in the words of the card."""
    found = PolicyDescription("ONNX graph", path.name)
    states = _states(graph)
    inputs = [port for port in graph.inputs if port.name not in states]
    outputs = [port for port in graph.outputs if port.name not in states.values()]
    if inputs:
        found.values["input"] = Sourced(inputs[0].name, found.at("graph input"))
    output = next((port for name in ACTIONS for port in outputs if port.name == name), outputs[0] if outputs else None)
    if output is not None:
        found.values["output"] = Sourced(output.name, found.at("graph output"))
    if len(inputs) > 1:
        extra = ", ".join(port.name for port in inputs[1:])
        what = "it plays a motion by its time, which no skill here gives" if "time_step" in extra else "only one is filled here"
        found.problems.append(f"{path.name}: the graph has the inputs {inputs[0].name}, {extra}: {what}")
    if states:
        pairs = [{"input": name, "output": states[name]} for name in states]
        found.values["recurrent"] = Sourced(pairs, found.at("graph inputs and outputs"))
    if not weights_beside(path):
        found.values["sha256"] = Sourced(model_hash(model), path.name)
    found.values["name"] = Sourced(path.stem, "the file's name")
    found.values["version"] = Sourced("1", "given here")
    return found


def _states(graph: GraphPorts) -> dict[str, str]:
    """Outputs by the inputs that they come back as: h_in and h_out, or names that differ only so."""
    found = {}
    for port in graph.inputs:
        for end, other in (("_in", "_out"), ("_input", "_output"), ("in_", "out_")):
            name = port.name.removesuffix(end) + other if port.name.endswith(end) else ""
            name = name or (other + port.name.removeprefix(end) if port.name.startswith(end) else "")
            if name in {out.name for out in graph.outputs}:
                found[port.name] = name
    return found
