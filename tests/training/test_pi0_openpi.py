"""This robot for openpi: transforms, statistics and growing weights by themselves; where openpi is installed, in openpi."""

import json
import socket
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from deploy.robots.description import load_model
from policies.chunk.backends import load_backend
from policies.chunk.protocol import ChunkObservation
from training.pi0 import openpi_config
from training.pi0.memory import Demonstrations

NAMES = ("base_0_rgb", "left_wrist_0_rgb", "right_wrist_0_rgb")


@pytest.fixture(scope="module")
def data() -> Demonstrations:
    """Two episodes of 60 frames; the targets run ahead of the joints."""
    rng, length = np.random.default_rng(0), 60
    number = np.repeat([0, 1], length)
    q = np.cumsum(rng.normal(0.0, 0.05, (2 * length, 22)), axis=0)
    return Demonstrations(
        state=np.c_[q, np.gradient(q, 0.02, axis=0)].astype(np.float32),
        action=(q + 0.1).astype(np.float32),
        picture=rng.integers(0, 256, (2, 224, 224, 3), dtype=np.uint8),
        picture_of=number,
        end=(number + 1) * length,
        episode=number,
        task=number,
        tasks=("bow", "wave the right hand"),
    )


def sample(data: Demonstrations, frame: int = 7) -> dict:
    """A frame under the names that openpi's own repacking gives it, as LeRobot reads it."""
    image = data.picture[data.picture_of[frame]].transpose(2, 0, 1).astype(np.float32) / 255.0
    return {
        "observation/image": image,
        "observation/state": data.state[frame].copy(),
        "actions": data.chunk(np.array([frame]))[0],
        "prompt": data.tasks[data.task[frame]],
    }


def test_a_frame_and_an_observation_become_the_same_input(data):
    frame = sample(data)
    asked = {"observation/image": data.picture[0], "observation/state": frame["observation/state"], "prompt": "bow"}
    trained, served = (openpi_config.BerkeleyInputs()(one) for one in (frame, asked))
    np.testing.assert_array_equal(trained["image"]["base_0_rgb"], data.picture[0])
    np.testing.assert_array_equal(served["image"]["base_0_rgb"], data.picture[0])
    assert tuple(trained["image"]) == NAMES and not trained["image"]["left_wrist_0_rgb"].any()
    assert [bool(there) for there in trained["image_mask"].values()] == [True, False, False]
    assert all(openpi_config.BerkeleyInputs(masked=False)(frame)["image_mask"].values())
    assert trained["state"].shape == (44,) and trained["prompt"] == "bow" and "actions" not in served
    trained["actions"] -= 1.0
    np.testing.assert_array_equal(frame["actions"], data.chunk(np.array([7]))[0], "openpi subtracts in place, from a copy")


def test_outputs_are_the_22_joint_targets():
    wide = np.arange(50 * 44, dtype=np.float32).reshape(50, 44)
    np.testing.assert_array_equal(openpi_config.BerkeleyOutputs()({"actions": wide, "state": None})["actions"], wide[:, :22])


def test_statistics_are_those_of_whole_chunks_relative_to_the_state(data, tmp_path):
    file = openpi_config.write_norm_stats(data, tmp_path, "local/pi0")
    assert file == tmp_path / "local/pi0/norm_stats.json"
    stats = json.loads(file.read_text())["norm_stats"]
    frames = np.arange(len(data))
    moves = (data.chunk(frames).astype(float) - data.state[frames, None, :22]).reshape(-1, 22)
    np.testing.assert_allclose(stats["actions"]["mean"], moves.mean(0), atol=1e-6)
    np.testing.assert_allclose(stats["state"]["q99"], np.quantile(data.state.astype(float), 0.99, axis=0), atol=1e-6)
    absolute, spread = openpi_config.norm_stats(data, delta=False)["actions"]["std"], data.chunk(frames).astype(float)
    np.testing.assert_allclose(absolute, np.maximum(spread.reshape(-1, 22).std(0), 0.15), atol=1e-6)


