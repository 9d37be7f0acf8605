"""Graphs of a π0: parity with LeRobot, closed loop before and after, smaller precisions. Needs torch."""

from tests.needs import needs

NEEDS = needs("train", "torch", "lerobot")

import contextlib
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from arbiter.errors import ConfigError
from deploy.robots.description import load_model
from policies.chunk.backends import load_backend
from policies.chunk.backends.lerobot import checkpoint
from policies.chunk.backends.lerobot.tiny import seeded
from tests.pi0_rig import SPEC, TASKS, synthetic
from training.pi0.tokenizer import train_tokenizer, vocabulary

# Importing LeRobot alone takes minutes on a busy machine.
pytestmark = [NEEDS, pytest.mark.timeout(1200), pytest.mark.usefixtures("offline")]


def test_export_is_what_lerobot_computes(tiny, exported):
    from training.pi0.parity import compare, observations

    backend = load_backend(exported)
    report = compare(tiny, exported, "onnx", observations(backend.card, 3))
    assert report["cosine"] > 0.999999 and report["max_rad"] < 1e-4, report
    assert set(report["joints"]) == set(load_model().joints)


def test_the_export_command_reports_closed_loop_success_before_and_after(tiny, tmp_path, capsys):
    """One instruction from the same start, through the arbiter: LeRobot's checkpoint, then the graphs."""
    pytest.importorskip("mink")
    from training.pi0.export import main

    main([str(tiny), "--to", "onnx", "--out", str(tmp_path / "pi0"), "--samples", "2", "--only", "wave the right hand"])
    report = json.loads((tmp_path / "pi0" / "parity.json").read_text())
    before, after = (report["closed_loop"][side] for side in ("before", "after"))
    assert [row["instruction"] for row in before] == [row["instruction"] for row in after] == ["wave the right hand", "all"]
    assert before[0]["runs"] == 1 and before[0]["success"] == after[0]["success"]
    assert before[0]["measured"] == pytest.approx(after[0]["measured"], rel=1e-3)
    assert before[0]["jerk"] == pytest.approx(after[0]["jerk"], rel=0.05)
    assert "before" in (out := capsys.readouterr().out) and "after" in out
    assert load_backend(tmp_path / "pi0").card.files["parity.json"], "the card vouches for the report"


def test_policies_are_told_apart_and_run_by_what_they_hold(tiny, exported, tmp_path):
    pytest.importorskip("mink")
    from training.pi0.evaluate import jobs, labels
    from training.pi0.rollout import kind_of

    assert kind_of(tiny) == "lerobot" and kind_of(exported) == "onnx"
    with pytest.raises(ConfigError, match="neither step.onnx nor card.json nor config.json"):
        kind_of(tmp_path)
    same, other = [Path("a/best"), Path("b/best")], Path("c/last")
    named = labels([*same, other])
    assert named == {"a/best": same[0], "b/best": same[1], "last": other}
    assert [job.label for job in jobs(named, "auto", ["bow"], 6, 0)] == ["a/best", "a/best", "b/best", "b/best", "last", "last"]


def test_real_time_chunking_is_lerobots_own(tiny, exported):
    from policies.chunk.backends.lerobot.backend import LeRobotBackend
    from training.pi0.parity import observations

    ours = load_backend(exported)
    theirs = LeRobotBackend(tiny, joints=ours.joints)
    ((observation, prompt),) = observations(ours.card, 1)
    previous = ours.predict(observation, prompt, seed=1)[2:]
    guided = ours.predict(observation, prompt, previous=previous, delay_steps=2, seed=5)
    np.testing.assert_allclose(guided, theirs.predict(observation, prompt, previous=previous, delay_steps=2, seed=5), atol=1e-4)
    free = ours.predict(observation, prompt, seed=5)
    assert np.abs(guided[:2] - previous[:2]).max() < 0.2 * np.abs(free[:2] - previous[:2]).max()


def test_pi05_exports_what_lerobot_computes(tmp_path):
    """It normalises by quantiles and reads the state as words."""
    from training.pi0.export import export_onnx
    from training.pi0.parity import compare, observations

    spec, words = dataclasses.replace(SPEC, tokens=256, vocab=1024), tmp_path / "words"
    words.mkdir()
    train_tokenizer(vocabulary(TASKS), words, spec.vocab)
    data = synthetic()
    policy = seeded(spec, chunk=10, source=28, kind="pi05")
    for folder, quantiles in (("without", ()), ("with", (0.01, 0.99))):
        stats = data.stats()
        for key, values in (("observation.state", data.state), ("action", data.action)):
            stats[key] |= {f"q{round(100 * q):02d}": np.quantile(values, q, axis=0).astype(np.float32) for q in quantiles}
        before, after = checkpoint.make_processors(policy.config, stats, words)
        checkpoint.save(tmp_path / folder, policy, before, after, spec, words)
    with pytest.raises(ConfigError, match="normalised by quantiles, and its statistics hold only .*mean"):
        export_onnx(checkpoint.load(tmp_path / "without"), tmp_path / "none")
    loaded = checkpoint.load(tmp_path / "with")
    card = export_onnx(loaded, tmp_path / "onnx")
    report = compare(loaded.folder, tmp_path / "onnx", "onnx", observations(card, 3))
    assert card.variant == "pi05" and report["cosine"] > 0.999999 and report["max_rad"] < 1e-4, report


