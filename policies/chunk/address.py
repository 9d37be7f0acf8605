"""Addresses of policy servers: told from the names of files, and checked before anything connects."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from arbiter.errors import ConfigError

SCHEMES = ("ws", "wss")
BEGINNING = re.compile(r"([a-z]\w+):/|.*?://", re.IGNORECASE)


def is_address(path: str | Path) -> bool:
    """Whether `path` is meant for a server's address, not for a file: it begins with a scheme, and be it misspelt."""
    return BEGINNING.match(str(path)) is not None


def checked_address(address: str) -> str:
    """The address with its scheme. Raises ConfigError for one that cannot be connected to."""
    scheme, divided, _ = address.partition("://")
    one_slash = None if divided else BEGINNING.match(address)
    scheme = one_slash[1] if one_slash else scheme
    shown = address if address.isprintable() else ascii(address)
    if (divided or one_slash) and scheme not in SCHEMES:
        raise ConfigError(f"π0 server {shown}: {scheme}:// cannot be connected to; ws://host:8000 or wss://host:8000 is expected")
    whole = address if divided else f"ws://{address}"
    if wrong := f"two slashes follow {scheme}:" if one_slash else _defect(whole):
        raise ConfigError(f"π0 server {shown}: not an address ({wrong}); one looks like ws://host:8000")
    return whole


def _defect(address: str) -> str:
    """What is wrong with an address behind a good scheme; "" if nothing is."""
    if not address.isprintable() or " " in address:
        return "it holds a space or a control character"
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as error:
        return str(error)
    if not parts.hostname:
        return "it names no host"
    if port == 0 or parts.netloc.endswith(":"):
        return "it has a colon and no port"
    if "#" in address:
        return "no server reads what stands behind #"
    if (parts.username is None) != (parts.password is None):
        return "a user without a password"
    return ""
