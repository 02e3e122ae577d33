"""The whole service over a feed that tests push: it goes on whatever happens, and reports what is wrong."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from threading import Event

import numpy as np
import pytest
from google.transit.gtfs_realtime_pb2 import FeedMessage

from headway_prediction.feeds.realtime.snapshot import Poll
from headway_prediction.feeds.recorder.record import Clock
from headway_prediction.forecasters.physics.dead_reckoning import DEPARTURE_OVERDUE_MINS
from headway_prediction.service.live.feed_sources import WallClock
from headway_prediction.service.live.published import Level
from headway_prediction.service.live.served_bundle import load_bundle
from headway_prediction.transit.clock import instant
from headway_prediction.what_if.schema import WhatIfRequest
from helpers.pushed_feed import FRIDAY, PushedService, moment, pushed_service, refusal, simulated_polls


@pytest.fixture(scope="module")
def path(small_line, tmp_path_factory):
    return shutil.copytree(small_line / "bundle", tmp_path_factory.mktemp("served") / "bundle")


@pytest.fixture(scope="module")
def loaded(path):
    return load_bundle(path)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'store.sqlite'}"


@pytest.fixture(scope="module")
def morning():
    """Polls from 7:00 to 9:00."""
    return simulated_polls(420, 540)


def between(polls: list[Poll], first: float, last: float) -> list[Poll]:
    return [poll for poll in polls if moment(first) <= poll.fetched_at < moment(last)]


def test_from_polls_to_view_and_store(path, loaded, url, morning):
    with pushed_service(path, loaded, url, between(morning, 420, 461)) as service:
        published = service.complete(459)
        assert published.status.level is Level.LIVE and published.hour.t0 == 459
        service.push(between(morning, 461, 462))
        newest = service.complete(460)
        view = service.live
        metrics = view.metrics(service.line_id)
        assert metrics.feed_age_secs < 60 and metrics.polls["applied"] > 80
        assert metrics.publish_secs > metrics.forecast_secs > service.live.timings.quarter_secs > 0
        assert service.live.issues() == ()
        service.until(lambda: service.store.origins(service.line_id, FRIDAY) == [459, 460])
        service.until(
            lambda: service.store.forecast(service.line_id, "trip-propagation", FRIDAY, 460) is not None
        )
        again = view.forecast_at(service.line_id, FRIDAY, 460)
        np.testing.assert_array_equal(again.forecast.forecast.mean, newest.forecast.forecast.mean)
        np.testing.assert_array_equal(again.hour.forecast.mean, newest.hour.forecast.mean)
        assert again.alerts == newest.alerts
        np.testing.assert_array_equal(again.state.headway, newest.state.headway)
        assert view.forecast_at(service.line_id, FRIDAY, 100) is None
        planned = [departure.planned for departure in view.departures(service.line_id)]
        assert planned and all(461 - DEPARTURE_OVERDUE_MINS <= minute < 521 for minute in planned)
        at = instant(FRIDAY, planned[2], loaded.bundle.line.time_zone).isoformat()
        direction = view.departures(service.line_id)[2].direction
        hold = {"action": "hold", "direction_id": direction, "departure": at, "mins": 3.0}
        request = WhatIfRequest.model_validate({"edits": [hold]})
        result = view.what_if(service.line_id, request)
        assert result.edits[0].mins == 3.0 and result.reached.any()
        assert view.lines()[0].code_version == json.loads((path / "bundle.json").read_text())["code_version"]


def test_the_forecast_is_that_of_the_command_over_the_same_log(path, loaded, url, morning):
    with pushed_service(path, loaded, url, between(morning, 420, 491)) as service:
        published = service.complete(489)
        log = service.live.ingest.log(FRIDAY)
        rows = loaded.bundle.predict(log, instant(FRIDAY, 490, loaded.bundle.line.time_zone))
    platforms = loaded.bundle.line.platforms()
    places = platforms["station"].to_numpy(), platforms["direction"].to_numpy()
    cells = published.forecast.forecast.quantiles[0.5][0][:, *places]
    np.testing.assert_array_equal(rows["headway_p50"].to_numpy().reshape(15, -1), cells)


def test_after_a_restart_the_forecast_equals_that_of_an_uninterrupted_twin(
    path, loaded, url, morning, tmp_path
):
    with pushed_service(path, loaded, url, between(morning, 420, 500)) as service:
        service.complete(498)
    with (
        pushed_service(path, loaded, url) as again,
        pushed_service(
            path, loaded, f"sqlite:///{tmp_path / 'twin.sqlite'}", between(morning, 420, 502)
        ) as twin,
    ):
        again.push(between(morning, 500, 502))
        ours, theirs = again.complete(500), twin.complete(500)
        assert ours.status.level is theirs.status.level is Level.LIVE
        np.testing.assert_array_equal(ours.forecast.forecast.mean, theirs.forecast.forecast.mean)
        np.testing.assert_array_equal(ours.hour.forecast.quantiles[0.9], theirs.hour.forecast.quantiles[0.9])
        again.until(lambda: again.live.issues() == ())


def test_a_feed_that_is_off_for_an_hour_passes_through_all_levels(path, loaded, url):
    polls = simulated_polls(420, 580)
    with pushed_service(path, loaded, url, between(polls, 420, 480)) as service:
        levels = {479: service.complete(478).status.level}
        for minute in (483, 495, 539):
            service.clock.time = moment(minute) + 25
            levels[minute] = service.complete(minute - 1).status.level
        service.push(between(polls, 540, 541))
        levels[540] = service.complete(539).status.level
        service.push(between(polls, 541, 575))
        back = service.complete(573)
    assert levels == {
        479: Level.LIVE, 483: Level.STALE, 495: Level.CLIMATOLOGY, 539: Level.CLIMATOLOGY, 540: Level.STARTING
    }  # fmt: skip
    assert back.status.level is Level.LIVE
    silent = (back.state.minutes >= 481) & (back.state.minutes < 540)
    assert np.isnan(back.state.headway[silent]).all() and np.isfinite(back.state.headway[-1]).any()


def test_a_feed_that_repeats_its_content_is_stale(path, loaded, url, morning):
    polls = between(morning, 420, 480)
    still = [Poll(moment(minute), polls[-1].body) for minute in np.arange(480, 485, 0.5)]
    with pushed_service(path, loaded, url, polls) as service:
        service.complete(478)
        service.push(still)
        published = service.complete(483)
    assert published.status.level is Level.STALE and published.status.data_age_secs > 200


def test_a_clock_that_is_set_stops_nothing_and_is_an_issue(path, loaded, url, morning):
    wall, elapsed = [moment(479)], [0.0]
    with pushed_service(path, loaded, url, between(morning, 420, 480)) as service:
        service.live.clock = WallClock(Clock(now=lambda: wall[0], elapsed=lambda: elapsed[0]))
        service.complete(478)
        wall[0], elapsed[0] = wall[0] + 3600 + 60, 60.0  # set forward by an hour
        assert any("set forward" in issue for issue in service.live.issues())
        service.push(between(morning, 480, 482))
        assert service.complete(480).status.level is Level.LIVE
        wall[0], elapsed[0] = wall[0] - 7200, 120.0  # and back by two
        assert any("set back" in issue for issue in service.live.issues())
        service.push(between(morning, 482, 484))
        assert service.complete(482).status.level is Level.LIVE


def test_a_feed_of_other_trains_only_is_an_issue(path, loaded, url, morning):
    others = [of_another_route(poll) for poll in between(morning, 420, 512)]
    with pushed_service(path, loaded, url, others[:-4]) as service:
        service.complete(508)
        assert service.live.issues() == ()  # the feed is not known for long enough
        service.push(others[-4:])
        service.complete(510)
        service.until(lambda: any("no train of the line" in issue for issue in service.live.issues()))


def of_another_route(poll: Poll) -> Poll:
    message = FeedMessage.FromString(poll.body)
    for entity in message.entity:
        for trip in (entity.trip_update.trip, entity.vehicle.trip):
            if trip.trip_id:
                trip.route_id = "another"
    return Poll(poll.fetched_at, message.SerializeToString())


def test_a_minute_that_raises_withholds_the_forecast_with_its_age(path, loaded, url, morning, monkeypatch):
    with pushed_service(path, loaded, url, between(morning, 420, 480)) as service:
        service.clock.time = moment(480) + 25
        shown = service.complete(479)
        monkeypatch.setattr("headway_prediction.service.live.forecast_loop.line_state", failing)
        service.push(between(morning, 480, 482))
        service.until(lambda: service.publisher.latest(service.line_id)[1].status.level is Level.WITHHELD)
        withheld = service.publisher.latest(service.line_id)[1]
        assert (
            withheld.status.reasons == ("no more",)
            and withheld.state is shown.state
            and withheld.at == shown.at
        )
        assert withheld.status.data_age_secs == shown.status.data_age_secs == 30
        service.until(lambda: "forecast: no more" in service.live.issues())


def failing(*_: object) -> None:
    raise RuntimeError("no more")


def test_a_store_that_is_gone_delays_no_forecast_and_loses_none(path, loaded, url, morning, tmp_path):
    file, elsewhere = tmp_path / "store.sqlite", tmp_path / "elsewhere.sqlite"
    with pushed_service(path, loaded, url, between(morning, 420, 480)) as service:
        service.complete(478)
        service.until(lambda: len(service.store.origins(service.line_id, FRIDAY)) == 1)
        for suffix in ("", "-wal", "-shm"):
            if (wal := file.with_name(file.name + suffix)).exists():
                wal.rename(elsewhere.with_name(elsewhere.name + suffix))
        service.push(between(morning, 480, 481))
        assert service.complete(479).status.level is Level.LIVE
        service.until(lambda: len(service.live.issues()) >= 2)
        assert any("is gone" in issue for issue in service.live.issues())
        for suffix in ("", "-wal", "-shm"):
            if (wal := elsewhere.with_name(elsewhere.name + suffix)).exists():
                wal.rename(file.with_name(file.name + suffix))
        service.push(between(morning, 481, 482))
        service.complete(480)
        service.until(lambda: service.store.origins(service.line_id, FRIDAY) == [478, 479, 480])
        service.until(lambda: service.live.issues() == () and service.live.ingest.waiting_polls == 0)
        assert service.store.log(service.line_id, FRIDAY).equals(service.live.ingest.log(FRIDAY))


def test_a_locked_database_delays_no_forecast(path, loaded, url, morning, tmp_path, monkeypatch):
    monkeypatch.setattr("headway_prediction.service.store.database.BUSY_SECS", 3600.0)
    with pushed_service(path, loaded, url, between(morning, 420, 480)) as service:
        service.complete(478)
        service.until(lambda: len(service.store.origins(service.line_id, FRIDAY)) == 1)
        with closing(sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            service.push(between(morning, 480, 481))
            service.until(lambda: service.live.ingest.waiting_polls > 0)
            service.clock.time = moment(480) + 25
            assert service.complete(479).forecast.t0 == 479


def test_a_new_bundle_is_used_from_the_next_minute_and_a_broken_one_is_not(
    loaded, path, url, morning, tmp_path
):
    served = shutil.copytree(path, tmp_path / "bundle")
    with pushed_service(served, loaded, url, between(morning, 420, 480)) as service:
        service.complete(478)
        replace(loaded.bundle, details={"note": "newer"}).save(served)
        service.live._bundle_watcher.check()
        service.push(between(morning, 480, 481))
        assert service.complete(479).status.level is Level.LIVE
        assert service.live.bundle.bundle.details == {"note": "newer"}
        (served / "calibration.npz").write_bytes(b"nothing")
        (served / "SHA256SUMS").write_text("no checksums\n")
        service.live._bundle_watcher.check()
        service.push(between(morning, 481, 482))
        assert service.complete(480).status.level is Level.LIVE
        assert service.live.bundle.bundle.details == {"note": "newer"}
        assert any(
            issue.startswith("bundle: the bundle on disk cannot be used") for issue in service.live.issues()
        )
        replace(loaded.bundle, details={"note": "repaired"}).save(served)
        service.live._bundle_watcher.check()
        service.until(lambda: not service.live.issues())


def test_a_feed_that_refuses_the_first_request_is_reported_at_once(path, loaded, url):
    service, refused = PushedService(path, loaded, url), Event()
    service.feed.waiting.put(refusal())
    service.live.start(on_refused=refused.set)
    assert refused.wait(10) and "404" in str(service.live.refused)
    service.live.stop()


def test_a_later_refusal_is_an_issue_and_does_not_end_the_service(path, loaded, url, morning):
    with pushed_service(path, loaded, url, between(morning, 420, 480)) as service:
        service.complete(478)
        service.feed.waiting.put(refusal())
        service.until(lambda: any("404" in issue for issue in service.live.issues()))
        assert service.live.refused is None
        service.push(between(morning, 480, 482))
        assert service.complete(480).status.level is Level.LIVE


def test_old_service_dates_are_deleted_from_the_store(path, loaded, url, morning):
    with pushed_service(path, loaded, url, between(morning, 420, 480), retention_days=2) as service:
        service.complete(478)
        service.until(lambda: len(service.store.origins(service.line_id, FRIDAY)) == 1)
        line_id = service.line_id
    with pushed_service(path, loaded, url, retention_days=2) as later:
        later.clock.time = moment(480) + timedelta(days=4).total_seconds()
        later.until(lambda: later.store.origins(line_id, FRIDAY) == [])
        assert later.store.passings(line_id, FRIDAY) == []
