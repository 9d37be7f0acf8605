"""Nobody drives the robot through the web page who was not given its address: raw clients, and a hostile page in a browser."""

from tests.needs import needs

pytestmark = needs("viewer", "viser", "msgpack", "websockets")

import base64
import functools
import http.client
import http.server
import json
import logging
import socket
import threading
import time

import msgpack
import pytest
import viser
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

import deploy.console.request_guard as guard_module
from arbiter.errors import ConfigError
from deploy.console.request_guard import name_of
from deploy.console.web import WebConsole
from deploy.observers.show import Screen
from deploy.robots.description import load_model
from tests.sim.console_browser import Browser, find
from tests.sim.rig import SimRun

PROTOCOL = f"viser-v{viser.__version__}"
CAMERA = {
    "type": "ViewerCameraMessage",
    "wxyz": [1.0, 0.0, 0.0, 0.0],
    "position": [1.0, 0.0, 0.0],
    "fov": 1.0,
    "near": 0.1,
    "far": 10.0,
    "image_height": 100,
    "image_width": 100,
    "look_at": [0.0, 0.0, 0.0],
    "up_direction": [0.0, 0.0, 1.0],
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def order(console: WebConsole, *labels: str, text: str = "walk forward") -> list[bytes]:
    """What viser's own page sends when somebody types `text` and presses the buttons `labels`."""
    handles = {handle._impl.props.label: handle for handle in console._server.gui._gui_input_handle_from_uuid.values()}
    updates = [(handles["Say"], text), *((handles[label], True) for label in labels)]
    return [
        msgpack.packb(value)
        for value in (
            CAMERA,
            *({"type": "GuiUpdateMessage", "uuid": handle._impl.uuid, "updates": {"value": value}} for handle, value in updates),
        )
    ]


def events(console: WebConsole, seconds: float = 5.0) -> list:
    """What the page asked for; as soon as it asked for something."""
    found, end = [], time.monotonic() + seconds
    while not found and time.monotonic() < end:
        time.sleep(0.05)
        found = console.poll()
    return found


@pytest.fixture(scope="module")
def console():
    made = WebConsole(load_model(), port=free_port())
    yield made
    made.close()


def send(console: WebConsole, address: str, origin: str | None, messages: list[bytes], **headers: str) -> None:
    with connect(address, origin=origin, subprotocols=[PROTOCOL], additional_headers=headers, max_size=None) as client:
        for message in messages:
            client.send(message)
        client.recv(timeout=5)


def loud(records):
    """What a log shows that nobody has set up; another test may have asked for more."""
    return [record for record in records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    "request_text",
    [
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\n\r\nstop",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 70000\r\n\r\n" + 70000 * b"x",
        b"HEAD / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
        b"\x16\x03\x01\x02\x00\r\n\r\n",
        b"GET " + 20000 * b"a" + b" HTTP/1.1\r\n\r\n",
    ],
    ids=["post", "long post", "head", "http 1.0", "body", "tls", "long line"],
)
def test_what_is_no_request_for_a_page_gets_one_clean_answer(console, caplog, capfd, request_text):
    with socket.create_connection(("127.0.0.1", console._server.get_port()), 5.0) as client:
        client.sendall(request_text)
        answer = client.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n") and answer.count(b"HTTP/1.1") == 1
    assert answer.endswith(b"refused: only GET and websockets are answered here\n")
    time.sleep(0.1)
    assert not loud(caplog.records) and "Traceback" not in "".join(capfd.readouterr())


def test_a_broken_websocket_and_a_port_scan_leave_no_traceback(console, caplog, capfd):
    root = console.address.split("/")[2]
    with socket.create_connection(("127.0.0.1", console._server.get_port()), 5.0):
        pass
    with socket.create_connection(("127.0.0.1", console._server.get_port()), 5.0) as client:
        head = f"GET /{console._guard.token} HTTP/1.1\r\nHost: {root}\r\nOrigin: http://{root}\r\nUpgrade: websocket\r\n\r\n"
        client.sendall(head.encode())
        assert client.recv(4096).startswith(b"HTTP/1.1 4")
    time.sleep(0.3)
    assert not loud(caplog.records) and "Traceback" not in "".join(capfd.readouterr())


def test_the_address_holds_a_secret(console):
    root, port, token, end = console.address.replace("//", "").replace(":", "/").split("/")[1:]
    assert (root, end) == ("127.0.0.1", "") and port.isdigit() and len(token) >= 40
    other = WebConsole(load_model(), port=free_port())
    other.close()
    assert token not in other.address, "each run has its own"


@pytest.mark.parametrize("label", ["STOP", "DAMP", "Reset after a fault", "Send"])
def test_who_knows_the_address_may_do_everything(console, label):
    root = console.address.split("/")[2]
    send(console, f"ws://{root}/{console._guard.token}", f"http://{root}", order(console, label))
    assert events(console) == [{"STOP": ("stop",), "DAMP": ("damp",), "Send": ("say", "walk forward")}.get(label, ("reset",))]


@pytest.mark.parametrize(
    ("path", "origin", "host", "reason"),
    [
        ("", "http://{root}", None, "the address holds a secret"),
        ("wrong", "http://{root}", None, "the address holds a secret"),
        ("?token={token}", "http://{root}", None, "the address holds a secret"),
        ("x/{token}", "http://{root}", None, "the address holds a secret"),
        ("%00{token}", "http://{root}", None, "the address holds a secret"),
        ("{token}", None, None, "a websocket without an Origin"),
        ("{token}", "null", None, "a page of another origin"),
        ("{token}", "http://evil.example", None, "a page of another origin"),
        ("{token}", "http://127.0.0.1:1", None, "a page of another origin"),
        ("{token}", "https://{root}", None, "a page of another origin"),
        ("{token}", "http://{root}.evil.example", None, "a page of another origin"),
        ("{token}", "http://evil.example", "evil.example", "the Host header must be one of"),
        ("{token}", "http://{root}", "127.0.0.1.evil.example", "the Host header must be one of"),
        ("{token}", "http://", "", "the Host header must be one of"),
    ],
)
def test_raw_clients_are_refused(console, path, origin, host, reason):
    root, token = console.address.split("/")[2], console._guard.token
    headers = {} if host is None else {"Host": host}
    client = RawClient(int(root.split(":")[1]))
    told = client.upgrade("/" + path.format(token=token), origin and origin.format(root=root), headers.get("Host", root))
    assert told.startswith("HTTP/1.1 403") and reason in told
    assert token not in told.partition("\r\n\r\n")[2] and not console.poll()


class RawClient:
    """Sends a websocket's first request, whatever stands in it."""

    def __init__(self, port: int) -> None:
        self.port = port

    def upgrade(self, path: str, origin: str | None, host: str) -> str:
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Protocol: {PROTOCOL}",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ]
        lines += [] if origin is None else [f"Origin: {origin}"]
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as link:
            link.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
            answer = b""
            while block := link.recv(65536):
                answer += block
        return answer.decode()


def test_the_page_itself_is_behind_the_secret_and_sends_it_nowhere(console):
    root, token = console.address.split("/")[2], console._guard.token

    def get(path: str, **headers: str):
        link = http.client.HTTPConnection(root, timeout=10)
        link.request("GET", path, headers=headers)
        answer = link.getresponse()
        return answer, answer.read()

    for path, headers in (
        ("/", {}),
        ("/index.html", {}),
        (f"/{token}/", {"Host": "evil.example"}),
        (f"/{token}/", {"Origin": "http://evil.example"}),
    ):
        answer, body = get(path, **headers)
        assert answer.status == 403 and body.startswith(b"refused: ") and b"<" not in body
    answer, body = get(f"/{token}/")
    assert answer.status == 200 and len(body) > 10_000
    assert answer.headers["Referrer-Policy"] == "no-referrer" and answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Frame-Options"] == "DENY" and "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert get(f"/{token}/../../../../etc/passwd")[0].status == 404


def test_a_viser_that_does_not_ask_the_guard_is_not_used(monkeypatch):
    """As if a newer one started its server in another way."""
    import contextlib

    monkeypatch.setattr(guard_module, "guarding", lambda guard: contextlib.nullcontext())
    port = free_port()
    with pytest.raises(ConfigError, match="answers without the secret"):
        WebConsole(load_model(), port=port)
    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", port), timeout=2):
        pass


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("127.0.0.1:8080", "127.0.0.1"),
        ("LOCALHOST", "localhost"),
        ("[::1]:1", "[::1]"),
        ("[::1]", "[::1]"),
        ("a:b", "a:b"),
        ("", ""),
        ("localhost:٣", "localhost:٣"),
    ],
)
def test_name_of_a_host_header(header, name):
    assert name_of(header) == name


