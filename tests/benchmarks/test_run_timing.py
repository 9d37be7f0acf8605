"""Whole runs: from the command to the first motion, memory, switches, and a minute in real time beside a slow model."""

import os
import subprocess
import sys
import time

from deploy.latency import PAIRS, measure, table
from deploy.runtime.assemble import assemble
from deploy.runtime.config import load_tree
from deploy.runtime.instruction_sources import Sayings
from deploy.runtime.session import Session
from policies import registry

INFERENCE = 0.3  # [s] of computing for a chunk
WORDS = ("wave your right hand", "walk forward", "take a bow", "turn left")


def test_cold_start_to_the_first_command(benchmark):
    """A fresh process, in real time: until it is ready to arm, stands, and sends the first command of what it was told."""
    marks = {}

    def start():
        marks["start"] = time.perf_counter()
        command = [sys.executable, "-u", "-m", "deploy.run", "--tree", "default.yaml", "--say", "walk forward", "--for", "4"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for line in process.stdout:
            for mark, words in (("ready", "ready to arm"), ("stands", "stands by itself"), ("first", "walk_forward (")):
                if words in line:
                    marks.setdefault(mark, time.perf_counter())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        marks["memory"] = usage.ru_maxrss

    benchmark.pedantic(start, rounds=1, iterations=1)
    benchmark.extra_info |= {f"{name}_s": round(marks[name] - marks["start"], 2) for name in ("ready", "stands", "first")}
    benchmark.extra_info["memory_mib"] = round(marks["memory"] / 1024)
    print("\ncold start:", benchmark.extra_info)


def test_switches(benchmark):
    """Every ordered pair of policy kinds in lockstep: exact times, to be read as counts of ticks."""
    rounds = 1 if benchmark.disabled else 10
    rows = table(benchmark.pedantic(measure, args=("default.yaml", rounds, False, []), rounds=1, iterations=1))
    assert [row["pair"] for row in rows] == [pair for pair, *_ in PAIRS]
    for row in rows:
        benchmark.extra_info[row.pop("pair")] = row
        print("\n", row)


def test_overruns_beside_a_slow_model(benchmark, monkeypatch):
    """In real time, one gesture and one walk after the other; each chunk takes INFERENCE of computing on another thread."""
    seconds, asked, opened = 6.0 if benchmark.disabled else 60.0, [], registry.open_backend

    def slowed(config, context):
        backend = opened(config, context)
        predict = backend.predict

        def slow(*args, **kwargs):
            end = time.perf_counter() + INFERENCE
            answer = predict(*args, **kwargs)
            while time.perf_counter() < end:
                predict(*args, **kwargs)
            asked.append(1)
            return answer

        backend.predict = slow
        return backend

    monkeypatch.setattr(registry, "open_backend", slowed)
    assembly = assemble(load_tree("default.yaml", []))
    session = Session(assembly.robot, assembly.arbiter, assembly.clock, [Sayings(WORDS * 20)], assembly.observers)

    def minute():
        session.start()
        session.run(seconds)

    try:
        benchmark.pedantic(minute, rounds=1, iterations=1)
    finally:
        assembly.close()
    ticks = round(seconds / assembly.arbiter.model.dt)
    benchmark.extra_info |= {"ticks": ticks, "overruns": assembly.clock.overruns, "chunks": len(asked)}
    print("\nreal time:", benchmark.extra_info)
    assert assembly.arbiter.safety.fault == "" and asked
