"""The typed client and `headway watch` against a real server: they show what was published."""

import io
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import ClassVar

import pytest
from rich.console import Console

from headway_prediction.cli.watch_table import LineSnapshot, clean, shown
from headway_prediction.errors import HeadwayError
from headway_prediction.service.client import client as client_module
from headway_prediction.service.client.client import Client
from headway_prediction.what_if.schema import CancelEdit, HoldEdit, WhatIfRequest
from helpers.lines import headway
from helpers.service_server import listened, served
from helpers.service_view import RecordedView, simulated_view

LINE = "garden-line"


@pytest.fixture(scope="module")
def view() -> RecordedView:
    return simulated_view(steps=3)


@pytest.fixture(scope="module")
def url(view):
    with served(view) as (url, _):
        yield url


def test_every_route_of_the_api_has_a_method(view, url):
    client = Client(url)
    t0 = view.publisher.latest(LINE)[1].state.t0
    assert [line.line_id for line in client.lines().lines] == [LINE]
    assert client.line(LINE).stations[0].name == view.served.line.station_names[0]
    assert client.state(LINE).t0 == client.forecast(LINE).t0 == client.forecast(LINE, horizon=60).t0 == t0
    assert client.station(LINE, 2).name == view.served.line.station_names[2]
    assert client.alerts(LINE).time == client.departures(LINE).time == client.state(LINE).time
    assert client.scores(LINE).methods[0].method == view.methods[0].name
    moments = client.moments(LINE, view.day)
    assert [moment.t0 for moment in moments.moments] == sorted(view.published)
    assert client.state(LINE, at=moments.moments[0].time).t0 == moments.moments[0].t0
    assert client.ready().ready


def test_an_unchanged_response_is_not_sent_again(view, url):
    client = Client(url)
    first = client.forecast(LINE)
    assert client.forecast(LINE).headway_mean is first.headway_mean
    view.step()
    assert client.forecast(LINE).t0 == first.t0 + 1


def test_what_if_returns_the_effect_of_a_change(url):
    client = Client(url)
    departure = client.departures(LINE).departures[2]
    hold = HoldEdit(action="hold", direction_id=departure.direction_id, departure=departure.planned, mins=4.0)
    response = client.what_if(LINE, WhatIfRequest(edits=[hold]))
    assert response.time == client.state(LINE).time and response.status == client.state(LINE).status
    assert (response.edits[0].departure, response.edits[0].mins) == (departure.planned, 4.0)
    assert response.departures[0].planned == departure.planned
    assert len(response.baseline.leads) == 60 and any(map(any, response.reached))
    for place, reached in enumerate(response.reached):
        change = zip(response.difference.headway_mean[place], reached, strict=True)
        assert all(minutes == 0 for minutes, here in change if not here)


def test_the_sentence_of_a_refusal_is_raised(url):
    with pytest.raises(HeadwayError, match="no line 'nowhere' is served; expected one of garden-line"):
        Client(url).state("nowhere")
    with pytest.raises(HeadwayError, match="0 to 4"):
        Client(url).station(LINE, 77)
    departure = Client(url).departures(LINE).departures[0].planned.replace(year=2020)
    gone = CancelEdit(action="cancel", direction_id=0, departure=departure)
    with pytest.raises(HeadwayError, match="no departure is planned"):
        Client(url).what_if(LINE, WhatIfRequest(edits=[gone]))


def test_an_address_without_a_service_is_named():
    for ask in (Client.lines, Client.ready, lambda client: next(client.events(LINE))):
        with pytest.raises(HeadwayError, match=r"no service answers at http://127\.0\.0\.1:1 "):
            ask(Client("http://127.0.0.1:1"))
    for url in ("file:///etc/passwd", "127.0.0.1:8640", "http://"):
        with pytest.raises(HeadwayError, match="the address"):
            Client(url)


def test_a_response_of_another_program_is_refused():
    with listened(SomePage) as url:
        client = Client(url)
        for ask in (client.lines, client.ready):
            with pytest.raises(HeadwayError, match="a response that is no"):
                ask()
        with pytest.raises(HeadwayError, match="status 404 from"):
            client.line("nowhere")
    SomePage.paths.clear()


