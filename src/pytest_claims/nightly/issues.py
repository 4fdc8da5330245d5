"""Issues on GitHub: one for each claim whose verdict changed, opened, updated and closed through the command `gh`.

An issue of ours has a label, which only people with rights in the repository can give, and ends with a comment that
readers do not see: which claims and runs it is about, and what changed in each. So the next night finds it again. Its
text always says how things are; a comment is added only when claims, verdicts or first departed stages changed, so that
a night that brings nothing but newer versions bothers nobody. What changed in a run stays until that run judges the
claim anew: a leg that could not be installed is no news and closes nothing. The issue is closed when nothing is left.

`gh` logs in by itself. No token is read here, and what `gh` says is shown without anything that looks like one.
"""

import hashlib
import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pytest_claims.errors import GitHubError
from pytest_claims.nightly.changed import Change, by_claim, calm
from pytest_claims.record import Record
from pytest_claims.report.markdown import escape
from pytest_claims.report.runs import NamedRun
from pytest_claims.report.words import plural

LABEL = "claim-verdict"
#: More new changes than this become one issue: a library that changes everything is one cause.
MOST = 10
#: The most open issues of ours that are looked at.
READ = 500
#: The most rows of an issue's table, and characters of its title: GitHub takes 65,536 and 256 characters.
ROWS, TITLE, BODY = 100, 250, 65_536
_MARK = re.compile(r"<!-- pytest-claims: (\{.*\}) -->")
_TOKEN = re.compile(r"\b(?:gh[a-z]|github_pat)_\w+")


@dataclass(frozen=True)
class Issue:
    """An open issue of ours: its number on GitHub, its claims and runs, the digest of what changed, and its text.

    ``known`` is what changed when each run last judged each claim; where a text was too long to say so, every claim in
    every run, without verdicts.
    """

    number: int
    claims: tuple[str, ...]
    runs: tuple[str, ...]
    said: str
    known: tuple[Change, ...]
    body: str

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> "Issue | None":
        """Read an entry of `gh issue list`; None where it is not one of ours."""
        try:
            body = str(entry["body"])
            mark = json.loads(_MARK.findall(body)[-1])
            claims, runs = tuple(map(str, mark["claims"])), tuple(map(str, mark["runs"]))
            changes = mark.get("changes") or [(name, run, "?", "?", "") for name in claims for run in runs]
            known = tuple(_remembered(*map(str, change)) for change in changes)
            return cls(int(entry["number"]), claims, runs, str(mark["said"]), known, body)
        except (LookupError, TypeError, ValueError):
            return None


class GitHub:
    """The command `gh`. ``repository`` as OWNER/NAME, or None for the one that `gh` takes itself."""

    def __init__(self, repository: str | None = None) -> None:
        self.chosen = [] if repository is None else ["--repo", repository]

    def __call__(self, *arguments: str, text: str = "") -> str:
        """Run `gh` with this standard input and return what it prints; a GitHubError where it fails."""
        command = ["gh", *arguments, *self.chosen]
        what = f"`gh {' '.join(arguments[:2])}`"
        try:
            done = subprocess.run(command, input=text, capture_output=True, encoding="utf-8", check=False)
        except FileNotFoundError:
            raise GitHubError("gh, GitHub's command line, is missing: install it, or look with --dry-run.") from None
        if done.returncode:
            why = _TOKEN.sub("(a token)", " ".join(done.stderr.split()))[:300].rstrip(".")
            raise GitHubError(f"{what} failed: {why or f'exit status {done.returncode}'}.")
        return done.stdout

    def ensure_label(self, label: str) -> None:
        """Make the label of our issues; one that is there keeps its colour and its description."""
        try:
            self("label", "create", label, "--color", "d93f0b", "--description", "A claim's verdict changed")
        except GitHubError as error:
            if "already exists" not in str(error):
                raise

    def open_issues(self, label: str) -> list[Issue]:
        """Return the open issues of ours."""
        found = self(
            "issue", "list", "--state", "open", "--label", label, "--limit", str(READ), "--json", "number,body"
        )
        try:
            entries = json.loads(found)
        except ValueError as error:
            raise GitHubError(f"`gh issue list` printed something else than JSON: {error}.") from error
        return [issue for entry in entries if (issue := Issue.read(entry)) is not None]


def settle(runs: Sequence[NamedRun], github: GitHub, label: str = LABEL, *, dry: bool = False) -> Iterator[str]:
    """Bring the issues in line with these runs; yield a line about each step. With ``dry`` only the lines.

    A dry run works without `gh`, too: it then takes it that no issue is open.
    """
    found = by_claim(runs)
    try:
        issues = github.open_issues(label)
    except GitHubError as error:
        if not dry:
            raise
        yield f"{error} So this shows what happens where no issue is open."
        issues = []
    covered: set[str] = set()
    for issue in issues:
        mine = [name for name in issue.claims if name in found and name not in covered]
        covered |= set(mine)
        yield from _update(issue, {name: found[name] for name in mine}, runs, github, dry=dry)
    new = {name: changes for name, changes in found.items() if name not in covered}
    groups = [new] if len(new) > MOST else [{name: changes} for name, changes in new.items()]
    if new and not dry:
        github.ensure_label(label)
    for group in groups:
        yield from _open(group, github, label, dry=dry)
    if not found:
        yield f"No verdict changed in {plural(len(runs), 'run')}."


def _open(group: Mapping[str, list[Change]], github: GitHub, label: str, *, dry: bool) -> Iterator[str]:
    title, text = _title(group)[:TITLE], _text(group)
    body = _body(text, list(group), _runs(group), group)
    if dry:
        yield f"would open: {title}\n\n{text}"
    else:
        where = github("issue", "create", "--title", title, "--label", label, "--body-file", "-", text=body)
        yield f"opened {where.strip()}: {title}"


