"""What a LeRobot checkpoint reads and drives, by the names of its data set; every misfit is one error. Without torch."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from arbiter.errors import ConfigError
from deploy.robots.description import load_model
from policies.chunk.backends.lerobot.interface import DatasetNames, connect, described, write_interface

ROBOT = load_model()
HEAD = "observation.images.head_camera"
ARMS = tuple(joint for joint, inside in zip(ROBOT.joints, ROBOT.groups["arms"], strict=True) if inside)
BOTH = tuple(f"{joint}.{what}" for what in ("pos", "vel") for joint in ROBOT.joints)


def config(kind="act", actions=22, state=44, cameras=(HEAD,), **more):
    sized = {name: SimpleNamespace(shape=(size,)) for name, size in ({"observation.state": state} | more).items() if size}
    pictures = {camera: SimpleNamespace(shape=(3, 64, 64)) for camera in cameras}
    return SimpleNamespace(
        type=kind,
        input_features=sized | pictures,
        image_features=pictures,
        output_features={"action": SimpleNamespace(shape=(actions,))},
    )


def said(actions=ROBOT.joints, state=BOTH, rate=50.0):
    return DatasetNames(tuple(actions), tuple(state), rate, "info.json")


def test_names_of_the_data_set_are_the_joints_in_any_order():
    order = ARMS[::-1]
    names = [f"{joint}.{what}" for joint in order for what in ("vel", "pos")]
    found = connect(config(actions=10, state=20), Path("x"), said([f"{joint}.pos" for joint in order], names, 30.0))
    assert (found.joints, found.rate_hz, found.camera, found.assumed) == (order, 30.0, HEAD, ())
    measured = np.concatenate((np.arange(10.0), 100.0 + np.arange(10.0)))  # positions, velocities
    np.testing.assert_array_equal(measured[found.state][:4], [100.0, 0.0, 101.0, 1.0])


def test_without_names_the_robots_are_assumed_where_their_number_fits():
    found = connect(config(state=22), Path("x"), None, robot=ROBOT)
    assert found.joints == ROBOT.joints and len(found.state) == 22
    assert "the 22 joints of berkeley_humanoid_lite, in its order, are assumed" in found.assumed[0]
    assert "50 rows a second are assumed" in found.assumed[1]
    told = connect(config(actions=10, state=0, cameras=()), Path("x"), None, joints=ARMS, rate_hz=30.0)
    assert (told.assumed, told.camera, len(told.state)) == ((), "", 0)


@pytest.mark.parametrize(
    ("made", "names", "more", "text"),
    [
        (config(actions=7), None, {}, r"does not name the 7 joints that it drives; give `joints` .*arms \(10\).* or `dataset`"),
        (config(actions=10), None, {"joints": ROBOT.joints}, "action has 10 values; 22 are expected for 22 joints"),
        (
            config(state=30),
            None,
            {"joints": ROBOT.joints},
            r"observation.state has 30 values; 44 \(positions, then velocities\) or 22",
        ),
        (
            config(),
            said(ROBOT.joints[::-1]),
            {"joints": ROBOT.joints},
            "joint 0 is 'arm_left.*' in `joints` and 'leg_right.*' in info",
        ),
        (config(), said(), {"rate_hz": 30.0}, "rate_hz is 30 and info.json has 50 frames a second.*leave `rate_hz` out"),
        (config(), said(state=[*BOTH[:43], "gripper.pos"]), {}, "it reads 'gripper.pos'"),
        (config(), said(state=[*BOTH[:43], f"{ROBOT.joints[0]}.effort"]), {}, "it reads 'arm_.*effort'"),
        (config(), said(state=BOTH[:40]), {}, "observation.state has 44 values, and info.json names 40"),
        (config(), said([f"{joint}.vel" for joint in ROBOT.joints]), {}, "its action '.*vel' .*is no joint position"),
        (
            config(cameras=(HEAD, "observation.images.wrist")),
            said(),
            {},
            "reads the cameras .*wrist; this robot has one.*`camera`",
        ),
        (
            config(cameras=(HEAD, "observation.images.wrist")),
            said(),
            {"camera": "wrist"},
            "head_camera beside .*act cannot do without",
        ),
        (config(), said(), {"camera": "wrist"}, "camera 'wrist'; it reads observation.images.head_camera"),
        (config(**{"observation.environment_state": 4}), said(), {}, "observation.environment_state, which is a simulation's"),
        (config(), None, {"joints": ROBOT.joints, "rate_hz": float("nan")}, "rate_hz is nan"),
    ],
)
def test_a_misfit_is_one_error(made, names, more, text):
    with pytest.raises(ConfigError, match=text) as error:
        connect(made, Path("x"), names, robot=ROBOT, **more)
    assert "\n" not in str(error.value)


def test_policies_that_mask_missing_cameras_take_the_one_that_there_is():
    made = config("smolvla", cameras=("observation.images.camera1", "observation.images.camera2"))
    assert connect(made, Path("x"), said(), camera="camera2").camera == "observation.images.camera2"
    padded = config("pi0", cameras=(HEAD, "observation.images.empty_camera_0"))
    assert connect(padded, Path("x"), said()).camera == HEAD


def test_names_come_from_the_file_beside_it_the_data_set_that_was_noted_or_the_one_that_is_named(tmp_path):
    folder, data = tmp_path / "checkpoint", tmp_path / "set"
    (data / "meta").mkdir(parents=True)
    folder.mkdir()
    features = {"action": {"names": {"motors": ["a.pos"]}}, "observation.state": {"names": ["a.pos", "a.vel"]}}
    (data / "meta" / "info.json").write_text(json.dumps({"fps": 30, "features": features}))
    assert described(folder) is None
    (folder / "train_config.json").write_text(json.dumps({"dataset": {"root": str(tmp_path / "none"), "repo_id": "a/b"}}))
    assert described(folder) is None, "it was trained elsewhere"
    (folder / "train_config.json").write_text(json.dumps({"dataset": {"root": str(data), "repo_id": "a/b"}}))
    for found in (described(folder), described(folder, data)):
        assert found and (found.actions, found.state, found.rate_hz) == (("a.pos",), ("a.pos", "a.vel"), 30.0)
    write_interface(folder, features | {"action": {"names": ["b.pos"]}}, 50)
    assert described(folder).actions == ("b.pos",), "what lies beside it counts first"
    with pytest.raises(ConfigError, match="dataset .*none: no meta/info.json there"):
        described(folder, tmp_path / "none")
    (data / "meta" / "info.json").write_text(json.dumps({"fps": "fast", "features": features}))
    with pytest.raises(ConfigError, match="fps is 'fast'"):
        described(folder, data)
