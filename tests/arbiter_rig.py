"""An arbiter over stand-in robots and policies, told what to do by skill names."""

import textwrap

from arbiter.rules import Rule
from arbiter.safety import Safety
from arbiter.skill import Route
from arbiter.tick import Arbiter
from arbiter.worker import LockstepWorker
from deploy.runtime.config import load_tree
from deploy.runtime.tree_check import check_tree
from skills.contract import default_parameters
from skills.registry import load_skills
from tests.fakes import MODEL, FakePolicy, FakeRobot, SkillCall, fallbacks

DT = MODEL.dt


def tree_of(branches):
    """A tree with `branches` (YAML list items) between those for faults and stops and that for home."""
    return "\n".join(
        (
            "\nselector:",
            "- when: {fault: true, child: abandon}",
            "- when: {fallen: true, child: abandon}",
            "- when: {ready: false, child: get_ready}",
            textwrap.dedent(branches).strip("\n"),
            "- home",
        )
    )


class Rig:
    """An arbiter on stand-ins; instructions are written as skill names: "bow", "walk_forward+wave_right,bow"."""

    def __init__(self, order="replace", caller=None, skills=None, tree=""):
        self.robot = FakeRobot()
        self.locomotion = FakePolicy("locomotion", "locomotion", "legs", 0.05)
        self.players = [FakePolicy("chunk", "chunk", offset=0.1), FakePolicy("chunk", "chunk", offset=0.1)]
        loaded = load_tree("default.yaml", [f"tree={tree_of(tree)}"] if tree else [])
        found = load_skills(use_entry_points=False)
        for skill in found.skills.values():  # the joints of this rig's robot never move: nothing of ours can be verified
            skill.verify = lambda readings, progress: None
        found.skills.update({skill.name: skill for skill in skills or ()})
        self.skills = found.skills
        names = {"locomotion", "chunk", "stand", "rest", "hold", "damp"}
        self.fallbacks = fallbacks()
        policies = self.fallbacks | {"locomotion": (self.locomotion,), "chunk": tuple(self.players)}
        extra = {"caller": caller} if caller else {}
        self.problems = found.problems
        self.spec = check_tree(loaded, found, names)
        self.arbiter = Arbiter(
            self.robot,
            policies,
            found.skills,
            loaded.config.home,
            Safety(MODEL),
            LockstepWorker(self._work, 0.005),
            self.spec,
            lambda text: text == "stop",
            loaded.config.control.handover,
            order,
            subtrees=found.trees,
            **extra,
        )
        self.now = 0.0
        self.events, self.requests = [], []
        assert self.arbiter.arm(0.0) == ""

    def _work(self, request):
        self.requests.append(request)
        return self.route(request.text)

    def route(self, text):
        if text == "gibberish":
            return Route(text, "rejected", reason="not understood")
        if text == "what can you do?":
            return Route(text, "rejected", reason="can be asked for: bow", rule=Rule.QUESTION)
        if text.startswith("don't "):
            return Route(text, "rejected", reason="only says what not to do", forbids=(text.removeprefix("don't "),))
        if text == "that is quite all right there":
            return Route(text, "stopped", ((SkillCall("stop", {}),),), "means stop")
        steps = tuple(
            tuple(SkillCall(name, default_parameters(self.skills[name])) for name in step.split("+")) for step in text.split(",")
        )
        return Route(text, "accepted", steps, score=0.9, margin=0.5)

    def tick(self, count=1):
        for _ in range(count):
            self.now = round(self.now + DT, 6)
            report = self.arbiter.tick(self.now)
            self.events += report.events
        return report

    def ready(self):
        self.arbiter.inbox.go()
        self.tick(40)
        assert self.owner() == {"legs": "locomotion", "arms": "rest"}
        return self

    def stand(self):
        """Until it stands by itself: what a tree of its own runs begins in the next tick."""
        self.arbiter.inbox.go()
        self.tick(1)
        assert self.arbiter.world.ready
        return self

    def say(self, text, how=""):
        self.arbiter.inbox.say(text, how)
        return self

    def owner(self):
        return self.arbiter.authority.describe()

    def last(self):
        return self.arbiter.executor.log[-1]

    def texts(self, kind):
        return [event.text for event in self.events if event.kind == kind]
