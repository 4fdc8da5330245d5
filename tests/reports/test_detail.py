"""What a claim's section shows beyond effect and interval: looks, why they ended, margins, assays, covariates."""

import re
from html import unescape
from pathlib import Path

import pytest

from pytest_claims.record import Record
from pytest_claims.report.detail import adjusted_of, assay_title, facts_of, looks_of
from pytest_claims.report.margins import margins_text
from pytest_claims.report.page import page_text
from pytest_claims.report.words import MINUS, TIMES, ended, quantity, strict_text
from pytest_claims.results import read
from tests.reports.by_looks import made_up
from tests.reports.factory import FACTS, assemble, error_record
from tests.reports.test_page import page_of, section_of

EXAMPLE = Path(__file__).parents[2] / "reports" / "example"
LOOKS = [
    {
        "seeds": 32,
        "verdict": "inconclusive",
        "effect": 0.1,
        "interval": [0, 0.2],
        "closed": ["a"],
        "chance": 0.456,
        "note": "most values are equal",
    },
    {"seeds": 64, "verdict": "supported", "effect": 0.11, "interval": [0.05, 0.17], "closed": ["b", "c", "d"]},
]
FIVE = [32, 64, 128, 256, 512]


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    """Return the words of each made-up claim's section, by id: cells apart, tags gone."""
    records = made_up()
    text = page_text(Path(), assemble(records, FACTS))
    return {claim["id"]: words_of(section_of(text, claim["id"])) for claim in records}


