"""Earlier moments and the age of the newest: what is asked is what was published then, and it says how long ago that was."""

import threading
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from headway_prediction.service.api import request_handler
from headway_prediction.service.api.app import create_app
from headway_prediction.service.api.models.lines import Moments, State
from headway_prediction.service.api.request_handler import parse_origin
from headway_prediction.service.live.line_state import origin_at
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


def test_an_earlier_moment_is_served_as_it_was(view, client):
    moments = Moments.model_validate(client.get(f"{LINE}/moments").json())
    assert [moment.t0 for moment in moments.moments] == sorted(view.published)
    for moment in moments.moments:
        at = moment.time.isoformat()
        body = State.model_validate(client.get(f"{LINE}/state", params={"at": at}).json())
        assert (body.t0, body.time) == (moment.t0, moment.time)
        # As browsers send it when nobody escapes the plus sign or names the zone.
        for written in (at.replace("+", " "), at[:19]):
            assert State.model_validate(client.get(f"{LINE}/state", params={"at": written}).json()) == body
    earlier = moments.moments[0].time.isoformat()
    kept = view.published[moments.moments[0].t0].forecast
    rows = client.get(f"{LINE}/forecast", params={"at": earlier, "format": "columns"}).json()
    assert rows["t0"] == kept.t0
    assert client.get(f"{LINE}/stations/1", params={"at": earlier}).json()["time"] == earlier
    assert client.get(f"{LINE}/alerts", params={"at": earlier}).json()["time"] == earlier


def test_each_moment_around_the_change_of_service_dates_is_found_again(view):
    changing = RecordedView(view.whole, view.served, view.prior, view.methods, first_t0=177)
    for _ in range(5):
        changing.step()
    with TestClient(create_app(changing), base_url=BASE) as client:
        moments = client.get(f"{LINE}/moments").json()["moments"]
        assert [moment["time"][11:16] for moment in moments] == ["02:58", "02:59", "03:00", "03:01", "03:02"]
        for moment in moments[2:]:  # those that are published of this service date
            body = client.get(f"{LINE}/state", params={"at": moment["time"]})
            assert body.status_code == 200 and body.json()["t0"] == moment["t0"]


@given(
    st.sampled_from(["Europe/Dublin", "Asia/Kathmandu", "America/Chicago"]),
    st.dates(date(2025, 10, 20), date(2025, 11, 5)),
    st.integers(-100, 100) | st.integers(-43_200, 43_200),
)
def test_a_what_if_at_a_moment_equals_what_the_service_publishes_then(zone, day, secs_after_three):
    at = instant(day, 180 + secs_after_three / 60, zone)
    assert parse_origin(at.isoformat(), zone) == origin_at(at.timestamp(), zone)


def test_the_age_of_the_forecast_is_in_every_response_but_those_of_earlier_moments(view, client):
    first = client.get(f"{LINE}/state")
    assert float(first.headers["published-age"]) == 0.0
    view.late_secs = 754.32
    try:
        again = client.get(f"{LINE}/state", headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.headers["published-age"]) == (304, "754.3")
        for what in (
            "/forecast",
            "/forecast?format=csv",
            "/stations/1",
            "/alerts",
            "/scores",
            "/departures",
        ):
            assert client.get(f"{LINE}{what}").headers["published-age"] == "754.3"
        newest, earlier = (client.get(f"{LINE}/moments").json()["moments"][n]["time"] for n in (-1, 0))
        assert client.get(f"{LINE}/state", params={"at": newest}).headers["published-age"] == "754.3"
        assert "published-age" not in client.get(f"{LINE}/state", params={"at": earlier}).headers
    finally:
        view.late_secs = 0.0


def test_earlier_days_are_shown_before_the_first_forecast_of_today(view):
    again = unpublished(view)
    again.published = view.published
    with TestClient(create_app(again), base_url=BASE) as client:
        moments = client.get(f"{LINE}/moments").json()["moments"]
        assert client.get(f"{LINE}/state", params={"at": moments[0]["time"]}).json()["t0"] == moments[0]["t0"]


def test_a_store_that_hangs_does_not_block_published_forecasts(view, monkeypatch):
    monkeypatch.setattr(request_handler, "STORE_TIMEOUT_SECS", 0.2)
    hanging, released = unpublished(view), threading.Event()
    hanging.step()
    hanging.forecast_at = lambda *_: released.wait(20)
    with TestClient(create_app(hanging), base_url=BASE) as client:
        for hour in range(1, 9):  # more than there are threads
            stuck = client.get(f"{LINE}/state", params={"at": f"2025-09-10T0{hour}:00:00"})
            assert stuck.status_code == 503 and "store" in stuck.json()["error"]["found"]
        assert client.get(f"{LINE}/state").status_code == client.get("/metrics").status_code == 200
        released.set()
