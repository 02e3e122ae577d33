"""What-if on the page: marks moved by mouse and keys, strategies, search, and the answer as the API gives it."""

from datetime import datetime, timedelta

import pytest

from helpers.page_browser import opened, written
from helpers.service_server import served
from helpers.service_view import simulated_view

KEY = "a-key-that-is-long-enough"
KEEP_WHAT_IS_ASKED = """
window.asked = [];
const sent = fetch;
window.fetch = (url, how) => {
  if (how?.method === "POST") asked.push(JSON.parse(how.body));
  return sent(url, how);
};
null;
"""


@pytest.fixture(scope="module")
def view():
    return simulated_view(steps=3)


@pytest.fixture(scope="module")
def open_page(view, browser):
    with served(view) as (url, _), opened(browser, url) as seen:
        seen.page.evaluate(KEEP_WHAT_IS_ASKED)
        yield seen


@pytest.fixture
def seen(open_page):
    """The page with no change made yet."""
    open_page.page.locator("#what-if-reset").click()
    open_page.page.evaluate("asked.length = 0")
    yield open_page
    open_page.check()


def marks(seen, direction: int = 0):
    return seen.page.locator(f".lane[data-direction='{direction}'] .mark")


def asked(seen) -> dict:
    """What was asked last, once it was answered."""
    seen.wait_for("asked.length > 0")
    seen.wait_for("document.querySelector('#what-if-state').textContent.includes('forecast from')")
    seen.wait_for("document.querySelectorAll('#what-if-result .main-svg').length >= 6")
    return seen.page.evaluate("asked.at(-1)")


def test_marks_are_the_planned_departures(seen):
    body = seen.get("/departures")
    now = datetime.fromisoformat(body["time"])
    for direction in (0, 1):
        planned = [
            datetime.fromisoformat(d["planned"]) for d in body["departures"] if d["direction_id"] == direction
        ]
        shown = [float(mark.get_attribute("aria-valuenow")) for mark in marks(seen, direction).all()]
        assert shown == [pytest.approx((at - now).total_seconds() / 60, abs=0.06) for at in planned]


def test_an_arrow_key_moves_a_departure_half_a_minute_and_the_result_equals_the_apis(seen):
    planned = [d["planned"] for d in seen.get("/departures")["departures"] if d["direction_id"] == 0][1]
    marks(seen).nth(1).focus()
    for _ in range(5):
        seen.page.keyboard.press("ArrowRight")
    seen.page.keyboard.press("ArrowLeft")
    (edit,) = asked(seen)["edits"]
    assert (edit["action"], edit["direction_id"]) == ("move", 0)
    assert datetime.fromisoformat(edit["departure"]) == datetime.fromisoformat(planned)
    assert datetime.fromisoformat(edit["to"]) - datetime.fromisoformat(planned) == timedelta(minutes=2)

    line = seen.page.request.get(f"{seen.url}/api/v1/lines").json()["lines"][0]["line_id"]
    body = seen.page.request.post(f"{seen.url}/api/v1/lines/{line}/what-if", data={"edits": [edit]}).json()
    reached = changed = 0
    for name, values in (
        ("baseline", body["baseline"]["headway_mean"]),
        ("changed", body["changed"]["headway_mean"]),
        ("difference", body["difference"]["headway_mean"]),
    ):
        (drawn,) = seen.plot(f"#what-if-result [data-map='{name}'][data-direction='0']")
        places = [n for n, p in enumerate(body["baseline"]["platforms"]) if p["direction_id"] == 0]
        assert drawn["customdata"] == [values[place] for place in places]
        if name == "difference":
            for row, place in enumerate(places):
                assert [z is not None for z in drawn["z"][row]] == body["reached"][place]
                reached += sum(body["reached"][place])
                changed += sum(bool(z) for z in drawn["z"][row])
    assert 0 < changed <= reached
    wait = body["wait"]["line"]
    words = seen.text("#line-wait")
    for part in ("baseline_mins", "changed_mins"):
        assert written(wait[part], 2) in words
    for part in ("difference_mins", "low_mins", "high_mins"):
        assert written(abs(wait[part]), 2) in words
    assert any(verdict in words for verdict in ("no significant change", "longer wait", "shorter wait"))
    rows = seen.page.locator("#station-waits tbody tr")
    assert rows.count() == len(body["wait"]["stations"])


