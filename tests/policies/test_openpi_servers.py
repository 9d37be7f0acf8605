"""Policy servers of others: openpi's own wire format, other names, other rates, no word about themselves."""

from tests.needs import needs

pytestmark = needs("robot", "msgpack", "websockets")

import logging

import msgpack
import numpy as np
import pytest
from websockets.sync.server import serve

from arbiter.errors import ConfigError, PolicyError
from deploy.robots.description import load_model
from deploy.serve import PolicyServer
from policies.chunk.backends.openpi import OpenPiBackend
from policies.chunk.protocol import ChunkObservation
from policies.context import PolicyContext
from policies.registry import ChunkConfig, open_backend
from tests.openpi_rig import JOINTS, Backend, observation, running


def openpi_array(value):
    """As openpi_client.msgpack_numpy packs one."""
    if isinstance(value, np.ndarray):
        return {b"__ndarray__": True, b"data": value.tobytes(), b"dtype": value.dtype.str, b"shape": value.shape}
    return {b"__npgeneric__": True, b"data": value.item(), b"dtype": value.dtype.str}


def openpi_value(value):
    """As openpi_client.msgpack_numpy unpacks one."""
    if b"__ndarray__" in value:
        return np.ndarray(buffer=value[b"data"], dtype=np.dtype(value[b"dtype"]), shape=value[b"shape"])
    return np.dtype(value[b"dtype"]).type(value[b"data"]) if b"__npgeneric__" in value else value


@pytest.fixture
def openpi():
    """openpi's WebsocketPolicyServer in its own bytes; `infer` is its policy. Gives an address."""
    made = []

    def start(infer, metadata=None):
        def client(socket):
            socket.send(msgpack.packb(metadata or {}, default=openpi_array))
            for data in socket:
                try:
                    answer = infer(msgpack.unpackb(data, object_hook=openpi_value))
                except KeyError as error:
                    socket.send(f"Traceback (most recent call last):\nKeyError: {error}")
                    return
                timing = {"infer_ms": np.float64(1.0)}
                socket.send(msgpack.packb(answer | {"server_timing": timing}, default=openpi_array))

        one = running(serve(client, "127.0.0.1", 0, compression=None, max_size=None))
        made.append(one)
        return f"ws://127.0.0.1:{one.socket.getsockname()[1]}"

    yield start
    for one in made:
        one.shutdown()


def test_other_names_another_rate_and_a_shorter_chunk(openpi):
    """Names as openpi's configurations for DROID and ALOHA have them."""
    seen = []

    def infer(said):
        seen.append(said)
        rows = np.tile(said["observation/joint_position"], (15, 1)) + said["images"]["cam_high"][:, 0, 0].mean()
        return {"action": {"joints": rows.astype(np.float64)}}

    keys = {
        "positions": "observation/joint_position",
        "image": "images > cam_high",
        "prompt": "task",
        "actions": "action > joints",
    }
    backend = OpenPiBackend(openpi(infer), joints=JOINTS, rate_hz=30.0, horizon=15, keys=keys, layout="chw")
    try:
        assert (backend.rate_hz, backend.horizon, backend.warnings) == (30.0, 15, ())
        np.testing.assert_allclose(backend.predict(observation(), "wave"), 7.5)
    finally:
        backend.close()
    assert seen[0].keys() == {"observation/joint_position", "images", "task"} and seen[0]["task"] == "wave"
    assert seen[0]["images"]["cam_high"].shape == (3, 4, 4)


def test_what_a_server_does_not_say_is_assumed_with_a_warning(openpi, caplog):
    """16 rows, as openpi's smaller policies have, are a chunk where nobody said 50."""
    address = openpi(lambda said: {"actions": np.tile(said["observation/state"][:2], (16, 1))}, {"reset_pose": [0.0]})
    with caplog.at_level(logging.WARNING):
        backend = OpenPiBackend(address, joints=JOINTS)
    try:
        assert (backend.rate_hz, backend.horizon) == (50.0, 50)
        assert backend.predict(observation(), "wave").shape == (16, 2)
    finally:
        backend.close()
    (line,) = backend.warnings
    assert "says no rate_hz and no horizon: 50 rows a second and up to 50 rows a chunk are assumed" in line
    assert line in caplog.text


