"""`--claims-change layers=1,2,4`: claims asked under other conditions than those that they are registered for.

A changed claim is another claim. It has no registered verdict, its text says what was changed, and its run may not use
the report folder of the registered ones.
"""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from pytest_claims.trials.claims import claim_of, register
from pytest_claims.trials.conditions import values_in_words
from pytest_claims.trials.measurements import change
from pytest_claims.trials.plan import Settings


def apply(items: Sequence[pytest.Item], settings: Settings) -> str | None:
    """Change the selected claims among the items; return what does not fit, in one sentence, or None."""
    words = values_in_words(settings.change)
    for item in items:
        claim = claim_of(item)
        if claim is None or not settings.selects(claim.id, claim.variant_of):
            continue
        misfit = change(item, settings.change)
        if misfit is not None:
            return f"{settings.flag('change')}: claim {claim.id} cannot be asked with {words}: {misfit}"
        departures = " ".join(filter(None, [f"This run changed conditions: {words}.", claim.departures]))
        # a reason explains the registered verdict, with numbers that may not be measured now
        register(item, replace(claim, text=f"{claim.text} [changed: {words}]", departures=departures, reason=None))
    return None
