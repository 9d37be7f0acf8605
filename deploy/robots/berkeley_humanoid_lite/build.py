"""Writes `model.xml` (MJCF) from `robot.yaml` and `bodies.yaml`.

    python -m deploy.robots.berkeley_humanoid_lite.build

Primitive shapes only; names, order, masses, inertias, ranges and efforts are those of the figures.
"""

import xml.etree.ElementTree as ET
from pathlib import Path

import yaml

HERE = Path(__file__).parent
FEET = ("leg_left_ankle_roll", "leg_right_ankle_roll")
SOLE_MARGIN = 0.005  # [m]
HAND = (0.0, 0.012, -0.075)  # [m] what a hand touches with, in the frame of its link
FOOT_FRICTION = "1.0 0.02 0.01"


def numbers(values) -> str:
    return " ".join(f"{value:.9g}" for value in values)


def add_body(parent: ET.Element, body: dict, joints: dict[str, dict]) -> ET.Element:
    node = ET.SubElement(parent, "body", name=body["name"], pos=numbers(body["position"]),
                         quat=numbers(body["orientation"]))
    ET.SubElement(node, "inertial", pos=numbers(body["centre_of_mass"]), mass=f"{body['mass']:.9g}",
                  fullinertia=numbers(body["inertia"]))
    if body["name"] == "base":
        ET.SubElement(node, "freejoint", name="root")
    if "joint" in body:
        joint = joints[body["joint"]["name"]]
        ET.SubElement(node, "joint", name=joint["name"], axis=numbers(body["joint"]["axis"]),
                      range=numbers((joint["lower"], joint["upper"])),
                      actuatorfrcrange=numbers((-joint["effort"], joint["effort"])))
    if "collision" in body:
        shape = body["collision"]
        geom = ET.SubElement(node, "geom", {"class": "foot" if body["name"] in FEET else "collision"},
                             name=f"{body['name']}_collision", type=shape["shape"], size=numbers(shape["size"]),
                             pos=numbers(shape["position"]), quat=numbers(shape["orientation"]))
        if body["name"] in FEET:  # a touch sensor adds up the contacts inside its site: the sole and a little more
            ET.SubElement(node, "site", name=f"{body['name']}_sole", type="box", pos=geom.get("pos"), quat=geom.get("quat"),
                          size=numbers(size + SOLE_MARGIN for size in shape["size"]), group="4")
    return node


def add_head_camera(base: ET.Element) -> None:
    """Looks forward and down, so that what the hands can reach is in the picture."""
    ET.SubElement(base, "camera", name="head", pos="0.085 0 0.93", xyaxes="0 -1 0 0.766 0 0.643", fovy="75")


def build() -> str:
    robot = yaml.safe_load((HERE / "robot.yaml").read_text())
    figures = yaml.safe_load((HERE / "bodies.yaml").read_text())
    joints = {joint["name"]: joint for joint in robot["joints"]}

    root = ET.Element("mujoco", model=robot["name"])
    ET.SubElement(root, "compiler", angle="radian", autolimits="true")
    ET.SubElement(root, "option", timestep="0.002", integrator="implicitfast", cone="pyramidal")
    default = ET.SubElement(root, "default")
    ET.SubElement(default, "joint", armature=str(figures["armature"]), frictionloss=str(figures["frictionloss"]))
    collision = ET.SubElement(default, "default", {"class": "collision"})
    ET.SubElement(collision, "geom", group="3", contype="0", conaffinity="1", mass="0", friction="0.8")
    foot = ET.SubElement(default, "default", {"class": "foot"})
    ET.SubElement(foot, "geom", group="3", contype="0", conaffinity="1", mass="0", friction=FOOT_FRICTION, condim="3")

    world = ET.SubElement(root, "worldbody")
    nodes = {"world": world}
    for body in figures["bodies"]:
        nodes[body["name"]] = add_body(nodes[body["parent"]], body, joints)
    for side in ("left", "right"):
        ET.SubElement(nodes[f"arm_{side}_hand_link"], "site", name=f"hand_{side}", pos=numbers(HAND), size="0.01")
    add_head_camera(nodes["base"])
    imu = figures["imu"]
    ET.SubElement(nodes[imu["body"]], "site", name="imu", pos=numbers(imu["position"]))
    actuator = ET.SubElement(root, "actuator")
    for name in joints:
        ET.SubElement(actuator, "motor", name=name, joint=name)
    sensor = ET.SubElement(root, "sensor")
    ET.SubElement(sensor, "framequat", name="imu_quat", objtype="site", objname="imu")
    ET.SubElement(sensor, "gyro", name="imu_gyro", site="imu")
    ET.SubElement(sensor, "accelerometer", name="imu_acc", site="imu")
    for foot in FEET:
        ET.SubElement(sensor, "touch", name=f"{foot}_touch", site=f"{foot}_sole")
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


if __name__ == "__main__":
    (HERE / "model.xml").write_text(build())
