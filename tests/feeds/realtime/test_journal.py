"""The journal, worked out by hand: a list of polls in, one expected journal out, for each behaviour of feeds.

A row is (trip, stop, time, earliest, latest, evidence) in seconds; polls are 15 s apart unless given otherwise.
"""

from headway_prediction.feeds.realtime.tracker import track_polls
from helpers.realtime_feed import DAY, T0, journal, poll, update, vehicle

OTHER = update("other", {"Y": 5000})


def test_a_stop_that_is_no_longer_listed_was_left_at_its_last_predicted_time():
    polls = [
        poll(0, update("T", {"A": 10, "B": 100})),
        poll(15, update("T", {"A": 20, "B": 100})),
        poll(30, update("T", {"B": 100})),
    ]
    # At 15 the train was still expected to leave A at 20; at 30 it had left.
    assert journal(*polls) == [("T", "A", 20, 15, 30, "left")]
    (passing,) = track_polls(polls).journal()
    assert passing.uncertainty_secs == 10
    assert passing.polls == (T0 + 15, T0 + 30)


def test_an_early_train_left_in_the_middle_between_the_two_polls():
    polls = poll(0, update("T", {"A": 60, "B": 160})), poll(15, update("T", {"B": 110}))
    assert journal(*polls) == [("T", "A", 7.5, 0, 15, "left")]


def test_a_vehicle_seen_stopped_and_then_beyond():
    polls = [
        poll(0, update("T", {"A": 5, "B": 90}), vehicle("T", "A", "stopped", measured=-2)),
        poll(15, update("T", {"A": 12, "B": 95}), vehicle("T", "A", "stopped", measured=13)),
        poll(30, update("T", {"B": 95}), vehicle("T", "B", "to", measured=27)),
    ]
    # By its own clock it stood there at 13 and was on its way at 27; the stated 12 is impossible.
    assert journal(*polls) == [("T", "A", 20, 13, 27, "stopped")]


def test_a_stale_vehicle_position_does_not_hold_the_train_at_the_stop():
    # As New York's feeds do: the update has dropped A, the position still names it.
    polls = [
        poll(0, update("T", {"A": -10, "B": 60}), vehicle("T", "A", "stopped", measured=-10)),
        poll(15, update("T", {"B": 60}), vehicle("T", "A", "stopped", measured=-10)),
        poll(30, update("T", {"B": 58}), vehicle("T", "A", "stopped", measured=-10)),
    ]
    assert journal(*polls) == [("T", "A", 2.5, -10, 15, "stopped")]


def test_vehicles_alone():
    polls = [
        poll(0, vehicle("T", "A", "stopped")),
        poll(15, vehicle("T", "B", "to")),
        poll(30, vehicle("T", "B", "incoming")),
        poll(45, vehicle("T", "B", "stopped")),
        poll(60, vehicle("T", "B", "stopped")),
        poll(75, vehicle("T", "C", "to")),
        poll(90, vehicle("T", "C", "stopped")),
        poll(105, OTHER, vehicle("U", "A", "stopped", vehicle_id="V2")),
    ]
    assert journal(*polls) == [
        ("T", "A", 7.5, 0, 15, "stopped"),
        ("T", "B", 67.5, 60, 75, "stopped"),
        ("T", "C", 97.5, 90, 105, "stopped"),
    ]


def test_a_vehicle_that_was_incoming_when_its_trip_left_the_feed_has_arrived():
    polls = [
        poll(0, OTHER, vehicle("T", "Z", "to")),
        poll(15, OTHER, vehicle("T", "Z", "incoming", measured=13)),
        poll(30, OTHER, vehicle("U", "A", "to", vehicle_id="V2")),
    ]
    assert journal(*polls) == [("T", "Z", 21.5, 13, 30, "predicted")]
    # One that was still on its way is lost; and one that comes back had not passed after all.
    assert journal(polls[0], polls[2]) == []
    assert journal(*polls, poll(45, OTHER, vehicle("T", "Z", "stopped"))) == []