HOSTILE = """<!doctype html><title>waiting</title><script>
const targets = %s, protocol = %s, messages = %s.map(text => Uint8Array.from(atob(text), c => c.charCodeAt(0)));
const socket = address => new Promise(done => {
  const link = new WebSocket(address, protocol);
  link.onopen = () => { messages.forEach(message => link.send(message)); setTimeout(() => done('opened'), 1000); };
  link.onerror = () => done('refused');
});
const page = address => fetch(address, {credentials: 'include'}).then(answer => answer.status, () => 'refused');
const blind = address => fetch(address, {method: 'POST', mode: 'no-cors', body: 'walk forward'}).catch(() => 'refused');
const frame = address => new Promise(done => {
  const box = document.body.appendChild(document.createElement('iframe'));
  box.onload = () => { try { done(box.contentDocument ? 'seen' : 'blind'); } catch { done('blind'); } };
  box.src = address;
});
onload = async () => {
  const found = {};
  for (const target of targets) {
    found['ws ' + target] = await socket('ws://' + target);
    found['get ' + target] = await page('http://' + target);
    await blind('http://' + target);
    found['frame ' + target] = await frame('http://' + target);
  }
  document.title = JSON.stringify(found);
};
</script>"""


class Hostile(http.server.BaseHTTPRequestHandler):
    """Serves one page, whatever is asked for."""

    def __init__(self, page: str, *args) -> None:
        self._page = page
        super().__init__(*args)

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self._page.encode())

    def log_message(self, *_) -> None:
        """Quiet."""


