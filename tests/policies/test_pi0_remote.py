"""The openpi protocol: server and client of this project, and servers that misbehave."""

from tests.needs import needs

pytestmark = needs("robot", "msgpack", "websockets")

import dataclasses
import signal
import socket as sockets
import subprocess
import sys
import threading
import time

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.sync.server import serve

from arbiter.errors import ConfigError, PolicyError
from deploy.robots.description import load_model
from deploy.serve import PolicyServer
from policies.chunk.address import checked_address
from policies.chunk.backends import wire
from policies.chunk.backends.openpi import Connection, OpenPiBackend
from policies.registry import ChunkConfig, PolicyContext, open_backend
from tests.openpi_rig import JOINTS, Backend, observation, running


@pytest.fixture
def server():
    made = running(PolicyServer(Backend(), port=0))
    yield made
    made.close()


@pytest.fixture
def rude():
    """A server that answers what `answer(number of the question)` returns."""
    made = []

    def start(answer, hello=None):
        def client(socket):
            socket.send(hello if hello is not None else wire.pack({"joints": list(JOINTS), "horizon": 5}))
            for number, _ in enumerate(socket):
                value = answer(number)
                if value is None:
                    return
                socket.send(value)

        one = running(serve(client, "127.0.0.1", 0))
        made.append(one)
        return f"ws://127.0.0.1:{one.socket.getsockname()[1]}"

    yield start
    for one in made:
        one.shutdown()


def test_chunk_over_the_wire(server):
    backend = OpenPiBackend(f"127.0.0.1:{server.port}")
    try:
        assert backend.joints == JOINTS and backend.horizon == 5 and backend.supports_rtc
        rows = backend.predict(observation(), "wave", previous=np.ones((3, 2)), delay_steps=2, seed=4)
        np.testing.assert_allclose(rows, 4.5)
        seen, prompt, previous, delay, seed = server._backend.seen
        assert prompt == "wave" and previous.shape == (3, 2) and (delay, seed) == (2, 4)
        assert seen.image.dtype == np.uint8 and (seen.image == 7).all()
    finally:
        backend.close()
        backend.close()


GOOD = wire.pack({"actions": np.zeros((5, 2), np.float32)})


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"\xc1", "not a msgpack message"),
        (wire.pack({"x": 1}), "`actions` is NoneType"),
        (wire.pack({"actions": np.zeros((4, 2), np.float32)}), r"shape \(4, 2\); 5 or more rows of 2 joints"),
        (wire.pack({"actions": np.zeros((5, 1), np.float32)}), r"shape \(5, 1\)"),
        (wire.pack({"actions": np.zeros((5, 32), np.float32)}), r"shape \(5, 32\); 5 or more rows of 2 joints"),
        (wire.pack({"actions": np.zeros((5, 2), np.int32)}), "int32"),
        (wire.pack({"actions": np.full((5, 2), np.inf, np.float32)}), "not finite"),
        ("Traceback\nValueError: out of memory", "its inference failed: ValueError: out of memory"),
    ],
)
def test_client_refuses_bad_answers_and_goes_on(rude, answer, text):
    backend = OpenPiBackend(rude(lambda number: answer if number == 0 else GOOD), retry=0.05)
    try:
        with pytest.raises(PolicyError, match=text):
            backend.predict(observation(), "wave")
        assert backend._connection.wait(5.0)
    finally:
        backend.close()


def test_silent_server_times_out_and_is_reconnected(rude):
    release = threading.Event()
    backend = OpenPiBackend(rude(lambda number: release.wait(10) and GOOD), timeout=0.2, retry=0.05)
    try:
        with pytest.raises(PolicyError, match="no answer within 0.2 s"):
            backend.predict(observation(), "wave")
        release.set()
        assert backend._connection.wait(5.0), "the thread opens a new connection"
        assert backend.predict(observation(), "wave").shape == (5, 2)
    finally:
        backend.close()


def test_lost_server_comes_back(server):
    backend = OpenPiBackend(f"127.0.0.1:{server.port}", retry=0.05, timeout=0.5)
    port = server.port
    server.close()
    backend._connection.drop("pulled")
    with pytest.raises(PolicyError, match="no connection|connection lost"):
        backend.predict(observation(), "wave")
    again = running(PolicyServer(Backend(), port=port))
    try:
        end = time.monotonic() + 10
        while not backend._connection.wait(0.1) and time.monotonic() < end:
            pass
        assert backend.predict(observation(), "wave").shape == (5, 2)
    finally:
        backend.close()
        again.close()


