"""The nightly run: which versions a leg is for, whether it got them, and what all legs together say.

The legs themselves import nothing of the suite, since they run before it can; the summary reads what reports wrote.
"""

from pytest_claims.nightly.legs import LEGS, Got, Plan, judge, plan, unavailable

__all__ = ["LEGS", "Got", "Plan", "judge", "plan", "unavailable"]
