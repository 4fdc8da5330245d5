"""Many nights of one suite: each claim's effect and interval over time, with changed verdicts marked."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from markupsafe import Markup

from pytest_claims.errors import UnreadableError
from pytest_claims.files import write_atomically
from pytest_claims.record import Record
from pytest_claims.report.runs import NamedRun, condensed, differing, find, heading, identifiers, place_for_page
from pytest_claims.report.words import departed, ends, interval_text, quantity, region_text
from pytest_claims.results import natural, read

WIDTH, HEIGHT = 1000, 100
#: Beyond this, differences of floats may overflow.
HUGE = 1e300
#: Entries of the environment that can explain a changed verdict. The commit is not one: it changes every night.
VERSIONS = ("python", "torch", "numpy", "scipy", "scikit-learn", "cpu")
#: Changed verdicts that the page lists one by one.
MOST_EVENTS = 400


@dataclass(frozen=True)
class Event:
    """A claim's verdict that differs from the run before."""

    id: str
    night: int
    was: str
    now: str
    when: str
    versions: Sequence[tuple[str, str, str]]
    message: str


@dataclass(frozen=True)
class Story:
    """One claim over all runs; None where a run lacks it."""

    id: str
    nights: Sequence[Record | None]
    events: Sequence[Event]

    @property
    def last(self) -> Record:
        """The last run that has the claim."""
        return next(night for night in reversed(self.nights) if night is not None)

    @cached_property
    def now(self) -> str:
        """Effect and interval in the last run."""
        last = self.last
        return "no effect" if last.effect is None else f"{quantity(last, last.effect)} [{interval_text(last)}]"

    @cached_property
    def asked(self) -> str:
        """The claimed region."""
        return region_text(self.last)

    @cached_property
    def chart(self) -> Markup:
        """The drawing."""
        return chart(self)


class History:
    """All claims of all runs, in the order of their dates."""

    def __init__(self, runs: Sequence[NamedRun], skipped: Sequence[str] = ()) -> None:
        self.runs = sorted(runs, key=lambda run: run.started)
        self.skipped = skipped
        self.changes = self._version_changes()
        stories = [self._story(identifier) for identifier in identifiers(self.runs)]
        self.stories = sorted(stories, key=lambda story: -max((event.night for event in story.events), default=-1))

    def _version_changes(self) -> dict[int, list[tuple[str, str, str]]]:
        """By run: (name, before, after) of each version that differs from the run before."""
        changes = {}
        for at, (before, after) in enumerate(pairwise(self.runs), 1):
            names = [name for name in differing((before.environment, after.environment)) if name in VERSIONS]
            if names:
                changes[at] = [
                    (name, str(before.environment.get(name) or "none"), str(after.environment.get(name) or "none"))
                    for name in names
                ]
        return changes

    def _story(self, identifier: str) -> Story:
        nights = [run.claims.get(identifier) for run in self.runs]
        events, last, since = [], None, 0
        for at, night in enumerate(nights):
            if night is None:
                continue
            if last is not None and night.verdict != last:
                # every change since the last run that had the claim, not only the last night's
                versions = [change for step in range(since + 1, at + 1) for change in self.changes.get(step, [])]
                events.append(
                    Event(identifier, at, last, night.verdict, self.runs[at].started, versions, night.message)
                )
            last, since = night.verdict, at
        return Story(identifier, nights, events)

    @property
    def heading(self) -> str:
        """The title of the runs."""
        return heading(self.runs)

    @cached_property
    def events(self) -> list[Event]:
        """Changed verdicts, latest first."""
        events = [event for story in self.stories for event in story.events]
        return sorted(events, key=lambda event: (-event.night, natural(event.id)))[:MOST_EVENTS]

    @cached_property
    def departed(self) -> list[Record]:
        """Claims of the last run that are not as registered."""
        return [claim for claim in self.runs[-1].results.claims if departed(claim)] if self.runs else []


