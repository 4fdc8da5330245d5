"""Figures: draws pictures (plain data of ``inference``) and records as small SVGs for light and dark, by matplotlib."""

from pytest_claims.report.figures.illustrate import illustrate

__all__ = ["illustrate"]
