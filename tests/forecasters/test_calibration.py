"""Calibrated quantiles: nominal coverage on the cells they were fitted on, in order, and points where no train can pass."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.forecasters.calibration import (
    MAX_STRETCH,
    MAX_STRETCH_CHANGE,
    Calibration,
    ValidationCells,
    isotonic,
)

LEVELS = (0.1, 0.5, 0.9)
FIVE = (0.05, 0.25, 0.5, 0.75, 0.95)


def cells(quantiles, truth, lead=1, event=True, held=np.nan, arrives_in=0.0):
    """Held-out cells; what a calibration of quantiles does not look at is NaN."""
    count = len(truth)
    unused = np.full(count, np.nan)
    parts = (np.broadcast_to(part, count) for part in (event, held, arrives_in, lead))
    event, held, arrives_in, lead = parts
    return ValidationCells(
        unused, np.asarray(quantiles, float), np.asarray(truth, float), event, unused, held, arrives_in, lead
    )


def random_cells(seed, levels=LEVELS, count=401, leads=(1,)):
    """Forecasts of different width at some leads, and a truth that falls outside far too often, on one side more."""
    generator = np.random.default_rng(seed)
    middle = generator.uniform(2, 20, count)
    widths = generator.uniform(0.5, 3, (count, len(levels))).cumsum(axis=1)
    quantiles = middle[:, None] + widths - widths[:, [len(levels) // 2]]
    return cells(quantiles, middle + generator.normal(0.5, 4, count), lead=generator.choice(leads, count))


def applied(calibration, of, lead=None):
    """The calibrated quantiles of cells, in their order; with `lead`, of those at one lead."""
    at = np.ones(len(of.lead), bool) if lead is None else of.lead == lead
    by_lead = np.zeros((at.sum(), len(calibration.stretch), 1, 1, of.quantiles.shape[1]))
    rows = np.arange(at.sum()), of.lead[at] - 1, 0, 0
    by_lead[rows] = of.quantiles[at]
    nothing = np.full((at.sum(), 1, 1), np.nan)
    return calibration.apply(by_lead, nothing, np.zeros_like(nothing))[rows]


@given(seed=st.integers(0, 10**6))
def test_each_quantile_has_its_level_as_coverage_on_the_event_cells_it_was_fitted_on(seed):
    """Leads 1, 4 and 7 are too far apart to be calibrated together, so each has nominal coverage by itself, to within one
    cell."""
    of = random_cells(seed, leads=(1, 4, 7))
    calibration = Calibration.fit(LEVELS, 7, of)
    for lead in (1, 4, 7):
        truth, quantiles = of.truth[of.lead == lead], applied(calibration, of, lead)
        for place in (0, 2):
            share = (truth <= quantiles[:, place] + 1e-9).mean()
            assert abs(share - LEVELS[place]) <= 1 / len(truth)


def test_neighbouring_leads_are_pooled():
    first, second = (cells([[4, 5, 6]], [5 + late], lead=lead) for lead, late in ((1, 2), (2, 4)))
    both = ValidationCells(
        *map(np.concatenate, zip(vars(first).values(), vars(second).values(), strict=True))
    )
    stretch = Calibration.fit(LEVELS, 4, both).stretch[:, 2]
    # The nine tenths' point between two ratios: 2 + 0.9 · (4 - 2); lead 3 sees lead 2 alone, lead 4 nothing.
    np.testing.assert_allclose(stretch, [3.8, 3.8, 4, 1])


def test_stretches_by_hand():
    # Distances 1 below and 2 above; errors -3 … 3, so p10 is to lie at -2.4 and p90 at 2.4.
    quantiles = np.tile([9.0, 10.0, 12.0], (7, 1))
    calibration = Calibration.fit(LEVELS, 1, cells(quantiles, 10 + np.arange(-3.0, 4)))
    np.testing.assert_allclose(calibration.stretch, [[2.4, 1, 1.2]])


def test_a_truth_on_one_side_of_the_middle_never_turns_a_quantile_around():
    calibration = Calibration.fit(LEVELS, 1, cells(np.tile([9.0, 10, 11], (5, 1)), np.full(5, 8.0)))
    np.testing.assert_allclose(calibration.stretch, [[2, 1, 0]])


def test_a_stretch_has_an_end():
    calibration = Calibration.fit(LEVELS, 1, cells([[9.0, 10, 11]], [1000.0]))
    assert calibration.stretch[0, 2] == MAX_STRETCH


def test_too_narrow_quantiles_are_stretched_from_a_minimum_distance():
    calibration = Calibration.fit(LEVELS, 1, cells([[10.0, 10, 10]], [10.5]))
    np.testing.assert_allclose(applied(calibration, cells([[10.0, 10, 10]], [10.5]))[0], [10, 10, 10.5])


def test_without_event_cells_nothing_is_stretched():
    calibration = Calibration.fit(LEVELS, 3, cells([[4, 5, 6]], [9], event=False))
    np.testing.assert_array_equal(calibration.stretch, np.ones((3, 3)))


@given(seed=st.integers(0, 10**6), levels=st.sampled_from([LEVELS, FIVE, (0.5,)]))
def test_calibrated_quantiles_are_in_order_with_the_middle_one_where_it_was(seed, levels):
    calibration = Calibration.fit(levels, 1, random_cells(seed, levels))
    other = random_cells(seed + 1, levels)
    quantiles = applied(calibration, other)
    assert (np.diff(quantiles, axis=-1) >= 0).all()
    middle = len(levels) // 2
    np.testing.assert_array_equal(quantiles[:, middle], other.quantiles[:, middle])


def test_a_nearer_quantile_is_not_stretched_beyond_a_farther_one():
    calibration = Calibration(np.array([0.5, 0.75, 0.95]), np.array([[1.0, 2.0, 1.0]]), np.array(np.inf))
    np.testing.assert_array_equal(applied(calibration, cells([[5.0, 6.5, 6.6]], [5.0])), [[5, 6.6, 8]])


@given(seed=st.integers(0, 10**6))
def test_calibrating_calibrated_cells_changes_nothing(seed):
    of = random_cells(seed, leads=(1, 4))
    first = Calibration.fit(LEVELS, 4, of)
    again = cells(applied(first, of), of.truth, lead=of.lead)
    np.testing.assert_allclose(Calibration.fit(LEVELS, 4, again).stretch, np.ones((4, 3)), rtol=1e-9)


class TestPoints:
    """Cells at lead 5 that hold 8 min."""

    @staticmethod
    def margin(arrives_in, truth):
        count = len(truth)
        of = cells(np.tile([7.0, 8, 9], (count, 1)), truth, lead=5, held=8.0, arrives_in=np.array(arrives_in))
        return float(Calibration.fit(LEVELS, 5, of).margin_mins)

    def test_the_margin_is_the_smallest_half_minute_after_which_nothing_changed(self):
        # Trains expected 0, 0.9, 1.2 and 5 min after the lead's minute; the first two came all the same.
        assert self.margin([5, 5.9, 6.2, 10], [3, 4, 8, 8]) == 1.0
        assert self.margin([5, 6.1, 6.2, 10], [3, 4, 8, 8]) == 1.5
        assert self.margin([5, 5.9, 6.2, 10], [8, 8, 8, 8]) == 0.0

    def test_two_in_a_thousand_may_change(self):
        arrives_in, truth = np.full(1000, 6.0), np.full(1000, 8.0)
        truth[:2] = 3
        assert self.margin(arrives_in, truth) == 0.0
        truth[:3] = 3
        assert self.margin(arrives_in, truth) == np.inf

    def test_where_no_train_can_pass_all_quantiles_are_the_headway_held(self):
        calibration = Calibration(np.array(LEVELS), np.full((2, 3), 2.0), np.array(1.5))
        quantiles = np.tile([7.0, 9.0, 10.0], (1, 2, 1, 4, 1))
        held, arrives_in = np.array([[[8.0, 8.0, np.nan, 8.0]]]), np.array([[[2.5, 3.4, 60.0, 3.5]]])
        # After lead 1 a train may come until 2.5 min, after lead 2 until 3.5 min; where nothing is held there is no point.
        point, band = [8, 8, 8], [5, 9, 11]
        by_hand = [[point, point, band, point], [band, band, band, point]]
        np.testing.assert_array_equal(calibration.apply(quantiles, held, arrives_in)[0, :, 0], by_hand)

    def test_without_a_margin_there_are_no_points(self):
        calibration = Calibration(np.array(LEVELS), np.ones((1, 3)), np.array(np.inf))
        quantiles = np.array([7.0, 9.0, 10.0]).reshape(1, 1, 1, 1, 3)
        one = np.full((1, 1, 1), 60.0)
        np.testing.assert_array_equal(calibration.apply(quantiles, one, one), quantiles)


@pytest.mark.parametrize("levels", [LEVELS, FIVE])
def test_what_was_fitted_is_carried_by_its_state(tmp_path, levels):
    calibration = Calibration.fit(levels, 3, random_cells(1, levels, leads=(1, 2, 3)))
    np.savez(tmp_path / "calibration.npz", **calibration.state())
    with np.load(tmp_path / "calibration.npz", allow_pickle=False) as stored:
        again = Calibration.from_state(dict(stored))
    for name, values in calibration.state().items():
        np.testing.assert_array_equal(again.state()[name], values)


class TestAverage:
    """Networks that err by the same amount in opposite directions are right on average."""

    TRUTH = np.linspace(5, 15, 101)
    NOISE = np.random.default_rng(0).normal(0, 2, (2, 101))

    def of(self, *places):
        """Cells of the average of the networks at these places, all of the same spread."""
        middle = self.TRUTH + self.NOISE[list(places)].mean(axis=0)
        return cells(np.stack([middle - 1, middle, middle + 1], axis=1), self.TRUTH)

    def test_what_averaging_gains_where_all_saw_the_days_is_taken_off_where_one_did_not(self):
        alone, other, both = (Calibration.fit(LEVELS, 1, self.of(*places)) for places in ((0,), (1,), (0, 1)))
        found = other.for_ensemble(alone, both)
        np.testing.assert_allclose(found.stretch[0, 1], 1)
        by_hand = other.stretch[0] * both.stretch[0] / alone.stretch[0]
        np.testing.assert_allclose(found.stretch[0, [0, 2]], by_hand[[0, 2]])
        assert (found.stretch[0, [0, 2]] < other.stretch[0, [0, 2]]).all()
        assert found.margin_mins == other.margin_mins

    def test_networks_that_agree_gain_nothing(self):
        one = Calibration.fit(LEVELS, 1, self.of(0))
        np.testing.assert_array_equal(one.for_ensemble(one, one).stretch, one.stretch)

    def test_a_chance_gain_has_an_end(self):
        one, sharp = (Calibration(np.array(LEVELS), np.full((1, 3), s), np.array(0.0)) for s in (1.0, 0.001))
        np.testing.assert_array_equal(one.for_ensemble(one, sharp).stretch, one.stretch / MAX_STRETCH_CHANGE)
        np.testing.assert_array_equal(one.for_ensemble(sharp, one).stretch, one.stretch * MAX_STRETCH_CHANGE)


def test_rising_values_by_hand():
    assert isotonic(np.array([1.0, 3, 2, 2, 5, 4]), np.ones(6)).tolist() == pytest.approx(
        [1, *3 * [7 / 3], 4.5, 4.5]
    )
    assert isotonic(np.array([3.0, 1]), np.array([1, 3])).tolist() == [1.5, 1.5]


@given(seed=st.integers(0, 10**6), count=st.integers(1, 12))
def test_rising_values_are_as_near_as_any_that_rise(seed, count):
    generator = np.random.default_rng(seed)
    values, weights = generator.normal(size=count), generator.uniform(0.5, 3, count)
    found = isotonic(values, weights)
    assert (np.diff(found) >= -1e-12).all()
    others = np.sort(found + generator.normal(0, 0.3, (50, count)), axis=1)
    assert (weights * (found - values) ** 2).sum() <= (weights * (others - values) ** 2).sum(
        axis=1
    ).min() + 1e-9


@given(seed=st.integers(0, 10**6))
def test_bands_that_widen_are_never_narrower_at_a_later_lead(seed):
    of = random_cells(seed, leads=(1, 2, 4, 5))
    plain = Calibration.fit(LEVELS, 6, of, neighbour_leads=0)
    monotone = plain.monotone(of)
    for place in (0, 2):
        apart = [
            np.abs(q[:, place] - q[:, 1]).mean() for q in (applied(monotone, of, n) for n in (1, 2, 4, 5))
        ]
        assert (np.diff(apart) >= -1e-9).all()
    assert monotone.stretch[[2, 5]].tolist() == plain.stretch[[2, 5]].tolist()
    assert monotone.monotone(of).stretch == pytest.approx(monotone.stretch)
