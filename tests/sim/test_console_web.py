"""The web page in a real headless Chromium."""

import io
import math
import socket
import time

import numpy as np
import pytest

from arbiter.errors import ConfigError
from arbiter.skill import Route, SkillCall
from deploy.console import Snapshot
from deploy.robots.description import load_model
from tests.sim.console_browser import Browser, find

viser = pytest.importorskip("viser", reason="needs viser: uv sync --extra viewer")
pytest.importorskip("PIL", reason="needs Pillow: uv sync --extra viewer")
from deploy.console.web import WebConsole  # noqa: E402

MODEL = load_model()
SCENE = 480  # [pixels] from the left that belong to the 3-D picture and not to the panel


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def snapshot(count: int = 0, mode: str = "run", joint_pos=None) -> Snapshot:
    call = SkillCall("wave_right", {"count": 3.0}, score=0.93, margin=0.41)
    route = Route("wave <i>your</i> right hand", "accepted", ((call,),), ms=3.2)
    return Snapshot(
        time=0.1 * count, joint_pos=MODEL.default if joint_pos is None else joint_pos, base_pos=np.zeros(3),
        base_quat=np.array((1.0, 0.0, 0.0, 0.0)), mode=mode, branch=("root", "instruction", "run_skill"),
        owners=(("legs", "locomotion"), ("arms", "chunk")), instruction="wave <i>your</i> right hand", route=route,
        log=("routed: wave_right",))


def poll(console: WebConsole, browser: Browser) -> list:
    found: list = []
    browser.wait(lambda: found.extend(console.poll()) or found, "an event from the page")
    return found


def picture(browser: Browser) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(browser.screenshot())).convert("RGB")).astype(int)


def orange(image: np.ndarray) -> int:
    """Pixels of the robot's rings in the 3-D part of the page."""
    scene = image[:, :SCENE]
    return int(((scene[..., 0] > 150) & (scene[..., 2] < 90) & (scene[..., 1] < 180)).sum())


def changed(before: np.ndarray, after: np.ndarray) -> int:
    """Pixels that differ in the 3-D part of the page."""
    return int((np.abs(after - before).max(axis=2) > 40)[:, :SCENE].sum())


def settled(browser: Browser) -> np.ndarray:
    """A picture that is the same as the one before it."""
    last: list[np.ndarray] = [picture(browser)]

    def still() -> bool:
        last.append(picture(browser))
        return changed(last[-2], last[-1]) == 0

    browser.wait(still, "a still picture")
    return last[-1]


@pytest.fixture(scope="module")
def console():
    console = WebConsole(MODEL, port=free_port())
    yield console
    console.close()


@pytest.mark.timeout(600)
@pytest.mark.skipif(find() is None, reason="chromium is not installed (Debian: apt-get install chromium)")
def test_page_in_a_real_browser(console, tmp_path):
    console.publish(snapshot(1))
    with Browser(find(), tmp_path, console.address) as browser:
        for words in ("wave_right", "locomotion", "chunk", "run_skill", "accepted", "0.93", "0.41", "routed: wave_right"):
            browser.wait(lambda words=words: words in browser.text(), f"{words!r} on the page")
        assert "wave <i>your</i> right hand" in browser.text(), "words from outside must be escaped"

        browser.type("walk forward")
        assert poll(console, browser) == [("say", "walk forward")]
        browser.click("STOP")
        assert poll(console, browser) == [("stop",)]
        browser.click("Reset after a fault")
        assert poll(console, browser) == [("reset",)]

        console.publish(snapshot(2, mode="damp"))
        browser.wait(lambda: "DAMP" in browser.text(), "the new mode")

        browser.wait(lambda: orange(picture(browser)) > 30, "the robot's orange in the picture")
        before = settled(browser)
        raised = MODEL.default.copy()
        raised[[0, 5]] = (-1.5, 1.5)
        console.publish(snapshot(3, joint_pos=raised))
        browser.wait(lambda: changed(before, picture(browser)) > 100, "raised arms in the picture")
        assert not browser.errors


def test_a_taken_port_is_an_error(console):
    port = int(console.address.rsplit(":", 1)[1])
    with pytest.raises(ConfigError, match=rf"cannot listen on 127.0.0.1:{port}: .*; choose another with --port"):
        WebConsole(MODEL, port=port)


def test_broken_readings_leave_the_page_alive(console):
    console.publish(snapshot(4, joint_pos=np.full(MODEL.n, np.nan)))
    time.sleep(0.2)
    console.publish(snapshot(5))
    time.sleep(0.2)
    assert console._thread.is_alive()
    assert math.isclose(float(np.asarray(console._data.qpos[9])), MODEL.default[2])
