"""What the service publishes each minute: a forecast with how far it is to be trusted, and the line it was made from."""

import io
import json
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Self

import numpy as np

from headway_prediction.forecasters.base import Forecast


class Level(StrEnum):
    """How far a forecast is to be trusted, from the most on."""

    LIVE = "fresh"
    """Made from a feed that is up to date."""
    STARTING = "starting"
    """Made in the first minutes after the service, or the line's day, began: part of the last half hour is unknown."""
    STALE = "stale"
    """The feed has been silent for over two minutes: made from the last state, with wider intervals."""
    CLIMATOLOGY = "climatology"
    """The feed has been silent for over ten minutes: the usual headways of the hour."""
    WITHHELD = "held back"
    """A check failed, so nothing is published: `reasons` say which."""


@dataclass(frozen=True)
class Status:
    """The level of a forecast, in sentences why it is not FRESH, and how old the newest data were, in seconds.

    The age is that at the end of the forecast's minute (`LineForecast.at`), NaN where nothing is known of it.
    """

    level: Level
    reasons: tuple[str, ...] = ()
    data_age_secs: float = float("nan")


@dataclass(frozen=True)
class PublishedForecast:
    """A forecast from one origin as it was issued: what live scores are made of.

    `forecast` holds a single origin, t0: mean and quantiles have the shape (1, leads, stations, directions). `published_at` is
    in epoch seconds by the feed's clock (the wall clock, unless time is accelerated).
    """

    line_id: str
    method: str
    published_at: float
    status: Status
    forecast: Forecast

    @property
    def service_date(self) -> date:
        """The service date that the origin belongs to."""
        return self.forecast.service_date

    @property
    def t0(self) -> int:
        """The origin: the last service-day minute that was over."""
        return int(self.forecast.origins[0])

    @property
    def leads(self) -> int:
        """How many minutes it reaches ahead."""
        return self.forecast.mean.shape[1]

    def to_bytes(self) -> bytes:
        """Return the forecast as a compressed `.npz`: float32 arrays, and the rest as JSON."""
        levels = sorted(self.forecast.quantiles)
        words = {
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
            words=np.frombuffer(json.dumps(words).encode(), dtype=np.uint8),
            origins=np.asarray(self.forecast.origins),
            mean=self.forecast.mean,
            quantiles=quantiles,
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Rebuild what `to_bytes` wrote; nothing is unpickled. Raises ValueError for anything else."""
        with np.load(io.BytesIO(raw), allow_pickle=False) as arrays:
            words = json.loads(arrays["words"].tobytes())
            by_level = dict(zip(words["levels"], arrays["quantiles"], strict=True))
            day = date.fromisoformat(words["service_date"])
            forecast = Forecast(day, arrays["origins"], arrays["mean"], by_level)
        status = Status(Level(words["level"]), tuple(words["reasons"]), words["data_age_secs"])
        return cls(words["line_id"], words["method"], words["published_at"], status, forecast)


@dataclass(frozen=True)
class TrainPath:
    """One train on the string-line picture: where it passed, and where it is expected, as (station, minute)."""

    train: str
    direction: int
    passed: tuple[tuple[int, float], ...]
    expected: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class LineState:
    """The last hours of a line, known at the end of minute `t0` of a service date.

    `minutes` (past,) are service-day minutes up to t0; `headway` and `elapsed` (past, stations, directions) are in minutes,
    NaN where not valid; `arrived` (bool) has the same shape; `typical` (stations, directions) are the usual headways now.
    """

    service_date: date
    t0: int
    minutes: np.ndarray
    headway: np.ndarray
    elapsed: np.ndarray
    arrived: np.ndarray
    typical: np.ndarray
    trains: tuple[TrainPath, ...]


class AlertKind(StrEnum):
    """What a dispatcher is warned of."""

    GAP = "gap"
    """A headway of over one and a half times the usual one is expected."""
    BUNCHED = "bunched"
    """A headway of under half the usual one is expected."""


@dataclass(frozen=True)
class Alert:
    """One expected gap or bunched train: where, when, and how sure (0 to 1); the most urgent come first.

    `station` and `minute` are where and when `train` (as in TrainPath) is expected to be in trouble first.
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
    """Live errors of one method by lead (leads,), over cells whose truth is known by now; NaN where there is none."""

    method: str
    cells: np.ndarray
    mae: np.ndarray
    rmse: np.ndarray


@dataclass(frozen=True)
class LiveScores:
    """How good the forecasts really issued have been, from `since_at` to `until_at` (epoch seconds).

    `coverage` is the share of event cells inside the outer quantiles, NaN without any. `better_method` names the simple method
    that has been better over the last hour, None where there is none.
    """

    since_at: float
    until_at: float
    methods: tuple[MethodScore, ...]
    coverage: float
    better_method: str | None


@dataclass(frozen=True)
class LineForecast:
    """Everything that API and page show of one line at one minute.

    `forecast` reaches 15 minutes, `hour` 60. Where `status` is HELD_BACK both are those last published, or None; an `hour`
    of an earlier minute whose own status is HELD_BACK stands where the newest one alone failed. `at` (epoch seconds) is the
    end of the minute of `state`.
    """

    status: Status
    at: float
    state: LineState
    forecast: PublishedForecast | None
    hour: PublishedForecast | None
    alerts: tuple[Alert, ...]
    scores: LiveScores | None