def test_a_lost_vehicle_that_reappears_in_the_other_direction_has_arrived():
    polls = [
        poll(0, OTHER, vehicle("T", "Z", "to", direction=0)),
        poll(15, OTHER, vehicle("U", "A", "to", vehicle_id="V2")),
        poll(215, OTHER, vehicle("T2", "Z", "stopped", direction=1)),
    ]
    assert journal(*polls) == [("T", "Z", 107.5, 0, 215, "predicted")]
    same_way = poll(215, OTHER, vehicle("T2", "Z", "stopped", direction=0))
    assert journal(*polls[:2], same_way) == []


def test_a_vehicle_that_changes_its_trip_and_then_turns_around_passes_once():
    stray = vehicle("U", "A", "to", vehicle_id="V2")
    polls = [
        poll(0, stray, vehicle("T", "Z", "to", direction=0)),
        poll(15, stray, vehicle("T2", "Z", "stopped", direction=0)),
        poll(30, stray),
        poll(90, stray, vehicle("T3", "Z", "stopped", direction=1)),
    ]
    assert journal(*polls) == [("T2", "Z", 22.5, 15, 30, "stopped")]


def all_stops(name: str, start: float, stops: str = "ABCDE") -> list:
    """Polls of positions alone: the vehicle on its way to each stop, and stopped there."""
    return [
        poll(start + 30 * place + secs, vehicle(name, stop, status, vehicle_id=name, sequence=place))
        for place, stop in enumerate(stops)
        for secs, status in ((0, "to"), (15, "stopped"))
    ]


def unseen(*others: list, sequence: int | None = 3) -> list[tuple]:
    """The rows of a vehicle that is lost on its way to B and reappears on its way to D, by its stop `sequence`."""
    stray = vehicle("stray", "Y", "to", vehicle_id="V2")
    last = [
        poll(900, vehicle("T", "B", "to", sequence=1)),
        poll(915, stray),
        poll(1020, vehicle("T", "D", "to", sequence=sequence)),
    ]
    polls = [each for other in others for each in other]
    return [row for row in journal(*polls, *last) if row[0] == "T"]


def test_stops_passed_in_a_gap_are_those_at_which_all_other_trains_called():
    others = [all_stops(f"O{k}", 200 * k) for k in range(4)]
    b, c = ("T", "B", 960, 900, 1020, "left"), ("T", "C", 980, 900, 1020, "predicted")
    assert unseen(*others[:3]) == [b, c]
    assert unseen(*others[:2]) == [b]
    # One other train skipped C, or the stop sequence leaves no room for it, or is missing.
    assert unseen(*others[:3], all_stops("O4", 700, "ABDE")) == [b]
    assert unseen(*others[:3], sequence=2) == [b]
    assert unseen(*others[:3], sequence=None) == [b]


def test_a_vehicle_that_jumps_over_a_stop_without_a_gap_did_not_call_there():
    others = [each for k in range(3) for each in all_stops(f"O{k}", 200 * k)]
    jump = [
        poll(900, vehicle("T", "B", "to", sequence=1)),
        poll(915, vehicle("T", "D", "to", sequence=3)),
    ]
    assert [row[:2] for row in journal(*others, *jump) if row[0] == "T"] == [("T", "B")]


def test_a_vehicle_that_jumps_back_passes_nothing():
    polls = [
        poll(0, vehicle("T", "B", "to", sequence=2)),
        poll(15, vehicle("T", "C", "to", sequence=3)),
        poll(30, vehicle("T", "B", "to", sequence=2)),
        poll(45, vehicle("T", "B", "stopped", sequence=2)),
        poll(60, vehicle("T", "C", "to", sequence=3)),
    ]
    assert journal(*polls) == [("T", "B", 52.5, 45, 60, "stopped")]