def words_of(html: str) -> str:
    """Return the text of HTML on one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def claim(**entry: object) -> Record:
    """Return a record of a difference, with these fields."""
    return Record.from_json({"id": "2.a", "kind": "difference", "alpha": 0.005 / 4.226, **entry})


# -- looks ----------------------------------------------------------------------------------------------------------


def test_each_look_is_a_row() -> None:
    """Seeds, verdict, effect, interval, the parts that closed there (two by name, more by number), the chance.

    Below the verdict stands why it was withheld.
    """
    looks = looks_of(claim(looks=LOOKS, parts=[{"text": "a"}, {"text": "b"}], registered_looks=FIVE))
    text = section_of(page_of(Path(), [{**error_record(), "looks": LOOKS}]), "11.a")

    assert looks is not None
    assert looks.title == "2 looks of 5 registered"
    assert [(row.seeds, row.verdict, row.effect, row.interval, row.closed, row.chance) for row in looks.rows] == [
        ("32", "inconclusive", "0.1", "0 to 0.2", "a", "46 %"),
        ("64", "supported", "0.11", "0.05 to 0.17", "3 parts", "—"),
    ]
    assert [row.note for row in looks.rows] == ["most values are equal", ""]
    assert looks.closes
    assert "32 inconclusive most values are equal 0.1 0 to 0.2 46 %" in words_of(text)


def test_a_single_look_has_no_table_and_a_run_without_looks_nothing() -> None:
    """What the level is and why it ended is said all the same; one part closes with its claim, and needs no column."""
    looks = looks_of(claim(verdict="supported", looks=LOOKS[1:], parts=[{}], registered_looks=FIVE))

    assert looks is not None
    assert (looks.title, list(looks.rows), looks.closes) == ("1 look of 5 registered", [], False)
    assert len(looks.sentences) == 3
    assert looks_of(claim(looks=None)) is None
    assert looks_of(claim(looks=[])) is None


def test_the_level_of_a_look_is_explained() -> None:
    """Alpha / c, with c by the number of registered looks; the first edition registered none, and says nothing."""
    looks = looks_of(claim(looks=LOOKS, registered_looks=FIVE))
    older = looks_of(claim(looks=LOOKS, alpha=0.0025))

    assert looks is not None
    assert older is not None
    assert looks.sentences[0] == (
        "The claim registered 5 looks, at 32, 64, 128, 256, 512 seeds. Each judges at 0.005 / 4.226 = 0.00118 a side, "
        "so that all together err 0.005: each interval holds with 99.76 %, all of them with 99 %."
    )
    assert not any("registered" in sentence for sentence in older.sentences)


@pytest.mark.parametrize(
    "entry, why, sentence",
    [
        ({"ended": "decided", "verdict": "refuted"}, "decided", "The run stopped at 64 seeds, where this claim was"),
        ({"ended": "futile"}, "futile", "too little: the chance that its last look would decide was only 6 %."),
        ({"ended": "last look"}, "last look", "The run stopped at 64 seeds, its last look."),
        ({"verdict": "supported"}, "decided", "The run stopped at 64 seeds, where this claim was decided."),
        ({}, "last look", "The run stopped at 64 seeds, its last look."),
    ],
)  # fmt: skip
def test_a_claim_says_why_it_was_judged_no_further(entry: dict, why: str, sentence: str) -> None:
    """Decided, nothing left to gain, or the last look; from results that do not say so it follows from the verdict."""
    looks = [LOOKS[0], LOOKS[1] | {"chance": 0.06}]
    record = claim(**{"verdict": "inconclusive", "looks": looks, "registered_looks": FIVE} | entry)
    shown = looks_of(record)

    assert ended(record) == why
    assert shown is not None
    assert sentence in " ".join(shown.sentences)


def test_an_estimate_is_called_biased_where_a_look_among_several_decided() -> None:
    """Not one that was given up, and not one of a claim that registered a single look."""
    warned = {
        (verdict, len(registered)): "biased outward" in " ".join(looks.sentences)
        for verdict in ("supported", "inconclusive")
        for registered in ([32], FIVE)
        if (looks := looks_of(claim(verdict=verdict, looks=LOOKS, registered_looks=registered)))
    }

    assert warned == {
        ("supported", 1): False, ("supported", 5): True, ("inconclusive", 1): False, ("inconclusive", 5): False
    }  # fmt: skip


def test_the_page_has_the_looks(sections: dict[str, str]) -> None:
    """A table where there were several, and the sentences; a part that closed earlier shows its own seeds."""
    assert (
        "seeds verdict effect 99.76 % interval parts supported here chance that the last look decides 32 "
        in sections["7.b"]
    )
    assert re.search(r"activation relu minus tanh \S+ \S+ to \S+ 64 supported", sections["7.b"])
    assert re.search(r"activation relu minus sin \S+ \S+ to \S+ 128 supported", sections["7.b"])
    assert "given up here, as the run's last look would decide with a chance of only 7 %." in sections["4.d"]
    assert "its last look would decide was only 7 %. Stopping so decides nothing" in sections["4.d"]
    assert "1 look of 5 registered The claim registered" in sections["6.a"]


# -- what is undecided, and margins ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "entry, text",
    [
        ({"undecided": "at its margin", "within": 0.0123, "chance": 0.31, "chance_seeds": 2048, "unit": "decades"},
         ("At its margin: even four times the seeds would decide with a chance below one half. The effect lies within "
          "0.0123 decades of its margin. 2,048 seeds would decide with a chance of 31 %.")),
        ({"undecided": "too few seeds", "within": 0.3, "kind": "time"},
         ("Too few seeds: four times the seeds would decide with a chance of one half or more. The effect lies within "
          f"a factor of 1.23{TIMES} of its margin.")),
        ({"within": 0.3, "kind": "proportion"}, "The effect lies within 30 percentage points of its margin."),
        ({"undecided": "for another reason"}, "For another reason."),
    ],
)  # fmt: skip
def test_an_inconclusive_claim_says_which_kind_it_is(entry: dict, text: str) -> None:
    """What the kind means, how far from its margin the effect may lie, and what four times the seeds would do."""
    assert dict(facts_of(claim(verdict="inconclusive", **entry))) == {"undecided": text}
    assert facts_of(claim(verdict="supported", **entry)) == []


@pytest.mark.parametrize(
    "role, region, margins, unit, text",
    [
        ("gain", [0.05, None], [0.1, 0.2], "", "supported for every margin below 0.1, refuted from 0.2 on"),
        ("level", [None, 0.05], [0.1, -0.2], "records",
         f"supported for every bound above 0.1, refuted up to {MINUS}0.2 (records)"),
        ("pair", [-0.02, 0.02], [0.1, 0.0], "", "supported for every margin above 0.1, refuted for none"),
        ("time", [1.0, None], [2.0, 3.0], "log2 of the time",
         f"supported for every factor below 4{TIMES}, refuted from 8{TIMES} on"),
        ("share", [0.5, None], [0.4, 0.625], "", "supported for every share below 40 %, refuted from 62.5 % on"),
    ],
)  # fmt: skip
def test_the_margins_that_would_hold_have_a_row(role: str, region: list, margins: list, unit: str, text: str) -> None:
    """In the words of the claim's kind."""
    part = {"text": "a", "role": role, "region": region, "estimator": "count" if role == "share" else "mean",
            "effect": 1.0, "interval": [0, 2]}  # fmt: skip
    record = claim(verdict="supported", parts=[part], effect=1.0, interval=[0, 2], margins=margins, unit=unit)

    assert margins_text(record) == text


