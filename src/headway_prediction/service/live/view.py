"""The interface between the running service and its API: what API and page can read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Protocol, Self

from headway_prediction.service.live.published import LineForecast, Publisher
from headway_prediction.transit.line import Line
from headway_prediction.what_if.result import WhatIfResult
from headway_prediction.what_if.schema import WhatIfRequest

if TYPE_CHECKING:
    from headway_prediction.bundle.bundle import Bundle


@dataclass(frozen=True)
class ServedLine:
    """A line that is served, and the bundle in use; `code_version` is that of the program that wrote the bundle."""

    line: Line
    name: str
    cap_mins: float
    quantiles: tuple[float, ...]
    methods: tuple[str, ...]
    training_dates: tuple[date, ...]
    code_version: str
    what_if: bool = True

    @classmethod
    def of_bundle(cls, bundle: "Bundle", name: str, code_version: str, what_if: bool = True) -> Self:
        """Describe a bundle."""
        return cls(
            bundle.line,
            name,
            bundle.cap_mins,
            tuple(bundle.config.quantiles),
            tuple(bundle.methods),
            tuple(bundle.training_dates),
            code_version,
            what_if,
        )


class Departure(Protocol):
    """A planned departure from a terminal that can be edited."""

    @property
    def direction(self) -> int:
        """Its direction, 0 or 1."""
        ...

    @property
    def station(self) -> int:
        """The index of its station on the line."""
        ...

    @property
    def planned(self) -> float:
        """Its planned service-day minute."""
        ...

    @property
    def trip(self) -> str:
        """The id of its trip."""
        ...


@dataclass(frozen=True)
class LineMetrics:
    """Numbers of a line's running service; NaN before there is one.

    `feed_age_secs`: since the feed's newest data. `ingest_lag_secs`: from the arrival of the newest poll to its passings
    being stored. `forecast_secs`: the last forecast, from reading the feed's state to its publication. `publish_secs`: from
    the arrival of a poll to the publication of the forecast from it. `polls`: polls by outcome since the start.
    """

    feed_age_secs: float = float("nan")
    ingest_lag_secs: float = float("nan")
    forecast_secs: float = float("nan")
    publish_secs: float = float("nan")
    polls: Mapping[str, int] = field(default_factory=dict)


class StoredOrigins(Protocol):
    """What the replay slider reads of the store."""

    def service_dates(self, line_id: str) -> list[date]:
        """Return the service dates with stored passings, in order."""
        ...

    def origins(self, line_id: str, service_date: date) -> list[int]:
        """Return t0 of the stored forecasts of a service date, in order."""
        ...


class ServiceView(Protocol):
    """The running service as the API sees it.

    All methods may be called from any thread; `what_if`, `forecast_at` and `store` may take seconds, the others may not. The
    states of `publisher` and `forecast_at` are to reach three hours back: /stations shows them, /state the last hour.
    """

    @property
    def publisher(self) -> Publisher:
        """The latest forecasts."""
        ...

    @property
    def store(self) -> StoredOrigins:
        """The origins of earlier forecasts."""
        ...

    def lines(self) -> Sequence[ServedLine]:
        """Return the lines that are served, with the bundles in use."""
        ...

    def forecast_at(self, line_id: str, service_date: date, t0: int) -> LineForecast | None:
        """Return what was published at an earlier origin, with its state and alerts; None where nothing is stored of it."""
        ...

    def departures(self, line_id: str) -> Sequence[Departure]:
        """Return the planned terminal departures of the 60 minutes after the latest t0, and those overdue then."""
        ...

    def what_if(self, line_id: str, request: WhatIfRequest) -> WhatIfResult:
        """Return the effect of changed departures, from the latest published t0.

        Raises HeadwayError for a change that cannot be made.
        """
        ...

    def issues(self) -> Sequence[str]:
        """Return what is wrong with the service now, a sentence each, such as a store that cannot be written."""
        ...

    def metrics(self, line_id: str) -> LineMetrics:
        """Return the numbers of a line's running service."""
        ...

    def now(self) -> float:
        """Return the time in epoch seconds by the feed's clock."""
        ...
