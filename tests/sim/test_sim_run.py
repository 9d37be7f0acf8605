"""`deploy.run` as a user calls it: report, exit status, repeatability, trace and replay."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from arbiter.lifecycle import State
from arbiter.routing import Router
from deploy.replay import load_trace
from deploy.replay import main as replay
from deploy.run import main
from deploy.runtime.config import load_tree
from deploy.runtime.eyes import LockstepEye
from deploy.trace.redecide import redecide
from deploy.trace.writer import encode
from policies.chunk.protocol import CameraFrame
from tests.sim.rig import SimRun
from tests.sim.tamper import clock_jumps

ROOT = Path(__file__).parents[2]
REPORT_KEYS = {
    "duration_s",
    "ticks",
    "control_hz",
    "overruns",
    "falls",
    "ended",
    "instructions",
    "handovers",
    "safety",
    "base_path",
    "estimate",
    "timing_us",
    "provenance",
}


def run(*options, tmp_path):
    """Exit status and report of a lockstep run."""
    path = tmp_path / "report.json"
    status = main(["--tree", "default.yaml", "--fast", "--report", str(path), *options])
    return status, json.loads(path.read_text())


def test_the_report_tells_everything(tmp_path, capfd):
    status, report = run(
        "--say", "walk forward half a meter", "--say", "wave your right hand", "--say", "sing me a song", tmp_path=tmp_path
    )
    assert status == 0
    assert set(report) == REPORT_KEYS
    walk, wave, song = report["instructions"]
    assert (walk["outcome"], walk["skills"], walk["result"]) == ("accepted", ["walk_forward"], "succeeded")
    assert walk["parameters"][0]["distance"] == pytest.approx(0.5)
    assert (wave["skills"], wave["result"]) == (["wave_right"], "succeeded")
    assert song["outcome"] == "rejected" and song["reason"]
    assert walk["first_command_s"] - walk["at_s"] <= 0.045, "routed within a tick, commanded in the next"
    assert report["falls"] == 0 and report["overruns"] == 0
    told, (_, x, y, _) = report["estimate"], report["base_path"][-1]
    assert told["position_m"][:2] == pytest.approx((x, y), abs=0.08) and 0.3 < told["walked_m"] < 0.9 and told["doubted_s"] == 0.0
    assert report["ticks"] == round(report["duration_s"] * 50)
    done = [item for item in report["handovers"] if item["result"] == "done"]
    assert {"locomotion", "chunk", "rest"} <= {item["to"] for item in done}
    assert all(item["blend_end_s"] - item["first_command_s"] <= 0.32 for item in done if item["blend_end_s"] is not None)
    assert [mode["mode"] for mode in report["safety"]["modes"]] == ["run"]
    t, x, y, yaw = report["base_path"][-1]
    assert 0.25 < x < 0.8
    out = capfd.readouterr().out
    assert 'heard "walk forward half a meter"' in out and "3 instructions: 2 succeeded, 1 refused; 0 falls" in out


def test_lockstep_is_repeatable_bit_for_bit():
    def commands(seed):
        with SimRun(seed=seed) as sim:
            sim.say("walk forward half a meter")
            sim.say("wave your left hand")
            return [command.tobytes() for command in sim.commands], [t.joint_pos.tobytes() for t in sim.truth]

    first = commands(5)
    assert commands(5) == first
    assert commands(6) != first


def test_a_trace_is_decided_again_to_the_same_bits(tmp_path, capsys):
    log = tmp_path / "log"
    status, _ = run(
        "--say",
        "walk forward half a meter and wave",
        "--say",
        "touch the red ball",
        "--say",
        "take a bow",
        "--log",
        str(log),
        tmp_path=tmp_path,
    )
    assert status == 0
    header, ticks = load_trace(log)
    assert (log / "config.yaml").read_text() == header["config"]
    assert replay([str(log), "--verify"]) == 0
    assert f"{len(ticks)} ticks: the same decisions came out" in capsys.readouterr().out
    # ... and a changed reading is noticed
    lines = (log / "trace.jsonl").read_text().splitlines()
    tick = json.loads(lines[200])
    tick["state"]["q"][12] += 0.05
    lines[200] = json.dumps(tick)
    (log / "trace.jsonl").write_text("\n".join(lines) + "\n")
    assert replay([str(log), "--verify"]) == 1


def test_again_repeats_what_was_done_and_a_trace_holds_all_that_it_depends_on():
    """The truth says how far; each text is routed alike again from the plans that the trace holds before it."""
    with SimRun() as sim:
        assert sim.say("walk forward half a metre").result == "succeeded"
        start = sim.mark()
        again = sim.say("again")
        assert again.result == "succeeded" and 0.3 < sim.path(start)[0] < 0.7
        assert sim.say("the other hand").result == "refused"
        start = sim.mark()
        assert sim.say("and back").result == "succeeded" and -0.7 < sim.path(start)[0] < -0.3
        assert sim.falls == 0 and decided_again(sim) == ({"run"}, [])
        inputs = [item for report in sim.reports for item in report.inputs]
        router = Router(list(sim.arbiter.executor.skills.values()), groups=sim.model.groups)
    routes = [route for kind, *rest in inputs if kind == "route" for route in rest[1:]]
    last = ()
    for route in routes:
        alike = router.route(route.text, last)
        assert (alike.outcome, alike.steps, alike.reason) == (route.outcome, route.steps, route.reason)
        last = route.steps if route.outcome == "accepted" else last
    assert [route.text for route in routes] == ["walk forward half a metre", "again", "the other hand", "and back"]


def found_by_others(sim):
    """A thread of ours dies, and no driver answers for a moment."""
    sim.arbiter.alarms.append(iter([*[""] * 20, "thread camera has ended: ValueError", *[""] * 10_000]).__next__)
    sim.wait(1.0)
    read, sim.robot.read = sim.robot.read, lambda now: 1 / 0
    sim.wait(0.04)
    sim.robot.read = read


def reset_and_armed_at_once(sim):
    """Both orders lie in the mail of one tick."""
    sim.arbiter.inbox.damp("test")
    sim.wait(0.5)
    sim.arbiter.inbox.reset()
    sim.arbiter.inbox.arm()


def stopped_by_a_program(sim):
    """Between two ticks, and not through the inbox: a signal handler."""
    sim.arbiter.inbox.say("walk forward")
    sim.wait(1.5)
    sim.arbiter.safety.stop("SIGUSR1", "settle")
    sim.wait(0.5)
    sim.arbiter.safety.stop("Ctrl-C twice", "damp")


def stopped_while_the_harness_lifts_it(sim):
    """The harness then leaves it passive; a word after that is cancelled."""
    sim.arbiter.inbox.damp("test")
    sim.wait(0.5)
    sim.arbiter.inbox.reset()
    sim.wait(0.5)
    sim.arbiter.inbox.stop("test")
    sim.wait(0.5)
    sim.arbiter.inbox.say("walk forward")
    sim.wait(2.5)
    life = sim.arbiter.life
    assert life.state is State.HALTED and life.stopped == "test" and sim.arbiter.executor.log[-1].result == "cancelled"


def disarmed_and_armed(sim):
    """Orders keep their order."""
    sim.arbiter.inbox.damp("test")
    sim.wait(0.3)
    for order in ("arm", "reset", "arm", "reset"):
        getattr(sim.arbiter.inbox, order)()


def decided_again(sim):
    """The ticks as a trace holds them, decided again. Returns modes and differences."""
    loaded = load_tree("default.yaml", [])
    header = {"tree": str(loaded.path), "config": loaded.resolved_yaml(), "joints": list(sim.model.joints), "seed": 0}
    header["creep"] = sim.model.creep
    ticks = [json.loads(json.dumps(encode(report))) for report in sim.reports]
    return {tick["mode"] for tick in ticks}, redecide(header, ticks)


@pytest.mark.parametrize(
    ("cause", "mode"),
    [
        (found_by_others, "settle"),
        (reset_and_armed_at_once, "damp"),
        (stopped_by_a_program, "damp"),
        (stopped_while_the_harness_lifts_it, "passive"),
        (disarmed_and_armed, "passive"),
    ],
)
def test_what_comes_from_beside_the_tick_is_decided_again(cause, mode):
    with SimRun() as sim:
        cause(sim)
        sim.wait(1.0)
        modes, differences = decided_again(sim)
    assert mode in modes and differences == []


def test_a_start_ramp_that_was_stopped_is_decided_again(monkeypatch):
    monkeypatch.setattr("deploy.runtime.ramp.SHARE", 0.02)  # every joint pushes too hard
    with SimRun() as sim:
        assert sim.arbiter.safety.fault.startswith("start ramp")
        modes, differences = decided_again(sim)
    assert "damp" in modes and differences == []


@pytest.mark.parametrize("seen", ["nothing", "a grey picture"])
def test_a_camera_that_fails_is_decided_again(seen, monkeypatch):
    """A chunk policy cannot go on then: what it saw is an input like any other."""
    look = LockstepEye.__call__

    def spoilt(eye):
        grey = CameraFrame(look(eye).stamp, np.zeros((9, 9)))
        return None if seen == "nothing" else grey

    with SimRun() as sim:
        sim.arbiter.inbox.say("take a bow")
        sim.wait(1.0)
        monkeypatch.setattr(LockstepEye, "__call__", spoilt)
        sim.wait(2.5)
        assert "camera" in sim.arbiter.executor.log[-1].reason, sim.arbiter.executor.log[-1].reason
        _, differences = decided_again(sim)
    assert differences == []


def test_what_is_delivered_after_a_jump_of_the_clock_is_decided_again():
    with SimRun() as sim:
        sim.arbiter.inbox.say("take a bow")
        sim.wait(1.0)
        clock_jumps(sim, 0.5)
        sim.wait(0.5)
        sim.arbiter.inbox.say("wave your left hand")
        sim.wait(2.0)
        assert sum(kind == "chunk" for report in sim.reports for kind, *_ in report.inputs) > 2
        _, differences = decided_again(sim)
    assert differences == []


def test_replay_shows_and_refuses(tmp_path, capsys):
    log = tmp_path / "log"
    run("--say", "stand still", "--log", str(log), tmp_path=tmp_path)
    capsys.readouterr()
    assert replay([str(log)]) == 0
    assert 'heard "stand still"' in capsys.readouterr().out
    assert replay([str(log), "--at", "3.0"]) == 0
    assert "leg_left_knee_pitch_joint" in capsys.readouterr().out
    for at in ("99", "-1", "nan"):
        assert replay([str(log), "--at", at]) == 2
        assert f"--at {at}: the trace goes from 0.00 to" in capsys.readouterr().err
    assert replay([str(log), "--plot", str(tmp_path / "plot.txt")]) == 2
    assert "plot.txt: the name must end in .png, .pdf, .svg" in capsys.readouterr().err
    (tmp_path / "no.jsonl").write_text("hello\nworld\n")
    assert replay([str(tmp_path / "no.jsonl")]) == 2
    assert "no.jsonl:1: not JSON" in capsys.readouterr().err


@pytest.mark.train
def test_replay_plots(tmp_path):
    run("--say", "stand still", "--log", str(tmp_path / "log"), tmp_path=tmp_path)
    assert replay([str(tmp_path / "log"), "--plot", str(tmp_path / "plot.png")]) == 0
    assert (tmp_path / "plot.png").stat().st_size > 10_000


def test_a_fall_is_a_fault_with_a_dump_and_exit_status_one(tmp_path, capfd):
    with SimRun(seed=0) as sim:
        sim.robot.push((3.0, 0.0, 0.0))
        sim.wait(2.0)
        assert sim.arbiter.safety.fault
        assert sim.falls == 1
        assert sim.reports[-1].verdict.mode.value == "damp"
        item = sim.say("walk forward")
        assert item.result == "cancelled"
        # The operator resets: the harness lifts it, and it stands again.
        sim.arbiter.inbox.reset()
        sim.wait(0.1)
        assert not sim.arbiter.world.ready, "the reset takes it back to passive"
        assert sim.until(lambda: sim.arbiter.world.ready, 20.0)
        assert sim.say("stand still").result == "succeeded"


def test_a_fault_before_it_stands_ends_the_run(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("deploy.runtime.ramp.SHARE", 0.001)  # every joint pushes too hard
    status, report = run("--say", "walk forward", "--say", "bow", tmp_path=tmp_path)
    assert status == 1 and report["duration_s"] < 10.0
    assert [item["result"] for item in report["instructions"]] == ["cancelled", "cancelled"]
    assert "start ramp: " in capfd.readouterr().out


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--tree", "defualt.yaml"], "did you mean default.yaml?"),
        (["--say", "bow", "--script", "x.yaml"], "--say and --script together"),
        (["--script", "none.yaml"], "none.yaml: cannot be read: No such file or directory"),
        (["--for", "-3"], "--for -3: a positive number of seconds is expected"),
        (["--fault", "can1:bus_off"], "--fault can1:bus_off: only a rig breaks on demand; add --robot rig"),
        pytest.param(
            ["--robot", "rig", "--fault", "can7:bus_off"], "fault 'can7:bus_off': unknown target 'can7'", marks=pytest.mark.robot
        ),
        (["--robot", "hal9000"], "--robot hal9000: allowed are simulated, rig, the folder of a robot (with its robot.yaml)"),
        (["--report", ""], "--report is given without a value; name one, or leave the option out"),
        (["--script", " "], "--script is given without a value"),
        (["--hardware", "mine.yaml"], "--hardware mine.yaml: --robot simulated has none"),
        (["--set", "limits.velocity=100"], "velocity"),
        (["--set", "policies.locomotion.file=none.onnx"], "none.onnx"),
        (["--set", "home.legs=walkin"], "home.legs: no policy 'walkin'"),
    ],
)
def test_wrong_options_get_one_clear_error_and_status_two(options, error, capsys):
    words = [] if {"--say", "--script"} & set(options) else ["--say", "bow"]
    assert main([*options, "--fast", *words]) == 2
    assert error in capsys.readouterr().err


@pytest.mark.parametrize("seed", ["-1", "1.5", "x", ""])
def test_a_seed_that_is_none_is_named(seed, capsys):
    with pytest.raises(SystemExit) as end:
        main(["--fast", "--say", "bow", f"--seed={seed}"])
    assert end.value.code == 2
    assert f"argument --seed: {seed!r} is no seed; a whole number from 0 on is expected" in capsys.readouterr().err


def test_a_pipe_of_lines_in_real_time():
    """A real process, the machine's clock, words on standard input."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.run", "--tree", "default.yaml"],
        input="walk forward 0.3 m\nbake a cake\n",
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert 'succeeded: "walk forward 0.3 m"' in done.stdout
    assert 'refused: "bake a cake"' in done.stdout


