"""From a day's observations to its arrival log: which event is the passing, and which rows are excluded."""

from datetime import UTC, date, datetime, timedelta
from itertools import combinations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.feeds.archives import Event, Platform
from headway_prediction.feeds.archives.arrival_log import PassingDefinition, tidy_log
from headway_prediction.feeds.archives.tables import observations
from headway_prediction.feeds.logs.arrivals import ARRIVAL_COLUMNS, check_arrivals

SEVEN = datetime(2024, 1, 16, 12, tzinfo=UTC)


def seen(*rows):
    """Rows of (trip_id, stop_id, stop_sequence, arrival minute, departure minute)."""
    return observations(
        pl.DataFrame(
            [
                {
                    "service_date": date(2024, 1, 16),
                    "trip_id": trip,
                    "direction_id": 0,
                    "stop_id": stop,
                    "stop_sequence": sequence,
                    "arrival": None if arrival is None else SEVEN + timedelta(minutes=arrival),
                    "departure": None if departure is None else SEVEN + timedelta(minutes=departure),
                }
                for trip, stop, sequence, arrival, departure in rows
            ],
            schema_overrides={"arrival": pl.Datetime("us", "UTC"), "departure": pl.Datetime("us", "UTC")},
        )
    )


def tidied(*rows, **options):
    log, counts = tidy_log(seen(*rows), PassingDefinition("L", **options))
    return [
        (row["stop_id"], (row["event_time"] - SEVEN) / timedelta(minutes=1)) for row in log.to_dicts()
    ], counts


def test_the_log_has_the_columns_of_every_log_and_passes_its_check():
    log, _ = tidy_log(seen(("t", "a", 0, None, 0), ("t", "b", 1, 2, 3)), PassingDefinition("L"))
    assert log.schema == pl.Schema(ARRIVAL_COLUMNS)
    assert check_arrivals(log).equals(log)
    assert log["stop_name"].to_list() == ["a", "b"]


@pytest.mark.parametrize(("event", "expected"), [(Event.DEPARTURE, [0, 3, 6]), (Event.ARRIVAL, [0, 2, 6])])
def test_a_passing_is_one_event_or_the_other_where_it_is_missing(event, expected):
    passings, counts = tidied(
        ("t", "a", 0, None, 0), ("t", "b", 1, 2, 3), ("t", "c", 2, 6, None), event=event
    )
    assert passings == list(zip("abc", expected, strict=True))
    assert counts == {f"with {event.other} instead": 1}


def test_a_missing_event_is_not_made_up():
    passings, counts = tidied(("t", "a", 0, None, 0), ("t", "b", 1, None, None), ("t", "d", 3, None, 7))
    assert passings == [("a", 0), ("d", 7)]
    assert counts == {"without a time": 1}


def test_a_train_reported_twice_at_a_platform_passes_once():
    """The first arrival and the last departure count; the two may be in separate rows."""
    passings, _ = tidied(("t", "a", 0, 1, None), ("t", "a", 0, None, 2), ("t", "a", 0, 1.5, 2.5))
    assert passings == [("a", 2.5)]
    assert tidied(("t", "a", 0, 1, None), ("t", "a", 0, 1.5, 2.5), event=Event.ARRIVAL)[0] == [("a", 1)]


def test_a_departure_before_the_arrival_is_dropped():
    assert tidied(("t", "a", 0, 5, 3))[0] == [("a", 5)]


def test_without_trip_ids_one_kind_of_event_counts():
    passings, counts = tidied(
        ("", "a", 0, 1, None), ("", "a", 0, None, 2), ("", "z", 9, 9, None), ("", "a", 0, None, 2)
    )
    assert passings == [("a", 2), ("z", 9)]
    assert counts["duplicated"] == 1


def test_a_platform_is_a_stop_or_all_tracks_of_a_station():
    names = pl.DataFrame(
        {"stop_id": ["a1", "a2"], "station_id": ["A", "A"], "stop_name": ["Alewife", "Alewife"]}
    )
    rows = (("t", "a1", 0, None, 1), ("u", "a2", 0, None, 8))
    assert [stop for stop, _ in tidied(*rows, names=names)[0]] == ["a1", "a2"]
    assert tidied(*rows, names=names, platform=Platform.STATION)[0] == [("A", 1), ("A", 8)]
    log, _ = tidy_log(seen(*rows), PassingDefinition("L", names=names))
    assert log["stop_name"].to_list() == ["Alewife", "Alewife"]


def test_a_train_without_stop_sequences_is_ordered_by_its_times():
    log, _ = tidy_log(seen(("t", "b", None, None, 4), ("t", "a", None, None, 1)), PassingDefinition("L"))
    assert log.select("stop_id", "stop_sequence").rows() == [("a", 0), ("b", 1)]
    log, counts = tidy_log(seen(("", "b", None, None, 4)), PassingDefinition("L"))
    assert log.is_empty() and counts == {"without a trip or stop sequence": 1}


@given(st.lists(st.integers(0, 8), min_size=1, max_size=7))
def test_as_few_passings_as_possible_are_excluded_for_times_not_to_decrease(times):
    rows = [("t", f"s{k}", k, None, time) for k, time in enumerate(times)]
    passings, counts = tidied(*rows)
    remaining = [time for _, time in passings]
    assert remaining == sorted(remaining)
    longest = max(
        size
        for size in range(1, len(times) + 1)
        if any(list(part) == sorted(part) for part in combinations(times, size))
    )
    assert len(remaining) == longest and counts["out of order along their train"] == len(times) - longest
    assert set(passings) <= {(stop, time) for _, stop, _, _, time in rows}
