"""The web page in a real headless Chromium."""

from tests.needs import needs

pytestmark = needs("viewer", "viser")

import dataclasses
import math
import socket
import time

import numpy as np
import pytest

from arbiter.errors import ConfigError
from arbiter.skill import Route, SkillCall
from deploy.console import Snapshot, page
from deploy.console.web import WebConsole
from deploy.robots.description import load_model
from tests.sim.console_browser import Browser, find

MODEL = load_model()
ARMS_UP = MODEL.default.copy()
ARMS_UP[[MODEL.index("arm_left_shoulder_pitch_joint"), MODEL.index("arm_right_shoulder_pitch_joint")]] = -1.5, 1.5


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def snapshot(count: int = 0, mode: str = "run", joint_pos=None) -> Snapshot:
    call = SkillCall("wave_right", {"count": 3.0}, score=0.93, margin=0.41)
    route = Route("wave <i>your</i> right hand", "accepted", ((call,),), ms=3.2)
    return Snapshot(
        time=0.1 * count,
        joint_pos=MODEL.default if joint_pos is None else joint_pos,
        base_pos=np.zeros(3),
        base_quat=np.array((1.0, 0.0, 0.0, 0.0)),
        mode=mode,
        branch=("root", "instruction", "run_skill"),
        owners=(("legs", "locomotion"), ("arms", "chunk")),
        instruction="wave <i>your</i> right hand",
        route=route,
        log=("routed: wave_right",),
        place="x 1.20 m, y 0.30 m (±0.02), heading 12°",
    )


def changed(pictures: list, new) -> float:
    """Pixels of `new` that differ from the last picture, which it joins; inf while one of them is missing."""
    last = pictures[-1]
    pictures.append(new)
    return math.inf if last is None or new is None else int((np.abs(last.astype(int) - new).max(axis=2) > 40).sum())


def poll(console: WebConsole, browser: Browser) -> list:
    found: list = []
    browser.wait(lambda: found.extend(console.poll()) or found, "an event from the page")
    return found


@pytest.fixture(scope="module")
def console():
    console = WebConsole(MODEL, port=free_port())
    yield console
    console.close()


@pytest.mark.timeout(1500)
@pytest.mark.skipif(find() is None, reason="chromium is not installed (Debian: apt-get install chromium)")
def test_page_in_a_real_browser(console, tmp_path):
    console.publish(snapshot(1))
    with Browser(find(), tmp_path, console.address) as browser:
        for words in ("wave_right", "locomotion", "chunk", "run_skill", "accepted", "0.93", "0.41", "routed: wave_right"):
            browser.wait(lambda words=words: words in browser.text(), f"{words!r} on the page")
        assert "wave <i>your</i> right hand" in browser.text(), "words from outside must be escaped"

        browser.type("walk forward")
        assert poll(console, browser) == [("say", "walk forward")]
        console.publish(dataclasses.replace(snapshot(2), manual="  sit_down  <b>legs</b>"))
        browser.wait(lambda: "sit_down  <b>legs</b>" in browser.text(), "what can be said")
        browser.click("STOP")
        assert poll(console, browser) == [("stop",)]
        browser.click("DAMP")
        assert poll(console, browser) == [("damp",)]
        browser.click("Reset after a fault")
        assert poll(console, browser) == [("reset",)]

        console.publish(snapshot(2, mode="damp"))
        browser.wait(lambda: "DAMP" in browser.text(), "the new mode")

        pictures = [browser.picture()]
        browser.wait(lambda: changed(pictures, browser.picture()) < 5, "a 3-D picture that stays as it is")
        assert len(np.unique(pictures[-1].reshape(-1, 3), axis=0)) > 100, "a robot on a floor, not a plain colour"
        console.publish(snapshot(3, joint_pos=ARMS_UP))
        browser.wait(lambda: changed(pictures[-1:], browser.picture()) > 15, "the robot with its arms raised")
        assert not browser.errors


@pytest.mark.parametrize(
    ("mode", "stopped", "fault", "label"),
    [
        ("run", "", "", "RUN"),
        ("run", "the console", "", "STOPPED"),
        ("run", "", "leg: too hot", "FAULT · RUN"),
        ("settle", "stop", "fall", "FAULT · SETTLE"),
        ("damp", "", "", "DAMP"),
        ("passive", "", "", "PASSIVE"),
    ],
)
def test_only_a_robot_that_runs_is_green(mode, stopped, fault, label):
    shown = dataclasses.replace(snapshot(mode=mode), stopped=stopped, fault=fault)
    assert page.headline(shown)[0] == label and (page.headline(shown)[1] == page.COLOURS["run"]) is (label == "RUN")
    text = page.status(shown)
    assert label in text and (fault or stopped) in text


def test_the_newest_event_is_on_top():
    text = page.log(dataclasses.replace(snapshot(), log=("first", "second")))
    assert text.index("second") < text.index("first")


def test_bodies_follow_the_snapshot(console):
    raised = MODEL.default.copy()
    raised[MODEL.index("arm_left_shoulder_pitch_joint")] = -1.5
    hand = console._model.body("arm_left_hand_link").id
    heights = []
    for count, joint_pos in enumerate((MODEL.default, raised)):
        console.publish(snapshot(10 + count, joint_pos=joint_pos))
        end = time.monotonic() + 30.0
        while not np.allclose(console._data.qpos[7:], joint_pos) and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.2)
        heights.append(float(console._frames[hand].position[2]))
    assert heights[1] > heights[0] + 0.15


def test_a_taken_port_is_an_error(console):
    port = int(console.address.split("/")[2].rsplit(":", 1)[1])
    with pytest.raises(ConfigError, match=rf"cannot listen on 127.0.0.1:{port}: .*; choose another with --port"):
        WebConsole(MODEL, port=port)


def test_broken_readings_leave_the_page_alive(console):
    console.publish(snapshot(4, joint_pos=np.full(MODEL.n, np.nan)))
    time.sleep(0.2)
    console.publish(snapshot(5))
    time.sleep(0.2)
    assert console._thread.is_alive()
    assert math.isclose(float(np.asarray(console._data.qpos[9])), MODEL.default[2])
