"""Several lines at the command line: one bundle of two, a line it has never seen, and mistakes."""

import polars as pl
import pytest

from cli.test_cli import refused
from helpers.lines import ZONE, headway

METHODS = ["persistence", "climatology", "propagation", "trip-propagation", "st-convnet", "st-convnet-blend"]


def backtested(three_lines, out, *words: object) -> int:
    return headway(
        "backtest", "--grid", three_lines / "c.zarr", "--bundle", three_lines / "bundle", "--out", out, *words
    )


def test_backtest_and_evaluate_score_every_method_on_an_unseen_line(three_lines, tmp_path, capfd):
    assert backtested(three_lines, tmp_path / "f", "--date", "2025-10-02") == 0
    assert sorted(path.stem for path in (tmp_path / "f").iterdir()) == sorted(METHODS)
    capfd.readouterr()
    assert headway("evaluate", "--grid", three_lines / "c.zarr", tmp_path / "f", "--markdown") == 0
    rows = [line.split(" |")[0].strip("| ") for line in capfd.readouterr().out.splitlines()[2:8]]
    assert rows == METHODS


def test_by_default_all_dates_but_the_first_are_forecast(three_lines, tmp_path):
    assert backtested(three_lines, tmp_path, "--method", "persistence") == 0
    dates = pl.read_parquet(tmp_path / "persistence.parquet")["service_date"].unique().sort()
    assert dates.to_list() == ["2025-09-30", "2025-10-01", "2025-10-02"]


def test_forecast_reads_the_line_from_the_log(three_lines, capfd):
    words = ("forecast", "--bundle", three_lines / "bundle", "--arrivals", three_lines / "c.parquet")
    words += ("--time-zone", ZONE, "--at", "2025-10-02T08:00")
    assert headway(*words, "--format", "csv") == 0
    rows = pl.read_csv(capfd.readouterr().out.encode())
    assert rows.height == 5 * 2 * 15 and rows["headway_p50"].is_between(0, 30).all()
    assert rows["t0"].unique().to_list() == ["2025-10-02T07:59:00+01:00"]
    assert headway(*words, "--method", "trip-propagation") == 0
    assert "E Street" in capfd.readouterr().out


def test_forecast_does_not_look_beyond_its_moment(three_lines, tmp_path, capfd):
    log = pl.read_parquet(three_lines / "c.parquet")
    log.filter(pl.col("event_time") < "2025-10-02T08:00").write_parquet(tmp_path / "c.parquet")
    tables = []
    for folder in (three_lines, tmp_path):
        words = ("forecast", "--bundle", three_lines / "bundle", "--arrivals", folder / "c.parquet")
        assert headway(*words, "--time-zone", ZONE, "--at", "2025-10-02T08:00", "--format", "csv") == 0
        tables.append(capfd.readouterr().out)
    assert tables[0] == tables[1]


def test_forecast_follows_a_list_of_planned_departures(three_lines, tmp_path, capfd):
    plan = ["direction_id,stop_id,planned_time"]
    plan += [
        f"{d},{stop},08:{minute:02d}:00" for d, stop in ((0, "A"), (1, "E")) for minute in range(0, 60, 8)
    ]
    (tmp_path / "plan.csv").write_text("\n".join(plan) + "\n")
    words = ("forecast", "--bundle", three_lines / "bundle", "--arrivals", three_lines / "c.parquet")
    words += ("--time-zone", ZONE, "--planned", tmp_path / "plan.csv", "--at", "2025-10-02T08:00")
    assert headway(*words, "--method", "schedule", "--format", "csv") == 0
    rows = pl.read_csv(capfd.readouterr().out.encode())
    assert rows.filter((pl.col("stop_id") == "A") & (pl.col("lead_min") == 15))["headway_p50"][0] == 8.0


def test_info_lists_all_lines_and_days(three_lines, capfd):
    assert headway("info", three_lines / "bundle") == 0
    text = capfd.readouterr().out
    assert text.startswith("multi-line bundle") and "line a: 4 stations" in text
    assert "line b: 6 stations" in text and "training days: 4, 2025-09-29 to 2025-10-02" in text


def test_the_leakage_check_of_a_multi_line_bundle(three_lines):
    words = ("leakage-check", "--grid", three_lines / "c.zarr", "--bundle", three_lines / "bundle")
    assert headway(*words, "--origins", "2") == 0


class TestMistakes:
    def test_a_method_that_belongs_to_one_line(self, three_lines, tmp_path, capfd):
        grids = ("--grid", three_lines / "a.zarr", "--grid", three_lines / "b.zarr")
        words = ("train", "--out", tmp_path / "b", *grids, "--extra-model", "lightgbm")
        assert "--extra-model lightgbm" in refused(capfd, *words)

    def test_a_grid_that_is_not_there(self, three_lines, tmp_path, capfd):
        grids = ("--grid", three_lines / "a.zarr", "--grid", tmp_path / "gone.zarr")
        assert "gone.zarr" in refused(capfd, "train", "--out", tmp_path / "b", *grids)

    def test_dates_that_training_used(self, three_lines, tmp_path, capfd):
        words = ("backtest", "--grid", three_lines / "a.zarr", "--bundle", three_lines / "bundle")
        words += ("--out", tmp_path, "--date", "2025-09-29")
        assert "2025-09-29 was used" in refused(capfd, *words)

    def test_no_time_zone_for_a_line_that_the_bundle_does_not_know(self, three_lines, capfd):
        words = ("forecast", "--bundle", three_lines / "bundle", "--arrivals", three_lines / "c.parquet")
        assert "--time-zone" in refused(capfd, *words)

    def test_a_moment_without_passings(self, three_lines, capfd):
        words = ("forecast", "--bundle", three_lines / "bundle", "--arrivals", three_lines / "c.parquet")
        words += ("--time-zone", ZONE, "--at")
        assert "no passing" in refused(capfd, *words, "2025-10-02T15:00")
        assert "no passing" in refused(capfd, *words, "2025-12-24T08:00")

    @pytest.mark.parametrize(
        ("option", "value"), [("--time-zone", ZONE), ("--stop", "A"), ("--line", "line.toml")]
    )
    def test_line_options_with_the_bundle_of_one_line(self, small_line, capfd, option, value):
        words = ("forecast", "--bundle", small_line / "bundle", "--arrivals", small_line / "arrivals.parquet")
        assert "bundle of one line" in refused(capfd, *words, option, value)
