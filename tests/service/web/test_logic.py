"""The page's own arithmetic, run in the browser: times of the line's zone, cells of a map, plans and their edits."""

import pytest

from helpers.page_browser import chromium
from helpers.service_server import served
from helpers.service_view import simulated_view


@pytest.fixture(scope="module")
def run():
    """Evaluate an expression of `m`, which has what the named modules of the page export, and of `argument`."""
    view = simulated_view()
    view.step()
    with served(view) as (url, _), chromium() as browser:
        page = browser.new_page(timezone_id="Asia/Tokyo")
        page.goto(f"{url}/static/icon.svg")
        page.route("**/lines/nobody/events", lambda _: None)  # one that never answers

        def run(modules: str, expression: str, argument: object = None) -> object:
            paths = [f"/static/{name}.js" for name in modules.split()]
            return page.evaluate(
                f"""async ([paths, argument]) => {{
                      const found = await Promise.all(paths.map((path) => import(path)));
                      const m = Object.assign({{}}, ...found);
                      return {expression};
                    }}""",
                [paths, argument],
            )

        yield run


def test_times_are_those_of_the_line_wherever_the_browser_is(run):
    assert (
        run("times", "m.zoneFormats('America/Chicago').clock(m.instant('2026-01-13T08:30:00-06:00'))")
        == "08:30"
    )
    assert (
        run("times", "m.zoneFormats('Europe/Dublin').seconds(m.instant('2026-07-13T08:30:15+01:00'))")
        == "08:30:15"
    )


def test_ticks_are_round_local_times_through_the_night_in_which_clocks_are_put_back(run):
    now = "2025-10-26T01:00:00+00:00"  # in Dublin 01:00 for the second time that night
    ticks = run(
        "times", "m.roundTicks(m.instant(argument), -60, 60, 30, m.zoneFormats('Europe/Dublin'))", now
    )
    assert ticks == {
        "tickvals": [-60, -30, 0, 30, 60],
        "ticktext": ["01:00", "01:30", "01:00", "01:30", "02:00"],
    }


def test_ticks_of_a_zone_off_the_hour(run):
    ticks = run(
        "times",
        "m.roundTicks(m.instant(argument), 0, 30, 15, m.zoneFormats('Asia/Kathmandu'))",
        "2025-10-26T08:05:00+05:45",
    )
    assert ticks == {"tickvals": [10, 25], "ticktext": ["08:15", "08:30"]}


def test_numbers_are_written_with_their_sign_and_dashes_for_none(run):
    assert run("numbers", "[1.26, -0.004, null, -2].map((value) => m.signed(value))") == [
        "+1.26",
        "0.00",
        "–",
        "−2.00",
    ]
    assert run("numbers", "[m.minutes(null), m.percent(0.845), m.between(1, 2), m.between(null, 2)]") == [
        "–",
        "85 %",
        "1.0 to 2.0",
        "",
    ]


def test_the_scale_is_even_in_ratios_and_ends_at_half_and_twice(run):
    found = run(
        "colours",
        "[[5, 5], [10, 5], [2.5, 5], [40, 5], [0, 5], [null, 5], [5, null]].map(([h, u]) => m.relative(h, u))",
    )
    assert found == [0, 1, -1, 1, -1, None, None]
    assert run("colours", "[m.paleness(4, 4, 5), m.paleness(0, 15, 5), m.paleness(null, 3, 5)]") == [
        0,
        pytest.approx(0.72),
        None,
    ]


LISTENED = """new Promise((done) => {
  const body = [];
  m.listen(`/api/v1/lines/${argument}/events`, (event) => body.push(event.t0), (connected) => body.push(connected),
    { patience: 400, silence: 300 });
  setTimeout(() => done(body), 1500);
})"""


def test_a_silent_stream_is_opened_anew_and_is_not_called_lost(run):
    body = run("events", f"await {LISTENED}", "garden-line")
    assert body.count(480) == body.count(True) >= 3 and False not in body


def test_a_service_that_never_responds_is_lost(run):
    assert run("events", f"await {LISTENED}", "nobody") == [False]


LINE = {
    "stations": [
        {"station": 0, "name": "A", "stop_ids": ["a", "a"]},
        {"station": 1, "name": "B", "stop_ids": ["b", None]},
        {"station": 2, "name": "C", "stop_ids": ["c", "c"]},
    ]
}
STATE = {
    "time": "2026-01-13T08:30:00+00:00",
    "times": ["2026-01-13T08:28:00+00:00", "2026-01-13T08:29:00+00:00"],
    "headway": [[[4, 5], [6, None], [8, 9]], [[1, 2], [None, None], [3, 4]]],
    "typical": [[[5] * 6] * 3, [[5] * 6, [None] * 6, [4, 4, 5, 10, 20, 20]]],
}


def forecast(first: str, values: list[list[float]]) -> dict:
    """A forecast of A and C in direction 1; its interval is a minute to either side."""
    hour, minute = map(int, first.split(":"))
    return {
        "valid_times": [f"2026-01-13T{hour:02}:{minute + n:02}:00+00:00" for n in range(len(values[0]))],
        "platforms": [{"direction_id": 1, "station": 0}, {"direction_id": 1, "station": 2}],
        "headway_mean": values,
        "headway_p10": [[value - 1 for value in row] for row in values],
        "headway_p90": [[value + 1 for value in row] for row in values],
    }


