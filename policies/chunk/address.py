"""Addresses of policy servers: told from the names of files, and checked before anything connects."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from arbiter.errors import ConfigError

SCHEMES = ("ws", "wss")
BEGINNING = re.compile(r"([a-z]\w+):/|.*?://", re.IGNORECASE)
SCHEME = re.compile(r"(wss?):?/+", re.IGNORECASE)  # with a colon or a slash missing
DRIVE = re.compile(r"[a-z]:[/\\]", re.IGNORECASE)
SECRET = re.compile(r"([^/:@\s]*):(?!/).*@", re.DOTALL)  # a user and a password


def is_address(path: str | Path) -> bool:
    """Whether `path` is meant for a server's address, not for a file: it begins with a scheme, and be it misspelt."""
    return BEGINNING.match(str(path)) is not None


def without_password(text: str) -> str:
    """A text that may hold an address, as it may be shown."""
    return SECRET.sub(r"\1:***@", text)


def checked_address(address: str) -> str:
    """The address with its scheme. Raises ConfigError for one that cannot be connected to."""
    scheme, divided, rest = address.partition("://")
    one_slash = None if divided else BEGINNING.match(address)
    scheme = (one_slash[1] if one_slash else scheme).lower()
    shown = without_password(address if address.isprintable() else ascii(address))
    if (divided or one_slash) and scheme not in SCHEMES:
        raise ConfigError(f"π0 server {shown}: {scheme}:// cannot be connected to; ws://host:8000 or wss://host:8000 is expected")
    whole = f"{scheme}://{rest}" if divided else f"ws://{address}"
    if wrong := _spelt(address, divided) or _defect(whole):
        raise ConfigError(f"π0 server {shown}: not an address ({wrong}); one looks like ws://host:8000")
    return whole


def _spelt(address: str, divided: str) -> str:
    """What is wrong with how the scheme is divided from the host; "" if nothing is."""
    if divided:
        return ""
    if DRIVE.match(address):
        return "it is a path of a file"
    begun = SCHEME.match(address)
    return f"{begun[1].lower()}:// is expected at its beginning, not {begun[0]}" if begun else ""


def _defect(address: str) -> str:
    """What is wrong with an address behind a good scheme; "" if nothing is. It never holds the password."""
    if not address.isprintable() or " " in address:
        return "it holds a space or a control character"
    try:
        parts = urlsplit(address)
    except ValueError as error:
        return without_password(str(error))
    host = parts.netloc.rpartition("@")[2]
    if not parts.hostname:
        return "it names no host"
    if host.endswith(":"):
        return "it has a colon and no port"
    if wrong := _port(parts):
        return wrong
    if "#" in address:
        return "no server reads what stands behind #"
    if (parts.username is None) != (parts.password is None):
        return "a user without a password"
    return ""


def _port(parts: SplitResult) -> str:
    """What is wrong with the port; urllib's own words would show what stands in its place, which may be a password."""
    try:
        known = parts.port != 0
    except ValueError:
        known = False
    return "" if known else "its port is no number from 1 to 65535"
