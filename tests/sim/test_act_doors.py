"""ACT, trained by LeRobot's own trainer on a demonstration of this project, through every door: evaluation, server, tree."""

from tests.needs import needs

NEEDS = needs("train", "torch", "lerobot", "mink", "h5py")

import json

import numpy as np
import pytest

from deploy.robots.description import load_model
from deploy.runtime.assemble import assemble
from deploy.runtime.config import load_tree
from deploy.runtime.session import Session
from deploy.serve import PolicyServer
from policies.chunk.backends import load_backend
from policies.chunk.backends.openpi import OpenPiBackend
from policies.chunk.protocol import ChunkObservation
from tests import lerobot_rig
from tests.openpi_rig import running

pytestmark = [NEEDS, pytest.mark.timeout(900), pytest.mark.usefixtures("offline")]
WAVE = "wave the right hand"
SHOULDER, ELBOW = "arm_right_shoulder_pitch_joint", "arm_right_elbow_pitch_joint"


@pytest.fixture(scope="module")
def act(tmp_path_factory, offline):
    """Twelve updates on one demonstration: it raises the arm, and does not wave yet."""
    from training.pi0.data import demos

    folder = tmp_path_factory.mktemp("act")
    settings = demos.Settings(seed=1, picture=lerobot_rig.SIDE)
    demos.record(folder / "set", settings, [WAVE], pictures="png", quiet=True)
    return lerobot_rig.trained("act", folder / "set", folder / "run", 12, batch=4)


def test_the_evaluation_runs_it(act, tmp_path):
    from training.pi0 import evaluate

    file = tmp_path / "results.json"
    evaluate.main([str(act), "--runs", "1", "--only", WAVE, "--json", str(file)])
    (run,) = json.loads(file.read_text())["runs"]
    assert run["instruction"] == WAVE and not run["fell"] and run["inference_ms"] > 0.0
    assert "the right hand waved" in run["text"], "judged to its end, by its criterion alone"


def test_a_tree_runs_it_from_a_server(act, tmp_path):
    model = load_model()
    local = load_backend(act, robot=model)
    assert local.joints == model.joints and (local.rate_hz, local.horizon) == (50.0, 40)
    server = running(PolicyServer(local, port=0))
    address = f"ws://127.0.0.1:{server.port}"
    tree = tmp_path / "tree.yaml"
    tree.write_text(
        "robot: berkeley_humanoid_lite\n"
        "policies:\n  locomotion: {kind: onnx, file: locomotion.onnx}\n"
        f"  chunk: {{kind: chunk, backend: openpi, path: '{address}'}}\n"
        "home: {legs: locomotion, arms: rest}\nskills: {entry_points: false}\n"
        "tree:\n  selector:\n    - when: {name: start, ready: false, child: get_ready}\n"
        "    - when: {name: instruction, instruction: true, child: {sequence: [route, instructions]}}\n    - home\n"
    )
    remote = OpenPiBackend(address)
    try:
        rng = np.random.default_rng(0)
        seen = ChunkObservation(0.0, rng.normal(0, 0.1, 22), np.zeros(22), rng.integers(0, 255, (224, 224, 3), np.uint8), 0.0)
        np.testing.assert_allclose(remote.predict(seen, WAVE), local.predict(seen, WAVE), atol=1e-5)
        assembly = assemble(load_tree(str(tree), []), fast=True, seed=0)
        try:
            q = _wave(assembly)
        finally:
            assembly.close()
    finally:
        remote.close()
        server.close()
    raised = q[:, [model.index(SHOULDER), model.index(ELBOW)]]
    assert raised[0].max() < 0.3 and raised[:, 0].max() > 0.8 and raised[:, 1].min() < -0.8, "the arm goes up, in truth"


def _wave(assembly) -> np.ndarray:
    """Joint positions of the simulated robot [rad] from the instruction on, shape (ticks, 22)."""
    session = Session(assembly.robot, assembly.arbiter, assembly.clock, [], assembly.observers)
    session.start()

    def until(done, limit):
        end = session.clock.now + limit
        while not done() and session.clock.now < end:
            session.step()
        assert done(), "it never came"

    until(lambda: assembly.arbiter.world.ready, 20.0)
    assembly.arbiter.inbox.say(WAVE)
    q = []

    def ended():
        q.append(assembly.robot.truth.joint_pos)
        log = assembly.arbiter.executor.log
        return log.total > 0 and log[-1].finished is not None

    until(ended, 20.0)
    item = assembly.arbiter.executor.log[-1]
    assert item.result == "succeeded" or "waved" in item.reason, f"{item.result}: {item.reason}"
    return np.array(q)