def test_what_never_had_its_turn_is_in_the_report(tmp_path, capfd):
    path = tmp_path / "report.json"
    texts = ("stand still", "walk forward for 20 seconds", "bow", "wave")
    options = [option for text in texts for option in ("--say", text)]
    assert main(["--fast", "--viewer", "none", "--strict", "--for", "8", *options, "--report", str(path)]) == 3
    report = json.loads(path.read_text())
    results = [item["result"] for item in report["instructions"]]
    assert [item["text"] for item in report["instructions"]] == list(texts)
    assert results == ["succeeded", "cancelled", "unfinished", "unfinished"] and report["ended"] == ""
    assert report["instructions"][3]["reason"] == "never said: the time of the run was over"
    assert "2 unfinished" in capfd.readouterr().out


def test_a_run_whose_output_nobody_reads_leaves_a_report_of_all_that_was_asked(tmp_path):
    """`python -m deploy.run ... | head -1`"""
    path = tmp_path / "report.json"
    run = [sys.executable, "-m", "deploy.run", "--fast", "--viewer", "none", "--say", "walk forward", "--report", str(path)]
    with subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.stdout.close()
        told = process.stderr.read()
    report = json.loads(path.read_text())
    assert [item["text"] for item in report["instructions"]] == ["walk forward"]
    assert report["ended"] == "nobody reads the standard output any more" and report["ended"] in told and str(path) in told


