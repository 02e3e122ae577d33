"""Counting what became of the attempts of a while."""

from dataclasses import dataclass, fields

from headway_prediction.feeds.recorder.index import Attempt, Outcome


@dataclass
class AttemptCounters:
    """Attempts by what became of them, and how many polls were new."""

    polls: int = 0
    new: int = 0
    quarantined: int = 0
    failed: int = 0
    lost: int = 0
    """Attempts that could not be written down: the disk was full."""

    def count(self, attempt: Attempt, kept: bool, new: bool) -> None:
        """Count one attempt."""
        if not kept:
            self.lost += 1
        elif attempt.outcome is Outcome.POLL:
            self.polls += 1
            self.new += new
        elif attempt.outcome is Outcome.QUARANTINED:
            self.quarantined += 1
        else:
            self.failed += 1

    def __str__(self) -> str:
        return ", ".join(f"{getattr(self, each.name):,} {each.name}" for each in fields(self))
