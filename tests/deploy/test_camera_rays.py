"""Pictures by ray casting: geometry, repeatability, errors, and the film."""

import os

import mujoco
import numpy as np
import pytest

from arbiter.errors import ConfigError, RobotError
from deploy.drivers.sensors.raycast import RayCaster, look_at, new_view
from deploy.drivers.sensors.shapes import SHAPES
from deploy.drivers.sensors.sim_camera import SimCamera, gl_can_start
from deploy.drivers.simulated.scene import BALL_RADIUS
from deploy.drivers.simulated.simulated_robot import Scene, SimulatedRobot
from deploy.robots.description import load_model

MODEL = load_model()


@pytest.fixture(scope="module")
def robot() -> SimulatedRobot:
    return SimulatedRobot(MODEL, hanging=False)


def coloured(picture: np.ndarray, channel: int) -> np.ndarray:
    """Rows and columns of pixels in which one channel stands out."""
    others = np.delete(picture.astype(int), channel, axis=2).max(axis=2)
    return np.argwhere(picture[..., channel].astype(int) - others > 40)


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("sphere", (0.3,)),
        ("box", (0.2, 0.3, 0.1)),
        ("capsule", (0.1, 0.3)),
        ("cylinder", (0.2, 0.3)),
        ("ellipsoid", (0.3, 0.2, 0.1)),
    ],
)
def test_shapes_are_met_where_mujoco_meets_them(kind, size):
    numbers = " ".join(map(str, size))
    model = mujoco.MjModel.from_xml_string(
        f'<mujoco><worldbody><geom type="{kind}" size="{numbers}" pos=".1 .2 .1" euler="20 30 40"/></worldbody></mujoco>'
    )
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    intersect, normal = SHAPES[mujoco.mjtGeom(model.geom_type[0])]
    matrix, centre = data.geom_xmat[0].reshape(3, 3), data.geom_xpos[0]
    rng = np.random.default_rng(0)
    start = np.array((1.5, -1.0, 0.8))
    rays = centre - start + rng.normal(0.0, 0.15, (300, 3))
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    found = intersect(matrix.T @ (start - centre), rays @ matrix, model.geom_size[0])
    geom, surface = np.zeros(1, np.int32), np.zeros(3)
    hits = 0
    for ray, distance in zip(rays, found, strict=True):
        expected = mujoco.mj_ray(model, data, start, ray, None, True, -1, geom, surface)
        assert (distance == np.inf) == (expected < 0)
        if expected >= 0:
            hits += 1
            assert distance == pytest.approx(expected, abs=1e-6)
            point = matrix.T @ (start + distance * ray - centre)
            ours = matrix @ normal(point[None], model.geom_size[0])[0]
            np.testing.assert_allclose(ours / np.linalg.norm(ours), surface, atol=1e-5)
    assert 30 < hits < 300


def test_a_ray_from_inside_misses():
    for intersect, _ in SHAPES.values():
        assert intersect(np.zeros(3), np.array([[1.0, 0.0, 0.0]]), np.array((0.2, 0.3, 0.1)))[0] == np.inf


def test_rays_go_through_the_pixels_centres():
    view = new_view(4, 2, np.pi / 2)
    np.testing.assert_allclose(view.rays[0, 0] / -view.rays[0, 0, 2], (-1.5, 0.5, -1.0), atol=1e-6)
    np.testing.assert_allclose(view.rays[1, 3] / -view.rays[1, 3, 2], (1.5, -0.5, -1.0), atol=1e-6)


def test_head_sees_the_balls_where_they_are(robot):
    camera = SimCamera(robot.mj_model)
    picture = camera.render(robot.pose)
    assert picture.shape == (224, 224, 3) and picture.dtype == np.uint8
    data = mujoco.MjData(robot.mj_model)
    data.qpos[:] = robot.pose.qpos
    mujoco.mj_kinematics(robot.mj_model, data)
    mujoco.mj_camlight(robot.mj_model, data)
    eye, axes = data.cam_xpos[0], data.cam_xmat[0].reshape(3, 3)
    edge = np.tan(0.5 * np.radians(robot.mj_model.cam_fovy[0]))
    for channel, colour in enumerate(("red", "green", "blue")):
        right, up, backward = axes.T @ (robot.truth.balls[colour] - eye)
        column, row = 112 * (1 + right / -backward / edge), 112 * (1 - up / -backward / edge)
        radius = 112 * BALL_RADIUS / -backward / edge
        seen = {tuple(spot) for spot in coloured(picture, channel)}
        for dx, dy in ((0.0, 0.0), (0.7, 0.0), (-0.7, 0.0), (0.0, 0.7), (0.0, -0.7)):
            assert (int(row + radius * dy), int(column + radius * dx)) in seen, f"no {colour} where the ball is"
        for dx, dy in ((2.0, 0.0), (-2.0, 0.0), (0.0, 2.0), (0.0, -2.0)):
            assert (int(row + radius * dy), int(column + radius * dx)) not in seen, f"{colour} beside the ball"


