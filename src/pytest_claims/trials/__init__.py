"""Measurements and claims, and the pytest plugin that spreads their trials over the cores.

``measurement`` declares how a block of seeds is measured, ``claim`` what is claimed about it, ``variant`` a departure
from the claim's protocol with a verdict of its own. The plugin is ``trials.plugin``; docs/how-it-works.md tells the way
from a seed to a verdict.
"""

from pytest_claims.trials.claims import claim, variant
from pytest_claims.trials.measurements import measurement

__all__ = ["claim", "measurement", "variant"]
