"""Teaching a gesture, tiny, from motion files to a run by words; the shipped network rebuilt; what is checked before."""

from __future__ import annotations

from tests.needs import needs

NEEDS = needs("train", "torch", "lerobot", "mink", "onnx", "h5py")

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from arbiter.errors import ConfigError
from deploy.robots.description import load_model
from deploy.runtime.clock import LockstepClock
from deploy.runtime.config import find_tree
from examples.clap.clap import criterion as clap_criterion
from policies.chunk.backends.card import read_card
from skills.contract import check_skill
from skills.registry import load_skills
from tests.motion_clips import clap, raising, write_bvh
from tests.pi0_rig import synthetic
from tests.sim.test_pi0data_demos import Script
from training import teach
from training.pi0 import batches
from training.pi0.data import teleop
from training.pi0.data.clip_demos import busy
from training.pi0.data.disk import RecordingError
from training.pi0.data.instructions import slug, task_of
from training.pi0.evaluate import wanted_tasks
from training.pi0.gesture_criterion import GestureCriterion, judge_with, load_criterion
from training.pi0.results import EpisodeResult, summary, table
from training.pi0.taught_skill import TaughtGesture, write_files

pytestmark = [NEEDS, pytest.mark.timeout(1200), pytest.mark.usefixtures("offline")]

MODEL = load_model()
SHIPPED = Path("policies/weights/pi0_tiny")
CLAP = "examples/clap/clap.py"
TINY = [
    *("--demonstrations", "2", "--rounds", "0", "--scenes", "0", "--steps", "4", "--runs", "0", "--picture", "32"),
    *("--processes", "1", "--walker", ""),
]


def clips(folder: Path, count: int = 2) -> list[str]:
    return [str(write_bvh(folder / f"clap_{i}.bvh", clap(seed=i), 210)) for i in range(count)]


def test_a_gesture_is_taught_and_done_by_words(tmp_path, capsys):
    """Two demonstrations and four updates teach nothing: what is tested is that every step fits the next."""
    from deploy import run

    out = tmp_path / "taught"
    command = ["clap your hands", *clips(tmp_path), "--criterion", CLAP, "--out", str(out), *TINY]
    assert teach.main(command) == 0
    assert "clap your hands" in (out / "report.md").read_text()
    card = read_card(out / "policy")
    assert card.within_range, "else the safety layer, not the player, would keep every target in its range"
    assert card.name == "clap_your_hands" and card.tokens == read_card(SHIPPED).tokens
    with pytest.raises(ConfigError, match="begun with another steps .4, now 5.; name another --out"):
        teach.main([*command, "--steps", "5"])
    capsys.readouterr()
    run.main(["--tree", str(out / "tree.yaml"), "--fast", "--say", "clap your hands for 1 s"])
    told = capsys.readouterr().out
    assert "clap_your_hands" in told, "the words lead to the new skill, and the network runs"
    assert clap_criterion.__doc__ and "clapped" in told, "it is judged by its own criterion"


def test_what_is_demonstrated_by_hand_can_be_taught(tmp_path, monkeypatch, capsys):
    """The operator is a script, and time is the robot's; all else is as with keys, up to what any recording goes through."""
    operator = Script({250: "record", 330: "record", 340: "record", 420: "record", 430: "quit"}, range(250, 420))
    monkeypatch.setattr(teleop, "RealClock", LockstepClock)
    monkeypatch.setattr(teleop, "open_teleop_device", lambda pad: operator)
    assert teach.main(["shake hands with me", "--teleop", "--check", "--out", str(tmp_path / "taught"), "--picture", "32"]) == 0
    told = capsys.readouterr().out
    assert "kept; 2 episodes" in told and "2 episodes of 1.6 s, arms;" in told


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["stop moving at once"], "do not lead to the new gesture"),
        (["shake hands with me", "clips"], "--teleop and files or recordings in one lesson"),
        (["shake hands with me", "--walker", ""], "the robot stands on its legs there; leave --walker out"),
    ],
)
def test_nobody_demonstrates_what_cannot_be_taught(arguments, says, tmp_path, monkeypatch):
    monkeypatch.setattr(teleop, "open_teleop_device", lambda pad: pytest.fail("somebody is asked to demonstrate"))
    with pytest.raises(ConfigError, match=says):
        teach.main([*arguments, "--teleop", "--out", str(tmp_path / "taught")])


def test_everything_is_checked_before_anything_is_recorded(tmp_path):
    some = clips(tmp_path, 1)
    silent = tmp_path / "no.py"
    silent.write_text("def criterion(run):\n    return 1\n")
    never = tmp_path / "never.py"
    never.write_text(
        "from arbiter.skill import Verification\n\n"
        "def criterion(run):\n    return Verification(False, 0, 1, 'm', 'nothing done')\n"
    )
    still = str(write_bvh(tmp_path / "still.bvh", {}, 60))
    two = str(write_bvh(tmp_path / "two.bvh", raising(2), 2))
    for arguments, error, says in (
        (["", *some], ConfigError, "the instruction is empty"),
        (["wave the right hand", *some], ConfigError, "is known already .skill wave_right"),
        (["recite the whole alphabet backwards xylophone quizzically", *some], ConfigError, "tokens, and the network reads 16"),
        (["clap your hands"], ConfigError, "nothing to learn from"),
        (["clap your hands", *some, "--say", " "], ConfigError, "--say is empty"),
        (["clap your hands", two], RecordingError, "none of 1 motions can be used; the first: .*two.bvh"),
        (["clap your hands", still], RecordingError, "nothing moves in it"),
        (["clap your hands", *some, str(tmp_path)], ConfigError, "motion files and recordings in one lesson"),
        (["clap your hands", *some, "--criterion", "absent.py"], ConfigError, "absent.py: no such file"),
        (["clap your hands", *some, "--criterion", "absent"], ConfigError, "an entry point in arbiter.criteria"),
        (["clap your hands", *some, "--criterion", str(silent)], ConfigError, "returned 1; a Verification is expected"),
        (["clap your hands", *some, "--criterion", str(never)], ConfigError, "not good in three tries: nothing done"),
    ):
        with pytest.raises(error, match=says):
            teach.main([*arguments, "--out", str(tmp_path / "out"), *TINY])
        assert not (tmp_path / "out").exists(), says