def _update(
    issue: Issue, mine: Mapping[str, list[Change]], runs: Sequence[NamedRun], github: GitHub, *, dry: bool
) -> Iterator[str]:
    """Say in an open issue what is new, or close it where its claims have their verdicts back."""
    number = str(issue.number)
    kept = _not_judged(issue, mine, runs)
    if not mine and kept:
        idle, left = dict.fromkeys(change.run for change in kept), dict.fromkeys(change.claim.id for change in kept)
        yield f"#{number} stays open: {', '.join(idle)} did not judge {', '.join(left)} anew."
        if len(kept) == len(issue.known):
            return
    everything = [*(change for changes in mine.values() for change in changes), *kept]
    group = {name: found for name in issue.claims if (found := [c for c in everything if c.claim.id == name])}
    if not group:
        yield f"{'would close' if dry else 'closed'} #{number}: {', '.join(issue.claims)}"
        if not dry:
            text = f"No change any more of {_listed(issue.claims)} in {_listed(issue.runs)}."
            github("issue", "comment", number, "--body-file", "-", text=text)
            github("issue", "close", number)
        return
    text = _text(group)
    body = _body(text, issue.claims, list(dict.fromkeys((*issue.runs, *_runs(group)))), group)
    if _digest(group) == issue.said:
        yield f"#{number} says so already: {_title(group)}"
        if not dry and body.split() != issue.body.split():  # GitHub may change the ends of lines
            github("issue", "edit", number, "--body-file", "-", text=body)  # nobody is notified
        return
    yield f"{'would comment' if dry else 'commented'} on #{number}: {_title(group)}"
    if not dry:
        github("issue", "comment", number, "--body-file", "-", text=text)
        github("issue", "edit", number, "--body-file", "-", text=body)


def _not_judged(issue: Issue, mine: Mapping[str, list[Change]], runs: Sequence[NamedRun]) -> list[Change]:
    """Return the known changes in runs that have not judged the claim anew, with the claims' sentences."""
    texts = {claim.id: claim.text for run in runs for claim in run.results.claims}
    judged = {(name, run.name) for run in runs for name in calm(run)}
    judged |= {(name, change.run) for name in mine for change in mine[name]}
    return [
        replace(change, claim=replace(change.claim, text=texts.get(change.claim.id, "")))
        for change in issue.known
        if (change.claim.id, change.run) not in judged
    ]


def _remembered(name: str, run: str, was: str, now: str, stage: str) -> Change:
    """Return a change of an earlier night; of its record only the claim's id and verdict are known."""
    return Change(run, Record(id=name, verdict=now), was, stage, "not judged anew")


def _title(group: Mapping[str, list[Change]]) -> str:
    """Return the title: the claim, its verdicts and the first stage that departed; or how many claims."""
    if len(group) > 1:
        return f"{plural(len(group), 'claim')} changed: {', '.join(list(group)[:5])}{', ...' if len(group) > 5 else ''}"  # noqa: PLR2004
    ((change, *_),) = group.values()
    first = f" (first departed: {change.stage})" if change.stage else ""
    return f"Claim {change.claim.id}: {change.was}, now {change.now}{first}"


def _text(group: Mapping[str, list[Change]]) -> str:
    """Return what readers see: a table of the changes, what changed beside them, and each claim's sentence."""
    rows = []
    for name, changes in group.items():
        for change in changes:
            cells = (change.run, change.was, change.now, change.stage or "not compared", change.where or "-")
            rows.append(" | ".join([f"| `{name}`", *map(_shown, cells)]) + " |")
    head = ["| claim | run | was | now | first departed at | what |", "| --- | --- | --- | --- | --- | --- |"]
    lines = [*head, *rows[:ROWS], ""]
    if len(rows) > ROWS:
        lines += [f"{plural(len(rows) - ROWS, 'more row')} in results.json.", ""]
    versions = {change.run: change.versions for changes in group.values() for change in changes if change.versions}
    lines += [f"- {_shown(run)}: {_shown(text)}" for run, text in versions.items()]
    for name, (change, *_) in list(group.items())[:MOST]:
        if change.claim.text or change.claim.message:
            lines += ["", f"**`{name}`** {_shown(change.claim.text)}", "", _shown(change.claim.message)]
    return "\n".join([*lines, "", "`pytest-claims issues` keeps this text up to date, and closes the issue."])


def _shown(text: str) -> str:
    """Escape a text, and keep "@name" in it from calling somebody: GitHub looks past a backslash."""
    return escape(text).replace("\\@", "@<!-- -->")


def _body(text: str, claims: Sequence[str], runs: Sequence[str], group: Mapping[str, list[Change]]) -> str:
    """Return a text with the hidden comment by which the next run knows the issue; ``>`` would end it early.

    Where both would be too long for GitHub, the single changes are left out of the comment.
    """
    known = {"claims": list(claims), "runs": list(runs), "said": _digest(group)}
    marks = (json.dumps(mark).replace(">", "\\u003e") for mark in (known | {"changes": _said(group)}, known))
    whole, short = (f"{text}\n<!-- pytest-claims: {mark} -->\n" for mark in marks)
    return whole if len(whole) <= BODY else short


def _said(group: Mapping[str, list[Change]]) -> list[tuple[str, ...]]:
    """Return what changed; versions are left out, since a development version moves every night."""
    return sorted((name, change.run, change.was, change.now, change.stage) for name in group for change in group[name])


def _digest(group: Mapping[str, list[Change]]) -> str:
    return hashlib.sha256(json.dumps(_said(group)).encode()).hexdigest()[:16]


def _runs(group: Mapping[str, list[Change]]) -> list[str]:
    return list(dict.fromkeys(change.run for changes in group.values() for change in changes))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
