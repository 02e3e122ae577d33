"""Archives of many days: which files make up a day, days that cannot be read, and how many days are in memory."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.archives import Format
from headway_prediction.feeds.archives.archive_days import ArchiveDay, archive_days, detect_format
from headway_prediction.feeds.archives.arrival_log import PassingDefinition, read_stop_names
from headway_prediction.feeds.archives.convert import day_logs, write_logs
from headway_prediction.feeds.archives.tables import observations
from headway_prediction.feeds.logs.arrivals import read_arrivals
from helpers.archive_files import (
    ZONE,
    gobble_table,
    lamp_table,
    line,
    seen_day,
    stops_file,
    write_gobble,
    write_subwaydata,
)
from helpers.lines import headway

TUESDAY = date(2024, 1, 16)


@pytest.fixture(scope="module")
def three_days():
    return [seen_day(line(3), TUESDAY + timedelta(days=k)) for k in range(3)]


@pytest.fixture
def lamp_folder(tmp_path, three_days):
    folder = tmp_path / "lamp"
    folder.mkdir()
    for seen in three_days:
        lamp_table(seen).write_parquet(folder / f"{seen['service_date'][0]}.parquet")
    return folder


def refused(capfd, *args) -> str:
    assert headway(*args) == 2
    err = capfd.readouterr().err.strip().splitlines()[-1]
    assert err.startswith("headway: ") and "Traceback" not in err and "expected" in err
    return err


def test_a_bad_day_stops_the_import_and_leaves_no_log(lamp_folder, tmp_path, capfd):
    (lamp_folder / "2024-01-17.parquet").write_bytes(b"PAR1 truncated")
    out = tmp_path / "log.parquet"
    args = ("import", lamp_folder, "--route", "R", "--out", out, "--format", "lamp")
    assert "2024-01-17.parquet could not be read" in refused(capfd, *args)
    assert list(tmp_path.iterdir()) == [lamp_folder]
    assert headway(*args, "--skip-bad-days") == 0
    stderr = capfd.readouterr().err
    assert "skipped " in stderr and "2024-01-17.parquet could not be read" in stderr and "2 days, " in stderr
    assert read_arrivals(out)["service_date"].unique().sort().to_list() == [
        TUESDAY,
        TUESDAY + timedelta(days=2),
    ]


def test_a_day_without_the_route_is_a_bad_day(lamp_folder, tmp_path, three_days, capfd):
    lamp_table(three_days[1], "Blue").write_parquet(lamp_folder / "2024-01-17.parquet")
    args = ("import", lamp_folder, "--route", "R", "--out", tmp_path / "log.parquet")
    assert "2024-01-17.parquet has no route R; expected one of Blue" in refused(capfd, *args)
    assert headway(*args, "--skip-bad-days") == 0


def test_an_archive_of_bad_days_alone_is_refused(lamp_folder, tmp_path, capfd):
    args = ("import", lamp_folder, "--route", "Z", "--out", tmp_path / "log.parquet", "--skip-bad-days")
    assert "has no route Z; expected one of R" in refused(capfd, *args)


def test_a_day_that_is_given_twice_is_refused(lamp_folder, tmp_path, three_days, capfd):
    lamp_table(three_days[0]).write_parquet(lamp_folder / "copy.parquet")
    args = ("import", lamp_folder, "--route", "R", "--out", tmp_path / "log.parquet")
    assert "copy.parquet holds trains of 2024-01-16 that" in refused(capfd, *args)


def test_the_same_file_named_twice_is_read_once(lamp_folder, tmp_path):
    args = ("import", lamp_folder, lamp_folder / "2024-01-16.parquet", "--route", "R")
    assert headway(*args, "--out", tmp_path / "log.parquet") == 0


def test_an_archive_of_one_direction_or_of_bare_stop_ids_is_refused(tmp_path, three_days, capfd):
    gobble_table(three_days[0]).write_csv(tmp_path / "events.csv")
    args = ("import", tmp_path / "events.csv", "--out", tmp_path / "log.parquet")
    assert "has stop ids without names" in refused(capfd, *args)
    gobble_table(three_days[0]).filter(direction_id=1).write_csv(tmp_path / "events.csv")
    assert "no passing in direction 0" in refused(capfd, *args)


def test_an_event_that_is_neither_arrival_nor_departure_is_refused(tmp_path, three_days, capfd):
    strange = gobble_table(three_days[0]).with_columns(event_type=pl.lit("PASS"))
    strange.write_csv(tmp_path / "events.csv")
    args = ("import", tmp_path / "events.csv", "--out", tmp_path / "log.parquet")
    assert "event_type 'PASS'; expected ARR or DEP" in refused(capfd, *args)


def test_formats_are_detected_from_suffixes_and_columns(tmp_path, three_days, lamp_folder):
    write_subwaydata(tmp_path / "subwaydatanyc_2024-01-16_csv.tar.xz", three_days[0])
    write_gobble(tmp_path / "gobble", three_days[0])
    assert detect_format([tmp_path / "subwaydatanyc_2024-01-16_csv.tar.xz"]) is Format.SUBWAYDATA
    assert detect_format([lamp_folder]) is Format.LAMP
    assert detect_format([tmp_path / "gobble"]) is Format.GOBBLE
    with pytest.raises(HeadwayError, match=r"are in gobble and lamp and subwaydata; .*--format"):
        detect_format([tmp_path])
    pl.DataFrame({"a": [1]}).write_csv(tmp_path / "other.csv")
    with pytest.raises(HeadwayError, match=r"in no known format; .*column map"):
        detect_format([tmp_path / "other.csv"])


def test_gobble_files_are_grouped_by_day_and_raw_feeds_are_skipped(tmp_path, three_days):
    for seen in three_days:
        write_gobble(tmp_path / "gobble", seen)
    days = archive_days([tmp_path / "gobble"], Format.GOBBLE)
    assert [day.name for day in days] == [f"the day 2024-01-{16 + k} of the archive" for k in range(3)]
    assert {len(day.files) for day in days} == {6}
    for name in ("d_csv.tar.xz", "d_gtfsrt.tar.xz"):
        (tmp_path / name).touch()
    files = archive_days([tmp_path], Format.SUBWAYDATA)
    assert [day.files[0].name for day in files] == ["d_csv.tar.xz"]


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("nowhere",), "there is no "),
        ((".", "--format", "lamp"), "holds no file of the format lamp"),
        (
            (".", "--format", "netcdf"),
            "--format is 'netcdf'; expected subwaydata, lamp, gobble or a column map",
        ),
        ((".", "--format", "nothing.toml"), "the column map nothing.toml could not be read"),
    ],
)
def test_invalid_arguments_are_refused(tmp_path, monkeypatch, capfd, args, sentence):
    monkeypatch.chdir(tmp_path)
    assert sentence in refused(capfd, "import", *args, "--out", "log.parquet")


def test_stop_names_come_from_a_schedule(tmp_path, three_days):
    names = read_stop_names(stops_file(tmp_path / "stops.txt", three_days))
    platform = names.filter(stop_id="S02N").row(0, named=True)
    assert platform == {"stop_id": "S02N", "station_id": "S02", "stop_name": line(3).station_names[1]}
    (tmp_path / "stops.zip").write_bytes(b"no zip")
    for name in ("stops.zip", "absent.txt"):
        with pytest.raises(HeadwayError, match=f"stop names .*{name} could not be read"):
            read_stop_names(tmp_path / name)


def test_no_more_days_are_in_memory_than_are_read_in_parallel():
    """Each day is written before days far ahead of it are read, however long the archive."""
    started = []
    day = pl.DataFrame(
        {
            "service_date": [TUESDAY, TUESDAY],
            "direction_id": [0, 1],
            "stop_id": ["A", "A"],
            "stop_sequence": [0, 0],
            "trip_id": ["x", "y"],
            "departure": [datetime(2024, 1, 16, 13, tzinfo=UTC), datetime(2024, 1, 16, 14, tzinfo=UTC)],
        }
    )

    def read(archive_day):
        started.append(archive_day.name)
        return observations(day)

    days = [ArchiveDay(str(number), ()) for number in range(30)]
    for number, result in enumerate(day_logs(days, read, PassingDefinition("L"), workers=3)):
        assert result.day.name == str(number) and result.log.height == 2
        assert len(started) <= number + 1 + 3


def test_days_come_in_order(lamp_folder, tmp_path):
    assert headway("import", lamp_folder, "--route", "R", "--out", tmp_path / "log.parquet") == 0
    dates = pl.read_parquet(tmp_path / "log.parquet")["service_date"]
    assert dates.unique(maintain_order=True).to_list() == [TUESDAY + timedelta(days=k) for k in range(3)]
    assert dates.is_sorted()


def test_an_error_while_writing_leaves_the_existing_file(tmp_path):
    out = tmp_path / "log.parquet"
    out.write_text("existing")
    with pytest.raises(ZeroDivisionError):
        write_logs((1 // 0 for _ in range(1)), out)
    assert out.read_text() == "existing" and list(tmp_path.iterdir()) == [out]


def test_the_next_command_has_the_time_zone_of_the_archive(lamp_folder, tmp_path, capfd):
    assert headway("import", lamp_folder, "--route", "R", "--out", tmp_path / "log.parquet") == 0
    assert f"--time-zone {ZONE} --out grid.zarr" in capfd.readouterr().err


def test_rare_platforms_are_listed_with_the_stops_of_the_line_without_them(tmp_path, three_days, capfd):
    detour = (
        three_days[0]
        .head(1)
        .with_columns(
            trip_id=pl.lit("lost"),
            stop_id=pl.lit("Z99N"),
            station_id=pl.lit("Z99"),
            stop_name=pl.lit("Elsewhere"),
            arrival=pl.col("departure"),
        )
    )
    lamp_table(pl.concat([three_days[0], detour])).write_parquet(tmp_path / "day.parquet")
    args = ("import", tmp_path, "--route", "R", "--platform", "stop", "--out", tmp_path / "log.parquet")
    assert headway(*args) == 0
    stops = [word for stop in sorted(three_days[0]["stop_id"].unique()) for word in ("--stop", stop)]
    stderr = capfd.readouterr().err
    assert f"few trains pass Z99N in direction 0; the line without them: {' '.join(stops)}\n" in stderr
    args = ("--arrivals", tmp_path / "log.parquet", "--time-zone", ZONE, "--out", tmp_path / "g.zarr")
    assert headway("grid", *args, *stops) == 0
