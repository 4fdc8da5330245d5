"""How far a run is, in words: in a notebook, on a terminal, in a log."""

import io
import sys
from types import SimpleNamespace

import pytest

from pytest_claims.notebook.process import Words


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        """Say so."""
        return True


@pytest.fixture
def words(monkeypatch):
    """Return words outside of any notebook."""
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    words = Words()
    words.out = io.StringIO()
    return words


def test_a_log_gets_a_line_now_and_then(words):
    """The first at once, the next not before half a minute, the last always."""
    for text in ("Collecting", "1 of 3", "2 of 3"):
        words.show(text)
    words.show("Judged", last=True)

    assert words.out.getvalue() == "Collecting\nJudged\n"


def test_a_terminal_shows_one_line_that_is_replaced(words):
    """The same sentence is not written again."""
    words.out = Terminal()
    for text in ("Collecting", "Collecting", "1 of 3"):
        words.show(text)
    words.show("Judged", last=True)

    assert words.out.getvalue().split("\r\x1b[K") == ["", "Collecting", "1 of 3", "Judged\n"]


def test_a_notebook_shows_one_output_that_is_replaced(words, monkeypatch):
    """By IPython's display, where a kernel has loaded it; nothing is written to the stream."""
    shown = []
    handle = SimpleNamespace(update=lambda text, raw: shown.append(("update", text, raw)))

    def display(text, *, raw, display_id):
        assert display_id
        shown.append(("display", text, raw))
        return handle

    ipython = SimpleNamespace(
        get_ipython=lambda: SimpleNamespace(kernel=object()), display=SimpleNamespace(display=display)
    )
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    words.show("Collecting")
    words.show("Judged", last=True)

    assert shown == [
        ("display", {"text/plain": "Collecting"}, True),
        ("update", {"text/plain": "Judged"}, True),
    ]
    assert words.out.getvalue() == ""


def test_silence_is_silent(words):
    """Not even the last sentence."""
    words.silent = True
    words.show("Judged", last=True)

    assert words.out.getvalue() == ""
