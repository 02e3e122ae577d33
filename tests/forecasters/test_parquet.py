import json
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.forecasters.base import Forecast
from headway_prediction.forecasters.parquet import (
    METHOD_KEY,
    PROVENANCE_KEY,
    forecast_rows,
    read_forecasts,
    write_forecasts,
)
from headway_prediction.transit.line import Line, Station

CLOCKS_BACK = date(2025, 10, 26)
LINE = Line(
    "toy",
    "Europe/Dublin",
    (Station("A", ("a", "a")), Station("B", ("b0", "b1")), Station("C", ("c", None))),
    frozenset({"branch"}),
)


def forecast_of(day=CLOCKS_BACK, origins=(420, 430), levels=(0.1, 0.5, 0.9), seed=0):
    shape = (len(origins), 15, 3, 2)
    cells = np.random.default_rng(seed).uniform(1, 30, (1 + len(levels), *shape)).astype(np.float32)
    cells[..., 2, 1] = np.nan  # no platform
    return Forecast(day, np.array(origins), cells[0], dict(zip(levels, cells[1:], strict=True)))


def assert_same(found, expected):
    assert found.service_date == expected.service_date
    np.testing.assert_array_equal(found.origins, expected.origins)
    np.testing.assert_array_equal(found.mean, expected.mean)
    assert found.quantiles.keys() == expected.quantiles.keys()
    for level in expected.quantiles:
        np.testing.assert_array_equal(found.quantiles[level], expected.quantiles[level])


def written(tmp_path, *forecasts, method="net", line=LINE):
    write_forecasts(tmp_path / "net.parquet", method, line, forecasts or [forecast_of()])
    return tmp_path / "net.parquet"


def test_one_row_per_platform_origin_and_lead_in_local_time_with_offset():
    forecast = forecast_of(origins=(50, 1430))
    rows = forecast_rows(forecast, LINE)
    assert rows.height == 2 * 15 * 5
    early, late = rows.filter((pl.col("stop_id") == "b1") & (pl.col("lead_min") == 12)).to_dicts()
    # Local noon minus 12 hours is 01:00+01:00 on the day the clocks go back, so lead 12 from minute 50 is past the change.
    assert early["t0"] == "2025-10-26T01:50:00+01:00"
    assert early["valid_time"] == "2025-10-26T01:02:00+00:00"
    assert late["t0"] == "2025-10-26T23:50:00+00:00"
    assert late["valid_time"] == "2025-10-27T00:02:00+00:00"
    assert (early["line_id"], early["service_date"], early["direction_id"]) == ("toy", "2025-10-26", 1)
    assert early["headway_mean"] == forecast.mean[0, 11, 1, 1]
    assert late["headway_p90"] == forecast.quantiles[0.9][1, 11, 1, 1]


def test_the_quantiles_of_a_point_method_and_cells_it_does_not_forecast_are_null():
    forecast = Forecast.of_points(CLOCKS_BACK, np.array([420]), np.full((1, 15, 3, 2), 5.0))
    forecast.mean[0, 0, 0, 0] = np.nan
    rows = forecast_rows(forecast, LINE)
    assert rows["headway_p10"].null_count() == rows["headway_p90"].null_count() == rows.height
    assert rows["headway_mean"].null_count() == rows["headway_p50"].null_count() == 1
    assert rows["headway_p10"].dtype == rows["headway_mean"].dtype == pl.Float32


def test_what_is_written_comes_back(tmp_path):
    days = [forecast_of(CLOCKS_BACK - timedelta(days=1), seed=1), forecast_of(origins=(50, 60, 1430))]
    path = tmp_path / "net.parquet"
    assert write_forecasts(path, "net 2", LINE, iter(days), {"bundle": "b"}) == (2 + 3) * 15 * 5
    method, found = read_forecasts(path, LINE)
    assert method == "net 2"
    assert list(found) == [days[0].service_date, days[1].service_date]
    for day in days:
        assert_same(found[day.service_date], day)
    metadata = pl.read_parquet_metadata(path)
    assert metadata[METHOD_KEY] == "net 2"
    assert json.loads(metadata[PROVENANCE_KEY]) == {"bundle": "b"}


def test_a_point_method_comes_back_without_an_interval(tmp_path):
    forecast = forecast_of(levels=(0.5,))
    assert_same(read_forecasts(written(tmp_path, forecast), LINE)[1][CLOCKS_BACK], forecast)


def test_no_forecast_at_all_is_a_file_too(tmp_path):
    assert write_forecasts(tmp_path / "none.parquet", "net", LINE, []) == 0
    assert read_forecasts(tmp_path / "none.parquet", LINE) == ("net", {})


