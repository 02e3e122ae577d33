"""The quality check as a whole: it finds the faults put into simulated logs and no others; and the real lines."""

from datetime import date, timedelta

import polars as pl
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.logs.arrival_parts import read_arrival_parts
from headway_prediction.feeds.logs.arrivals import typed_arrivals
from headway_prediction.grid.build import line_and_plan
from headway_prediction.quality.check import by_date, by_platform, by_station, check_log, check_parts
from headway_prediction.reporting.quality_text import findings, overview
from headway_prediction.transit.line_survey import LineSurvey
from helpers.clean_log import DAYS, on, silent_hour, write_clean_log

FOUND = ("outages", "gaps", "duplicates", "misdated", "headways", "backward", "overtaking")


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    return write_clean_log(tmp_path_factory.mktemp("clean"))


@pytest.fixture(scope="module", params=["with the plan", "without a plan"])
def clean(simulated, request):
    log, line, plan, _ = simulated
    return log, line, plan if request.param == "with the plan" else None


def counts(quality):
    """The number of findings of each kind that has any."""
    heights = {name: getattr(quality, name).height for name in FOUND}
    return {name: height for name, height in heights.items() if height}


def moved(rows, minutes):
    return pl.col("event_time") + pl.when(rows).then(pl.duration(minutes=minutes)).otherwise(pl.duration())


def resolutions(quality):
    return quality.resolution["seconds"].to_list()


def test_nothing_is_found_in_a_clean_log(clean):
    quality = check_log(*clean)
    assert counts(quality) == {}
    assert resolutions(quality) == [1] * 5
    assert quality.completeness["share"].to_list() == [1.0] * (5 * 12)
    if clean[2]:
        assert quality.completeness["unplanned"].sum() == 0
        assert quality.completeness["late_mins"].abs().max() < 0.02


def test_an_hour_of_silence_is_one_outage(clean):
    log, line, plan = clean
    silent = silent_hour(log, line)
    quality = check_log(log.filter(~silent), line, plan)
    assert counts(quality) == {"outages": 1}
    (day, first, end, evidence) = quality.outages.row(0)
    assert day == DAYS[2] and 598 <= first <= 600 and 660 <= end <= 662
    assert evidence == ("plan and other days" if plan else "other days")


def test_a_station_that_is_missing_for_a_day_is_a_gap_at_each_of_its_platforms(clean):
    log, line, plan = clean
    quality = check_log(log.filter(~(on(1) & (pl.col("stop_id") == "S03"))), line, plan)
    assert counts(quality) == {"gaps": 2}
    assert quality.gaps.select("service_date", "direction", "station").rows() == [
        (DAYS[1], 0, 2),
        (DAYS[1], 1, 2),
    ]
    assert (quality.gaps["end_minute"] - quality.gaps["first_minute"]).min() > 18 * 60
    missing = quality.completeness.filter(pl.col("share") < 1)
    assert missing.select("service_date", "station", "share").rows() == [(DAYS[1], 2, 0.0)] * 2


def test_repeated_rows_are_duplicates(clean):
    log, line, plan = clean
    quality = check_log(pl.concat([log, log.sample(20, seed=1)]), line, plan)
    assert counts(quality) == {"duplicates": 20}
    assert set(quality.duplicates["kind"]) == {"repeated row"}
    assert quality.completeness["share"].to_list() == [1.0] * (5 * 12)


def test_times_rounded_to_a_minute_are_a_coarser_resolution_of_that_day(clean):
    log, line, plan = clean
    rounded = pl.when(on(3)).then(pl.col("event_time").dt.round("1m")).otherwise("event_time")
    quality = check_log(log.with_columns(event_time=rounded), line, plan)
    assert counts(quality) == {}
    assert resolutions(quality) == [1, 1, 1, 60, 1]


def test_rows_dated_to_the_day_before_are_misdated(clean):
    log, line, plan = clean
    early = on(4) & (pl.col("trip_id") == "A000")
    redated = pl.when(early).then(pl.lit(DAYS[3])).otherwise("service_date")
    quality = check_log(log.with_columns(service_date=redated), line, plan)
    assert counts(quality) == {"misdated": 6}
    assert quality.misdated["likely_date"].to_list() == [DAYS[4]] * 6
    assert set(quality.misdated["service_date"]) == {DAYS[3]}


def test_a_train_that_passes_a_station_too_early_runs_backwards(clean):
    log, line, plan = clean
    chosen = on(0) & (pl.col("trip_id") == "A060") & (pl.col("stop_id") == "S04")
    quality = check_log(log.with_columns(event_time=moved(chosen, -4)), line, plan)
    assert counts(quality) == {"backward": 1}
    assert quality.backward.select("service_date", "station", "trip_id", "previous_station").rows() == [
        (DAYS[0], 3, "A060", 2)
    ]


def test_faults_are_found_beside_each_other_and_counted_where_they_are(simulated):
    log, line, plan, _ = simulated
    silent = silent_hour(log, line)
    kept = log.filter(~silent & ~(on(1) & (pl.col("stop_id") == "S03")))
    repeated = kept.filter(on(0)).head(3)
    quality = check_log(pl.concat([kept, repeated]), line, plan)
    assert counts(quality) == {"outages": 1, "gaps": 2, "duplicates": 3}
    platforms = by_platform(quality)
    days, stations = by_date(quality, platforms), by_station(platforms)
    assert days["duplicates"].to_list() == [3, 0, 0, 0, 0]
    assert days["gaps"].to_list() == [0, 2, 0, 0, 0]
    assert days["outages"].to_list() == [0, 0, 1, 0, 0]
    assert stations["gaps"].to_list() == [0, 0, 2, 0, 0, 0]
    assert (
        days["share"].to_list()[3:] == [1, 1]
        and days["share"].max() == 1
        and days["share"][1] == pytest.approx(5 / 6)
    )
    for table in (days, stations):
        assert table["planned"].sum() == quality.completeness["planned"].sum()
        assert table["passings"].sum() == quality.completeness["passings"].sum()


