"""Training that starts from the networks of a bundle instead of random weights, and validates on days they never saw."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Self

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.bundle.statistics import TrainedLine
from headway_prediction.config import AppConfig
from headway_prediction.errors import HeadwayError
from headway_prediction.transit.line import Line

NETWORK_SETTINGS = (
    "lookback_mins",
    "forecast_mins",
    "scaler",
    "encoder_filters",
    "encoder_step_mins",
    "schedule_units",
    "decoder_filters",
    "head_units",
    "quantiles",
    "ensemble_members",
)
"""Weights fit a network that agrees in these alone."""


@dataclass(frozen=True)
class WarmStart:
    """The bundle at `path`, from whose networks a training starts, one for each ensemble member: their Keras files, and the
    lines and days that they have seen."""

    path: Path
    networks: tuple[Path, ...]
    lines: tuple[TrainedLine, ...]
    cap_mins: float

    @classmethod
    def read(cls, path: Path, config: AppConfig) -> Self:
        """Read a bundle to start a training with `config` from.

        Raises HeadwayError for a bundle that cannot be read, whose networks differ in a setting, or whose plan is the
        observed departures.
        """
        bundle = Bundle.load(path)
        bundle.check_not_oracle()
        theirs, ours = bundle.config.to_dict(), config.to_dict()
        for name in NETWORK_SETTINGS:
            if theirs[name] != ours[name]:
                raise HeadwayError(
                    f"the networks of {path} were trained with {name} = {theirs[name]}",
                    f"{name} = {ours[name]}, as this training is set",
                    f"give a --config with {name} = {theirs[name]}, or train without --start-from",
                )
        networks = tuple(network.with_suffix(".keras") for network in bundle.network_paths)
        return cls(path, networks, bundle.lines, bundle.cap_mins)

    def check_unseen(self, line: Line, dates: Sequence[date], use: str) -> None:
        """Raise HeadwayError where a network was trained or validated on one of the `dates`, which are to serve a `use`."""
        seen = {day for known in self.lines if known.is_same_line(line) for day in known.used}
        overlap = sorted(seen.intersection(dates))
        if overlap:
            raise HeadwayError(
                f"the service date {overlap[0]} is to {use}, and the networks of {self.path} have seen it",
                f"dates to {use} that are new to them",
                "bring newer days, or train without --start-from",
            )

    def folds(self, line: Line, dates: Sequence[date]) -> tuple[tuple[date, ...], ...]:
        """Deal dates into the folds that the networks validate on, one each: no network was trained on a day of its fold.

        A date goes to the smallest fold that may have it; one that all networks have been trained on is in none.
        """
        seen = [
            {day for known in self.lines if known.is_same_line(line) for day in known.seen_by(number)}
            for number in range(len(self.networks))
        ]
        folds: list[list[date]] = [[] for _ in self.networks]
        for day in dates:
            unseen = [number for number in range(len(folds)) if day not in seen[number]]
            if unseen:
                folds[min(unseen, key=lambda number: len(folds[number]))].append(day)
        return tuple(map(tuple, folds))

    def check_folds(self, folds: Sequence[Sequence[Sequence[date]]]) -> None:
        """Raise HeadwayError where a network has no day of any line to validate on; `folds` are by network and line."""
        for number, fold in enumerate(folds, start=1):
            if not any(fold):
                raise HeadwayError(
                    f"network {number} of {self.path} was trained on all days that it could validate on",
                    f"a day for each of its {len(folds)} networks that is new to it",
                    "bring more days, or train without --start-from",
                )
