"""The curriculum: commands, disturbances and reward weights in each part of the training."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class CurriculumStage:
    """Commands, disturbances and reward weights in one part of the training. Weights are positive for penalties, too.

    Attributes:
        until: The stage ends at this fraction of the iterations.
        kernel: Squared widths of the exponential tracking kernels: x, y [m²/s²] and yaw [rad²/s²].
        fall: Penalty of a fall (termination).
        min_speed: Smallest non-zero command [m/s]; later stages include slower ones.
        zero_fraction: Fraction of commands that are zero.
        single_axis_fraction: Fraction of commands along one axis only.
        push: Largest velocity added by a push [m/s].
        smoothness: Factor on the weights of action rate, action acceleration, torque and joint velocity while standing.
        flat_orientation: Weight of the base's tilt.
        tracking: Factor on the weights of the tracking terms.
        joint_power: Weight of mechanical power [1/W].
        torque_excess: Weight of requested torque beyond the motors' limit [1/(N·m)²].
        foot_slip: Weight of the speed of loaded feet [s²/m²].
        base_height: Weight of a torso below its height in the default posture [1/m²].
        joint_pos_limits: Weight of joints of loaded legs near the ends of their ranges [1/rad].
        stand_ankle_torque: Weight of the ankles' torque at zero command [1/(N·m)²].
        self_distance: Weight of targets that bring two parts of the body too close [1/m].
        step_in_place: At zero command the robot steps in place for a while before it stands.
        recovery_steps: A standing robot whose base rotates too fast takes steps.
        max_std: Upper bound of the exploration noise [units of action]. It causes most falls late in the training, and the
            exported policy has none.
        kl: Factor on the KL divergence per update that the learning rate is adapted to.
    """

    until: float
    kernel: tuple[float, float] = (0.08, 0.15)
    fall: float = 10.0
    min_speed: float = 0.2
    zero_fraction: float = 0.12
    single_axis_fraction: float = 0.55
    push: float = 0.2
    smoothness: float = 1.0
    flat_orientation: float = 2.0
    tracking: float = 1.0
    joint_power: float = 0.0
    torque_excess: float = 0.0
    foot_slip: float = 0.4
    base_height: float = 100.0
    joint_pos_limits: float = 8.0
    stand_ankle_torque: float = 0.0
    self_distance: float = 200.0
    step_in_place: bool = False
    recovery_steps: bool = False
    max_std: float = 1.0
    kl: float = 1.0


AS_DEPLOYED = CurriculumStage(  # from here on commands are followed as on the robot
    0.45,
    kernel=(0.05, 0.1),
    fall=20.0,
    min_speed=0.05,
    zero_fraction=0.15,
    push=0.5,
    flat_orientation=4.0,
    tracking=4.0,
    joint_power=0.01,
    torque_excess=0.02,
    foot_slip=1.0,
    base_height=400.0,
    self_distance=300.0,
    step_in_place=True,
    recovery_steps=True,
    max_std=0.22,
)
STAGES = (
    CurriculumStage(0.05, kernel=(0.15, 0.25), push=0.1, tracking=2.0),  # balance
    CurriculumStage(
        0.3,
        kernel=(0.1, 0.2),
        fall=8.0,
        min_speed=0.15,
        push=0.3,
        flat_orientation=4.0,
        tracking=4.0,
        torque_excess=0.01,
        step_in_place=True,
    ),  # velocity tracking
    AS_DEPLOYED,
    replace(AS_DEPLOYED, until=0.6, zero_fraction=0.3, stand_ankle_torque=0.05),  # stopping and standing
    replace(
        AS_DEPLOYED,
        until=1.0,
        kernel=(0.02, 0.05),
        tracking=6.0,
        min_speed=0.0,
        zero_fraction=0.3,
        single_axis_fraction=0.4,
        joint_power=0.02,
        foot_slip=2.0,
        stand_ankle_torque=0.05,
        max_std=0.2,
        kl=0.375,
    ),  # accurate tracking, with the weight over the ankles
)
