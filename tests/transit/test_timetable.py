from datetime import date

from headway_prediction.transit.timetable import Service
from helpers.trips import timetable_of

MONDAY, SATURDAY = date(2025, 9, 29), date(2025, 10, 4)
SERVICES = (Service("weekday", weekdays=frozenset(range(5))), Service("extra", frozenset({MONDAY, SATURDAY})))


def timetable():
    rows = [
        (0, 0, 0, 0, 400.0),
        (0, 1, 0, 0, 380.0),
        (1, 2, 0, 0, 390.0),
        (0, 3, 1, 0, 395.0),
        (0, 4, 0, 1, 402.0),
    ]
    return timetable_of(rows, *SERVICES)


def test_a_service_runs_on_its_weekdays_and_dates():
    weekday, extra = SERVICES
    assert [weekday.runs_on(day) for day in (MONDAY, SATURDAY)] == [True, False]
    assert [extra.runs_on(day) for day in (MONDAY, SATURDAY, date(2025, 10, 6))] == [True, True, False]


def test_departures_of_one_platform_are_sorted_over_all_running_services():
    plan = timetable()
    assert plan.departures(MONDAY, 0, 0).tolist() == [380, 390, 400]
    assert plan.departures(SATURDAY, 0, 0).tolist() == [390]
    assert plan.departures(MONDAY, 1, 0).tolist() == [395]
    assert plan.departures(date(2025, 10, 5), 0, 0).tolist() == []


def test_planned_passings_are_sorted_by_platform_and_minute():
    planned = timetable().planned_on(MONDAY).select("direction", "station", "minute").rows()
    assert planned == [(0, 0, 380), (0, 0, 390), (0, 0, 400), (0, 1, 402), (1, 0, 395)]


def test_services_survive_storage():
    assert tuple(Service.from_dict(service.to_dict()) for service in SERVICES) == SERVICES
