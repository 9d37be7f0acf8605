"""What several tests of π0's training share; made once, when first asked for."""

import pytest


@pytest.fixture(scope="module")
def offline():
    """No download, and one thread."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A tiny checkpoint with random weights."""
    from tests.pi0_rig import make_tiny

    return make_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    """Four short demonstrations as a LeRobotDataset."""
    from tests.pi0_rig import make_dataset, synthetic

    return make_dataset(tmp_path_factory.mktemp("data") / "set", synthetic(4, 24))


@pytest.fixture(scope="session")
def exported(tiny, tmp_path_factory):
    """The graphs of `tiny`."""
    from policies.chunk.backends.lerobot import checkpoint
    from training.pi0.export import export_onnx

    out = tmp_path_factory.mktemp("onnx") / "pi0"
    export_onnx(checkpoint.load(tiny), out)
    return out
