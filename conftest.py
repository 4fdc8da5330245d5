"""Registers the plugins; nothing else."""

pytest_plugins = ["fixtures.plugin", "trials.plugin", "reports.plugin"]
