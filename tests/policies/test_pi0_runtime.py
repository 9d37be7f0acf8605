"""The runtime side of π0 without torch: sampler, pictures, prompts, card, wire format."""

from tests.needs import needs

pytestmark = needs("robot", "msgpack")

import dataclasses
import json

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from arbiter.errors import ConfigError, PolicyError
from policies.chunk.backends import load_backend, wire
from policies.chunk.backends.card import Pi0Card, check_card, from_json, read_card, to_json, write_card
from policies.chunk.backends.inputs import Inputs, resize_with_pad
from policies.chunk.backends.sampler import guidance, prefix_weights, sample, smooth
from policies.chunk.protocol import ChunkObservation

JOINTS = ("a", "b")


def card(**changes) -> Pi0Card:
    values = dict(
        format=1,
        kind="chunk",
        variant="pi0",
        name="test",
        version="1",
        robot="r",
        rate_hz=50.0,
        joints=JOINTS,
        horizon=6,
        state_offset=(0.1, 0.2, 0.0, 0.0),
        state_scale=(1.0, 2.0, 1.0, 1.0),
        action_offset=(0.0, 0.0),
        action_scale=(0.5, 0.5),
        state_size=4,
        action_size=2,
        image=16,
        tokens=8,
        steps=4,
        precision="fp32",
        needs_image=True,
        files={},
    )
    return Pi0Card(**(values | changes))


@pytest.fixture
def folder(tmp_path):
    words = Tokenizer(models.WordLevel({"a": 0, "b": 1, "c": 2, "<unk>": 3, "wave": 4, "bow": 5}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def observation(**changes) -> ChunkObservation:
    values = dict(stamp=0.0, joint_pos=np.zeros(2), joint_vel=np.zeros(2), image=np.zeros((20, 30, 3), np.uint8), image_stamp=0.0)
    return ChunkObservation(**(values | changes))


def straight(goal):
    """The exact flow to `goal`: velocity = (x - goal) / t."""
    return lambda x, t: (x - goal) / np.float32(t)


def test_sampler_arrives_where_an_exact_flow_leads():
    goal = np.random.default_rng(0).normal(size=(1, 6, 2)).astype(np.float32)
    noise = np.random.default_rng(1).normal(size=goal.shape).astype(np.float32)
    np.testing.assert_allclose(sample(straight(goal), noise, 5), goal, atol=1e-5)


def test_guidance_keeps_committed_rows_and_frees_the_last():
    goal, noise = np.zeros((1, 20, 2), np.float32), np.random.default_rng(1).normal(size=(1, 20, 2)).astype(np.float32)
    previous = np.full((20, 2), 0.7, np.float32)
    free = sample(straight(goal), noise, 10)
    held = sample(straight(goal), noise, 10, previous=previous, committed=5, horizon=12)
    assert np.abs(held[0, :5] - 0.7).max() < 0.1, "committed rows follow the previous chunk"
    assert np.abs(held[0, 5:12] - 0.7).mean() < np.abs(free[0, 5:12] - 0.7).mean()
    np.testing.assert_allclose(held[0, 12:], free[0, 12:], atol=1e-6)


def test_prefix_weights_and_guidance():
    weights = prefix_weights(2, 5, 8)
    np.testing.assert_allclose(weights, [1, 1, 0.75, 0.5, 0.25, 0, 0, 0])
    assert prefix_weights(9, 5, 8).tolist() == [1] * 5 + [0] * 3
    assert guidance(1.0, 10.0) == 10.0 and guidance(0.5, 10.0) == pytest.approx(2.0)


def test_smoothing_takes_noise_and_leaves_the_motion():
    time = np.arange(50) / 50.0
    motion = np.stack((0.4 * np.sin(2.0 * np.pi * 0.9 * time), 0.3 * time), 1)
    noise = np.random.default_rng(0).normal(0.0, 0.02, motion.shape)
    calm = smooth(motion + noise, 1.5)
    assert calm.shape == motion.shape
    assert np.diff(calm, 3, axis=0).std() < 0.1 * np.diff(motion + noise, 3, axis=0).std()
    assert np.abs(calm - motion)[5:-5].max() < 0.03, "no delay, hardly less swing"
    assert smooth(motion, 0.0) is motion
    np.testing.assert_allclose(smooth(np.ones((4, 2)), 3.0), 1.0)


def test_resize_keeps_proportions_with_black_borders():
    image = np.full((40, 80, 3), 255, np.uint8)
    small = resize_with_pad(image, 20)
    assert small.shape == (20, 20, 3) and small[10, 10, 0] == 1.0 and small[0].max() == 0.0 and small[-1].max() == 0.0
    assert np.array_equal(resize_with_pad(image[:40, :40], 40), image[:40, :40] / np.float32(255))


def test_inputs_normalise_state_and_cache_prompts(folder):
    inputs = Inputs(card(), folder, "test")
    np.testing.assert_allclose(inputs.state(observation(joint_pos=np.array([1.1, 2.2]))), [1.0, 1.0, 0.0, 0.0])
    tokens, mask = inputs.tokens("wave", np.zeros(4))
    assert tokens.shape == (1, 8) and mask.sum() >= 1 and not mask[0, -1]
    assert inputs.tokens(" wave ", np.zeros(4))[0] is tokens


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"joint_vel": np.array([0.0, np.nan])}, "the state of b is nan"),
        ({"joint_pos": np.zeros(3)}, "3 positions and 2 velocities; 2 of each"),
        ({"image": None}, "no picture of the head camera"),
        ({"image": np.zeros((4, 4), np.uint8)}, r"the picture is uint8 \(4, 4\); uint8 \(height, width, 3\)"),
        ({"image": np.zeros((4, 4, 3))}, "the picture is float64"),
    ],
)
def test_inputs_refuse_what_no_chunk_can_be_predicted_from(folder, changes, text):
    inputs = Inputs(card(), folder, "test")
    with pytest.raises(PolicyError, match=text):
        seen = observation(**changes)
        inputs.prefix(seen, "wave", inputs.state(seen))


