"""The form of every command line: its docstring as description, each option with its default."""

from __future__ import annotations

import argparse


class _Help(argparse.RawDescriptionHelpFormatter):
    """Keeps the description's lines, and adds to each option's help what holds where it is left out."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text, value = action.help, action.default
        silent = value is None or value is argparse.SUPPRESS or value is False or action.required or not action.option_strings
        if text is None or silent or "default" in text:
            return text
        return f"{text} (default: {' '.join(map(str, value)) if isinstance(value, list | tuple) else '%(default)s'})"


def command_line(module: str, doc: str | None) -> argparse.ArgumentParser:
    """The parser of `python -m MODULE`; `doc`: the module's docstring."""
    return argparse.ArgumentParser(prog=f"python -m {module}", description=doc, formatter_class=_Help)
