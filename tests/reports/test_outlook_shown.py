"""What a verdict says beyond itself, on the terminal and on the page."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_claims.record import PartRecord, Record
from pytest_claims.report.markdown import summary
from pytest_claims.report.page import page_text
from pytest_claims.report.terminal import counts, further_text
from pytest_claims.report.words import seeds_text
from tests.reports.factory import FACTS, assemble


def test_the_counts_say_why_claims_are_inconclusive() -> None:
    """By kind; a claim of an earlier version has none."""
    kinds = ("too few seeds", "at its margin", "too few seeds", None)
    claims = [Record(id=str(at), verdict="inconclusive", undecided=kind) for at, kind in enumerate(kinds)]

    assert counts(SimpleNamespace(claims=[*claims, Record(id="a", verdict="supported")])) == (
        "5 claims: 1 supported, 4 inconclusive (1 at its margin, 2 too few seeds)"
    )
    assert counts(SimpleNamespace(claims=claims[3:])) == "1 claim: 1 inconclusive"


@pytest.mark.parametrize(
    "kinds, shown",
    [(["too few seeds", None], " (1 too few seeds)"), ([None, None], "")],
)
def test_markdown_and_page_count_the_kinds_too(tmp_path: Path, kinds: list, shown: str) -> None:
    """Behind the number of inconclusive claims, and below the picture that explains the word."""
    results = assemble(
        [{"id": str(at), "verdict": "inconclusive", "undecided": kind} for at, kind in enumerate(kinds)], FACTS
    )

    assert f"**2** inconclusive{shown} ·" in summary(results)
    text = page_text(tmp_path, results)
    assert ("there were too few seeds. In this run: 1 too few seeds.</p>" in text) == bool(shown)
    assert ("there were too few seeds.</p>" in text) == (not shown)


def test_the_page_explains_looks_where_there_were_some(tmp_path: Path) -> None:
    """One sentence for all claims; a claim that was given up carries a mark."""
    claim = {"id": "1.a", "verdict": "inconclusive", "seeds": 64, "registered_looks": [32, 64, 128], "ended": "futile"}
    looked, plain = (
        page_text(tmp_path, assemble([claim | more], FACTS))
        for more in ({}, {"registered_looks": [], "ended": "last look"})
    )

    assert "until a look decides" in looked
    assert '<span class="tag">given up early</span>' in looked
    assert "until a look decides" not in plain
    assert "given up early" not in plain


@pytest.mark.parametrize(
    "part, text",
    [
        ({}, "128"),
        ({"seeds": 32}, "32"),
        ({"seeds": 64, "unknown": 1}, "64 (1 pair unknown)"),
        ({"seeds": 64, "unknown": 0}, "64"),
    ],
)
def test_a_part_says_on_how_many_seeds_it_was_judged(part: dict, text: str) -> None:
    """A part that closed at an earlier look has fewer than its claim; unknown pairs of times are counted."""
    assert seeds_text(Record(seeds=128), PartRecord(**part)) == text
    assert seeds_text(Record(), PartRecord()) == "—"


@pytest.mark.parametrize(
    "entry, text",
    [
        ({"p_value": 0.000283, "registered_looks": [32, 64], "margins": [0.1, 0.2]},
         "p = 0.000283, adjusted for 2 registered looks."),
        ({"p_value": 0.5, "registered_looks": [], "margins": [None, 0.2]}, "p = 0.5."),
        ({"parts": [{"role": "gain", "region": [0.05, None], "interval": [0.2, 0.4], "strict": [0.1, 0.5]},
                    {"role": "step", "region": [0, None], "interval": [0.1, 0.2], "strict": [-0.1, 0.3]}],
          "p_value": 0.01, "registered_looks": [32]},
         ("p = 0.01, adjusted for 1 registered look; gains (more than 0.05 claimed): supported for every margin below "
          "0.2, refuted from 0.5 on; single steps (more than 0 claimed): supported for every margin below 0.1, refuted "
          "from 0.3 on.")),
        ({"parts": [{"role": "gain", "region": [0, None], "note": "more than half of the values are equal"}]}, ""),
        ({"verdict": "error", "p_value": 0.01}, ""),
    ],
)  # fmt: skip
def test_the_terminal_tells_p_and_margins_that_the_sentence_leaves_out(entry: dict, text: str) -> None:
    """Below the sentence, for one region the margins are in it."""
    assert further_text(Record.from_json({"id": "1.a", "verdict": "supported", "kind": "ordered"} | entry)) == text
