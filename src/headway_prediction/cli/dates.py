"""Dates as options give them."""

from datetime import date


def given_date(text: str | None) -> date | None:
    """Read the --date option; raises HeadwayError for what is no ISO date."""
    from headway_prediction.errors import HeadwayError

    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise HeadwayError(f"--date is {text!r}", "a date such as 2026-01-13", "correct it") from error
