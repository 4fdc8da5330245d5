"""Writes what `make bench` measured into docs/performance.md: `python -m benchmarks.document [latest.json]`.

The page has two generated parts, each between two comments; the rest is written by hand. A part is written where all of
it was measured, and stays as it is where nothing of it was. The growth is drawn into reports/engines/growth.svg, and
the numbers are kept beside it: a test compares the page with them.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.ledger import JAX, NETWORKS, OPTIMISERS, TORCH_FUNC, WAYS, best, gains, plain_over
from benchmarks.workloads import WORKLOADS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROOT = Path(__file__).resolve().parents[1]
LATEST = ROOT / "benchmarks" / "latest.json"
PAGE = ROOT / "docs" / "performance.md"
KEPT = ROOT / "reports" / "engines" / "benchmark.json"
KEPT_MODULES = KEPT.with_name("modules.json")
DRAWN = ROOT / "reports" / "engines" / "growth.svg"

BEGIN = "<!-- begin: written by `python -m benchmarks.document` -->"
BEGIN_MODULES = "<!-- begin: modules, written by `python -m benchmarks.document` -->"
END = "<!-- end -->"
SEEDS_OF_MODULES = (8, 32)
HEADINGS = {
    "plain": "plain loop, µs",
    "plain_fused": "`fused=True`",
    "vmap": "`torch.func.vmap`",
    "stacked": "**stacked (default engine)**",
    "sklearn": "scikit-learn",
    "jax": "**JAX engine**",
}
ALTERNATIVE = "Cost of a step of one seed against the number of seeds, the width of the layers and the steps taken"
GROWTH = ("seeds", "width", "steps", "memory_mb")


class IncompleteError(Exception):
    """A latest.json lacks something that the page shows."""


def main(arguments: Sequence[str]) -> int:
    """Write page, numbers and drawing; return the exit status."""
    source = Path(arguments[0]) if arguments else LATEST
    try:
        measured = json.loads(source.read_text(encoding="utf-8"))
        page, kept = with_numbers(PAGE.read_text(encoding="utf-8"), measured)
    except OSError as error:
        print(f"{source.name} cannot be read ({error.strerror}): make bench writes it.", file=sys.stderr)  # noqa: T201
        return 1
    except IncompleteError as error:
        print(f"{source.name}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    for path, content in kept.items():
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if KEPT in kept:
        draw(measured["growth"], DRAWN)
    PAGE.write_text(page, encoding="utf-8")
    return 0


def with_numbers(page: str, measured: Mapping[str, Any]) -> tuple[str, dict[Path, Mapping[str, Any]]]:
    """Return the page with the parts that were measured, and what is kept of them; IncompleteError for half a part."""
    kept: dict[Path, Mapping[str, Any]] = {}
    if measured.get("workloads") or measured.get("growth"):
        page = replaced(page, BEGIN, numbers(measured))
        kept[KEPT] = {name: value for name, value in measured.items() if name != "modules"}
    if measured.get("modules"):
        page = replaced(page, BEGIN_MODULES, modules(measured))
        kept[KEPT_MODULES] = {name: measured[name] for name in ("machine", "modules")}
    if not kept:
        raise IncompleteError("nothing was measured: run make bench.")
    return page, kept


def replaced(page: str, begin: str, text: str) -> str:
    """Return the page with `text` between the comment `begin` and the next END; IncompleteError without the two."""
    head, found, rest = page.partition(begin)
    _, end, tail = rest.partition(END)
    if not found or not end:
        raise IncompleteError(f"the page has no part between {begin} and {END}.")
    return f"{head}{begin}\n\n{text}\n\n{END}{tail}"


def numbers(measured: Mapping[str, Any]) -> str:
    """Return the generated part."""
    names = {workload["name"] for workload in measured.get("workloads", ())}
    missing = [name for name in WORKLOADS if name not in names]
    missing += [f"growth with {name}" for name in GROWTH if name not in measured.get("growth", {})]
    _refuse(missing)
    return "\n\n".join([machine(measured["machine"]), *engines(measured), *growth(measured["growth"])])


def _refuse(missing: Sequence[str]) -> None:
    if missing:
        raise IncompleteError(f"not everything was measured; {', '.join(missing)} missing: run the whole make bench.")


def machine(facts: Mapping[str, Any]) -> str:
    """Say where the numbers come from."""
    versions = ", ".join(f"{name} {facts[name]}" for name in ("torch", "numpy", "scikit-learn", "jax") if facts[name])
    return (
        f"Measured by `make bench` on {facts['cpu']}, {facts['platform']}, Python {facts['python']}, {versions}; one "
        "thread; medians of processor time in microseconds per step and seed. All ways start from the same weights on "
        "the same batches, take turns, and must end at the same losses (scikit-learn draws its own)."
    )


def engines(measured: Mapping[str, Any]) -> list[str]:
    """Return the table of ways to train, and a note about it."""
    workloads = measured["workloads"]
    rows = [
        ["experiment", "seeds x runs", *(HEADINGS[way] for way in WAYS)],
        ["---", *["---:"] * (len(WAYS) + 1)],
    ]
    for workload in workloads:
        costs = workload["engines"]
        plain = costs["plain"]
        ratios = (costs[way] and f"{plain / costs[way]:.1f}x" for way in WAYS[1:])
        rows.append([
            workload["name"], f"{workload['seeds']} x {workload['runs']}", f"{plain:.0f}",
            *(ratio or "" for ratio in ratios),
        ])  # fmt: skip
    means = (plain_over(workloads, way) for way in WAYS[1:])
    rows.append(["geometric mean", "", "", *(f"{mean:.1f}x" if mean else "" for mean in means)])
    compiled = [entry["jax_compile_s"] for entry in workloads if entry.get("jax_compile_s") is not None]
    note = "Ratios: how many times faster than the plain loop; an empty cell: this way cannot do the work."
    if compiled:
        note += (
            f" JAX compiles each shape once, in {min(compiled):.1f} to {max(compiled):.1f} s of processor time, which "
            "the ratios leave out; compiled code is kept between runs."
        )
    return ["\n".join(f"| {' | '.join(row)} |" for row in rows), note]


def modules(measured: Mapping[str, Any]) -> str:
    """Return the part about modules of one's own: a table, and how far the stack is from the others."""
    by_module: dict[tuple[str, str], dict[int, Mapping[str, float]]] = {}
    for entry in measured["modules"]:
        by_module.setdefault((entry["network"], entry["optimiser"]), {})[entry["seeds"]] = entry["costs"]
    _refuse([
        f"{network} with {optimiser} and {seeds} seeds"
        for network in NETWORKS
        for optimiser in OPTIMISERS
        for seeds in SEEDS_OF_MODULES
        if seeds not in by_module.get((network, optimiser), {})
    ])  # fmt: skip
    headings = ["network", "optimiser", "plain loop, µs"]
    for seeds in SEEDS_OF_MODULES:
        headings += [f"{seeds} seeds: **stacked**", "`torch.func`", "JAX"]
    rows = [headings, ["---", "---", *["---:"] * (len(headings) - 2)]]
    for (network, optimiser), costs in by_module.items():
        plain = statistics.median(cost["plain"] for cost in costs.values())
        cells = [_gain(costs[seeds], names) for seeds in SEEDS_OF_MODULES for names in (("stacked",), TORCH_FUNC, JAX)]
        rows.append([network, optimiser, f"{plain:.0f}", *cells])
    sentences = []
    for seeds in SEEDS_OF_MODULES:
        (mean, least), (mean_func, least_func) = (
            (statistics.geometric_mean(column), min(column))
            for column in zip(*gains(measured["modules"], seeds), strict=True)
        )
        sentences.append(
            f"With {seeds} seeds a stack is {mean:.2f} times as fast as the plain loop in geometric mean ({least:.2f} "
            f"times where it gains least), and {mean_func:.2f} times as fast as the better form of `torch.func` "
            f"({least_func:.2f} times where it gains least)."
        )
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return "\n\n".join([machine(measured["machine"]), table, " ".join(sentences)])


