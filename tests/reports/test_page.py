"""The page: shows whatever a claim says and never runs it; one file, small, quick, complete without figures."""

import copy
import json
import re
import shutil
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_claims.errors import ResultsError
from pytest_claims.record import Record
from pytest_claims.report.markdown import summary
from pytest_claims.report.page import page_text, write_page
from pytest_claims.report.session import render
from pytest_claims.report.times import seconds_of
from pytest_claims.report.views import ClaimView
from pytest_claims.report.words import with_minus
from pytest_claims.vocabulary import visible
from tests.reports.factory import FACTS, NASTY, assemble, error_record, hostile, repeated

EXAMPLE = Path(__file__).parents[2] / "reports" / "example"


class Text(HTMLParser):
    """Collects tags, attributes and the text of headings."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.inside: list[str] = []
        self.headings: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Note the tag, ids and whatever could load something."""
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        self.links += [value for name, value in attrs if name in {"src", "href", "srcset", "data", "action"}]
        if tag in {"h3", "h4", "script", "style"}:
            self.inside.append(tag)
            self.headings.append("")

    def handle_endtag(self, tag):
        """Leave a heading."""
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data):
        """Collect text."""
        if self.inside and self.inside[-1] in {"h3", "h4"}:
            self.headings[-1] += data
        if not self.inside or self.inside[-1] not in {"script", "style"}:
            self.words.append(data)


def records_of(folder: Path) -> list[dict]:
    """Return the records of a report."""
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))["claims"]


def page_of(folder: Path, records: list[dict], **facts: object) -> str:
    """Return the page of these records."""
    return page_text(folder, assemble(copy.deepcopy(records), {**FACTS, **facts}))


def section_of(text: str, identifier: str) -> str:
    """Return a claim's section without those of its variants."""
    match = re.search(
        rf'<article class="[^"]*" data-id="{re.escape(identifier)}".*?(?=<article|</main>)', text, re.DOTALL
    )
    assert match
    return match[0]


def test_is_one_file_that_loads_nothing(report: Path) -> None:
    """No source, no style sheet, no font, no address but links to source lines, and pictures that are on the page."""
    text = (report / "index.html").read_text(encoding="utf-8")
    page = Text(text)

    assert not {"link", "iframe", "object", "embed", "audio", "video"} & (set(page.tags) - {"link"})
    assert all(
        link.startswith(("#", "data:image/svg+xml,", "https://example.org/atomic/claims/blob/")) for link in page.links
    )
    assert not re.search(r"@import|url\((?!%23|\"data:image/svg)", text)
    assert len(page.ids) == len(set(page.ids))


def test_the_committed_example_keeps_its_limits() -> None:
    """123 claims: under 20,000 elements, under 4 MB, and every claim's link leads into its own closed section.

    Its other links lead to files of the clone, to claims and documents.

    A browser opens a closed section for a link only where the target lies inside of it.
    """
    text = (EXAMPLE / "index.html").read_text(encoding="utf-8")
    claims = records_of(EXAMPLE)
    page = Text(text)

    assert len(claims) == 123
    assert len(page.tags) < 20_000
    assert len(text.encode()) < 4_000_000
    files = {link for link in page.links if not link.startswith(("#", "data:"))}
    assert {link for link in files if not (EXAMPLE / link).is_file()} == set()
    assert {EXAMPLE.joinpath(link).resolve().parent.name for link in files} == {"claims", "docs"}
    for claim in claims:
        section = section_of(text, claim["id"])
        assert (
            re.search(r'<details class="whole"><summary>.*?</summary>\s*<div class="inside" id="([^"]*)"', section)[1]
            == claim["id"]
        )
        assert text.count(f'href="#{claim["id"]}"') >= 2
        assert "<b>Margin.</b>" in section


def test_shows_every_claim_under_its_own_link(report: Path) -> None:
    """Each id is an anchor; texts, sentences, commands and source lines are on the page."""
    text = (report / "index.html").read_text(encoding="utf-8")
    page = Text(text)
    words = " ".join("".join(page.words).split())
    for claim in json.loads((report / "results.json").read_text(encoding="utf-8"))["claims"]:
        assert claim["id"] in page.ids
        assert claim["text"] in words
        assert with_minus(claim["message"]).partition(": ")[2][1:] in words
        assert f"pytest claims/ --claim {claim['id']}" in words