def test_updates_and_vehicles_from_two_addresses_complete_each_other():
    polls = [
        poll(0, update("T", {"A": 8, "B": 90})),
        poll(1, vehicle("T", "A", "stopped")),
        poll(15, update("T", {"A": 16, "B": 90})),
        poll(16, vehicle("T", "B", "to")),
    ]
    assert journal(*polls) == [("T", "A", 16, 15, 16, "left")]


def test_the_last_stop_is_passed_when_its_trip_leaves_the_feed():
    polls = [
        poll(0, OTHER, update("T", {"Z": 20})),
        poll(15, OTHER, update("T", {"Z": 18})),
        poll(30, OTHER),
    ]
    assert journal(*polls) == [("T", "Z", 18, 15, 30, "predicted")]


def test_a_trip_that_disappears_halfway_passes_nothing_and_may_come_back():
    lost = [poll(0, OTHER, update("T", {"B": 5, "C": 300})), poll(15, OTHER), poll(30, OTHER)]
    assert journal(*lost) == []
    back = poll(60, OTHER, update("T", {"C": 290}))
    # B was due at 5 and is behind it now: the passing lies somewhere in this minute.
    assert journal(*lost, back) == [("T", "B", 5, 0, 60, "left")]


def test_a_trip_that_comes_back_with_its_last_stop_had_not_arrived():
    polls = [
        poll(0, OTHER, update("T", {"Z": 20})),
        poll(15, OTHER),
        poll(30, OTHER, update("T", {"Z": 80})),
    ]
    assert journal(*polls[:2]) == [("T", "Z", 15, 0, 15, "predicted")]
    assert journal(*polls) == []


def test_a_train_lost_at_a_platform_left_it_at_any_time_until_it_is_seen_beyond():
    polls = [
        poll(0, vehicle("T", "B", "stopped"), vehicle("U", "A", "to", vehicle_id="V2")),
        poll(15, vehicle("U", "A", "to", vehicle_id="V2")),
        poll(60, vehicle("T", "C", "to"), vehicle("U", "A", "to", vehicle_id="V2")),
    ]
    assert journal(*polls[:2]) == [("T", "B", 7.5, 0, 15, "stopped")]
    assert journal(*polls) == [("T", "B", 30, 0, 60, "stopped")]


def test_a_feed_that_empties_for_ten_minutes_and_refills():
    empty = [poll(secs) for secs in range(15, 615, 15)]
    before = poll(
        0,
        update("T", {"B": 40, "C": 160, "D": 900}),
        update("gone", {"Z": 20}),
        update("waits", {"A": 30, "B": 150}),
    )
    after = poll(615, update("T", {"D": 890}), update("waits", {"A": 700, "B": 820}))
    assert journal(before, *empty) == []
    # T is seen beyond B and C. The train that was gone may have arrived or not; the one that waits still does.
    assert journal(before, *empty, after) == [
        ("T", "B", 40, 0, 615, "predicted"),
        ("T", "C", 160, 0, 615, "predicted"),
    ]


def test_when_most_trips_disappear_at_once_none_has_arrived():
    trips = [update(f"T{k}", {"Z": 10 + k}) for k in range(4)]
    assert journal(poll(0, *trips), poll(15, OTHER, trips[0])) == []
    assert len(journal(poll(0, *trips), poll(15, OTHER, *trips[1:]))) == 1


def test_a_train_that_stood_at_a_platform_when_the_feed_failed_passed_it():
    polls = [
        poll(0, vehicle("T", "B", "stopped")),
        poll(15),
        poll(600, vehicle("U", "A", "to", vehicle_id="V2")),
    ]
    assert journal(*polls) == [("T", "B", 0, 0, 600, "stopped")]


