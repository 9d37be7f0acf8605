"""Independent jobs on the cores of this machine."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor


def spread[Job, Result](work: Callable[[Job], Result], jobs: Iterable[Job], processes: int) -> Iterator[Result]:
    """Results of `work`, a function of a module, in the order of `jobs`; with one process in this one."""
    if processes <= 1:
        yield from map(work, jobs)
        return
    # Not forked: MuJoCo's renderer and torch's threads would be copied half.
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(work, jobs)