@pytest.mark.parametrize(
    "facts, option", [({}, "--claim"), ({"short_options": True}, "--claim"), ({"short_options": False}, "--claims-id")]
)
def test_the_command_of_one_claim_spells_its_option_as_the_run_did(tmp_path: Path, facts: dict, option: str) -> None:
    """With the short names --claim, without them --claims-id; a file that does not say is older and had them."""
    text = page_of(tmp_path, [error_record()], **facts)

    assert f"<code>pytest claims/ {option} 11.a</code>" in text


@pytest.mark.parametrize("facts, title", [({}, "Claims"), ({"title": "Our <lab>"}, "Our &lt;lab&gt;")])
def test_the_title_is_that_of_the_repository(tmp_path: Path, facts: dict, title: str) -> None:
    """In the tab and above the contents, also on a CI job's page; a neutral one where an older file has none."""
    text = page_of(tmp_path, [error_record()], **facts)
    results = assemble([error_record()], {**FACTS, **facts})

    assert f"<title>{title}: 0 supported" in text
    assert f'<p class="brand"><a href="#top">{title}</a></p>' in text
    assert "Atomic" not in text
    assert summary(results).splitlines()[0] == f"## {title}"


@pytest.mark.parametrize(
    "nodeid, place",
    [
        ("claims/test_depth.py::test_it", "claims/"),
        ("deep/down/test_depth.py::test_it[a/b]", "deep/"),
        ("test_depth.py::test_it[a/b]", "test_depth.py"),
        ("my claims/test_depth.py::test_it", "'my claims/'"),
        ("", "claims/"),
    ],
)
def test_the_command_of_one_claim_names_a_place_that_exists(tmp_path: Path, nodeid: str, place: str) -> None:
    """The claim's top folder, or its file where that lies at the repository's root."""
    text = page_of(tmp_path, [{**error_record(), "nodeid": nodeid}])

    assert f"<code>pytest {place.replace(chr(39), '&#39;')} --claim 11.a</code>" in text


def test_twelve_experiments_fit_into_five_megabytes(report: Path) -> None:
    """112 claims and variants with figures: at most 5 MB."""
    records = repeated(records_of(report), 7)
    assert len(records) >= 110
    text = page_of(report, records)

    assert len(text.encode()) <= 5_000_000
    assert "left out" not in text


def test_a_thousand_claims(report: Path) -> None:
    """1,000 claims make a page with as many sections; figures beyond the budget stay in figures/, and it says so."""
    records = repeated(records_of(report), 63)[:1000]
    text = page_of(report, records)

    assert text.count("<article") == 1000
    assert "is left out to keep this page small; it is in figures/" in text


@pytest.mark.parametrize("nasty", NASTY)
def test_texts_are_shown_not_run(tmp_path: Path, nasty: str) -> None:
    """A claim's texts, labels and messages arrive as text, in every field."""
    record = hostile(tmp_path, "1.a", nasty)
    text = page_of(
        tmp_path, [record], command=[nasty], environment={"torch": nasty, "commit": nasty, "repository": nasty}
    )
    page = Text(text)

    assert page.tags.count("script") == 1
    assert re.findall(r"<img(?! class=\"figure\")", text) == []
    assert visible(nasty) in page.headings
    assert "49" not in "".join(page.headings)


@cache
def _plain() -> Text:
    return Text(page_of(Path(), [{**error_record(), "text": "plain"}]))


@settings(max_examples=30, deadline=None)
@given(st.text(min_size=1, max_size=60))
def test_any_text_comes_back_as_it_was(text: str) -> None:
    """Property: parsed again, the heading is the claim's text, hidden characters written out, among the usual tags."""
    record = {**error_record(), "text": text}
    plain = _plain()
    page = Text(page_of(Path(), [record]))

    assert page.tags == plain.tags
    assert visible(text).strip() in "".join(page.headings)


def test_numbers_that_are_missing(tmp_path: Path) -> None:
    """A claim with null for every number still has a section."""
    record = dict.fromkeys([*error_record(), "p_value", "detectable", "looks"], None)
    text = page_of(tmp_path, [{**record, "id": "1.a", "verdict": "inconclusive", "kind": "level", "alpha": 0.005}])

    assert 'id="1.a"' in text
    assert "NaN" not in Text(text).words


def test_only_an_id(tmp_path: Path) -> None:
    """A record of another version with nothing but an id and a verdict is shown."""
    text = page_of(tmp_path, [{"id": "1.a", "verdict": "supported"}])

    assert 'id="1.a"' in text
    assert "This claim has no figure." in text


def test_no_claims_at_all(tmp_path: Path) -> None:
    """An empty run still makes a page."""
    assert "0 claims" in page_of(tmp_path, [])


