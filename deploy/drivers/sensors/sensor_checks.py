"""Pre-flight of IMU and camera."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from arbiter.errors import RobotError
from deploy.drivers.checks import Check, attempt, failed, passed, warned
from deploy.drivers.sensors.imu import Imu

LISTEN = 0.5  # [s]
GRAVITY = 9.80665
UPRIGHT = 0.35  # [rad] from the vertical that a robot on its harness may hang
QUIET = 0.2  # [rad/s]


def check_imu(imu: Imu | None, wait: Callable[[float], None], clock: Callable[[], float]) -> list[Check]:
    """Rate, age, gravity, tilt and rest of the IMU."""
    if imu is None:
        return [failed("imu", "none is configured", "add imu: to hardware.yaml; the robot cannot balance without")]
    stamps, began = set(), clock()
    for _ in range(round(LISTEN / 0.002)):
        wait(0.002)
        imu.poll(clock())
        if imu.sample is not None:
            stamps.add(imu.sample.stamp)
    sample, rate = imu.sample, len(stamps) / (clock() - began)
    if sample is None:
        return [
            failed(
                "imu",
                f"no reading ({imu.count.frames} frames, {imu.count.skipped} bytes skipped)",
                "check its cable; a wrong baud rate skips every byte",
            )
        ]
    found = []
    if fault := imu.fault(clock()):
        found.append(failed("imu", fault, "check its cable and switch it off and on"))
    if rate < 0.5 * imu.config.rate_hz:
        found.append(
            warned(
                "imu",
                f"{rate:.0f} readings a second, {imu.config.rate_hz} are asked for",
                "python -m deploy.calibrate imu writes rate and content into it",
            )
        )
    if imu.count.bad_checksums > 0.02 * max(1, imu.count.frames):
        found.append(
            warned("imu", f"{imu.count.bad_checksums} of {imu.count.frames} checksums are wrong", "change the USB cable")
        )
    found += _rest(sample.quat, sample.ang_vel, sample.acc)
    return found or [passed("imu", f"{rate:.0f} Hz, upright within {tilt(sample.quat):.2f} rad, at rest")]


def tilt(quat: np.ndarray) -> float:
    """Angle between the base's z axis and the vertical [rad]."""
    return math.acos(max(-1.0, min(1.0, 1.0 - 2.0 * (quat[1] ** 2 + quat[2] ** 2))))


def _rest(quat: np.ndarray, ang_vel: np.ndarray, acc: np.ndarray) -> list[Check]:
    found = []
    if np.isfinite(acc).all() and abs(np.linalg.norm(acc) - GRAVITY) > 1.0:
        found.append(warned("imu gravity", f"{np.linalg.norm(acc):.1f} m/s²; 9.8 is expected at rest", "keep the robot still"))
    if tilt(quat) > UPRIGHT:
        found.append(
            failed("imu tilt", f"{tilt(quat):.2f} rad from the vertical", "hang the robot upright, or mend imu.mounting")
        )
    if np.isfinite(acc).all() and acc[2] < 0.5 * GRAVITY and tilt(quat) <= UPRIGHT:
        found.append(
            failed("imu mounting", "orientation says upright, acceleration does not", "mend imu.mounting in hardware.yaml")
        )
    if np.linalg.norm(ang_vel) > QUIET:
        found.append(warned("imu rest", f"turns at {np.linalg.norm(ang_vel):.2f} rad/s", "keep the robot still"))
    return found


def check_camera(config, wait: Callable[[float], None]) -> list[Check]:
    """Opens the camera and waits for a valid picture. `config`: a CameraConfig."""
    from deploy.drivers.sensors.camera import Camera

    def look() -> Check:
        camera = Camera(config)
        try:
            for _ in range(100):
                wait(0.03)
                if camera() is not None and camera.captured > 20:
                    return passed("camera", f"{config.source!r}: {camera.captured} pictures, none black or frozen")
            if camera.fault:
                raise RobotError(f"camera: {camera.fault.removeprefix('camera ')}; check lens cap, light and cable")
            return warned("camera", f"only {camera.captured} pictures in 3 s", "check the USB port (USB 3) and the exposure")
        finally:
            camera.close()

    return attempt("camera", look)
