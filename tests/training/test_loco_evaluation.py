"""The evaluation: intervals, suites, records against what MuJoCo says, repeatability."""

from __future__ import annotations

from tests.needs import needs

pytestmark = needs("train", "torch")

import dataclasses
import json
from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch
from mujoco import rollout

from arbiter.errors import ConfigError
from deploy.robots.description import load_model
from policies.locomotion.card import ObservationTerm, to_json
from training.locomotion import evaluate, measures, play
from training.locomotion.arena import Arena, ArenaEpisode, EpisodeConditions, compile_world
from training.locomotion.episode_record import beyond
from training.locomotion.export import card_of, export, import_foreign
from training.locomotion.floors import Floor, on_floor
from training.locomotion.suites import changing, grid, storm, suites
from training.locomotion.task import Task, TaskConfig


@pytest.fixture(scope="module")
def policy(tmp_path_factory) -> Path:
    """Adds nothing to the reference gait: stands when told to, marches into a fall otherwise."""
    folder = tmp_path_factory.mktemp("policy")
    torch.save({"actor_state_dict": {"mlp.0.weight": torch.zeros(12, 47), "mlp.0.bias": torch.zeros(12)}}, folder / "model_0.pt")
    export(folder / "model_0.pt", folder / "zero.onnx", Task(TaskConfig()))
    return folder / "zero.onnx"


def hold(*command: float, **conditions) -> EpisodeConditions:
    return EpisodeConditions(commands=((0.0, command),), **conditions)


def test_wilson_interval_of_none_all_and_half():
    none, all_, half = measures.proportion(0, 100), measures.proportion(100, 100), measures.proportion(50, 100)
    assert (none.value, none.low) == (0.0, 0.0) and none.high == pytest.approx(0.0370, abs=1e-4)
    assert (all_.value, all_.high) == (1.0, 1.0) and all_.low == pytest.approx(0.9630, abs=1e-4)
    assert (half.low, half.high) == (pytest.approx(0.4038, abs=1e-4), pytest.approx(0.5962, abs=1e-4))
    assert np.isnan(measures.proportion(0, 0).value)


def test_bootstrap_brackets_the_mean_and_leaves_nan_out():
    values = np.array([1.0, 2.0, 3.0, np.nan])
    figure = measures.bootstrap(values, np.mean, "m/s")
    assert figure.value == 2.0 and 1.0 <= figure.low < 2.0 < figure.high <= 3.0 and figure.unit == "m/s"
    assert measures.bootstrap(values, np.mean) == measures.bootstrap(values, np.mean)


def test_rms_of_vectors_is_that_of_their_length():
    assert measures.rms(np.array([[3.0, 4.0], [0.0, 0.0]])) == pytest.approx(5.0 / np.sqrt(2.0))
    assert measures.rms(np.array([1.0, -1.0])) == 1.0


def test_the_grid_is_the_one_the_aim_names():
    commands = np.array(grid())
    assert len(commands) == 45 and np.abs(commands).max(0).tolist() == [0.5, 0.2, 0.8]
    assert [0.0, 0.0, 0.0] in commands.tolist()


def test_suites_are_the_same_for_every_policy():
    assert suites(4) == suites(4)
    assert next(s for s in suites(100) if s.name == "random").seconds == 20.0
    assert len(next(s for s in suites(100) if s.name == "random").worlds) == 100


def test_changing_commands_start_at_zero_and_stay_in_range():
    commands = changing(np.random.default_rng(0), 20.0)
    assert commands[0][0] == 0.0 and commands[-1][0] < 20.0
    assert all(2.0 - 0.02 <= b[0] - a[0] <= 5.02 for a, b in zip(commands, commands[1:], strict=False))
    assert (np.abs([c for _, c in commands]) <= (0.5, 0.2, 0.8)).all()


def test_a_storm_starts_and_stops_within_a_second():
    commands = storm(np.random.default_rng(0), 20.0).commands
    gaps = np.diff([start for start, _ in commands])
    assert gaps.min() >= 0.08 and gaps.max() <= 1.02
    stopped = np.array([not np.any(command) for _, command in commands])
    assert 0.2 < stopped.mean() < 0.6 and (np.abs([c for _, c in commands]) <= (0.5, 0.2, 0.8)).all()


