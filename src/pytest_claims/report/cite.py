"""How to cite a run and the sources of its claims: the block `citation` of results.json, and BibTeX."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pytest_claims.files import read_ordinary
from pytest_claims.results import Results

FILE = "CITATION.cff"
#: Pages about method and fresh draws that a repository may have.
DOCUMENTS = ("docs/statistics.md", "docs/audit.md", "docs/fresh.md")
#: "Raghu et al. 2017, 'bottom-up' convergence": who, when; the rest names a place in the work.
_WORK = re.compile(r"(?P<who>[^\W\d_][^\d;:()]*?),? \(?(?P<year>(?:1[89]|20)\d\d)[a-z]?\)?(?=\W|$)")
_BETWEEN = re.compile(r",?\s+(?:and|&)\s+|,\s*")
_INITIALS = re.compile(r"(?:[^\W\d_]\.[ -]?)+")
#: Words of a name that begin with a small letter; other small words make it no name.
_PARTICLES = {"al.", "da", "de", "del", "den", "der", "di", "du", "et", "la", "le", "ten", "ter", "van", "von", "zu"}
#: Large words before a year that are no name.
_NO_NAMES = {"About", "After", "Around", "Before", "By", "During", "From", "In", "Since", "Until"}
_SPECIAL = re.compile(r"[&%$#_]")


def citation_of(root: Path, environment: Mapping[str, Any], started: str) -> dict[str, Any]:
    """Return the block `citation` of a run: who made the repository's claims, which version ran, and its references.

    From CITATION.cff at the repository's root, as far as it says so; a repository without one gets title None and no
    authors. ``documents`` are the pages about method that the repository has.
    """
    try:
        known = read_cff(read_ordinary(root / FILE).decode("utf-8", "replace"))
    except (OSError, ValueError):
        known = {}
    references = [entry for entry in _list(known.get("references")) if isinstance(entry, Mapping)]
    return {
        "title": _text(known.get("title")),
        "authors": _people(known.get("authors")),
        "version": _text(known.get("version")),
        "commit": environment.get("commit"),
        "date": _text(known.get("date-released")) or started[:10],
        "url": _text(known.get("repository-code")) or _text(known.get("url")) or environment.get("repository"),
        "doi": _text(known.get("doi")),
        "license": _text(known.get("license")),
        "references": [_reference(entry) for entry in references],
        "documents": [name for name in DOCUMENTS if (root / name).is_file()],
    }


def _reference(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return a work that the file lists; a paper of a conference stands in proceedings, an article in a journal."""
    conference = entry.get("conference")
    meeting = conference.get("name") if isinstance(conference, Mapping) else None
    is_paper = entry.get("type") == "conference-paper"  # the collection of another work is a series
    return {
        "title": _text(entry.get("title")),
        "authors": _people(entry.get("authors")),
        "year": _text(entry.get("year")),
        "journal": _text(entry.get("journal")),
        "proceedings": (_text(entry.get("collection-title")) or _text(meeting)) if is_paper else None,
        "url": _text(entry.get("url")),
        "doi": _text(entry.get("doi")),
    }


def with_citation(results: Results, root: Path) -> Results:
    """Return a run with the block `citation`, if it is older than that field: by the repository as it is now."""
    if results.citation is not None:
        return results
    return replace(results, citation=citation_of(root, results.environment, results.started))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _people(value: Any) -> list[str]:
    """Return names as BibTeX reads them: "Abid, Abubakar"; a group's in braces of its own."""
    names = []
    for person in _list(value):
        if not isinstance(person, Mapping):
            continue
        family, given, group = (_text(person.get(name)) for name in ("family-names", "given-names", "name"))
        if family:
            names.append(f"{family}, {given}" if given else family)
        elif group:
            names.append(f"{{{group}}}")
    return names


def read_cff(text: str) -> dict[str, Any]:
    """Return what a CITATION.cff says, all of it as texts; nothing where it is no YAML."""
    import yaml

    try:
        known = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it makes texts, lists and mappings, nothing else
    except (yaml.YAMLError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}


@dataclass(frozen=True)
class Work:
    """Something to cite: its anchor on the page, its name, how the claims that rest on it name it, and BibTeX."""

    anchor: str
    name: str
    claims: Sequence[str]
    bibtex: str


