"""Regimes: how a run trains where it is not Adam at one rate, as data."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from pytest_claims.training.optimisers import Optimiser


@dataclass(frozen=True)
class Regime:
    """How one replicate's parameters are updated; runs.py says what each part does."""

    optimiser: Optimiser
    clip: float | None = None
    masks: bool = False

    def __post_init__(self) -> None:
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip is the largest norm of a gradient, a positive number, got {self.clip}")

    @property
    def plain(self) -> bool:
        """Whether it is Adam at one rate, and nothing else."""
        return self.optimiser.plain and self == Regime(self.optimiser)

    @property
    def parts(self) -> list[str]:
        """Return the names of what is not as in a plain run, the optimiser by its class."""
        others = [field.name for field in fields(self) if field.name != "optimiser"]
        named = [name for name in others if getattr(self, name) not in {None, False}]
        return named if self.optimiser.plain else [type(self.optimiser).__name__, *named]

    @property
    def shared(self) -> tuple[Any, ...]:
        """What all replicates of one stack have in common; optimisers and clipping may differ."""
        return ("guided",)
