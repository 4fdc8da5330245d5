"""Asks for the library's short option names and for the suite's fixtures; nothing else."""

# not "fixtures": pytest has a plugin of that name itself, and would think it loaded
pytest_plugins = ["pytest_claims.short", "fixtures.plugin"]