@pytest.mark.parametrize("margins", [[None, 0.2], [0.1, 0.2]], ids=["now", "of an older version"])
def test_a_quick_look_shows_only_margins_that_are_refuted(margins: list) -> None:
    """It supports nothing: also in files of versions that wrote both numbers."""
    part = {"text": "", "role": "gain", "region": [0.05, None], "estimator": "mean"}
    record = claim(verdict="inconclusive", kind="difference", parts=[part], last_look=8, margins=margins)

    assert margins_text(record) == "refuted for every margin from 0.2 on"


def test_a_margin_that_is_not_known_to_be_refuted_is_not_named() -> None:
    """All slow runs were cut off: whether a larger factor would be refuted is not known to the page, either."""
    part = {"text": "a", "role": "time", "region": [1.0, None], "margin": 1.0, "estimator": "mean", "effect": 3.1,
            "interval": [2.0, 3.3], "strict": [2.0, 3.3], "values": [3.0, 3.1, 3.2], "slow_cut": [0, 1, 2]}  # fmt: skip
    record = claim(verdict="supported", parts=[part], effect=3.1, interval=[2.0, 3.3], margins=[2.0, None])

    assert margins_text(record) == f"supported for every factor below 4{TIMES}"


def test_a_quick_look_says_nothing_of_what_it_could_have_seen() -> None:
    """It supports no assay because it supports nothing, not because nothing was learned."""
    part = {"text": "a", "role": "gain", "region": [-0.05, None], "estimator": "mean"}
    assay = {"text": "b", "role": "gain", "region": [0.05, None], "verdict": "inconclusive"}
    known = {"verdict": "inconclusive", "parts": [part], "assays": [assay], "margins": [None, 0.2], "last_look": 8}

    assert margins_text(claim(**known, kind="difference")) == "refuted for every margin from 0.2 on"
    assert "could not have seen" in margins_text(claim(**known, kind="difference", registered_looks=[8, 16]))


def test_margins_that_an_older_result_does_not_have_are_not_made_up() -> None:
    """A result without them, or with an end that is not finite; an error has none."""
    known = {"verdict": "supported", "parts": [{"text": "a", "role": "gain", "region": [0.05, None]}]}

    assert margins_text(claim(**known)) == ""
    assert margins_text(claim(**known, margins=[None, 0.2])) == ""
    assert margins_text(claim(verdict="supported", margins=[0.1, 0.2])) == ""
    assert margins_text(claim(**known | {"verdict": "error"}, margins=[0.1, 0.2])) == ""