def test_trip_ids_are_reused_on_the_next_day():
    def day(start: float, date: str) -> list:
        return [
            poll(start, OTHER, update("T", {"A": start + 10, "B": start + 100}, date=date)),
            poll(start + 15, OTHER, update("T", {"B": start + 100}, date=date)),
        ]

    for dates in (("20250908", "20250909"), ("", "")):
        found = journal(*day(0, dates[0]), *day(DAY, dates[1]))
        assert found == [("T", "A", 10, 0, 15, "left"), ("T", "A", DAY + 10, DAY, DAY + 15, "left")]


def test_an_undated_trip_that_is_listed_again_for_later_is_another_run():
    polls = [
        poll(0, update("T", {"A": 10, "B": 20}, date="")),
        poll(15, update("T", {"B": 20}, date="")),
        poll(30, update("T", {"A": 7210, "B": 7300}, date="")),
        poll(45, update("T", {"A": 7210, "B": 7300}, date="")),
    ]
    assert journal(*polls) == [("T", "A", 10, 0, 15, "left")]


def test_a_vehicle_that_continues_under_another_trip_is_one_train():
    polls = [
        poll(0, vehicle("T", "B", "stopped")),
        poll(15, vehicle("T2", "B", "stopped")),
        poll(30, vehicle("T2", "C", "to")),
    ]
    assert journal(*polls) == [("T2", "B", 22.5, 15, 30, "stopped")]


def test_a_trip_that_is_replaced_by_a_new_one_with_its_stops_is_one_train():
    polls = [
        poll(0, OTHER, update("T", {"Z": 20})),
        poll(15, OTHER, update("T2", {"Z": 22})),
        poll(30, OTHER),
    ]
    assert journal(*polls) == [("T2", "Z", 22, 15, 30, "predicted")]


def test_a_turnaround_at_the_terminal_passes_both_platforms():
    polls = [
        poll(0, vehicle("T", "Z", "stopped", direction=0)),
        poll(15, vehicle("T2", "Z", "stopped", direction=1)),
        poll(30, vehicle("T2", "Y", "to", direction=1)),
    ]
    assert journal(*polls) == [("T", "Z", 7.5, 0, 15, "stopped"), ("T2", "Z", 22.5, 15, 30, "stopped")]


def test_an_added_stop_is_passed_like_any_other():
    polls = [
        poll(0, update("T", {"A": 10, "C": 90})),
        poll(15, update("T", {"B": 28, "C": 90})),
        poll(30, update("T", {"C": 90})),
    ]
    assert journal(*polls) == [("T", "A", 10, 0, 15, "left"), ("T", "B", 28, 15, 30, "left")]


def test_a_skipped_stop_is_not_passed():
    polls = [
        poll(0, update("T", {"A": 10, "B": 40, "C": 90})),
        poll(15, update("T", {"B": 0, "C": 90}, skipped=["B"])),
        poll(60, update("T", {"C": 85})),
    ]
    assert journal(*polls) == [("T", "A", 10, 0, 15, "left")]


def test_a_cancelled_trip_passes_nothing_more():
    polls = [
        poll(0, update("T", {"A": 10, "B": 90})),
        poll(15, update("T", {"B": 30})),
        poll(30, update("T", {"B": 35}, cancelled=True)),
        poll(45, OTHER),
    ]
    assert journal(*polls) == [("T", "A", 10, 0, 15, "left")]


def test_stops_withdrawn_while_they_are_far_are_not_passed():
    polls = [
        poll(0, update("T", {"A": 10, "B": 300, "C": 400, "D": 500})),
        poll(15, update("T", {"C": 390})),
        poll(30, update("T", {"C": 390})),
    ]
    # B is bypassed and the train turns short of D; only A can have been passed.
    assert journal(*polls) == [("T", "A", 10, 0, 15, "left")]


def test_a_past_time_that_still_changes_is_a_train_that_still_stands():
    polls = [
        poll(0, update("T", {"A": 10, "B": 100})),
        poll(15, update("T", {"A": 13, "B": 100})),
        poll(30, update("T", {"A": 20, "B": 98})),
        poll(45, update("T", {"A": 38, "B": 98})),
        poll(60, update("T", {"B": 97})),
    ]
    assert journal(*polls[:4]) == []
    assert journal(*polls) == [("T", "A", 38, 0, 60, "left")]


