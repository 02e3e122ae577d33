"""Rows to learn from: a random share of the valid cells of training days, seen as a new day would be seen.

LightGBM: boosted trees on what is known of each cell, correcting the first guess. The bar that the network has to clear.

One fit of the mean (squared error) and one per quantile, each of the headway less the first guess. The library is an extra
of its own and is imported only to fit and to forecast.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from headway_prediction.errors import HeadwayError
from headway_prediction.forecasters.base import LEADS, Forecast, valid_minutes
from headway_prediction.forecasters.lightgbm.features import FEATURES, cell_features
from headway_prediction.forecasters.physics.fit_prior import cross_fit_priors, fit_prior
from headway_prediction.forecasters.physics.prior import PhysicsPrior
from headway_prediction.grid.history import LineHistory
from headway_prediction.transit.clock import SCORED_DAY_MINS

ORIGIN_STEP_MINS = 3
"""Neighbouring origins tell almost the same; days take turns in which minutes they start from."""
MAX_ROWS = 1_000_000


@dataclass(frozen=True)
class TrainingCells:
    """`features` (rows, FEATURES), the `headway` that came and the `prior_headway` of it in minutes, and whether a train
    passed in the cell's own minute (`event`), each (rows,)."""

    features: np.ndarray
    headway: np.ndarray
    prior_headway: np.ndarray
    event: np.ndarray


def training_cells(training: LineHistory, max_rows: int = MAX_ROWS) -> TrainingCells:
    """Return at most about `max_rows` rows; first guesses are those of days the guess was not fitted on.

    Raises HeadwayError when no cell is valid.
    """
    chosen = _chosen(training, max_rows)
    count = sum(int(cells.sum()) for cells in chosen.values())
    if not count:
        raise HeadwayError(
            "no minute of the training days has a valid headway",
            "days on which trains follow one another within an hour",
            "bring more days",
        )
    # Filled day by day: joining the days at the end would need twice the memory.
    rows = TrainingCells(
        np.empty((count, len(FEATURES)), np.float32),
        *(np.empty(count, np.float32) for _ in "ab"),
        np.empty(count, bool),
    )
    priors, start = cross_fit_priors(training), 0
    for number, (day, cells) in enumerate(chosen.items()):
        known = cell_features(priors[day], training, day, _origins(number))
        here = slice(start, start + int(cells.sum()))
        rows.features[here], rows.prior_headway[here] = known.rows(cells), known.prior_headway[cells]
        rows.headway[here], rows.event[here] = (
            _ahead(training, day, number, name)[cells] for name in ("headway", "arrived")
        )
        start = here.stop
    return rows


def _origins(number: int) -> np.ndarray:
    return np.arange(number % ORIGIN_STEP_MINS, SCORED_DAY_MINS - LEADS, ORIGIN_STEP_MINS)


def _ahead(training: LineHistory, service_date: date, number: int, name: str) -> np.ndarray:
    """A variable of the grid at every lead of a day's origins: (origins, leads, stations, directions)."""
    return training.day(service_date)[name].values[valid_minutes(_origins(number))]


def _chosen(training: LineHistory, max_rows: int) -> dict[date, np.ndarray]:
    """The cells to learn from, by service date: (origins, leads, stations, directions)."""
    days = training.service_dates
    valid = {day: _ahead(training, day, number, "valid") for number, day in enumerate(days)}
    share = min(1.0, max_rows / max(sum(int(cells.sum()) for cells in valid.values()), 1))
    random = np.random.default_rng(0)
    return {day: cells & (random.random(cells.shape) < share) for day, cells in valid.items()}


if TYPE_CHECKING:
    from lightgbm import Booster

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
# Tails that are fitted more closely promise more on training days than new days keep.
TAIL = {
    "objective": "quantile",
    "learning_rate": 0.1,
    "num_leaves": 31,
    "min_data_in_leaf": 1000,
    "num_iterations": 100,
}
FITS = {"mean": MEAN, "p50": MEDIAN, "p10": TAIL | {"alpha": 0.1}, "p90": TAIL | {"alpha": 0.9}}
NON_EVENT_WEIGHT = 0.1
"""Of a cell that no train passes in, where the tails are fitted: intervals are judged where something happens."""
PRIOR_PREFIX = "guess_"


@dataclass(frozen=True)
class LightGBM:
    """The first `prior` and the fitted `models` by the names of FITS: their text, compressed, as bytes (uint8)."""

    prior: PhysicsPrior
    models: Mapping[str, np.ndarray]
    name: ClassVar[str] = "lightgbm"

    @classmethod
    def fit(cls, training: LineHistory, max_rows: int = MAX_ROWS, max_rounds: int | None = None) -> Self:
        """Learn on a share of the cells of training days; raises HeadwayError where the library is not installed.

        Fewer rows, and at most `max_rounds` trees instead of those of FITS, are quicker and worse.
        """
        lightgbm_library()
        cells = training_cells(training, max_rows)
        return cls(fit_prior(training), {name: _fitted(cells, name, max_rounds) for name in FITS})

    def forecast(self, history: LineHistory, service_date: date, origins: np.ndarray) -> Forecast:
        """Forecast mean and quantiles at leads 1 to 15; raises HeadwayError where the library is not installed."""
        known = cell_features(self.prior, history, service_date, origins)
        rows = known.rows(np.ones_like(known.prior_headway, dtype=bool))
        cap_mins = history.grid.attrs["cap_mins"]
        found = {
            name: np.clip(
                known.prior_headway + booster.predict(rows).reshape(known.prior_headway.shape), 0.0, cap_mins
            ).astype(np.float32)
            for name, booster in self._boosters.items()
        }
        # The median is the best of the three: the tails make room for it where they would cross.
        found |= {
            "p10": np.minimum(found["p10"], found["p50"]),
            "p90": np.maximum(found["p90"], found["p50"]),
        }
        return Forecast(
            service_date,
            np.asarray(origins),
            found["mean"],
            {level: found[name] for name, level in QUANTILES.items()},
        )

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
        """Return the first guess's arrays and the models."""
        return {f"{PRIOR_PREFIX}{name}": values for name, values in self.prior.state().items()} | dict(
            self.models
        )

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """Rebuild the fitted forecaster; the library is not needed before it forecasts."""
        prior = {
            name.removeprefix(PRIOR_PREFIX): values
            for name, values in state.items()
            if name.startswith(PRIOR_PREFIX)
        }
        return cls(PhysicsPrior.from_state(prior), {name: state[name] for name in FITS})


def lightgbm_library() -> ModuleType:
    """Import LightGBM; raises HeadwayError where it is not installed or lacks a library of the system."""
    try:
        import lightgbm
    except (ImportError, OSError) as error:
        raise HeadwayError(
            f"LightGBM could not be loaded ({error})",
            "the extra that brings it",
            "install it with `pip install 'headway-prediction[lightgbm]'`, or leave the method out",
        ) from error
    return lightgbm


def _fitted(cells: TrainingCells, name: str, max_rounds: int | None) -> np.ndarray:
    """Fit one of FITS; return its model's text, compressed, as bytes."""
    weight = np.where(cells.event, 1.0, NON_EVENT_WEIGHT) if FITS[name]["objective"] == "quantile" else None
    library, parameters = lightgbm_library(), COMMON | FITS[name]
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
