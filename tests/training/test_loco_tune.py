"""The search for the reference gait."""

from __future__ import annotations

from tests.needs import needs

pytestmark = needs("train", "torch", "cma")

import dataclasses

import numpy as np
import torch

from training.locomotion import gait, tune
from training.locomotion.task import TaskConfig


def test_every_number_of_a_gait_is_searched_but_its_period():
    vector = tune.flatten(gait.GaitConfig())
    period = gait.GaitConfig().period
    assert tune.unflatten(vector, period) == gait.GaitConfig()
    shifted = dataclasses.asdict(tune.unflatten(vector + 1.0, period))
    same = [name for name, value in dataclasses.asdict(gait.GaitConfig()).items() if shifted[name] == value]
    assert same == ["period"]


def test_the_gait_that_was_found_beats_the_plain_one():
    torch.manual_seed(0)
    trial = tune.GaitTrial(TaskConfig(), 2, seconds=2.0, threads=2, seed=5)
    plain, found = trial.scores(np.stack((tune.flatten(gait.PLAIN), tune.flatten(gait.GaitConfig()))))
    assert found > 1.3 * plain, f"{found:.2f} against {plain:.2f}"


def test_a_gait_in_a_crouch_is_worth_less():
    env = tune.GaitTrial(TaskConfig(), 1, threads=1).env
    env.state.height[:] = 0.0
    upright = tune.fitness(env)
    env.state.height[:] = -0.08
    assert (tune.fitness(env) < upright - 0.9).all()


def test_a_search_prints_fields_that_can_be_pasted(capsys):
    tune.main(["--generations", "1", "--population", "4", "--noise", "0", "--period", "0.6"])
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()[1:]]
    fields = {name.strip(): eval(value) for name, value in (line.split(" = ") for line in lines)}
    assert gait.GaitConfig(**fields).period == 0.6