def test_falls_per_hour_have_the_interval_of_counts():
    none, four = measures.rate(0, 2.0), measures.rate(4, 2.0)
    assert (none.value, none.low) == (0.0, 0.0) and none.high == pytest.approx(3.69 / 2.0, rel=0.02)
    assert four.value == 2.0 and (four.low, four.high) == (
        pytest.approx(1.09 / 2.0, rel=0.02),
        pytest.approx(10.24 / 2.0, rel=0.02),
    )


def test_a_floor_falls_where_it_says_and_the_robot_starts_upright_on_it():
    floor = Floor(slope=0.1, downhill=np.pi / 2)  # to the left
    assert on_floor(floor, np.array([0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0]))[2] == pytest.approx(-np.sin(0.1))
    assert on_floor(floor, np.array([1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]))[2] == pytest.approx(0.0)


def test_standing_on_a_slope_leans_the_torso_with_the_floor_and_a_soft_floor_gives_way(policy):
    worlds = [hold(0.0, 0.0, 0.0, floor=floor) for floor in (Floor(), Floor(slope=0.05, downhill=np.pi), Floor(softness=0.1))]
    level, rising, soft = Arena(load_model(), policy).run(worlds, 0.1, keep_poses=True)
    assert 2.0 * np.arcsin(rising.poses[0][5]) == pytest.approx(2.0 * np.arcsin(level.poses[0][5]) - 0.05, abs=0.02)
    assert soft.poses[-1][2] < level.poses[-1][2] - 0.002


def test_a_policy_that_observes_the_velocity_of_the_base_gets_the_estimate(tmp_path):
    """A push in the middle of a stand: the estimate follows it within some ticks, as the accelerometer and the legs tell it."""
    card = card_of(Task(TaskConfig()), "foreign", "1")
    seen = (*(term for term in card.observations if term.term != "phase"), ObservationTerm("base_lin_vel"))
    (tmp_path / "card.yaml").write_text(to_json(dataclasses.replace(card, observations=seen)))  # JSON is YAML
    layers = {"mlp.0.weight": torch.zeros(4, 48), "mlp.0.bias": torch.zeros(4), "mlp.2.weight": torch.zeros(12, 4)}
    torch.save({"actor_state_dict": layers | {"mlp.2.bias": torch.zeros(12)}}, tmp_path / "model.pt")
    import_foreign(tmp_path / "model.pt", tmp_path / "still.onnx", tmp_path / "card.yaml", activation="elu")
    arena = Arena(load_model(), tmp_path / "still.onnx")
    episode = ArenaEpisode(arena, hold(0.0, 0.0, 0.0, pushes=((0.3, (0.1, 0.0)),)), np.random.default_rng(0), False)
    data, n, off = mujoco.MjData(episode.compiled), arena.model.n, []
    with rollout.Rollout(nthread=1) as pool:
        for tick in range(25):
            states, sensors = pool.rollout([episode.compiled], [data], episode.physics[None], episode.targets(0.02 * tick)[None])
            estimate = episode.state.estimate
            assert estimate is not None and (tick < 5 or estimate.trusted)
            turned = np.zeros(3)
            mujoco.mju_rotVecQuat(
                turned, np.cross(episode.state.base_ang_vel, arena.model.known_body.torso), episode.physics[4:8]
            )
            off.append(np.linalg.norm((estimate.velocity - episode.physics[8 + n : 11 + n] - turned)[:2]))
            episode.take(0.02 * tick, states[0], sensors[0])
    assert np.mean(off[5:15]) < 0.05 and np.mean(off[17:]) < 0.05, off