def test_absent_server_and_server_without_joints(rude):
    with pytest.raises(ConfigError, match="not reached within 0.3 s .*python -m deploy.serve CHECKPOINT"):
        OpenPiBackend("ws://127.0.0.1:9", wait=0.3, retry=0.05)
    with pytest.raises(ConfigError, match="does not name its joints; give `joints`"):
        OpenPiBackend(rude(lambda number: GOOD, hello=wire.pack({})))


def test_blind_client_does_not_ask(server):
    backend = OpenPiBackend(f"127.0.0.1:{server.port}")
    with pytest.raises(PolicyError, match="no picture of the head camera"):
        backend.predict(observation(image=False), "wave")
    backend.close()


@pytest.mark.parametrize(
    ("address", "options", "text"),
    [
        ("ws://host:99999", {}, "not an address"),
        ("ftp://host:8000", {}, "ftp:// cannot be connected to; ws://host:8000 or wss://host:8000 is expected"),
        ("ws://host:abc", {}, "not an address"),
        ("ws://[::1", {}, "not an address"),
        ("http:/host", {}, "π0 server http:/host: http:// cannot be connected to; ws://host:8000"),
        ("http://", {}, "http:// cannot be connected to"),
        ("https:// x", {}, "https:// cannot be connected to"),
        ("ws:/host:8000", {}, r"not an address \(ws:// is expected at its beginning, not ws:/\)"),
        ("ws:// x", {}, r"not an address \(it holds a space or a control character\)"),
        ("ws://ho\nst", {}, r"π0 server 'ws://ho\\nst': not an address"),
        ("", {}, r"not an address \(it names no host\)"),
        ("ws://host:", {}, r"not an address \(it has a colon and no port\)"),
        ("host:0", {}, r"not an address \(its port is no number from 1 to 65535\)"),
        ("ws//host", {}, r"not an address \(ws:// is expected at its beginning, not ws//\)"),
        ("C:/x", {}, r"not an address \(it is a path of a file\)"),
        ("ws://host/#x", {}, "no server reads what stands behind #"),
        ("ws://user@host", {}, "a user without a password"),
        ("host", {"timeout": 0.0}, "timeout is 0.0; a positive number"),
        ("host", {"wait": float("nan")}, "wait is nan; a positive"),
        ("host", {"keys": "abcd"}, "keys is 'abcd'; a mapping of state, positions, velocities, image, prompt, actions"),
        ("host", {"keys": {"images": "x"}}, "keys has 'images'; did you mean 'image'"),
        ("host", {"keys": {"actions": ""}}, "keys.actions is ''; the server's name for it"),
        ("host", {"keys": {"image": "a", "state": "a > b"}}, "keys says 'a>b' twice"),
        ("host", {"layout": "whc"}, "layout is 'whc'; hwc or chw"),
    ],
)
def test_what_cannot_be_reached_is_refused_at_once(address, options, text):
    with pytest.raises(ConfigError, match=text):
        OpenPiBackend(address, **options)


@pytest.mark.parametrize("rest", ["host:99999", "host:abc", "[::1", "ho st", "host/#x", "host:", "host:0"])
def test_an_error_never_shows_the_password(rest):
    for scheme in ("ws://", "ftp://", "ws:/", "ws//", ""):
        for secret in ("secret", "se@cret", "se:cret", "se/cret"):
            with pytest.raises(ConfigError) as error:
                checked_address(f"{scheme}user:{secret}@{rest}")
            assert "cret" not in str(error.value) and "user:***@" in str(error.value)


def test_a_server_that_does_not_answer_is_told_without_the_password():
    with pytest.raises(ConfigError, match=r"π0 server ws://user:\*\*\*@127.0.0.1:1: not reached") as error:
        OpenPiBackend("ws://user:secret@127.0.0.1:1", wait=0.1)
    assert "secret" not in str(error.value)


