"""`deploy.serve`: garbage, keys, one-line errors, and its end."""

import signal
import subprocess
import sys

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from arbiter.errors import ConfigError, in_one_line
from deploy.serve import PolicyServer, main
from policies.pi0 import wire
from policies.pi0.remote import OpenPiBackend
from tests.openpi_rig import JOINTS, Backend, observation, running


@pytest.fixture
def server():
    made = running(PolicyServer(Backend(), port=0))
    yield made
    made.close()


@pytest.mark.parametrize(("message", "text"), [
    (b"\xc1garbage", "not a msgpack message"), ("text", "text came instead"),
    (wire.pack({"observation/state": np.full(4, np.nan, np.float32), "prompt": "x"}), "4 finite numbers"),
    (wire.pack({"observation/state": np.zeros(3, np.float32), "prompt": "x"}), "4 finite numbers"),
    (wire.pack({"observation/state": np.zeros(4, np.float32), "prompt": 3}), "'prompt' must be a text"),
    (wire.pack({"observation/state": np.zeros(4, np.float32), "prompt": "x", "observation/image": np.zeros((2, 2))}),
     "must be a picture")])
def test_server_refuses_garbage_and_lives(server, message, text):
    with connect(f"ws://127.0.0.1:{server.port}") as socket:
        assert wire.unpack(socket.recv())["joints"] == list(JOINTS)
        socket.send(message)
        answer = socket.recv(timeout=5)
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
    with connect(f"ws://127.0.0.1:{server.port}") as socket:
        socket.recv()
        server.close()
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=5)


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
            address = process.stderr.readline().rsplit(" ", 1)[1].strip()
            with connect(address) as socket:
                socket.recv()
                process.send_signal(number)
                assert process.wait(30) == 0
        finally:
            process.kill()
            process.wait()
            process.stderr.close()