def test_bumps_lie_on_the_floor_and_not_under_the_robot(policy):
    compiled = compile_world(Arena(load_model(), policy).parts, hold(0.0, 0.0, 0.0, floor=Floor(bumps=(0.01, 0.02), layout=3)))
    boxes = [
        k for k in range(compiled.ngeom) if compiled.geom_bodyid[k] == 0 and compiled.geom_type[k] == mujoco.mjtGeom.mjGEOM_BOX
    ]
    height = 2.0 * compiled.geom_size[boxes, 2]
    assert len(boxes) > 200 and 0.01 <= height.min() and height.max() <= 0.02
    nearest = np.linalg.norm(compiled.geom_pos[boxes, :2], axis=1) - np.linalg.norm(compiled.geom_size[boxes, :2], axis=1)
    assert nearest.min() > 0.3


def test_a_target_at_a_joints_end_is_counted():
    model = load_model()
    target = model.default.copy()
    knee = model.body.knees[0]
    assert not beyond(target, model)[model.body.knees].any()
    target[knee] = model.lower[knee]
    assert beyond(target, model)[knee]


def test_the_same_seed_gives_the_same_records(policy):
    worlds = [hold(0.3, 0.0, 0.0, noise=0.5), hold(0.0, 0.0, 0.0, noise=0.5, waving=0.5)]
    arena = Arena(load_model(), policy)
    first, second, other = (arena.run(worlds, 0.5, seed=seed) for seed in (1, 1, 2))
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a.velocity, b.velocity) and a.power == b.power
    assert not np.array_equal(first[1].velocity, other[1].velocity)  # the arms wave otherwise


def test_a_push_shows_in_the_record_at_its_tick(policy):
    world = hold(0.0, 0.0, 0.0)
    pushed = hold(0.0, 0.0, 0.0, pushes=((0.2, (0.0, 0.4)),))
    calm, shoved = Arena(load_model(), policy).run([world, pushed], 0.3)
    difference = np.array(shoved.velocity)[:, 1] - np.array(calm.velocity)[:, 1]
    assert np.abs(difference[:10]).max() == 0.0
    assert 0.2 < difference[10] < 0.45


def test_a_fall_ends_the_episode_and_is_no_tracking_error(policy):
    record = Arena(load_model(), policy).run([hold(0.5, 0.0, 0.0, pushes=((0.1, (1.5, 0.0)),))], 3.0)[0]
    assert record.fell is not None and 0.1 < record.fell < 3.0
    assert len(record.velocity) == round(record.fell / record.dt)
    assert np.isnan(measures.errors([record])).all() and measures.falls([record]).value == 1.0


def test_the_command_line_writes_table_json_and_plot(policy, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        "sys.argv", ["evaluate", str(policy), "--out", str(tmp_path), "--suites", "friction 0.4", "--episodes", "4"]
    )
    evaluate.main()
    figures = json.loads((tmp_path / "evaluation.json").read_text())["figures"]["zero"]
    assert 0.0 <= figures["friction 0.4: falls"]["value"] <= 1.0
    assert "| friction 0.4: falls |" in (tmp_path / "evaluation.md").read_text()
    assert "| friction 0.4: falls |" in capsys.readouterr().out


def test_a_plot_is_a_picture(tmp_path):
    evaluate.plot({"walk": [([x, 0.0, 0.0], [0.1, 0.0, 0.0]) for x in (-0.5, 0.5)]}, tmp_path / "grid.png")
    assert (tmp_path / "grid.png").read_bytes().startswith(b"\x89PNG")


def test_a_policy_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match="gone.onnx does not exist; give FILE.onnx, or FILE.onnx:CARD.yaml"):
        evaluate.policy_argument("gone.onnx")


def test_unknown_suites_name_those_there_are(policy, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["evaluate", str(policy), "--out", str(tmp_path), "--suites", "stairs"])
    with pytest.raises(SystemExit, match="stairs: none starts so; there are: grid, random"):
        evaluate.main()


def test_commands_of_play_are_three_numbers():
    assert play.parse_command("0.3,0,-1") == (0.3, 0.0, -1.0)
    with pytest.raises(ConfigError, match="command '0.3,0': three numbers x,y,yaw"):
        play.parse_command("0.3,0")