def load_history(folder: Path) -> History:
    """Read every results.json below ``folder``; other JSON files are counted, not read."""
    runs, skipped = [], []
    for path in find(folder):
        name = path.relative_to(folder).as_posix()
        try:
            results = read(path, baselines=True)
        except UnreadableError:
            skipped.append(name)
            continue
        # drop what is not drawn, so that a year of full reports fits into memory
        runs.append(NamedRun(name.removesuffix("/results.json"), condensed(results)))
    if not runs:
        raise UnreadableError(f"{folder} holds no results of schema 1.")
    return History(runs, skipped)


def write_history(folder: Path, history: History) -> Path:
    """Write index.html into ``folder``; an error where this would replace the page of a run, or of others."""
    from pytest_claims.report.page import jinja

    path = place_for_page(folder, "history")
    write_atomically(path, jinja().get_template("history.html").render(history=history))
    return path


def chart(story: Story) -> Markup:
    """Draw effect and interval night by night: the claimed region behind, changed verdicts as vertical lines."""
    known = [
        (at, night.effect, ends(night.interval))
        for at, night in enumerate(story.nights)
        if night is not None and night.effect is not None
    ]
    if not known:
        return Markup("")
    lows = [effect if low is None else low for _, effect, (low, _) in known]
    highs = [effect if high is None else high for _, effect, (_, high) in known]
    region = ends(story.last.region)
    edges = [edge for edge in region if edge is not None]
    effects = [effect for _, effect, _ in known]  # in a damaged file they may lie outside their intervals
    bottom, top = min([*lows, *effects, *edges]), max([*highs, *effects, *edges])
    scale = 1e-9 if max(abs(bottom), abs(top)) > HUGE else 1.0  # differences must not overflow
    bottom, top = bottom * scale, top * scale
    room = 0.08 * (top - bottom) or abs(top) * 0.1 or 1.0
    bottom, top = bottom - room, top + room
    count = max(len(story.nights) - 1, 1)

    def x(night: int) -> float:
        return WIDTH * night / count if len(story.nights) > 1 else WIDTH / 2

    def y(value: float) -> float:
        return HEIGHT * ((top - value * scale) / (top - bottom))

    nights = [at for at, *_ in known]
    up = [(x(at), y(value)) for at, value in zip(nights, highs, strict=True)]
    down = [(x(at), y(value)) for at, value in zip(nights, lows, strict=True)]
    middle = [(x(at), y(effect)) for at, effect, _ in known]
    if len(known) == 1:
        # give a single night a width, so that it can be seen
        up, down, middle = ([(a - 4, b), (a + 4, b)] for ((a, b),) in (up, down, middle))
    claimed_top = 0.0 if region[1] is None else y(region[1])
    claimed_bottom = HEIGHT if region[0] is None else y(region[0])
    out = [
        Markup('<rect class="claimed" width="{}" y="{}" height="{}"/>').format(
            WIDTH, _n(claimed_top), _n(max(claimed_bottom - claimed_top, 0.0))
        )
        if edges
        else Markup(""),
        Markup('<path class="band" d="{}z"/>').format(_path([*up, *reversed(down)])),
        Markup('<path class="mean" d="{}"/>').format(_path(middle)),
    ]
    out += [
        Markup('<path class="event {}" d="M{} 0V{}"/>').format(event.now, _n(x(event.night)), HEIGHT)
        for event in story.events
    ]
    label = f"Effect of {story.id} over {len(known)} runs; last: {story.now}; verdict changes: {len(story.events)}"
    return Markup(
        '<svg class="night" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(WIDTH, HEIGHT, label, Markup("").join(out))


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _path(points: Sequence[tuple[float, float]]) -> str:
    """Return relative lines between points rounded to a tenth, without the points inside a level stretch."""
    rounded = [(round(10 * a), round(10 * b)) for a, b in points]
    kept = [
        point
        for at, point in enumerate(rounded)
        if at in {0, len(rounded) - 1} or not rounded[at - 1][1] == point[1] == rounded[at + 1][1]
    ]
    text = f"M{_n(kept[0][0] / 10)} {_n(kept[0][1] / 10)}l"
    steps = [f"{_n((b[0] - a[0]) / 10)} {_n((b[1] - a[1]) / 10)}" for a, b in pairwise(kept)]
    return text + " ".join(steps)
