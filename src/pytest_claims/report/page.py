"""index.html: one self-contained file, drawn from results.json and figures/."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from pytest_claims.drift.notes import listed
from pytest_claims.environment import source_link
from pytest_claims.files import read_ordinary, write_atomically
from pytest_claims.record import Record
from pytest_claims.report import forest, words
from pytest_claims.report.chance import Chance, Fresh, chance_of, fresh_of, kept_of
from pytest_claims.report.cite import Cited
from pytest_claims.report.figures.svg import ROOM, for_page, size
from pytest_claims.report.times import Floor, busy, floors, seconds_of, total, trials_of
from pytest_claims.report.views import ClaimView, Figure, Link
from pytest_claims.results import Results, natural
from pytest_claims.vocabulary import DEFAULT_ENGINE, ENDS, is_registered

TEMPLATES = Path(__file__).parent / "templates"
#: The most bytes that a page should have. Figures beyond that stay in figures/, and the page says so.
MOST_BYTES = 3_990_000
#: Bytes of figures that a page shows however long its tables are.
FEWEST_FIGURES = 2_000_000
POINT = 4 / 3  # CSS pixels


@dataclass(frozen=True)
class Experiment:
    """The claims on one question."""

    number: str
    question: str
    protocol: str
    claims: list[ClaimView]
    seconds: float

    @property
    def everything(self) -> list[ClaimView]:
        """Claims, each followed by its variants."""
        return [view for claim in self.claims for view in (claim, *claim.variants)]


class Page:
    """What the templates read. ``link`` leads to files of the repository, by default on the web at the run's commit.

    ``alone``: the page will lie beside results.json and nothing else, so it names no other file of its folder.
    """

    def __init__(
        self,
        results: Results,
        folder: Path,
        most_figures: int | None = None,
        link: Link | None = None,
        *,
        alone: bool = False,
    ) -> None:
        self.results = results
        self.alone = alone
        self.environment = results.environment
        self.link = link or partial(source_link, results.environment)
        self.claims = results.claims
        figures, self.drawn = load_figures(folder, self.claims, most_figures, alone=alone)
        views = {record.id: self._view(record, figures) for record in self.claims}
        for view in views.values():
            parent = views.get(view.record.variant_of or words.bare(view.id))
            if parent is not None and parent is not view:
                view.parent = parent.record
                parent.variants.append(view)
        self.top = [view for view in views.values() if view.parent is None]

    def _view(self, record: Record, figures: Mapping[str, tuple[list[Figure], list[str]]]) -> ClaimView:
        drawn, lost = figures[record.id]
        return ClaimView(record, self.link, drawn, lost, short_options=self.results.short_options)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Claims and variants by verdict."""
        return {verdict: sum(claim.verdict == verdict for claim in self.claims) for verdict in ENDS}

    @cached_property
    def experiments(self) -> list[Experiment]:
        """Claims grouped by experiment, in natural order."""
        groups: dict[str, list[ClaimView]] = {}
        for view in self.top:
            groups.setdefault(view.experiment, []).append(view)
        seconds = seconds_of(self.claims)
        return [
            Experiment(
                number,
                next((view.record.question for view in views if view.record.question), ""),
                next((view.record.protocol for view in views if view.record.protocol), ""),
                views,
                seconds.get(number, 0.0),
            )
            for number, views in sorted(groups.items(), key=lambda item: natural(item[0]))
        ]

    @cached_property
    def departed(self) -> list[ClaimView]:
        """Claims and variants whose verdict fails the run."""
        return [view for experiment in self.experiments for view in experiment.everything if view.departed]

    @cached_property
    def undecided(self) -> list[ClaimView]:
        """Claims and variants whose verdict differs from the registered one without failing the run."""
        return [view for experiment in self.experiments for view in experiment.everything if view.undecided]

    @cached_property
    def unregistered(self) -> int:
        """How many claims have no registered verdict, as those whose conditions this run changed."""
        return sum(claim.registered is None for claim in self.claims)

    @cached_property
    def exceptions(self) -> str:
        """Those claims in words, with the reason: "8.e, which measures time and may vary"."""
        timed = [view.id for view in self.undecided if view.record.clock]
        others = [view.id for view in self.undecided if not view.record.clock]
        clauses = []
        if others:
            clauses.append(f"{listed(others)}, which may differ in this run")
        if timed:
            verb = "measures" if len(timed) == 1 else "measure"
            clauses.append(f"{listed(timed)}, which {verb} time and may vary")
        return "; ".join(clauses)

    @cached_property
    def unusual(self) -> str:
        """What is unusual about the whole run, in a sentence: other seeds, fewer seeds, another engine."""
        views = [view for experiment in self.experiments for view in experiment.everything]
        facts = []
        others = sum(view.other_seeds for view in views)
        if others:
            count = words.plural(len(views), "claim")
            facts.append(f"{others} of {count} did not use the registered number of seeds")
        streams, engines = ({getattr(view.record, name) for view in views} for name in ("stream", "engine"))
        other_streams = {stream for stream in streams if not is_registered(stream)}
        for name, unusual in (("stream", other_streams), ("engine", engines - {DEFAULT_ENGINE})):
            if unusual:
                facts.append(f"{name}: {', '.join(sorted(unusual))}")
        return "; ".join(facts)

    @cached_property
    def alarms(self) -> list[dict[str, Any]]:
        """What changed since the baseline, each with the claim's text."""
        texts = {claim.id: claim.text for claim in self.claims}
        return [{**change, "text": texts.get(change["id"], "")} for change in self.results.alarms]

    @cached_property
    def kinds(self) -> str:
        """Why claims are inconclusive: "1 at its margin, 2 too few seeds"; "" where none says."""
        return words.kinds(self.claims)

    @cached_property
    def by_looks(self) -> bool:
        """Whether any claim was judged at looks until one decided."""
        return any(len(claim.registered_looks) > 1 for claim in self.claims)

    @cached_property
    def seeds(self) -> str:
        """Return "32" or "16 to 64": how many seeds the claims rest on."""
        known = [claim.seeds for claim in self.claims if claim.seeds]
        if not known:
            return ""
        return str(known[0]) if min(known) == max(known) else f"{min(known)} to {max(known)}"

    @cached_property
    def trials(self) -> int:
        """The number of trials that the claims rest on."""
        return len(trials_of(self.claims))

    @cached_property
    def reused(self) -> int:
        """The number of trials that were read from an earlier run."""
        known = trials_of(self.claims)
        return sum(trial.reused for trial in known.values())

    @cached_property
    def busy(self) -> dict[str, float] | None:
        """How busy the workers were while trials ran; None where it is not known."""
        return busy(self.claims)

    @cached_property
    def floor(self) -> Floor | None:
        """How far from its floor the run was; None where it is not known."""
        return total(floors(self.results).values())

    @cached_property
    def cited(self) -> Cited:
        """What to cite for the suite and for the sources of its claims."""
        return Cited(self.results)

    @cached_property
    def chance(self) -> Chance:
        """How many verdicts may be wrong by chance."""
        return chance_of(self.claims)

    @cached_property
    def fresh(self) -> Fresh:
        """How the claims on fresh seeds fared."""
        return fresh_of(self.claims)

    @cached_property
    def is_fresh(self) -> bool:
        """Whether the run drew fresh seeds, also where no verdict is registered to compare with."""
        return any(not is_registered(claim.stream) for claim in self.claims)

    @cached_property
    def kept(self) -> Fresh:
        """How the draws fared that the repository keeps."""
        return kept_of(self.claims)

    @cached_property
    def documents(self) -> list[tuple[str, str | None]]:
        """Pages about the method in the suite's repository, each with its address where that is known."""
        return [(name, self.link(name, None)) for name in self.cited.documents]

    @cached_property
    def corrected(self) -> int:
        """The number of p-values that Holm's adjustment covers."""
        return sum(claim.p_holm is not None for claim in self.claims)