def test_weights_grow_with_zeros_and_take_the_wanted_type():
    loaded = {"state_proj/kernel": np.ones((32, 8), np.float32), "llm/w": np.ones((3, 3), np.float32)}
    wanted = {"state_proj/kernel": np.empty((44, 8), np.float32), "llm/w": np.empty((3, 3), np.float16)}
    grown = openpi_config.grow(loaded, wanted)
    assert grown["state_proj/kernel"][:32].all() and not grown["state_proj/kernel"][32:].any()
    assert grown["llm/w"].dtype == np.float16
    for key, shape in (("llm/w", (4, 3)), ("state_proj/kernel", (16, 8))):
        with pytest.raises(ValueError, match=rf"weight {key}: the checkpoint has .*, the model \({shape[0]}, {shape[1]}\)"):
            openpi_config.grow(loaded, wanted | {key: np.empty(shape)})


class Words:
    """In the place of PaliGemma's tokenizer, which would be downloaded."""

    def __init__(self, length: int) -> None:
        self.tokens = np.zeros(length, np.int32)

    def tokenize(self, prompt, state=None):
        return self.tokens, self.tokens > 0


class Fast(Words):
    """In the place of π0-FAST's."""

    def tokenize(self, prompt, state, actions):
        return self.tokens, self.tokens > 0, self.tokens, self.tokens > 0


@pytest.fixture
def openpi(monkeypatch):
    """openpi with this robot's configurations and without downloads."""
    pytest.importorskip("openpi", reason="openpi is not installed")
    import openpi.models.model as model
    import openpi.shared.normalize as normalize
    import openpi.transforms as transforms
    from openpi.training import config

    monkeypatch.setattr(config, "_CONFIGS_DICT", dict(config._CONFIGS_DICT))
    monkeypatch.setattr(config._tokenizer, "PaligemmaTokenizer", Words)
    monkeypatch.setattr(config._tokenizer, "FASTTokenizer", Fast)
    openpi_config.register("local/pi0")
    return SimpleNamespace(config=config, model=model, normalize=normalize, transforms=transforms)


def test_openpi_finds_every_configuration(openpi):
    names = openpi_config.register("local/pi0", devices=4)
    assert len(set(names)) == 9
    for name in names:
        found = openpi.config.get_config(name)
        assert found.model.action_horizon == 50 and found.fsdp_devices == (4 if name.endswith("fsdp") else 1)
        assert found.policy_metadata == {"joints": list(load_model().joints), "rate_hz": 50.0, "horizon": 50}
    with pytest.raises(ValueError, match="configuration pi1_lora: variants are"):
        openpi_config.train_config("pi1", "lora", "local/pi0")


@pytest.mark.parametrize("variant", openpi_config.VARIANTS)
def test_openpi_reads_a_frame_and_gives_its_targets_back(openpi, data, tmp_path, variant):
    import jax

    found = openpi.config.get_config(f"berkeley_{variant}_full")
    openpi_config.write_norm_stats(data, tmp_path, "local/pi0")
    made = found.data.create(tmp_path, found.model)
    assert made.norm_stats["state"].mean.shape == (44,) and made.use_quantile_norm == (variant != "pi0")
    openpi.normalize.save(tmp_path / "again", made.norm_stats)
    assert openpi.normalize.load(tmp_path / "again")["actions"].q99.shape == (22,)

    frame = sample(data)
    raw = {
        openpi_config.CAMERA: frame["observation/image"],
        "observation.state": frame["observation/state"],
        "action": frame["actions"],
        "prompt": "bow",
    }
    normalise = openpi.transforms.Normalize(made.norm_stats, use_quantiles=made.use_quantile_norm)
    ready = openpi.transforms.compose(
        [*made.repack_transforms.inputs, *made.data_transforms.inputs, normalise, *made.model_transforms.inputs]
    )(raw)
    batch = jax.tree.map(lambda value: np.asarray(value)[None], ready)
    observation = openpi.model.Observation.from_dict(dict(batch))
    observations, actions = found.model.inputs_spec()
    assert batch["actions"].shape == actions.shape
    assert observation.tokenized_prompt.shape == observations.tokenized_prompt.shape
    assert [image.shape for image in observation.images.values()] == [image.shape for image in observations.images.values()]
    # π0 reads the state through a layer; π0.5 and π0-FAST read it as words.
    assert observation.state.shape == (1, 44) and (variant != "pi0" or observations.state.shape == (1, 44))

    back = openpi.transforms.compose(
        [openpi.transforms.Unnormalize(made.norm_stats, use_quantiles=made.use_quantile_norm), *made.data_transforms.outputs]
    )({"state": np.asarray(ready["state"]), "actions": np.asarray(ready["actions"])})
    np.testing.assert_allclose(back["actions"], data.chunk(np.array([7]))[0], atol=1e-5)


