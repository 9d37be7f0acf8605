"""Reads YAML that other programs wrote: Python tags and aliases are data here, and nothing that a tag names is ever run.

`!!python/tuple` is a list, `!!python/object/apply:builtins.slice` is a Slice, `!!python/name:package.function` is the text
"package.function"; under any other tag stands what is written there: a mapping, a list, or text.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml.reader import Reader

from arbiter.errors import ConfigError
from arbiter.strict import read_text, short
from arbiter.strict.node import MAX_NUMBER
from arbiter.strict.yaml_text import YAML, Loader, line_of

PYTHON = f"{YAML}python/"
MAX_NODES = 200_000
PLAIN = ("int", "float", "bool", "null")


@dataclass(frozen=True, slots=True)
class Slice:
    """A Python slice as it was written: `Slice((None, None, None))` selects everything."""

    parts: tuple[Any, ...]

    @property
    def everything(self) -> bool:
        return all(part is None for part in self.parts)


def read_loose(path: str | Path) -> Any:
    """The values of a YAML file: mappings with text keys, lists, scalars and Slice. Raises ConfigError with file and line."""
    return parse_loose(read_text(Path(path)), str(path))


def parse_loose(text: str, file: str = "<text>") -> Any:
    """The values of a YAML text; `file` is the name used in errors."""
    if Reader.NON_PRINTABLE.search(text):
        raise ConfigError(f"{file}: holds control characters; is it a text file?")
    loader = Loader(text)
    try:
        root = loader.get_single_node()
        return None if root is None else _Values(loader, file).of(root)
    except yaml.MarkedYAMLError as error:
        raise ConfigError(f"{file}:{line_of(error, text)}: not valid YAML: {error.problem}") from error
    except RecursionError as error:
        raise ConfigError(f"{file}: not valid YAML: nested too deeply") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{file}: not valid YAML: {str(error)[:200] or type(error).__name__}") from error
    finally:
        loader.dispose()


class _Values:
    """Turns nodes into values; an alias is the same value again, so that a file cannot unfold into more than it holds."""

    def __init__(self, loader: Loader, file: str) -> None:
        self._loader, self._file = loader, file
        self._done: dict[int, Any] = {}
        self._open: set[int] = set()

    def of(self, node: yaml.Node) -> Any:
        key = id(node)
        if key in self._done:
            return self._done[key]
        if key in self._open:
            raise self._error(node, "an alias lies within what it names")
        if len(self._done) > MAX_NODES:
            raise self._error(node, f"holds more than {MAX_NODES} values")
        self._open.add(key)
        if isinstance(node, yaml.ScalarNode):
            value = self._scalar(node)
        elif isinstance(node, yaml.SequenceNode):
            value = self._sequence(node)
        else:
            value = self._mapping(node)
        self._open.discard(key)
        self._done[key] = value
        return value

    def _error(self, node: yaml.Node, text: str) -> ConfigError:
        return ConfigError(f"{self._file}:{node.start_mark.line + 1}: {text}")

    def _sequence(self, node: yaml.SequenceNode) -> Any:
        items = [self.of(item) for item in node.value]
        return Slice(tuple(items)) if node.tag == f"{PYTHON}object/apply:builtins.slice" else items

    def _mapping(self, node: yaml.Node) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: list[dict[str, Any]] = []
        for key_node, value_node in node.value:
            key, value = self.of(key_node), self.of(value_node)
            if key_node.tag == f"{YAML}merge":
                merged += [part for part in (value if isinstance(value, list) else [value]) if isinstance(part, dict)]
                continue
            name = key if isinstance(key, str) else str(key)
            if name in found:
                raise self._error(key_node, f"the key {short(name)} stands here twice")
            found[name] = value
        for part in merged:
            found = part | found
        return found

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        if node.tag.startswith(f"{PYTHON}name:"):
            return node.tag.removeprefix(f"{PYTHON}name:")
        kind = node.tag.removeprefix(PYTHON).removeprefix(YAML)
        if kind in ("none", "null"):
            return None
        if kind not in PLAIN:
            return node.value
        if len(node.value) > MAX_NUMBER:
            raise self._error(node, f"a number of {len(node.value)} characters; at most {MAX_NUMBER} are taken")
        try:
            return self._loader.construct_object(yaml.ScalarNode(f"{YAML}{kind}", node.value, node.start_mark))
        except (ValueError, KeyError, IndexError, AttributeError, OverflowError) as error:
            raise self._error(node, f"{short(node.value)} is no {kind}") from error
