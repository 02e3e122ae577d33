"""What the API answers is what was published: every number of it, in every form, now and at earlier moments."""

import gzip
import io
import json
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from starlette.testclient import TestClient

from headway_prediction.forecasters.parquet import KEY_COLUMNS, VALUE_COLUMNS
from headway_prediction.service.api.app import create_app
from headway_prediction.service.api.models.alerts import Alerts, Scores
from headway_prediction.service.api.models.forecast import ForecastColumns, ForecastRows
from headway_prediction.service.api.models.lines import Departures, LineInfo, Lines, State, StationState
from headway_prediction.service.live.published import Level, Status
from headway_prediction.transit.clock import instant
from helpers.service_server import unpublished
from helpers.service_view import RecordedView, simulated_view

LINE = "/api/v1/lines/garden-line"
BASE = "http://127.0.0.1:8640"


@pytest.fixture(scope="module")
def view() -> RecordedView:
    return simulated_view(steps=4)


@pytest.fixture
def client(view):
    with TestClient(create_app(view), base_url=BASE) as client:
        yield client


def test_lines_and_what_they_consist_of(view, client):
    line = view.served.line
    (summary,) = Lines.model_validate(client.get("/api/v1/lines").json()).lines
    assert (summary.line_id, summary.stations) == (line.line_id, len(line.stations))
    body = LineInfo.model_validate(client.get(LINE).json())
    assert [station.name for station in body.stations] == line.station_names
    assert [direction.towards for direction in body.directions] == [
        line.station_names[-1],
        line.station_names[0],
    ]
    assert body.bundle.training_dates.days == len(view.served.training_dates)


def test_the_state_is_the_grid_of_the_last_hour(view, client):
    state = State.model_validate(client.get(f"{LINE}/state").json())
    published = view.publisher.latest("garden-line")[1].state
    assert state.time == instant(view.day, published.t0 + 1, view.served.line.time_zone)
    assert len(state.times) == 60 and state.times[-1] == state.time - timedelta(minutes=1)
    body = np.array(state.headway, dtype=float)  # (directions, stations, minutes)
    np.testing.assert_allclose(body, published.headway[-60:].transpose(2, 1, 0), atol=0.0051)
    assert np.array(state.arrived).sum() == published.arrived[-60:].sum()
    assert np.isnan(body).any() == np.isnan(published.headway[-60:]).any()
    typical = np.array(state.typical, dtype=float)
    assert typical.shape == (2, len(view.served.line.stations), 120)
    np.testing.assert_allclose(typical[..., 59], published.typical.T, atol=0.0051)