def test_openpi_loads_a_base_checkpoint_for_lora(openpi, tmp_path):
    """Grown to 44, what is frozen in bfloat16, the adapters as they were initialised."""
    import jax
    import jax.numpy as jnp
    import openpi.shared.array_typing as typing
    import orbax.checkpoint as orbax

    base = {"state_proj": {"kernel": np.ones((32, 8), np.float32)}, "llm": {"w": np.ones((3, 3), np.float32)}}
    with orbax.PyTreeCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "params", {"params": base})
    wanted = {
        "state_proj": {"kernel": jax.ShapeDtypeStruct((44, 8), jnp.float32)},
        "llm": {"w": jax.ShapeDtypeStruct((3, 3), jnp.bfloat16), "lora_a": jax.ShapeDtypeStruct((3, 2), jnp.float32)},
    }
    loaded = openpi_config.growing_loader(str(tmp_path / "params")).load(wanted)
    typing.check_pytree_equality(expected=wanted, got=loaded, check_shapes=True, check_dtypes=True)
    assert loaded["state_proj"]["kernel"].sum() == 32 * 8 and isinstance(loaded["llm"]["lora_a"], jax.ShapeDtypeStruct)


def test_openpis_lerobot_reads_the_demonstrations(data, tmp_path, monkeypatch):
    lerobot = pytest.importorskip("lerobot.common.datasets.lerobot_dataset", reason="openpi's older LeRobot is not installed")
    monkeypatch.setattr(lerobot, "HF_LEROBOT_HOME", tmp_path)
    root = openpi_config.write_dataset(data, "local/pi0")
    read = lerobot.LeRobotDataset("local/pi0", root, delta_timestamps={"action": [i / 50 for i in range(50)]})
    assert len(read) == 120 and read.meta.tasks[int(read[100]["task_index"])] == "wave the right hand"
    np.testing.assert_array_equal(read[100]["action"], data.chunk(np.array([100]))[0])
    np.testing.assert_array_equal(openpi_config.picture(read[100][openpi_config.CAMERA]), data.picture[1])


def test_the_backend_asks_openpis_own_server(openpi, data):
    server = pytest.importorskip("openpi.serving.websocket_policy_server")

    class Policy:
        """Answers as openpi's does, with the state as every row."""

        def infer(self, seen: dict) -> dict:
            inputs = openpi_config.BerkeleyInputs()(seen)
            return {"actions": np.tile(inputs["state"][:22], (50, 1)).astype(np.float64), "policy_timing": {"infer_ms": 1.0}}

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    metadata = openpi.config.get_config("berkeley_pi0_lora").policy_metadata
    made = server.WebsocketPolicyServer(Policy(), "127.0.0.1", port, metadata)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    backend = load_backend(f"ws://127.0.0.1:{port}", "openpi", retry=0.05, timeout=20.0)
    try:
        assert backend.joints == load_model().joints and (backend.rate_hz, backend.horizon) == (50.0, 50)
        state = data.state[7].astype(float)
        rows = backend.predict(ChunkObservation(0.0, state[:22], state[22:], data.picture[0], 0.0), "bow")
        np.testing.assert_allclose(rows, np.tile(data.state[7, :22], (50, 1)), atol=1e-6)
    finally:
        backend.close()