def test_a_figure_that_is_gone_is_said(tmp_path: Path) -> None:
    """Where a figure's file is missing or no SVG, the page says so and lacks only that figure."""
    record = {**error_record(), "figures": ["figures/11.a.svg", "figures/other.svg", "../../secret.svg"]}
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "other.svg").write_text("<p>no figure</p>")
    (tmp_path / "secret.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"><text>secret</text></svg>')
    text = page_of(tmp_path, [record])

    assert "The figure figures/11.a.svg is not in this copy of the report." in text
    assert "The figure figures/other.svg cannot be shown: it is not an SVG." in text
    assert ">secret<" not in text


def test_variants_stand_under_their_claim(report: Path) -> None:
    """A variant's section lies inside its claim's, and says whether it changes the verdict."""
    text = (report / "index.html").read_text(encoding="utf-8")
    whole = text[
        text.index('<article class="claim refuted" data-id="4.b"') : text.index(
            '<article class="claim supported" data-id="4.f"'
        )
    ]

    assert 'id="4.b@train-range"' in whole
    assert "changes the verdict" in whole
    assert "does not change the verdict" in whole


def test_a_claim_says_what_its_variants_amount_to(report: Path) -> None:
    """The claim's own section lists its departures, each with a link and whether it changes the verdict."""
    text = (report / "index.html").read_text(encoding="utf-8")
    own = section_of(text, "4.b")

    assert "Departures, and whether they matter" in own
    assert '<a href="#4.b@train-range">@train-range</a> <strong>changes the verdict</strong>' in own
    assert '<a href="#4.b@own-range-2000">@own-range-2000</a> <strong>does not change the verdict</strong>' in own


@pytest.mark.parametrize(
    "message, sentence",
    [
        ("Refuted (reversed): in 0 of 8 seeds it is -0.2.", "Reversed: in 0 of 8 seeds it is \N{MINUS SIGN}0.2."),
        ("Refuted: 1 of 2 parts fails.", "1 of 2 parts fails."),
        ("nothing in particular (seeds 0-7)", "Nothing in particular (seeds 0-7)"),
    ],
)
def test_sentences_do_not_repeat_the_badge(message: str, sentence: str) -> None:
    """The badge shows the verdict's first word; the text in its brackets stays, and numbers have true minus signs."""
    view = ClaimView(Record.from_json({"id": "1.a", "verdict": "refuted", "message": message}))

    assert view.sentence == sentence


def test_a_supported_claim_shows_its_own_effect_then_the_narrowest_part(report: Path) -> None:
    """Three layers minus one comes first, with its interval; the step that decided stands below it."""
    text = (report / "index.html").read_text(encoding="utf-8")
    section = section_of(text, "2.a")
    entry = next(claim for claim in records_of(report) if claim["id"] == "2.a")
    own = next(part for part in entry["parts"] if part["text"] == "layers 3 minus 1")

    assert entry["effect"] != own["effect"]
    assert "layers 3 minus 1 <span>(the claim&#39;s own effect)</span>" in section[: section.index("panel-head")]
    assert f"<strong>{own['effect']:.3g}</strong>" in section
    assert "<b>Narrowest of 3 parts.</b> layers 3 minus 2: " in section


@pytest.mark.parametrize("verdict, why", [("refuted", "the clearest of 2"), ("inconclusive", "the least certain of 2")])
def test_other_claims_show_the_part_that_decides(verdict: str, why: str) -> None:
    """What is not supported shows what keeps it from being so, and says why it is shown."""
    parts = [
        {"text": "a", "role": "gain", "effect": 0.2, "interval": [0.1, 0.3], "region": [0.05, None]},
        {"text": "b", "role": "step", "effect": -0.2, "interval": [-0.3, -0.1], "region": [-0.05, None]},
    ]
    parts = [part | {"verdict": verdict} for part in parts]
    entry = {"id": "1.a", "verdict": verdict, "kind": "ordered", "parts": parts, **parts[1]}
    view = ClaimView(Record.from_json(entry))

    assert (view.which, view.why_shown, view.narrowest) == ("b", f"{why} parts", "")


def test_the_discussion_keeps_its_paragraphs(tmp_path: Path) -> None:
    """A docstring of several paragraphs is shown as several; line ends within one are no breaks."""
    record = {**error_record(), "discussion": "First line\nof one.\n\nSecond paragraph.\n\n    Indented third."}
    text = page_of(tmp_path, [record])

    for paragraph in ("First line of one.", "Second paragraph.", "Indented third."):
        assert f'<p dir="auto">{paragraph}</p>' in text


def test_design_tells_holm_controls_and_power(report: Path) -> None:
    """A claim's section shows its rule, seeds, level, p-value with Holm's adjustment, power, divergence and control."""
    text = (report / "index.html").read_text(encoding="utf-8")
    section = section_of(text, "2.a")

    assert "Ordered: no step back" in section
    assert "more than 0.05 for 1 of 3 parts" in section
    assert "0.005 a side (99 % interval)" in section
    assert re.search(r"with Holm&#39;s adjustment over 13 claims|with Holm's adjustment over 13 claims", section)
    assert "with 90 % power" in section
    assert "none in 32 seeds" in section
    assert "of 400 shuffled worlds were called supported" in section
    assert "The reverse of the claim, judged on the same measurements: refuted." in section


def test_every_seed_is_in_a_folded_text_that_describes_the_figure(report: Path) -> None:
    """32 lines of 3 values, folded; the figure names them as its description; a figure without values names none."""
    text = (report / "index.html").read_text(encoding="utf-8")
    section = section_of(text, "2.a")
    folded = section[section.index('<details class="fold seeds" id="v-2.a">') :]
    lines = folded[folded.index("<pre") : folded.index("</pre>")].splitlines()

    assert 'aria-describedby="v-2.a"' in section
    assert len(lines) == 33
    assert all(len(line.split()) == 4 for line in lines[1:])
    assert set(re.findall(r'aria-describedby="([^"]+)"', text)) <= set(Text(text).ids)


def test_published_stands_beside_measured(report: Path) -> None:
    """0.688 was published for three layers and is in that row; a value that fits no row is listed below the table."""
    text = (report / "index.html").read_text(encoding="utf-8")

    assert re.search(r'<th scope="row">3</th><td>0\.8\d+</td><td>[\d.]+</td><td>0\.688</td>', text)
    assert re.search(r"Published: parameters <b>152</b>", text)


def test_render_draws_the_same_page_again(report: Path, tmp_path: Path) -> None:
    """results.json and figures/ suffice: the page drawn from them is the same, byte for byte."""
    shutil.copytree(report / "figures", tmp_path / "figures")
    shutil.copy(report / "results.json", tmp_path)
    render(tmp_path)

    assert (tmp_path / "index.html").read_bytes() == (report / "index.html").read_bytes()


def test_render_replaces_no_page_whose_figures_are_gone(report: Path, tmp_path: Path) -> None:
    """A folder that was copied without figures/ keeps its page; without a page there is nothing to lose."""
    for name in ("results.json", "index.html"):
        shutil.copy(report / name, tmp_path)
    with pytest.raises(ResultsError, match=r"has no figures/, and the page there may show figures that would be lost"):
        render(tmp_path)

    assert (tmp_path / "index.html").read_bytes() == (report / "index.html").read_bytes()
    (tmp_path / "index.html").unlink()
    assert "is not in this copy of the report" in render(tmp_path).read_text(encoding="utf-8")


def test_partial_runs_say_so(tmp_path: Path) -> None:
    """An interrupted run has a banner, a complete one has none."""
    assert "This report is partial." in page_of(tmp_path, [error_record()], complete=False)
    assert "This report is partial." not in page_of(tmp_path, [error_record()])


def test_a_baseline_comes_first(tmp_path: Path) -> None:
    """The page first shows what changed since the baseline, with the versions that changed."""
    baseline = {
        "started": "2026-11-22T22:10:00+00:00", "failed": True,
        "versions": {"torch": ["2.12.0", "2.13.0"]}, "notes": [],
        "claims": [{"id": "11.a", "was": "supported", "now": "error", "alarm": True, "verdict_changed": True,
                    "where": "the first steps of training differ from step 1 on"},
                   {"id": "1.a", "was": "supported", "now": "supported", "alarm": False, "where": "drift"}],
    }  # fmt: skip
    text = page_of(tmp_path, [error_record()], baseline=baseline)

    assert "1 claim changed since the baseline" in text
    order = [
        text.index(words)
        for words in ("changed since the baseline", "not as registered", 'id="h-claims"', 'id="h-trust"')
    ]
    assert order == sorted(order)
    assert "torch 2.12.0 → 2.13.0" in text
    assert "the first steps of training differ from step 1 on" in text


def test_a_trial_that_two_claims_rest_on_counts_once() -> None:
    """Where the time went: 10 s of one trial under two claims are 10 s; reused trials took theirs earlier."""
    trial = {"measurement": "m", "condition": {"n": 1}, "seeds": [0, 8], "seconds": 10.0, "reused": False}
    other = {**trial, "condition": {"n": 2}, "seconds": 5.0}
    reused = {**trial, "condition": {"n": 3}, "reused": True}
    records = [
        {"id": "1.a", "experiment": "1", "seconds_by_trial": [trial, other]},
        {"id": "1.b", "experiment": "1", "seconds_by_trial": [trial, reused]},
    ]

    assert seconds_of(map(Record.from_json, records)) == {"1": 25.0}


def test_skipped_and_clock_claims_are_no_departures(tmp_path: Path) -> None:
    """In a quick look an undecided claim is marked with its registered verdict, and raises no alarm."""
    record = {**error_record(), "verdict": "inconclusive", "outcome": "skipped", "kind": "level", "alpha": 0.005}
    text = page_of(tmp_path, [record])

    assert "not as registered" not in text
    assert "registered supported" in text
    assert "All verdicts agree with the registered ones." not in text
    assert "All verdicts agree with the registered ones, except 11.a, which may differ in this run." in text


@pytest.mark.parametrize(
    "letters, exceptions",
    [
        ("e", "8.e, which measures time and may vary"),
        ("ef", "8.e, 8.f, which measure time and may vary"),
        ("aef", "8.a, which may differ in this run; 8.e, 8.f, which measure time and may vary"),
    ],
)
def test_a_verdict_that_differs_without_failing_is_named_with_the_reason(
    tmp_path: Path, letters: str, exceptions: str
) -> None:
    """Claims that measure time may always differ, others in an unusual run."""
    records = [
        {**error_record(), "id": f"8.{letter}", "experiment": "8", "verdict": "inconclusive", "outcome": "skipped",
         "clock": letter in "ef"}
        for letter in letters
    ]  # fmt: skip

    assert f"All verdicts agree with the registered ones, except {exceptions}." in page_of(tmp_path, records)


def test_many_departures_do_not_push_the_claims_away(tmp_path: Path) -> None:
    """The top shows eight departures and folds the others; none is missing."""
    text = page_of(tmp_path, [{**error_record(), "id": f"11.{letter}"} for letter in "abcdefghij"])
    banner = text[text.index("10 verdicts not as registered") : text.index('id="h-claims"')]

    assert banner.count("<li>") == 10
    assert banner[: banner.index("<details>")].count("<li>") == 8
    assert "<summary>2 more</summary>" in banner


@pytest.mark.parametrize(
    "facts, sentence",
    [
        ({"seeds": 8, "registered_seeds": 32}, "1 of 1 claim did not use the registered number of seeds."),
        ({"stream": "fresh-1"}, "stream: fresh-1."),
        ({"engine": "jax"}, "engine: jax."),
        (
            {"looks": [{"seeds": 8, "verdict": "supported"}]},  # an older version, asked for looks
            "1 of 1 claim did not use the registered number of seeds.",
        ),
        (
            {
                "seeds": 32,
                "last_look": 64,
                "registered_seeds": 128,
                "ended": "futile",
                "registered_looks": [32, 64, 128],
            },
            "1 of 1 claim did not use the registered number of seeds.",
        ),
        ({"seeds": 32, "registered_seeds": 32, "stream": "registered", "engine": "torch"}, None),
        ({"seeds": 32, "last_look": 128, "registered_seeds": 128, "ended": "futile"}, None),
        (
            {"seeds": 32, "last_look": 512, "registered_seeds": 128, "ended": "decided", "registered_looks": [32, 64]},
            None,
        ),
    ],
)
def test_an_unusual_run_says_so_at_the_top(tmp_path: Path, facts: dict, sentence: str | None) -> None:
    """A quick look, fresh seeds, another engine: one sentence at the top; a usual run has none."""
    text = page_of(tmp_path, [{**error_record(), **facts}])

    assert ("An unusual run." in text) == (sentence is not None)
    assert sentence is None or f"</strong> {sentence} In such a run only a contradiction" in text


def test_the_page_is_written_whole(tmp_path: Path) -> None:
    """A page that cannot be drawn leaves the old one in place."""
    write_page(tmp_path, assemble([error_record()], FACTS))
    before = (tmp_path / "index.html").read_bytes()
    with pytest.raises(AttributeError):
        write_page(tmp_path, {"schema": 1})

    assert (tmp_path / "index.html").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]
