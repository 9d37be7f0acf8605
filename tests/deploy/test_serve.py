"""`deploy.serve`: garbage, keys, one-line errors, and its end."""

from tests.needs import needs

pytestmark = needs("robot", "msgpack", "websockets")

import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from arbiter.errors import ConfigError
from deploy.cli.command import in_one_line
from deploy.serve import PolicyServer, main
from policies.chunk.backends import wire
from policies.chunk.backends.api_key import VARIABLE, read_api_key
from policies.chunk.backends.openpi import OpenPiBackend
from tests.openpi_rig import JOINTS, Backend, observation, running


@pytest.fixture
def server():
    made = running(PolicyServer(Backend(), port=0))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (b"\xc1garbage", "not a msgpack message"),
        ("text", "text came instead"),
        (wire.pack({"observation/state": np.full(4, np.nan, np.float32), "prompt": "x"}), "4 finite numbers"),
        (wire.pack({"observation/state": np.zeros(3, np.float32), "prompt": "x"}), "4 finite numbers"),
        (wire.pack({"observation/state": np.zeros(4, np.float32), "prompt": 3}), "'prompt' must be a text"),
        (
            wire.pack({"observation/state": np.zeros(4, np.float32), "prompt": "x", "observation/image": np.zeros((2, 2))}),
            "'observation/image': the picture is float64 (2, 2)",
        ),
    ],
)
def test_server_refuses_garbage_and_lives(server, message, text):
    with connect(f"ws://127.0.0.1:{server.port}") as client:
        assert wire.unpack(client.recv())["joints"] == list(JOINTS)
        client.send(message)
        answer = client.recv(timeout=5)
        assert isinstance(answer, str) and text in answer
    backend = OpenPiBackend(f"127.0.0.1:{server.port}")
    assert backend.predict(observation(), "wave").shape == (5, 2)
    backend.close()


def test_api_key():
    made = running(PolicyServer(Backend(), port=0, api_key="s3cret"))
    try:
        with pytest.raises(ConfigError, match="not reached within .* 401"):
            OpenPiBackend(f"127.0.0.1:{made.port}", wait=0.8, retry=0.1)
        backend = OpenPiBackend(f"127.0.0.1:{made.port}", api_key="s3cret")
        assert backend.predict(observation(), "wave").shape == (5, 2)
        backend.close()
    finally:
        made.close()


def test_closing_lets_clients_go_and_answers_no_more(server):
    with connect(f"ws://127.0.0.1:{server.port}") as client:
        client.recv()
        server.close()
        with pytest.raises(ConnectionClosed):
            client.recv(timeout=5)


def test_the_command_says_in_one_line_what_is_wrong(server, tmp_path, capsys):
    def said(*arguments):
        assert in_one_line(lambda: main([str(argument) for argument in arguments])) == 2
        return capsys.readouterr().err

    assert said(tmp_path).startswith("error: ") and str(tmp_path) in said(tmp_path)
    assert "cannot listen there" in said("policies/weights/pi0_tiny", "--port", server.port)
    assert "choose another --port" in said("policies/weights/pi0_tiny", "--port", 123456)


