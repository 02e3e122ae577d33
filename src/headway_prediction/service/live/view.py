"""What API and page are allowed to see of the running service: the door between them and the live loop."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Protocol, Self

from headway_prediction.service.live.published import LineForecast
from headway_prediction.service.live.publisher import Publisher
from headway_prediction.transit.line import Line

if TYPE_CHECKING:
    from headway_prediction.bundle.bundle import Bundle


@dataclass(frozen=True)
class ServedLine:
    """A line that is served, and what is told of the bundle that forecasts it now."""

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
        """Return what is told of a bundle; `code_version` is the one that its manifest names."""
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
    """A departure that can be edited: where, when it is `planned` (service-day minute), and the `trip` it belongs to."""

    direction: int
    station: int
    planned: float
    trip: str


@dataclass(frozen=True)
class LineMetrics:
    """Numbers of a line's running service; NaN where there is none yet.

    `feed_age_secs`: how long ago the feed last said something new. `ingest_lag_secs`: from the arrival of the newest poll to
    its passings being kept. `forecast_secs`: what the last forecast took, from the feed's state being taken to its being
    published. `publish_secs`: from the arrival of a poll to the forecast made of it being published. `polls`: polls by
    outcome since the start.
    """

    feed_age_secs: float = float("nan")
    ingest_lag_secs: float = float("nan")
    forecast_secs: float = float("nan")
    publish_secs: float = float("nan")
    polls: Mapping[str, int] = field(default_factory=dict)


class StoredOrigins(Protocol):
    """What the replay slider asks of the store."""

    def service_dates(self, line_id: str) -> list[date]:
        """Return the service dates of which something is kept, in order."""
        ...

    def origins(self, line_id: str, service_date: date) -> list[int]:
        """Return t0 of the forecasts kept of a service date, in order."""
        ...


class ServiceView(Protocol):
    """The running service as the API sees it.

    All may be called from any thread; `what_if`, `forecast_at` and `store` may take seconds, the others may not. The states
    on the board and of `forecast_at` should reach three hours back: /stations shows that, /state the last of them.
    """

    publisher: Publisher
    store: StoredOrigins

    def lines(self) -> Sequence[ServedLine]:
        """Return the lines that are served, with the bundles that forecast them now."""
        ...

    def forecast_at(self, line_id: str, service_date: date, t0: int) -> LineForecast | None:
        """Return what was issued at an earlier origin, its state and warnings; None where nothing is kept of it."""
        ...

    def departures(self, line_id: str) -> Sequence[Departure]:
        """Return the terminal departures planned in the 60 minutes after the newest published t0, and those overdue then."""
        ...

    def what_if(self, line_id: str, asked: Mapping[str, object]) -> Mapping[str, object]:
        """Return what a change of the departures does, from the newest published t0: plain values in and out.

        `asked` and the answer are those of POST what-if (models.what_if), the answer without `status`. Raises HeadwayError
        for a change that cannot be made.
        """
        ...

    def issues(self) -> Sequence[str]:
        """Return in sentences what is wrong with the service now, such as a store that cannot be written."""
        ...

    def figures(self, line_id: str) -> LineMetrics:
        """Return the numbers of a line's running service."""
        ...

    def now(self) -> float:
        """Return the time in epoch seconds by the feed's clock."""
        ...
