"""What is remembered of balls: held while out of sight, corrected by each sighting, forgotten where the camera sees none."""

import math
from dataclasses import replace

import numpy as np
import pytest

from arbiter.ball_memory import GONE, LOST, BallMemory, bearing_of, doubt_of
from arbiter.frames import standpoint_of, to_base, to_odometry
from arbiter.sight_camera import SightCamera
from arbiter.types import BaseEstimate, Sighting, frozen
from skills.contract import standing_state
from tests.fakes import MODEL

DOWN = math.radians(45.0)  # what the camera looks below ahead
CAMERA = SightCamera(
    np.array((0.1, 0.0, 0.95)),
    np.array(((0.0, math.sin(DOWN), -math.cos(DOWN)), (-1.0, 0.0, 0.0), (0.0, math.cos(DOWN), math.sin(DOWN)))),
    math.radians(86.0),
)
BALL = np.array((0.6, 0.1, 0.6))  # [m], base frame: in the middle of the picture


class Robot:
    """A robot that is where it is put, and what its camera tells."""

    def __init__(self, camera=CAMERA):
        self.told = {}
        self.memory = BallMemory(lambda now: Sighting(now, dict(self.told)), MODEL, camera)
        self.now = 0.0

    def at(self, x, y=0.0, heading=0.0, doubt="", velocity=0.0):
        self.now += 0.5
        estimate = BaseEstimate(frozen((x, y, 0.0)), frozen((velocity, 0.0, 0.0)), heading, frozen(1e-6 * np.eye(5)), doubt)
        half = 0.5 * heading
        quat = frozen((math.cos(half), 0.0, 0.0, math.sin(half)))
        self.state = replace(standing_state(MODEL.n), stamp=self.now, base_quat=quat, estimate=estimate)
        self.memory.note(self.state)
        return self

    def see(self, **balls):
        self.told = {colour: np.array(at) for colour, at in balls.items()}
        self.memory.look(self.now)
        return self.memory.surroundings.balls


@pytest.fixture
def robot():
    return Robot()


def test_a_ball_stays_where_it_is_while_the_robot_goes(robot):
    robot.at(0.0).see(red=BALL)
    robot.at(0.4, 0.3, heading=math.pi / 2)
    robot.see()  # it is beside the picture now
    ball = robot.memory.surroundings.balls["red"]
    there = to_base(ball.position, robot.state, MODEL.body)
    torso = MODEL.body.torso
    assert there == pytest.approx((torso[0] + BALL[1] - torso[1] - 0.3, torso[1] - (BALL[0] - torso[0] - 0.4), BALL[2]), abs=1e-6)
    ahead, left = bearing_of(ball.position, standpoint_of(robot.state))
    assert (ahead, left) == pytest.approx((there[0] - torso[0], there[1] - torso[1]), abs=1e-6)
    assert to_odometry(there, robot.state, MODEL.body) == pytest.approx(ball.position, abs=1e-9)


def test_doubt_grows_with_the_way_and_falls_with_a_nearer_sighting(robot):
    far = robot.at(0.0).see(red=(2.0, 0.0, 0.6))["red"]
    for _ in range(4):
        robot.at(0.0, velocity=0.5)
    assert doubt_of(far, robot.memory.surroundings.way) > far.doubt
    near = robot.at(1.4).see(red=(0.62, 0.01, 0.6))["red"]
    assert near.doubt < 0.5 * far.doubt
    off = np.linalg.norm(near.position - to_odometry(np.array((0.62, 0.01, 0.6)), robot.state, MODEL.body))
    assert off < 0.005, "the nearer sighting counts for more"


def test_a_ball_that_was_moved_is_where_it_is_seen(robot):
    robot.at(0.0).see(red=BALL)
    ball = robot.at(0.0).see(red=BALL + (0.0, 0.6, 0.0))["red"]
    assert ball.position[1] == pytest.approx(BALL[1] + 0.6 - MODEL.body.torso[1], abs=0.01)


def test_a_ball_is_forgotten_once_its_place_is_seen_empty(robot):
    robot.at(0.0).see(red=BALL, green=(0.6, 5.0, 0.6))
    for _ in range(GONE - 1):
        assert "red" in robot.at(0.0).see()
    known = robot.at(0.0).see()
    assert "red" not in known and "green" in known, "the other one is beside the picture"


def test_a_ball_behind_a_hand_is_not_forgotten():
    wide = replace(CAMERA, field=math.radians(175.0))
    robot = Robot(wide).at(0.0)
    behind, beside = (
        wide.position + 1.2 * (hand - wide.position)
        for hand in (MODEL.body.hand(robot.state.joint_pos, "left"), np.array((0.6, 0.0, 0.6)))
    )
    assert wide.covers(behind, 0.15)
    robot.see(red=behind, green=beside)
    for _ in range(2 * GONE):
        robot.at(0.0).see()
    assert list(robot.memory.surroundings.balls) == ["red"]


def test_a_robot_that_may_have_been_carried_forgets(robot):
    robot.at(0.0).see(red=BALL)
    robot.memory.depart()
    robot.at(0.0, doubt="no foot carries")
    assert robot.memory.surroundings.balls and robot.memory.surroundings.start, "a moment is nothing"
    for _ in range(math.ceil(LOST / 0.5) + 1):
        robot.at(0.0, doubt="no foot carries")
    assert not robot.memory.surroundings.balls and robot.memory.surroundings.start is None


def test_the_start_is_where_the_first_instruction_came(robot):
    for x in (1.0, 2.0):
        robot.at(x, heading=0.3)
        robot.memory.depart()
    assert robot.memory.surroundings.start == standpoint_of(robot.at(1.0, heading=0.3).state)