def test_who_arms_before_the_harness_does_gets_a_robot_that_walks():
    with SimRun(seed=0) as sim:
        for _ in range(2):
            sim.arbiter.inbox.damp()
            sim.wait(1.0)
            sim.arbiter.inbox.reset()
            sim.wait(2.0)  # lifted; half a second later it would be armed by itself
            sim.arbiter.inbox.arm()
            assert sim.until(lambda: sim.arbiter.world.ready, 10.0)
        assert sim.say("walk forward").result == "succeeded"


def test_a_driver_whose_step_raises_settles_a_walk_and_is_named(monkeypatch):
    """The third call of a driver had no wall: a third party's `step` that raised ended the run with a traceback."""
    with SimRun(seed=2) as sim:
        sim.arbiter.inbox.say("walk forward two meters")
        sim.wait(2.0)
        step, calls = sim.robot.step, []

        def broken(dt):
            calls.append(dt)
            step(dt)
            if len(calls) == 3:
                raise OSError("bus is gone")

        monkeypatch.setattr(sim.robot, "step", broken)
        sim.wait(4.0)
        assert sim.arbiter.safety.fault == "driver: step failed: OSError: bus is gone"
        assert max(report.state.tilt for report in sim.reports) < 0.5 and sim.arbiter.executor.log[-1].result == "cancelled"


