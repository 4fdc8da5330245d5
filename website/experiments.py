"""The gallery, a page for each experiment, and the start page, made from the committed example report."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from pytest_claims.report import words
from pytest_claims.report.page import Experiment, Page, templates_in
from pytest_claims.report.views import ClaimView
from pytest_claims.results import read
from pytest_claims.vocabulary import ENDS
from website.documents import ROOT, Pages
from website.figures import Figure, figures_of
from website.notebooks import notebook_of
from website.sabotage import Sabotage, sabotages

EXAMPLE = ROOT / "reports" / "example"
TEMPLATES = Path(__file__).parent / "templates"
#: The documents in the order of the site's navigation; a document that is not named here comes last.
NAVIGATION = {
    "Understand": ("docs/reading", "docs/how-it-works", "docs/statistics", "docs/data"),
    "Use": ("README", "docs/writing-claims", "docs/notebook", "docs/cluster", "api/index"),
    "Doubt": ("docs/audit", "docs/fresh", "docs/sensitivity"),
    "Maintain": (
        "docs/nightly",
        "docs/performance",
        "docs/architecture",
        "CONTRIBUTING",
        "CHANGELOG",
        "reports/README",
    ),
}
TITLES = {"README": "Read me", "reports/README": "Reports", "api/index": "API reference"}


@dataclass(frozen=True)
class Shown:
    """An experiment as the site shows it."""

    experiment: Experiment
    figures: dict[str, list[Figure]]
    sabotages: Sequence[Sabotage]
    code: dict[str, str]  # file of the repository -> the page that shows it, seen from the experiment's page

    @property
    def number(self) -> str:
        """The experiment's number."""
        return self.experiment.number

    @cached_property
    def claims(self) -> list[ClaimView]:
        """The claims without their variants."""
        return self.experiment.claims

    @cached_property
    def file(self) -> str:
        """The file of the claims."""
        return self.claims[0].record.file or ""

    @cached_property
    def notebook(self) -> tuple[str, str] | None:
        """The name and the page of the notebook on this experiment and its neighbours."""
        return notebook_of(self.number)

    @cached_property
    def verdicts(self) -> list[tuple[str, int]]:
        """How many claims have each verdict; those that none has are left out."""
        counted = Counter(claim.verdict for claim in self.claims)
        return [(verdict, counted[verdict]) for verdict in ENDS if counted[verdict]]

    @cached_property
    def sentence(self) -> str:
        """The verdicts in a sentence: "Of 5 claims 4 are supported and 1 is refuted."."""
        parts = [f"{count} {'is' if count == 1 else 'are'} {verdict}" for verdict, count in self.verdicts]
        if len(parts) == 1:
            return f"All {len(self.claims)} claims are {self.verdicts[0][0]}."
        return f"Of {len(self.claims)} claims {', '.join(parts[:-1])} and {parts[-1]}."

    @cached_property
    def surprise(self) -> ClaimView | None:
        """The claim that a reader would have believed: refuted, if possible one that was published; else left open."""

        def order(claim: ClaimView) -> tuple[bool, bool]:
            return claim.verdict != "refuted", not (claim.record.source or "").startswith("Abid")

        open_ = [claim for claim in self.claims if claim.verdict != "supported" and claim.record.reason]
        return min(open_, key=order, default=None)

    def drawn(self, claim: ClaimView) -> list[Figure]:
        """Return a claim's figures."""
        return self.figures.get(claim.id, [])

    @cached_property
    def picture(self) -> Markup:
        """The first figure of the experiment."""
        return next((figure.svg for claim in self.claims for figure in self.drawn(claim)), Markup(""))


def markdown(text: str) -> str:
    """Return plain text for a heading, with what Markdown would read as a sign written as a letter."""
    return re.sub(r"([\\`*_{}\[\]<>#|$^~])", r"\\\1", " ".join(str(text).split()))


def inline(text: str) -> Markup:
    """Return plain text as HTML, with what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped here


def templates() -> jinja2.Environment:
    """Return the environment of the site's templates. They write Markdown, and HTML in blocks marked as raw."""
    environment = templates_in(TEMPLATES)
    environment.filters.update(
        md=lambda text: Markup(markdown(text)),  # noqa: S704 - a heading in Markdown, not HTML
        inline=inline,
        paragraphs=words.paragraphs,
        plural=words.plural,
        sentence=lambda text: text[:1].upper() + text[1:] + ("" if text.endswith(".") else "."),
    )
    environment.globals.update(titles=TITLES)
    return environment


def write_experiments(pages: Pages) -> list[Shown]:
    """Write the start page, the gallery and a page for each experiment; returns the experiments."""
    results = read(EXAMPLE)
    figures = figures_of((EXAMPLE / "index.html").read_text(encoding="utf-8"))
    broken_by = sabotages()
    page = Page(results, EXAMPLE)
    shown = [
        _shown(pages, experiment, figures, broken_by.get(experiment.number, [])) for experiment in page.experiments
    ]
    pages.copy("reports/example/index.html", pages.extra)
    pages.copy("reports/example/results.json", pages.extra)
    environment = templates()
    experiment_page = environment.get_template("experiment.md")
    for at, one in enumerate(shown):
        pages.write(
            f"experiments/{one.number}.md",
            experiment_page.render(one=one, before=shown[at - 1] if at else None, after=(*shown, None)[at + 1]),
        )
    pages.write("experiments/index.md", environment.get_template("gallery.md").render(shown=shown, page=page))
    start = environment.get_template("start.md")
    pages.write("index.md", start.render(shown=shown, page=page, navigation=navigation(pages.names)))
    return shown


def _shown(pages: Pages, experiment: Experiment, figures: dict[str, list[Figure]], broken_by: list[Sabotage]) -> Shown:
    files = [claim.record.file for claim in experiment.claims if claim.record.file]
    files += [sabotage.file for sabotage in broken_by]
    code = {file: f"../{pages.show(file).removesuffix('.md')}.html" for file in files if (ROOT / file).is_file()}
    return Shown(experiment, figures, broken_by, code)


def navigation(documents: Iterable[str]) -> dict[str, list[str]]:
    """Return the site's navigation: captions, and the pages under each."""
    names = {name.removesuffix(".md") for name in documents}
    listed = {page for pages in NAVIGATION.values() for page in pages}
    found = {caption: [p for p in pages if p in names or p == "api/index"] for caption, pages in NAVIGATION.items()}
    if rest := sorted(names - listed):
        found["More"] = rest
    return found
