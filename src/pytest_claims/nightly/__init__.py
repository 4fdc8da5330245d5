"""The nightly run: which versions a leg is for, whether it got them, the summary of all legs, issues about changes.

``legs`` and ``requirements`` need no library of the suite, since a leg is planned before they are installed.
``summary``, ``changed`` and ``issues`` read the results that the legs' reports wrote.
"""

from pytest_claims.nightly.legs import LEGS, Got, Plan, judge, plan, unavailable

__all__ = ["LEGS", "Got", "Plan", "judge", "plan", "unavailable"]
