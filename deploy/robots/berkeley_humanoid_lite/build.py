"""Writes `model.xml` (MJCF) from `robot.yaml`, `bodies.yaml`, `looks.yaml` and `hulls.yaml`.

    python -m deploy.robots.berkeley_humanoid_lite.build

Primitive shapes only; names, order, masses, inertias, ranges and efforts are those of the figures.
Groups of geoms: 2 is what one sees, 3 touches the floor, 5 is what `deploy.robots.collision` keeps apart.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra


def parser() -> CommandParser:
    """The command line: there is nothing to choose."""
    about = "Writes model.xml from the YAML files beside it."
    return CommandParser("deploy.robots.berkeley_humanoid_lite.build", description=about)


with extra(__name__, parser):
    import mujoco
    import numpy as np
    import yaml

HERE = Path(__file__).parent
FEET = ("leg_left_ankle_roll", "leg_right_ankle_roll")
FOOT_FRICTION = "1.0 0.02 0.01"
SOLE_MARGIN = 0.005  # [m] by which a sole's site is larger than the foot, so that its touch sensor sees every contact
SHAPES = {"ball": "sphere", "tube": "cylinder", "capsule": "capsule", "box": "box", "egg": "ellipsoid"}


def numbers(values) -> str:
    """For attributes of MJCF."""
    return " ".join(f"{value:.9g}" for value in values)


def add_body(parent: ET.Element, body: dict, joints: dict[str, dict]) -> ET.Element:
    """A body with its joint and its shape for contacts, as the figures say."""
    node = ET.SubElement(parent, "body", name=body["name"], pos=numbers(body["position"]), quat=numbers(body["orientation"]))
    ET.SubElement(
        node, "inertial", pos=numbers(body["centre_of_mass"]), mass=f"{body['mass']:.9g}", fullinertia=numbers(body["inertia"])
    )
    if body["name"] == "base":
        ET.SubElement(node, "freejoint", name="root")
    if "joint" in body:
        joint = joints[body["joint"]["name"]]
        ET.SubElement(
            node,
            "joint",
            name=joint["name"],
            axis=numbers(body["joint"]["axis"]),
            range=numbers((joint["lower"], joint["upper"])),
            actuatorfrcrange=numbers((-joint["effort"], joint["effort"])),
        )
    if "collision" in body:
        shape = body["collision"]
        place = {"pos": numbers(shape["position"]), "quat": numbers(shape["orientation"])}
        ET.SubElement(
            node,
            "geom",
            {"class": "foot" if body["name"] in FEET else "collision"},
            type=shape["shape"],
            name=f"{body['name']}_collision",
            size=numbers(shape["size"]),
            **place,
        )
        if body["name"] in FEET:
            size = numbers(size + SOLE_MARGIN for size in shape["size"])
            ET.SubElement(node, "site", {"name": f"{body['name']}_sole", "type": "box", "group": "4", **place, "size": size})
    return node


def frames(bodies: list[dict]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Position (3,) and rotation (3, 3) of each body in the base frame with every joint at zero."""
    found = {"world": (np.zeros(3), np.eye(3))}
    for body in bodies:
        matrix = np.zeros(9)
        quat = np.array(body["orientation"])
        mujoco.mju_quat2Mat(matrix, quat / np.linalg.norm(quat))
        origin, rotation = found[body["parent"]]
        found[body["name"]] = (origin + rotation @ body["position"], rotation @ matrix.reshape(3, 3))
    return found


def mirrored(look: dict) -> dict:
    """The same shape on the other side of the robot."""
    kind = next(key for key in SHAPES if key in look)
    flip = np.array((1.0, -1.0, 1.0))
    points = 2 if kind in ("tube", "capsule") else 1
    figures = [list(flip * point) for point in look[kind][:points]] + look[kind][points:]
    other = {key: look[key].replace("left_", "right_") for key in ("body", "name") if key in look}
    return look | other | {kind: figures}


