"""Strict YAML into values with their places: no tags, anchors, aliases, keys that stand twice, absurd numbers or depths."""

from __future__ import annotations

from pathlib import Path

import yaml
from yaml.composer import Composer
from yaml.reader import Reader

from arbiter.errors import ConfigError
from arbiter.strict.node import LARGEST, MAX_DEPTH, MAX_NUMBER, Node, Problems, read_text, short

YAML = "tag:yaml.org,2002:"
SCALARS = {"str", "int", "float", "bool", "null"}
TEXTS = {"timestamp", "merge", "value"}  # what YAML 1.1 takes for more than text: 2026-01-31, << and =


def parse(path: str | Path) -> Node:
    """Reads a YAML file. Raises ConfigError with file and line."""
    path = Path(path)
    return parse_text(read_text(path), str(path))


class Loader(Composer, yaml.CSafeLoader):
    """Scans in C, seven times as fast; stops where values are nested too deeply, before they have all been read."""

    depth = 0

    def __init__(self, stream: str) -> None:
        yaml.CSafeLoader.__init__(self, stream)
        Composer.__init__(self)

    def compose_node(self, parent, index):
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise RecursionError
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class Unaliased(Loader):
    """Notes anchors and aliases. An alias is read as nothing, so that it neither unfolds nor closes a loop.

    Attributes:
        named: Line and text of each.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.named: list[tuple[int, str]] = []

    def compose_node(self, parent, index):
        event = self.peek_event()
        if event.anchor is None:
            return super().compose_node(parent, index)
        alias = isinstance(event, yaml.AliasEvent)
        self.named.append((event.start_mark.line + 1, f"{'*' if alias else '&'}{event.anchor}"))
        if not alias:
            return super().compose_node(parent, index)
        self.get_event()
        return yaml.ScalarNode(f"{YAML}null", "", event.start_mark, event.end_mark)


def parse_text(text: str, file: str = "<text>") -> Node:
    """Reads YAML text; `file` is the name used in errors."""
    loader = Unaliased(text) if not _control(text) else None
    if loader is None:
        raise ConfigError(f"{file}: holds control characters; is it a text file?")
    try:
        root = loader.get_single_node()
        problems = Problems()
        for line, name in loader.named:
            problems.add(Node(None, file, line), f"{short(name)}: anchors and aliases are not allowed; write the value out")
        node = Node(None, file, 1) if root is None else _convert(loader, root, file, problems)
    except yaml.MarkedYAMLError as error:
        raise ConfigError(f"{file}:{line_of(error, text)}: not valid YAML: {error.problem}") from error
    except RecursionError as error:
        raise ConfigError(f"{file}: not valid YAML: nested too deeply; {MAX_DEPTH} levels are allowed") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{file}: not valid YAML: {str(error)[:200] or type(error).__name__}") from error
    finally:
        loader.dispose()
    problems.raise_if_any()
    return node


def line_of(error: yaml.MarkedYAMLError, text: str) -> int:
    """The line of a text that an error tells of; the end of the text is told as the line behind it."""
    mark = error.problem_mark or error.context_mark
    return min(mark.line if mark else 0, text.count("\n")) + 1


def _control(text: str) -> bool:
    return Reader.NON_PRINTABLE.search(text) is not None


def _tag(node) -> str:
    """A tag as it is written."""
    return short(node.tag.replace(YAML, "!!"))[1:].rstrip("'\"")


def _scalar_value(loader, node, here: Node, problems: Problems) -> object:
    """The value of a scalar: text, number, true or false, or nothing."""
    meant = loader.resolve(yaml.ScalarNode, node.value, (True, False)) if not node.style else f"{YAML}str"
    kind = node.tag.removeprefix(YAML)
    if node.tag != meant or kind not in SCALARS | TEXTS:
        problems.add(here, f"the tag {_tag(node)} is not allowed; write the value without it")
        return None
    if kind in TEXTS or kind == "str":
        return node.value
    if kind in ("int", "float") and len(node.value) > MAX_NUMBER:
        problems.add(here, f"a number of {len(node.value)} characters; at most {MAX_NUMBER} are taken")
        return None
    try:
        value = loader.construct_object(node)
    except (ValueError, KeyError, IndexError, AttributeError, OverflowError):
        problems.add(here, f"{short(node.value)} looks like a number and is none; put it in quotes if it is text")
        return None
    if isinstance(value, int) and not -LARGEST <= value < LARGEST:
        problems.add(here, f"{short(node.value)} is too large a number")
        return None
    return value


def _convert(loader, node, file: str, problems: Problems) -> Node:
    line = node.start_mark.line + 1
    here = Node(None, file, line)
    if isinstance(node, yaml.ScalarNode):
        return Node(_scalar_value(loader, node, here, problems), file, line)
    if node.tag not in ("tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"):
        problems.add(here, f"the tag {_tag(node)} is not allowed")
        return here
    if isinstance(node, yaml.SequenceNode):
        return Node([_convert(loader, item, file, problems) for item in node.value], file, line)
    mapping: dict[str, Node] = {}
    for key_node, value_node in node.value:
        key_here = Node(None, file, key_node.start_mark.line + 1)
        key = _scalar_value(loader, key_node, key_here, problems) if isinstance(key_node, yaml.ScalarNode) else None
        if not isinstance(key, str):
            problems.add(key_here, f"the key {short(key)} is not a word; put it in quotes if it is meant so")
        elif key in mapping:
            problems.add(key_here, f"the key {short(key)} stands here twice")
        else:
            mapping[key] = _convert(loader, value_node, file, problems)
    return Node(mapping, file, line)
