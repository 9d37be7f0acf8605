"""A headless Chromium, driven over its DevTools protocol."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path

import numpy as np

# Two frames later, in the same task as the drawing, because the drawing buffer is empty after it.
PICTURE = """new Promise(done => {
  const all = [...document.querySelectorAll('canvas')].sort((a, b) => b.width * b.height - a.width * a.height);
  if (!all.length || all[0].width * all[0].height < 10000) { done(''); return; }
  const small = Object.assign(document.createElement('canvas'), {width: %d, height: %d});
  const pen = small.getContext('2d', {willReadFrequently: true});
  requestAnimationFrame(() => requestAnimationFrame(() => {
    pen.drawImage(all[0], 0, 0, small.width, small.height);
    done(btoa(String.fromCharCode(...pen.getImageData(0, 0, small.width, small.height).data)));
  }));
})"""
NAMES = ("chromium", "chromium-browser", "google-chrome")


def find() -> str | None:
    """Path of an installed Chromium, None if there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page. A context manager."""

    def __init__(self, binary: str, profile: Path, address: str, patience: float = 240.0, extra: tuple[str, ...] = ()) -> None:
        from websockets.sync.client import connect

        self._patience = patience
        self._process = subprocess.Popen(
            [
                binary,
                "--headless=new",
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--use-angle=swiftshader",
                "--enable-unsafe-swiftshader",
                "--window-size=720,400",
                "--remote-debugging-port=0",
                f"--user-data-dir={profile}",
                *extra,
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            port_file = profile / "DevToolsActivePort"
            self.wait(lambda: port_file.is_file() and len(port_file.read_text().splitlines()) == 2, "chromium's port")
            port = port_file.read_text().splitlines()[0]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=patience) as answer:
                page = next(target for target in json.load(answer) if target["type"] == "page")
            self._socket = connect(page["webSocketDebuggerUrl"], max_size=None, open_timeout=patience)
            self._count = 0
            self.errors: list[str] = []
            self.call("Runtime.enable")
            self.call("Page.enable")
            self.call("Page.navigate", url=address)
        except BaseException:
            self._process.kill()
            raise

    def call(self, method: str, **params) -> dict:
        """One command; its result."""
        self._count += 1
        self._socket.send(json.dumps({"id": self._count, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(timeout=self._patience))
            if message.get("method") == "Runtime.exceptionThrown":
                self.errors.append(json.dumps(message["params"]["exceptionDetails"])[:400])
            if message.get("id") == self._count:
                assert "error" not in message, message
                return message["result"]

    def js(self, expression: str):
        """The value of a JavaScript expression on the page; a promise is awaited."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)["result"].get("value")

    def picture(self, width: int = 120, height: int = 80) -> np.ndarray | None:
        """What the page's largest canvas shows, scaled down: uint8, shape (height, width, 3); None while it shows nothing.

        Taken from the canvas right after it was drawn: a screenshot costs software WebGL half a minute.
        """
        pixels = self.js(PICTURE % (width, height))
        if not pixels:
            return None
        image = np.frombuffer(base64.b64decode(pixels), np.uint8).reshape(height, width, 4)
        return image[..., :3] if image[..., 3].any() else None

    def text(self) -> str:
        """All text that is seen on the page."""
        return self.js("document.body.innerText") or ""

    def click(self, label: str) -> None:
        """A real click in the middle of the button that says `label`."""
        find = f"[...document.querySelectorAll('button')].find(b => b.innerText.trim() === {json.dumps(label)})"
        spot = (
            f"(() => {{ const b = {find}; if (!b) return null; b.scrollIntoView(); "
            "const r = b.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        self.wait(lambda: self.js(spot) is not None, f"a button {label!r}")
        x, y = self.js(spot)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def type(self, text: str) -> None:
        """Types into the text box of the form and presses Enter."""
        box = "[...document.querySelectorAll('form input')].find(i => i.type === 'text' && i.offsetParent !== null)"
        self.wait(lambda: self.js(f"{box} !== undefined"), "a text box")
        self.js(f"{box}.focus()")
        self.call("Input.insertText", text=text)
        self.wait(lambda: self.js(f"{box}.value") == text, "the typed text")
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13, text="\r")

    def wait(self, condition, what: str) -> None:
        """Until `condition` holds; fails by name when patience ends."""
        end = time.monotonic() + self._patience
        while not condition():
            assert time.monotonic() < end, f"waited {self._patience:g} s for {what}"
            time.sleep(0.2)

    def close(self) -> None:
        self._socket.close()
        self._process.terminate()
        try:
            self._process.wait(10.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_) -> None:
        self.close()