def test_a_log_in_parts_is_checked_as_the_whole_log(simulated, tmp_path):
    log, line, plan, _ = simulated
    kept = log.filter(~silent_hour(log, line) & ~(on(1) & (pl.col("stop_id") == "S03")) & ~on(3))
    early = on(4) & (pl.col("trip_id") == "A000")
    redated = kept.with_columns(service_date=pl.when(early).then(pl.lit(DAYS[2])).otherwise("service_date"))
    pl.concat([redated, redated.filter(on(0)).head(3)]).write_parquet(tmp_path / "log.parquet")
    whole = typed_arrivals(pl.read_parquet(tmp_path / "log.parquet"))
    for timetable in (plan, None):
        found = check_parts(
            read_arrival_parts(tmp_path / "log.parquet", refuse=False, part_rows=1).drain(), line, timetable
        )
        expected = check_log(whole, line, timetable)
        assert counts(found) == counts(expected) and counts(found).keys() >= {"outages", "gaps", "misdated"}
        for name in (*FOUND, "passings", "completeness", "resolution"):
            ours, theirs = getattr(found, name), getattr(expected, name)
            texts = [
                pl.col(each).cast(pl.String) for each in ("trip_id", "overtaken") if each in ours.columns
            ]
            assert ours.with_columns(texts).equals(theirs), name


def test_the_sentences_name_what_was_found_and_what_was_not(simulated):
    log, line, plan, _ = simulated
    missing_day = check_log(log.filter(~on(3)), line, plan)
    days = by_date(missing_day, by_platform(missing_day))
    assert "Dates without passings: 1 (2025-09-11)." in overview(missing_day, days)
    text = " ".join(findings(missing_day, days))
    assert "100.0% of the" in text and "0 observed passings were not planned" in text
    assert (
        "Not found: outages, gaps, duplicates, misdated rows, suspicious headways, trains out of order."
        in text
    )
    nameless = check_log(log.filter(on(0)).with_columns(trip_id=pl.lit("")), line)
    text = " ".join(findings(nameless, by_date(nameless, by_platform(nameless))))
    assert "The log has no trip ids" in text and "Completeness is unknown" in text


def test_a_log_in_the_wrong_zone_or_of_other_dates_is_refused(simulated):
    log, line, _, _ = simulated
    with pytest.raises(HeadwayError, match="no row of the log falls on its service date"):
        check_log(log.with_columns(pl.col("service_date").dt.offset_by("1y")), line)


def test_what_cannot_be_read_is_still_refused(simulated):
    log, *_ = simulated
    with pytest.raises(HeadwayError, match="no column 'event_time'"):
        typed_arrivals(log.drop("event_time"))


ZONES = {
    "dublin-dart": "Europe/Dublin",
    "nyc-1": "America/New_York",
    "sydney-m1": "Australia/Sydney",
    "sydney-t4": "Australia/Sydney",
}


@pytest.fixture(scope="module")
def checked():
    """The checks of the real lines so far, made once each."""
    return {}


@pytest.fixture
def real(real_line, checked):
    def quality(name):
        if name not in checked:
            folder = real_line(name)
            log = typed_arrivals(pl.read_parquet(folder / "arrivals.parquet"))
            gtfs, listed = folder / "gtfs.zip", folder / "planned_departures.csv"
            plans = (gtfs if gtfs.exists() else None, listed if listed.exists() else None)
            checked[name] = check_log(log, *line_and_plan(LineSurvey.of(log), *plans, ZONES[name]))
        return checked[name]

    return quality


@pytest.mark.parametrize(
    ("name", "seconds"), [("dublin-dart", 60), ("nyc-1", 60), ("sydney-m1", 1), ("sydney-t4", 1)]
)
def test_the_time_resolution_of_real_lines_is_that_of_their_readme(real, name, seconds):
    assert set(real(name).resolution["seconds"]) == {seconds}


def test_early_trains_of_t4_that_are_dated_to_the_day_before_are_misdated_rows(real):
    found = real("sydney-t4").misdated
    assert found.height == 126 and found["minute"].min() >= 27 * 60
    assert (found["likely_date"] - found["service_date"]).unique().to_list() == [timedelta(days=1)]
    for clean in ("dublin-dart", "nyc-1", "sydney-m1"):
        assert real(clean).misdated.is_empty()


def test_planned_times_show_in_the_times_of_t4_alone(real):
    # Their README calls about one in six of them planned; one in thirty lies there by chance.
    assert real("sydney-t4").resolution["round_share"].mean() > 0.15
    assert real("sydney-m1").resolution["round_share"].mean() < 0.05


def test_the_dates_without_service_are_known(real):
    quality = real("sydney-m1")
    days = by_date(quality, by_platform(quality))
    assert days.filter(pl.col("passings") == 0)["service_date"].to_list() == [date(2025, 8, 3)]


def test_the_night_without_data_in_new_york_is_two_outages_and_its_cut_service_is_none(real):
    found = real("nyc-1").outages.select("service_date", "first_minute", "end_minute")
    assert found.rows() == [(date(2017, 11, 1), 1159, 1369), (date(2017, 11, 2), 300, 683)]


def test_dart_ran_nearly_as_planned(real):
    quality = real("dublin-dart")
    ran = quality.completeness.filter(pl.col("passings").sum().over("service_date") > 0)
    assert ran["planned_observed"].sum() / ran["planned"].sum() > 0.98
    assert ran["unplanned"].sum() < 50
    assert quality.outages.is_empty()
