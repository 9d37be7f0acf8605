"""Ball detectors from outside: found by a tree file, asked on a thread of their own, contained."""

import json
import textwrap
import time

import numpy as np
import pytest

from arbiter.aside import Aside
from arbiter.errors import ConfigError
from arbiter.routing import Router
from deploy.drivers.sensors.balls import Sight, finder_of
from deploy.drivers.sensors.detector import DetectorKind, check_detector, check_detector_kind
from deploy.robots.description import load_model
from deploy.runtime.assemble import assemble
from deploy.runtime.config import TREES, load_tree
from deploy.runtime.tree_check import load_skill_set
from deploy.trace.writer import decode_sighting, encode_input
from deploy.tree import main as tree
from policies.chunk.protocol import CameraFrame

PLUG_IN = """
    from dataclasses import dataclass

    import numpy as np

    from deploy.drivers.sensors.detector import DetectorKind


    @dataclass(frozen=True)
    class FixedConfig:
        ahead: float = 0.5


    class Fixed(DetectorKind):
        name, help, Config = "fixed", "sees a blue ball always at one place", FixedConfig
        colours = ("blue", "purple")

        def open(self, camera, settings):
            assert camera.covers(np.array((settings.ahead, 0.0, 0.6)), 0.1)
            return Finder(settings.ahead)


    class Finder:
        def __init__(self, ahead):
            self._ahead = ahead

        def find(self, image):
            return {"blue": np.array((self._ahead, 0.0, 0.6))}
"""


class Says:
    """A detector that answers with what it is told to."""

    def __init__(self, answer):
        self.answer = answer

    def find(self, image):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "mine.py").write_text(textwrap.dedent(PLUG_IN))

    def write(use="fixed", settings="{fixed: {ahead: 0.6}}"):
        text = (TREES / "default.yaml").read_text()
        path = tmp_path / "my.yaml"
        path.write_text(f"{text}\ndetectors: {{use: {use}, files: [mine.py], settings: {settings}}}\n")
        return str(path)

    return write


def test_a_tree_file_names_another_detector(mine):
    assembly = assemble(load_tree(mine()), fast=True)
    try:
        seen = assembly.arbiter.executor.memory.look(assembly.clock.now)
        assert seen is not None and seen.balls["blue"].tolist() == [0.6, 0.0, 0.6]
    finally:
        assembly.close()


@pytest.mark.parametrize(
    ("use", "settings", "reason"),
    [("fixd", "{}", "no detector 'fixd'; did you mean 'fixed'?"), ("fixed", "{fixed: {ahed: 1.0}}", "ahead")],
)
def test_what_is_wrong_in_a_tree_file_is_told(mine, capsys, use, settings, reason):
    path = mine(use, settings)
    assert tree([path]) != 0 and reason in "".join(capsys.readouterr())
    with pytest.raises(ConfigError, match=reason.partition("'")[0]):
        assemble(load_tree(path), fast=True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("walk to the purple ball", [("walk_to_ball", "purple")]),
        ("face the blue ball", [("face_ball", "blue")]),
        ("walk to the red ball", 'walk_to_ball has no colour "red"; it has blue, purple'),
        ("touch the purple ball", 'touch_ball has no colour "purple"; it has red, green, blue'),
    ],
)
def test_words_name_the_colours_that_a_detector_finds(mine, text, told):
    model = load_model("berkeley_humanoid_lite")
    skills = load_skill_set(load_tree(mine()), model)
    route = Router(list(skills.skills.values()), groups=model.groups).route(text)
    assert told in (route.reason, [(call.skill, call.parameters["colour"]) for step in route.steps for call in step])


@pytest.mark.parametrize("colours", ["purple", (), ("purple", "teal"), None])
def test_colours_that_no_words_can_name_are_refused(colours):
    kind = type("Mine", (DetectorKind,), {"name": "mine", "help": "h", "colours": colours, "open": lambda *_: None})
    (problem,) = check_detector_kind(kind)
    assert problem.startswith(f"colours is {colours!r}; a tuple of colours that words can name is expected: red, green, blue")


def test_the_built_in_one_keeps_the_contract():
    model = load_model("berkeley_humanoid_lite")
    assert check_detector(lambda: finder_of(model)) == []


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (None, "NoneType; a mapping"),
        ({"red": (1.0, 2.0)}, "three finite numbers"),
        ({"red": (1.0, np.nan, 0.0)}, "three finite numbers"),
        ({3: (1.0, 1.0, 1.0)}, "three finite numbers"),
        ({"red": (1e300, 0.0, 0.0)}, "three finite numbers [m] within 100"),
        (ValueError("no\nnetwork"), "ValueError: no network"),
    ],
)
@pytest.mark.parametrize("beside", [True, False])
def test_rubbish_breaks_the_contract_and_the_sighting_tells_the_detectors_error(answer, told, beside):
    assert check_detector(lambda: Says(answer)) != []
    aside = Aside("test", 1.0) if beside else None
    sight = Sight(lambda: CameraFrame(1.0, np.zeros((8, 8, 3), np.uint8)), Says(answer), aside, "mine")
    seen = sight(1.0)
    assert seen is not None and not seen.balls and seen.error.startswith("the detector mine fails: ") and told in seen.error
    assert "\n" not in seen.error and sight.take() == [("sight", seen)] and sight.take() == []
    assert decode_sighting(json.loads(json.dumps(encode_input(seen)))) == seen
    sight.close()


def test_a_picture_on_which_it_failed_is_not_asked_of_again():
    asked = []

    class Fails:
        def find(self, image):
            asked.append(image)
            raise ValueError("no")

    stamp = [1.0]
    sight = Sight(lambda: CameraFrame(stamp[0], np.zeros((8, 8, 3), np.uint8)), Fails(), Aside("test", 1.0))
    for _ in range(5):
        assert sight(1.0).error
    assert len(asked) == 1
    stamp[0] = 1.1
    assert sight(1.1).error and len(asked) == 2, "of the next picture it is"
    sight.close()


def test_a_slow_one_is_waited_for_beside_the_tick_and_its_answer_keeps_the_pictures_time():
    class Slow:
        def find(self, image):
            time.sleep(0.05)
            return {"red": np.array((0.5, 0.0, 0.6))}

    stamp = [1.0]
    sight = Sight(lambda: CameraFrame(stamp[0], np.zeros((8, 8, 3), np.uint8)), Slow(), Aside("test", 0.0005, 10_000))
    assert sight(1.0) is None, "not yet"
    stamp[0] = 1.04
    for _ in range(2000):
        if (seen := sight(1.04)) is not None:
            break
    assert seen is not None and seen.stamp == 1.0
    sight.close()