def test_a_ball_put_elsewhere_is_seen_elsewhere():
    robot = SimulatedRobot(MODEL, hanging=False)
    camera = SimCamera(robot.mj_model, width=64, height=64)
    before = coloured(camera.render(robot.pose), 0).mean(axis=0)
    robot.set_balls({"red": (0.3, 0.0, 0.75)})
    column = coloured(camera.render(robot.pose), 0).mean(axis=0)[1]
    assert column == pytest.approx(31.5, abs=2.0) and abs(column - before[1]) > 8, "straight ahead, and not where it was"


def test_a_hand_before_the_chest_is_seen(robot):
    raised = SimulatedRobot(MODEL, hanging=False, scene=Scene(balls={}))
    camera = SimCamera(raised.mj_model, width=96, height=96)
    down = camera.render(raised.pose)
    q = MODEL.default.copy()
    q[
        [
            MODEL.index("arm_left_shoulder_pitch_joint"),
            MODEL.index("arm_left_shoulder_yaw_joint"),
            MODEL.index("arm_left_elbow_pitch_joint"),
        ]
    ] = (-0.5, -0.6, 1.1)
    raised.reset(joint_pos=q)
    assert (np.abs(camera.render(raised.pose).astype(int) - down).max(axis=2) > 30).mean() > 0.01


def test_repeatable_and_the_same_from_another_camera_object(robot):
    first = SimCamera(robot.mj_model, width=80, height=60)
    assert first.render(robot.pose).shape == (60, 80, 3)
    assert first.render(robot.pose).tobytes() == SimCamera(robot.mj_model, width=80, height=60).render(robot.pose).tobytes()


def test_shadow_is_darker_and_lies_by_the_feet(robot):
    data = mujoco.MjData(robot.mj_model)
    data.qpos[:] = robot.pose.qpos
    data.mocap_pos[:] = 50.0
    mujoco.mj_kinematics(robot.mj_model, data)
    spot = np.array((-0.25, 0.35, 0.0))  # away from the lamp
    eye = spot + (0.0, 0.01, 3.0)
    plain, shaded = (
        RayCaster(robot.mj_model, 40, 40, 0.05, shadows=on).render(data, eye, look_at(eye, spot)).astype(int)
        for on in (False, True)
    )
    assert (plain - shaded).min() >= 0 and (plain - shaded).mean() > 20


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"camera": "chest"}, "camera 'chest': the model has none by that name; it has: head"),
        ({"renderer": "vulkan"}, "renderer 'vulkan'; allowed: rays, opengl, auto"),
        ({"width": 0}, "picture of 0 x 224 pixels; 1 to 2048"),
    ],
)
def test_wrong_options(robot, options, text):
    with pytest.raises(RobotError, match=text):
        SimCamera(robot.mj_model, **options)


def test_opengl_where_it_starts(robot, monkeypatch):
    if not gl_can_start():
        with pytest.raises(RobotError, match="OpenGL does not start here .*; install libegl1 .* or use renderer 'rays'"):
            SimCamera(robot.mj_model, renderer="opengl")
        assert SimCamera(robot.mj_model, renderer="auto").renderer == "rays"
        return
    camera = SimCamera(robot.mj_model, renderer="auto")
    if camera.renderer == "rays":
        pytest.skip(f"OpenGL does not start here (MUJOCO_GL={os.environ.get('MUJOCO_GL', '')!r})")
    for channel in range(3):
        assert len(coloured(camera.render(robot.pose), channel)) > 100
    camera.close()
    camera.close()


@pytest.mark.viewer
def test_a_film_can_be_played(tmp_path, robot):
    av = pytest.importorskip("av", reason="needs PyAV: uv sync --inexact --extra viewer")
    pytest.importorskip("PIL", reason="needs Pillow: uv sync --inexact --extra viewer")
    from deploy.observers.video import BAR, Caption, Film

    moving = SimulatedRobot(MODEL)
    film = Film(tmp_path / "run.mp4", moving.mj_model, fps=10, width=96, height=64)
    for _ in range(25):
        film.add(moving.pose, Caption("walk forward", "walk_forward"))
        moving.step(0.02)
    film.close()
    film.close()
    with av.open(str(tmp_path / "run.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == film.frames == 5 and frames[0].shape == (64 + BAR, 96, 3)
    assert frames[0][:64].std() > 10 and frames[0][64:].max() > 150, "robot above, words below"


@pytest.mark.viewer
def test_a_film_that_cannot_be_made(tmp_path, robot):
    pytest.importorskip("av", reason="needs PyAV: uv sync --inexact --extra viewer")
    from deploy.observers.video import Film

    with pytest.raises(ConfigError, match=r"--video .*run.gif: the name must end in .mp4"):
        Film(tmp_path / "run.gif", robot.mj_model)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        Film(tmp_path / "file" / "run.mp4", robot.mj_model)


def test_a_missing_extra_is_named(tmp_path, robot, monkeypatch):
    import sys

    from deploy.observers.video import Film

    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ConfigError, match="needs PyAV and Pillow, .* the extra `viewer`: uv sync --inexact --extra viewer"):
        Film(tmp_path / "run.mp4", robot.mj_model)


def test_native_window_without_a_display(monkeypatch):
    from deploy.console.native import NativeViewer

    if os.name != "posix":
        pytest.skip("a display is always there")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(ConfigError, match="--viewer native: there is no display .*; use --viewer web"):
        NativeViewer(MODEL)