def test_the_order_of_rows_does_not_matter_and_missing_rows_are_nan(tmp_path):
    forecast = forecast_of()
    rows = pl.read_parquet(written(tmp_path, forecast))
    gone = (pl.col("stop_id") == "b0") & (pl.col("lead_min") == 3)
    rows.filter(~gone).sample(fraction=1.0, shuffle=True, seed=4).write_parquet(tmp_path / "theirs.parquet")
    method, found = read_forecasts(tmp_path / "theirs.parquet", LINE)
    assert method == "theirs"
    for cells in (forecast.mean, *forecast.quantiles.values()):
        cells[:, 2, 1, 0] = np.nan
    assert_same(found[CLOCKS_BACK], forecast)


def test_a_file_of_fewer_leads_than_are_scored_is_refused(tmp_path):
    rows = pl.read_parquet(written(tmp_path))
    rows.filter(pl.col("lead_min") <= 10).write_parquet(tmp_path / "short.parquet")
    with pytest.raises(
        HeadwayError, match=r"short\.parquet forecasts 10 minutes ahead; expected leads 1 to 15"
    ):
        read_forecasts(tmp_path / "short.parquet", LINE)


def test_stops_of_other_branches_are_passed_over(tmp_path):
    path = written(tmp_path)
    rows = pl.read_parquet(path)
    branch = rows.filter(pl.col("stop_id") == "c").with_columns(stop_id=pl.lit("branch"))
    pl.concat([rows, branch]).write_parquet(tmp_path / "fork.parquet")
    assert_same(read_forecasts(tmp_path / "fork.parquet", LINE)[1][CLOCKS_BACK], forecast_of())


EDITS = {
    "no column 'lead_min'": lambda rows: rows.drop("lead_min"),
    "leads outside 1 to 60": lambda rows: rows.with_columns(pl.col("lead_min") + 60),
    "'t0' has empty cells": lambda rows: rows.with_columns(t0=pl.lit(None, pl.String)),
    "'2025-10-26T07:00:00' has no offset": lambda rows: rows.with_columns(pl.col("t0").str.slice(0, 19)),
    "not the start of a minute": lambda rows: rows.with_columns(pl.col("t0").str.replace(":00\\+", ":30+")),
    "Invalid isoformat string": lambda rows: rows.with_columns(t0=pl.lit("seven")),
    "valid_time that is not lead_min": lambda rows: rows.with_columns(valid_time=pl.col("t0")),
    "an infinite headway": lambda rows: rows.with_columns(headway_p90=pl.lit(np.inf)),
    "no platform 'z' in direction 0": lambda rows: rows.with_columns(stop_id=pl.lit("z")),
    "a cell twice": lambda rows: pl.concat([rows, rows.head(1)]),
    "could not be read": lambda rows: rows.with_columns(headway_mean=pl.lit("many")),
    "month must be in 1..12": lambda rows: rows.with_columns(service_date=pl.lit("2025-26-10")),
}


@pytest.mark.parametrize("problem", EDITS)
def test_a_file_that_contradicts_the_format_is_refused(tmp_path, problem):
    rows = pl.read_parquet(written(tmp_path))
    EDITS[problem](rows).write_parquet(tmp_path / "bad.parquet")
    with pytest.raises(
        HeadwayError, match=r"bad\.parquet holds no exported forecasts: .*make it with"
    ) as recall:
        read_forecasts(tmp_path / "bad.parquet", LINE)
    assert problem in recall.value.found


def test_a_file_that_is_no_parquet_or_absent_is_refused(tmp_path):
    (tmp_path / "text.parquet").write_text("t0,lead_min")
    for name in ("text.parquet", "absent.parquet"):
        with pytest.raises(HeadwayError, match="could not be read"):
            read_forecasts(tmp_path / name, LINE)


def test_a_file_cut_short_is_refused(tmp_path):
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(HeadwayError, match="could not be read"):
        read_forecasts(path, LINE)


def test_a_file_of_another_line_is_refused(tmp_path):
    other = Line("other", LINE.time_zone, LINE.stations)
    with pytest.raises(HeadwayError, match="forecasts the line other; expected the line toy"):
        read_forecasts(written(tmp_path, line=other), LINE)


def test_a_method_that_fails_midway_leaves_what_was_there(tmp_path):
    path = written(tmp_path)
    before = path.read_bytes()

    def failing():
        yield forecast_of()
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        write_forecasts(path, "net", LINE, failing())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_forecasts_are_written_as_they_come(tmp_path):
    """The second day is asked for only when the first is written: memory holds one of them."""
    written = []

    def days():
        for number in range(3):
            written.append([pl.read_parquet(part).height for part in sorted(tmp_path.rglob("*.parquet"))])
            yield forecast_of(CLOCKS_BACK + timedelta(days=number), origins=range(420, 820, 10))

    write_forecasts(tmp_path / "net.parquet", "net", LINE, days())
    rows = 40 * 15 * 5
    assert written == [[], [rows], [rows, rows]]
    assert [path.name for path in tmp_path.iterdir()] == ["net.parquet"]
