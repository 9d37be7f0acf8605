"""The openpi protocol: server and client of this project, and servers that misbehave."""

import threading
import time

import numpy as np
import pytest
from websockets.sync.client import connect
from websockets.sync.server import serve

from arbiter.errors import ConfigError, PolicyError
from deploy.serve import PolicyServer
from policies.chunk import ChunkObservation
from policies.pi0 import wire
from policies.pi0.remote import OpenPiBackend

JOINTS = ("a", "b")


class Backend:
    """Answers with its inputs, so that a test sees what arrived."""

    name, joints, rate_hz, horizon, needs_image, supports_rtc = "echo", JOINTS, 50.0, 5, True, True

    def predict(self, observation, prompt, *, previous=None, delay_steps=0, seed=0):
        self.seen = (observation, prompt, previous, delay_steps, seed)
        return np.tile(observation.joint_pos, (5, 1)) + seed

    def close(self):
        pass


def observation(value: float = 0.5, image=True) -> ChunkObservation:
    picture = np.full((4, 4, 3), 7, np.uint8) if image else None
    return ChunkObservation(0.0, np.full(2, value), np.zeros(2), picture, 0.0)


def running(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


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


GOOD = wire.pack({"actions": np.zeros((5, 2), np.float32)})


@pytest.mark.parametrize(("answer", "text"), [
    (b"\xc1", "not a msgpack message"), (wire.pack({"x": 1}), "`actions` is NoneType"),
    (wire.pack({"actions": np.zeros((4, 2), np.float32)}), r"shape \(4, 2\); at least \(5, 2\)"),
    (wire.pack({"actions": np.zeros((5, 1), np.float32)}), r"shape \(5, 1\)"),
    (wire.pack({"actions": np.zeros((5, 2), np.int32)}), "int32"),
    (wire.pack({"actions": np.full((5, 2), np.inf, np.float32)}), "not finite"),
    ("Traceback\nValueError: out of memory", "its inference failed: ValueError: out of memory")])
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