def heed_interrupts():
    """A shell's background jobs, and so what they start, ignore them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupt_ends_the_server_although_a_client_is_there():
    command = [sys.executable, "-m", "deploy.serve", "policies/weights/pi0_tiny", "--port", "0"]
    for number in (signal.SIGINT, signal.SIGTERM):
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts)
        try:
            said = next(line for line in process.stderr if "ws://" in line)  # other libraries may log before it
            address = said.rsplit(" ", 1)[1].strip()
            with connect(address) as client:
                client.recv()
                process.send_signal(number)
                assert process.wait(30) == 0
        finally:
            process.kill()
            process.wait()
            process.stderr.close()


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:8000"])
def test_web_pages_are_not_served(server, origin):
    with pytest.raises(InvalidStatus, match="403"):
        connect(f"ws://127.0.0.1:{server.port}", origin=origin)


class CountingServer(PolicyServer):
    """Counts the connections that came, and how many of them it kept at most at once, each with its own few threads."""

    def _bounded(self, handler):
        self.came, self.kept, self.most, self.count = 0, 0, 0, threading.Lock()

        def kept(*connection):
            with self.count:
                self.kept += 1
                self.most = max(self.most, self.kept)
            try:
                handler(*connection)
            finally:
                with self.count:
                    self.kept -= 1

        bounded = super()._bounded(kept)

        def came(*connection):
            bounded(*connection)
            with self.count:
                self.came += 1

        return came


def test_idle_clients_have_a_limit_and_a_time_and_cost_few_threads():
    """200 idle clients made 1011 threads."""
    made, links = running(CountingServer(Backend(), port=0, clients=3, idle=4.0)), []
    try:
        clients = [connect(f"ws://127.0.0.1:{made.port}") for _ in range(3)]
        for client in clients:  # a client has its place when the server has greeted it, a moment after the handshake
            assert wire.unpack(client.recv(timeout=10))
        with pytest.raises(InvalidStatus, match="503"):
            connect(f"ws://127.0.0.1:{made.port}")
        links = [socket.create_connection(("127.0.0.1", made.port)) for _ in range(100)]
        deadline = time.monotonic() + 60.0
        while made.came < 80:  # those that were let go at once
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert made.most <= 2 * 3  # twice the clients
        for client in clients:
            with pytest.raises(ConnectionClosed, match="idle for 4 s"):
                client.recv(timeout=20)
    finally:
        for link in links:
            link.close()
        made.close()


def test_connections_that_say_nothing_do_not_fill_the_log(server, caplog):
    for data in (b"", b"GARBAGE\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", server.port)) as link:
            link.sendall(data)
            link.shutdown(socket.SHUT_WR)
            link.settimeout(5)
            while link.recv(1000):
                pass
    assert "Traceback" not in caplog.text and len(caplog.text) < 500


def test_a_place_is_free_again_when_its_client_has_gone():
    made = running(PolicyServer(Backend(), port=0, clients=1))
    try:
        for _ in range(5):
            backend = OpenPiBackend(f"127.0.0.1:{made.port}", retry=0.05)
            assert backend.predict(observation(), "wave").shape == (5, 2)
            backend.close()
    finally:
        made.close()


GOOD = {"observation/state": np.zeros(4, np.float32), "prompt": "x"}


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"prompt": "x" * 2001}, "has 2001 characters; at most 2000"),
        ({"observation/image": np.zeros((1, 5000, 3), np.uint8)}, "of 1 to 4096 pixels a side"),
        ({"observation/image": np.zeros((0, 5, 3), np.uint8)}, "the picture is uint8 (0, 5, 3)"),
        ({"seed": -1}, "'seed' is -1"),
        ({"seed": "5"}, "'seed' is '5'"),
        ({"seed": float("nan")}, "'seed' is nan"),
        ({"previous": np.zeros((3, 2), np.float32), "delay_steps": 4}, "'delay_steps' is 4; a whole number of 0 to 3"),
        ({"previous": np.full((3, 2), np.nan, np.float32)}, "'previous' must have 2 columns and 1 to 10000 rows of finite"),
        ({"previous": np.zeros((3, 2), np.int32)}, "'previous' must have"),
    ],
)
def test_what_is_too_large_or_of_another_type_is_refused_by_name(server, message, text):
    with connect(f"ws://127.0.0.1:{server.port}") as client:
        client.recv()
        client.send(wire.pack(GOOD | message))
        assert text in client.recv(timeout=5)


def test_a_message_of_20_mb_of_prompt_costs_the_client_its_connection(server):
    with connect(f"ws://127.0.0.1:{server.port}", max_size=None) as client:
        client.recv()
        client.send(wire.pack(GOOD | {"prompt": "x" * 20_000_000}))
        assert "has 20000000 characters" in client.recv(timeout=10)
    with connect(f"ws://127.0.0.1:{server.port}", max_size=None) as client:
        client.recv()
        with pytest.raises(ConnectionClosed):
            client.send(wire.pack(GOOD | {"prompt": "x" * 40_000_000}))
            client.recv(timeout=10)


def test_keys_come_from_a_file_or_the_environment(tmp_path, monkeypatch):
    file = tmp_path / "key"
    file.write_text("s3cret\n")
    assert read_api_key(file) == "s3cret" and read_api_key("", {VARIABLE: " other "}) == "other"
    assert read_api_key(file, {VARIABLE: "other"}) == "s3cret" and read_api_key("", {}) == ""
    for content, text in (
        (b"", "is empty"),
        (b"\xff", "holds no key"),
        (b"a b", "holds no key"),
        (b"a\r\nb: c", "holds no key"),
        (b"x" * 5000, "holds no key"),
    ):
        file.write_bytes(content)
        with pytest.raises(ConfigError, match=text) as error:
            read_api_key(file)
        assert len(str(error.value)) < 300
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_api_key(tmp_path / "none")


def test_a_client_takes_its_key_from_a_file_or_the_environment(tmp_path, monkeypatch):
    made = running(PolicyServer(Backend(), port=0, api_key="s3cret"))
    file = tmp_path / "key"
    file.write_text("s3cret\n")
    try:
        OpenPiBackend(f"127.0.0.1:{made.port}", api_key_file=file).close()
        monkeypatch.setenv(VARIABLE, "s3cret")
        OpenPiBackend(f"127.0.0.1:{made.port}").close()
    finally:
        made.close()


def test_no_key_on_the_command_line_and_no_open_port_without_one(capsys, tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    for arguments in (["--api-key", "s3cret"], ["--api-key=s3cret"]):
        with pytest.raises(SystemExit):
            main(["policies/weights/pi0_tiny", *arguments])
        told = capsys.readouterr().err
        assert "--api-key-file" in told and "s3cret" not in told
    for host in ("0.0.0.0", "::", "192.168.1.5", ""):
        assert in_one_line(lambda host=host: main(["policies/weights/pi0_tiny", "--host", host])) == 2
        assert f"--host {host}: other machines could ask this server without a key" in capsys.readouterr().err
    for arguments, text in ((["--clients", "0"], "--clients 0: 1 to 1000"), (["--idle", "nan"], "--idle nan: 1 to")):
        assert in_one_line(lambda arguments=arguments: main(["policies/weights/pi0_tiny", *arguments])) == 2
        assert text in capsys.readouterr().err
