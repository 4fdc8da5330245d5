"""Measure how sensitive the alarm is: put real regressions into real training runs, and repeat untouched runs.

The command that made docs/sensitivity.md stands in its head.
"""
