"""The bar of long work: what it tells, and that it is for terminals only."""

import io
import itertools

from deploy.cli.progress import bar, progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_estimate_follows_from_the_pace_so_far():
    assert bar("measuring", 10, 40, 5.0) == f"measuring [{'#' * 6}{' ' * 18}] 10/40, about 15 s left"
    assert bar("measuring", 0, 40, 0.0).endswith("0/40, ...")


def test_a_terminal_sees_it_and_it_is_gone_at_the_end():
    seconds = itertools.count()
    stream = Terminal()
    assert list(progress("abcd", "measuring", 4, stream, lambda: float(next(seconds)))) == list("abcd")
    assert "3/4, about 1 s left" in stream.getvalue() and stream.getvalue().endswith("\r\x1b[K")


def test_a_pipe_sees_nothing():
    stream = io.StringIO()
    assert list(progress("abcd", "measuring", 4, stream)) == list("abcd") and stream.getvalue() == ""