def load_figures(
    folder: Path, claims: Iterable[Record], most: int | None = None, *, alone: bool = False
) -> tuple[dict[str, tuple[list[Figure], list[str]]], int]:
    """Return each claim's figures, a sentence for each that cannot be shown, and the bytes of those that are shown.

    ``most`` limits these bytes; None means no limit. ``alone``: figures/ will not lie beside the page.
    """
    loaded: dict[str, tuple[list[Figure], list[str]]] = {}
    sizes: list[tuple[int, int, str, Figure, str]] = []
    for claim in claims:
        figures: list[Figure] = []
        lost = [f"The figure could not be drawn: {claim.figure_error}"] if claim.figure_error else []
        captions = claim.captions
        for at, name in enumerate(claim.figures):
            try:
                stored = read_ordinary(folder / figure_path(name)).decode()
                source, spoken = for_page(stored)
            except FileNotFoundError:
                lost.append(f"The figure {name} is not in this copy of the report.")
                continue
            except (OSError, ValueError) as error:
                lost.append(f"The figure {name} cannot be shown: {getattr(error, 'strerror', None) or error}.")
                continue
            wide, high = size(stored)
            width, height = round(POINT * (wide + ROOM)), round(POINT * high)
            caption = captions[at] if at < len(captions) else ""
            figure = Figure(Markup(source), spoken, caption, width, height)  # noqa: S704 - for_page writes whatever could end an attribute as a code
            figures.append(figure)
            sizes.append((at, len(source.encode()), claim.id, figure, name))
        loaded[claim.id] = figures, lost
    return loaded, _keep_small(loaded, sizes, most, "a run writes it as" if alone else "it is in")


