"""Reads the documents for their tests: code blocks, inline code, links, headings."""

import re

from website.documents import DOCUMENTS, ROOT

__all__ = ["DOCUMENTS", "ROOT", "anchors", "blocks", "code", "files", "links", "prose"]

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"# ([\w/]+\.py)\n")


def blocks(path, language=None):
    """Return the code blocks of a document, of one language or of all."""
    fenced = FENCE.findall(path.read_text(encoding="utf-8"))
    return [code for label, code in fenced if language in {None, label}]


def files(path):
    """Return the Python files that a document shows, by the path in the comment of their first line."""
    named = [(NAMED.match(code), code) for code in blocks(path, "python")]
    return {match[1]: code for match, code in named if match}


def prose(path):
    """Return a document without its code blocks."""
    return FENCE.sub("", path.read_text(encoding="utf-8"))


def code(path):
    """Return all code in a document: its blocks, and what is set as code in its text."""
    return [*blocks(path), *re.findall(r"`([^`]+)`", prose(path))]


def links(path):
    """Return the targets of a document's links."""
    return re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", prose(path))


def anchors(path):
    """Return the anchors of a document's headings, as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