@pytest.mark.timeout(1500)
@pytest.mark.skipif(find() is None, reason="chromium is not installed (Debian: apt-get install chromium)")
def test_a_hostile_page_in_a_real_browser_does_not_move_the_robot(tmp_path):
    """It even knows the secret, viser's protocol and the name of every button; only its origin is not the page's. Judged by
    where the robot stands in simulation; then the page itself shows that the same messages move it."""
    port = free_port()
    with SimRun(seed=3) as run:
        screen = Screen("web", run.assembly, port)
        try:
            run.session.observers.append(screen)
            run.session.sources.append(screen)
            console = screen._console
            token, messages = console._guard.token, order(console, "Send")
            targets = [
                f"{name}:{port}/{path}" for name in ("127.0.0.1", "localhost", "evil.example") for path in ("", f"{token}/")
            ]
            page = HOSTILE % (
                json.dumps(targets),
                json.dumps(PROTOCOL),
                json.dumps([base64.b64encode(message).decode() for message in messages]),
            )
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Hostile, page))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            start = run.mark()
            try:
                with Browser(
                    find(),
                    tmp_path,
                    f"http://evil.example:{server.server_port}/",
                    extra=("--host-resolver-rules=MAP evil.example 127.0.0.1",),
                ) as browser:

                    def attacked() -> bool:
                        run.wait(0.2)
                        return browser.js("document.title") not in (None, "", "waiting")

                    browser.wait(attacked, "the end of the attack")
                    found = json.loads(browser.js("document.title"))
            finally:
                server.shutdown()
                server.server_close()
            run.wait(4.0)
            assert len(found) == 18
            assert {what: got for what, got in found.items() if got not in ("refused", "blind", 403)} == {}
            assert not run.arbiter.executor.log and abs(run.path(start)[:2]).max() < 0.05
            root, start = f"127.0.0.1:{port}", run.mark()
            send(console, f"ws://{root}/{token}", f"http://{root}", messages)
            run.wait(4.0)
            assert run.path(start)[0] > 0.2, "the same messages from the page's own origin make it walk"
        finally:
            screen.close()


def test_a_client_of_another_kind_is_told_why(console):
    with pytest.raises(InvalidStatus) as error:
        send(console, console.address.replace("http", "ws"), "http://evil.example", [])
    assert error.value.response.status_code == 403
