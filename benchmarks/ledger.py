"""The results of a benchmark run, for latest.json and for the terminal.

{"machine": {...}, "workloads": [{"name": .., "engines": {"plain": us, ...}, ...}], "plain_over_stacked": x,
"plain_over_jax": y or null, "modules": [{"network": .., "optimiser": .., "seeds": n, "costs": {"plain": us, ...}},
...], "growth": {...}} with microseconds of processor time per step and seed, and the two ratios as geometric means over
the workloads.
"""

from __future__ import annotations

import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "numpy", "scikit-learn", "jax")
#: The names of what benchmarks/modules.py trains; they stand here because that module needs torch.
NETWORKS = ("perceptron", "batch norm", "dropout", "CNN", "34 layers", "34 layers, residual", "MNIST-1D")
OPTIMISERS = ("Adam", "AdamW", "SGD")
WAYS = ("plain", "plain_fused", "vmap", "stacked", "sklearn", "jax")


@dataclass
class Ledger:
    """One entry for each workload and each module, and how costs grow."""

    workloads: list[dict[str, Any]] = field(default_factory=list)
    modules: list[dict[str, Any]] = field(default_factory=list)
    growth: dict[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.workloads or self.modules or self.growth)

    def as_json(self) -> dict[str, Any]:
        """Return the content of latest.json."""
        return {
            "machine": machine(),
            "workloads": self.workloads,
            "plain_over_stacked": plain_over(self.workloads, "stacked"),
            "plain_over_jax": plain_over(self.workloads, "jax"),
            "modules": self.modules,
            "growth": self.growth,
        }


def plain_over(workloads: Iterable[dict[str, Any]], way: str) -> float | None:
    """Return the geometric mean over the workloads of plain over this way; None where none was measured."""
    costs = [workload["engines"] for workload in workloads]
    ratios = [cost["plain"] / cost[way] for cost in costs if cost.get(way)]
    return statistics.geometric_mean(ratios) if ratios else None


def machine() -> dict[str, Any]:
    """Return processor and versions, but not the machine's name."""
    lines = _lines(Path("/proc/cpuinfo"))
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor(),
        "platform": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{package: _version(package) for package in PACKAGES},
    }


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def table(workloads: Sequence[dict[str, Any]]) -> list[str]:
    """Return the lines of the terminal's table."""
    lines = [f"{'':20}" + "".join(f"{way:>18}" for way in WAYS)]
    for workload in workloads:
        base = workload["engines"]["plain"]
        cells = (workload["engines"].get(way) for way in WAYS)
        shown = (f"{cost:8.0f} ({base / cost:5.1f}x)" if cost else "-" for cost in cells)
        lines.append(f"{workload['name']:20}" + "".join(f"{cell:>18}" for cell in shown))
    means = (f"{mean:.1f}x" if (mean := plain_over(workloads, way)) else "-" for way in WAYS)
    lines.append(f"{'geometric mean':20}" + "".join(f"{mean:>18}" for mean in means))
    return lines


TORCH_FUNC = ("vmap of the loss", "vmap of the gradient")
JAX = ("JAX, vmap", "JAX, map")


def best(costs: Mapping[str, float], names: Iterable[str]) -> float | None:
    """Return the least cost among these ways; None where none of them was measured."""
    return min((costs[name] for name in names if name in costs), default=None)


def gains(modules: Iterable[dict[str, Any]], seeds: int) -> list[tuple[float, float]]:
    """Return how many times cheaper the stack is than the plain loop and than the best of torch.func, by module."""
    costs = [module["costs"] for module in modules if module["seeds"] == seeds]
    return [(cost["plain"] / cost["stacked"], best(cost, TORCH_FUNC) / cost["stacked"]) for cost in costs]


def module_lines(modules: Iterable[dict[str, Any]]) -> list[str]:
    """Return the lines of the terminal about modules."""
    lines = []
    for module in modules:
        costs, base = module["costs"], module["costs"]["plain"]
        shown = ", ".join(f"{way} {cost:.0f} ({base / cost:.1f}x)" for way, cost in costs.items())
        lines.append(f"{module['network']}, {module['optimiser']}, {module['seeds']} seeds: {shown}")
    return lines
