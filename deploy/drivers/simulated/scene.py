"""The surroundings of the simulated robot: the floor, three coloured balls, and loads in its hands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import mujoco
import numpy as np

from arbiter.errors import ConfigError
from arbiter.robot import RobotModel
from deploy.robots.description import load_model
from deploy.robots.mjcf import open_spec
from deploy.robots.roles import find_roles

BALL_RADIUS = 0.035
BALL_COLOURS: Mapping[str, tuple[float, float, float, float]] = MappingProxyType(
    {"red": (0.86, 0.16, 0.14, 1.0), "green": (0.16, 0.66, 0.27, 1.0), "blue": (0.15, 0.36, 0.86, 1.0)}
)
FLOOR_LIGHT, FLOOR_DARK = (0.80, 0.82, 0.84), (0.62, 0.65, 0.69)
FURTHEST = 100.0  # [m] of a ball from the origin, along each axis
TILE = 0.5  # [m] edge of a square of the floor's checker


@dataclass(frozen=True, slots=True)
class Scene:
    """The surroundings of the robot.

    Attributes:
        balls: Centre of each ball (x, y, z) [m] in the world, by colour ("red", "green", "blue"); a colour left out
            has no ball. The robot starts at the origin and looks along x; a hand reaches about x 0.3, y 0.05 to
            0.3 on its own side, z 0.5 to 0.8.
        friction: Sliding friction between feet and floor.
        payload: Mass that the left and the right hand carry [kg].
    """

    balls: Mapping[str, tuple[float, float, float]] = field(
        default_factory=lambda: {"red": (0.25, -0.15, 0.62), "green": (0.30, 0.05, 0.64), "blue": (0.25, 0.15, 0.62)}
    )
    friction: float = 1.0
    payload: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        for colour, centre in self.balls.items():
            check_ball(colour, centre)
        if not 0.0 <= self.friction <= 5.0:
            raise ConfigError(f"scene: friction {self.friction}; 0 to 5 is possible")
        if not all(0.0 <= mass <= 5.0 for mass in self.payload):
            raise ConfigError(f"scene: payload {self.payload} kg; 0 to 5 kg a hand is possible")


def check_ball(colour: str, centre, allowed: tuple[str, ...] = tuple(BALL_COLOURS)) -> None:
    """Raises ConfigError unless `colour` is allowed and `centre` is three numbers within FURTHEST."""
    if colour not in allowed:
        raise ConfigError(f"no ball of colour {colour!r}; there are: {', '.join(allowed) or 'none'}")
    if np.shape(centre) != (3,) or not np.all(np.abs(centre) <= FURTHEST):
        raise ConfigError(
            f"the {colour} ball's centre is {centre!r}; three numbers from -{FURTHEST:g} to {FURTHEST:g} m are expected"
        )


def compile_scene(robot: RobotModel | str, scene: Scene, timestep: float) -> mujoco.MjModel:
    """The robot, by its model or the name of its description, in `scene`, with a physics step of `timestep` [s]."""
    robot = load_model(robot) if isinstance(robot, str) else robot
    spec = open_spec(robot)
    spec.option.timestep = timestep
    # A diverged simulation must be seen, not silently put back to the start.
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
    spec.visual.global_.offwidth, spec.visual.global_.offheight = 2048, 2048  # largest picture of an OpenGL renderer
    add_floor(spec, scene.friction)
    add_balls(spec, scene.balls)
    compiled = spec.compile()
    if not any(scene.payload):
        return compiled
    hands = find_roles(compiled, robot).hands
    if len(hands) < len(scene.payload):
        raise ConfigError(f"scene.payload: the robot {robot.name} has {len(hands)} hands; leave it out")
    for (body, _), mass in zip(hands, scene.payload, strict=False):
        spec.body(compiled.body(body).name).mass += mass
    return spec.compile()


def add_floor(spec: mujoco.MjSpec, friction: float) -> None:
    """A checker floor whose friction alone counts (priority over the feet's own)."""
    spec.add_texture(
        name="floor",
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER,
        rgb1=FLOOR_LIGHT,
        rgb2=FLOOR_DARK,
        width=256,
        height=256,
    )
    material = spec.add_material(name="floor", texrepeat=[0.5 / TILE, 0.5 / TILE], texuniform=True)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "floor"
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=(0.93, 0.95, 0.97),
        rgb2=(0.55, 0.68, 0.82),
        width=256,
        height=256,
    )
    spec.worldbody.add_light(pos=[1.5, -1.5, 4.0], dir=[-0.3, 0.3, -1.0], type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL)
    add_plane(spec, friction, "floor")


def add_plane(spec: mujoco.MjSpec, friction: float, material: str = "") -> None:
    """A floor whose sliding friction alone counts (priority over the feet's own)."""
    spec.worldbody.add_geom(
        name="floor",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[0, 0, 0.1],
        contype=1,
        conaffinity=0,
        friction=[friction, 0.005, 0.0001],
        priority=1,
        material=material,
    )


def add_balls(spec: mujoco.MjSpec, balls: Mapping[str, tuple[float, float, float]]) -> None:
    """Balls that hang in the air where they are put and that nothing collides with (mocap bodies)."""
    for colour, centre in balls.items():
        body = spec.worldbody.add_body(name=f"ball_{colour}", mocap=True, pos=centre)
        body.add_geom(
            name=f"ball_{colour}",
            type=mujoco.mjtGeom.mjGEOM_SPHERE,
            size=[BALL_RADIUS, 0, 0],
            rgba=BALL_COLOURS[colour],
            contype=0,
            conaffinity=0,
            group=2,
        )