def test_changed_export_is_refused(exported, tmp_path):
    for file in exported.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    whole = (exported / "prefix.onnx").read_bytes()
    (tmp_path / "prefix.onnx").write_bytes(whole + b"\0")
    with pytest.raises(ConfigError, match="prefix.onnx: not an ONNX file"):
        load_backend(tmp_path)
    middle = len(whole) // 2  # a weight
    (tmp_path / "prefix.onnx").write_bytes(whole[:middle] + bytes((whole[middle] ^ 1,)) + whole[middle + 1 :])
    with pytest.raises(ConfigError, match="prefix.onnx was changed after its card was written"):
        load_backend(tmp_path)


def quantised(exported: Path, out: Path, precision: str, calibration=None):
    """The backend of the exported graphs in `precision`, written to `out`."""
    from policies.chunk.backends.card import embed_card, read_card
    from training.pi0.quantise import to_fp16, to_int8

    out.mkdir()
    (out / "tokenizer.json").write_bytes((exported / "tokenizer.json").read_bytes())
    for name in ("prefix.onnx", "step.onnx"):
        if precision == "fp16":
            to_fp16(exported / name, out / name)
        else:
            to_int8(exported / name, out / name, calibration if name == "step.onnx" else None)
    embed_card(out, dataclasses.replace(read_card(exported), precision=precision))
    return load_backend(out)


def error_of(backend, exported: Path) -> float:
    """Root mean square of the difference to the float32 graphs, in units of the actions' spread."""
    from training.pi0.parity import observations

    wanted, errors = load_backend(exported), []
    for seed, (observation, prompt) in enumerate(observations(wanted.card, 3)):
        errors.append(backend.predict(observation, prompt, seed=seed) - wanted.predict(observation, prompt, seed=seed))
    return float(np.sqrt(np.mean((np.concatenate(errors) / np.array(wanted.card.action_scale)) ** 2)))


