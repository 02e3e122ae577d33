"""Tables read by a column map: golden rows, and one error per invalid input."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.archives import column_map
from headway_prediction.feeds.archives.column_map import ColumnMap, read_column_map, read_day
from headway_prediction.feeds.archives.tables import ArchiveQuery

DUBLIN = ArchiveQuery(time_zone="Europe/Dublin")
COLUMNS = {"direction_id": "bound", "stop_id": "at", "event_time": "when", "trip_id": "run"}


def mapped(folder: Path, text: str, query: ArchiveQuery = DUBLIN, **settings):
    path = folder / "day.csv"
    path.write_text(text)
    return read_day(path, ColumnMap.model_validate({"columns": COLUMNS} | settings), query).rows


def test_a_table_of_trip_ids_stops_and_times_alone(tmp_path):
    """Service dates come from the times: the day on which a train starts, or the day before until 03:00."""
    rows = mapped(
        tmp_path,
        "run,bound,at,when\n"
        "x,0,A,2025-09-29T23:50:00+01:00\n"
        "x,0,B,2025-09-30T02:59:00+01:00\n"
        "x,0,A,2025-09-30T23:50:00+01:00\n"
        "y,1,B,2025-09-30T02:50:00+01:00\n"
        "y,1,A,2025-09-30T03:10:00+01:00\n"
        "z,1,A,2025-09-30T03:00:00+01:00\n",
    ).sort("trip_id", "departure")
    monday, tuesday = date(2025, 9, 29), date(2025, 9, 30)
    # After more than two hours without a passing, a trip id belongs to another train: here, the next one of that day.
    assert rows["service_date"].to_list() == [monday, monday, tuesday, monday, monday, tuesday]
    assert rows["departure"][0] == datetime(2025, 9, 29, 22, 50, tzinfo=UTC)
    assert rows["stop_sequence"].null_count() == rows["arrival"].null_count() == 6


def test_epoch_seconds_separate_events_and_named_directions(tmp_path):
    rows = mapped(
        tmp_path,
        "run;bound;at;when;what;nth;day\nx;up;A;1759132200;D;0;29.09.25\nx;up;B;1759132500;A;1;29.09.25\nx;up;C;0;A;2;29.09.25\n",
        columns=COLUMNS | {"event_type": "what", "stop_sequence": "nth", "service_date": "day"},
        event_types={"arrival": "A", "departure": "D"},
        directions={"down": 0, "up": 1},
        time_format="epoch",
        date_format="%d.%m.%y",
        separator=";",
    )
    assert rows["direction_id"].to_list() == [1, 1, 1]
    assert rows["departure"].to_list() == [datetime(2025, 9, 29, 7, 50, tzinfo=UTC), None, None]
    assert rows["arrival"].to_list() == [None, datetime(2025, 9, 29, 7, 55, tzinfo=UTC), None]
    assert set(rows["service_date"]) == {date(2025, 9, 29)}


def test_a_parquet_table_keeps_its_types(tmp_path):
    table = pl.DataFrame(
        {
            "bound": [False, True],
            "at": [7, 8],
            "when": [datetime(2025, 9, 29, 8), datetime(2025, 9, 29, 9)],
            "nth": [0, 1],
            "day": [date(2025, 9, 29)] * 2,
        }
    )
    table.write_parquet(tmp_path / "day.parquet")
    columns = COLUMNS | {"trip_id": None, "stop_sequence": "nth", "service_date": "day"}
    rows = read_day(tmp_path / "day.parquet", ColumnMap(columns=columns), DUBLIN).rows
    assert rows["stop_id"].to_list() == ["7", "8"] and rows["direction_id"].to_list() == [0, 1]
    assert rows["departure"][0] == datetime(2025, 9, 29, 7, tzinfo=UTC)
    assert rows["trip_id"].to_list() == ["", ""]


def test_an_ambiguous_or_nonexistent_local_time_becomes_null(tmp_path):
    rows = mapped(
        tmp_path,
        "run,bound,at,when,day\n"
        + "".join(f"x,0,{stop},2025-{moment},2025-01-01\n" for stop, moment in zip(
            "ABC", ("10-26 01:30:00", "10-26 02:30:00", "03-30 01:30:00"), strict=True
        )),
        columns=COLUMNS | {"service_date": "day"},
    )  # fmt: skip
    assert rows["departure"].to_list() == [None, datetime(2025, 10, 26, 2, 30, tzinfo=UTC), None]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[columns", "could not be read"),
        ("", "is invalid at columns; expected settings that pass: Field required"),
        ('[columns]\nstop_id = "s"\nevent_time = "t"\ntrip_id = "r"', "at columns.direction_id"),
        (
            '[columns]\ndirection_id = "d"\nstop_id = "s"\ntrip_id = "r"',
            "needs event_time, or arrival_time or",
        ),
        ('[columns]\ndirection_id = "d"\nstop_id = "s"\nevent_time = "t"', "needs trip_id or stop_sequence"),
        ('[columns]\ndirection_id = "d"\nstop_id = "s"\nevent_time = "t"\nwings = "w"', "at columns.wings"),
        (
            '[columns]\ndirection_id = "d"\nstop_id = "s"\nevent_time = "t"\ntrip_id = "r"\nevent_type = "k"',
            "event_types need each other",
        ),
        (
            '[columns]\ndirection_id = "d"\nstop_id = "s"\nevent_time = "t"\ntrip_id = "r"\narrival_time = "a"',
            "event_time beside arrival_time",
        ),
        ('separator = "::"\n[columns]\ndirection_id = "d"', "separator|columns"),
        (
            '[columns]\ndirection_id = "d"\nstop_id = "s"\nevent_time = "t"\ntrip_id = "r"\n[directions]\nup = 2',
            "up",
        ),
    ],
)
def test_each_invalid_setting_of_a_map_is_named(tmp_path, text, sentence):
    (tmp_path / "map.toml").write_text(text)
    with pytest.raises(HeadwayError, match=sentence):
        read_column_map(tmp_path / "map.toml")


def test_the_map_in_the_module_docstring_is_valid(tmp_path):
    shown = column_map.__doc__.split("```toml\n")[1].split("```")[0]
    (tmp_path / "map.toml").write_text(shown)
    assert read_column_map(tmp_path / "map.toml").columns.trip_id == "run"


GOOD = "run,bound,at,when\nx,0,A,2025-09-29 08:00:00\n"


@pytest.mark.parametrize(
    ("text", "query", "sentence"),
    [
        (GOOD.replace("bound", "way"), DUBLIN, r"no column 'bound' \(it has run, way, at, when\)"),
        (GOOD.replace(",0,", ",north,"), DUBLIN, "direction_id 'north'; expected one of 0, 1, false, true"),
        (GOOD.replace("08:00", "8 h"), DUBLIN, "event_time '2025-09-29 8 h:00'; expected an ISO 8601 time"),
        (GOOD, ArchiveQuery(), "times without an offset in event_time .*--time-zone"),
        (GOOD.replace(":00\n", ":00Z\n"), ArchiveQuery(), "the service dates of .* have to be derived"),
        (
            GOOD,
            ArchiveQuery(("R",), "Europe/Dublin"),
            "the route R was requested, and the column map has no route_id",
        ),
        ("run,bound,at,when\n", DUBLIN, "holds no rows"),
        ("", DUBLIN, "could not be read"),
        ("run,bound,at,when\nx,0,A,2025-09-29 08:00:00,too,many\n", DUBLIN, "could not be read"),
    ],
)
def test_each_fault_of_a_table_is_one_sentence(tmp_path, text, query, sentence):
    with pytest.raises(HeadwayError, match=sentence):
        mapped(tmp_path, text, query)
