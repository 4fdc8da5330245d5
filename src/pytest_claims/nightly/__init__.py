"""The nightly run: which versions a leg is for, whether it got them, the summary of all legs; issues; and bisection.

``legs`` and ``requirements`` need no library of the suite, since a leg is planned before they are installed.
``summary``, ``changed`` and ``issues`` read the results that the legs' reports wrote. ``bisect`` searches the versions
of one package, each in one of ``environments``, with a verdict of ``judging``.
"""

from pytest_claims.nightly.legs import LEGS, Got, Plan, judge, plan, unavailable

__all__ = ["LEGS", "Got", "Plan", "judge", "plan", "unavailable"]
