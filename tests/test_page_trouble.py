"""The page in trouble: the service gone and back, forecasts not to be trusted, names that are code, cells without values."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from threading import Event

import numpy as np
import pytest

from headway_prediction.service.api import desk
from headway_prediction.service.issued import Level, Status
from page_browser import DRAWN, chromium, opened
from service_server import served
from service_view import RecordedView, simulated_view

EVIL = (
    '<img src=x onerror="alert(1)">',
    "<b style='color:red'>bold</b>",
    "</script><script>alert(2)</script>",
    "%{x} &amp; <a href='https://example.org'>here</a>",
    "Last Stop",
)


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def view() -> RecordedView:
    view = simulated_view()
    for _ in range(3):
        view.step()
    return view


def publish(view: RecordedView, **changes: object) -> None:
    """Put the newest minute up again, changed."""
    newest = view.board.newest(view.line_id)[1]
    view.board.publish(view.line_id, replace(newest, **changes))


def test_a_new_forecast_is_shown_as_soon_as_it_is_published(view, browser):
    with served(view) as (url, _), opened(browser, url) as seen:
        before = seen.text("#clock")
        view.step()
        seen.wait_for(f"document.querySelector('#clock').textContent !== '{before}'")
        state = seen.get("/state")
        assert seen.text("#clock") == state["time"][11:16]
        seen.wait_for("document.querySelector('#scores-table tbody tr') !== null")
        seen.check()


def test_it_waits_for_the_first_forecast_and_says_so(browser):
    view = simulated_view()
    with served(view) as (url, _):
        page = browser.new_page()
        page.goto(f"{url}/")
        page.wait_for_selector("#station-choice option:nth-child(6)", state="attached")
        assert page.locator("#level").inner_text() == "◌ Waiting for a forecast"
        view.step()
        page.wait_for_selector(DRAWN)
        assert "Fresh" in page.locator("#level").inner_text()
        page.close()


def test_it_says_that_the_service_is_gone_and_goes_on_when_it_is_back(view, browser):
    with ExitStack() as running:
        url, _ = running.enter_context(served(view))
        with opened(browser, url) as seen:
            assert not seen.page.locator("#connection").is_visible()
            running.close()
            seen.page.wait_for_selector("#connection:not([hidden])")
            assert "No connection to the service since" in seen.text("#connection")
            assert "No connection" in seen.text("#level")
            seen.page.select_option("#station-choice", "1")  # what cannot be read is no error of the page
            view.step()
            with served(view, port=int(url.rpartition(":")[2])):
                seen.page.wait_for_selector("#connection", state="hidden")
                newest = seen.get("/state")["time"][11:16]
                seen.wait_for(f"document.querySelector('#clock').textContent === '{newest}'")
                assert "Fresh" in seen.text("#level")
            assert all("ERR_" in error for error in seen.errors), seen.errors


def test_a_lost_connection_stays_lost_and_the_data_grow_older_whatever_is_drawn_again(view, browser):
    with ExitStack() as running:
        url, _ = running.enter_context(served(view))
        with opened(browser, url) as seen:
            publish(view, status=Status(Level.FRESH, (), 60.0))
            seen.wait_for("document.querySelector('#age').textContent.startsWith('Data 6')")
            running.close()
            seen.page.wait_for_selector("#level[data-level='lost']")
            seen.page.wait_for_timeout(2500)
            before, ink = shown_secs(seen), "document.querySelector('#heatmaps .plot')._fullLayout.font.color"
            light = seen.page.evaluate(ink)
            while seen.page.evaluate(ink) == light:  # one of system, light and dark has other colours
                seen.page.locator("#theme").click()
                seen.page.wait_for_timeout(300)
            assert before >= 62 and shown_secs(seen) >= before
            assert "No connection" in seen.text("#level") and "No connection" in seen.text("#connection")


def shown_secs(seen) -> int:
    """The age that the page shows, under two minutes."""
    _, age, unit, _ = seen.text("#age").split()
    assert unit == "s"
    return int(age)


def test_a_forecast_that_was_published_long_ago_is_not_fresh_after_a_reload(view, browser):
    with served(view) as (url, _), opened(browser, url) as seen:
        assert "Fresh" in seen.text("#level")
        view.late_secs = 1000.0  # nothing is published any more
        seen.page.reload()  # what was kept is confirmed by a 304
        seen.page.wait_for_selector(DRAWN)
        assert "Data 16 min old" in seen.text("#age")
        assert seen.page.locator("#level").get_attribute("data-level") == "old"
        clock = seen.get("/state")["time"][11:16]
        assert f"No new forecast has come since {clock}" in seen.text("#trouble")
        view.late_secs = 0.0
        view.step()
        seen.page.wait_for_selector("#level[data-level='fresh']")
        assert not seen.page.locator("#trouble").is_visible()
        seen.check()


def test_a_forecast_grows_old_while_nothing_is_published(view, browser):
    view.late_secs = 178.0
    with served(view) as (url, _), opened(browser, url) as seen:
        assert "Fresh" in seen.text("#level")
        seen.page.wait_for_selector("#level[data-level='old']")
        seen.check()


STORE_GONE = "document.querySelector('#connection').textContent.includes('the store did not answer')"


@pytest.fixture
def store_gone(view, monkeypatch) -> Iterator[Callable[[], None]]:
    """What makes the store of the view hang."""
    released = Event()
    monkeypatch.setattr(desk, "STORED_SECS", 0.3)

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


def test_a_slow_answer_does_not_take_the_place_of_the_station_that_was_chosen_last(view, browser):
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


@pytest.fixture(scope="module")
def levels(browser):
    """A page whose status is changed by the tests."""
    view = simulated_view()
    for _ in range(3):
        view.step()
    with served(view) as (url, _), opened(browser, url) as seen:
        yield view, seen
        seen.check()


@pytest.mark.parametrize(
    ("level", "words", "colour"),
    [
        (Level.STARTING, "Just started", "caution"),
        (Level.STALE, "feed is silent", "caution"),
        (Level.CLIMATOLOGY, "usual headways", "alarm"),
        (Level.HELD_BACK, "failed a check", "alarm"),
    ],
)
def test_a_forecast_that_is_not_fresh_cannot_be_overlooked(levels, level, words, colour):
    view, seen = levels
    publish(view, status=Status(level, ("because of a <reason>",), 700.0))
    seen.wait_for(f"document.querySelector('#level').dataset.level === '{level.value}'")
    banner = seen.page.locator("#trouble")
    assert words in banner.inner_text() and "because of a <reason>" in banner.inner_text()
    assert colour in banner.get_attribute("class")
    assert seen.page.locator("#age").get_attribute("data-old") == "very"
    publish(view, status=Status(Level.FRESH, (), 1.0))
    seen.page.wait_for_selector("#trouble", state="hidden")


def test_the_age_of_the_data_grows_while_nothing_new_comes(levels):
    view, seen = levels
    publish(view, status=Status(Level.FRESH, (), 117.0))
    seen.wait_for("document.querySelector('#age').textContent.includes('117 s')")
    seen.wait_for("document.querySelector('#age').dataset.old === 'yes'")
    assert "Data 2 min old" in seen.text("#age")


def test_it_says_when_a_simple_method_has_been_better(levels):
    view, seen = levels
    scores = view.board.newest(view.line_id)[1].scores
    publish(view, scores=replace(scores, behind="persistence"))
    seen.page.wait_for_selector("#behind:not([hidden])")
    assert "persistence" in seen.text("#behind")


def test_cells_without_a_value_are_empty_and_say_so(levels):
    view, seen = levels
    state = view.board.newest(view.line_id)[1].state
    headway = state.headway.copy()
    headway[-20:, 2, 0] = np.nan
    publish(view, state=replace(state, headway=headway))
    seen.wait_for("document.querySelector('#heatmaps .plot').data[0].z[2][50] === null")
    cells = seen.plot("#heatmaps [data-direction='0']")[0]
    assert cells["z"][2][40:60] == [None] * 20 and None not in cells["z"][1]
    assert cells["text"][2][50].endswith("not known")


def test_it_shows_the_state_while_no_forecast_is_published(view, browser):
    publish(view, forecast=None, hour=None, warnings=(), status=Status(Level.HELD_BACK, ("all equal",), 5.0))
    with served(view) as (url, _), opened(browser, url) as seen:
        cells = seen.plot("#heatmaps [data-direction='0']")[0]
        assert cells["x"][-1] == -0.5 and len(cells["x"]) == 60
        assert "No gaps" in seen.text("#warnings-none")
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