@pytest.mark.parametrize(
    "entry, text",
    [
        ({"assays": [{"verdict": "inconclusive"}], "margins": [0.1, 0.2]},
         "supported for none, because this run could not have seen a difference"),
        ({"parts": [{"role": "exact", "estimator": "exact"}]}, "no margin: the numbers are compared as they are"),
        ({"parts": [{"role": "gain", "note": "most values are equal", "verdict": "inconclusive"}]},
         "nothing is decided, whatever the margin: most values are equal"),
        ({"parts": [{"role": "range", "region": [0, 1], "interval": [0.2, 0.5], "strict": [0.1, 0.6]}]},
         ("supported for every range that holds 0.2 to 0.5, refuted for every range that lies outside of 0.1 to 0.6")),
        ({"parts": [{"role": "gain", "region": [0.05, None], "interval": [0.2, 0.5], "strict": [0.1, 0.6]},
                    {"role": "step", "region": [-0.02, None], "interval": [0.0, 0.2], "strict": [-0.1, 0.3]},
                    {"role": "step", "region": [-0.02, None], "interval": [-0.01, 0.1], "strict": [-0.1, 0.2]}]},
         ("gains (more than 0.05 claimed): supported for every margin below 0.2, refuted from 0.6 on; single steps "
          f"(more than {MINUS}0.02 claimed): supported for every margin below {MINUS}0.01, refuted from 0.2 on")),
    ],
)  # fmt: skip
def test_a_claim_without_one_line_of_margins_says_what_holds_instead(entry: dict, text: str) -> None:
    """Nothing to see, no margin at all, values that wait; a range; a clause for each region of the parts."""
    parts = [{"text": "a", "role": "gain", "region": [0.05, None]}]

    assert margins_text(claim(**{"verdict": "inconclusive", "parts": parts} | entry)) == text


def test_every_claim_of_the_example_has_a_line_of_margins() -> None:
    """Also those whose parts have different regions, which results.json has no line for."""
    claims = read(EXAMPLE).claims

    assert [claim.id for claim in claims if not margins_text(claim)] == []
    assert any(claim.margins is None for claim in claims)


# -- times ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "part, text",
    [
        ({"unknown": 0}, "No run: all reached the threshold within the budget."),
        ({"unknown": 0, "fast_cut": [3]},
         "1 fast run and 0 slow runs never reached the threshold within the budget."),
        ({"unknown": 2, "fast_cut": [3, 4], "slow_cut": [1, 3, 4], "seeds": 64},
         ("2 fast runs and 3 slow runs never reached the threshold within the budget. In 2 pairs of 64 neither did: "
          "which was sooner is unknown.")),
    ],
)  # fmt: skip
def test_runs_that_were_cut_off_are_counted(part: dict, text: str) -> None:
    """Those of each arm, and the pairs of which nothing is known; the table of parts has those of several parts."""
    part = {"role": "time", **part}

    assert dict(facts_of(claim(kind="time", parts=[part]))) == {"cut off": text}
    assert facts_of(claim(kind="time", parts=[part, part])) == []


def test_a_time_in_a_conjunction_is_shown_as_a_factor() -> None:
    """Its part says that it is one; the part beside it is a plain difference."""
    record = claim(kind="conjunction", parts=[{"role": "time"}, {"role": "gain"}])

    assert [quantity(record, 1.0, part) for part in record.parts] == [f"2{TIMES}", "1"]


# -- assays and covariates ------------------------------------------------------------------------------------------


def test_an_assay_is_a_table_of_its_own(sections: dict[str, str]) -> None:
    """One row for each arm with its verdict, failing ones first; the title says what they amount to."""
    assert "This run could have seen a difference: 3 of 3 checks passed" in sections["7.b"]
    assert re.search(
        r"This run could not have seen a difference: 0 of 3 checks passed .*"
        r"accuracy at activation relu minus the constant 0.5 0\.\d+ \S+ to \S+ inconclusive",
        sections["7.c"],
    )
    assert not any("checks passed" in sections[name] for name in ("2.a", "3.b"))


def test_a_part_that_holds_is_not_called_uncertain_because_of_an_assay(sections: dict[str, str]) -> None:
    """All parts of 7.c are supported; what takes its support away is that no network learned."""
    assert "(the narrowest of 3 parts)" in sections["7.c"]


def test_one_failing_check_is_enough_to_see_nothing() -> None:
    """The arms that do beat the constant are counted."""
    checks = [{"verdict": "supported"}, {"verdict": "inconclusive"}]

    assert assay_title(claim(assays=checks)) == "This run could not have seen a difference: 1 of 2 checks passed"
    assert assay_title(claim(assays=checks[:1])) == "This run could have seen a difference: 1 of 1 check passed"
    assert "a quick look supports nothing" in assay_title(claim(assays=checks, last_look=8))


