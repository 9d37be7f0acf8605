"""Teleoperation: a person steers the simulated robot through the arbiter and its safety layer; episodes are recorded.

    python -m training.pi0.data.teleop LOCOMOTION.onnx --instruction "touch the red ball" --root datasets/teleop

The operator steers two skills, `drive` (legs) and `jog` (arms), which are assigned their joints by the arbiter like any
skill; "stop" and the safety layer override them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from arbiter.errors import ConfigError
from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.pi0.data.teleop", description=__doc__)
    p.add_argument("policy", help="ONNX locomotion policy for the legs")
    p.add_argument("--instruction", required=True, help="what the episodes show")
    p.add_argument("--root", type=Path, required=True, help="folder of the LeRobotDataset; grown if it exists")
    p.add_argument("--pad", choices=("keyboard", "gamepad"), default="keyboard", help="device to steer with")
    p.add_argument("--picture", type=int, default=224, help="side of the head camera's picture [px]")
    p.add_argument("--pictures", choices=("h264", "av1", "png"), default="h264", help="how pictures are stored")
    return p


with extra(__name__, parser, "h5py", "mink"):
    import numpy as np

    from arbiter.policy import Policy
    from arbiter.robot import Hangable, Robot, RobotModel
    from arbiter.routing.guard import stop_guard
    from arbiter.safety import Safety
    from arbiter.skill import Progress, Route, Skill, SkillCall
    from arbiter.strict import Problems, parse_text
    from arbiter.tick import Arbiter, TickReport
    from arbiter.tree.build import Names, check
    from arbiter.types import JointTarget, Mode, Request, RobotState, frozen
    from arbiter.worker import LockstepWorker
    from deploy.drivers.sensors.sim_camera import SimCamera
    from deploy.drivers.simulated.simulated_robot import SimulatedRobot
    from deploy.operator.teleop_devices import Controls, TeleopDevice, open_teleop_device
    from deploy.robots.collision import SelfCollision
    from deploy.robots.description import load_model
    from deploy.runtime.clock import LockstepClock, RealClock
    from deploy.runtime.session import Session
    from deploy.runtime.simulated_operator import SimulatedOperator
    from policies.fallback.policies import Damp, Fallback, Hold, Rest, Stand
    from policies.locomotion.policy import OnnxPolicy
    from training.pi0.data.episode import EpisodeFrame, Layout, RecordingError
    from training.pi0.data.episode_recorder import EpisodeRecorder
    from training.pi0.data.upper_body import UpperBody

TREE = """
selector:
  - when: {name: fault, fault: true, child: abandon}
  - when: {name: fall, fallen: true, child: abandon}
  - when: {name: start, ready: false, child: get_ready}
  - when: {name: stopped, stopped: true, child: stop}
  - when: {name: instruction, instruction: true, child: {sequence: [route, instructions]}}
  - home
"""
STEERING = "teleoperate"
FOREVER = 1e9  # [s]


class Drive(Skill):
    """Walks at the velocity that the operator steers."""

    name = "drive"
    utterances = (STEERING,)
    time_limit = FOREVER

    def __init__(self) -> None:
        self.controls = Controls()

    def request(self, state: RobotState, progress: Progress) -> Request:
        return Request(velocity=self.controls.velocity, elapsed=progress.elapsed)


class Jog(Skill):
    """Moves a hand at the velocity that the operator steers."""

    name = "jog"
    utterances = (STEERING,)
    policy = "jog"
    joints = "arms"
    time_limit = FOREVER


class Jogging(Fallback):
    """Policy for the arms: follows the operator's hand velocity, and holds the posture at zero velocity."""

    name = "jog"

    def __init__(self, model: RobotModel, drive: Drive) -> None:
        super().__init__(model, joints=model.groups["arms"])
        self._body = UpperBody(model)
        self._drive = drive

    def _start(self, state: RobotState) -> None:
        self._q = np.array(state.joint_pos)

    def _compose(self, state: RobotState, request: Request, dt: float) -> JointTarget:
        controls = self._drive.controls
        if controls.hand.any():
            self._q += dt * self._body.jog(controls.side, self._q, controls.hand)
            self._q = np.clip(self._q, self._model.lower, self._model.upper)
        return self._target(self._q + self._body.gravity(self._q) / self._model.kp)


