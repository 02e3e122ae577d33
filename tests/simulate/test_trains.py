"""How simulated trains move: golden passings, signals, order, bunching, incidents, short turns, edited plans."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headway_prediction.simulate import DayService, Plan, Scenario, plan_day
from headway_prediction.simulate.noise import draw_noise
from headway_prediction.simulate.plan import planned_passings
from headway_prediction.simulate.trains import run_day, run_with_noise, train_count

MONDAY = date(2025, 9, 8)

TINY = Scenario(
    station_names=("North", "Middle", "South"),
    running_secs=(60, 100),
    dwell_secs=(20, 30, 20),
    turnback_stations=(1,),
    weekday=DayService(headways=((300, 10),), last_departure_min=360),
).without_noise()

EVERY_FIVE_MINUTES = DayService(headways=((360, 5),), last_departure_min=1200)


def _steady(**changes: object) -> Scenario:
    calm = {"incidents_per_day": 0, "short_turn_share": 0}
    return Scenario.of_size(20, weekday=EVERY_FIVE_MINUTES, **(calm | changes))


def _headway_variation(departure_secs: np.ndarray) -> np.ndarray:
    headways = np.diff(departure_secs, axis=0)
    return headways.std(axis=0) / headways.mean(axis=0)


def _hold(plan: Plan, train: int, secs: int) -> Plan:
    held = (pl.col("direction_id") == 0) & (pl.col("train") == train)
    later = pl.col("departure_secs") + pl.when(held).then(secs).otherwise(0)
    return replace(plan, departures=plan.departures.with_columns(later))


def test_without_noise_trains_pass_at_hand_counted_times():
    forward, backward = run_day(TINY, plan_day(TINY, MONDAY), seed=0)
    # 05:00:00, then 60 s run and 30 s dwell, then 100 s run and 20 s dwell.
    assert forward.departure_secs[0].tolist() == [18000, 18090, 18210]
    assert forward.arrival_secs[0].tolist() == [17980, 18060, 18190]
    # The other way round, half a headway later.
    assert backward.departure_secs[0].tolist() == [18300, 18430, 18510]
    assert forward.departure_secs[:, 0].tolist() == [18000 + 600 * train for train in range(7)]


def test_a_late_train_dwells_longer_at_each_station_and_the_next_one_shorter():
    scenario = replace(TINY, dwell_secs_per_headway_min=6)
    plan = _hold(plan_day(scenario, MONDAY), train=2, secs=60)
    late = run_day(scenario, plan, seed=0)[0].departure_secs - _planned(scenario, 0)
    # 60 s more headway cost 6 s at the second station, then 66 s cost 6.6 s at the third.
    np.testing.assert_allclose(late[2], [60, 66, 72.6])
    # The train behind comes 66 s sooner after it, which saves 6.6 s, then 72.6 + 6.6 s sooner, which saves 7.92 s.
    np.testing.assert_allclose(late[3], [0, -6.6, -14.52])
    np.testing.assert_allclose(late[:2], 0)


def test_a_dwell_has_a_minimum_and_a_maximum():
    scenario = replace(TINY, dwell_secs_per_headway_min=6)
    plan = plan_day(scenario, MONDAY)
    # An hour's gap would add six minutes to the dwell: it stops at 80 s, 50 s over one plan and 60 s over the other.
    late = run_day(scenario, _hold(plan, train=6, secs=3600), seed=0)[0].departure_secs - _planned(
        scenario, 0
    )
    assert late[6].tolist() == [3600, 3650, 3710]
    # A train five minutes behind instead of ten saves at most 18 s of 30, then 8 s of 20.
    late = run_day(scenario, _hold(plan, train=2, secs=300), seed=0)[0].departure_secs - _planned(scenario, 0)
    assert late[3].tolist() == [0, -18, -26]


def test_a_dwell_at_a_timing_point_does_not_grow():
    scenario = replace(
        TINY, dwell_secs=(20, 1, 20), timing_points=frozenset({1}), dwell_secs_per_headway_min=6
    )
    plan = _hold(plan_day(scenario, MONDAY), train=2, secs=60)
    late = run_day(scenario, plan, seed=0)[0].departure_secs - _planned(scenario, 0)
    # The dwell of a second does not grow with the headway; only the last station's does, by 6 s for a minute.
    np.testing.assert_allclose(late[2], [60, 60, 66])
    noisy = replace(scenario, dwell_spread=0.5, dwell_secs_per_headway_min=0)
    for passed in run_day(noisy, plan_day(noisy, MONDAY), seed=0):
        assert (passed.departure_secs - passed.arrival_secs)[:, 1].tolist() == [1] * len(passed.train)


def _with_short_turns(short_turn_share: float) -> Scenario:
    return replace(TINY, dwell_secs_per_headway_min=0, short_turn_share=short_turn_share)


@pytest.mark.parametrize(("held", "late"), [(500, 0), (560, 30), (840, 240)])
def test_a_late_arrival_delays_the_departure_it_turns_into_until_a_spare_steps_in(held, late):
    # Held 560 s, 190 s on the way and 180 s to turn make 930 s; its next trip is planned after 900 s.
    scenario = _with_short_turns(0)
    backward = run_day(scenario, _hold(plan_day(scenario, MONDAY), train=2, secs=held), seed=0)[1]
    delays = backward.departure_secs[:, 0] - _planned(scenario, 1)[:, 0]
    assert delays.tolist() == [0, 0, 0, late, 0, 0]


def test_a_train_that_turned_short_delays_no_departure():
    scenario = _with_short_turns(1)
    backward = run_day(scenario, _hold(plan_day(scenario, MONDAY), train=2, secs=840), seed=0)[1]
    np.testing.assert_array_equal(backward.departure_secs[:, 0], _planned(scenario, 1)[:, 0])


def _planned(scenario: Scenario, direction: int) -> np.ndarray:
    departures = plan_day(scenario, MONDAY).departures.filter(direction_id=direction)["departure_secs"]
    return planned_passings(scenario, direction, departures.to_numpy())[1]


@pytest.mark.parametrize("stations", [3, 14, 66])
def test_without_noise_every_size_of_line_runs_exactly_as_planned(stations):
    scenario = Scenario.of_size(stations).without_noise()
    passings = run_day(scenario, plan_day(scenario, MONDAY), seed=3)
    for direction in (0, 1):
        np.testing.assert_array_equal(passings[direction].departure_secs, _planned(scenario, direction))


scenarios = st.builds(
    Scenario.of_size,
    st.integers(3, 9),
    weekday=st.builds(
        lambda start, headways: DayService(
            headways=tuple((start + 60 * hour, headway) for hour, headway in enumerate(headways)),
            last_departure_min=start + 60 * len(headways),
        ),
        st.integers(0, 1500),
        st.lists(st.floats(2.2, 15), min_size=1, max_size=3),
    ),
    separation_secs=st.integers(20, 90),
    terminal_lateness_secs=st.floats(0, 600),
    running_spread=st.floats(0, 0.5),
    train_pace_spread=st.floats(0, 0.3),
    dwell_spread=st.floats(0, 1),
    dwell_secs_per_headway_min=st.floats(0, 15),
    incidents_per_day=st.floats(0, 6),
    incident_mins=st.floats(0, 30),
    short_turn_share=st.floats(0, 0.6),
    turn_min_secs=st.integers(0, 480),
    turn_lateness_max_secs=st.integers(0, 900),
)


@settings(max_examples=60, deadline=None)
@given(scenarios, st.integers(0, 2**32))
def test_trains_are_never_closer_than_signals_allow_and_keep_their_order(scenario, seed):
    for passed in run_day(scenario, plan_day(scenario, MONDAY), seed):
        for arrivals, departures in zip(passed.arrival_secs.T, passed.departure_secs.T, strict=True):
            came = ~np.isnan(arrivals)
            between = arrivals[came][1:] - departures[came][:-1]
            assert (between >= scenario.separation_secs - 1e-6).all()
            dwell = departures[came] - arrivals[came]
            assert (dwell >= scenario.dwell_min_secs - 1e-6).all()
        assert not (np.diff(passed.arrival_secs, axis=1) <= 0).any()
        assert not (passed.arrival_secs[:, 1:] <= passed.departure_secs[:, :-1]).any()


@settings(max_examples=30, deadline=None)
@given(scenarios, st.integers(0, 2**32))
def test_no_more_trains_wait_between_two_stations_than_the_separation_lets_in(scenario, seed):
    forward, _ = run_day(scenario, plan_day(scenario, MONDAY), seed)
    for section, run in enumerate(scenario.running_secs):
        through = ~np.isnan(forward.arrival_secs[:, section + 1])
        enters = forward.departure_secs[through, section]
        leaves = forward.arrival_secs[through, section + 1]
        room = int(np.ceil(run / scenario.separation_secs))
        assert (enters[room:] >= leaves[:-room]).all()


@settings(max_examples=30, deadline=None)
@given(scenarios, st.integers(0, 2**32))
def test_no_train_leaves_before_its_time_nor_before_its_stock_has_turned(scenario, seed):
    plan = plan_day(scenario, MONDAY)
    passings = run_day(scenario, plan, seed)
    for row in plan.departures.iter_rows(named=True):
        direction = row["direction_id"]
        leaves = passings[direction].departure_secs[row["train"], 0]
        assert leaves >= row["departure_secs"] - 1e-6
        if row["inbound_train"] is not None:
            stock_came = passings[1 - direction].arrival_secs[row["inbound_train"], -1]
            spare = row["departure_secs"] + scenario.turn_lateness_max_secs
            assert np.isnan(stock_came) or leaves >= min(stock_came + scenario.turn_min_secs, spare) - 1e-6


def test_bunching_grows_by_itself_where_dwells_follow_headways():
    scenario = _steady(dwell_secs_per_headway_min=2.5)
    for passed in run_day(scenario, plan_day(scenario, MONDAY), seed=1):
        variation = _headway_variation(passed.departure_secs)
        assert variation[-1] > 1.5 * variation[0]
        assert variation[5] < variation[10] < variation[15]


def test_headways_stay_as_they_leave_the_terminal_where_nothing_else_is_random():
    scenario = _steady(
        dwell_secs_per_headway_min=0,
        running_spread=0,
        train_pace_spread=0,
        dwell_spread=0,
        separation_secs=20,
    )
    scenario = replace(scenario, running_secs=(60,) * 19, dwell_secs=(25,) * 20)
    departures = run_day(scenario, plan_day(scenario, MONDAY), seed=1)[0].departure_secs
    headways = np.diff(departures, axis=0)
    assert headways[:, 0].std() > 10
    np.testing.assert_allclose(headways, headways[:, :1].repeat(20, axis=1))


def test_an_incident_holds_trains_and_tears_a_gap():
    calm = _steady(terminal_lateness_secs=10, turn_lateness_max_secs=0)
    disturbed = replace(calm, incidents_per_day=1.5, incident_mins=20)
    seed, incident = next(
        (seed, noise.incidents[0])
        for seed in range(50)
        if len((noise := draw_noise(disturbed, seed, MONDAY, 0, 0)).incidents) == 1
        and 30_000 < noise.incidents[0].start_secs < 50_000
        and noise.incidents[0].end_secs - noise.incidents[0].start_secs > 900
    )
    undisturbed = run_day(calm, plan_day(calm, MONDAY), seed)[0].departure_secs
    departures = run_day(disturbed, plan_day(disturbed, MONDAY), seed)[0].departure_secs
    there = departures[:, incident.station]
    assert not ((there >= incident.start_secs) & (there < incident.end_secs)).any()
    (held,) = np.flatnonzero(there == incident.end_secs)
    gap, undisturbed_gap = (np.diff(leaves[:, -1])[held - 1] for leaves in (departures, undisturbed))
    assert gap > 900 > 2 * undisturbed_gap
    # The trains ahead had gone: their noise is the same with and without the incident.
    np.testing.assert_array_equal(departures[:held], undisturbed[:held])
    # The trains behind queue, closely packed.
    assert np.diff(there)[held : held + 2].max() < 200


def test_short_turns_leave_fewer_trains_at_the_far_end():
    scenario = Scenario.of_size(20, weekday=EVERY_FIVE_MINUTES, short_turn_share=0.3, turnback_stations=(12,))
    for direction, turnback in ((0, 12), (1, 7)):
        passed = run_day(scenario, plan_day(scenario, MONDAY), seed=2)[direction]
        counts = (~np.isnan(passed.departure_secs)).sum(axis=0)
        assert set(counts[: turnback + 1]) == {len(passed.train)}
        assert len(set(counts[turnback + 1 :])) == 1
        assert 0.55 < counts[-1] / counts[0] < 0.85


def test_holding_a_train_changes_no_train_ahead_of_it():
    scenario = _steady(dwell_secs_per_headway_min=1)
    plan = plan_day(scenario, MONDAY)
    undisturbed = run_day(scenario, plan, seed=4)[0].departure_secs
    held = run_day(scenario, _hold(plan, train=30, secs=150), seed=4)[0].departure_secs
    np.testing.assert_array_equal(held[:30], undisturbed[:30])
    assert (held[30] > undisturbed[30]).all()
    # Without dwells that grow, trains far enough behind do not notice.
    even = replace(scenario, dwell_secs_per_headway_min=0)
    undisturbed = run_day(even, plan, seed=4)[0].departure_secs
    held = run_day(even, _hold(plan, train=30, secs=30), seed=4)[0].departure_secs
    np.testing.assert_array_equal(held[40:], undisturbed[40:])


def test_a_day_under_given_noise_is_the_day_of_the_seed_that_draws_it():
    scenario = _steady(incidents_per_day=2)
    plan = plan_day(scenario, MONDAY)
    assert train_count(plan, 0) == plan.departures.filter(direction_id=0).height
    noises = tuple(draw_noise(scenario, 4, MONDAY, d, train_count(plan, d)) for d in (0, 1))
    for drawn, handed in zip(
        run_day(scenario, plan, seed=4), run_with_noise(scenario, plan, noises), strict=True
    ):
        np.testing.assert_array_equal(handed.departure_secs, drawn.departure_secs)


def test_cancelling_a_train_does_not_change_the_noise_of_the_others():
    scenario = replace(TINY, terminal_lateness_secs=20, running_spread=0.1, dwell_secs_per_headway_min=0)
    plan = plan_day(scenario, MONDAY)
    gone = (pl.col("direction_id") == 0) & (pl.col("train") == 3)
    undisturbed = run_day(scenario, plan, seed=1)[0]
    cancelled = run_day(scenario, replace(plan, departures=plan.departures.filter(~gone)), seed=1)[0]
    assert cancelled.train.tolist() == [0, 1, 2, 4, 5, 6]
    np.testing.assert_array_equal(cancelled.departure_secs, np.delete(undisturbed.departure_secs, 3, axis=0))
