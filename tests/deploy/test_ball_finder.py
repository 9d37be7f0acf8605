"""Balls in the head camera's picture: where they are, against the simulation's truth, over many postures."""

from dataclasses import replace

import mujoco
import numpy as np
import pytest

from deploy.drivers.sensors.balls import KEPT, STALE, Sight, finder_of
from deploy.drivers.sensors.sim_camera import SimCamera
from deploy.drivers.simulated.simulated_robot import Pose, SimulatedRobot
from deploy.robots.description import load_model
from deploy.runtime.eyes import OwnEye
from policies.chunk.protocol import CameraFrame
from skills.rotations import rotations

MODEL = load_model("berkeley_humanoid_lite")
COLOURS = ("red", "green", "blue")


@pytest.fixture(scope="module")
def eye():
    """(draws `balls` [m, base frame] in a posture and orientation, the finder)."""
    robot = SimulatedRobot(MODEL, hanging=False)
    camera, standing = SimCamera(robot.mj_model), robot.pose.qpos
    mocap = {colour: robot.mj_model.body(f"ball_{colour}").mocapid[0] for colour in COLOURS}

    def draw(balls, joint_pos=MODEL.default, quat=(1.0, 0.0, 0.0, 0.0), at=(0.0, 0.0)):
        qpos, places = np.array(standing), np.full((len(mocap), 3), (0.0, 0.0, -5.0))
        qpos[:2], qpos[3:7], qpos[7:] = at, quat, joint_pos
        for colour, point in balls.items():
            places[mocap[colour]] = qpos[:3] + rotations(np.array(quat)) @ point
        return camera.render(Pose(0.0, qpos, places))

    return draw, finder_of(MODEL)


def upright(rng):
    """An orientation that leans a little, any heading."""
    yaw, lean = rng.uniform(-np.pi, np.pi), np.array((1.0, *rng.normal(0.0, 0.03, 2), 0.0))
    turned = np.empty(4)
    mujoco.mju_mulQuat(turned, np.array((np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2))), lean / np.linalg.norm(lean))
    return turned


def test_a_ball_is_found_where_it_is(eye):
    draw, finder = eye
    rng, errors, missed = np.random.default_rng(1), [], 0
    for k in range(100):
        points = {c: rng.uniform((0.22, -0.3, 0.5), (0.45, 0.3, 0.78)) for c in COLOURS}
        if min(np.linalg.norm(points[a] - points[b]) for a, b in (("red", "green"), ("red", "blue"), ("green", "blue"))) < 0.12:
            continue
        q = MODEL.default.copy()
        if k % 2:
            q[:10] = rng.uniform(MODEL.lower[:10], MODEL.upper[:10])
        found = finder.find(draw(points, q, upright(rng), rng.uniform(-2.0, 2.0, 2)))
        missed += len(COLOURS) - len(found)
        errors += [np.linalg.norm(found[c] - points[c]) for c in found]
    assert len(errors) > 100 and missed < 0.4 * len(errors), "some are hidden or at the edge"
    assert np.median(errors) < 0.002 and np.percentile(errors, 95) < 0.006 and max(errors) < 0.03


def test_what_is_not_there_is_not_found(eye):
    draw, finder = eye
    rng = np.random.default_rng(2)
    for _ in range(8):  # the robot's own joints are orange, the sky and the floor are bluish
        q = np.array(MODEL.default)
        q[:10] = rng.uniform(MODEL.lower[:10], MODEL.upper[:10])
        assert finder.find(draw({}, q, upright(rng))) == {}
    behind = draw({"red": np.array((-0.4, 0.1, 0.6))})
    assert "red" not in finder.find(behind)


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((224, 224, 3), np.uint8),
        np.full((224, 224, 3), 255, np.uint8),
        np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8),
    ],
)
def test_garbage_is_no_ball(eye, picture):
    for point in eye[1].find(picture).values():
        assert np.isfinite(point).all()


def test_a_picture_of_another_size_serves_as_well(eye):
    draw, finder = eye
    at = np.array((0.30, 0.15, 0.62))
    image = draw({"red": at})
    assert np.linalg.norm(finder.find(image[::2, ::2])["red"] - at) < 0.01
    assert np.linalg.norm(finder.find(image)["red"] - at) < 0.005


def test_sight_looks_once_at_a_picture_and_never_at_an_old_one(eye):
    draw, finder = eye
    frame = CameraFrame(1.0, draw({"red": np.array((0.3, 0.1, 0.6))}))
    frames = [None]
    sight = Sight(lambda: frames[0], finder)
    assert sight(1.0) is None, "no camera"
    frames[0] = frame
    first = sight(1.1)
    assert set(first.balls) == {"red"} and sight(1.2) is first
    assert [kind for kind, _ in sight.take()] == ["sight"] and sight.take() == []
    assert sight(1.0 + KEPT + 0.1) is None, "too old"
    assert Sight(lambda: frame, finder)(1.0 + STALE + 0.1) is None, "too old to be looked at"
    frames[0] = replace(frame, stamp=2.0)
    assert sight(2.0).stamp == 2.0
    assert Sight(lambda: None, None)(1.0).error == "the robot has no head camera"


@pytest.mark.parametrize("image", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3)), np.zeros((0, 8, 3), np.uint8), None])
def test_what_is_no_picture_is_told_as_that(eye, image):
    seen = Sight(lambda: CameraFrame(1.0, image), eye[1])(1.0)
    assert seen.balls == {} and seen.error.startswith("the head camera: ")


@pytest.mark.parametrize("picture", [lambda: None, lambda: np.zeros((8, 8, 3)), lambda: CameraFrame(None, None), lambda: 1 / 0])
def test_the_camera_of_a_driver_gives_a_picture_or_none(picture):
    assert OwnEye(picture)() is None
