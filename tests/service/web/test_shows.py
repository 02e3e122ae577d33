"""What the page shows is what the API says: maps, trains, alerts, stations, scores and earlier moments."""

from dataclasses import replace
from datetime import datetime

import pytest

from headway_prediction.service.live.published import Alert, AlertKind
from helpers.page_browser import chromium, opened, written
from helpers.service_server import served
from helpers.service_view import simulated_view

STATIONS = 5


def eight_alerts(t0: int) -> tuple[Alert, ...]:
    """Eight alerts in an order that neither their times nor their sizes have."""
    issues = [AlertKind.BUNCHED, AlertKind.GAP, AlertKind.GAP, AlertKind.BUNCHED] * 2
    return tuple(
        Alert(
            kind,
            n % 2,
            n % STATIONS,
            t0 + 1 + (7 * n) % 16,
            2.0 + n if n % 4 else 9.25,
            5.1,
            0.95 - n / 10,
        )
        for n, kind in enumerate(issues)
    )


@pytest.fixture(scope="module")
def seen():
    view = simulated_view(STATIONS)
    for _ in range(12):
        newest = view.step()
    view.publisher.publish(view.line_id, replace(newest, alerts=eight_alerts(newest.state.t0)))
    with served(view) as (url, _), chromium() as browser, opened(browser, url) as seen:
        yield seen


@pytest.fixture(autouse=True)
def nothing_wrong(seen):
    yield
    seen.check()


def minutes_after(time: str, now: str) -> float:
    return (datetime.fromisoformat(time) - datetime.fromisoformat(now)).total_seconds() / 60


def travel_order(direction: int) -> list[int]:
    return list(range(STATIONS)) if direction == 0 else list(range(STATIONS))[::-1]


@pytest.mark.parametrize("direction", [0, 1])
def test_maps_hold_the_headways_of_the_past_hour_and_the_forecast(seen, direction):
    state, hour, quarter = (
        seen.get(path, **asked)
        for path, asked in (
            ("/state", {}),
            ("/forecast", {"horizon": 60, "format": "columns"}),
            ("/forecast", {"horizon": 15, "format": "columns"}),
        )
    )
    cells = seen.plot(f"#heatmaps [data-direction='{direction}']")[0]
    assert cells["x"] == [minute - 0.5 for minute in range(-59, 61)]  # middles of minutes; now is 0
    places = {(p["direction_id"], p["station"]): n for n, p in enumerate(hour["platforms"])}
    for row, station in enumerate(travel_order(direction)):
        platform = places[direction, station]
        expected = quarter["headway_mean"][platform] + hour["headway_mean"][platform][15:]
        assert cells["customdata"][row] == state["headway"][direction][station] + expected


def test_colours_are_relative_to_the_typical_headway_and_paler_where_less_certain(seen):
    state = seen.get("/state")
    headways, veil, *_ = seen.plot("#heatmaps [data-direction='0']")
    for row in range(STATIONS):
        cells = zip(headways["customdata"][row], headways["z"][row], state["typical"][0][row], strict=True)
        for headway, place, typical in cells:
            if headway is None:
                assert place is None
            else:
                assert -1 <= place <= 1
                assert (place > 0) == (headway > typical) or headway == typical
        assert veil["z"][row][:60] == [None] * 60  # what has happened is certain
        assert veil["z"][row][119] > veil["z"][row][61]


def test_a_cell_has_its_headway_interval_and_typical_headway(seen):
    quarter = seen.get("/forecast", horizon=15, format="columns")
    words = seen.plot("#heatmaps [data-direction='0']")[0]["text"][2][60 + 4]
    platform = next(
        n for n, p in enumerate(quarter["platforms"]) if (p["direction_id"], p["station"]) == (0, 2)
    )
    name = quarter["platforms"][platform]["stop_name"]
    mean, low, high = (quarter[f"headway_{part}"][platform][4] for part in ("mean", "p10", "p90"))
    when = quarter["valid_times"][4][11:16]
    assert words.startswith(
        f"{name}, {when}: forecast {written(mean)} min ({written(low)} to {written(high)}), typical "
    )


def test_trains_are_solid_where_they_passed_and_dotted_where_they_are_expected(seen):
    state = seen.get("/state")
    traces = seen.plot("#time-space-plot")
    assert [trace["line"]["dash"] for trace in traces] == ["solid", "dot"] * 2
    for direction in (0, 1):
        trains = [train for train in state["trains"] if train["direction_id"] == direction]
        passed = [
            (p["station"], minutes_after(p["time"], state["time"])) for t in trains for p in t["passed"]
        ]
        drawn = traces[2 * direction]
        assert [
            (y, pytest.approx(x)) for x, y in zip(drawn["x"], drawn["y"], strict=True) if y is not None
        ] == passed
        expected = {(p["station"], p["time"][11:19]) for t in trains for p in t["expected"]}
        dotted = {
            (y, words[-8:])
            for y, words in zip(
                traces[2 * direction + 1]["y"], traces[2 * direction + 1]["text"], strict=True
            )
            if y is not None
        }
        assert expected <= dotted