def test_a_stop_that_stays_listed_is_passed_once_its_past_time_is_stale():
    polls = [
        poll(0, update("T", {"A": 10, "B": 200})),
        poll(60, update("T", {"A": 12, "B": 200})),
        poll(75, update("T", {"A": 12, "B": 200})),
        poll(90, update("T", {"A": 14, "B": 200})),
    ]
    assert journal(*polls[:2]) == []
    assert journal(*polls[:3]) == [("T", "A", 12, 0, 75, "stated")]
    # The feed may still correct what it states.
    assert journal(*polls) == [("T", "A", 14, 0, 75, "stated")]


def test_a_stop_that_stays_listed_is_passed_when_the_next_one_is():
    polls = [
        poll(0, update("T", {"A": 10, "B": 20, "C": 90})),
        poll(30, update("T", {"A": 11, "B": 22, "C": 90})),
    ]
    assert journal(*polls) == [("T", "A", 11, 0, 30, "stated")]


def test_a_stop_that_is_ahead_again_had_not_been_left():
    polls = [
        poll(0, update("T", {"A": 10, "B": 100})),
        poll(15, update("T", {"B": 100})),
        poll(30, update("T", {"A": 50, "B": 140})),
        poll(45, update("T", {"B": 140})),
    ]
    assert journal(*polls[:2]) == [("T", "A", 10, 0, 15, "left")]
    assert journal(*polls[:3]) == []
    assert journal(*polls) == [("T", "A", 37.5, 30, 45, "left")]


def test_a_clock_offset_of_an_hour_is_corrected():
    right = [poll(0, update("T", {"A": 10, "B": 100})), poll(15, update("T", {"B": 100}))]
    for hour in (3600, -3600):
        wrong = [
            poll(0, update("T", {"A": 10 + hour, "B": 100 + hour}), header=hour),
            poll(15, update("T", {"B": 100 + hour}), header=15 + hour),
        ]
        assert journal(*wrong) == journal(*right)


def test_a_header_frozen_for_an_hour_is_no_clock_offset():
    polls = [
        poll(0, update("T", {"A": 10, "B": 100}), header=-3600),
        poll(15, update("T", {"B": 100}), header=-3600),
    ]
    assert journal(*polls) == [("T", "A", 10, 0, 15, "left")]


def test_predictions_an_hour_in_the_past_pass_nothing():
    polls = [
        poll(0, update("T", {"A": 10, "B": 100, "C": 200})),
        poll(15, update("T", {"A": 10 - 3600, "B": 100 - 3600, "C": 200 - 3600})),
        poll(30, update("T", {"A": 10 - 3600, "B": 100 - 3600, "C": 200 - 3600})),
    ]
    assert journal(*polls) == []


def test_a_frozen_header_dates_nothing():
    polls = [
        poll(0, update("T", {"A": 10, "B": 100}), header=0),
        poll(15, update("T", {"A": 18, "B": 100}), header=0),
        poll(30, update("T", {"B": 100}), header=0),
    ]
    assert journal(*polls) == [("T", "A", 18, 15, 30, "left")]
    assert journal(*(poll(p.fetched_at - T0, header=None) for p in polls)) == []


def test_without_a_header_timestamp_the_fetch_time_counts():
    polls = [
        poll(0, update("T", {"A": 10, "B": 100}), header=None),
        poll(15, update("T", {"B": 100}), header=None),
    ]
    assert journal(*polls) == [("T", "A", 10, 0, 15, "left")]


def test_an_older_poll_served_again_changes_nothing():
    polls = [
        poll(0, update("T", {"A": 10, "B": 100})),
        poll(15, update("T", {"B": 100})),
        poll(30, update("T", {"A": 12, "B": 100}), header=7),
        poll(45, update("T", {"B": 99})),
    ]
    assert journal(*polls) == [("T", "A", 10, 0, 15, "left")]
    assert track_polls(polls).counts == {"applied": 3, "older than the previous": 1}