def test_the_word_that_stops_is_no_gesture_and_a_file_no_folder(tmp_path, monkeypatch, capsys):
    """From any folder: the shipped network is found."""
    some = [str(Path(one).resolve()) for one in clips(tmp_path, 1)]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="the words 'stop' do not lead to the new gesture"):
        teach.main(["stop", *some, "--check"])
    (tmp_path / "taken").write_text("")
    with pytest.raises(ConfigError, match="--out taken: is a file; a folder is expected"):
        teach.main(["clap your hands", *some, "--out", "taken", "--check"])


def test_recordings_are_a_lesson_too(tmp_path, capsys):
    """The guide's HDF5 at 25 frames a second: its own task is the instruction."""
    from tests.training.test_pi0data_sources import guide_file

    guide_file(tmp_path / "in" / "a.hdf5", np.arange(50) / 25.0, "clap your hands")
    guide_file(tmp_path / "in" / "b.hdf5", np.arange(50) / 25.0, "juggle")
    command = [str(tmp_path / "in"), "--out", str(tmp_path / "out"), *TINY, "--check"]
    assert teach.main(["clap your hands", *command]) == 0
    assert "1 episodes of 2.0 s, whole_body; no criterion: it will end, never succeed" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="no task 'salute nicely' in it; it has 'clap your hands', 'juggle'"):
        teach.main(["salute nicely", *command])


# -- the parts


@pytest.mark.parametrize("kind", ["none", "file"])
def test_the_skill_keeps_its_contract_and_says_succeeded_only_with_a_criterion(tmp_path, kind):
    given = load_criterion(CLAP) if kind == "file" else None
    gesture = TaughtGesture("clap your hands", "arms", 4.0, ("applaud",), given)
    tree = write_files(gesture, tmp_path, find_tree("default.yaml"))
    assert "path: policy" in tree.read_text() and "files: [clap_your_hands.py]" in tree.read_text()
    skill = load_skills([tmp_path / "clap_your_hands.py"]).skills["clap_your_hands"]
    assert check_skill(skill, MODEL) == [] and {"applaud", "please applaud"} <= set(skill.utterances)


def test_a_clap_counts_when_hands_meet_and_part():
    time = np.arange(0.0, 4.0, 0.02)
    apart = 0.25 + 0.1 * np.cos(2.0 * np.pi * time)
    hands = np.zeros((len(time), 2, 3))
    hands[:, 0, 1], hands[:, 1, 1], hands[:, :, 0] = 0.5 * apart, -0.5 * apart, 0.25

    class Run:
        pass

    run = Run()
    run.hands = hands
    assert judge_with(clap_criterion, run).measured == 4
    run.hands = hands[:60]
    assert not judge_with(clap_criterion, run).success, "once"
    run.hands = hands * (-1.0, 1.0, 1.0)
    assert judge_with(clap_criterion, run).measured == 0, "behind the back"
    with pytest.raises(ConfigError, match="the criterion ValueError: broken"):
        judge_with(lambda run: (_ for _ in ()).throw(ValueError("broken")), run)
    assert isinstance(load_criterion(f"{CLAP}:criterion"), GestureCriterion)


def test_a_task_of_the_data_needs_no_list():
    data = replace(synthetic(), tasks=("clap your hands", "touch the red ball"))
    frames = np.arange(len(data))
    assert task_of("clap your hands").skill == slug("Clap  your hands!") == "clap_your_hands"
    chances = batches.sampling_probabilities(data, frames, 0.5, "clap your hands", 0.25)
    assert chances[data.task == 0].sum() == pytest.approx(0.25) and chances.sum() == pytest.approx(1.0)
    assert batches.mirrorable(data, MODEL.joints)[0] == -1, "what is not its own mirror image is not mirrored"
    assert batches.state_noise(data.tasks, 0.1, (0.3, 2.0))[0].max() == np.float32(0.1)
    assert [one.text for one in wanted_tasks(["clap your hands", "bow"])] == ["clap your hands", "bow"]
    with pytest.raises(ConfigError, match="no skill or instruction 'juggle'"):
        wanted_tasks(["juggle"])
    with pytest.raises(ConfigError, match="no name can be made of it"):
        slug("!!! 42")


def test_what_has_no_criterion_is_never_counted_as_done():
    one = EpisodeResult("a", "clap your hands", 0, None, np.nan, "", "ended", False, 1.0, 0.0, 4.0, 5.0)
    rows = summary([one, replace(one, instruction="bow", success=True, unit="rad", measured=0.2)])
    assert "ended, no criterion" in table(rows).splitlines()[2] and rows[-1]["success"] == 1.0


def test_the_idle_ends_of_a_motion_are_cut():
    q = np.tile(MODEL.default, (100, 1))
    q[30:60, 0] += np.sin(np.linspace(0.0, np.pi, 30))
    assert 28 <= len(busy(q, 0.02)) <= 34
    with pytest.raises(RecordingError, match="nothing moves in it"):
        busy(q[:20], 0.02)
