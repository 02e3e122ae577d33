"""`headway what-if` on a small simulated line with a trained bundle."""

import io
import json
import re

import polars as pl
import pytest

from helpers.lines import headway

AT = "2025-09-12T08:00"


@pytest.fixture
def words(small_line):
    return (
        "what-if",
        "--bundle",
        small_line / "bundle",
        "--arrivals",
        small_line / "arrivals.parquet",
        "--at",
        AT,
    )


def output(capfd, *words) -> str:
    assert headway(*words) == 0
    return capfd.readouterr().out


def test_without_a_change_it_lists_the_departures(words, capfd):
    out = output(capfd, *words)
    assert "known to the end of 07:59" in out and "departures of direction 1" in out
    assert "08:05" in out and "whole line" in out and "cancelled" not in out


def test_it_reports_the_outcome_of_departures_and_waits(words, capfd):
    out = output(capfd, *words, "--hold", "0@08:05+3", "--cancel", "1@08:15", "--add", "0@08:12:30")
    assert "+3.0 min" in out and "cancelled" in out and "added" in out
    assert "headways that change most" in out


def test_the_json_output_is_the_response_of_the_service(words, capfd):
    plain = json.loads(output(capfd, *words, "--move", "0@08:10=08:12", "--format", "json"))
    assert [edit["action"] for edit in plain["edits"]] == ["hold"]
    assert plain["edits"][0]["mins"] == 2.0
    assert plain["wait"]["line"]["low_mins"] <= plain["wait"]["line"]["high_mins"]
    assert len(plain["baseline"]["leads"]) == 60


def test_as_csv_it_has_every_platform_and_minute_before_and_after(words, capfd):
    edit = "--hold", "0@08:05+3"
    rows = pl.read_csv(io.StringIO(output(capfd, *words, *edit, "--format", "csv")))
    body = json.loads(output(capfd, *words, *edit, "--format", "json"))
    platforms = body["baseline"]["platforms"]
    assert rows.height == 60 * len(platforms)
    for row in rows.filter(pl.col("lead_min").is_in([1, 20, 60])).iter_rows(named=True):
        place = [(p["direction_id"], p["stop_id"]) for p in platforms].index(
            (row["direction_id"], row["stop_id"])
        )
        at = row["lead_min"] - 1
        assert row["stop_name"] == platforms[place]["stop_name"]
        assert row["valid_time"] == body["baseline"]["valid_times"][at]
        for part in ("baseline", "changed"):
            assert row[f"{part}_mean"] == pytest.approx(body[part]["headway_mean"][place][at], abs=0.011)
            assert row[f"{part}_p90"] == pytest.approx(body[part]["headway_p90"][place][at], abs=0.011)
        assert row["difference_mean"] == pytest.approx(
            body["difference"]["headway_mean"][place][at], abs=0.011
        )
        assert row["reached"] == body["reached"][place][at]
    assert rows["reached"].any() and not rows["reached"].all()


def edits_of(capfd, *words) -> list[dict]:
    return json.loads(output(capfd, *words, "--format", "json"))["edits"]


def test_strategies_and_the_search(words, capfd):
    cancelled = *words, "--cancel", "0@08:15"
    out = output(capfd, *cancelled, "--strategy", "even-headways")
    assert "cancelled" in out and re.search(r"\+\d\.\d min", out)
    first, *_ = edits_of(capfd, *words, "--direction", "1", "--strategy", "hold-next", "--mins", "1.5")
    assert (first["action"], first["direction_id"], first["mins"]) == ("hold", 1, 1.5)
    found = edits_of(capfd, *cancelled, "--search", "--max-hold", "2")
    holds = [edit["mins"] for edit in found if edit["action"] == "hold"]
    assert holds and max(holds) <= 2 and len(found) == len(holds) + 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--hold", "0@08:05"), "--hold is '0@08:05'; expected something like 0@08:35+3"),
        (("--hold", "2@08:05+1"), "expected something like"),
        (("--move", "0@08:05=noon"), "expected something like 0@08:35=08:37"),
        (("--cancel", "0@08:06"), "no train that has not left yet is planned"),
        (("--strategy", "hope"), "expected one of even-headways, hold-next, fill-gap"),
    ],
)
def test_a_mistake_is_one_sentence(words, capfd, options, sentence):
    assert headway(*words, *options) == 2
    out, err = capfd.readouterr()
    assert out == "" and sentence in err and err.count("\n") == 1
