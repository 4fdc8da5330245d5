"""For sceptics and for those who cite: verdicts that chance may have made, fresh seeds, BibTeX, the citation block."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import pytest_claims
from pytest_claims.record import Record
from pytest_claims.report.chance import chance_of, error_of, fresh_of, most_wrong
from pytest_claims.report.cite import Cited, bibtex, citation_of, read_cff
from pytest_claims.report.markdown import summary
from pytest_claims.stored import problem_of
from tests.reports.factory import FACTS, assemble, error_record
from tests.reports.test_page import page_of

ROOT = Path(__file__).parents[2]
LOOKS = [32, 64, 128, 256, 512]


def claim(**entry: object) -> Record:
    """Return a supported claim that registered five looks, with these fields."""
    return Record.from_json(
        {"id": "1.a", "kind": "level", "verdict": "supported", "alpha": 0.005 / 4.226, "registered_looks": LOOKS}
        | entry
    )


@pytest.mark.parametrize(
    "entry, error",
    [({}, 0.005), ({"divisor": 2.0}, 0.01 / 4.226), ({"registered_looks": [], "alpha": 0.005}, 0.005),
     ({"alpha": None}, None)],
)  # fmt: skip
def test_the_error_of_a_claim_is_that_of_all_its_looks(entry: dict, error: float | None) -> None:
    """The level of a look times what alpha was divided by, as recorded or by the number of looks."""
    assert error_of(claim(**entry)) == (None if error is None else pytest.approx(error))


def test_expected_wrong_verdicts_are_the_sum_of_errors_of_all_that_were_tested() -> None:
    """121 claims at 0.005: 0.605. Open claims count, exact ones and errors do not."""
    claims = [claim()] * 90 + [claim(verdict="inconclusive")] * 31 + [claim(kind="exact"), claim(verdict="error")]
    chance = chance_of(claims)

    assert (chance.tested, chance.decided, chance.exact) == (121, 90, 1)
    assert chance.expected == pytest.approx(0.605)
    assert chance.most == stats.binom(121, 0.005).ppf(0.99) == 3


def test_the_bound_for_independent_claims_agrees_with_drawn_worlds() -> None:
    """Unequal errors: at most k in 99 of 100 worlds, more than k - 1 in more than one of 100."""
    errors = [0.005] * 40 + [0.05] * 20 + [0.2]
    drawn = (np.random.default_rng(0).random((200_000, len(errors))) < errors).sum(axis=1)

    assert most_wrong(errors, 0.99) == np.quantile(drawn, 0.99)
    assert most_wrong([], 0.99) == 0


def test_the_page_says_how_far_to_trust_it(tmp_path: Path) -> None:
    """Numbers and assumption, and that expected verdicts were registered on the same seeds."""
    known = {**error_record(), "verdict": "supported", "registered": "supported", "kind": "level", "alpha": 0.005}
    text = page_of(tmp_path, [{**known, "id": f"1.{letter}"} for letter in "abcd"])
    words = " ".join(re.sub("<[^>]+>", " ", text).split())

    assert "If every interval held its level, and every effect lay exactly on its margin" in words
    assert "at most 0.02 of these verdicts would be wrong on average: 4 claims rest on an interval" in words
    assert "Intervals do not hold their level for all data." in words
    assert "For claims on such data these numbers are too small. docs/statistics.md of pytest-claims has the" in words
    assert "at least one would be wrong in at most 2 of 100" in words
    assert "registered once their outcome on these same seeds is known" in words
    assert "This run holds none." in words


@pytest.mark.parametrize("short, command", [(True, "pytest claims/ --fresh"), (False, "pytest --claims-fresh")])
def test_the_page_names_no_stream_of_fresh_seeds(tmp_path: Path, short: bool, command: str) -> None:
    """A number would be the same for all readers, so that soon somebody has seen its seeds: the run draws one."""
    text = page_of(tmp_path, [error_record()], short_options=short)

    assert f"<code>{command}</code> draws some at random" in text


def test_the_page_leads_to_the_simulated_error_rates(tmp_path: Path) -> None:
    """A link where the repository's address is known, else the name of the page."""
    known = {**error_record(), "verdict": "supported", "kind": "level", "alpha": 0.005}
    citation = citation_of(ROOT, {}, "2026-11-26")
    here = {"commit": "abc", "repository": "https://github.com/a/b"}
    texts = [
        page_of(tmp_path, [known], citation=citation, environment={**FACTS["environment"], **more})
        for more in ({"commit": None, "repository": None}, here)
    ]

    assert "<code>docs/statistics.md</code> has the simulated rates" in texts[0]
    assert re.search(r'<a href="https://[^"]*/docs/statistics.md">docs/statistics.md</a> has the sim', texts[1])


