"""The features of a cell, number by number, and the cells of the training set."""

from datetime import timedelta

import numpy as np
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.forecasters.lightgbm.features import FEATURES, LEAD_FEATURES, cell_features
from headway_prediction.forecasters.lightgbm.model import training_cells
from headway_prediction.forecasters.physics.fit_prior import fit_prior
from headway_prediction.forecasters.trip_propagation import TripPropagation
from headway_prediction.grid.history import history_from_log
from headway_prediction.transit.line import Line
from helpers.lines import MONDAY, ZONE, log_of, regular_rows, train

DAYS = [MONDAY + timedelta(days=k) for k in range(4)]
TODAY = DAYS[3]


def history_of(rows):
    log = log_of(rows)
    return history_from_log(log, Line.from_arrivals(log, ZONE))


@pytest.fixture(scope="module")
def late_train():
    """Trains every 10 minutes, 2 minutes from stop to stop; today that of 390 is 3 minutes late, all on its way too."""
    rows = regular_rows(days=DAYS, first=340, last=600)
    return history_of(
        (*row[:5], row[5] + 3) if row[0] == TODAY and row[1] == "0-390" else row for row in rows
    )


@pytest.fixture(scope="module")
def features(late_train):
    return cell_features(fit_prior(late_train.select(DAYS[:3])), late_train, TODAY, np.array([400]))


def cell_of(features, lead, station, direction):
    """The features by name of one cell, minutes rounded to the second digit."""
    chosen = np.zeros(features.prior_headway.shape, dtype=bool)
    chosen[0, lead - 1, station, direction] = True
    (row,) = features.rows(chosen)
    return dict(zip(FEATURES, np.round(row, 2).tolist(), strict=True))


def test_what_is_known_before_the_next_train(features):
    cell = cell_of(features, 3, 2, 0)
    # The late train passed the third stop at 397, 13 minutes after the one before it; minute 400 ends at 401.
    assert (cell["headway"], cell["elapsed"]) == (13, 4)
    assert [cell[f"headway_{age}_mins_ago"] for age in (5, 10, 20, 30)] == [10, 10, 10, 10]
    assert (cell["headway_+1_upstream"], cell["elapsed_+1_upstream"]) == (13, 6)
    assert (cell["headway_+2_upstream"], cell["elapsed_+2_upstream"]) == (7, 1)
    assert (cell["headway_-1_upstream"], cell["elapsed_-1_upstream"]) == (13, 2)
    assert np.isnan(cell["headway_+4_upstream"]) and np.isnan(cell["headway_-2_upstream"])
    assert (cell["minute"], cell["weekend"], cell["station"], cell["direction"]) == (400, 0, 2, 0)
    # The train that left at 400 arrives at 404: at the end of the third minute it is not there yet.
    assert (cell["lead"], cell["expected_passings"], cell["since_current"], cell["since_next"]) == (
        3,
        0,
        7,
        0,
    )
    assert (cell["trip_propagation"], cell["propagation"], cell["climatology"]) == (13, 13, 10)
    assert (cell["next_arrives_in"], cell["next_headway"], cell["next_stations_away"]) == (3, 7, 2)
    assert (cell["next_change"], cell["climatology_change"]) == (-6, -3)
    assert np.isnan(cell["previous_headway"]) and np.isnan(cell["current_under_way"])


def test_what_is_known_after_the_next_train(features):
    cell = cell_of(features, 4, 2, 0)
    assert (cell["expected_passings"], cell["since_current"], cell["since_next"]) == (1, 1, -9)
    assert (cell["trip_propagation"], cell["current_headway"], cell["current_under_way"]) == (7, 7, 1)
    assert (cell["previous_headway"], cell["previous_change"]) == (13, 6)
    assert (cell["next_headway"], cell["next_under_way"], cell["next_arrives_in"]) == (10, 0, 13)
    assert (cell["train_1_arrives_in"], cell["train_2_arrives_in"]) == (3, 13)


def test_upstream_is_where_the_trains_of_a_direction_come_from(features):
    cell = cell_of(features, 1, 0, 1)
    # Direction 1 ends at station 0, where it passes 6 minutes after its first stop.
    assert (cell["elapsed"], cell["elapsed_+1_upstream"], cell["elapsed_+2_upstream"]) == (5, 7, 9)
    assert np.isnan(cell["elapsed_-1_upstream"])
    assert cell["headway"] == 10


def test_the_prior_headway_is_trip_propagation(late_train, features):
    method = TripPropagation.fit(late_train.select(DAYS[:3]))
    expected = method.forecast(late_train, TODAY, np.array([400])).mean
    np.testing.assert_array_equal(features.prior_headway, expected)
    np.testing.assert_array_equal(features.at_lead[0, :, 0, 0, LEAD_FEATURES.index("lead")], np.arange(1, 16))


@pytest.fixture(scope="module")
def noisy_line():
    return history_of(regular_rows(days=DAYS[:2], noise=1.0, last=600))


def test_every_row_is_a_valid_cell_with_what_came(noisy_line):
    cells = training_cells(noisy_line)
    lead = cells.features[:, FEATURES.index("lead")]
    assert len(cells.headway) == len(lead) == len(cells.prior_headway) == len(cells.event)
    assert np.isfinite(cells.headway).all() and np.isfinite(cells.prior_headway).all()
    # Every lead of every third minute, and a train every 10 minutes.
    assert np.bincount(lead.astype(int))[1:].min() > 0.9 * len(lead) / 15
    assert 0.08 < cells.event.mean() < 0.12
    assert (np.abs(cells.prior_headway - cells.headway) < 0.5).mean() > 0.5


def test_there_are_at_most_the_requested_rows_and_always_the_same(noisy_line):
    whole, part, again = (training_cells(noisy_line, rows) for rows in (10**9, 2000, 2000))
    assert 1800 < len(part.headway) < 2200 < len(whole.headway)
    np.testing.assert_array_equal(part.features, again.features)


def test_the_prior_of_a_training_day_does_not_depend_on_that_day():
    """A train of one day alone is no typical trip: the prior of that day errs as on a new day."""
    rows = regular_rows(days=DAYS, last=600)
    rows += [row for row in regular_rows(days=[DAYS[1]], first=365, last=600)]
    history = history_of(
        (*row[:1], f"{row[1]}-{row[5]:g}" if row[5] % 10 == 5 else row[1], *row[2:]) for row in rows
    )
    cells = training_cells(history)
    assert np.abs(cells.prior_headway - cells.headway).mean() > 0.5


def test_days_without_a_headway_are_refused():
    history = history_of(train("a", "AB", 400) + train("b", "BA", 400, direction=1))
    with pytest.raises(HeadwayError, match="no minute of the training days has a valid headway"):
        training_cells(history)