class Teleoperation:
    """One operator, one robot, one recorder.

    Attributes:
        session: Robot, arbiter and clock.
        over: The operator wants to quit.
    """

    def __init__(
        self,
        robot: Robot,
        camera,
        locomotion: Policy,
        device: TeleopDevice,
        recorder: EpisodeRecorder,
        instruction: str,
        *,
        fast: bool = False,
        tell: Callable[[str], None] = print,
    ) -> None:
        """`camera`: called without arguments for the newest picture. `fast`: simulated time instead of real time.
        `tell`: takes each new message."""
        model = robot.model
        self._drive = Drive()
        self._device, self._camera, self._recorder, self._instruction = device, camera, recorder, instruction
        policies = {"locomotion": [locomotion], "jog": [Jogging(model, self._drive)]}
        for kind in (Stand, Hold, Rest, Damp):
            # One player for each joint group: arms and legs may be driven by different policies.
            policies[kind.name] = [
                kind(model),
                kind(model, joints=model.groups["arms"]),
                kind(model, joints=model.groups["legs"]),
            ]
        skills = {skill.name: skill for skill in (self._drive, Jog())}
        step = tuple(SkillCall(name) for name in skills)
        routing = LockstepWorker(lambda request: Route(request.text, "accepted", (step,)), 0.0)
        problems = Problems()
        spec = check(parse_text(TREE, "teleop"), Names(skills, policies, model.groups), problems)
        problems.raise_if_any()
        if spec is None:
            raise ConfigError("teleop: its tree is empty")
        arbiter = Arbiter(
            robot,
            policies,
            skills,
            {"legs": "locomotion", "arms": "rest"},
            Safety(model, collision=SelfCollision(model)),
            routing,
            spec,
            stop_guard,
        )
        clock = LockstepClock(model.dt) if fast else RealClock(model.dt)
        observers = [SimulatedOperator(robot, arbiter)] if isinstance(robot, Hangable) else []
        self.session = Session(robot, arbiter, clock, (), [*observers, self._observe])
        self.over, self._tell = False, tell
        self._frames = 0  # of the episode under way

    def run(self, ticks: int | None = None) -> None:
        """Runs until the operator quits, or for `ticks`."""
        self.session.start()
        self.session.arbiter.inbox.say(STEERING)
        count = 0
        while not self.over and not self.session.ending and (ticks is None or count < ticks):
            self._drive.controls = controls = self._device.poll(self.session.clock.now)
            self._obey("quit" if controls.lost else controls.command)
            self.session.step()
            count += 1
        self._recorder.discard()
        self.session.stop()

    def _obey(self, command: str) -> None:
        recorder, inbox = self._recorder, self.session.arbiter.inbox
        if command in ("stop", "damp"):
            getattr(inbox, command)("operator")
        elif command == "steer":
            inbox.say(STEERING)
        elif command == "record":
            try:
                self._begin_or_keep()
            except RecordingError as error:
                self._tell(str(error))
        elif command == "discard":
            recorder.discard()
            self._tell("discarded")
        elif command == "quit":
            self.over = True

    def _begin_or_keep(self) -> None:
        """Begins or keeps an episode, by the recorder's state: an episode may have been dropped meanwhile."""
        recorder = self._recorder
        if recorder.writing is None:
            recorder.begin(self._instruction)
            self._frames = 0
            self._tell(f"recording {self._instruction!r}")
        else:
            recorder.end()
            self._tell(f"kept; {recorder.recorded} episodes")

    def _observe(self, report: TickReport) -> None:
        """Records the sent command. An episode in which a stop or the safety layer took over is dropped.

        Frames are dated by the robot's time, which goes on by a tick at a time: a computer that is too slow for real time plays
        the motion slowly, and it is recorded as it was.
        """
        if self._recorder.writing is None:
            return
        if report.verdict.mode is not Mode.RUN or Jogging.name not in report.owners:
            self._recorder.discard()
            self._tell(f"discarded: {report.verdict.reason or 'the operator no longer steers'}")
            return
        state, time = report.state, self._frames * self.session.robot.model.dt
        self._frames += 1
        try:
            self._recorder.add(EpisodeFrame(time, self._camera(), state.joint_pos, state.joint_vel, frozen(report.command.q)))
        except RecordingError as error:
            self._tell(str(error))


def main(arguments: list[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    model = load_model()
    device = open_teleop_device(options.pad)
    robot = SimulatedRobot(model)
    robot.connect()
    camera = SimCamera(robot.mj_model, width=options.picture, height=options.picture)
    layout = Layout(model.joints, (options.picture, options.picture), round(model.control_hz))
    print(device.help)
    try:
        with EpisodeRecorder(options.root, layout, pictures=options.pictures) as recorder:
            teleoperation = Teleoperation(
                robot, lambda: camera.render(robot.pose), OnnxPolicy(options.policy, model), device, recorder, options.instruction
            )
            teleoperation.run()
    finally:
        device.close()
        camera.close()
        robot.close()


if __name__ == "__main__":
    sys.exit(in_one_line(main))
