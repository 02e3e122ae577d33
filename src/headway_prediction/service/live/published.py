"""What the service publishes each minute: forecasts with their status, the state of the line, alerts and live scores.

`LineForecast` holds all of it for one line and one minute; `Publisher` hands the latest one to the API.
"""

import io
import json
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from threading import Condition
from typing import Self

import numpy as np

from headway_prediction.forecasters.base import Forecast

TYPICAL_MINS = 60
"""Minutes before and after an origin whose typical headways are published."""


class Level(StrEnum):
    """What a forecast was made from, the most reliable first."""

    LIVE = "live"
    """A feed that is up to date."""
    STARTING = "starting"
    """A feed that is up to date, but part of the last half hour is unknown: the service or the service day just began."""
    STALE = "stale"
    """No new data for over two minutes: the last known state, with wider intervals."""
    CLIMATOLOGY = "climatology"
    """No new data for over ten minutes: the typical headways of the time of day."""
    WITHHELD = "withheld"
    """Nothing: a check failed, and `reasons` name it."""


@dataclass(frozen=True)
class Status:
    """The level of a forecast, why it is not LIVE (sentences), and the age of the newest data in seconds.

    The age is that at the end of the forecast's minute (`LineForecast.at`), NaN before the feed has given any data.
    """

    level: Level
    reasons: tuple[str, ...] = ()
    data_age_secs: float = float("nan")