def test_the_covariate_stands_beside_the_plain_mean() -> None:
    """Name, slope, R^2, plain and adjusted mean, the covariate's mean over the seeds and in the population."""
    known = {"covariate": "Bayes accuracy", "slope": 0.73, "explained": 0.714, "unadjusted": 0.041,
             "population": 0.9, "population_error": 0.0002, "values": [0.8, 0.9, None]}  # fmt: skip
    record = claim(parts=[{"text": "a", "effect": 0.04, "adjusted": known}, {"text": "b", "effect": 0.1}])

    (row,) = adjusted_of(record)
    assert (row.part, row.covariate, row.slope, row.explained) == ("a", "Bayes accuracy", "0.73", "0.71")
    assert (row.plain, row.effect, row.here, row.population) == ("0.041", "0.04", "0.85", "0.9 ± 0.0002")


def test_the_page_has_the_covariate(sections: dict[str, str]) -> None:
    """A row for each adjusted part; a claim of plain means has no such table."""
    assert "Adjusted for Bayes accuracy, which is known before training" in sections["3.b"]
    assert re.search(
        r"technique deep network minus tree Bayes accuracy 0\.04\d+ 0\.0\d+ 0\.9\d+ 0\.52", sections["3.b"]
    )
    assert "Adjusted for" not in sections["7.b"]


# -- one of several parts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "verdict, interval, shown",
    [
        ("refuted", [-0.3, -0.1], True),
        ("inconclusive", [-0.3, -0.1], True),
        ("inconclusive", [-0.3, 0.1], False),
        ("supported", [0.3, 0.4], False),
    ],
)
def test_the_interval_of_a_refutation_is_shown_where_it_matters(verdict: str, interval: list, shown: bool) -> None:
    """One of several parts is refuted at a stricter level: shown where it is, or where only the other one would."""
    part = {"verdict": verdict, "region": [0.0, None], "interval": interval, "strict": [-0.4, 0.05],
            "refuted_at": 0.0003}  # fmt: skip
    record = claim(parts=[part, part])
    alone = claim(parts=[part | {"refuted_at": 0.005 / 4.226}])

    assert strict_text(record, record.parts[0]) == (f"at 99.94 %: {MINUS}0.4 to 0.05" if shown else "")
    assert strict_text(alone, alone.parts[0]) == ""


def test_a_part_says_why_its_verdict_is_withheld(sections: dict[str, str]) -> None:
    """Below its name, beside the interval that was too wide; the design has the level of a refutation."""
    assert "layers 1 minus 2 one of several parts is refuted only if" in sections["9.c"]
    assert re.search(rf"at 99\.94 %: {MINUS}0\.\d+ to 0\.\d+", sections["9.c"])
    assert "one part of several is refuted at 0.000296 a side (99.94 % interval)" in sections["9.c"]
    assert "one part of several" not in sections["4.d"]


def test_the_share_that_no_divergence_allows_rests_on_the_looks_level(sections: dict[str, str]) -> None:
    """64 clean seeds at five looks: 1 - (.005 / 4.226) ^ (1 / 64) = 10 %."""
    assert "none in 64 seeds (so the true share is at most 10 %)" in sections["4.d"]


# -- older results --------------------------------------------------------------------------------------------------


def test_results_without_these_fields_are_drawn_without_them() -> None:
    """The fields of the rule's second edition are absent from older records, and may be null."""
    fields = ("looks", "ended", "registered_looks", "margins", "undecided", "within", "chance", "assays")
    old = [{name: value for name, value in entry.items() if name not in fields} for entry in made_up()]
    for entry in old:
        for part in entry["parts"]:
            for name in ("adjusted", "note", "unknown", "refuted_at", "strict", "seeds"):
                part.pop(name, None)
    text = page_of(Path(), [*old, {**error_record(), **dict.fromkeys(fields)}])

    assert text.count("<article") == len(old) + 1
    assert not re.search(r"checks passed|Adjusted for|looks? of|<dt>(?:undecided|margins|cut off)", text)


def test_the_committed_example_is_drawn() -> None:
    """Every claim has a section of its own."""
    results = read(EXAMPLE)
    text = page_text(Path(), results)

    assert set(re.findall(r'<article class="[^"]*" data-id="([^"]*)"', text)) == {claim.id for claim in results.claims}
