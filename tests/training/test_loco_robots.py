"""Which robots locomotion can be trained for: the others are refused by name, not trained on a scrambled gait."""

import pytest

from arbiter.errors import ConfigError
from tests import robots
from tests.needs import needs

pytestmark = needs("train", "torch")

from training.locomotion.task import Task, TaskConfig  # noqa: E402


@pytest.mark.parametrize("group", ["legs", "whole_body"])
def test_parts_of_the_first_robot(group):
    task = Task(TaskConfig(group=group))
    for found, words in (
        (task.legs, ("leg_",)),
        (task.ankles, ("ankle_pitch",)),
        (task.lateral, ("hip_roll", "hip_yaw", "arm_")),
    ):
        assert found.tolist() == [i for i, name in enumerate(task.joints) if any(word in name for word in words)]


@pytest.mark.parametrize("make", [robots.biped, robots.legs_first, robots.two_arms])
def test_other_legs_are_refused(tmp_path, make):
    with pytest.raises(ConfigError, match=f"robot {make.__name__}: the reference gait is for two legs of hip roll, hip yaw"):
        Task(TaskConfig(robot=str(make(tmp_path / make.__name__))))
