"""The features of each lead, by hand: the previous, current and next train, and what they bring."""

import numpy as np
import pytest

from headway_prediction.nn.lead_features import (
    LEAD_FEATURES_WIDTH,
    lead_features,
    minutes_until_arrival,
    split_prior,
    trains_at_leads,
)
from headway_prediction.nn.prior_channels import (
    FAR_MINS,
    NEXT_TRAINS,
    TRAIN_CHANNELS,
    TRAINS_WIDTH,
    prior_forecasts,
    prior_trains,
    prior_width,
)

TRAIN_FEATURES = len(TRAIN_CHANNELS) + 3


def cell(*numbers):
    """A tensor of one cell: (batch, stations, directions, …)."""
    return np.array(numbers, "float32")[None, None, None]


def trains(*minutes_and_headways, spread=(0.0, 0.0), comes=1.0):
    """The next trains of one cell; those not given never come."""
    rows = np.zeros((NEXT_TRAINS, len(TRAIN_CHANNELS)), "float32")
    rows[:, 0], rows[:, -3:-1], rows[:, -1] = FAR_MINS, spread, comes
    for place, (minutes, headway) in enumerate(minutes_and_headways):
        rows[place, :4] = minutes, headway, 1, 1
    return cell(*rows)


def around(of, leads=6, held=8.0, elapsed=5.0, valid=1.0):
    return trains_at_leads(of, leads, *(cell(part) for part in (held, elapsed, valid)))


def test_minutes_count_from_the_end_of_the_leads_minute():
    to_come = np.asarray(minutes_until_arrival(trains((1.5, 12), (3.0, 6)), 4))[0, 0, 0]
    np.testing.assert_array_equal(to_come[:, :2], [[0.5, 2], [-0.5, 1], [-1.5, 0], [-2.5, -1]])


def test_the_trains_around_each_lead():
    found = around(trains((1.5, 12), (3.0, 6)))
    headway, exists = (np.asarray(part)[0, 0, 0].tolist() for part in (found.headway, found.exists))
    # Lead 3 ends as the second train arrives: it holds from lead 4 on, and after it none is known.
    assert headway == [[0, 8, 12], [8, 12, 6], [8, 12, 6], [12, 6, 0], [12, 6, 0], [12, 6, 0]]
    assert exists == [[0, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 0], [1, 1, 0], [1, 1, 0]]


def test_when_every_train_that_is_known_has_passed_the_last_of_them_holds():
    found = around(trains((0, 4), (1, 3), (2, 2), (3, 1)))
    assert np.asarray(found.headway)[0, 0, 0, -1].tolist() == [2, 1, 0]
    assert np.asarray(found.exists)[0, 0, 0, -1].tolist() == [1, 1, 0]


def test_what_is_not_valid_does_not_exist():
    assert np.asarray(around(trains((3, 12)), valid=0.0).exists)[0, 0, 0, 0].tolist() == [0, 0, 1]


def test_lead_features_hold_the_channels_and_the_arrival_time_of_a_train():
    facts = np.asarray(around(trains((1.5, 12))).features)[0, 0, 0, 0].reshape(3, TRAIN_FEATURES)
    before, holder, following = facts
    assert not before[:8].any()
    # Headway 12 of 15 min, it has one, it is under way; at the end of lead 1 it is half a minute away.
    np.testing.assert_allclose(following[:3], [12 / 15, 1, 1])
    np.testing.assert_allclose(following[-4:-1], [np.tanh(0.5), np.tanh(0.5 / 3), 0.5 / 15], rtol=1e-6)
    # The train that passed last did so 5 min before t0's end, 6 before the lead's.
    np.testing.assert_allclose(holder[-4:-1], [np.tanh(-6), np.tanh(-2), -6 / 15], rtol=1e-6)


