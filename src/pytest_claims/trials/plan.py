"""How a run measures and judges: decided once on the controller, sent to the workers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_claims.vocabulary import DEEP, DEFAULT_ENGINE, DEFAULT_TIER, REGISTERED, SMOKE, is_registered

PILOT_SEEDS = 16
TIMEOUT = 3600.0
#: The key of ``workerinput`` under which the controller sends its decisions to the workers.
SENT = "trials"

#: Options whose short spelling is not their name.
_SHORT = {"id": "claim", "timeout": "trial-timeout"}


def flag(name: str, *, short: bool) -> str:
    """Return how an option is spelled: ``--claims-seeds``, or ``--seeds`` where a repository has the short names."""
    return f"--{_SHORT.get(name, name.replace('_', '-'))}" if short else f"--claims-{name.replace('_', '-')}"


@dataclass(frozen=True)
class Settings:
    """How this run measures and judges.

    ``seeds`` is None where every claim goes to its registered number, with the ``tier`` "smoke" to its first look, with
    "deep" to its deepest. ``folder`` is the report folder's ``trials/``,
    ``run`` the name of this run's folder in it. ``durations`` are the seconds of an earlier run's trials, by shape.
    ``short``: whether options have their short names. ``provisional``: whether
    a departure from a registered verdict only warns. ``registrations``: a file of verdicts that this project expects,
    and how the user names it. ``change``: values of conditions that replace those declared; what is judged is then
    another claim than the registered one.
    """

    seeds: int | None = None
    stream: str = REGISTERED
    tier: str = DEFAULT_TIER
    pilot: bool = False
    design: bool = False
    engine: str = DEFAULT_ENGINE
    selected: tuple[str, ...] = ()
    reuse: Path | None = None
    timeout: float = TIMEOUT
    folder: Path = Path("reports") / "latest" / "trials"
    run: str = ""
    worker: str = "main"
    workers: int = 1
    dist: str = "no"
    durations: dict[str, float] = field(default_factory=dict)
    short: bool = False
    provisional: bool = False
    registrations: Path | None = None
    shown_registrations: str = ""
    change: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    @property
    def report(self) -> Path:
        """The report folder, which holds the trials."""
        return self.folder.parent

    def flag(self, name: str) -> str:
        """Return how an option is spelled in this run's messages."""
        return flag(name, short=self.short)

    def selects(self, identifier: str, variant_of: str | None) -> bool:
        """Whether the options name a claim: a bare id names its variants, too, unless ``@`` ends it."""
        return not self.selected or bool({identifier, variant_of, f"{identifier}@"} & set(self.selected))

    def last_look(self, first: int, registered: int, deepest: int) -> int:
        """Return after how many seeds this run judges a claim for the last time, from the claim's own looks."""
        if self.pilot:
            return min(self.seeds or PILOT_SEEDS, max(deepest, PILOT_SEEDS))
        if self.seeds is not None:
            return min(self.seeds, deepest)
        return {SMOKE: first, DEEP: deepest}.get(self.tier, registered)

    @property
    def clip(self) -> int | None:
        """The number of seeds beyond which nothing is measured."""
        return self.seeds or (PILOT_SEEDS if self.pilot else None)

    def registered_design(self, first: int, registered: int, deepest: int) -> bool:
        """Whether a claim runs as it is registered: only then does every departure fail it."""
        return (
            is_registered(self.stream)
            and self.engine == DEFAULT_ENGINE
            and not self.pilot
            and self.last_look(first, registered, deepest) == registered
        )
