"""Words and numbers that every room uses, each said once, and how text of others is shown. Imports nothing of ours."""

import re

#: The verdicts that data can give; results.json adds "error" where nothing could be judged.
VERDICTS = ("supported", "refuted", "inconclusive")
ENDS = (*VERDICTS, "error")
#: Two verdicts that contradict each other; in any other pair one side is undecided.
CONTRADICTION = frozenset({"supported", "refuted"})

#: The level of each side of the interval: a 99 % interval.
ALPHA = 0.005
#: Below this many seeds there is no verdict.
FEWEST_SEEDS = 8
#: Numbers of seeds are multiples of this: smaller stacks differ in the last bits (docs/performance.md).
BLOCK = 8
#: The first and the deepest look of a claim that registered none, in seeds.
FIRST_LOOK, DEEPEST_LOOK = 32, 512
#: The seeds at which a claim that registered none is judged at the latest, unless a run goes deeper.
SEEDS = 64
#: How much a run takes: the first look of claims on what is quick to measure, each claim's registered seeds, or its
#: deepest look.
SMOKE, DEFAULT_TIER, DEEP = TIERS = ("smoke", "default", "deep")

#: The streams of seeds: those that claims are registered on, and those of pilots; fresh ones are "fresh-N". The
#: registered ones of a repository's second edition are "registered-2".
REGISTERED, PILOT = "registered", "pilot"
#: The framework that trains, unless the user chooses another.
DEFAULT_ENGINE = "torch"

#: pytest's configuration files in pytest's own order, each with the table that pytest reads.
TABLES = {
    "pytest.toml": "pytest",
    ".pytest.toml": "pytest",
    "pytest.ini": "pytest",
    ".pytest.ini": "pytest",
    "pyproject.toml": "tool.pytest.ini_options",
    "tox.ini": "pytest",
    "setup.cfg": "tool:pytest",
}

#: The leading dimension of every measurement, and the variable that flags diverged replicates.
SEED, DIVERGED = "seed", "diverged"

#: The name of the user property under which a test report carries a claim's record.
PROPERTY = "claim"
#: The attribute of a report that says passed of a judged claim: pytest's own word, xfailed or skipped.
EXPECTED = "claim_is_as_registered"
#: The schema of results.json.
SCHEMA = 1

#: Characters that move a cursor, change a colour or the reading direction, or cannot be encoded: control characters
#: but the line feed and the tab, soft hyphens, marks and overrides of direction, invisible signs, line separators, byte
#: order marks, and lone surrogates. Joiners inside words and emoji stay.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff"
    "\U000e0000-\U000e007f\ud800-\udfff]"
)


def registered_stream(edition: int) -> str:
    """Return the stream of a repository's registered seeds; editions are counted from 1."""
    return REGISTERED if edition == 1 else f"{REGISTERED}-{edition}"


def is_registered(stream: str) -> bool:
    """Whether claims are registered on these seeds, in whichever edition."""
    return stream.partition("-")[0] == REGISTERED


def visible(text: str) -> str:
    r"""Return a text in which characters that act instead of being seen are written out: ``\x1b``, ``\u202e``.

    Everything that is shown to a person or written for a machine passes here, once or more: it is idempotent.
    """
    return _HIDDEN.sub(_written_out, text)


def _written_out(match: re.Match[str]) -> str:
    return (
        match[0].encode("ascii", "backslashreplace").decode("ascii") if match[0] > "\x7f" else f"\\x{ord(match[0]):02x}"
    )