def test_alerts_are_in_the_order_of_the_api_with_time_place_and_probability(seen):
    body = seen.get("/alerts")["alerts"]
    assert body
    more = seen.page.locator("#all-alerts")
    assert seen.page.locator("#alert-list button").count() == 6
    more.click()
    shown = seen.page.locator("#alert-list button")
    assert shown.count() == len(body)
    for place, alert in enumerate(body):
        words = shown.nth(place).inner_text()
        for part in (
            alert["stop_name"],
            alert["time"][11:16],
            f"{written(alert['headway_mins'])} min",
            f"typical {written(alert['typical_mins'])}",
            f"probability {written(100 * alert['probability'], 0)} %",
        ):
            assert part in words
        assert ("Gap" in words) == (alert["kind"] == "gap")
        assert shown.nth(place).get_attribute("aria-label") == alert["text"]
    more.click()


def test_a_station_shows_its_past_its_forecast_and_the_interval(seen):
    seen.page.select_option("#station-choice", "2")
    seen.wait_for("document.querySelectorAll('#station-directions .main-svg').length >= 2")
    body = seen.get("/stations/2")
    assert seen.text("#station-heading") == body["name"]
    for direction in body["directions"]:
        figure = f"#station-directions [data-direction='{direction['direction_id']}']"
        traces = {trace["name"]: trace for trace in seen.plot(f"{figure} .plot")}
        assert traces["observed"]["y"] == direction["past"]["headway"]
        assert traces["forecast"]["y"] == direction["forecast"]["headway_mean"]
        assert traces["10 % quantile"]["y"] == direction["forecast"]["headway_p10"]
        assert traces["90 % quantile"]["y"] == direction["forecast"]["headway_p90"]
        assert traces["typical"]["y"] == [direction["typical"]] * 2
        mean, low, high = (direction["forecast"][f"headway_{part}"][4] for part in ("mean", "p10", "p90"))
        assert f"in 5 min: {written(mean)} ({written(low)} to {written(high)})" in seen.text(
            f"{figure} .station-summary"
        )
    seen.page.locator("#station-close").click()
    assert not seen.page.locator("#station").is_visible()


def test_arrow_keys_go_from_cell_to_cell_and_enter_opens_the_station(seen):
    page, body = seen.page, seen.get("/state")
    page.locator("#heatmaps .plot").first.focus()
    page.keyboard.press("ArrowDown")
    assert seen.text("#cell").split(", ")[1].startswith(body["times"][-1][11:16])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    later = seen.plot("#heatmaps [data-direction='0']")[0]["text"][1][60]
    assert seen.text("#cell") == later and "forecast" in later
    page.keyboard.press("Enter")
    seen.wait_for("document.activeElement.id === 'station-heading'")
    assert seen.text("#station-heading") == later.split(",")[0]
    page.locator("#station-close").click()


def test_a_click_on_the_map_opens_the_station(seen):
    cells = seen.page.locator("#heatmaps [data-direction='1'] .nsewdrag")
    box = cells.bounding_box()
    cells.click(position={"x": box["width"] * 0.7, "y": box["height"] * 0.1})
    seen.page.wait_for_selector("#station:not([hidden])")
    assert seen.text("#station-heading") == seen.get(f"/stations/{STATIONS - 1}")["name"]
    seen.page.locator("#station-close").click()


def test_status_age_and_scores(seen):
    state, scores = seen.get("/state"), seen.get("/scores")
    assert "Live" in seen.text("#level")
    assert not seen.page.locator("#status-reasons").is_visible()
    age = seen.text("#age")
    assert age.startswith("Data ") and int(age.split()[1]) >= state["status"]["data_age_secs"]
    assert seen.text("#clock") == state["time"][11:16]
    rows = seen.page.locator("#scores-table tbody tr")
    for place, method in enumerate(scores["methods"]):
        at_five = method["by_lead"][4]["mae"]
        words = rows.nth(place).inner_text()
        assert written(method["mae"], 2) in words and method["method"] in words
        assert written(at_five, 2) in words
    assert f"{written(100 * scores['coverage'], 0)} %" in seen.text("#scores-summary")
    assert not seen.page.locator("#better-method").is_visible()


def test_the_slider_shows_an_earlier_moment_and_goes_back_to_live(seen):
    page = seen.page
    moments = seen.get("/moments")["moments"]
    page.locator("#replay-moment").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    chosen = moments[1]["time"]
    seen.wait_for(f"document.querySelector('#clock').textContent === '{chosen[11:16]}'")
    seen.wait_for("document.querySelector('#replaying').textContent.includes('not live')")
    then = seen.get("/state", at=chosen)
    seen.wait_for(
        f"document.querySelector('#heatmaps .plot').data[0].customdata[0][0] === {then['headway'][0][0][0]}"
    )
    assert seen.plot("#heatmaps [data-direction='0']")[0]["customdata"][3][:60] == then["headway"][0][3]
    alerts = [alert["text"] for alert in seen.get("/alerts", at=chosen)["alerts"]]
    shown = [alert.get_attribute("aria-label") for alert in page.locator("#alert-list button").all()]
    assert shown == alerts[: len(shown)] and len(shown) == min(6, len(alerts))
    assert seen.text("#age").endswith("old then") and seen.text("#level") == "● Live then"
    assert page.locator("#level").get_attribute("data-level") == "then"  # nothing that looks like now
    assert not page.locator("#what-if").is_visible()  # only the plan of now can be changed
    page.locator("#replay-live").click()
    seen.wait_for(f"document.querySelector('#clock').textContent === '{moments[-1]['time'][11:16]}'")
    assert not page.locator("#replaying").is_visible() and page.locator("#what-if").is_visible()
