"""Camera capture: pictures, stamps, faults, exposure; a scripted device and a real video file."""

from tests.needs import needs

pytestmark = needs("robot", "cv2")

import itertools
import time

import cv2
import numpy as np
import pytest

from arbiter.errors import ConfigError, RobotError
from deploy.drivers.sensors.camera import (
    FROZEN_AFTER,
    Blind,
    Camera,
    CameraConfig,
    PictureWatch,
    config_of,
    lock_exposure,
    open_device,
    square,
)

RANDOM = np.random.default_rng(0)


def picture(level=None):
    if level is not None:
        return np.full((48, 64, 3), level, np.uint8)
    return RANDOM.integers(0, 255, (48, 64, 3), dtype=np.uint8)


class ScriptedDevice:
    """Gives what the script says; None is a failed read."""

    def __init__(self, script):
        self.script, self.released, self.values = iter(script), False, {cv2.CAP_PROP_EXPOSURE: 100.0}

    def isOpened(self):
        return True

    def read(self):
        item = next(self.script, None)
        time.sleep(0.001)
        return (item is not None, item)

    def get(self, what):
        return self.values.get(what, 0.0)

    def set(self, what, value):
        self.values[what] = value
        return True

    def release(self):
        self.released = True


def wait_for(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.002)


def test_pictures_come_stamped_rgb_and_read_only():
    blue = np.zeros((48, 64, 3), np.uint8)
    blue[..., 0] = 200  # BGR
    stamps = itertools.count(1.0)
    camera = Camera(
        CameraConfig(width=24, height=24), lambda _: ScriptedDevice(itertools.cycle((blue, blue + 1))), clock=lambda: next(stamps)
    )
    wait_for(lambda: camera() is not None)
    frame = camera()
    assert frame.image.shape == (24, 24, 3) and frame.image.dtype == np.uint8 and not frame.image.flags.writeable
    assert frame.image[..., 2].min() >= 200 and frame.image[..., 0].max() <= 1
    wait_for(lambda: camera().stamp > frame.stamp)
    camera.close()
    camera.close()


def test_the_middle_is_cut_out_and_not_squeezed():
    wide = np.zeros((40, 100, 3), np.uint8)
    wide[:, 30:70] = 255
    assert square(wide, 20, 20).min() == 255
    upside = np.zeros((40, 40, 3), np.uint8)
    upside[:20, :20, 0] = 255
    assert square(upside, 2, 2, flip=True)[1, 1, 2] == 255


def test_frozen_and_black_pictures_are_not_handed_out():
    watch, still = PictureWatch(), picture()
    assert [watch.look(still) for _ in range(FROZEN_AFTER + 1)] == [""] * FROZEN_AFTER + ["camera frozen"]
    assert watch.look(picture()) == ""
    assert watch.look(picture(level=1)) == "camera black"
    camera = Camera(CameraConfig(), lambda _: ScriptedDevice(itertools.repeat(still)))
    wait_for(lambda: camera.fault == "camera frozen")
    assert camera() is None
    camera.close()


def test_a_camera_that_was_unplugged_is_opened_again():
    devices = [ScriptedDevice([picture(), None]), ScriptedDevice(picture() for _ in range(100_000))]
    first = devices[0]
    camera = Camera(CameraConfig(), lambda _: devices.pop(0))
    wait_for(lambda: camera.fault == "camera gone")
    assert camera() is None and first.released
    wait_for(lambda: camera.reopened == 1 and camera() is not None)
    camera.close()


def test_a_video_file_plays_again_and_again(tmp_path):
    path = tmp_path / "video.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 200.0, (64, 48))
    for _ in range(8):
        writer.write(picture())
    writer.release()
    camera = Camera(CameraConfig(source=str(path), backend="file", width=32, height=32))
    wait_for(lambda: camera.captured > 20)
    assert camera().image.shape == (32, 32, 3) and camera.reopened == 0
    camera.close()


def test_exposure_is_locked_or_refused():
    device = ScriptedDevice([])
    lock_exposure(device, CameraConfig(exposure=50.0))
    assert device.values[cv2.CAP_PROP_EXPOSURE] == 50.0 and device.values[cv2.CAP_PROP_AUTO_WB] == 0
    untouched = ScriptedDevice([])
    lock_exposure(untouched, CameraConfig())
    assert cv2.CAP_PROP_AUTO_EXPOSURE not in untouched.values
    stubborn = ScriptedDevice([])
    stubborn.set = lambda what, value: True
    with pytest.raises(RobotError, match="exposure stays at 100, 50 was asked for; `v4l2-ctl"):
        lock_exposure(stubborn, CameraConfig(exposure=50.0))


def test_errors_name_the_way_out(tmp_path):
    with pytest.raises(RobotError, match="cannot be opened; is it plugged in"):
        open_device(CameraConfig(source=str(tmp_path / "none.avi"), backend="file"))
    with pytest.raises(ConfigError, match="camera backend 'vfl2'; allowed: auto, v4l2, gstreamer, file"):
        CameraConfig(backend="vfl2")
    with pytest.raises(ConfigError, match="up to 4096 x 4096"):
        CameraConfig(width=0)


def test_what_a_source_on_the_command_line_means(tmp_path):
    (tmp_path / "film.mp4").write_bytes(b"")
    film = config_of(str(tmp_path / "film.mp4"))
    assert film.backend == "file", "played at its own pace, again and again"
    assert config_of("http://127.0.0.1:80/head.mjpg").backend == "auto"
    assert config_of("2").source == 2 and config_of("/dev/video1").source == "/dev/video1"
    assert config_of("none") is None and Blind()() is None
