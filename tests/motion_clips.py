"""Motion files of people in the true formats, made by a generator: one body, many skeletons."""

from __future__ import annotations

from pathlib import Path

import numpy as np

# Names of the joints of a side (PARTS) as skeletons have them; {s}, {S}, {c}, {C}: left, Left,
# l, L. The first of each is the root's name.
SKELETONS = {
    "mixamo": ("mixamorig:Hips", "mixamorig:{S}Shoulder mixamorig:{S}Arm mixamorig:{S}ForeArm mixamorig:{S}Hand "
               "mixamorig:{S}UpLeg mixamorig:{S}Leg mixamorig:{S}Foot"),
    "mixamo_": ("mixamorig_Hips", "mixamorig_{S}Shoulder mixamorig_{S}Arm mixamorig_{S}ForeArm mixamorig_{S}Hand "
                "mixamorig_{S}UpLeg mixamorig_{S}Leg mixamorig_{S}Foot"),
    "lafan1": ("Hips", "{S}Shoulder {S}Arm {S}ForeArm {S}Hand {S}UpLeg {S}Leg {S}Foot"),
    "bandai_namco": ("Hips", "Shoulder_{C} UpperArm_{C} LowerArm_{C} Hand_{C} UpperLeg_{C} LowerLeg_{C} Foot_{C}"),
    "mocapbank": ("Hips", "{S}Collar {S}Shoulder {S}Elbow {S}Wrist {S}Hip {S}Knee {S}Ankle"),
    "rokoko": ("Hips", "{S}Shoulder {S}Arm {S}ForeArm {S}Hand {S}Thigh {S}Shin {S}Foot"),
    "soma": ("Hips", "{S}Shoulder {S}Arm {S}ForeArm {S}Hand {S}Leg {S}Shin {S}Foot"),
    "smpl": ("Pelvis", "{C}_Collar {C}_Shoulder {C}_Elbow {C}_Wrist {C}_Hip {C}_Knee {C}_Ankle"),
    "unreal": ("pelvis", "clavicle_{c} upperarm_{c} lowerarm_{c} hand_{c} thigh_{c} calf_{c} foot_{c}"),
    "daz": ("hip", "{c}Collar {c}Shldr {c}ForeArm {c}Hand {c}Thigh {c}Shin {c}Foot"),
    "cmu": ("Hips", "{S}Collar {S}UpArm {S}LowArm {S}Hand {S}UpLeg {S}LowLeg {S}Foot"),
    "biped": ("Bip01", "Bip01_{C}_Clavicle Bip01_{C}_UpperArm Bip01_{C}_Forearm Bip01_{C}_Hand "
              "Bip01_{C}_Thigh Bip01_{C}_Calf Bip01_{C}_Foot"),
    "makehuman": ("root", "clavicle.{C} upperarm01.{C} lowerarm01.{C} wrist.{C} upperleg01.{C} lowerleg01.{C} foot.{C}"),
    "asf": ("root", "{c}clavicle {c}humerus {c}radius {c}wrist {c}femur {c}tibia {c}foot"),
}  # fmt: skip
PARTS = ("collar", "arm", "forearm", "hand", "thigh", "shank", "foot")
OFFSETS = {  # of the left side [cm]: x left, y up, z ahead
    "collar": (4, 48, 0), "arm": (14, 0, 0), "forearm": (0, -30, 0), "hand": (0, -25, 0),
    "thigh": (10, 0, 0), "shank": (0, -42, 0), "foot": (0, -42, 0),
}  # fmt: skip
PARENT = {"arm": "collar", "forearm": "arm", "hand": "forearm", "shank": "thigh", "foot": "shank"}
Angles = dict[tuple[str, str], np.ndarray]  # by side and part: rotation about z, x, y [deg], shape (T, 3)


def joint_names(skeleton: str) -> tuple[str, dict[tuple[str, str], str]]:
    """Name of the root, and of each part by side."""
    root, forms = SKELETONS[skeleton]
    names = {}
    for side in ("left", "right"):
        words = {"s": side, "S": side.capitalize(), "c": side[0], "C": side[0].upper()}
        names |= {(side, part): form.format(**words) for part, form in zip(PARTS, forms.split(), strict=True)}
    return root, names


def write_bvh(path: Path, angles: Angles, frames: int, fps: float = 60.0, skeleton: str = "lafan1", turn: float = 0.0) -> Path:
    """A person who faces z (turned by `turn` [deg] about y), y up."""
    root, names = joint_names(skeleton)
    lines = ["HIERARCHY", f"ROOT {root}", "{", "OFFSET 0 0 0"]
    lines.append("CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation")
    columns = [np.zeros((frames, 3)), np.tile((0.0, 0.0, turn), (frames, 1))]

    def joint(side: str, part: str) -> None:
        x, y, z = OFFSETS[part]
        lines.extend((f"JOINT {names[side, part]}", "{", f"OFFSET {x if side == 'left' else -x} {y} {z}"))
        lines.append("CHANNELS 3 Zrotation Xrotation Yrotation")
        columns.append(np.asarray(angles.get((side, part), np.zeros((frames, 3)))))
        children = [child for child, parent in PARENT.items() if parent == part]
        for child in children:
            joint(side, child)
        if not children:
            lines.extend(("End Site", "{", "OFFSET 0 -8 0", "}"))
        lines.append("}")

    for side in ("left", "right"):
        joint(side, "thigh")
    for side in ("left", "right"):
        joint(side, "collar")
    lines.extend(("}", "MOTION", f"Frames: {frames}", f"Frame Time: {1.0 / fps:.7f}"))
    rows = np.concatenate(columns, axis=1)
    lines.extend(" ".join(f"{value:.5f}" for value in row) for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def raising(frames: int = 60, angle: float = -70.0, side: str = "left") -> Angles:
    """One arm forward and up: -90 is level."""
    return {(side, "arm"): np.linspace(0.0, 1.0, frames)[:, None] * (0.0, angle, 0.0)}


def clap(frames: int = 210, fps: float = 60.0, rate: float = 1.2, wide: float = 22.0, seed: int = 0) -> Angles:
    """Both forearms up before the chest, hands to and fro in the middle, arms down again.

    `rate`: claps a second; `wide`: how far the upper arms turn outwards between two [deg].
    """
    rng = np.random.default_rng(seed)
    time = np.arange(frames) / fps
    last = time[-1]
    up = np.clip(time / 0.9, 0.0, 1.0) * np.clip((last - time) / 0.9, 0.0, 1.0)
    up = up * up * (3.0 - 2.0 * up)
    apart = 0.5 + 0.5 * np.cos(2.0 * np.pi * rate * (time - 0.9))
    reach, bend = -38.0 + rng.normal(0.0, 3.0), -72.0 + rng.normal(0.0, 3.0)
    angles: Angles = {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        inward = -sign * (30.0 - wide * apart)  # about the upper arm: the forearm swings in and out
        arm = np.stack((np.zeros(frames), reach * up, inward * up), axis=1)
        angles[side, "arm"] = arm
        angles[side, "forearm"] = np.stack((np.zeros(frames), bend * up, np.zeros(frames)), axis=1)
    return angles
