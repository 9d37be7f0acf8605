"""The key that a π0 server asks its clients for: from a file or the environment, never from a command line, which every
user of the machine can read in the list of processes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from arbiter.errors import ConfigError

VARIABLE = "POLICY_ARBITER_API_KEY"
LONGEST = 4096  # [characters]


def read_api_key(file: str | Path = "", environment: Mapping[str, str] = os.environ) -> str:
    """The key in `file`, else that of the environment variable, else "". Raises ConfigError, which never shows the key."""
    source, text = f"${VARIABLE}", environment.get(VARIABLE, "")
    if file:
        source = str(file)
        try:
            text = Path(file).expanduser().read_bytes()[: LONGEST + 2].decode("ascii")
        except OSError as error:
            raise ConfigError(f"API key file {source}: cannot be read: {error.strerror or error}") from error
        except UnicodeDecodeError:
            text = "\0"
    key = text.strip()
    if file and not key:
        raise ConfigError(f"API key file {source}: is empty; one line with the key is expected")
    if not (key.isascii() and key.isprintable() and len(key) <= LONGEST) or " " in key:
        raise ConfigError(f"{source}: holds no key; one word of at most {LONGEST} printable ASCII characters is expected")
    return key
