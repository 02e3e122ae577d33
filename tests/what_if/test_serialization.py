"""Requests and answers as JSON has them."""

import json

import numpy as np
import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.what_if.edits import Add, Cancel, Hold, Move
from headway_prediction.what_if.request import Request, Search, Strategy, StrategyName
from headway_prediction.what_if.result import departures
from headway_prediction.what_if.serialization import parse_request, result_plain
from helpers.what_if_line import NOW, STATIONS, T0, TODAY, Railway, line_history

ASKED = {
    "edits": [
        {"action": "hold", "direction_id": 0, "departure": "2025-10-01T09:05:00+01:00", "mins": 2.5},
        {"action": "move", "direction_id": 1, "departure": "2025-10-01T08:12:00Z", "to": "2025-10-01T09:11"},
        {"action": "cancel", "direction_id": 1, "departure": "2025-10-01T09:24"},
        {"action": "add", "direction_id": 0, "departure": "2025-10-01T09:32:30+01:00"},
    ],
    "strategy": {"name": "fill_gap", "direction_id": 1, "mins": 2},
    "search": {"direction_id": 0, "max_hold_mins": 4, "min_turnaround_mins": 3.5},
}


@pytest.fixture(scope="module")
def railway():
    return Railway(line_history(noise=0.5))


def read(railway, plain) -> Request:
    return parse_request(plain, railway.history.line, TODAY)


def test_a_request_is_read_in_minutes_of_the_service_day(railway):
    assert read(railway, ASKED) == Request(
        (Hold(0, NOW + 5, 2.5), Move(1, NOW + 12, NOW + 11), Cancel(1, NOW + 24), Add(0, NOW + 32.5)),
        Strategy(StrategyName.FILL_GAP, 1, 2.0),
        Search(0, 4.0, 3.5),
    )
    assert read(railway, {}) == read(railway, {"edits": [], "strategy": None, "search": None}) == Request()


WRONG = [
    ({"action": "fly"}, "action is 'fly'; expected one of move, hold, cancel, add"),
    ({"direction_id": 2}, "direction_id is 2; expected 0 or 1"),
    ({"direction_id": True}, "direction_id is True"),
    ({"departure": "soon"}, "departure is 'soon'; expected a time such as"),
    ({"departure": None}, "departure is None"),
    ({"mins": -1}, "mins is -1; expected minutes from 0 to 60"),
    ({"mins": float("nan")}, "mins is nan"),
    ({"mins": "3"}, "mins is '3'"),
]


@pytest.mark.parametrize(("wrong", "sentence"), WRONG)
def test_what_is_wrong_is_named(railway, wrong, sentence):
    with pytest.raises(HeadwayError) as error:
        read(railway, {"edits": [ASKED["edits"][0] | wrong]})
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    "plain", [{"edits": "all"}, {"edits": [3]}, {"edits": [{}] * 101}, {"search": []}, {"strategy": 1}]
)
def test_what_has_no_such_shape_is_refused(railway, plain):
    with pytest.raises(HeadwayError):
        read(railway, plain)


def test_an_answer_is_json_in_the_shape_of_the_service(railway):
    found = railway.asked(Hold(0, NOW + 5, 2.0), Cancel(1, NOW + 12), Add(0, NOW + 33))
    plain = result_plain(found)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert set(plain) == {
        "time",
        "edits",
        "baseline",
        "changed",
        "difference",
        "reached",
        "departures",
        "wait",
    }
    assert plain["time"] == "2025-10-01T09:00:00+01:00"
    columns = plain["changed"]
    assert columns["leads"] == list(range(1, 61)) and columns["valid_times"][0] == "2025-10-01T09:01:00+01:00"
    assert len(columns["platforms"]) == len(columns["headway_p90"]) == 2 * STATIONS
    place = [(p["direction_id"], p["station"]) for p in columns["platforms"]].index((0, 3))
    assert columns["headway_mean"][place] == [round(float(h), 2) for h in found.changed.mean[0][:, 3, 0]]
    difference = plain["difference"]["headway_mean"][place]
    assert difference == [round(float(h), 2) for h in found.difference[:, 3, 0]]
    assert plain["reached"][place] == found.reached[:, 3, 0].tolist()
    becomes = {(d["direction_id"], d["planned"]): d["changed"] for d in plain["departures"]}
    assert becomes[0, "2025-10-01T09:05:00+01:00"] == "2025-10-01T09:07:00+01:00"
    assert becomes[1, "2025-10-01T09:12:00+01:00"] is None
    assert becomes[0, None] == "2025-10-01T09:33:00+01:00"
    assert plain["wait"]["line"]["difference_mins"] == round(found.wait.difference_mins, 3)
    assert [w["station"] for w in plain["wait"]["stations"] if w["direction_id"] == 0] == list(
        range(STATIONS)
    )


def test_the_edits_of_an_answer_can_be_asked_again(railway):
    edits = (Hold(0, NOW + 5, 2.0), Cancel(1, NOW + 12), Move(1, NOW + 24, NOW + 20), Add(0, NOW + 33))
    found = railway.asked(*edits)
    again = read(railway, result_plain(found))
    assert again.edits == found.edits and set(found.edits) == set(edits)


def test_nothing_known_is_null(railway):
    found = railway.asked()
    found.baseline.mean[0, 0, 2, 0] = np.nan
    place = result_plain(found)["baseline"]["headway_mean"][2]
    assert place[0] is None and isinstance(place[1], float)


def test_departures_are_listed_with_their_trips(railway):
    listed = departures(railway.bundle, railway.history, TODAY, T0)
    assert listed[0].trip.isdigit()
    times = [one.planned for one in listed]
    assert times == sorted(times)
