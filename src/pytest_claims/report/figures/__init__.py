"""Figures: pictures (pure data of ``inference``) and evidence, drawn by matplotlib as small SVGs for dark and light."""

from pytest_claims.report.figures.illustrate import illustrate

__all__ = ["illustrate"]
