"""Asks for the library's short option names and for the suite's fixtures; nothing else."""

pytest_plugins = ["pytest_claims.short", "fixtures"]
