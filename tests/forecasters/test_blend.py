"""Weights of the network and the simple methods, where truths were composed of them with known weights."""

import numpy as np
import pytest

from headway_prediction.forecasters.blend import BLEND_METHODS, MIN_CELLS, Blend, NetworkOutputs
from headway_prediction.nn.prior_channels import (
    ARRIVES_IN,
    CHANNELS_WIDTH,
    FAR_MINS,
    FORECASTS,
    prior_width,
)

LEVELS = (0.1, 0.5, 0.9)
SHAPE = ORIGINS, LEADS, STATIONS, DIRECTIONS = 240, 15, 4, 2


def outputs(seed=0, arrives_in=FAR_MINS, shape=SHAPE):
    """Forecasts at random, of headways around 20 minutes, another one by every method at every lead of every cell."""
    origins, _, stations, directions = shape
    generator = np.random.default_rng(seed)
    prior = np.zeros((origins, stations, directions, prior_width(LEADS)))
    prior[..., ARRIVES_IN] = arrives_in
    prior[..., CHANNELS_WIDTH:] = generator.uniform(15, 25, (*prior.shape[:-1], len(FORECASTS) * LEADS))
    mean, middle = generator.uniform(15, 25, (2, *shape))
    return NetworkOutputs(mean, middle[..., None] + np.array([-2.0, 0.0, 3.0]), prior)


def forecasts(of: NetworkOutputs, own: np.ndarray):
    """The forecast of each of BLEND_METHODS for each cell."""
    simple = of.prior[..., CHANNELS_WIDTH:].reshape(*of.prior.shape[:-1], len(FORECASTS), LEADS)
    simple = np.moveaxis(simple, -1, 1)[:, : own.shape[1]]
    return np.concatenate([own[..., None], simple], axis=-1)


@pytest.mark.parametrize("weights", [(0.3, 0.0, 0.0, 0.7), (0.0, 0.6, 0.4, 0.0), (1.0, 0.0, 0.0, 0.0)])
def test_weights_that_composed_the_truth_are_recovered(weights):
    days = [outputs(seed) for seed in range(2)]
    truth = [forecasts(day, day.quantiles[..., 1]) @ np.array(weights) for day in days]
    blend = Blend.fit(LEVELS, days, truth)
    new = outputs(seed=9)
    _, quantiles = blend.apply(LEVELS, new)
    np.testing.assert_allclose(quantiles[..., 1], forecasts(new, new.quantiles[..., 1]) @ np.array(weights))


def test_the_mean_has_weights_of_its_own():
    days = [outputs(seed) for seed in range(2)]
    weights = np.array([0.5, 0.0, 0.5, 0.0])
    blend = Blend.fit(LEVELS, days, [forecasts(day, day.mean) @ weights for day in days])
    new = outputs(seed=9)
    mean, quantiles = blend.apply(LEVELS, new)
    np.testing.assert_allclose(mean, forecasts(new, new.mean) @ weights)
    assert np.abs(quantiles[..., 1] - mean).max() > 0.1


def test_the_mean_minimises_the_squared_and_the_middle_the_absolute_error():
    """Trip propagation forecasts 16, the others 20; the truth is 16 in two cells of three and else 20: a median of 16, a
    mean of 17.3, nearest to which by tenths is 0.7 of the way."""
    day = outputs()
    forecasts = day.prior[..., CHANNELS_WIDTH:].reshape(*day.prior.shape[:-1], len(FORECASTS), LEADS)
    forecasts[:] = 20.0
    forecasts[..., 0, :] = 16.0
    day = NetworkOutputs(np.full(SHAPE, 20.0), np.full((*SHAPE, 3), 20.0), day.prior)
    truth = np.where(np.arange(ORIGINS) % 3 == 0, 20.0, 16.0)[:, None, None, None] + np.zeros(SHAPE)
    mean, quantiles = Blend.fit(LEVELS, [day], [truth]).apply(LEVELS, day)
    np.testing.assert_allclose(quantiles, 16.0)
    np.testing.assert_allclose(mean, 20.0 - 0.7 * 4)


def test_all_quantiles_move_with_the_middle_one():
    day = outputs()
    blend = Blend.fit(LEVELS, [day], [forecasts(day, day.mean)[..., -1]])
    _, quantiles = blend.apply(LEVELS, day)
    np.testing.assert_allclose(quantiles - quantiles[..., 1:2], day.quantiles - day.quantiles[..., 1:2])
    assert np.abs(quantiles - day.quantiles).max() > 1


def test_weights_differ_by_lead_direction_and_whether_a_train_is_due():
    """A train is expected 5 minutes from the origin; direction 1 has the typical headway from then on, all else the
    forecast of the network."""
    day = outputs(arrives_in=5.0)
    typical = forecasts(day, day.mean)[..., BLEND_METHODS.index("climatology")]
    truth = day.quantiles[..., 1].copy()
    truth[:, 5:, :, 1] = typical[:, 5:, :, 1]
    blend = Blend.fit(LEVELS, [day], [truth])
    new = outputs(seed=9, arrives_in=5.0)
    _, quantiles = blend.apply(LEVELS, new)
    expected = new.quantiles[..., 1].copy()
    expected[:, 5:, :, 1] = forecasts(new, new.mean)[:, 5:, :, 1, BLEND_METHODS.index("climatology")]
    np.testing.assert_allclose(quantiles[..., 1], expected)
    # No training cell has these leads without a train that is due: there the network forecasts alone.
    later = outputs(seed=9, arrives_in=FAR_MINS)
    np.testing.assert_array_equal(blend.apply(LEVELS, later)[1][:, 5:], later.quantiles[:, 5:])


def test_groups_with_few_cells_use_the_network_alone():
    few = MIN_CELLS // STATIONS // 2
    day = outputs(shape=(few, LEADS, STATIONS, DIRECTIONS))
    blend = Blend.fit(LEVELS, [day], [forecasts(day, day.mean)[..., -1]])
    mean, quantiles = blend.apply(LEVELS, day)
    np.testing.assert_array_equal(mean, day.mean)
    np.testing.assert_array_equal(quantiles, day.quantiles)


def test_invalid_cells_do_not_change_the_fit():
    day = outputs()
    truth = day.quantiles[..., 1].copy()
    misleading = np.random.default_rng(5).random(SHAPE) < 0.4
    blend = Blend.fit(LEVELS, [day], [np.where(misleading, np.nan, truth)])
    np.testing.assert_array_equal(blend.apply(LEVELS, day)[1], day.quantiles)
    nothing = Blend.fit(LEVELS, [day], [np.full(SHAPE, np.nan)])
    np.testing.assert_array_equal(nothing.apply(LEVELS, day)[0], day.mean)
