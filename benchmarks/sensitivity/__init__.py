"""How sensitive the alarm is, measured: real regressions are put into real training runs, and runs are repeated.

python -m benchmarks.sensitivity -o docs/sensitivity.md
"""
