"""`headway check`: what it prints and writes, and how it refuses."""

import json

import polars as pl
import pytest

from headway_prediction.grid.store import read_history
from helpers.clean_log import DAYS, SCENARIO, silent_hour, write_clean_log
from helpers.lines import headway


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    return write_clean_log(tmp_path_factory.mktemp("clean"))


def test_a_folder_of_daily_logs_is_checked_as_one_log(simulated, tmp_path, capfd):
    log, _, _, folder = simulated
    (tmp_path / "days").mkdir()
    for day in DAYS:
        log.filter(service_date=day).write_parquet(tmp_path / "days" / f"{day}.parquet")
    own = ("--gtfs", folder / "gtfs.zip", "--markdown")
    printed = []
    for path in (folder / "arrivals.parquet", tmp_path / "days"):
        assert headway("check", path, *own) == 0
        printed.append(capfd.readouterr().out)
    assert printed[0] == printed[1] and f"| {DAYS[4]} Fri |" in printed[0]


def test_the_command_prints_and_writes_and_the_grid_takes_its_outages(simulated, tmp_path, capfd):
    log, line, _, folder = simulated
    silent = silent_hour(log, line)
    log.filter(~silent).write_parquet(tmp_path / "log.parquet")
    command = ("check", tmp_path / "log.parquet", "--gtfs", folder / "gtfs.zip")
    outages, found = tmp_path / "outages.csv", tmp_path / "found.json"
    assert headway(*command, "--outages", outages, "--json", found, "--markdown", "--date", DAYS[2]) == 0
    printed = capfd.readouterr().out
    assert "1 outage of the whole line" in printed and f"Stations on {DAYS[2]}" in printed
    assert "| date | passings | observed |" in printed
    report = json.loads(found.read_text())
    assert [row["service_date"] for row in report["findings"]["outages"]] == [DAYS[2].isoformat()]
    assert len(report["dates"]) == 5 and len(report["stations"]) == 6 and len(report["platforms"]) == 60
    assert (
        report["platforms"][0]["stop_id"] == "S01"
        and report["platforms"][0]["stop_name"] == line.station_names[0]
    )
    made = ("grid", "--arrivals", tmp_path / "log.parquet", "--gtfs", folder / "gtfs.zip")
    assert headway(*made, "--out", tmp_path / "grid.zarr", "--outages", outages) == 0
    masked = read_history(tmp_path / "grid.zarr").day(DAYS[2])["valid"].values
    assert not masked[601:659].any() and masked[590].all() and masked[700].all()


def test_the_command_prints_a_table_for_people(simulated, capfd):
    *_, folder = simulated
    assert headway("check", folder / "arrivals.parquet", "--time-zone", SCENARIO.time_zone) == 0
    printed = capfd.readouterr().out
    assert "Not found: outages" in printed and "2025-09-08 Mon" in printed


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("--date", "Monday"), "--date is 'Monday'; expected a date such as"),
        (("--date", "2024-01-01"), "the log has no passing on 2024-01-01; expected a date between"),
        (("--gtfs", "x", "--planned", "y"), "two plans were given"),
    ],
)
def test_a_mistake_is_one_sentence(simulated, capfd, command, sentence):
    *_, folder = simulated
    own = (folder / "arrivals.parquet", "--time-zone", SCENARIO.time_zone)
    assert headway("check", *own, *command) == 2
    assert sentence in capfd.readouterr().err


def test_a_log_that_the_grid_refuses_can_be_checked(simulated, tmp_path, capfd):
    log, *_ = simulated
    pl.concat([log, log.head(5)]).write_parquet(tmp_path / "log.parquet")
    own = (tmp_path / "log.parquet", "--time-zone", SCENARIO.time_zone)
    assert headway("grid", "--arrivals", *own, "--out", tmp_path / "grid.zarr") == 2
    assert "5 rows of the log occur twice" in capfd.readouterr().err
    assert headway("check", *own) == 0
    assert "5 repeated rows" in capfd.readouterr().out