def test_a_map_has_platforms_in_travel_order_and_later_forecasts_over_earlier_ones(run):
    hour = forecast("08:29", [[10, 11, 12, 13], [20, 21, 22, 23]])  # a minute older than the state
    quarter = forecast("08:30", [[30, 31], [40, 41]])
    cells = run("map_cells", "m.mapCells(...argument)", [LINE, STATE, [hour, quarter], 1])
    assert [row["name"] for row in cells["rows"]] == ["C", "A"]  # B has no platform in this direction
    assert cells["starts"] == [-2, -1, 0, 1, 2]
    assert cells["headway"] == [[3, 4, 40, 41, 23], [1, 2, 30, 31, 13]]  # what has passed stays what it was
    assert cells["low"][0] == [None, None, 39, 40, 22]


def test_a_forecast_of_typical_headways_has_one_colour_though_they_change_over_time(run):
    quarter = forecast("08:30", [[5, 5, 5, 5], [5, 10, 20, 20]])
    cells = run("map_cells", "m.mapCells(...argument)", [LINE, STATE, [quarter], 1])
    assert cells["relative"][0][2:] == [0, 0, 0, 0]  # C
    assert cells["typical"][0] == [4, 4, 5, 10, 20, 20]


def test_an_unknown_minute_stays_empty(run):
    late = forecast("08:32", [[30], [40]])
    cells = run("map_cells", "m.mapCells(...argument)", [LINE, STATE, [late], 1])
    assert cells["starts"] == [-2, -1, 0, 1, 2]
    assert cells["headway"][0] == [3, 4, None, None, 40]
    words = run(
        "map_cells times",
        "m.cellText(m.mapCells(...argument), 0, 2, m.zoneFormats('Europe/Dublin'))",
        [LINE, STATE, [late], 1],
    )
    assert words == "C, 08:30: unknown"


TOLD = {
    "time": "2026-01-13T08:30:00+00:00",
    "departures": [
        {"direction_id": 0, "planned": "2026-01-13T08:32:00+00:00"},
        {"direction_id": 0, "planned": "2026-01-13T08:40:20+00:00"},
        {"direction_id": 1, "planned": "2026-01-13T08:35:00+00:00"},
    ],
}
PLAN = "const plan = m.plannedDepartures(argument), now = m.instant(argument.time);"


def edits_after(run, what: str) -> list[dict]:
    return run("plan times", f"(() => {{ {PLAN} {what}; return m.edits(plan); }})()", TOLD)


def test_an_untouched_plan_has_no_edits_and_neither_has_one_moved_there_and_back(run):
    assert edits_after(run, "") == []
    there_and_back = (
        "m.move(plan[1], m.plusMinutes(plan[1].at, 0.5), now);"
        "m.move(plan[1], m.plusMinutes(plan[1].at, -0.5), now)"
    )
    assert edits_after(run, there_and_back) == []
    assert edits_after(run, "plan[0].cancelled = true; m.restore(plan[0])") == []


def test_edits_are_the_request_of_the_api(run):
    found = edits_after(
        run,
        "m.move(plan[0], m.plusMinutes(plan[0].at, 2.5), now); m.hold(plan[1], 3); plan[2].cancelled = true",
    )
    assert found == [
        {
            "action": "move",
            "direction_id": 0,
            "departure": "2026-01-13T08:32:00.000Z",
            "to": "2026-01-13T08:34:30.000Z",
        },
        {"action": "hold", "direction_id": 0, "departure": "2026-01-13T08:40:20.000Z", "mins": 3},
        {"action": "cancel", "direction_id": 1, "departure": "2026-01-13T08:35:00.000Z"},
    ]


def test_a_departure_stays_within_the_hour(run):
    late, early = edits_after(
        run, "m.move(plan[0], m.plusMinutes(now, 90), now); m.move(plan[1], m.plusMinutes(now, -9), now)"
    )
    assert (late["to"], early["to"]) == ("2026-01-13T09:30:00.000Z", "2026-01-13T08:30:00.000Z")


def test_one_is_added_in_the_longest_time_without_a_departure(run):
    (added,) = edits_after(run, "plan.push(m.addition(plan, 0, now))")
    assert added == {"action": "add", "direction_id": 0, "departure": "2026-01-13T09:05:00.000Z"}


def test_the_edits_of_a_response_reproduce_the_plan(run):
    edits = [
        {
            "action": "move",
            "direction_id": 0,
            "departure": "2026-01-13T08:32:00.000Z",
            "to": "2026-01-13T08:34:30.000Z",
        },
        {"action": "cancel", "direction_id": 1, "departure": "2026-01-13T08:35:00.000Z"},
        {"action": "add", "direction_id": 1, "departure": "2026-01-13T08:51:00.000Z"},
    ]
    assert run("plan", "m.edits(m.appliedPlan(...argument))", [TOLD, edits]) == edits


def test_changes_are_carried_over_to_the_next_minute_until_their_time_has_passed(run):
    later = TOLD | {"time": "2026-01-13T08:33:00+00:00", "departures": TOLD["departures"][1:]}
    carry = (
        "(() => { const [body, next] = argument, plan = m.plannedDepartures(body);"
        "plan[0].cancelled = true; m.hold(plan[1], 1);"
        " const { departures, lost } = m.carriedOver(next, plan); return [m.edits(departures), lost]; })()"
    )
    kept, lost = run("plan", carry, [TOLD, later])
    assert [edit["action"] for edit in kept] == ["hold"]
    assert lost == 1