def test_schemes_ignore_case():
    assert checked_address("WS://Host:8000/Path") == "ws://Host:8000/Path" and checked_address("Wss://h") == "wss://h"


@pytest.mark.parametrize("address", ["host", "host:8000", "ws://[::1]:8000", "wss://user:secret@host/path?query"])
def test_an_address_gets_the_scheme_that_it_lacks(address):
    assert checked_address(address) == (address if "://" in address else f"ws://{address}")


@pytest.mark.parametrize(
    ("hello", "text"),
    [
        ({"joints": 5}, "its joints are 5; a list of names"),
        ({"joints": ["a", 3]}, r"its joints are \['a', 3\]"),
        ({"joints": ["a"], "rate_hz": "fast"}, "rate_hz is 'fast'"),
        ({"joints": ["a"], "rate_hz": float("nan")}, "rate_hz is nan"),
        ({"joints": ["a"], "horizon": -3}, "horizon is -3; 2 to 10000 rows"),
    ],
)
def test_a_server_that_says_nonsense_of_itself_is_refused(rude, hello, text):
    address = rude(lambda number: GOOD, hello=wire.pack(hello))
    with pytest.raises(ConfigError, match=text):
        OpenPiBackend(address)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("openpi")]


def test_a_tree_file_says_whose_joints_a_server_drives(rude):
    address, model = rude(lambda number: GOOD, hello=wire.pack({})), load_model()
    with pytest.raises(ConfigError, match="`joints: robot` says that it is the robot's"):
        open_backend(ChunkConfig("chunk", "pi0", address, {"kind": "openpi"}), PolicyContext(model))
    with pytest.raises(ConfigError, match="joints is 'a,b'; `robot` .*, one of its groups .*, or names"):
        open_backend(ChunkConfig("chunk", "pi0", address, {"kind": "openpi", "joints": "a,b"}), PolicyContext(model))
    with pytest.raises(ConfigError, match="API key file .*none: cannot be read"):
        open_backend(ChunkConfig("chunk", "pi0", address, {"kind": "openpi", "api_key_file": "none"}), PolicyContext(model))
    backend = open_backend(ChunkConfig("chunk", "pi0", address, {"kind": "openpi", "joints": "robot"}), PolicyContext(model))
    assert backend.joints == model.joints
    backend.close()


def test_a_server_that_does_not_greet_costs_one_connection_at_a_time():
    silence = threading.Event()
    one = running(serve(lambda socket: silence.wait(20), "127.0.0.1", 0))
    before = threading.active_count()
    connection = Connection(f"ws://127.0.0.1:{one.socket.getsockname()[1]}", timeout=0.05, retry=0.01, key="")
    time.sleep(1.0)
    connection.close()
    silence.set()
    one.shutdown()
    end = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.05)
    assert threading.active_count() <= before


BAD = [wire.pack({"a": np.zeros(2)}).replace(b"<f8", dtype) for dtype in (b",  ", b"|O8", b"f4,", b"<V8", b"<U1", b"???")]
BAD += [
    b"",
    b"\xc1",
    b"\x91" * 2000 + b"\x01",
    b"\xff" * 1000,
    wire.pack({"a": np.float32(1)}).replace(b"<f4", b"<c8"),
    "text",
    "\0",
    msgpack.packb([1, 2]),
    msgpack.packb({b"__ndarray__": True}),
    msgpack.packb({(): 1, b"x": b"y"}),
    msgpack.packb({b"__ndarray__": True, b"data": b"", b"dtype": "<f8", b"shape": [0, 64_000_000, 64_000_000, 64_000_000]}),
    msgpack.packb({b"__ndarray__": True, b"data": b"", b"dtype": "<f8", b"shape": [0] * 100}),
    msgpack.packb({b"__npgeneric__": True, b"data": {}, b"dtype": "<f8"}),
]


@pytest.mark.parametrize("hello", BAD)
def test_a_bad_hello_is_a_fault_and_another_attempt(rude, hello):
    """dtype "," ended the thread that connects, for ever."""
    address = rude(lambda number: GOOD, hello=hello)
    connection = Connection(address, timeout=1.0, retry=0.01, key="")
    try:
        end = time.monotonic() + 10.0
        while connection.problem == "not connected yet" and time.monotonic() < end:
            time.sleep(0.01)
        with pytest.raises(PolicyError, match="no connection .*(WireError|ConnectionClosed).*it keeps trying") as error:
            connection.ask({})
        assert len(str(error.value)) < 500
        port = int(address.rsplit(":", 1)[1])
        connection.address = address.replace(str(port), str(rude(lambda number: GOOD).rsplit(":", 1)[1]))
        assert connection.wait(10.0), "it goes on, and takes the next server"
    finally:
        connection.close()
    assert not connection._thread.is_alive()


