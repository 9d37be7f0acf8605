"""The IMU: its bytes, finding back into the stream, mounting, age and configuration; over memory and a pseudo-terminal."""

from tests.needs import needs

pytestmark = needs("robot", "serial")

import math
import struct

import numpy as np
import pytest
import serial
from hypothesis import example, given
from hypothesis import strategies as st

from arbiter.errors import RobotError
from deploy.drivers.can.hardware_file import ImuConfig
from deploy.drivers.sensors import imu_protocol as protocol
from deploy.drivers.sensors.imu import FEW, FROZEN_AFTER, Imu, mean_acceleration, mean_ang_vel, multiply, open_imu, rotate
from deploy.rig.serial_line import PtyPort
from deploy.rig.simulated_imu import MemoryPort, SimulatedImu

UPRIGHT, STILL = np.array((1.0, 0.0, 0.0, 0.0)), np.zeros(3)


def pair(noise=0.0, **config):
    mine, host = MemoryPort.pair()
    config = ImuConfig(**config)
    return SimulatedImu(mine, config.mounting, noise=noise), Imu(config, host)


def test_golden_frame():
    """By hand: acceleration (0, 0, 1 g), 25 °C: words 0, 0, 2048, 2500."""
    frame = bytes.fromhex("5551 0000 0000 0008 c409") + bytes(((0x55 + 0x51 + 0x08 + 0xC4 + 0x09) & 0xFF,))
    assert protocol.encode(0x51, (0, 0, 2048, 2500)) == frame
    assert protocol.Parser().feed(frame) == [(0x51, (0, 0, 2048, 2500))]
    acceleration, temperature = protocol.acceleration_of((0, 0, 2048, 2500))
    assert acceleration == (0.0, 0.0, pytest.approx(9.80665)) and temperature == 25.0
    assert protocol.angular_velocity_of((16384, 0, -16384, 0)) == pytest.approx((math.radians(1000), 0, -math.radians(1000)))
    assert protocol.command(protocol.UNLOCK, protocol.UNLOCK_KEY) == bytes.fromhex("ffaa6988b5")
    assert protocol.command(protocol.RATE, protocol.RATES[200]) == bytes.fromhex("ffaa030b00")


WORD = st.integers(-32768, 32767)
FRAME = st.tuples(st.sampled_from((0x51, 0x52, 0x53, 0x59)), st.tuples(WORD, WORD, WORD, WORD))


@given(st.lists(FRAME, max_size=6), st.lists(st.integers(0, 70), max_size=6))
def test_frames_come_whole_however_the_bytes_are_cut(frames, cuts):
    data, parser, taken = b"".join(protocol.encode(*frame) for frame in frames), protocol.Parser(), []
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    for begin, end in zip(edges, edges[1:], strict=False):
        taken += parser.feed(data[begin:end])
    assert taken == frames and parser.count.skipped == 0


@given(st.integers(0, 43), st.binary(max_size=5))
@example(lost=37, foreign=b"X")  # 0x58 is by chance the checksum of the frame that lost its byte
@example(lost=0, foreign=b"")
def test_finds_back_after_a_lost_byte_or_foreign_bytes(lost, foreign):
    good = [(0x52, (1, 2, 3, 4)), (0x59, (32767, 0, 0, 0))]
    data = bytearray(b"".join(protocol.encode(*frame) for frame in good * 2))
    del data[lost % len(data)]
    stream = bytes(data) + foreign + b"".join(protocol.encode(*frame) for frame in good * 3)
    parser = protocol.Parser()
    frames = parser.feed(stream)
    assert frames[-4:] == (good * 2)[-4:]
    # Every byte is part of a frame or counted as skipped. One checksum in 256 fits by chance: such a frame is taken, and
    # nothing is skipped.
    assert len(stream) == protocol.SIZE * len(frames) + parser.count.skipped
    assert all(protocol.encode(*frame) in stream for frame in frames)