def _gain(costs: Mapping[str, float], names: Sequence[str]) -> str:
    """Say how many times faster than the plain loop the best of these ways is; nothing where none was measured."""
    cost = best(costs, names)
    return "" if cost is None else f"{costs['plain'] / cost:.1f}x"


def growth(measured: Mapping[str, Any]) -> list[str]:
    """Return the figure and its numbers in words."""
    sentences = []
    for name, costs in measured["seeds"].items():
        few, many = min(costs, key=int), max(costs, key=int)
        sentences.append(
            f"A step of one seed of experiment {name} costs {costs[few]:.0f} µs among {few} seeds and "
            f"{costs[many]:.0f} µs among {many}."
        )
    few, many = sorted(measured["memory_mb"], key=int)
    less, more = measured["memory_mb"][few], measured["memory_mb"][many]
    sentences.append(
        f"The peak memory of a run of experiment 2 is {less:.0f} MB with {few} seeds and {more:.0f} MB with {many}, "
        f"{more / less:.2f} times as much."
    )
    return [f"![{ALTERNATIVE}](../reports/engines/growth.svg)", " ".join(sentences)]


def draw(measured: Mapping[str, Any], path: Path) -> None:
    """Draw the cost of a step against seeds, width and steps, each on two logarithmic axes."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    labels = {"plain": "plain loop", "stacked": "stacked"}
    panels = {"seeds": "number of seeds", "width": "width of two hidden layers", "steps": "steps taken"}
    with mpl.rc_context({"svg.hashsalt": "growth", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(9.6, 3.2), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots(1, len(panels))
        for axis, (name, words) in zip(axes, panels.items(), strict=True):
            _panel(
                axis, {labels.get(line, f"experiment {line}"): costs for line, costs in measured[name].items()}, words
            )
        axes[0].set_ylabel("µs per step and seed")
        figure.savefig(path, metadata={"Date": None, "Creator": None})
    svg = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE), encoding="utf-8")


def _panel(axis: Axes, lines: Mapping[str, Mapping[str, float]], words: str) -> None:
    for style, (name, costs) in zip(("o-", "s--", "^:"), lines.items(), strict=False):
        axis.plot([int(at) for at in costs], list(costs.values()), style, label=name, markersize=4)
    axis.set(xscale="log", yscale="log", xlabel=words)
    low, high = axis.get_ylim()
    axis.set_ylim(low / 2, high * 2)  # a flat line must look flat
    axis.grid(visible=True, alpha=0.3)
    axis.legend(fontsize=8)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