def add_shape(node: ET.Element, look: dict, frame: tuple[np.ndarray, np.ndarray], **attributes: str) -> None:
    """A shape without mass or contact, given in the base frame, in the frame of its body."""
    origin, rotation = frame
    kind = next(key for key in SHAPES if key in look)
    place: dict[str, str] = {}
    if kind in ("tube", "capsule"):
        start, end, radius = look[kind]
        ends = np.concatenate([rotation.T @ (np.array(point) - origin) for point in (start, end)])
        place["fromto"] = numbers(ends)
        size = [radius]
    else:
        centre, size = look[kind]
        size = size if isinstance(size, list) else [size]
        place["pos"] = numbers(rotation.T @ (np.array(centre) - origin))
        quat = np.zeros(4)
        mujoco.mju_mat2Quat(quat, rotation.T.flatten())
        place["quat"] = numbers(quat)
    ET.SubElement(node, "geom", attributes, type=SHAPES[kind], size=numbers(size), **place)


def both_sides(shapes: list[dict]) -> list[dict]:
    """The shapes and the mirror images of those that have one."""
    found = []
    for shape in shapes:
        found.append(shape)
        if shape.get("mirror", False) or "_left_" in shape["body"]:
            found.append(mirrored(shape))
    return found


def add_looks(nodes: dict[str, ET.Element], bodies: list[dict], looks: dict, hulls: dict) -> None:
    """What one sees, what is kept apart, the head camera and the sites that the hands touch with."""
    places = frames(bodies)
    for look in both_sides(looks["shapes"]):
        add_shape(
            nodes[look["body"]],
            look,
            places[look["body"]],
            **{"class": "look", "rgba": numbers([*looks["palette"][look["colour"]], 1.0])},
        )
    for hull in both_sides(hulls["shapes"]):
        add_shape(nodes[hull["body"]], hull, places[hull["body"]], **{"class": "hull", "name": f"hull_{hull['name']}"})
    camera = looks["camera"]
    up = (np.sin(camera["pitch"]), 0.0, np.cos(camera["pitch"]))
    ET.SubElement(
        nodes["base"],
        "camera",
        name="head",
        pos=numbers(camera["position"]),
        xyaxes=numbers((0.0, -1.0, 0.0, *up)),
        fovy=f"{np.degrees(camera['vertical_field']):.9g}",
    )
    for side in ("left", "right"):
        ET.SubElement(
            nodes[f"arm_{side}_hand_link"], "site", name=f"hand_{side}", pos=numbers(looks["hand"]), size="0.01", group="4"
        )


def add_defaults(root: ET.Element, figures: dict) -> None:
    """Joint friction and armature of the figures; what collides, the soles, what is only seen."""
    default = ET.SubElement(root, "default")
    ET.SubElement(default, "joint", armature=str(figures["armature"]), frictionloss=str(figures["frictionloss"]))
    collision = ET.SubElement(default, "default", {"class": "collision"})
    ET.SubElement(collision, "geom", group="3", contype="0", conaffinity="1", mass="0", friction="0.8")
    foot = ET.SubElement(default, "default", {"class": "foot"})
    ET.SubElement(foot, "geom", group="3", contype="0", conaffinity="1", mass="0", friction=FOOT_FRICTION, condim="3")
    look = ET.SubElement(default, "default", {"class": "look"})
    ET.SubElement(look, "geom", group="2", contype="0", conaffinity="0", mass="0")
    hull = ET.SubElement(default, "default", {"class": "hull"})
    ET.SubElement(hull, "geom", group="5", contype="0", conaffinity="0", mass="0")


def build() -> str:
    """The text of `model.xml`."""
    robot, figures, looks, hulls = (
        yaml.safe_load((HERE / f"{name}.yaml").read_text()) for name in ("robot", "bodies", "looks", "hulls")
    )
    joints = {joint["name"]: joint for joint in robot["joints"]}
    root = ET.Element("mujoco", model=robot["name"])
    ET.SubElement(root, "compiler", angle="radian", autolimits="true")
    ET.SubElement(root, "option", timestep="0.002", integrator="implicitfast", cone="pyramidal")
    add_defaults(root, figures)
    nodes = {"world": ET.SubElement(root, "worldbody")}
    for body in figures["bodies"]:
        nodes[body["name"]] = add_body(nodes[body["parent"]], body, joints)
    add_looks(nodes, figures["bodies"], looks, hulls)
    imu = figures["imu"]
    ET.SubElement(nodes[imu["body"]], "site", name="imu", pos=numbers(imu["position"]), group="4")
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


def main() -> None:
    """Writes the model beside its figures."""
    parser().parse_args()
    (HERE / "model.xml").write_text(build())


if __name__ == "__main__":
    sys.exit(in_one_line(main))
