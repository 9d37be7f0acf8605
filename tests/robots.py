"""Folders of small robots for tests: MJCF and robot.yaml, made in a few lines. None is like the first robot."""

from __future__ import annotations

from pathlib import Path

import yaml

LEG = """
    <body name="{side}_thigh" pos="0 {y} 0">
      <joint name="{side}_hip" axis="0 1 0" range="-1.5 1.5"/>
      <geom type="capsule" fromto="0 0 -0.02 0 0 -0.13" size="0.02" mass="0.2"/>
      <body name="{side}_shin" pos="0 0 -0.15">
        <joint name="{side}_knee" axis="0 1 0" range="0 2"/>
        <geom type="capsule" fromto="0 0 -0.02 0 0 -0.13" size="0.018" mass="0.2"/>
        <body name="{side}_sole" pos="0 0 -0.15">
          <joint name="{side}_ankle" axis="0 1 0" range="-1 1"/>
          <geom name="{side}_pad" type="box" size="0.09 0.035 0.01" pos="0.01 0 -0.02" mass="0.15"/>
        </body>
      </body>
    </body>"""
ARM = """
    <body name="{side}_upper" pos="0 {y} 0.18">
      <joint name="{side}_lift" axis="0 -1 0" range="-3 3"/>
      <geom type="capsule" fromto="0 0 -0.02 0 0 -0.1" size="0.015" mass="0.08"/>
      <body name="{side}_lower" pos="0 0 -0.12">
        <joint name="{side}_bend" axis="0 -1 0" range="0 2.4"/>
        <geom type="capsule" fromto="0 0 -0.02 0 0 -0.1" size="0.013" mass="0.06"/>
        <site name="{side}_palm" pos="0 0 -0.12"/>
      </body>
    </body>"""
HEAD = """
    <body name="face" pos="0 0 0.24">
      <joint name="nod" axis="0 1 0" range="-0.6 0.6"/>
      <geom type="sphere" size="0.05" mass="0.1"/>
      <camera name="eye" pos="0.05 0 0.02" xyaxes="0 -1 0 0.3 0 1" fovy="80"/>
    </body>"""
TRUNK = '<geom name="chest" type="box" size="0.05 0.06 0.09" pos="0 0 0.1" mass="1.2"/>'
KEYS = ("lower", "upper")
LEGS = [f"{side}_{part}" for side in ("left", "right") for part in ("hip", "knee", "ankle")]
ARMS = [f"{side}_{part}" for side in ("left", "right") for part in ("lift", "bend")]
BENT = {"hip": -0.2, "knee": 0.4, "ankle": -0.2}


def both(part: str, y: float) -> str:
    return part.format(side="left", y=y) + part.format(side="right", y=-y)


def mjcf(*parts: str, free: bool = True, height: float = 0.4) -> str:
    """A robot of `parts` on a trunk whose root body is at z = `height` [m]."""
    root = '<freejoint name="root"/>' if free else ""
    return (
        f'<mujoco><compiler angle="radian"/><default><joint armature="0.002" damping="0.02"/></default><worldbody>'
        f'<body name="trunk" pos="0 0 {height}">{root}{TRUNK}{"".join(parts)}</body></worldbody></mujoco>'
    )


def joint(name: str, group: str, kp: float = 40.0, kd: float = 1.0, **changes) -> dict:
    """A line of robot.yaml."""
    limits = {"lift": (-3.0, 3.0), "bend": (0.0, 2.4), "knee": (0.0, 2.0), "ankle": (-1.0, 1.0), "nod": (-0.6, 0.6)}
    low, high = limits.get(name.rpartition("_")[2], (-1.5, 1.5))
    default = BENT.get(name.rpartition("_")[2], 0.0)
    figures = {"lower": low, "upper": high, "velocity": 15.0, "acceleration": 800.0, "effort": 12.0, "default": default}
    return {"name": name, "group": group, "kp": kp, "kd": kd} | figures | changes


def write(folder: Path, model: str, joints: list[dict], **keys) -> Path:
    """A robot's folder named after itself."""
    folder.mkdir(parents=True)
    (folder / "model.xml").write_text(model)
    text = {"name": folder.name, "version": 1, "joints": joints} | keys
    (folder / "robot.yaml").write_text(yaml.safe_dump(text, sort_keys=False))
    return folder


def biped(folder: Path, **keys) -> Path:
    """Two legs of three joints, no arms, no head, no camera."""
    return write(folder, mjcf(both(LEG, 0.06)), [joint(name, "legs") for name in LEGS], **keys)


def legs_first(folder: Path, **keys) -> Path:
    """Legs before arms, a head that nods and sees; groups of its own making."""
    groups = [f"{name.partition('_')[0]}_leg" for name in LEGS]
    joints = [joint(name, group) for name, group in zip(LEGS, groups, strict=True)]
    joints += [joint(name, "arms", kp=10.0, kd=0.3, effort=4.0) for name in ARMS]
    joints += [joint("nod", "head", kp=5.0, kd=0.2, effort=2.0)]
    keys = {"groups": {"legs": ["left_leg", "right_leg"]}, "roles": {"head_camera": "eye"}} | keys
    return write(folder, mjcf(both(LEG, 0.06), both(ARM, 0.09), HEAD, height=0.9), joints, **keys)


def two_arms(folder: Path, **keys) -> Path:
    """Two arms on a table: the trunk is fixed to the world."""
    joints = [joint(name, "arms", kp=10.0, kd=0.3, effort=4.0) for name in ARMS]
    return write(folder, mjcf(both(ARM, 0.09), free=False), joints, **keys)
