"""The systemd unit: what it locks, that systemd understands it, and that install.sh fills it in."""

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

INSTALL = Path("deploy/install")
UNIT = INSTALL / "policy-arbiter.service"


class Many(dict):
    """Keeps all values of a key that stands several times, a line each."""

    def __setitem__(self, key, value):
        if isinstance(value, list) and key in self:
            value = self[key] + value
        super().__setitem__(key, value)


def service(text: str) -> dict[str, list[str]]:
    """The keys of [Service]."""
    parser = configparser.RawConfigParser(dict_type=Many, strict=False, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str
    parser.read_string(text)
    return {key: value.split("\n") for key, value in parser["Service"].items()}


KEYS = service(UNIT.read_text())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "read-only"),
        ("PrivateTmp", "yes"),
        ("CapabilityBoundingSet", "CAP_SYS_NICE"),
        ("AmbientCapabilities", ""),
        ("DevicePolicy", "closed"),
        ("IPAddressDeny", "any"),
        ("IPAddressAllow", "localhost"),
        ("RestrictSUIDSGID", "yes"),
        ("RestrictNamespaces", "yes"),
        ("LockPersonality", "yes"),
        ("SystemCallFilter", "@system-service"),
        ("ProtectKernelModules", "yes"),
        ("ProtectControlGroups", "yes"),
        ("ProtectProc", "invisible"),
        ("Restart", "no"),
        ("KillSignal", "SIGINT"),
        ("LimitRTPRIO", "95"),
    ],
)
def test_it_is_locked_in(key, value):
    assert KEYS[key] == [value]


def test_what_it_needs_it_may():
    """Real-time priority, CAN, the page, the serial line of the IMU, a camera; logs where it may write."""
    assert set(KEYS["RestrictAddressFamilies"][0].split()) == {"AF_UNIX", "AF_INET", "AF_INET6", "AF_CAN", "AF_NETLINK"}
    assert "RestrictRealtime" not in KEYS and "PrivateDevices" not in KEYS and "PrivateNetwork" not in KEYS
    assert {"char-ttyUSB rw", "char-video4linux rw", "char-input rw"} <= set(KEYS["DeviceAllow"])
    assert KEYS["LogsDirectory"] == ["policy-arbiter"] and "--log %L/policy-arbiter" in KEYS["ExecStart"][0]
    assert KEYS["CacheDirectory"] == ["policy-arbiter"] and "XDG_CACHE_HOME=%C/policy-arbiter" in KEYS["Environment"][0]
    assert "--host" not in KEYS["ExecStart"][0] and "key" not in KEYS["ExecStart"][0]


def filled(folder: Path) -> str:
    """As install.sh fills it, with a Python where the unit looks for it."""
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    values = {"FOLDER": folder, "USER": "daemon", "TREE": "default.yaml", "CPUS": "0", "HOME": "/nonexistent"}
    return re.sub("@([A-Z]+)@", lambda match: str(values[match[1]]), UNIT.read_text())


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_understands_it(tmp_path):
    file = tmp_path / "policy-arbiter.service"
    file.write_text(filled(tmp_path))
    for name in ("can-up@.service",):
        shutil.copy(INSTALL / name, tmp_path / name)
    run = subprocess.run(["systemd-analyze", "verify", "--man=no", str(file)], capture_output=True, text=True, timeout=60)
    ours = [line for line in (run.stdout + run.stderr).splitlines() if "policy-arbiter.service" in line]
    assert not ours, run.stderr
    # 0: locked in altogether, 100: not at all (95 before, 26 now). What is left is what it is for: devices, sockets.
    run = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=30", str(file)], capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stdout


@pytest.mark.skipif(os.name != "posix" or shutil.which("getent") is None, reason="needs getent")
def test_install_fills_every_place():
    run = subprocess.run(["bash", str(INSTALL / "install.sh"), "--dry-run"], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert "ProtectSystem=strict" in run.stdout and not re.search("@[A-Z]+@", run.stdout)
    assert f"WorkingDirectory={Path.cwd()}" in run.stdout


@pytest.mark.skipif(os.name != "posix" or shutil.which("getent") is None, reason="needs getent")
@pytest.mark.parametrize("there", [True, False])
def test_install_takes_the_uv_that_is_there(tmp_path, there):
    path = os.pathsep.join(folder for folder in os.environ["PATH"].split(os.pathsep) if not (Path(folder) / "uv").exists())
    if there:
        (tmp_path / "uv").touch(0o755)
        path = f"{tmp_path}{os.pathsep}{path}"
    command = [shutil.which("bash"), str(INSTALL / "install.sh"), "--dry-run"]
    environment = {"PATH": path, "HOME": "/home/me"}
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert run.returncode == 0, run.stderr
    assert f"{tmp_path if there else '/home/me/.local/bin'}/uv sync" in run.stdout
    assert ("astral.sh" in run.stdout) != there
