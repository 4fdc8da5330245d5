"""What the outputs read off the field "baseline" of results.json, which ``reports.baseline`` fills."""

from pytest_claims.results import Record, Results


def alarms(results: Results) -> list[Record]:
    """Return what fails the comparison with the baseline: changed verdicts, changed inputs."""
    return [one for one in (results.get("baseline") or {}).get("claims") or [] if one.get("alarm")]


def drifted(results: Results) -> list[Record]:
    """Return what departed from the baseline without an alarm."""
    claims = (results.get("baseline") or {}).get("claims") or []
    return [one for one in claims if not one.get("alarm") and one.get("where")]
