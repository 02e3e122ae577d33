"""Alive, ready, and what Prometheus reads: the numbers of the service, and the requests that were made."""

from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from headway_prediction import __version__
from headway_prediction.service.api.app import create_app
from headway_prediction.service.live.published import Level, Status
from helpers.service_view import RecordedView, simulated_view

LINE = "/api/v1/lines/garden-line"


@pytest.fixture(scope="module")
def view() -> RecordedView:
    return simulated_view(steps=3)


@pytest.fixture
def client(view):
    with TestClient(create_app(view), base_url="http://127.0.0.1:8640") as client:
        yield client


def samples(client: TestClient) -> dict[tuple, float]:
    """The samples of /metrics by name and labels."""
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def test_metrics_of_the_service_are_exposed(view, client):
    body, line = samples(client), ("line", "garden-line")
    figures = view.metrics("garden-line")
    assert body["headway_feed_age_seconds", line] == figures.feed_age_secs
    assert body["headway_ingest_lag_seconds", line] == figures.ingest_lag_secs
    assert body["headway_forecast_seconds", line] == figures.forecast_secs
    assert body["headway_publish_seconds", line] == figures.publish_secs
    assert body["headway_polls_total", line, ("outcome", "failed")] == 1
    assert body["headway_published_total", line] == view.publisher.latest("garden-line")[0]
    assert body["headway_level", ("level", "live"), line] == 1
    assert sum(value for key, value in body.items() if key[0] == "headway_level") == 1
    scores = view.publisher.latest("garden-line")[1].scores.methods[0]
    assert body["headway_live_mae_minutes", ("lead", "1"), line, ("method", scores.method)] == scores.mae[0]
    assert ("headway_live_mae_minutes", ("lead", "15"), line, ("method", scores.method)) not in body
    assert body["headway_simple_method_better", line] == body["headway_issues",] == 0
    assert body["process_resident_memory_bytes",] > 1e6


def test_requests_are_counted_by_route_not_by_address(client):
    for path in (f"{LINE}/state", f"{LINE}/state", "/api/v1/lines/nowhere/state", "/a", "/b"):
        client.get(path)
    body = samples(client)
    route = ("route", "/api/v1/lines/{line_id}/state")
    assert body["headway_requests_total", route, ("status", "200")] == 2
    assert body["headway_requests_total", route, ("status", "404")] == 1
    assert body["headway_requests_total", ("route", "none"), ("status", "404")] == 2
    assert body["headway_request_seconds_count", route] == 3


def test_two_apps_count_apart(view, client):
    client.get(f"{LINE}/state")
    other = TestClient(create_app(view), base_url="http://127.0.0.1:8640")
    assert not any(key[0] == "headway_requests_total" for key in samples(other))


def test_scores_that_fall_behind_are_reported():
    view = simulated_view()
    published = view.made(view.next_t0)
    view.publisher.publish("garden-line", published)
    view.step()
    newest = view.step()
    view.publisher.publish(
        "garden-line", replace(newest, scores=replace(newest.scores, better_method="persistence"))
    )
    client = TestClient(create_app(view), base_url="http://127.0.0.1:8640")
    assert samples(client)["headway_simple_method_better", ("line", "garden-line")] == 1
    assert client.get(f"{LINE}/scores").json()["better_method"] == "persistence"


def test_the_liveness_endpoint_names_the_version(client):
    assert client.get("/healthz").json() == {"alive": True, "version": __version__}


@pytest.mark.parametrize("level", list(Level))
def test_only_fresh_forecasts_are_ready(level):
    view = simulated_view()
    view.publisher.publish(
        "garden-line", view.made(view.next_t0, Status(level, ("the feed is silent",), 700.0))
    )
    response = TestClient(create_app(view), base_url="http://127.0.0.1:8640").get("/readyz")
    ready = level in (Level.LIVE, Level.STARTING)
    assert response.status_code == (200 if ready else 503)
    assert response.json()["ready"] is ready
    assert ("garden-line: the feed is silent" in response.json()["reasons"]) is not ready


def test_the_reason_why_the_first_forecast_is_withheld_is_published():
    view = simulated_view()
    held = view.made(view.next_t0, Status(Level.WITHHELD, ("all headways are equal",), 5.0))
    view.publisher.publish("garden-line", replace(held, forecast=None, hour=None))
    response = TestClient(create_app(view), base_url="http://127.0.0.1:8640").get("/readyz")
    assert response.status_code == 503
    assert response.json()["reasons"] == [
        "garden-line: no forecast has been published yet",
        "garden-line: withheld",
        "garden-line: all headways are equal",
    ]


def test_with_issues_or_without_new_forecasts_the_service_is_not_ready(view, client):
    assert client.get("/readyz").json() == {"ready": True, "reasons": []}
    view.wrong.append("the database is locked since 08:30")
    try:
        assert client.get("/readyz").json()["reasons"] == view.wrong
        assert samples(client)["headway_issues",] == 1
    finally:
        view.wrong.clear()
    view.late_secs = 600.0
    try:
        assert "published 600 s ago" in client.get("/readyz").json()["reasons"][0]
    finally:
        view.late_secs = 0.0
