"""The page in trouble: nothing published, the store gone, slow answers, names that are code, cells without values."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Event

import numpy as np
import pytest

from headway_prediction.service.api import request_handler
from headway_prediction.service.live.published import Level, Status
from helpers.page_browser import DRAWN, opened
from helpers.service_server import publish, served
from helpers.service_view import RecordedView, simulated_view

EVIL = (
    '<img src=x onerror="alert(1)">',
    "<b style='color:red'>bold</b>",
    "</script><script>alert(2)</script>",
    "%{x} &amp; <a href='https://example.org'>here</a>",
    "Last Stop",
)


@pytest.fixture
def view() -> RecordedView:
    return simulated_view(steps=3)


def test_a_new_forecast_is_shown_as_soon_as_it_is_published(view, browser):
    with served(view) as (url, _), opened(browser, url) as seen:
        before = seen.text("#clock")
        view.step()
        seen.wait_for(f"document.querySelector('#clock').textContent !== '{before}'")
        state = seen.get("/state")
        assert seen.text("#clock") == state["time"][11:16]
        seen.wait_for("document.querySelector('#scores-table tbody tr') !== null")
        seen.check()


def test_waiting_for_the_first_forecast_is_shown(browser):
    view = simulated_view()
    with served(view) as (url, _):
        page = browser.new_page()
        page.goto(f"{url}/")
        page.wait_for_selector("#station-choice option:nth-child(6)", state="attached")
        assert page.locator("#level").inner_text() == "◌ Waiting for a forecast"
        view.step()
        page.wait_for_selector(DRAWN)
        assert "Live" in page.locator("#level").inner_text()
        page.close()


STORE_GONE = "document.querySelector('#connection').textContent.includes('the store did not respond')"


@pytest.fixture
def store_gone(view, monkeypatch) -> Iterator[Callable[[], None]]:
    """What makes the store of the view hang."""
    released = Event()
    monkeypatch.setattr(request_handler, "STORE_TIMEOUT_SECS", 0.3)

    def gone() -> None:
        view.origins = view.service_dates = lambda *_: released.wait(60)

    yield gone
    released.set()


def test_what_is_live_goes_on_while_the_store_is_gone(view, browser, store_gone):
    store_gone()
    with served(view) as (url, _), opened(browser, url) as seen:
        before = seen.text("#clock")
        view.step()
        seen.wait_for(f"document.querySelector('#clock').textContent > '{before}'")
        seen.wait_for("document.querySelector('#scores-table tbody tr') !== null")
        seen.wait_for(STORE_GONE)
        assert all("503" in error for error in seen.errors), seen.errors


def test_one_comes_back_from_a_replay_while_the_store_is_gone(view, browser, store_gone):
    with served(view) as (url, _), opened(browser, url) as seen:
        seen.wait_for("Number(document.querySelector('#replay-moment').max) > 0")
        seen.page.locator("#replay-moment").focus()
        seen.page.keyboard.press("Home")
        seen.page.wait_for_selector("#replaying:not([hidden])")
        store_gone()
        view.step()
        seen.page.select_option("#replay-day", index=0)  # asks for a day that cannot be read
        seen.page.locator("#replay-day").dispatch_event("change")
        seen.wait_for(STORE_GONE)
        seen.page.locator("#replay-live").click()
        seen.page.wait_for_selector("#replaying", state="hidden")
        newest = seen.get("/state")["time"][11:16]
        seen.wait_for(f"document.querySelector('#clock').textContent === '{newest}'")
        assert seen.page.locator("#what-if").is_visible()
        assert all("503" in error for error in seen.errors), seen.errors


SLOW = """
const sent = fetch;
window.fetch = async (url, how) => {
  const answer = await sent(url, how);
  if (String(url).includes("/stations/1")) await new Promise((done) => setTimeout(done, 1000));
  return answer;
};
null;
"""


def test_a_slow_response_does_not_replace_the_station_that_was_chosen_last(view, browser):
    with served(view) as (url, _), opened(browser, url) as seen:
        page, heading = seen.page, "document.querySelector('#station-heading').textContent"
        page.evaluate(SLOW)
        third = view.served.line.station_names[3]
        page.select_option("#station-choice", "1")
        page.select_option("#station-choice", "3")
        seen.wait_for(f"{heading} === {third!r}")
        page.wait_for_timeout(1300)
        assert seen.text("#station-heading") == third
        page.select_option("#station-choice", "1")
        page.locator("#station-close").click()
        page.wait_for_timeout(1300)
        assert not page.locator("#station").is_visible()
        page.select_option("#station-choice", "1")
        seen.wait_for(f"{heading} === {view.served.line.station_names[1]!r}")
        view.step()  # the station is asked for again, with the rest
        page.wait_for_timeout(200)
        page.select_option("#station-choice", "3")
        page.wait_for_timeout(1500)
        assert seen.text("#station-heading") == third
        page.select_option("#station-choice", "1")
        page.locator(".lane .mark").first.focus()  # who goes on meanwhile is not taken away from there
        seen.wait_for(f"{heading} === {view.served.line.station_names[1]!r}")
        page.wait_for_timeout(200)
        assert page.evaluate("document.activeElement.className").startswith("mark")
        seen.check()


def test_cells_without_a_value_are_empty_and_say_so(view, browser):
    state = view.publisher.latest(view.line_id)[1].state
    headway = state.headway.copy()
    headway[-20:, 2, 0] = np.nan
    publish(view, state=replace(state, headway=headway))
    with served(view) as (url, _), opened(browser, url) as seen:
        cells = seen.plot("#heatmaps [data-direction='0']")[0]
        assert cells["z"][2][40:60] == [None] * 20 and None not in cells["z"][1]
        assert cells["text"][2][50].endswith("unknown")
        images = "[...document.querySelectorAll('#heatmaps .plot')].map((plot) => plot.layout.images.length)"
        assert seen.page.evaluate(images) == [1, 0]  # stripes where something is not known
        seen.check()


def test_it_shows_the_state_while_no_forecast_is_published(view, browser):
    publish(view, forecast=None, hour=None, alerts=(), status=Status(Level.WITHHELD, ("all equal",), 5.0))
    with served(view) as (url, _), opened(browser, url) as seen:
        cells = seen.plot("#heatmaps [data-direction='0']")[0]
        assert cells["x"][-1] == -0.5 and len(cells["x"]) == 60
        assert "No gaps" in seen.text("#alerts-none")
        assert all("503" in error for error in seen.errors)


def test_names_of_a_feed_are_shown_as_they_are_and_never_run(view, browser):
    line = view.served.line
    stations = tuple(replace(station, name=name) for station, name in zip(line.stations, EVIL, strict=True))
    view.served = replace(view.served, name=EVIL[0], line=replace(line, stations=stations))
    with served(view) as (url, _), opened(browser, url) as seen:
        page = seen.page
        assert seen.text("#line-name") == EVIL[0]
        for station, name in enumerate(EVIL):
            page.select_option("#station-choice", str(station))
            seen.wait_for(f"document.querySelector('#station-heading').textContent === {name!r}")
        ticks = page.locator("#heatmaps .ytick text").all_text_contents()
        assert EVIL[0][:10] in " ".join(ticks)
        page.locator("#heatmaps .plot").first.focus()
        page.keyboard.press("ArrowDown")
        page.wait_for_selector("#heatmaps .hoverlayer text")
        assert EVIL[0] in "".join(page.locator("#heatmaps .hoverlayer text").all_text_contents())
        page.locator(".lane .mark").first.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_selector("#line-wait")
        foreign = "document.querySelectorAll('img, [onerror], a[href^=http], body script, b').length"
        assert page.evaluate(foreign) == 0
        seen.check()
