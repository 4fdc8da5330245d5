"""Measure how sensitive the alarm is: put real regressions into real training runs, and repeat untouched runs.

python -m benchmarks.sensitivity -o docs/sensitivity.md
"""