def test_a_slower_reader_has_the_mean_acceleration_since_its_last_look():
    (simulated, imu), samples = pair(), []
    for k in range(4):
        simulated.step(0.005 * k, UPRIGHT, STILL, np.array((0.01 * k, 0.0, 0.05 * k)), 0.005 * k)
        imu.poll(0.005 * k)
        samples.append(imu.sample)
    first = samples[0]
    assert first.acc == pytest.approx((0.0, 0.0, 9.80665), abs=1e-2)
    assert imu.sample.acc == pytest.approx((2.0, 0.0, 10.0), abs=1e-2)
    assert mean_acceleration(imu.sample, first) == pytest.approx((2.0, 0.0, 10.0), abs=1e-2)
    assert mean_acceleration(imu.sample, imu.sample) is imu.sample.acc and mean_acceleration(first, None) is first.acc


@given(st.lists(st.tuples(st.floats(0.004, 0.02), *[st.floats(-10.0, 10.0)] * 3), min_size=1, max_size=8))
def test_a_slower_reader_has_the_mean_angular_velocity_since_its_last_look(course):
    """Times the time since then it is the rotation: the area under the samples, however far they lie apart."""
    half = math.sqrt(0.5)
    (simulated, imu), now = pair(mounting=(half, 0.0, 0.0, half)), 0.0
    simulated.step(now, UPRIGHT, STILL)
    imu.poll(now)
    first, last, area = imu.sample, STILL, np.zeros(3)
    for step, *rate in course:
        now += max(step, 0.005)
        simulated.step(now, UPRIGHT, np.array(rate))
        imu.poll(now)
        area += 0.5 * max(step, 0.005) * (last + rate)
        last = np.array(rate)
    assert imu.sample.stamp == now
    mean = mean_ang_vel(imu.sample, first)
    if len(course) < FEW:
        assert mean is None, "one sample told as the mean is worse than none"
    else:
        np.testing.assert_allclose(now * mean, area, atol=0.002 * now)
    assert mean_ang_vel(imu.sample, imu.sample) is None and mean_ang_vel(first, None) is None


def test_wrong_checksums_are_not_taken():
    frame = bytearray(protocol.encode(0x52, (1, 2, 3, 4)))
    frame[5] ^= 1
    parser = protocol.Parser()
    assert parser.feed(bytes(frame)) == [] and parser.count.bad_checksums == 1


@given(st.floats(-3, 3), st.floats(-1.4, 1.4), st.floats(-3, 3))
def test_orientation_and_angular_velocity_come_through(roll, pitch, yaw):
    quat = protocol.quaternion_of_angles(tuple(int(a / math.pi * 32767) for a in (roll, pitch, yaw)) + (0,))
    simulated, imu = pair()
    simulated.step(0.0, np.array(quat), np.array((0.5, -1.0, 2.0)))
    imu.poll(0.001)
    assert abs(np.dot(imu.sample.quat, quat)) > 0.99999
    np.testing.assert_allclose(imu.sample.ang_vel, (0.5, -1.0, 2.0), atol=0.002)
    up = rotate((quat[0], -quat[1], -quat[2], -quat[3]), (0.0, 0.0, 9.80665))
    np.testing.assert_allclose(imu.sample.acc, up, atol=0.02)


def test_mounting_turns_the_sensors_axes_into_the_bases():
    """Mounted upside down and turned: the driver must tell the base's orientation all the same."""
    half = math.sqrt(0.5)
    for mounting in ((0.0, 1.0, 0.0, 0.0), (half, 0.0, 0.0, half), (0.5, 0.5, 0.5, 0.5)):
        simulated, imu = pair(mounting=mounting)
        quat = (math.cos(0.2), 0.0, math.sin(0.2), 0.0)
        simulated.step(0.0, np.array(quat), np.array((0.1, 0.2, 0.3)))
        imu.poll(0.0)
        assert abs(np.dot(imu.sample.quat, quat)) > 0.9999
        np.testing.assert_allclose(imu.sample.ang_vel, (0.1, 0.2, 0.3), atol=0.002)


