"""Runs independent jobs in this process, or on a Ray cluster when an address is given."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from arbiter.errors import ConfigError
from arbiter.extras import needed

IN_FLIGHT = 2  # jobs waiting on the cluster for each of its CPUs


def add_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--ray-address`."""
    parser.add_argument(
        "--ray-address",
        default=None,
        metavar="ADDRESS",
        help="Ray cluster to fan out over: host:port, 'auto', or 'local' to start one on this machine; "
        "without it everything runs in this process",
    )


def run[Job, Result](work: Callable[[Job], Result], jobs: Iterable[Job], address: str | None = None) -> Iterator[Result]:
    """Results of `work` in the order of `jobs`. Raises ConfigError when Ray is wanted but not there."""
    if address is None:
        yield from map(work, jobs)
        return
    if address == "local":
        # Under `uv run` Ray rebuilds the environment for its workers, with --no-sync without any packages, so that they fail to
        # start. Here they share this process's environment.
        os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    try:
        import ray
    except ImportError as error:
        raise ConfigError(f"--ray-address {address}: {needed('ray')}") from error
    ours = not ray.is_initialized()
    if ours:
        ray.init(address=None if address == "local" else address, log_to_driver=False)
    try:
        remote = ray.remote(work)
        jobs = iter(jobs)
        most = IN_FLIGHT * max(1, int(ray.cluster_resources().get("CPU", 1)))
        waiting = [remote.remote(job) for job in islice(jobs, most)]
        while waiting:
            yield ray.get(waiting.pop(0))
            waiting += [remote.remote(job) for job in islice(jobs, 1)]
    finally:
        if ours:
            ray.shutdown()