@dataclass(frozen=True)
class PublishedForecast:
    """One method's forecast from one origin, as published; live scores are computed from these.

    `forecast` holds a single origin, t0: mean and quantiles have the shape (1, leads, stations, directions).
    `published_at` is in epoch seconds by the feed's clock (the wall clock, unless a replay is accelerated).
    """

    line_id: str
    method: str
    published_at: float
    status: Status
    forecast: Forecast

    @property
    def service_date(self) -> date:
        """The service date of the origin."""
        return self.forecast.service_date

    @property
    def t0(self) -> int:
        """The origin: the last service-day minute that was over."""
        return int(self.forecast.origins[0])

    @property
    def leads(self) -> int:
        """The number of minutes forecast."""
        return int(self.forecast.mean.shape[1])

    def to_bytes(self) -> bytes:
        """Return the forecast as a compressed `.npz`: float32 arrays, and the rest as JSON under `metadata`."""
        levels = sorted(self.forecast.quantiles)
        metadata = {
            "line_id": self.line_id,
            "method": self.method,
            "published_at": self.published_at,
            "level": self.status.level.value,
            "reasons": list(self.status.reasons),
            "data_age_secs": self.status.data_age_secs,
            "service_date": self.service_date.isoformat(),
            "levels": levels,
        }
        quantiles = np.stack([self.forecast.quantiles[level] for level in levels])
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            metadata=np.frombuffer(json.dumps(metadata).encode(), dtype=np.uint8),
            origins=np.asarray(self.forecast.origins),
            mean=self.forecast.mean,
            quantiles=quantiles,
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Rebuild the forecast from `to_bytes`; nothing is unpickled. Raises ValueError for other bytes."""
        with np.load(io.BytesIO(raw), allow_pickle=False) as arrays:
            metadata = json.loads(arrays["metadata"].tobytes())
            by_level = dict(zip(metadata["levels"], arrays["quantiles"], strict=True))
            service_date = date.fromisoformat(metadata["service_date"])
            forecast = Forecast(service_date, arrays["origins"], arrays["mean"], by_level)
        status = Status(Level(metadata["level"]), tuple(metadata["reasons"]), metadata["data_age_secs"])
        return cls(metadata["line_id"], metadata["method"], metadata["published_at"], status, forecast)


@dataclass(frozen=True)
class TrainPath:
    """One train in the time-space diagram: its past passings and its expected ones, as (station, service-day minute)."""

    train: str
    direction: int
    passed: tuple[tuple[int, float], ...]
    expected: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class LineState:
    """The last hours of a line, as known at the end of minute `t0` of a service date.

    `minutes` (past,) are service-day minutes up to t0; `headway` and `elapsed` (past, stations, directions) are in minutes,
    NaN where not valid; `arrived` (bool) has the same shape; `typical_around` (minutes, stations, directions) are
    the typical headways of the TYPICAL_MINS minutes up to t0 and of as many after it.
    """

    service_date: date
    t0: int
    minutes: np.ndarray
    headway: np.ndarray
    elapsed: np.ndarray
    arrived: np.ndarray
    typical_around: np.ndarray
    trains: tuple[TrainPath, ...]

    @property
    def typical(self) -> np.ndarray:
        """The typical headways at t0: (stations, directions)."""
        now: np.ndarray = self.typical_around[TYPICAL_MINS - 1]
        return now


class AlertKind(StrEnum):
    """What a dispatcher is alerted to; `alerts` decides it."""

    GAP = "gap"
    """A headway of over one and a half times the typical one is expected."""
    BUNCHED = "bunched"
    """A headway of under half the typical one is expected."""


@dataclass(frozen=True)
class Alert:
    """One expected gap or bunched train; `probability` is between 0 and 1.

    `station` and `minute` are the first place and time at which `train` (as in TrainPath) is expected with that headway.
    """

    kind: AlertKind
    direction: int
    station: int
    minute: float
    headway_mins: float
    typical_mins: float
    probability: float
    train: str = ""


@dataclass(frozen=True)
class MethodScore:
    """Live errors of one method by lead (leads,) over the cells whose truth is known by now; NaN where there are none."""

    method: str
    cells: np.ndarray
    mae: np.ndarray
    rmse: np.ndarray


@dataclass(frozen=True)
class LiveScores:
    """Scores of the published forecasts from `since_at` to `until_at` (epoch seconds).

    `coverage` is the share of event cells inside the outer quantiles, NaN without any. `better_method` is the simple method
    with a lower error than the network over the last hour, None where there is none.
    """

    since_at: float
    until_at: float
    methods: tuple[MethodScore, ...]
    coverage: float
    better_method: str | None


@dataclass(frozen=True)
class LineForecast:
    """Everything that API and page show of one line at one minute.

    `forecast` reaches 15 minutes ahead, `hour` 60. Where `status` is WITHHELD, both are the last published ones, or None.
    An `hour` whose own status is WITHHELD is the last published one, where only the newest 60-minute forecast failed.
    `alerts` are ordered by urgency. `at` (epoch seconds) is the end of the minute of `state`.
    """

    status: Status
    at: float
    state: LineState
    forecast: PublishedForecast | None
    hour: PublishedForecast | None
    alerts: tuple[Alert, ...]
    scores: LiveScores | None


class Publisher:
    """Holds the latest LineForecast of each line. One thread publishes, any number read; a LineForecast never changes."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._latest: dict[str, LineForecast] = {}
        self._versions: dict[str, int] = {}

    def publish(self, line_id: str, forecast: LineForecast) -> None:
        """Replace the latest forecast of a line, and wake all threads that wait for it."""
        with self._changed:
            self._latest[line_id] = forecast
            self._versions[line_id] = self._versions.get(line_id, 0) + 1
            self._changed.notify_all()

    def latest(self, line_id: str) -> tuple[int, LineForecast | None]:
        """Return the version (0 before the first) and the latest forecast of a line."""
        with self._changed:
            return self._versions.get(line_id, 0), self._latest.get(line_id)

    def wait_for_newer(self, line_id: str, version: int, timeout_secs: float) -> int:
        """Return the line's version once it is beyond `version`, or the current one after the timeout."""
        with self._changed:
            self._changed.wait_for(lambda: self._versions.get(line_id, 0) > version, timeout_secs)
            return self._versions.get(line_id, 0)
