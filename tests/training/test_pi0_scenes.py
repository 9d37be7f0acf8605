"""Scenes for touching, the first filters of the vision tower, and the command that makes the shipped tiny π0."""

from tests.needs import needs

pytestmark = needs("train", "mink")

import numpy as np
import pytest

from skills.criteria import TOUCH_DISTANCE
from training.pi0.data.ball_sampling import in_picture
from training.pi0.data.experts import nearer_side
from training.pi0.data.instructions import find
from training.pi0.data.scenes import PICTURE_EVERY, ReachGenerator, gather
from training.pi0.data.upper_body import SIDES


@pytest.fixture(scope="module")
def scenes():
    return ReachGenerator(seed=7)


@pytest.fixture(scope="module")
def episodes(scenes):
    return [scenes.make(number) for number in range(4)]


def test_the_same_number_gives_the_same_scene(scenes, episodes):
    again = scenes.make(2)
    for name in ("state", "action", "pictures", "picture_of"):
        assert np.array_equal(getattr(again, name), getattr(episodes[2], name)), name
    assert not np.array_equal(episodes[0].state, episodes[1].state)


def test_every_hand_ends_on_its_ball_and_its_targets_hold_it_there(scenes, episodes):
    model = scenes.body.model
    for one in episodes:
        assert one.gap <= 0.75 * TOUCH_DISTANCE
        held = one.action[-1] - scenes.body.gravity(one.state[-1, : model.n]) / model.kp
        assert np.abs(held - one.state[-1, : model.n])[model.groups["arms"]].max() < 0.15, "targets, not positions"


def test_the_wanted_ball_can_be_seen_and_touched(scenes):
    for number in range(5):
        balls = scenes._hang("green", np.random.default_rng(number))
        assert sorted(balls) == ["blue", "green", "red"] and all(in_picture(ball) for ball in balls.values())
        touch = scenes.attempt(np.random.default_rng(number))
        side = SIDES.index(nearer_side(balls["green"]))
        assert side in (0, 1) and find(touch.task).skill == "touch_ball"


def test_pictures_show_three_colours_and_keep_up_with_the_motion(episodes):
    for one in episodes:
        assert one.pictures.dtype == np.uint8 and one.pictures.shape[1:] == (84, 84, 3)
        first = one.pictures[0].astype(int)
        for channel in range(3):
            others = np.delete(first, channel, axis=2).max(axis=2)
            assert (first[..., channel] > others + 50).any(), "a ball of that colour"
        changes = np.flatnonzero(np.diff(one.picture_of)) + 1
        assert one.picture_of[0] == 0 and one.picture_of[-1] == len(one.pictures) - 1
        assert np.diff(changes).max(initial=0) <= PICTURE_EVERY


def test_colour_targets_are_where_the_colours_are(episodes):
    torch = pytest.importorskip("torch")
    from training.pi0.pretrain_vision import colour_targets

    picture = np.full((84, 84, 3), 180, np.uint8)
    picture[10:18, 60:68] = (200, 40, 30)  # red, up on the right
    picture[70:74, 20:24] = (30, 60, 200)  # blue, down on the left
    told, counts = colour_targets(torch.from_numpy(picture.transpose(2, 0, 1)[None] / np.float32(255.0)))
    right, down, size = told[0, 0:3].tolist()
    assert right == pytest.approx((63.5 / 41.5 - 1.0) / 0.4, abs=1e-3) and size == pytest.approx((8.0 - 7.0) / 2.0)
    assert down == pytest.approx((13.5 / 41.5 - 1.0) / 0.3, abs=1e-3)
    assert told[0, 6] < 0.0 < told[0, 7] and counts[0].tolist() == [1.0] * 3 + [0.0] * 3 + [1.0] * 3
    drawn = torch.from_numpy(np.stack([one.pictures[0] for one in episodes]).transpose(0, 3, 1, 2) / np.float32(255.0))
    assert colour_targets(drawn)[1].all(), "every ball at the start of a scene"


def test_scenes_become_demonstrations(episodes):
    data = gather(episodes)
    second = len(episodes[0].state)
    assert len(data) == sum(len(one.state) for one in episodes) and data.end[0] == second
    assert data.tasks[data.task[second]] == episodes[1].task
    assert np.array_equal(data.picture[data.picture_of[second]], episodes[1].pictures[0])


def test_first_filters_answer_to_colours_not_to_light():
    torch = pytest.importorskip("torch")
    from policies.chunk.backends.lerobot.tiny import first_filters

    filters = first_filters(64, 14)
    assert filters.shape == (64, 3, 14, 14) and torch.allclose(filters.flatten(1).norm(dim=1), torch.tensor(0.3))
    assert torch.linalg.matrix_rank(filters.flatten(1)) == 48, "three independent mixtures of colours, 16 patterns each"
    grey = torch.rand(14, 14).expand(3, 14, 14)
    answer = (filters * grey).sum((1, 2, 3))
    assert answer.view(16, 4)[:, :3].abs().max() < 1e-5 and answer.view(16, 4)[:, 3].abs().max() > 0.1


def test_the_one_command_hands_every_step_what_it_takes(tmp_path, capsys):
    pytest.importorskip("lerobot")
    from training.pi0 import finetune, from_nothing

    from_nothing.main(["--out", str(tmp_path), "--dry-run"])
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in said] == [
        *("training.pi0.data.demos", "training.pi0.data.cache") * 3,
        "training.pi0.data.scenes",
        "training.pi0.finetune",
        "training.pi0.export",
    ]
    steps = from_nothing.plan(tmp_path, "")
    parsed = finetune.parser().parse_args(list(steps[-2].arguments))
    assert parsed.dataset == [step.makes for step in steps[1:6:2]] + [steps[6].makes] and not parsed.resume
    assert not any("--walker" in step.arguments for step in steps)
    (tmp_path / "training" / "pretrained").mkdir(parents=True)
    assert "--resume" in from_nothing.plan(tmp_path, "")[-2].arguments
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "prefix.onnx").touch()
    assert not any(one.makes.exists() for one in from_nothing.plan(tmp_path, "")[-2:]), "an export that was cut off is made again"


def test_the_log_is_drawn_and_printed(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    import json

    from training.pi0 import curve

    look = {"step": 250, "loss": 0.5, "held_out": 0.6, "colours": 0.1, "colours_held_out": 0.2, "seconds": 9.0}
    (tmp_path / "pretrain_vision.jsonl").write_text(
        "".join(json.dumps(entry) + "\n" for entry in (look, look | {"step": 500, "loss": 0.2}))
    )
    with pytest.raises(curve.ConfigError, match=r"log.jsonl: no such log; give the folder"):
        curve.main([str(tmp_path), "--out", str(tmp_path / "curve.png")])
    (tmp_path / "log.jsonl").write_text('{"step": 150, "loss": 0.3, "held_out": 0.1, "seconds": 99.0}\n')
    curve.main([str(tmp_path), "--out", str(tmp_path / "curve.png")])
    assert "| 500 | 0.2 | 0.6 | 0.1 | 0.2 | 9.0 |" in capsys.readouterr().out
    assert (tmp_path / "curve.png").stat().st_size > 1000