def test_a_stop_left_before_the_trip_first_appeared_is_not_passed_now():
    old = {"Z": -3000}
    polls = [poll(0, OTHER, update("T", old)), poll(15, OTHER, update("T", old)), poll(30, OTHER)]
    assert journal(*polls) == []


def test_entities_without_a_trip_are_counted_and_ignored():
    stray = vehicle("", "A", "stopped", vehicle_id="stray")
    polls = [
        poll(0, stray, update("T", {"A": 10, "B": 100})),
        poll(15, stray, update("T", {"B": 100})),
    ]
    assert journal(*polls) == [("T", "A", 10, 0, 15, "left")]
    assert track_polls(polls).counts["entities without a trip"] == 2


# The extension of New York's subway: train id (1), is_assigned (2), direction (3; 3 is south, north is the default).
UNASSIGNED, ASSIGNED_SOUTH = b"\x0a\x02XY\x18\x03", b"\x0a\x02XY\x10\x01\x18\x03"


def test_a_trip_without_an_assigned_train_passes_nothing():
    polls = [
        poll(0, OTHER, update("T", {"A": 10}, nyct=UNASSIGNED, direction=None)),
        poll(15, OTHER, update("T", {}, nyct=UNASSIGNED, direction=None)),
        poll(30, OTHER),
    ]
    assert journal(*polls) == []


def test_the_extension_gives_train_id_and_direction():
    polls = [
        poll(0, update("T", {"A": 10, "B": 100}, nyct=UNASSIGNED, direction=None)),
        poll(15, update("T", {"B": 100}, nyct=ASSIGNED_SOUTH, direction=None)),
    ]
    assert journal(*polls) == [("T", "A", 10, 0, 15, "left")]
    (passing,) = track_polls(polls).journal()
    assert (passing.run.train_id, passing.run.direction_id) == ("XY", 1)


def on_track(entity, scheduled: bytes, actual: bytes = b""):
    """The update with the extension's tracks at its first stop (field 1001: scheduled 1, actual 2)."""
    tracks = b"\x0a" + bytes([len(scheduled)]) + scheduled
    tracks += b"\x12" + bytes([len(actual)]) + actual if actual else b""
    entity.trip_update.stop_time_update[0].MergeFromString(b"\xca\x3e" + bytes([len(tracks)]) + tracks)
    return entity


def test_a_passing_has_the_actual_track_or_else_the_scheduled_one():
    for actual, expected in ((b"", "A1"), (b"A3", "A3")):
        polls = [
            poll(0, on_track(update("T", {"A": 10, "B": 100}), b"A1")),
            poll(10, on_track(update("T", {"A": 12, "B": 100}), b"A1", actual)),
            poll(15, update("T", {"A": 14, "B": 100}), vehicle("T", "A", "stopped")),
            poll(30, on_track(update("T", {"B": 100}), b"A1")),
        ]
        (passing,) = track_polls(polls).journal()
        assert (passing.stop_id, passing.track) == ("A", expected)


def test_a_malformed_track_is_empty():
    broken = update("T", {"A": 10, "B": 100})
    broken.trip_update.stop_time_update[0].MergeFromString(b"\xca\x3e\x03\x0a\x09A")
    (passing,) = track_polls([poll(0, broken), poll(15, update("T", {"B": 100}))]).journal()
    assert passing.track == ""


def test_a_vehicle_beyond_stops_that_are_due_much_later_is_another_train():
    polls = [
        poll(0, update("T", {"A": 600, "B": 700, "C": 800})),
        poll(15, update("T", {"A": 600, "B": 700, "C": 800}), vehicle("T", "C", "to")),
        poll(30, update("T", {"A": 600, "B": 700, "C": 800})),
    ]
    assert journal(*polls) == []
