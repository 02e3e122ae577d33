"""The simulated line starts with a past, by day and by night, and resumes after a restart."""

from datetime import date, datetime, timedelta

import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.logs.arrivals import check_arrivals
from headway_prediction.feeds.realtime.metadata import FeedMetadata
from headway_prediction.service.live.ingest import Ingest, LineFilter
from headway_prediction.service.live.simulated_line import (
    begin_of_service,
    cache_folder,
    catch_up,
    scenario_of,
)
from headway_prediction.service.store import Store
from headway_prediction.simulate import Scenario, simulate_days
from headway_prediction.transit.clock import service_date_and_minute, service_day_start
from headway_prediction.transit.line import Line, Station

SCENARIO = Scenario.of_size(4)
DAY = date(2026, 1, 13)


def moment(minute: float) -> datetime:
    return service_day_start(DAY, SCENARIO.time_zone) + timedelta(minutes=minute)


@pytest.mark.parametrize(
    ("now", "begins"), [(720, 720), (390, 390), (200, 480), (389, 480), (1410, 480), (1600, 480)]
)
def test_at_night_the_service_begins_in_the_morning(now, begins):
    begin = begin_of_service(SCENARIO, moment(now))
    assert service_date_and_minute(begin, SCENARIO.time_zone) == (DAY, begins)


def test_only_a_simulated_line_has_a_scenario():
    log = check_arrivals(simulate_days(SCENARIO, days=1, seed=1))
    assert scenario_of(Line.from_arrivals(log, SCENARIO.time_zone)) == SCENARIO
    two = Line("garden-line", SCENARIO.time_zone, (Station("A", ("a", "a")), Station("B", ("b", "b"))))
    longer = [Station(name, (name, name)) for name in ("A", "B", "C", "D")]
    for other in (two, Line("red", SCENARIO.time_zone, tuple(longer))):
        with pytest.raises(HeadwayError, match=r"is not simulated.*--url or --archive"):
            scenario_of(other)


def test_it_starts_with_a_past_of_over_an_hour_ingested_once(tmp_path):
    store = Store.open(f"sqlite:///{tmp_path / 'store.sqlite'}")
    line_filter = LineFilter(SCENARIO.line_id, FeedMetadata(SCENARIO.time_zone))
    for now in (moment(480), moment(480), moment(490)):
        ingest = Ingest.resume(store, SCENARIO.line_id, line_filter)
        catch_up(SCENARIO, now, ingest)
        assert 0 <= now.timestamp() - ingest.newest_poll_at < 65
        assert not {"too late", "malformed"} & ingest.counts.keys()
    minutes = [service_date_and_minute(at, SCENARIO.time_zone)[1] for at in ingest.log(DAY)["event_time"]]
    assert 405 <= min(minutes) < 415 and max(minutes) > 485
    assert store.poll_count(SCENARIO.line_id) == pytest.approx(85, abs=4)
    store.close()


def test_the_environment_sets_the_cache_folder():
    assert cache_folder({"XDG_CACHE_HOME": "/tmp/cache"}).parts[:4] == (
        "/",
        "tmp",
        "cache",
        "headway-prediction",
    )
    assert cache_folder({"HOME": "/home/somebody"}).parts[:4] == ("/", "home", "somebody", ".cache")
