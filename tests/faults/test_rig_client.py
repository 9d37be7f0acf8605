"""The published Python client for these motors talks to the rig, over a socket from another process.

Its own calls where it is installed (`berkeley_humanoid_lite_lowlevel`, MIT); the exact bytes that it sends in any case.
"""

from tests.needs import needs

pytestmark = needs("robot", "can")

import socket
import struct
import time

import can
import pytest
import yaml

from deploy.drivers.can.motor_protocol import MotorMode
from deploy.rig.process import RigProcess

KNEE = 7  # on can2
KNEE_INDEX = 13  # robot order


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    """Motors as they are delivered: a watchdog of 1 s, which the client feeds with its position targets only."""
    with RigProcess(tmp_path_factory.mktemp("rig"), "--body", "joints", "--watchdog", "1000") as process:
        yield process


def open_channel(rig, channel="can2") -> can.BusABC:
    port = yaml.safe_load(rig.hardware_file.read_text())["buses"][0]["port"]
    return can.Bus(interface="socketcand", host="127.0.0.1", port=port, channel=channel)


def answer(bus, identifier, data, expected=0x7FF, seconds=30.0):
    """Sends a frame and waits for the one with the identifier `expected`."""
    bus.send(can.Message(arbitration_id=identifier, data=data, is_extended_id=False))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        message = bus.recv(0.2)
        if message is not None and message.arbitration_id == expected:
            return bytes(message.data)
    raise AssertionError(f"no answer {expected:#x} to {identifier:#x} {data.hex()}")


def test_the_clients_bytes(rig):
    """Recorded from the client's ping, parameters, set_mode, feed and write_read_pdo_2, one session in the order of its
    move_actuator script."""
    bus = open_channel(rig)
    assert answer(bus, 0x207, b"\xca", 0x187) == b"\xca" + bytes(7)
    assert answer(bus, 0x607, bytes.fromhex("400400"), 0x587) == bytes.fromhex("26022520")
    for parameter, value in (("2000", 0.2), ("2800", 0.005), ("3000", 0.2)):
        bus.send(
            can.Message(
                arbitration_id=0x607, data=bytes.fromhex("20" + parameter + "00") + struct.pack("<f", value), is_extended_id=False
            )
        )
        assert answer(bus, 0x607, bytes.fromhex("40" + parameter), 0x587) == struct.pack("<f", value)
    bus.send(can.Message(arbitration_id=0x007, data=b"\x13\x07", is_extended_id=False))
    bus.send(can.Message(arbitration_id=0x707, data=b"", is_extended_id=False))
    begin = time.monotonic()
    while time.monotonic() < begin + 2.5:  # longer than the watchdog, which position targets feed
        position, velocity = struct.unpack("<ff", answer(bus, 0x307, struct.pack("<ff", 0.5, 0.0), 0x287))
    assert rig.modes()[KNEE_INDEX] == (MotorMode.POSITION, 0)
    assert abs(position) < 2.0 and abs(velocity) < 20.0
    bus.send(can.Message(arbitration_id=0x007, data=b"\x01\x07", is_extended_id=False))
    while rig.modes()[KNEE_INDEX][0] != MotorMode.IDLE:
        time.sleep(0.01)
    bus.shutdown()


def test_the_client_itself(rig, monkeypatch):
    recoil = pytest.importorskip("berkeley_humanoid_lite_lowlevel.recoil")
    monkeypatch.setattr(can.interface, "Bus", lambda interface, channel, bitrate: open_channel(rig, channel))
    buses = {name: recoil.Bus(channel=name) for name in ("can0", "can1", "can2", "can3")}
    hardware = yaml.safe_load(rig.hardware_file.read_text())
    for motor in hardware["motors"]:
        bus, device = buses[motor["bus"]], motor["id"]
        assert bus.ping(device, timeout=10.0)
        bus.set_mode(device, recoil.Mode.IDLE)
        bus.write_position_kp(device, 20.0)
        bus.write_position_kd(device, 2.0)
        bus.write_torque_limit(device, 4.0)
        assert (bus.read_position_kp(device), bus.read_position_kd(device), bus.read_torque_limit(device)) == (20.0, 2.0, 4.0)
        assert bus._read_parameter_u32(device, recoil.Parameter.FIRMWARE_VERSION) == 0x20250226
        assert bus.read_motor_torque_constant(device) == pytest.approx(0.0919)
        bus.feed(device)
        bus.set_mode(device, recoil.Mode.DAMPING)
    bus, begin = buses["can2"], time.monotonic()
    bus.feed(KNEE)
    bus.set_mode(KNEE, recoil.Mode.POSITION)
    start = bus.read_position_measured(KNEE)
    measured = []
    while time.monotonic() < begin + 2.5:
        bus.transmit_pdo_2(KNEE, start - 0.3, 0.0)
        frame = bus.receive(filter_device_id=KNEE, timeout=5.0)
        measured.append(struct.unpack("<ff", frame.data)[0])
    assert rig.modes()[KNEE_INDEX] == (MotorMode.POSITION, 0)
    assert measured[-1] == pytest.approx(start - 0.3, abs=0.02)
    bus.set_mode(KNEE, recoil.Mode.IDLE)
    for bus in buses.values():
        bus.stop()


def test_a_web_page_does_not_speak_to_the_motors(rig):
    """Its request holds commands further down; anything that does not begin with one is hung up on."""
    port = yaml.safe_load(rig.hardware_file.read_text())["buses"][0]["port"]
    body = b"x>< open can2 >< rawmode >< send 007 2 13 07 >"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as link:
        link.sendall(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        heard = b""
        try:
            while block := link.recv(4096):
                heard += block
        except ConnectionResetError:
            pass
    assert heard in (b"", b"< hi >")