class Cited:
    """What to cite for a run: the suite, then every work that its claims name as their source."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._known = results.citation or {}

    def anchor(self, source: str | None) -> str:
        """Return the anchor of a claim's source; the suite's own where the source names no work."""
        return self._anchors.get(_work(source or "") or ("", ""), "cite")

    @cached_property
    def _anchors(self) -> dict[tuple[str, str], str]:
        works = dict.fromkeys(_work(claim.source or "") for claim in self._results.claims)
        return {work: f"cite-{at}" for at, work in enumerate((work for work in works if work is not None), 1)}

    @cached_property
    def works(self) -> list[Work]:
        """The suite first, then the sources in the order in which claims name them."""
        sources = {claim.id: _work(claim.source or "") for claim in self._results.claims}
        keys = _Keys()
        return [
            Work("cite", self.title, [name for name, work in sources.items() if work is None], self._suite(keys)),
            *(
                Work(
                    anchor, " ".join(work), [name for name, at in sources.items() if at == work],
                    self._source(keys, *work),
                )
                for work, anchor in self._anchors.items()
            ),
        ]  # fmt: skip

    @property
    def title(self) -> str:
        """The suite's title."""
        return str(self._known.get("title") or self._results.heading)

    @property
    def documents(self) -> Sequence[str]:
        """Pages about the method, in the suite's repository."""
        return [str(name) for name in self._known.get("documents") or []]

    def _suite(self, keys: "_Keys") -> str:
        known, commit = self._known, self._results.environment.get("commit")
        authors = known.get("authors") or []
        # a version names what was released; the commit says what ran
        version = [known.get("version"), f"commit {str(commit)[:12]}" if commit else None]
        note = f"Run of {self._results.started[:10]}" if self._results.started else ""
        return bibtex(
            "software",
            keys.of(self._results.heading, str(known.get("date") or self._results.started)[:4]),
            {
                "author": " and ".join(map(str, authors)) or f"{{The authors of {self._results.heading}}}",
                "title": f"{{{self.title}}}",
                "year": str(known.get("date") or self._results.started)[:4],
                "version": ", ".join(str(part) for part in version if part),
                "url": known.get("url"),
                "doi": known.get("doi"),
                "note": note,
            },
        )

    def _source(self, keys: "_Keys", who: str, year: str) -> str:
        names = _names(who) or []
        first = names[0]
        full: Mapping[str, Any] = next(
            (
                entry
                for entry in self._known.get("references") or []
                if str(entry.get("year")) == year and _is_by(entry.get("authors") or [], first)
            ),
            {},
        )
        others = ["others"] if who.endswith("et al.") else []
        journal, proceedings = full.get("journal"), full.get("proceedings")
        return bibtex(
            "article" if journal else "inproceedings" if proceedings else "misc",
            keys.of(first.partition(",")[0], year),
            {
                "author": " and ".join(map(str, full.get("authors") or [*names, *others])),
                "title": f"{{{full['title']}}}" if full.get("title") else None,
                "journal": journal,
                "booktitle": None if journal else proceedings,
                "year": year,
                "url": full.get("url"),
                "doi": full.get("doi"),
            },
        )


def _work(source: str) -> tuple[str, str] | None:
    """Return (who, year) of the work that a source names first; None where it names none."""
    found = _WORK.match(source)
    return (found["who"].strip(), found["year"]) if found and _names(found["who"]) else None


def _names(who: str) -> list[str] | None:
    """Return authors as BibTeX reads them, "et al." left out; None where these words are no names.

    "Smith, Jones and Doe" are three authors; "LeCun, Y." is one.
    """
    names: list[str] = []
    for part in filter(None, _BETWEEN.split(re.sub(r",?\s+et al\.?\s*$", "", who.strip()))):
        if _INITIALS.fullmatch(part) and names:
            names[-1] = f"{names[-1]}, {part}"
        elif _is_name(part):
            names.append(part)
        else:
            return None
    return names or None


def _is_name(words: str) -> bool:
    each = words.split()
    small = [word for word in each if word[0].islower()]
    return bool(each) and len(small) < len(each) and {*small} <= _PARTICLES and not _NO_NAMES & {*each}


def _is_by(authors: Iterable[Any], name: str) -> bool:
    """Whether a work's authors, "Abid, Abubakar", have one of this family name."""
    return any(str(author).partition(",")[0] == name.partition(",")[0] for author in authors)


class _Keys:
    """The keys of one bibliography: plain letters and digits, each once."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def of(self, name: str, year: str) -> str:
        """Return a key that no other entry has: abid2018, then abid2018-2."""
        plain = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
        own = (re.sub(r"[^a-z0-9]+", "", plain) or "work") + year
        key, at = own, 2
        while key in self._given:
            key, at = f"{own}-{at}", at + 1
        self._given.add(key)
        return key


def bibtex(kind: str, key: str, fields: Mapping[str, Any]) -> str:
    """Return one BibTeX entry on one line; fields without a value are left out."""
    known: Iterable[tuple[str, str]] = ((name, str(value)) for name, value in fields.items() if value)
    written = ", ".join(f"{name} = {{{_escaped(text)}}}" for name, text in known)
    return f"@{kind}{{{key}, {written}}}"


def _escaped(text: str) -> str:
    """Return a field's text with what TeX takes for more than itself escaped; braces without a partner are left out."""
    depth = 0
    for letter in text:
        depth += (letter == "{") - (letter == "}")
        if depth < 0:
            break
    if depth:
        text = text.replace("{", "").replace("}", "")
    return _SPECIAL.sub(lambda letter: f"\\{letter[0]}", text.replace("\\", r"\textbackslash "))