def test_a_mark_is_dragged_with_the_mouse(seen):
    mark, page = marks(seen, 1).nth(2), seen.page
    mark.scroll_into_view_if_needed()
    before = float(mark.get_attribute("aria-valuenow"))
    lane, box = page.locator(".lane[data-direction='1']").bounding_box(), mark.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + lane["width"] * 2 / 60, y, steps=4)
    page.mouse.move(x + lane["width"] * 4 / 60, y, steps=4)
    page.mouse.up()
    after = float(marks(seen, 1).nth(2).get_attribute("aria-valuenow"))
    assert after - before == pytest.approx(4, abs=0.6)
    (edit,) = asked(seen)["edits"]
    moved = datetime.fromisoformat(edit["to"]) - datetime.fromisoformat(edit["departure"])
    assert moved.total_seconds() / 60 == pytest.approx(after - before, abs=0.06)


def test_hold_cancel_put_back_add_and_reset(seen):
    page = seen.page
    marks(seen).nth(0).focus()
    page.locator("#selected input").fill("3.5")
    page.locator("#selected button", has_text="Hold").click()
    assert [(e["action"], e["mins"]) for e in asked(seen)["edits"]] == [("hold", 3.5)]
    marks(seen).nth(1).focus()
    page.evaluate("asked.length = 0")
    page.keyboard.press("Delete")
    assert marks(seen).nth(1).get_attribute("data-state") == "cancelled"
    assert [e["action"] for e in asked(seen)["edits"]] == ["hold", "cancel"]
    page.evaluate("asked.length = 0")
    page.keyboard.press("Escape")
    assert [e["action"] for e in asked(seen)["edits"]] == ["hold"]
    page.evaluate("asked.length = 0")
    count = marks(seen, 1).count()
    page.locator(".lane-row").nth(1).get_by_role("button").click()
    assert marks(seen, 1).count() == count + 1
    assert [(e["action"], e["direction_id"]) for e in asked(seen)["edits"]] == [("hold", 0), ("add", 1)]
    page.locator("#what-if-reset").click()
    assert marks(seen, 1).count() == count
    assert not page.locator("#what-if-result").is_visible()


def test_a_strategy_is_one_click_and_its_edits_become_the_plan(seen):
    seen.page.locator("#strategy-mins").fill("2.5")
    seen.page.locator("[data-strategy='hold_next']").click()
    question = asked(seen)
    assert question["strategy"] == {"name": "hold_next", "direction_id": 0, "mins": 2.5}
    assert marks(seen).nth(0).get_attribute("data-state") == "moved"
    assert "(+2.5 min)" in marks(seen).nth(0).get_attribute("aria-valuetext")


def test_the_search_asks_within_the_limits(seen):
    seen.page.locator("#search [name='max_hold_mins']").fill("3")
    seen.page.locator("#search [name='min_turnaround_mins']").fill("5")
    seen.page.locator("#search button").click()
    seen.wait_for("asked.length > 0")
    assert seen.page.evaluate("asked.at(-1).search") == {
        "direction_id": 0,
        "max_hold_mins": 3,
        "min_turnaround_mins": 5,
    }


def test_changes_are_kept_when_the_next_forecast_arrives(seen, view):
    marks(seen).nth(3).focus()
    seen.page.keyboard.press("PageUp")
    before = asked(seen)["edits"]
    seen.page.evaluate("asked.length = 0")
    view.step()
    assert asked(seen)["edits"] == before
    seen.wait_for(f"document.querySelector('#clock').textContent === '{seen.get('/state')['time'][11:16]}'")


def test_the_chosen_departure_stays_chosen_when_the_next_forecast_arrives(seen, view):
    marks(seen).nth(3).focus()
    chosen = seen.text("#selected strong")
    clock = seen.text("#clock")
    view.step()
    seen.wait_for(f"document.querySelector('#clock').textContent !== '{clock}'")
    time = seen.get("/state")["time"]
    seen.wait_for(f"document.querySelector('#scores-summary').textContent.includes('to {time[11:16]}')")
    assert seen.text("#selected strong") == chosen
    seen.page.keyboard.press("ArrowRight")
    (edit,) = asked(seen)["edits"]
    planned = datetime.fromisoformat(edit["departure"]).astimezone(datetime.fromisoformat(time).tzinfo)
    assert chosen.startswith(f"{planned:%H:%M}")


def test_a_service_with_keys_asks_for_one(view, browser):
    with served(view, keys=(KEY,)) as (url, _), opened(browser, url) as seen:
        marks(seen).nth(1).focus()
        seen.page.keyboard.press("ArrowRight")
        seen.page.wait_for_selector("#key:not([hidden])")
        assert "Not forecast" in seen.text("#what-if-state")
        seen.page.locator("#key-value").fill(KEY)
        seen.page.keyboard.press("Enter")
        seen.page.wait_for_selector("#line-wait")
        assert seen.errors and all("401" in error for error in seen.errors)
