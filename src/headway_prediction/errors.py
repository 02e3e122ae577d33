"""The one exception for mistakes that a user can correct; the command line prints it and exits with status 2."""


class HeadwayError(Exception):
    """A user's mistake in one sentence: what was found, what was expected, and the remedy (an imperative)."""

    def __init__(self, found: str, expected: str, remedy: str) -> None:
        super().__init__(f"{found}; expected {expected}; {remedy}.")
        self.found, self.expected, self.remedy = found, expected, remedy

    def __reduce__(self) -> tuple[type["HeadwayError"], tuple[str, str, str]]:
        """Pass the three parts to another process, which `Exception` would pass as one sentence."""
        return type(self), (self.found, self.expected, self.remedy)
