"""Claims, measurements and their trials: how a trial is named, made, stored and read again.

``measurement`` declares how a block of seeds is measured, ``claim`` what is claimed about it, ``variant`` a departure
from the claim's protocol with a verdict of its own. This room knows nothing of training: a trial gets its seeds from
the fixture ``seed_block_factory``. docs/how-it-works.md shows the way from a seed to a verdict.
"""

from pytest_claims.trials.claims import claim, variant
from pytest_claims.trials.measurements import measurement

__all__ = ["claim", "measurement", "variant"]
