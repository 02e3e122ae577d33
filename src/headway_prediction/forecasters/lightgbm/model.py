"""LightGBM: boosted trees on the features of each cell, as a correction of trip propagation.

One fit of the mean (squared error) and one per quantile, each of the headway minus the prior's. They learn from a random
share of the valid cells of training days, whose prior is cross-fit as it would be on a new day. The library is an optional
extra, imported only to fit and to forecast.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from headway_prediction.errors import HeadwayError
from headway_prediction.forecasters.base import LEADS, Forecast, valid_minutes
from headway_prediction.forecasters.lightgbm.features import FEATURES, cell_features
from headway_prediction.forecasters.physics.fit_prior import cross_fit_priors, fit_prior
from headway_prediction.forecasters.physics.prior import PhysicsPrior
from headway_prediction.grid.history import LineHistory
from headway_prediction.transit.clock import SCORED_DAY_MINS

if TYPE_CHECKING:
    from lightgbm import Booster

ORIGIN_STEP_MINS = 3
"""Neighbouring origins are almost equal. Days start from different minutes in turn."""
MAX_ROWS = 1_000_000
QUANTILES = {"p10": 0.1, "p50": 0.5, "p90": 0.9}
COMMON = {
    "feature_fraction": 0.8,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "seed": 0,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}
MEAN = {
    "objective": "l2",
    "learning_rate": 0.04,
    "num_leaves": 63,
    "min_data_in_leaf": 200,
    "num_iterations": 200,
}
MEDIAN = {
    "objective": "l1",
    "learning_rate": 0.1,
    "num_leaves": 127,
    "min_data_in_leaf": 200,
    "num_iterations": 250,
}
# Closer fits of the tails are too narrow on new days.
TAIL = {
    "objective": "quantile",
    "learning_rate": 0.1,
    "num_leaves": 31,
    "min_data_in_leaf": 1000,
    "num_iterations": 100,
}
FITS: dict[str, dict[str, Any]] = {
    "mean": MEAN,
    "p50": MEDIAN,
    "p10": TAIL | {"alpha": 0.1},
    "p90": TAIL | {"alpha": 0.9},
}
"""Parameters by the name of what is fitted."""
NON_EVENT_WEIGHT = 0.1
"""Weight of cells without a passing in the fits of the tails: intervals are judged on event cells."""
PRIOR_PREFIX = "prior_"


@dataclass(frozen=True)
class LightGBM:
    """The `prior` and the fitted `models` by the names of FITS: their text, compressed, as bytes (uint8)."""

    prior: PhysicsPrior
    models: Mapping[str, np.ndarray]
    name: ClassVar[str] = "lightgbm"

    @classmethod
    def fit(cls, training: LineHistory, max_rows: int = MAX_ROWS, max_rounds: int | None = None) -> Self:
        """Fit on a share of the cells of training days; raises HeadwayError where the library is not installed.

        Fewer rows, or at most `max_rounds` trees per fit, are faster and less accurate.
        """
        lightgbm_library()
        cells = training_cells(training, max_rows)
        return cls(fit_prior(training), {name: _fitted(cells, name, max_rounds) for name in FITS})

    def forecast(self, history: LineHistory, service_date: date, origins: np.ndarray) -> Forecast:
        """Forecast mean and quantiles; raises HeadwayError where the library is not installed."""
        features = cell_features(self.prior, history, service_date, origins)
        prior, cap_mins = features.prior_headway, history.grid.attrs["cap_mins"]
        rows = features.rows(np.ones_like(prior, dtype=bool))
        cells = {}
        for name, booster in self._boosters.items():
            correction = np.asarray(booster.predict(rows)).reshape(prior.shape)
            cells[name] = np.clip(prior + correction, 0.0, cap_mins).astype(np.float32)
        # The median is the most accurate of the three: the tails give way where they would cross it.
        cells["p10"] = np.minimum(cells["p10"], cells["p50"])
        cells["p90"] = np.maximum(cells["p90"], cells["p50"])
        quantiles = {level: cells[name] for name, level in QUANTILES.items()}
        return Forecast(service_date, np.asarray(origins), cells["mean"], quantiles)

    @staticmethod
    def require() -> None:
        """Raise HeadwayError where the library is not installed."""
        lightgbm_library()

    @cached_property
    def _boosters(self) -> "dict[str, Booster]":
        library = lightgbm_library()
        texts = {name: zlib.decompress(model.tobytes()).decode() for name, model in self.models.items()}
        return {name: library.Booster(model_str=text) for name, text in texts.items()}

    def state(self) -> dict[str, np.ndarray]:
        """Return the prior's arrays and the models."""
        prior = {f"{PRIOR_PREFIX}{name}": values for name, values in self.prior.state().items()}
        return prior | dict(self.models)

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """Rebuild the fitted forecaster; the library is needed only to forecast."""
        prior = {
            name.removeprefix(PRIOR_PREFIX): values
            for name, values in state.items()
            if name.startswith(PRIOR_PREFIX)
        }
        return cls(PhysicsPrior.from_state(prior), {name: state[name] for name in FITS})


