"""Keeps secrets of a tree file out of logs, traces, reports and the command line."""

from __future__ import annotations

import re
from collections.abc import Sequence

from arbiter.errors import ConfigError

MASK = "***"
SECRETS = {"secret", "secrets", "password", "passwd", "passphrase", "credential", "credentials", "token", "apikey"}
NAMES_A_FILE = {"file", "path", "folder", "name"}
USER_IN_ADDRESS = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def is_secret(key: str) -> bool:
    """Whether a key of a file is named like a secret: `api_key`, `token`, `password` ...; `api_key_file` is none."""
    words = re.split(r"[_\-. ]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).lower())
    return words[-1] not in NAMES_A_FILE and (words[-1] == "key" or not SECRETS.isdisjoint(words))


def masked(value: object, secret: bool = False) -> object:
    """The values of a file with every secret, and user and password of an address, replaced by `***`."""
    if isinstance(value, dict):
        return {key: masked(item, secret or is_secret(key)) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item, secret) for item in value]
    if secret and value is not None:
        return MASK
    return USER_IN_ADDRESS.sub(MASK, value) if isinstance(value, str) else value


def check_settings(settings: Sequence[str]) -> None:
    """Raises ConfigError for a secret among `key=value` arguments: every user of the machine sees them."""
    for setting in settings:
        key = setting.partition("=")[0].strip()
        if is_secret(key.rpartition(".")[2]):
            raise ConfigError(
                f"--set {key}=...: every user of this machine sees the command line (ps); put it into the tree "
                "file, or a key of a π0 server into a file (options.api_key_file) or $POLICY_ARBITER_API_KEY"
            )