@given(
    st.binary(max_size=200)
    | st.builds(
        lambda data, at, byte: data[:at] + bytes([byte]) + data[at + 1 :],
        st.just(wire.pack({"a": np.zeros((2, 2)), "b": np.float32(1)})),
        st.integers(0, 80),
        st.integers(0, 255),
    )
)
def test_bytes_are_a_message_or_a_wire_error(data):
    try:
        assert isinstance(wire.unpack(data), dict)
    except wire.WireError as error:
        assert len(str(error)) < 400


@pytest.mark.parametrize("other", [{"joints": ["b", "a"]}, {"horizon": 6}, {"rate_hz": 25.0}, {"joints": 7}, {"horizon": "5"}])
def test_another_server_in_the_place_of_the_first_is_not_asked(rude, other):
    first = {"joints": list(JOINTS), "horizon": 5}
    backend = OpenPiBackend(rude(lambda number: GOOD, hello=wire.pack(first)), retry=0.01, timeout=1.0)
    try:
        backend._connection.address = rude(lambda number: GOOD, hello=wire.pack(first | other))
        backend._connection.drop("pulled")
        end = time.monotonic() + 10.0
        while "ConfigError" not in backend._connection.problem and time.monotonic() < end:
            time.sleep(0.01)
        with pytest.raises(PolicyError, match="no connection .*(not those of the server before it|its joints|horizon is)"):
            backend.predict(observation(), "wave")
    finally:
        backend.close()


def test_attempts_to_connect_grow_apart():
    """Counted by a port that hangs up at once."""
    with sockets.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        connection = Connection(f"ws://127.0.0.1:{listening.getsockname()[1]}", timeout=1.0, retry=0.02, key="")
        knocks, end = 0, time.monotonic() + 2.0
        while time.monotonic() < end:
            try:
                listening.accept()[0].close()
                knocks += 1
            except TimeoutError:
                pass
        connection.close()
    assert 2 <= knocks <= 10  # at an even pace about 80


def test_a_server_that_lets_an_idle_client_go_is_connected_to_again():
    made = running(PolicyServer(Backend(), port=0, idle=0.3))
    backend = OpenPiBackend(f"127.0.0.1:{made.port}", retry=0.05)
    try:
        first = backend._connection._socket
        end = time.monotonic() + 10.0
        while backend._connection._socket in (first, None) and time.monotonic() < end:
            time.sleep(0.02)
        assert backend.predict(observation(), "wave").shape == (5, 2), "nobody had to ask in vain for it"
    finally:
        backend.close()
        made.close()


STUCK = """
import sys
from tests.openpi_rig import Backend
from deploy.robots.description import load_model
from deploy.serve import PolicyServer
server = PolicyServer(Backend(), port=0)
print(server.port, flush=True)
server.serve_forever()
"""


def test_a_server_that_reads_nothing_holds_up_neither_the_question_nor_the_end():
    """The picture is larger than all buffers on the way."""
    process = subprocess.Popen([sys.executable, "-c", STUCK], stdout=subprocess.PIPE, text=True)
    try:
        backend = OpenPiBackend(f"127.0.0.1:{int(process.stdout.readline())}", timeout=0.5, retry=0.05)
        process.send_signal(signal.SIGSTOP)
        large = dataclasses.replace(observation(), image=np.zeros((3000, 4000, 3), np.uint8))
        caught = []

        def use():
            for _ in range(2):
                with pytest.raises(PolicyError, match="connection lost|no connection|no answer") as error:
                    backend.predict(large, "wave")
                caught.append(error)
            backend.close()

        thread = threading.Thread(target=use, daemon=True)
        thread.start()
        thread.join(20.0)
        assert not thread.is_alive() and len(caught) == 2
    finally:
        process.kill()
        process.wait()