def test_a_run_on_fresh_seeds_says_how_they_fared(tmp_path: Path) -> None:
    """Three as registered, one decided on one side only, one contradiction: counted, and on the page."""
    known = {**error_record(), "stream": "fresh-1", "registered": "supported"}
    verdicts = ["supported"] * 3 + ["inconclusive", "refuted"]
    records = [{**known, "id": f"1.{at}", "verdict": verdict} for at, verdict in zip("abcde", verdicts, strict=True)]
    fresh = fresh_of(map(Record.from_json, records))

    assert (fresh.drawn, fresh.same, fresh.open, fresh.against) == (5, 3, 1, 1)
    assert "had no part in registering the expected verdicts: of 5 verdicts <b>3</b>" in page_of(tmp_path, records)


def test_a_run_under_other_conditions_does_not_say_that_it_agrees(tmp_path: Path) -> None:
    """Its claims are others than the registered ones; and fresh seeds are fresh also where nothing is compared."""
    changed = {**error_record(), "verdict": "supported", "outcome": "passed", "registered": None, "stream": "fresh-7"}
    text = page_of(tmp_path, [changed])

    assert "All verdicts agree" not in text
    assert "1 claim has no registered verdict to compare with." in text
    assert "This run drew fresh seeds, and no verdict of it is registered" in text
    assert "This run holds none." not in text
    short = summary(assemble([changed], FACTS))
    assert "No verdict is registered to compare with" in short
    assert "All verdicts agree" not in short
    assert "1 claim has no registered verdict to compare with; all others agree with theirs." in page_of(
        tmp_path, [changed, {**changed, "id": "1.b", "registered": "supported"}]
    )


def test_the_citation_of_this_repository_is_read_from_its_file() -> None:
    """Title, authors, the library's version and the notebook as reference; valid by the published schema."""
    block = citation_of(ROOT, {"commit": "abc", "repository": None}, "2026-11-26T20:42:12+00:00")

    assert block["title"].startswith("Atomic Claims: ")
    assert block["authors"] == ["{The Atomic Claims contributors}"]
    assert block["version"] == pytest_claims.__version__
    assert block["references"][0]["authors"] == ["Abid, Abubakar"]
    assert block["references"][0]["year"] == "2018"
    assert "docs/statistics.md" in block["documents"]
    assert problem_of({"schema": 1, "claims": [], "citation": block}) is None


@pytest.mark.parametrize("text", [None, "", "- a\n- b", "\x00: [", "title: >\n  folded\n", "a:\n    b:\n  c"])
def test_a_repository_without_a_readable_file_has_a_citation_all_the_same(tmp_path: Path, text: str | None) -> None:
    """No title, no authors, no error: commit and day of the run."""
    if text is not None:
        (tmp_path / "CITATION.cff").write_text(text)
    block = citation_of(tmp_path, {"commit": "abc"}, "2026-11-26T20:42:12+00:00")

    assert (block["authors"], block["commit"], block["date"]) == ([], "abc", "2026-11-26")
    assert problem_of({"schema": 1, "claims": [], "citation": block}) is None


def test_the_file_may_be_written_in_several_ways() -> None:
    """Quotes, comments, lists at the indent of their name or deeper, entries inside entries."""
    text = """
# a comment
title: "A: b"  # not the quotes
authors:
- family-names: Doe
  given-names: 'J.'
- name: A group
references:
  - title: Work
    authors:
      - family-names: Roe
keywords:
  - one
"""
    assert read_cff(text) == {
        "title": "A: b",
        "authors": [{"family-names": "Doe", "given-names": "J."}, {"name": "A group"}],
        "references": [{"title": "Work", "authors": [{"family-names": "Roe"}]}],
        "keywords": ["one"],
    }


def test_each_source_has_one_entry_and_every_claim_leads_to_its_own(tmp_path: Path) -> None:
    """Two places in one work share an entry; a claim that names no work leads to the suite's."""
    sources = ["Abid 2018, experiment 2", "Abid 2018, discussion", "Raghu et al. 2017, 'convergence'", "our own idea"]
    records = [
        {**error_record(), "id": f"1.{at}", "source": source} for at, source in zip("abcd", sources, strict=True)
    ]
    citation = citation_of(ROOT, {}, "2026-11-26")
    cited = Cited(assemble(records, {**FACTS, "citation": citation}))

    assert [work.anchor for work in cited.works] == ["cite", "cite-1", "cite-2"]
    assert [list(work.claims) for work in cited.works] == [["1.d"], ["1.a", "1.b"], ["1.c"]]
    assert cited.works[0].bibtex.startswith("@software{")
    assert cited.works[1].bibtex == (
        "@misc{abid2018, author = {Abid, Abubakar}, title = {{Atomic Experiments in Deep Learning}}, year = {2018}}"
    )
    assert cited.works[2].bibtex == (
        "@inproceedings{raghu2017, author = {Raghu, Maithra and Gilmer, Justin and Yosinski, Jason and Sohl-Dickstein, "
        "Jascha}, title = {{SVCCA: Singular Vector Canonical Correlation Analysis for Deep Learning Dynamics and "
        "Interpretability}}, booktitle = {Advances in Neural Information Processing Systems 30}, year = {2017}, "
        "url = {https://arxiv.org/abs/1706.05806}}"
    )
    text = page_of(tmp_path, records, citation=citation)
    for identifier, anchor in zip("abcd", ["cite-1", "cite-1", "cite-2", "cite"], strict=True):
        assert f'<a href="#{anchor}" aria-label="How to cite the source of claim 1.{identifier}">' in text
    assert text.count(">@misc{abid2018") == 1


