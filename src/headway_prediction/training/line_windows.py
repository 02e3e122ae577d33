"""The history of a line and first guesses of its days to the windows that networks train on."""

from collections.abc import Mapping
from datetime import date

import numpy as np

from headway_prediction.config import AppConfig
from headway_prediction.data_loader import DataLoader
from headway_prediction.errors import HeadwayError
from headway_prediction.forecasters.prior_features import FittedPrior
from headway_prediction.grid.history import LineHistory
from headway_prediction.grid.matrices import service_days, to_matrices
from headway_prediction.grid.windows import contiguous_periods, usable_minutes, window_starts
from headway_prediction.guided_dataset import LineWindows

EPOCHS_OF_WINDOWS = 4
"""First guesses are made for so many epochs of windows at most: more of them would differ by a minute or two only."""


def line_windows(history: LineHistory, config: AppConfig, priors: Mapping[date, FittedPrior]) -> LineWindows:
    """Return the windows of the service dates that have a first guess; raises HeadwayError when there are none."""
    headway, schedule = DataLoader(config).preprocess(*to_matrices(history.grid))
    days = service_days(history.grid)
    usable = usable_minutes(headway, days, config.max_invalid_share, config.outage_mins)
    starts = window_starts(contiguous_periods(usable, days), config.window_mins)
    starts = starts[np.isin(days[starts], [day_number(day) for day in priors])]
    if not len(starts):
        raise HeadwayError(
            f"the training days hold no unbroken run of {config.window_mins} usable minutes",
            f"minutes with at most {config.max_invalid_share:.0%} of the cells missing, and no outage",
            "bring fuller days, shorten lookback_mins, or raise max_invalid_share",
        )
    if config.epoch_windows is not None:
        starts = starts[:: max(1, len(starts) // (EPOCHS_OF_WINDOWS * config.epoch_windows))]
    return LineWindows(headway, schedule, starts, days[starts], _guesses(history, config, priors, starts))


def _guesses(
    history: LineHistory, config: AppConfig, priors: Mapping[date, FittedPrior], starts: np.ndarray
) -> np.ndarray:
    minutes, dates = history.grid["minute"].values[starts], service_days(history.grid)[starts]
    parts = [
        prior.channels(history, day, minutes[dates == day_number(day)] + config.lookback_mins - 1)
        for day, prior in sorted(priors.items())
    ]
    return np.concatenate(parts)


def day_number(service_date: date) -> int:
    """Return the number that `grid.matrices.service_days` gives a date."""
    return int(np.datetime64(service_date, "D").astype(np.int64))