@pytest.mark.parametrize(
    ("says", "given", "words"),
    [
        ({"joints": ["b", "a"]}, {"joints": JOINTS}, r"it says joints .*b.*a.*, and .*a.*b.* is given: leave `joints` out"),
        ({"rate_hz": 20}, {"joints": JOINTS, "rate_hz": 30.0}, "it says rate_hz 20, and 30.0 is given: leave `rate_hz` out"),
        ({"joints": ["a", "a"]}, {}, "each is expected once"),
    ],
)
def test_a_server_and_a_tree_that_differ_are_refused(openpi, says, given, words):
    address = openpi(lambda said: {"actions": np.zeros((50, 2))}, {"joints": [*JOINTS], "rate_hz": 50, "horizon": 50} | says)
    with pytest.raises(ConfigError, match=words):
        OpenPiBackend(address, **given)


def test_a_server_that_misses_a_name_says_which(openpi):
    backend = OpenPiBackend(openpi(lambda said: {"actions": said["state"]}), joints=JOINTS)
    try:
        with pytest.raises(PolicyError, match="its inference failed: KeyError: 'state'"):
            backend.predict(observation(), "wave")
    finally:
        backend.close()
    backend = OpenPiBackend(openpi(lambda said: {"action": np.zeros((5, 2))}), joints=JOINTS)
    try:
        with pytest.raises(PolicyError, match="the answer's `actions` is NoneType"):
            backend.predict(observation(), "wave")
    finally:
        backend.close()


def test_a_tree_says_names_and_rate(openpi):
    model = load_model()
    address = openpi(lambda said: {"chunk": np.tile(said["proprio"][:22], (20, 1))})
    options = {
        "kind": "openpi",
        "joints": "robot",
        "rate_hz": 30.0,
        "horizon": 20,
        "keys": {"state": "proprio", "actions": "chunk"},
    }
    backend = open_backend(ChunkConfig("chunk", "pi0", address, options), PolicyContext(model))
    try:
        seen = ChunkObservation(0.0, np.arange(22.0), np.zeros(22), np.zeros((8, 8, 3), np.uint8), 0.0)
        np.testing.assert_allclose(backend.predict(seen, "wave"), np.tile(np.arange(22.0), (20, 1)))
        assert backend.rate_hz == 30.0
    finally:
        backend.close()
    with pytest.raises(ConfigError, match="keys has 'stat'; did you mean 'state'"):
        open_backend(ChunkConfig("chunk", "pi0", address, options | {"keys": {"stat": "x"}}), PolicyContext(model))


class Remembering(Backend):
    """Predicts from three observations, and can do without pictures."""

    observations, needs_image = 3, False


def test_earlier_observations_and_missing_pictures_travel_to_the_server():
    server = running(PolicyServer(Remembering(), port=0))
    backend = OpenPiBackend(f"127.0.0.1:{server.port}")
    try:
        assert backend.observations == 3 and not backend.needs_image
        now = ChunkObservation(0.0, np.ones(2), np.zeros(2), history=(observation(0.25), observation(0.5)))
        backend.predict(now, "wave")
        seen = server._backend.seen[0]
        assert seen.image is None and [one.joint_pos[0] for one in seen.history] == [0.25, 0.5]
        assert (seen.history[1].image == 7).all()
    finally:
        backend.close()
        server.close()


@pytest.mark.parametrize("image", [np.zeros((0, 0, 3), np.uint8), np.zeros((3, 8, 8), np.uint8), np.zeros((8, 8, 3))])
def test_no_wrong_picture_is_sent(openpi, image):
    asked = []
    backend = OpenPiBackend(openpi(asked.append), joints=JOINTS)
    try:
        with pytest.raises(PolicyError, match=r"the picture is .*; uint8 \(height, width, 3\), RGB.*; it is not sent"):
            backend.predict(ChunkObservation(0.0, np.zeros(2), np.zeros(2), image, 0.0), "wave")
    finally:
        backend.close()
    assert not asked
