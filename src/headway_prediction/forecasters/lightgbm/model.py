"""LightGBM: boosted trees on what is known of each cell, correcting the first guess. The bar that the network has to clear.

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
from headway_prediction.forecasters.base import Forecast
from headway_prediction.forecasters.lightgbm.features import FEATURES, cell_features
from headway_prediction.forecasters.lightgbm.rows import MAX_ROWS, TrainingCells, training_cells
from headway_prediction.forecasters.physics.fit_prior import fit_prior
from headway_prediction.forecasters.physics.prior import PhysicsPrior
from headway_prediction.grid.history import LineHistory

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