def test_a_reset_without_a_fault_does_not_drop_a_robot_that_walks():
    """One key too many cut the motors in mid-walk."""
    with SimRun(seed=3) as sim:
        sim.arbiter.inbox.say("walk forward one meter")
        sim.wait(2.0)
        sim.arbiter.inbox.reset()
        sim.wait(0.1)
        assert sim.arbiter.life.state is State.RUNNING and sim.arbiter.safety.mode.value == "run"
        assert any("not reset: no fault is latched" in event.text for report in sim.reports for event in report.events)
        assert sim.until(lambda: not sim.arbiter.executor.active, 20.0)
        assert sim.arbiter.executor.log[-1].result == "succeeded" and sim.robot.truth.supported == 0.0


def test_go_lowers_a_simulated_robot_that_still_hangs():
    """It "stood by itself" in its harness, and a walk in the air was measured as one."""
    with SimRun(seed=3) as sim:
        sim.arbiter.damp("test", sim.now)
        sim.wait(0.5)
        sim.arbiter.inbox.reset()
        sim.wait(0.1)
        sim.arbiter.inbox.arm()
        sim.wait(0.1)
        sim.arbiter.inbox.go()
        assert sim.until(lambda: sim.arbiter.world.ready and sim.robot.truth.supported == 0.0, 15.0)
        start = sim.robot.truth.base_pos[0]
        assert sim.say("walk forward half a meter").result == "succeeded"
        assert sim.robot.truth.base_pos[0] - start > 0.3


@pytest.mark.parametrize("words", ["walk forward 3 meters", "turn left"])
def test_a_walk_with_raised_arms_comes_to_rest_after_a_stop(words):
    """It stepped in place for ever, and drifted by 3.9 m in two minutes."""
    with SimRun(seed=1) as sim:
        assert sim.say("raise your arms").result == "succeeded"
        sim.arbiter.inbox.say(words)
        sim.wait(2.0)
        sim.arbiter.inbox.stop("test")
        sim.wait(8.0)
        start = sim.mark()
        sim.wait(10.0)
        assert np.hypot(*sim.path(start)[:2]) < 0.03 and not sim.falls
        assert np.ptp([truth.joint_pos for truth in sim.truth[start:]], axis=0).max() < 0.1