def figure_path(name: str) -> Path:
    """Return a figure's path below the report folder, whatever results.json says."""
    return Path("figures") / Path(str(name)).name


def _keep_small(
    loaded: Mapping[str, tuple[list[Figure], list[str]]],
    sizes: list[tuple[int, int, str, Figure, str]],
    most: int | None,
    where: str,
) -> int:
    """Leave out further figures before first ones, large before small ones, until the page is small enough.

    ``where`` says, before a figure's path, how to get one that is left out.
    """
    total = sum(bytes_ for _, bytes_, *_ in sizes)
    for _, bytes_, identifier, figure, name in sorted(sizes, key=lambda entry: (entry[0] > 0, entry[1]), reverse=True):
        if most is None or total <= most:
            break
        figures, lost = loaded[identifier]
        figures[:] = [kept for kept in figures if kept is not figure]
        lost.append(f"A figure is left out to keep this page small; {where} {name}.")
        total -= bytes_
    return total


def templates_in(folder: Path) -> jinja2.Environment:
    """Return an environment for the templates in a folder: autoescape on, an undefined name is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


@cache
def jinja() -> jinja2.Environment:
    """Return the page's templates."""
    environment = templates_in(TEMPLATES)
    environment.filters.update(
        number=words.number,
        duration=words.duration,
        gflops=words.gflops,
        plural=words.plural,
        paragraphs=words.paragraphs,
        day=words.day,
    )
    environment.globals.update(
        asset=lambda name: Markup((TEMPLATES / name).read_text(encoding="utf-8")),  # noqa: S704 - our own files
        words=words,
        lesson=forest.lesson,
        verdicts=ENDS,
    )
    return environment


def page_text(
    folder: Path, results: Results, most_bytes: int = MOST_BYTES, link: Link | None = None, *, alone: bool = False
) -> str:
    """Return the page of a run; figures that would make it larger than ``most_bytes`` stay in figures/.

    ``link`` leads to files of the repository. ``alone``: the page will lie beside results.json alone.
    """
    page = Page(results, folder, link=link, alone=alone)
    template = jinja().get_template("report.html")
    text = template.render(page=page, results=results)
    excess = len(text.encode("utf-8", "replace")) - most_bytes
    fewest = min(FEWEST_FIGURES, most_bytes // 2)
    if excess > 0 and page.drawn > fewest:
        page = Page(results, folder, max(page.drawn - excess, fewest), link, alone=alone)
        text = template.render(page=page, results=results)
    return text


def write_page(folder: Path, results: Results) -> Path:
    """Draw the page of a run into its folder."""
    path = folder / "index.html"
    write_atomically(path, page_text(folder, results))
    return path
