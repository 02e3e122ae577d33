"""Answers that say no: what was received, what was expected, how to mend it, and the HTTP status for it."""

from headway_prediction.errors import HeadwayError


class ApiError(HeadwayError):
    """A request that is not answered; `status` is the HTTP status, `headers` go along."""

    def __init__(self, status: int, found: str, expected: str, remedy: str, **headers: str):
        super().__init__(found, expected, remedy)
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def error_body(found: str, expected: str, remedy: str) -> dict[str, object]:
    """Return the body of every answer with a status of 400 or more."""
    return {"error": {"what": found, "expected": expected, "remedy": remedy}}