@pytest.mark.parametrize(
    "entry, bibliography",
    [
        ("type: article\n    journal: J", "@article{doe2019, author = {Doe, Jo}, journal = {J}, year = {2019}}"),
        (
            "type: conference-paper\n    conference:\n      name: C",
            "@inproceedings{doe2019, author = {Doe, Jo}, booktitle = {C}, year = {2019}}",
        ),
        ("type: book\n    collection-title: A series", "@misc{doe2019, author = {Doe, Jo}, year = {2019}}"),
        ("type: conference-paper\n    conference: C", "@misc{doe2019, author = {Doe, Jo}, year = {2019}}"),
    ],
)
def test_the_kind_of_an_entry_is_that_of_the_reference(tmp_path: Path, entry: str, bibliography: str) -> None:
    """Any repository's CITATION.cff completes its sources: a journal, or the proceedings of a conference."""
    (tmp_path / "CITATION.cff").write_text(
        f"references:\n  - {entry}\n    authors:\n      - family-names: Doe\n        given-names: Jo\n    year: 2019\n"
    )
    citation = citation_of(tmp_path, {}, "2026-11-26")
    records = [{**error_record(), "id": "1.a", "source": "Doe et al. 2019"}]

    assert Cited(assemble(records, {**FACTS, "citation": citation})).works[1].bibtex == bibliography
    assert problem_of({"schema": 1, "claims": [], "citation": citation}) is None


@pytest.mark.parametrize(
    "version, commit, said",
    [
        ("1.2", "abc" * 9, "1.2, commit abcabcabcabc"),
        ("1.2", None, "1.2"),
        (None, "abc", "commit abc"),
        (None, None, None),
    ],
)
def test_the_suite_is_cited_with_version_and_commit(version: str | None, commit: str | None, said: str | None) -> None:
    """The commit says what ran, also between two releases."""
    facts = {**FACTS, "environment": {"commit": commit}, "citation": {"version": version}}
    (work,) = Cited(assemble([], facts)).works

    assert re.findall(r" version = \{(.*?)\}", work.bibtex) == ([said] if said else [])


def test_entries_can_be_copied(tmp_path: Path) -> None:
    """Each has a button, which a script shows, and its text; the suite's own entry is open."""
    text = page_of(tmp_path, [{**error_record(), "id": "1.a", "source": "Doe 2019"}], citation={"title": "T & U"})
    cites = text[text.index('id="cites"') :]

    assert re.findall(r"<details( open)?>", cites[: cites.index("</section>")]) == [" open", ""]
    for name in ("T &amp; U", "Doe 2019"):
        found = re.search(
            rf'BibTeX of {name}">(.*?)</pre><button type="button" class="copy" hidden data-copy="(.*?)"', cites
        )
        assert found
        assert found[1] == found[2]
        assert f'aria-label="Copy the BibTeX of {name}">Copy</button>' in cites


@pytest.mark.parametrize(
    "source, authors",
    [
        ("Goodfellow, Bengio and Courville 2016, chapter 8", "Goodfellow and Bengio and Courville"),
        ("Smith, Jones, and Doe (2019)", "Smith and Jones and Doe"),
        ("LeCun, Y. 1998", "LeCun, Y."),
        ("van der Maaten & Hinton 2008", "van der Maaten and Hinton"),
        ("Vaswani et al. (2017), section 3", "Vaswani and others"),
        ("folk wisdom since 1995", None),
        ("Since 2018 everybody knows", None),
        ("a talk by Doe 2019", None),
    ],
)
def test_authors_of_a_source(source: str, authors: str | None) -> None:
    """Several names, initials and particles make an entry; words that are no names make none."""
    works = Cited(assemble([{**error_record(), "id": "1.a", "source": source}], FACTS)).works

    assert [f"author = {{{authors}}}" in work.bibtex for work in works[1:]] == ([] if authors is None else [True])


def test_every_entry_has_a_key_of_its_own() -> None:
    """Keys have no accents; names that become the same, or empty, get a number."""
    sources = ["Müller 2017", "Muller 2017", "李 2017", "王 2017"]
    records = [{**error_record(), "id": f"1.{at}", "source": source} for at, source in enumerate(sources)]

    entries = [work.bibtex for work in Cited(assemble(records, FACTS)).works[1:]]

    assert [entry[len("@misc{") :].partition(",")[0] for entry in entries] == [
        "muller2017", "muller2017-2", "work2017", "work2017-2",
    ]  # fmt: skip
    assert "author = {李}" in entries[2]


def test_an_entry_is_balanced_whatever_a_title_holds() -> None:
    """A brace without a partner is left out, a backslash is TeX's own word for it."""
    entry = bibtex("misc", "k", {"title": "A } brace and \\ back", "note": "50 % of {X}"})

    assert entry == r"@misc{k, title = {A  brace and \textbackslash  back}, note = {50 \% of {X}}}"