class SomePage(BaseHTTPRequestHandler):
    paths: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.paths.append(self.path)
        self.send_response(404 if "nowhere" in self.path else 200)
        self.end_headers()
        self.wfile.write(b"<!DOCTYPE html><title>A printer</title>")

    def log_message(self, *_: object) -> None:
        pass


def test_a_key_is_not_sent_on_to_another_server(monkeypatch):
    with listened(SomePage) as other, listened(Elsewhere) as url:
        monkeypatch.setattr(Elsewhere, "elsewhere", other)
        client = Client(url, key="a-key-of-sixteen-letters")
        for ask in (client.lines, lambda: client.what_if(LINE, WhatIfRequest())):
            with pytest.raises(HeadwayError, match=f"redirects to '{other}"):
                ask()
    assert SomePage.paths == []


class Elsewhere(BaseHTTPRequestHandler):
    elsewhere = ""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(302)
        self.send_header("Location", f"{self.elsewhere}{self.path}")
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


def test_a_response_that_drips_is_cut_off():
    with listened(Dripping) as url:
        with pytest.raises(HeadwayError, match=r"is longer than .* or 0\.3 s"):
            Client(url, timeout_secs=0.3).lines()
        with pytest.raises(HeadwayError, match="no service answers"):
            Client(url, timeout_secs=0.01).lines()


class Dripping(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        with suppress(OSError):
            for _ in range(50):
                time.sleep(0.05)
                self.wfile.write(b" ")

    def log_message(self, *_: object) -> None:
        pass


def test_the_cache_holds_the_responses_requested_last(url, monkeypatch):
    monkeypatch.setattr(client_module, "MAX_CACHED_RESPONSES", 3)
    client = Client(url)
    state = client.state(LINE)
    for station in (0, 1, 2, 0, 1, 2):
        client.station(LINE, station)
        assert client.state(LINE).headway is state.headway  # requested all the time, cached all the time


def test_the_age_of_the_data_is_that_of_the_response_not_of_the_forecast(view, url):
    client = Client(url)
    made = client.state(LINE).status.data_age_secs
    view.late_secs = 400.0
    try:
        assert client.state(LINE).status.data_age_secs == made + 400  # though the response has not changed
    finally:
        view.late_secs = 0.0


def test_watch_prints_stations_status_and_alerts(view, url, capsys):
    assert headway("watch", "--url", url, "--once") == 0
    output = capsys.readouterr().out
    for name in view.served.line.station_names:
        assert output.count(name) >= 2  # once in either direction
    assert "live" in output and "trip-propagation" in output and "+15" in output
    assert ("Gap at" in output) == any(w.kind == "gap" for w in view.publisher.latest(LINE)[1].alerts)


def test_watch_lists_the_lines(url, capsys):
    assert headway("watch", "--url", url, "--line", "nowhere", "--once") == 2
    assert "one of garden-line" in capsys.readouterr().err


def test_watch_shows_the_age_growing_and_obeys_no_name(url):
    client = Client(url)
    seen = LineSnapshot(client.line(LINE), client.state(LINE), client.forecast(LINE), client.alerts(LINE))
    evil = "Elm\x1b[2J[bold]Park"
    line = seen.line.model_copy(update={"name": evil})
    printed = io.StringIO()
    Console(file=printed, width=140, force_terminal=True, color_system=None).print(
        shown(LineSnapshot(line, seen.state, seen.forecast, seen.alerts), 100.0)
    )
    assert "data 112 s old" in printed.getvalue() and "live" in printed.getvalue()
    assert "\x1b[2J" not in printed.getvalue() and "[bold]Park" in printed.getvalue()
    assert clean("Örtel–Straße") == "Örtel–Straße"


def test_watch_calls_nothing_live_that_was_published_long_ago(view, url, capsys):
    view.late_secs = 400.0
    try:
        assert headway("watch", "--url", url, "--once") == 0
    finally:
        view.late_secs = 0.0
    output = capsys.readouterr().out
    assert "data 412 s old" in output and "no new forecast comes" in output and "live" not in output