@pytest.mark.parametrize(("precision", "error"), [("fp32", 1e-3), ("fp16", 0.05), ("int8", 0.2)])
def test_graphs_for_an_engine_hold_what_tensorrt_reads(tiny, exported, dataset, tmp_path, precision, error):
    """No double precision, no running sum of integers; int8 with explicit scales without offsets, and no dynamic ones."""
    import onnx
    from onnx import TensorProto, numpy_helper

    from training.pi0.export import export_onnx
    from training.pi0.quantise import calibration_inputs

    loaded = checkpoint.load(tiny)
    calibration = calibration_inputs(loaded, dataset, count=8) if precision == "int8" else None
    export_onnx(loaded, tmp_path, precision=precision, engine=True, calibration=calibration)
    for name in ("prefix.onnx", "step.onnx"):
        model = onnx.shape_inference.infer_shapes(onnx.load(tmp_path / name), strict_mode=True)
        kinds = {one.name: one.type.tensor_type.elem_type for one in [*model.graph.value_info, *model.graph.input]}
        held = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
        assert TensorProto.DOUBLE not in kinds.values() and not any(one.dtype == np.float64 for one in held.values())
        ops = {node.op_type for node in model.graph.node}
        assert not ops & {"DynamicQuantizeLinear", "MatMulInteger"}
        real = (TensorProto.FLOAT, TensorProto.FLOAT16)
        assert all(kinds[node.input[0]] in real for node in model.graph.node if node.op_type == "CumSum")
        scaled = [node for node in model.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
        assert bool(scaled) == (precision == "int8" and name == "step.onnx")
        assert all(held[node.input[2]].dtype == np.int8 and not held[node.input[2]].any() for node in scaled)
    assert "CumSum" in {node.op_type for node in onnx.load(tmp_path / "prefix.onnx").graph.node}
    assert error_of(load_backend(tmp_path), exported) < error


def test_int8_engines_want_calibration(tiny, tmp_path):
    from training.pi0.export import export_onnx

    with pytest.raises(ConfigError, match="int8 engines need recorded observations, and are for pi0: give --calibration"):
        export_onnx(checkpoint.load(tiny), tmp_path, precision="int8", engine=True)


def test_graphs_for_an_engine_whose_weights_lie_beside_it(tmp_path, monkeypatch):
    """As at full size: the time's frequencies are among them."""
    from training.pi0.export import export_onnx

    monkeypatch.setattr("training.pi0.onnx_graphs.LARGE", 1000)
    monkeypatch.setattr("training.pi0.quantise.LARGE", 1000)
    spec, words = dataclasses.replace(SPEC, expert_width=128), tmp_path / "words"
    words.mkdir()
    train_tokenizer(vocabulary(TASKS), words, spec.vocab)
    policy = seeded(spec, chunk=10, source=28)
    before, after = checkpoint.make_processors(policy.config, synthetic().stats(), words)
    checkpoint.save(tmp_path / "wide", policy, before, after, spec, words)
    loaded = checkpoint.load(tmp_path / "wide")
    export_onnx(loaded, tmp_path / "plain")
    for precision, error in (("fp32", 1e-3), ("fp16", 0.05)):
        card = export_onnx(loaded, tmp_path / precision, precision=precision, engine=True)
        assert "step.onnx.data" in card.files and error_of(load_backend(tmp_path / precision), tmp_path / "plain") < error


def test_a_checkpoint_in_bfloat16_is_exported_in_single_precision(tiny, exported, dataset, tmp_path):
    """bfloat16 is what fine-tuning leaves, and ONNX Runtime does not compute in it."""
    from training.pi0.export import export_onnx
    from training.pi0.quantise import calibration_inputs

    loaded = checkpoint.load(tiny)
    loaded.policy.bfloat16()
    loaded.policy.config.dtype = "bfloat16"
    export_onnx(loaded, tmp_path / "half")
    assert error_of(load_backend(tmp_path / "half"), exported) < 0.05
    loaded.policy.bfloat16()
    loaded.policy.config.dtype = "bfloat16"
    assert calibration_inputs(loaded, dataset, count=2)[0]["k"].dtype == np.float32


def test_exporting_again_into_the_same_folder(tiny, tmp_path):
    from training.pi0.export import main

    for _ in range(2):
        main([str(tiny), "--out", str(tmp_path / "pi0"), "--samples", "1", "--runs", "0"])
    assert load_backend(tmp_path / "pi0").card.files["parity.json"]
    with pytest.raises(ConfigError, match="--calibration is for --precision int8, not fp32"):
        main([str(tiny), "--out", str(tmp_path / "pi0"), "--calibration", str(tmp_path)])


def test_relative_actions_are_not_exported_as_absolute_ones(tiny, tmp_path):
    from training.pi0.export import export_onnx

    loaded = checkpoint.load(tiny)
    loaded.policy.config.use_relative_actions = True
    with pytest.raises(ConfigError, match="its actions are relative to the state, which the graphs do not add"):
        export_onnx(loaded, tmp_path)


def test_a_relative_policy_goes_on_from_the_chunk_before(tiny, exported, tmp_path):
    from policies.chunk.backends.lerobot.backend import LeRobotBackend
    from training.pi0.parity import observations

    loaded = checkpoint.load(tiny)
    loaded.policy.config.use_relative_actions = True
    before, after = checkpoint.make_processors(loaded.policy.config, synthetic().stats(), tiny / "tokenizer")
    checkpoint.save(tmp_path, loaded.policy, before, after, loaded.spec, tiny / "tokenizer")
    ours = load_backend(exported)
    backend = LeRobotBackend(tmp_path, joints=ours.joints)
    ((seen, prompt),) = observations(ours.card, 1)
    free = backend.predict(seen, prompt, seed=5)
    np.testing.assert_allclose(free - seen.joint_pos, ours.predict(seen, prompt, seed=5), atol=1e-4)
    previous = free[2:] + 0.3
    guided = backend.predict(seen, prompt, previous=previous, delay_steps=2, seed=5)
    assert np.abs(guided[:2] - previous[:2]).max() < 0.2 * np.abs(free[:2] - previous[:2]).max()


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize(("precision", "error"), [("fp16", 0.05), ("int8", 0.2)])
def test_smaller_graphs_are_near(exported, tmp_path, monkeypatch, precision, error, large):
    """`large`: as if the weights were beyond 2 GB, and so beside the graph."""
    if large:
        monkeypatch.setattr("training.pi0.quantise.LARGE", 1000)
    backend = quantised(exported, tmp_path / "small", precision)
    assert error_of(backend, exported) < error
    assert (("step.onnx.data" in backend.card.files), backend.card.precision) == (large, precision)
    sizes = [sum(file.stat().st_size for file in folder.glob("*.onnx*")) for folder in (tmp_path / "small", exported)]
    assert sizes[0] < 0.8 * sizes[1]


def test_calibrated_int8_is_near(tiny, exported, dataset, tmp_path):
    from training.pi0.quantise import calibration_inputs

    inputs = calibration_inputs(checkpoint.load(tiny), dataset, count=8)
    assert error_of(quantised(exported, tmp_path / "small", "int8", inputs), exported) < 0.2


def test_tensorrt_says_what_it_needs(exported, tmp_path):
    with contextlib.suppress(ImportError):
        import tensorrt  # noqa: F401

        pytest.skip("TensorRT is here")
    from training.pi0.tensorrt_engines import build_engines

    with pytest.raises(ConfigError, match="the extra `gpu`: uv sync --inexact --extra gpu"):
        build_engines(exported, tmp_path)