def lightgbm_library() -> ModuleType:
    """Import LightGBM; raises HeadwayError where it is not installed or lacks a system library."""
    try:
        import lightgbm
    except (ImportError, OSError) as error:
        remedy = "run `pip install 'headway-prediction[lightgbm]'`, or omit the method"
        raise HeadwayError(f"LightGBM could not be loaded ({error})", "the extra lightgbm", remedy) from error
    return lightgbm


@dataclass(frozen=True)
class TrainingCells:
    """`features` (rows, FEATURES); the true `headway` and the cross-fit `prior_headway` in minutes, and whether the cell is
    an `event` cell, each (rows,)."""

    features: np.ndarray
    headway: np.ndarray
    prior_headway: np.ndarray
    event: np.ndarray


def training_cells(training: LineHistory, max_rows: int = MAX_ROWS) -> TrainingCells:
    """Return about `max_rows` cells at most, always the same; raises HeadwayError when no cell is valid."""
    chosen = _chosen(training, max_rows)
    count = sum(int(cells.sum()) for cells in chosen.values())
    if not count:
        expected = "days on which trains follow one another within an hour"
        raise HeadwayError("no minute of the training days has a valid headway", expected, "add more days")
    # Filled day by day: concatenating the days at the end would need twice the memory.
    rows = TrainingCells(
        features=np.empty((count, len(FEATURES)), np.float32),
        headway=np.empty(count, np.float32),
        prior_headway=np.empty(count, np.float32),
        event=np.empty(count, bool),
    )
    priors, start = cross_fit_priors(training), 0
    for number, (day, cells) in enumerate(chosen.items()):
        features = cell_features(priors[day], training, day, _origins(number))
        here = slice(start, start + int(cells.sum()))
        rows.features[here], rows.prior_headway[here] = features.rows(cells), features.prior_headway[cells]
        rows.headway[here] = _ahead(training, day, number, "headway")[cells]
        rows.event[here] = _ahead(training, day, number, "arrived")[cells]
        start = here.stop
    return rows


def _origins(number: int) -> np.ndarray:
    return np.arange(number % ORIGIN_STEP_MINS, SCORED_DAY_MINS - LEADS, ORIGIN_STEP_MINS)


def _ahead(training: LineHistory, service_date: date, number: int, name: str) -> np.ndarray:
    """A variable of the grid at every lead of a day's origins: (origins, leads, stations, directions)."""
    values: np.ndarray = training.day(service_date)[name].values[valid_minutes(_origins(number))]
    return values


def _chosen(training: LineHistory, max_rows: int) -> dict[date, np.ndarray]:
    """A mask of the cells to learn from, by service date: (origins, leads, stations, directions)."""
    days = training.service_dates
    valid = {day: _ahead(training, day, number, "valid") for number, day in enumerate(days)}
    share = min(1.0, max_rows / max(sum(int(cells.sum()) for cells in valid.values()), 1))
    random = np.random.default_rng(0)
    return {day: cells & (random.random(cells.shape) < share) for day, cells in valid.items()}


def _fitted(cells: TrainingCells, name: str, max_rounds: int | None) -> np.ndarray:
    """Fit one of FITS; return its model's text, compressed, as bytes."""
    library, parameters = lightgbm_library(), COMMON | FITS[name]
    weight = np.where(cells.event, 1.0, NON_EVENT_WEIGHT) if parameters["objective"] == "quantile" else None
    rounds = parameters["num_iterations"]
    parameters |= {"num_iterations": min(rounds, max_rounds or rounds)}
    rows = library.Dataset(
        cells.features,
        cells.headway - cells.prior_headway,
        weight=weight,
        feature_name=list(FEATURES),
        params=parameters,
    )
    text = library.train(parameters, rows).model_to_string()
    return np.frombuffer(zlib.compress(text.encode()), np.uint8)