def test_blind_only_where_trained_so(folder):
    blind = Inputs(card(needs_image=False), folder, "test").prefix(observation(image=None), "bow", np.zeros(4))
    assert not blind["img_masks"].any() and (blind["images"] == -1.0).all()


def test_empty_prompt_is_refused(folder):
    with pytest.raises(PolicyError, match="the prompt is empty"):
        Inputs(card(), folder, "test").tokens("  ", np.zeros(4))


def test_pi05_tells_the_state_in_words(folder):
    state = np.array([-1.0, -0.01, 0.0, 5.0])
    assert Inputs(card(variant="pi05", tokens=40), folder, "test").tokens("wave", state)[1].sum() > 10
    with pytest.raises(PolicyError, match="prompt and state take .* tokens, the graph reads 8; shorten the instruction"):
        Inputs(card(variant="pi05"), folder, "test").tokens("wave", state)


def test_a_prompt_is_read_whole_or_refused(folder):
    with pytest.raises(PolicyError, match="the prompt takes 9 tokens, the graph reads 8; shorten the instruction, or export"):
        Inputs(card(), folder, "test").tokens("wave a b c wave a b c bow", np.zeros(4))


def test_card_round_trip_and_errors():
    assert from_json(to_json(card()), "x") == card()
    value = json.loads(to_json(card()))
    with pytest.raises(ConfigError, match="did you mean 'horizon'"):
        from_json(json.dumps({**{k: v for k, v in value.items() if k != "horizon"}, "horizn": 6}), "x")
    with pytest.raises(ConfigError, match="state_offset has 3 values; 4 are expected"):
        card(state_offset=(0.0, 0.0, 0.0))
    with pytest.raises(ConfigError, match="action_scale must be finite and positive"):
        card(action_scale=(0.5, 0.0))
    with pytest.raises(ConfigError, match="NaN, which is not a number"):
        from_json(to_json(card()).replace("0.1", "NaN"), "x")


def test_card_vouches_for_every_file(folder):
    write_card(folder, card())
    assert read_card(folder).files.keys() == {"tokenizer.json"}
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ConfigError, match="tokenizer.json was changed after its card was written"):
        read_card(folder)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ConfigError, match="tokenizer.json is missing; copy the whole folder"):
        read_card(folder)
    (folder / "card.json").write_text(to_json(dataclasses.replace(card(), files={"../secret": "0"})))
    with pytest.raises(ConfigError, match="only names in the folder are allowed"):
        read_card(folder)


def test_card_against_another_robot():
    from deploy.robots.description import load_model

    with pytest.raises(ConfigError, match="robot is 'r'; this robot is 'berkeley_humanoid_lite'; joints names 'a'"):
        check_card(card(), load_model(), "x")


def test_unknown_and_missing_backends(tmp_path):
    with pytest.raises(ConfigError, match="π0 backend 'jax' is unknown; there are: auto, onnx, lerobot, tensorrt, openpi"):
        load_backend(tmp_path, "jax")
    with pytest.raises(ConfigError, match="neither step.onnx nor card.json"):
        load_backend(tmp_path, "onnx")


def test_wire_round_trip():
    message = {
        "state": np.arange(3, dtype=np.float32),
        "image": np.zeros((2, 2, 3), np.uint8),
        "prompt": "é",
        "n": 3,
        "flag": np.bool_(True),
        "nested": {"x": np.float64(0.5)},
    }
    back = wire.unpack(wire.pack(message))
    np.testing.assert_array_equal(back["state"], message["state"])
    assert back["image"].shape == (2, 2, 3) and back["nested"]["x"] == 0.5 and back["prompt"] == "é" and back["flag"]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "not a msgpack message"),
        (b"\x93\x01\x02\x03", "a list came instead of a map"),
        (b"\xc1", "not a msgpack message"),
        (b"garbage" * 9, "msgpack|instead of a map"),
    ],
)
def test_wire_refuses_garbage(data, text):
    with pytest.raises(wire.WireError, match=text):
        wire.unpack(data)


@pytest.mark.parametrize(
    ("array", "text"),
    [
        ({b"__ndarray__": True, b"data": b"1234", b"dtype": "|O", b"shape": [1]}, "not that of a number"),
        ({b"__ndarray__": True, b"data": b"1234", b"dtype": "<f4", b"shape": [2]}, "does not fit its bytes"),
        ({b"__ndarray__": True, b"data": b"1234", b"dtype": "<f4", b"shape": [-1]}, "does not fit its bytes"),
        ({b"__ndarray__": True, b"data": b"", b"dtype": "<f4", b"shape": [1 << 62, 1 << 62]}, "does not fit its bytes"),
    ],
)
def test_wire_refuses_arrays_that_lie(array, text):
    import msgpack

    with pytest.raises(wire.WireError, match=text):
        wire.unpack(msgpack.packb({"actions": array}))


def test_wire_sends_no_objects():
    with pytest.raises(wire.WireError, match="an array of object cannot be sent"):
        wire.pack({"x": np.array([None])})
