"""Requests and results of a what-if as JSON."""

import json

import numpy as np
import pytest
from pydantic import ValidationError

from headway_prediction.what_if.request import (
    Add,
    Cancel,
    Hold,
    Move,
    Request,
    Search,
    Strategy,
    StrategyName,
)
from headway_prediction.what_if.result import editable_departures
from headway_prediction.what_if.schema import WhatIfForecast, WhatIfRequest
from helpers.what_if_line import NOW, STATIONS, TODAY, Railway, line_history

REQUEST = {
    "edits": [
        {"action": "hold", "direction_id": 0, "departure": "2025-10-01T09:05:00+01:00", "mins": 2.5},
        {
            "action": "move",
            "direction_id": 1,
            "departure": "2025-10-01T08:12:00Z",
            "to": "2025-10-01T09:11:00+01:00",
        },
        {"action": "cancel", "direction_id": 1, "departure": "2025-10-01T09:24+01:00"},
        {"action": "add", "direction_id": 0, "departure": "2025-10-01T09:32:30+01:00"},
    ],
    "strategy": {"name": "fill_gap", "direction_id": 1, "mins": 2},
    "search": {"direction_id": 0, "max_hold_mins": 4, "min_turnaround_mins": 3.5},
}


@pytest.fixture(scope="module")
def railway():
    return Railway(line_history(noise=0.5))


def parsed(railway, body: dict) -> Request:
    return WhatIfRequest.model_validate(body).to_request(railway.history.line, TODAY)


def rendered(result) -> dict:
    return json.loads(WhatIfForecast.of(result).model_dump_json())


def test_a_request_is_parsed_into_minutes_of_the_service_day(railway):
    assert parsed(railway, REQUEST) == Request(
        (Hold(0, NOW + 5, 2.5), Move(1, NOW + 12, NOW + 11), Cancel(1, NOW + 24), Add(0, NOW + 32.5)),
        Strategy(StrategyName.FILL_GAP, 1, 2.0),
        Search(0, 4.0, 3.5),
    )
    assert (
        parsed(railway, {}) == parsed(railway, {"edits": [], "strategy": None, "search": None}) == Request()
    )
    even = {"strategy": {"name": "even_headways", "direction_id": 0}}
    assert parsed(railway, even).strategy == Strategy(StrategyName.EVEN_HEADWAYS, 0)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"action": "fly"}, "expected tags: 'move', 'hold', 'cancel', 'add'"),
        ({"direction_id": 2}, "less than or equal to 1"),
        ({"direction_id": True}, "valid integer"),
        ({"departure": "soon"}, "valid datetime"),
        ({"departure": None}, "valid datetime"),
        ({"departure": "2025-10-01T09:05:00"}, "timezone"),
        ({"mins": -1}, "greater than or equal to 0"),
        ({"mins": 61}, "less than or equal to 60"),
        ({"mins": float("nan")}, "finite number"),
        ({"mins": "3"}, "valid number"),
        ({"mins": None}, "valid number"),
        ({"until": "noon"}, "Extra inputs"),
    ],
)
def test_a_wrong_field_of_an_edit_is_named(wrong, sentence):
    with pytest.raises(ValidationError, match=sentence) as error:
        WhatIfRequest.model_validate({"edits": [REQUEST["edits"][0] | wrong]})
    assert "edits.0" in str(error.value)


@pytest.mark.parametrize(
    "body",
    [
        {"edits": "all"},
        {"edits": [3]},
        {"edits": [REQUEST["edits"][2]] * 101},
        {"search": []},
        {"strategy": 1},
        {"strategy": {"name": "fill_gap", "direction_id": 1}},
    ],
)
def test_other_shapes_are_rejected(body):
    with pytest.raises(ValidationError):
        WhatIfRequest.model_validate(body)


def test_a_result_is_json_of_the_documented_shape(railway):
    found = railway.asked(Hold(0, NOW + 5, 2.0), Cancel(1, NOW + 12), Add(0, NOW + 33))
    body = rendered(found)
    assert set(body) == {
        "time",
        "edits",
        "baseline",
        "changed",
        "difference",
        "reached",
        "departures",
        "wait",
    }
    assert body["time"] == "2025-10-01T09:00:00+01:00"
    columns = body["changed"]
    assert columns["leads"] == list(range(1, 61))
    assert columns["valid_times"][0] == "2025-10-01T09:00:00+01:00"  # the start of minute t0 + 1
    assert len(columns["platforms"]) == len(columns["headway_p90"]) == 2 * STATIONS
    place = [(p["direction_id"], p["station"]) for p in columns["platforms"]].index((0, 3))
    assert columns["headway_mean"][place] == [round(float(h), 2) for h in found.changed.mean[0][:, 3, 0]]
    difference = body["difference"]["headway_mean"][place]
    assert difference == [round(float(h), 2) for h in found.difference[:, 3, 0]]
    assert body["reached"][place] == found.reached[:, 3, 0].tolist()
    changed = {(d["direction_id"], d["planned"]): d["changed"] for d in body["departures"]}
    assert changed[0, "2025-10-01T09:05:00+01:00"] == "2025-10-01T09:07:00+01:00"
    assert changed[1, "2025-10-01T09:12:00+01:00"] is None
    assert changed[0, None] == "2025-10-01T09:33:00+01:00"
    assert body["wait"]["line"]["difference_mins"] == round(found.wait.difference_mins, 3)
    stations = [wait["station"] for wait in body["wait"]["stations"] if wait["direction_id"] == 0]
    assert stations == list(range(STATIONS))


def test_a_result_is_read_back_by_the_model_that_wrote_it(railway):
    forecast = WhatIfForecast.of(railway.asked(Hold(0, NOW + 5, 2.0)))
    assert WhatIfForecast.model_validate_json(forecast.model_dump_json()) == forecast


def test_the_edits_of_a_result_can_be_requested_again(railway):
    edits = (Hold(0, NOW + 5, 2.0), Cancel(1, NOW + 12), Move(1, NOW + 24, NOW + 20), Add(0, NOW + 33))
    found = railway.asked(*edits)
    again = parsed(railway, {"edits": rendered(found)["edits"]})
    assert again.edits == found.edits and set(found.edits) == set(edits)


def test_an_unknown_headway_is_null(railway):
    found = railway.asked()
    found.baseline.mean[0, 0, 2, 0] = np.nan
    headways = rendered(found)["baseline"]["headway_mean"][2]
    assert headways[0] is None and isinstance(headways[1], float)


def test_departures_have_their_trips_and_are_in_order(railway):
    listed = editable_departures(railway.bundle, railway.origin)
    assert listed[0].trip == "0-540"
    times = [one.planned for one in listed]
    assert times == sorted(times)
