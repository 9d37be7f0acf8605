"""Pre-flight of the computer: timing, priority, disk, heat, GPU."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from arbiter.extras import advice
from deploy.drivers.checks import Check, passed, warned
from deploy.host.lateness import PERIOD, ROUNDS, lateness

DISK_LOW, DISK_FAIL = 5.0, 0.5  # [GB]
HOT = 85.0  # [°C]


def check_timing() -> list[Check]:
    worst, realtime = lateness()
    seen = f"worst {1000 * worst:.2f} ms late in {ROUNDS} rounds at 250 Hz"
    advice = "stop other programs; isolate a core (docs/how-to/run-on-the-robot.md); use a real-time kernel"
    # A late round is harmless: the motors hold their last target meanwhile, and the watchdog waits 100 ms.
    timing = passed("timing", seen) if worst < PERIOD else warned("timing", seen, advice)
    if realtime:
        return [timing, passed("priority", "SCHED_FIFO is granted")]
    return [
        timing,
        warned("priority", "no real-time priority", "run as the service of deploy/install, or set rtprio in limits.conf"),
    ]


def check_disk(folder: Path | str = ".") -> Check:
    free = shutil.disk_usage(folder).free / 1e9
    if free < DISK_LOW:
        return warned("disk", f"{free:.1f} GB free", "an hour of trace and pictures needs about 5 GB; tidy up")
    return passed("disk", f"{free:.0f} GB free")


def check_heat(zones: Path = Path("/sys/class/thermal")) -> Check:
    degrees = []
    for file in zones.glob("thermal_zone*/temp"):
        try:
            degrees.append(int(file.read_text()) / 1000.0)
        except (OSError, ValueError):
            continue
    if not degrees:
        return passed("heat", "this computer does not tell its temperature")
    if max(degrees) > HOT:
        return warned("heat", f"{max(degrees):.0f} °C", "check fan and vents: a throttled computer misses ticks")
    return passed("heat", f"{max(degrees):.0f} °C")


def check_engines() -> Check:
    """Which devices inference can run on. Locomotion needs no GPU; a large chunk policy does."""
    import onnxruntime

    providers = [name.removesuffix("ExecutionProvider") for name in onnxruntime.get_available_providers()]
    gpu = [name for name in providers if name in ("CUDA", "Tensorrt")]
    seen = f"ONNX Runtime {onnxruntime.__version__} on {', '.join(providers)}; {os.cpu_count()} cores"
    if gpu or not Path("/proc/driver/nvidia/version").exists():
        return passed("inference", seen)
    return warned("inference", f"{seen}; there is an NVIDIA driver", f"to use it: {advice('gpu')}")