def test_trains_pass_where_the_grid_has_an_arrival(client):
    state = State.model_validate(client.get(f"{LINE}/state").json())
    arrived = np.array(state.arrived)
    passed = [
        (train.direction_id, place.station, place.time) for train in state.trains for place in train.passed
    ]
    assert len(passed) > 20
    for direction, station, time in passed:
        minute = int((time - state.times[0]).total_seconds() // 60)
        assert minute < 0 or arrived[direction, station, minute]
    assert all(place.time > state.times[-4] for train in state.trains for place in train.expected)


def test_columns_rows_and_csv_say_the_same(view, client):
    columns = ForecastColumns.model_validate(
        client.get(f"{LINE}/forecast", params={"format": "columns"}).json()
    )
    rows = ForecastRows.model_validate(client.get(f"{LINE}/forecast").json())
    text = client.get(f"{LINE}/forecast", params={"format": "csv"}).text
    table = pl.read_csv(io.StringIO(text))
    assert table.columns == [*KEY_COLUMNS, *VALUE_COLUMNS, "stop_name"]
    assert len(rows.rows) == table.height == len(columns.platforms) * 15
    by_row = {(r.direction_id, r.stop_id, r.lead_min): r for r in rows.rows}
    for csv in table.iter_rows(named=True):
        row = by_row[csv["direction_id"], csv["stop_id"], csv["lead_min"]]
        place = [(p.direction_id, p.stop_id) for p in columns.platforms].index(
            (row.direction_id, row.stop_id)
        )
        at = columns.leads.index(row.lead_min)
        assert row.valid_time == columns.valid_times[at]
        assert row.valid_time == datetime.fromisoformat(csv["valid_time"])
        for name in VALUE_COLUMNS:
            assert getattr(row, name) == getattr(columns, name)[place][at]
            assert getattr(row, name) == pytest.approx(csv[name], abs=0.011)


def test_a_forecast_begins_where_the_state_ends(view, client):
    state = State.model_validate(client.get(f"{LINE}/state").json())
    for horizon in (15, 60):
        body = client.get(f"{LINE}/forecast", params={"format": "columns", "horizon": horizon}).json()
        forecast = ForecastColumns.model_validate(body)
        assert forecast.time == state.time and len(forecast.leads) == horizon
        steps = np.diff([time.timestamp() for time in (state.times[-1], *forecast.valid_times)])
        assert (steps == 60).all()
    issued = view.publisher.latest("garden-line")[1].hour.forecast
    for place, platform in enumerate(forecast.platforms):
        cells = issued.quantiles[0.9][0, :, platform.station, platform.direction_id]
        np.testing.assert_allclose(forecast.headway_p90[place], cells, atol=0.0051)


def test_a_station_is_its_part_of_state_and_forecast(client):
    state = State.model_validate(client.get(f"{LINE}/state").json())
    hour = ForecastColumns.model_validate(
        client.get(f"{LINE}/forecast", params={"format": "columns", "horizon": 60}).json()
    )
    body = StationState.model_validate(client.get(f"{LINE}/stations/2").json())
    for platform in body.directions:
        assert platform.past.headway[-60:] == state.headway[platform.direction_id][2]
        assert len(platform.past.times) == 180 and platform.past.times[-60:] == state.times
        place = [(p.direction_id, p.station) for p in hour.platforms].index((platform.direction_id, 2))
        assert platform.forecast.headway_p50 == hour.headway_p50[place]
        assert platform.forecast.valid_times == hour.valid_times


def test_alerts_keep_their_order_and_name_place_and_time(view, client):
    body = Alerts.model_validate(client.get(f"{LINE}/alerts").json())
    expected = view.publisher.latest("garden-line")[1].alerts
    assert [w.station for w in body.alerts] == [w.station for w in expected] and expected
    for alert in body.alerts:
        assert alert.stop_name in alert.text and f"{alert.time:%H:%M}" in alert.text
        assert (alert.time - body.time).total_seconds() == pytest.approx(alert.in_mins * 60, abs=1)


def test_scores_over_all_leads_are_those_of_the_cells(view, client):
    body = Scores.model_validate(client.get(f"{LINE}/scores").json())
    live = view.publisher.latest("garden-line")[1].scores.methods[0]
    method = body.methods[0]
    assert method.cells == live.cells.sum() == sum(lead.cells for lead in method.by_lead)
    weighted = np.nansum(live.mae * live.cells) / live.cells.sum()
    assert method.mae == pytest.approx(weighted, abs=0.0006)
    assert method.by_lead[-1].mae is None  # nothing 15 minutes old has come true yet


def test_departures_of_the_next_hour(view, client):
    body = Departures.model_validate(client.get(f"{LINE}/departures").json())
    assert body.departures == sorted(body.departures, key=lambda d: (d.planned, d.direction_id))
    minutes = [(d.planned - body.time).total_seconds() / 60 for d in body.departures]
    assert minutes and min(minutes) >= 0 and max(minutes) < 60
    assert {d.station for d in body.departures} == {0, len(view.served.line.stations) - 1}


def test_what_has_not_changed_is_not_sent_again(view, client):
    first = client.get(f"{LINE}/forecast")
    again = client.get(f"{LINE}/forecast", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    for named in (f'"other", {first.headers["etag"]}', "*", first.headers["etag"].removeprefix("W/")):
        assert client.get(f"{LINE}/forecast", headers={"If-None-Match": named}).status_code == 304
    other = client.get(
        f"{LINE}/forecast", params={"format": "csv"}, headers={"If-None-Match": first.headers["etag"]}
    )
    assert other.status_code == 200
    view.step()
    assert client.get(f"{LINE}/forecast", headers={"If-None-Match": first.headers["etag"]}).status_code == 200


def test_responses_are_compressed_for_clients_that_accept_it(client):
    plain = client.get(f"{LINE}/state", headers={"Accept-Encoding": "identity"})
    with client.stream("GET", f"{LINE}/state", headers={"Accept-Encoding": "br;q=1, gzip;q=0.5"}) as gzipped:
        raw = b"".join(gzipped.iter_raw())
    assert gzipped.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
    assert gzip.decompress(raw) == plain.content
    assert len(raw) < len(plain.content) / 3
    assert plain.headers["vary"] == gzipped.headers["vary"] == "Accept-Encoding"
    refused = client.get(f"{LINE}/state", headers={"Accept-Encoding": "gzip;q=0"})
    assert "content-encoding" not in refused.headers


def test_a_response_is_rendered_once_per_version(view, client):
    asked = view.asked["forecast_at"]
    at = client.get(f"{LINE}/moments").json()["moments"][0]["time"]
    for _ in range(5):
        client.get(f"{LINE}/state", params={"at": at})
    assert view.asked["forecast_at"] == asked + 1


@pytest.mark.parametrize(
    "path, status, words",
    [
        ("/api/v1/lines/nowhere/state", 404, "garden-line"),
        (f"{LINE}/stations/99", 404, "0 to 4"),
        (f"{LINE}/stations/x", 422, "station"),
        (f"{LINE}/forecast?horizon=30", 422, "horizon"),
        (f"{LINE}/forecast?format=xml", 422, "format"),
        (f"{LINE}/state?at=yesterday", 422, "yesterday"),
        (f"{LINE}/state?at=0001-01-01T00:00:00Z", 422, "0001"),
        (f"{LINE}/state?at=2020-01-01T08:00:00Z", 404, "moments"),
        (f"{LINE}/moments?service_date=2026-02-30", 422, "service_date"),
        ("/api/v2/lines", 404, "/api/v2/lines"),
    ],
)
def test_requests_that_cannot_be_served_are_refused_with_a_reason(client, path, status, words):
    response = client.get(path)
    assert response.status_code == status
    error = response.json()["error"]
    assert set(error) == {"found", "expected", "remedy"} and words in json.dumps(error)


def test_a_method_that_is_not_served_is_refused_with_a_reason(client):
    response = client.delete(f"{LINE}/state")
    assert response.status_code == 405 and "DELETE" in response.json()["error"]["found"]


def test_before_the_first_forecast_nothing_is_invented(view):
    fresh = unpublished(view)
    with TestClient(create_app(fresh), base_url=BASE) as client:
        response = client.get(f"{LINE}/forecast")
        assert response.status_code == 503 and int(response.headers["retry-after"]) > 0
        assert client.get(LINE).status_code == 200
        assert client.get(f"{LINE}/moments").json() == {
            "service_dates": [],
            "service_date": None,
            "moments": [],
        }
        ready = client.get("/readyz")
        assert ready.status_code == 503 and "no forecast" in ready.json()["reasons"][0]


def test_a_withheld_forecast_is_marked_and_the_previous_one_stays(view):
    held = unpublished(view)
    before = held.step()
    status = Status(Level.WITHHELD, ("all headways are equal",), 5.0)
    after = held.made(held.next_t0, status)
    held.publisher.publish("garden-line", replace(after, forecast=before.forecast, hour=None))
    with TestClient(create_app(held), base_url=BASE) as client:
        state, forecast = (client.get(f"{LINE}/{what}").json() for what in ("state", "forecast"))
        assert state["status"]["level"] == forecast["status"]["level"] == "withheld"
        assert (
            forecast["status"]["reasons"] == ["all headways are equal"] and state["t0"] == forecast["t0"] + 1
        )
        assert client.get(f"{LINE}/forecast?horizon=60").status_code == 503
        assert "all headways are equal" in client.get("/readyz").text
        station = client.get(f"{LINE}/stations/0").json()["directions"][0]
        assert len(station["forecast"]["valid_times"]) == 15
