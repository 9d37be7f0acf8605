"""A person at a real terminal: help, history, a half-typed line, typing errors, and Ctrl-C."""

import os
import pty
import re
import select
import sys
import termios
import time

import pytest

from deploy.operator.manual import meant, skills_text
from skills.registry import load_skills

CONTROL = re.compile(rb"\x1b\[[?\d;]*[A-Za-z]")


class Console:
    """A run behind a terminal of its own."""

    def __init__(self, *options):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm"
            os.execv(sys.executable, [sys.executable, "-m", "deploy.run", "--tree", "default.yaml", "--viewer", "none", *options])
        self.before = termios.tcgetattr(self.fd)
        self.seen = b""

    def type(self, text):
        os.write(self.fd, text.encode())

    def until(self, text, seconds=60.0):
        """Reads on until `text` has come; returns what came before it."""
        end = time.monotonic() + seconds
        while text not in (plain := CONTROL.sub(b"", self.seen).decode(errors="replace")):
            assert time.monotonic() < end, plain
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.fd, 65536)
                except OSError:
                    pytest.fail(f"it has ended: {self.seen}")
        before, _, rest = plain.partition(text)
        self.seen = rest.encode()
        return before

    def ended(self):
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_a_person_at_a_terminal():
    console = Console()
    console.until("ready for instructions")
    console.type("walk forward 0.5 m\r")
    console.until("walk_forward (speed")
    console.type("help\r")
    said = console.until("walk_backward")
    angle = next(one for one in load_skills(use_entry_points=False).skills["turn_left"].parameters if one.name == "angle")
    turn = f'turn_left       legs        "turn left"; speed 0.2 to 0.8 rad/s (0.6), angle {angle.low:g} to 6.28 rad (1.57)'
    assert turn in said
    console.type("?\r")
    console.until("walk_forward")
    console.type("rset\r")
    console.until('"rset" is nothing that it knows; did you mean reset?')
    console.type("turn le")  # half a line, and then the robot tells something
    console.until('succeeded: "walk forward 0.5 m"')  # no help has stopped it
    console.until("> turn le")  # drawn again below what was told
    console.type("\x15\x1b[A")  # an empty line, arrow up
    console.until("rset")
    console.type("\x15lower your arms\r")
    console.until('heard "lower your arms"')
    console.type("\x03")
    console.until("Ctrl-C: comes to rest, then ends")
    said = console.until("safety: ")
    assert "2 instructions" in said
    assert console.ended() == 0 and termios.tcgetattr(console.fd) == console.before
    os.close(console.fd)


def test_every_skill_is_listed_with_its_parameters():
    skills = load_skills(use_entry_points=False).skills
    text = skills_text(skills)
    for name, skill in skills.items():
        line = next(line for line in text.splitlines() if line.split()[:1] == [name])
        assert skill.utterances[0] in line and all(parameter.name in line for parameter in skill.parameters)


@pytest.mark.parametrize(
    ("word", "order"),
    [
        ("rset", "reset"),
        ("rseet", "reset"),
        ("amr", ""),
        ("armm", "arm"),
        ("dmap", "damp"),
        ("quti", "quit"),
        ("hlep", "help"),
        ("walk", ""),
        ("bow", ""),
        ("dance", ""),
        ("wave", ""),
        ("arms", ""),
        ("reset the counter", ""),
        ("x", ""),
    ],
)
def test_typing_errors_of_orders(word, order):
    assert meant(word, {"arms", "walk"}, ("arm", "go", "reset", "damp", "quit", "exit", "help")) == order
