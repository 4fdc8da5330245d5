"""The probable cause of a change: of the libraries that a stage uses, those whose version differs from the baseline."""

from collections.abc import Iterable, Mapping
from typing import Any

Environment = Mapping[str, Any]

#: Libraries whose versions a run records.
LIBRARIES = (
    "torch",
    "jax",
    "numpy",
    "scipy",
    "scikit-learn",
    "xarray",
    "pytest",
    "pytest-xdist",
    "python",
)
#: Words in the names of arrays that scikit-learn helps to make; all other arrays are numpy's.
SCIKIT_LEARN = ("moons", "pca", "split", "scal")

#: The libraries behind each stage, the likeliest cause first.
BEHIND: Mapping[str, tuple[str, ...]] = {
    "inputs": ("numpy",),
    "derived": ("numpy", "scipy"),
    "trace": ("torch", "jax", "numpy"),
    "numbers": ("torch", "jax", "scikit-learn", "numpy", "scipy"),
    "numbers without training": ("scikit-learn", "numpy", "scipy", "torch"),
    "verdict": ("scipy", "xarray", "numpy"),
}


def versions(was: Environment, now: Environment) -> dict[str, tuple[str, str]]:
    """Return every library whose version differs, as (baseline's, this run's)."""
    return {
        name: (str(was[name]), str(now[name]))
        for name in LIBRARIES
        if was.get(name) and now.get(name) and was[name] != now[name]
    }


def blame(stage: str, names: Iterable[str], was: Environment, now: Environment) -> str:
    """Return a clause that names the probable cause: a library, the suite's own code, or the machine."""
    if not (was and now):  # a report log has no versions: nothing is the same in both, and nothing differs
        return "which versions ran is not known"
    suspects = BEHIND[stage]
    if stage == "derived" and any(word in name.rpartition("/")[2].lower() for name in names for word in SCIKIT_LEARN):
        suspects = ("scikit-learn", *suspects)
    different = versions(was, now)
    guilty = [f"{name} {different[name][0]} → {different[name][1]}" for name in suspects if name in different]
    elsewhere = stage in {"trace", "numbers", "numbers without training"} and was.get("cpu") != now.get("cpu")
    processors = f"the processor changed ({was.get('cpu')} → {now.get('cpu')})"
    if guilty:
        # another processor alone moves last bits: whoever looks for a version's fault must not take one for the other
        return f"{' or '.join(guilty)} probably did it{f', or that {processors}' if elsewhere else ''}"
    *others, last = [name for name in suspects if was.get(name) or now.get(name)] or ["the libraries"]
    listed = f"{', '.join(others)} and {last}" if others else last
    commits = f"commit {_short(was)} → {_short(now)}"
    if elsewhere:
        code = "" if was.get("commit") == now.get("commit") else f", and so did the suite's own code ({commits})"
        return f"the versions of {listed} are the same; {processors}{code}"
    if was.get("commit") != now.get("commit"):
        return f"the versions of {listed} are the same, so the suite's own code probably did it ({commits})"
    return f"the versions of {listed} and the commit are the same, so an uncommitted change probably did it"


def _short(environment: Environment) -> str:
    commit = str(environment.get("commit") or "unknown")
    return commit[:8] + ("+" if commit.endswith("+") else "")
