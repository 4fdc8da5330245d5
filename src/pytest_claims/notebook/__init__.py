"""Claims in a notebook: ``run("2.a", folder="claims", seeds=8)`` runs them with pytest, in a process of its own.

The kernel that asks is left as it was: nothing is imported, trained or patched in it. What pytest judged comes back as
a `Result`, or as `Results` where several claims were asked for.
"""

from pytest_claims.notebook.result import Result, Results
from pytest_claims.notebook.running import run

__all__ = ["Result", "Results", "run"]