def test_how_likely_a_train_has_passed_by_the_leads_end():
    """It is due in 3 minutes; one in ten comes 2 minutes earlier, one in ten 4 minutes later."""
    of = trains((3.0, 12), spread=(2.0, 4.0))
    forecasts = np.zeros((1, 1, 1, 8, 3), "float32")
    found = around(of, leads=8)
    facts = np.asarray(lead_features(of, found, forecasts))[0, 0, 0]
    passed = facts[:, NEXT_TRAINS]
    np.testing.assert_allclose(passed[[0, 2, 6]], [0.1, 0.5, 0.9], atol=2e-3)
    assert (np.diff(passed) > 0).all()
    unlikely = trains((3.0, 12), spread=(2.0, 4.0), comes=0.5)
    halved = np.asarray(lead_features(unlikely, found, forecasts))[0, 0, 0]
    np.testing.assert_allclose(halved[:, NEXT_TRAINS], passed / 2, rtol=1e-5)
    # To the train that holds at first and to the one that follows it belong their own chances.
    np.testing.assert_allclose(
        np.asarray(found.features)[0, 0, 0, 0].reshape(3, TRAIN_FEATURES)[1:, -1], [1, 0.1], atol=2e-3
    )


def test_how_likely_each_train_is_the_one_that_holds():
    """Due in 3 and 9 minutes, one in ten 2 minutes earlier, one in ten 4 later."""
    holds = np.asarray(around(trains((3.0, 12), (9.0, 6), spread=(2.0, 4.0)), leads=9).probability)[0, 0, 0]
    np.testing.assert_allclose(holds[0], [0, 0.9, 0.1], atol=2e-3)
    # Lead 7 ends 4 minutes after the first train is due, and 2 before the second: the one may be late, the other early.
    np.testing.assert_allclose(holds[6], [0.1, 0.9 - 0.1, 0.1], atol=2e-3)
    # As lead 9 ends the second is due; the first has passed but for one in 28.
    np.testing.assert_allclose(holds[8], [0.036, 0.964 - 0.5, 0.5], atol=2e-3)
    np.testing.assert_allclose(holds.sum(axis=-1), 1, rtol=1e-5)


def test_a_train_that_comes_before_the_one_ahead_of_it_leaves_that_no_chance_below_zero():
    of = trains((3.0, 12), (3.5, 6), spread=(2.0, 2.0))
    of[..., 1, -3:-1] = 0.0  # the second is sure to pass in time, the first may be late
    holds = np.asarray(around(of, leads=4).probability)[0, 0, 0]
    assert holds.min() == 0 and holds[3, 0] == 0 and holds[3, 1] > 0.9


def test_changes_against_trip_propagation():
    of = trains((1.5, 12))
    forecasts = np.broadcast_to(np.array([8, 9, 20], "float32"), (1, 1, 1, 2, 3))
    facts = np.asarray(lead_features(of, around(of, leads=2), forecasts))[0, 0, 0]
    assert facts.shape == (2, LEAD_FEATURES_WIDTH)
    np.testing.assert_allclose(facts[0, -8:-5], [8 / 15, 9 / 15, 20 / 15], rtol=1e-6)
    # Propagation, climatology; before (none), holder 8, following 12: minutes more than trip propagation, over five.
    np.testing.assert_allclose(facts[0, -5:], [0.2, 2.4, 0, 0, 0.8], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("leads", [1, 15, 20])
def test_the_prior_is_taken_apart_as_it_was_put_together(leads):
    width = prior_width(leads)
    prior = np.arange(2 * 3 * 2 * width, dtype="float32").reshape(2, 3, 2, width)
    parts = split_prior(prior, leads)
    np.testing.assert_array_equal(np.asarray(parts.trains).reshape(2, 3, 2, -1), prior[..., :TRAINS_WIDTH])
    np.testing.assert_array_equal(parts.trains, prior_trains(prior))
    np.testing.assert_array_equal(np.asarray(parts.forecasts)[..., 2], prior[..., -leads:])
    np.testing.assert_array_equal(np.moveaxis(parts.forecasts, 3, 1), prior_forecasts(prior))
