"""Scenarios: sizes, refusals in a sentence, and the timetable that follows from the settings."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.errors import HeadwayError
from headway_prediction.simulate import DayService, Scenario, plan_day
from headway_prediction.simulate.plan import day_type, planned_departures, trip_secs

FRIDAY = date(2025, 10, 31)


@given(st.integers(3, 200))
def test_a_line_of_any_size_is_valid_and_names_each_station_once(count):
    scenario = Scenario.of_size(count)
    assert scenario.station_count == len(set(scenario.station_names)) == count
    assert all(80 <= secs < 140 for secs in scenario.running_secs)
    assert all(0 < station < count - 1 for station in scenario.turnback_stations)


def test_the_default_line_is_the_line_of_its_size():
    assert Scenario() == Scenario.of_size(14)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time_zone": "Mars/Olympus"}, "IANA name"),
        ({"dwell_secs": (20,) * 13}, "dwell_secs must have 14 values"),
        ({"running_secs": (60,) * 14}, "running_secs must have 13 values"),
        ({"station_names": ("Same",) * 14}, "its own name"),
        ({"turnback_stations": (13,)}, "below 13"),
        ({"turnback_stations": ()}, "short_turn_share must be 0"),
        ({"dwell_max_secs": 25}, "between dwell_min_secs and dwell_max_secs"),
        ({"timing_points": {0}}, "from 1 to 12"),
        ({"timing_points": {13}}, "from 1 to 12"),
        ({"turn_min_secs": 900}, "at most turn_planned_secs"),
        ({"separation_secs": 280}, "planned headways must be at least"),
        ({"short_turn_share": 1.5}, "setting short_turn_share is 1.5"),
        ({"dwell_spread": float("nan")}, "setting dwell_spread is nan"),
        (dict.fromkeys(("weekday", "saturday", "sunday")), "must have service"),
        ({"wekday": None}, "Unexpected keyword"),
        (
            {"weekday": {"headways": [[300, -1]], "last_departure_min": 400}},
            "setting weekday.headways.0.1 is -1",
        ),
        ({"weekday": {"headways": [], "last_departure_min": 400}}, "rising start minutes"),
        ({"weekday": {"headways": [[400, 5], [300, 5]], "last_departure_min": 900}}, "rising start minutes"),
        ({"weekday": {"headways": [[400, 5]], "last_departure_min": 300}}, "rising start minutes"),
    ],
)
def test_invalid_settings_are_refused_in_a_sentence(changes, message):
    with pytest.raises(HeadwayError, match=message) as refused:
        Scenario.from_dict(changes)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("count", [-1, 0, 1, 2])
def test_a_line_needs_three_stations(count):
    with pytest.raises(HeadwayError, match="3 or more stations"):
        Scenario.of_size(count)


@pytest.mark.parametrize(
    ("day", "kind"), [(3, "weekday"), (7, "weekday"), (8, "saturday"), (9, "sunday"), (10, "weekday")]
)
def test_dates_have_the_day_type_of_their_weekday(day, kind):
    assert day_type(date(2025, 11, day)) == kind


def test_departures_follow_the_headways_of_their_time():
    service = DayService(headways=((300, 20), (350, 10)), last_departure_min=380)
    departures = planned_departures(Scenario(weekday=service), "weekday")
    forward = departures.filter(direction_id=0)
    # 5:00, 5:20, 5:40, 6:00 in the old rhythm, then every ten minutes up to 6:20.
    assert forward["departure_secs"].to_list() == [18000, 19200, 20400, 21600, 22200, 22800]
    assert forward["typical_headway_secs"].to_list() == [1200, 1200, 1200, 1200, 600, 600]
    backward = departures.filter(direction_id=1)
    assert backward["departure_secs"][0] == 18600


def test_stock_turns_into_the_next_departure_it_can_reach_and_only_one():
    scenario = Scenario()
    departures = plan_day(scenario, FRIDAY).departures
    fed = departures.filter(pl.col("inbound_train").is_not_null())
    assert 0.7 < fed.height / departures.height < 1
    assert fed.select("direction_id", "inbound_train").is_unique().all()
    inbound = departures.select(
        (1 - pl.col("direction_id")).alias("direction_id"), inbound_train="train", fed_from="departure_secs"
    )
    turns = fed.join(inbound, on=["direction_id", "inbound_train"])
    layover = turns["departure_secs"] - turns["fed_from"] - trip_secs(scenario)
    assert layover.min() >= scenario.turn_planned_secs


def test_a_day_without_service_has_an_empty_plan():
    scenario = Scenario(weekday=None)
    assert plan_day(scenario, FRIDAY).departures.is_empty()
