"""A minute is forecast once: when a poll shows that it is over, or a little later without one."""

from headway_prediction.service.live.loop_schedule import LoopSchedule


def test_the_first_poll_after_a_minute_makes_it_due():
    schedule = LoopSchedule(started_at=600.0)
    assert schedule.due(None, 610.0) is None
    assert schedule.due(605.0, 610.0) == 600.0
    assert schedule.due(659.9, 660.0) is None
    assert schedule.due(660.0, 660.5) == 660.0
    assert schedule.due(675.0, 675.0) is None


def test_without_a_poll_it_is_due_twenty_seconds_later():
    schedule = LoopSchedule(started_at=600.0)
    assert schedule.due(655.0, 655.0) == 600.0
    assert schedule.due(655.0, 679.0) is None
    assert schedule.due(655.0, 680.0) == 660.0


def test_the_first_poll_is_waited_for():
    schedule = LoopSchedule(started_at=630.0)
    assert schedule.due(None, 649.0) is None
    assert schedule.due(None, 650.0) == 600.0


def test_of_several_minutes_the_newest_is_due():
    schedule = LoopSchedule(started_at=600.0)
    assert [schedule.due(at, at) for at in (600.0, 1000.0, 1019.0)] == [600.0, 960.0, None]


def test_time_that_stands_still_or_goes_back_makes_nothing_due():
    schedule = LoopSchedule(started_at=600.0)
    assert [schedule.due(at, at) for at in (7200.0, 3600.0, 3660.0, 7260.0)] == [7200.0, None, None, 7260.0]
