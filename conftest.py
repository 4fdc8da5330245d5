"""Registers the suite's fixtures; nothing else."""

pytest_plugins = ["fixtures", "pytest_claims.report.plugin"]