def test_angles_serve_where_there_is_no_quaternion():
    simulated, imu = pair()
    simulated.content &= ~protocol.CONTENT_BITS[protocol.QUATERNION]
    quat = (math.cos(0.3), math.sin(0.3), 0.0, 0.0)
    simulated.step(0.0, np.array(quat), STILL)
    imu.poll(0.0)
    assert abs(np.dot(imu.sample.quat, quat)) > 0.9999


def test_what_is_no_orientation_is_not_taken():
    _, imu = pair()
    imu.feed(protocol.encode(0x52, (0, 0, 0, 0)) + protocol.encode(0x59, (100, 0, 0, 0)), 1.0)
    assert imu.sample is None


def test_age_silence_frozen_unplugged():
    simulated, imu = pair(noise=0.01)
    assert imu.age(0.0) == math.inf and imu.fault(0.0) == "imu silent"
    now = 0.0
    for _ in range(10):
        now += 0.005
        simulated.step(now, UPRIGHT, STILL)
        imu.poll(now)
    assert imu.fault(now) == "" and imu.age(now + 0.01) == pytest.approx(0.01)
    assert imu.fault(now + 0.051) == "imu silent"
    simulated.frozen = True
    for k in range(FROZEN_AFTER + 1):
        assert imu.fault(now) == ("" if k < FROZEN_AFTER else "imu frozen")
        now += 0.005
        simulated.step(now, UPRIGHT, STILL)
        imu.poll(now)
    imu.port.close()
    imu.poll(now)
    assert imu.fault(now) == "imu unplugged"


@pytest.mark.parametrize("wrong", ["corrupt", "lose"])
def test_a_bad_line_gives_fewer_readings_but_no_wrong_ones(wrong):
    simulated, imu = pair(noise=0.001)
    setattr(simulated, wrong, 0.3)
    stamps = set()
    for k in range(400):
        simulated.step(0.005 * k, UPRIGHT, STILL)
        imu.poll(0.005 * k)
        if imu.sample:
            stamps.add(imu.sample.stamp)
            assert abs(imu.sample.quat[0]) > 0.9999 and np.abs(imu.sample.ang_vel).max() < 0.02
    assert 80 < len(stamps) < 380 and imu.count.skipped > 0


def test_configuration_needs_the_key_and_reaches_the_device():
    simulated, imu = pair(rate_hz=100)
    imu.port.write(protocol.command(protocol.RATE, protocol.RATES[50]))
    simulated.step(0.0, UPRIGHT, STILL)
    assert simulated.rate_hz == 200  # not unlocked
    imu.configure(wait=lambda _: simulated.step(0.0, UPRIGHT, STILL))
    assert simulated.rate_hz == 100
    with pytest.raises(RobotError, match="rate 33 Hz; allowed: 10"):
        pair(rate_hz=33)[1].configure()


def test_mounting_must_be_a_rotation():
    with pytest.raises(RobotError, match="mounting .* has length 2.000"):
        pair(mounting=(2.0, 0.0, 0.0, 0.0))


def test_over_a_pseudo_terminal():
    """pyserial at one end, the simulated device at the other; the bytes cross the kernel."""
    line = PtyPort()
    simulated = SimulatedImu(line, noise=0.0)
    imu = open_imu(ImuConfig(port=line.path))
    assert isinstance(imu.port, serial.Serial) and imu.port.baudrate == 460800
    for k in range(2000):
        simulated.step(0.005 * k, UPRIGHT, np.array((0.0, 0.0, 1.0)))
        imu.poll(0.005 * k)
        if imu.sample:
            break
    np.testing.assert_allclose(imu.sample.ang_vel, (0.0, 0.0, 1.0), atol=0.002)
    imu.close()
    line.close()


def test_a_port_that_is_not_there_names_the_way_out():
    with pytest.raises(RobotError, match="cannot open /dev/no-such-imu: .*udev rule"):
        open_imu(ImuConfig(port="/dev/no-such-imu"))


def test_quaternion_product_by_hand():
    i, j, k = (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)
    assert multiply(i, j) == k and multiply(j, i) == (0, 0, 0, -1)
    assert struct.calcsize("<BBhhhhB") == protocol.SIZE
