"""LeRobot's chunk policies other than π0, with random weights: each keeps the contract of a backend. Needs torch."""

from tests.needs import needs

NEEDS = needs("train", "torch", "lerobot", "diffusers", "num2words")

import dataclasses
import json
import shutil

import numpy as np
import pytest

from arbiter.errors import ConfigError, PolicyError
from deploy.robots.description import load_model
from policies.chunk.backends import kind_of, load_backend
from policies.chunk.contract import check_backend, resting_observation
from policies.context import PolicyContext
from policies.registry import ChunkConfig, open_backend
from tests import lerobot_rig

pytestmark = [NEEDS, pytest.mark.timeout(600), pytest.mark.usefixtures("offline")]
PROMPT = "wave the right hand"


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lerobot")
    vlm = lerobot_rig.tiny_vlm(folder / "language")
    made = {kind: lerobot_rig.untrained(kind, folder / kind) for kind in ("act", "diffusion")}
    made["smolvla"] = lerobot_rig.untrained("smolvla", folder / "smolvla", vlm_model_name=str(vlm))
    shutil.rmtree(vlm)  # a checkpoint has it beside it
    return made


def seen(backend, side=224, **changes):
    image = np.full((side, side, 3), 90, np.uint8)
    image.flags.writeable = False
    return dataclasses.replace(resting_observation(backend), image=image, **changes)


@pytest.mark.parametrize(("kind", "rows"), [("act", 40), ("diffusion", 24), ("smolvla", 50)])
def test_every_policy_keeps_the_contract(checkpoints, kind, rows):
    folder = checkpoints[kind]
    assert kind_of(folder) == "lerobot"
    backend = load_backend(folder, robot=load_model(), rate_hz=30.0)
    assert (backend.horizon, backend.rate_hz, backend.supports_rtc) == (rows, 30.0, kind == "smolvla")
    assert any("reads no instruction" in line for line in backend.warnings) == (kind != "smolvla")
    assert check_backend(lambda: backend, PROMPT, seen) == []


def test_diffusion_predicts_from_what_was_measured_before(checkpoints):
    backend = load_backend(checkpoints["diffusion"], robot=load_model())
    assert backend.observations == 2
    now = seen(backend)
    still = dataclasses.replace(now, history=(now,))
    moved = dataclasses.replace(now, history=(dataclasses.replace(now, joint_pos=np.full(22, 0.5)),))
    chunks = [backend.predict(one, PROMPT, seed=3) for one in (now, still, moved, now)]
    np.testing.assert_array_equal(chunks[0], chunks[1], "without history the present is repeated")
    np.testing.assert_array_equal(chunks[0], chunks[3], "nothing is left of the question before")
    assert np.abs(chunks[2] - chunks[0]).max() > 1e-4


def test_smolvla_goes_on_from_what_is_played(checkpoints):
    backend = load_backend(checkpoints["smolvla"], robot=load_model())
    now = seen(backend)
    free = backend.predict(now, PROMPT, seed=1)
    previous = np.clip(free[:20] + 0.3, -1.0, 1.0)
    held = backend.predict(now, PROMPT, previous=previous, delay_steps=5, seed=2)
    other = backend.predict(now, PROMPT, seed=2)
    assert np.abs(held[:5] - previous[:5]).max() < 0.25 * np.abs(other[:5] - previous[:5]).max()


def test_pictures_are_brought_to_the_size_that_it_was_trained_with(checkpoints):
    backend = load_backend(checkpoints["act"], robot=load_model())
    small = backend.predict(seen(backend, 48), PROMPT)
    np.testing.assert_allclose(backend.predict(seen(backend, 192), PROMPT), small, atol=1e-4)
    wide = dataclasses.replace(seen(backend), image=np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(
        PolicyError, match="the picture has 64 x 48 pixels, the policy was trained with 48 x 48: other proportions"
    ):
        backend.predict(wide, PROMPT)
    for image in (np.zeros((0, 0, 3), np.uint8), np.zeros((3, 64, 64), np.uint8), np.zeros((64, 64, 3))):
        with pytest.raises(PolicyError, match=r"act: the picture is .*; uint8 \(height, width, 3\)"):
            backend.predict(dataclasses.replace(seen(backend), image=image), PROMPT)


def test_a_tree_says_joints_and_rate(checkpoints, tmp_path):
    arms = lerobot_rig.untrained("act", tmp_path / "arms", joints=10, state=20)
    context = PolicyContext(load_model())
    with pytest.raises(ConfigError, match=r"does not name the 10 joints .*arms \(10\)"):
        open_backend(ChunkConfig("chunk", "lerobot", str(arms)), context)
    backend = open_backend(ChunkConfig("chunk", "lerobot", str(arms), {"joints": "arms", "rate_hz": 30.0}), context)
    assert len(backend.joints) == 10 and backend.rate_hz == 30.0
    assert backend.predict(seen(backend), PROMPT).shape == (40, 10)
    with pytest.raises(ConfigError, match="chunk backend 'lerobot': its options say kind 'onnx'; leave `kind` out"):
        open_backend(ChunkConfig("chunk", "lerobot", str(arms), {"kind": "onnx"}), context)
    with pytest.raises(ConfigError, match="act has no denoising steps"):
        open_backend(ChunkConfig("chunk", "lerobot", str(checkpoints["act"]), {"steps": 3}), context)


def test_a_checkpoint_without_its_processors_or_its_weights_is_refused(checkpoints, tmp_path):
    folder = shutil.copytree(checkpoints["act"], tmp_path / "old")
    (folder / "policy_postprocessor.json").unlink()
    with pytest.raises(ConfigError, match="no policy_postprocessor.json, as before LeRobot 0.4; .*migrate_policy_normalization"):
        load_backend(folder, robot=load_model())
    folder = shutil.copytree(checkpoints["act"], tmp_path / "other")
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"n_encoder_layers": 2}))
    with pytest.raises(ConfigError, match="does not fit ACTPolicy: .* missing .*encoder.layers.1"):
        load_backend(folder, robot=load_model())
