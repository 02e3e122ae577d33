"""How far the page says that it may be trusted: its connection, the level of the forecast, and the age of the data."""

from contextlib import ExitStack
from dataclasses import replace

import pytest

from headway_prediction.service.live.published import Level, Status
from helpers.page_browser import DRAWN, opened
from helpers.service_server import publish, served
from helpers.service_view import RecordedView, simulated_view


@pytest.fixture
def view() -> RecordedView:
    return simulated_view(steps=3)


def test_the_loss_of_the_service_is_shown_and_the_page_resumes_when_it_returns(view, browser):
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
                assert "Live" in seen.text("#level")
            assert all("ERR_" in error for error in seen.errors), seen.errors


def test_a_lost_connection_stays_lost_and_the_data_grow_older_whatever_is_drawn_again(view, browser):
    with ExitStack() as running:
        url, _ = running.enter_context(served(view))
        with opened(browser, url) as seen:
            publish(view, status=Status(Level.LIVE, (), 60.0))
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
        assert "Live" in seen.text("#level")
        view.late_secs = 1000.0  # nothing is published any more
        seen.page.reload()  # what was kept is confirmed by a 304
        seen.page.wait_for_selector(DRAWN)
        assert "Data 16 min old" in seen.text("#age")
        assert seen.page.locator("#level").get_attribute("data-level") == "old"
        clock = seen.get("/state")["time"][11:16]
        assert f"No new forecast since {clock}" in seen.text("#status-reasons")
        view.late_secs = 0.0
        view.step()
        seen.page.wait_for_selector("#level[data-level='live']")
        assert not seen.page.locator("#status-reasons").is_visible()
        seen.check()


def test_a_forecast_grows_old_while_nothing_is_published(view, browser):
    view.late_secs = 178.0
    with served(view) as (url, _), opened(browser, url) as seen:
        assert "Live" in seen.text("#level")
        seen.page.wait_for_selector("#level[data-level='old']")
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
        (Level.STALE, "no new data", "caution"),
        (Level.CLIMATOLOGY, "typical headways", "alarm"),
        (Level.WITHHELD, "failed a check", "alarm"),
    ],
)
def test_a_forecast_that_is_not_fresh_cannot_be_overlooked(levels, level, words, colour):
    view, seen = levels
    publish(view, status=Status(level, ("because of a <reason>",), 700.0))
    seen.wait_for(f"document.querySelector('#level').dataset.level === '{level.value}'")
    banner = seen.page.locator("#status-reasons")
    assert words in banner.inner_text() and "because of a <reason>" in banner.inner_text()
    assert colour in banner.get_attribute("class")
    assert seen.page.locator("#age").get_attribute("data-old") == "very"
    publish(view, status=Status(Level.LIVE, (), 1.0))
    seen.page.wait_for_selector("#status-reasons", state="hidden")


def test_the_age_of_the_data_grows_while_nothing_new_comes(levels):
    view, seen = levels
    publish(view, status=Status(Level.LIVE, (), 117.0))
    seen.wait_for("document.querySelector('#age').textContent.includes('117 s')")
    seen.wait_for("document.querySelector('#age').dataset.old === 'yes'")
    assert "Data 2 min old" in seen.text("#age")


def test_a_simple_method_that_has_been_better_is_reported(levels):
    view, seen = levels
    scores = view.publisher.latest(view.line_id)[1].scores
    publish(view, scores=replace(scores, better_method="persistence"))
    seen.page.wait_for_selector("#better-method:not([hidden])")
    assert "persistence" in seen.text("#better-method")
