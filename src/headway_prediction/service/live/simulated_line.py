"""The simulated line of `headway serve --simulate`: its bundle, trained once into a cache, and its feed up to now."""

import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event

from headway_prediction import __version__
from headway_prediction.config import LINE_DEFAULTS, AppConfig
from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.gtfs.timetable import read_timetable
from headway_prediction.feeds.logs.arrivals import check_arrivals
from headway_prediction.grid.history import LineHistory, history_from_log
from headway_prediction.nn.framework import check_framework
from headway_prediction.service.live.feed_sources import SimulatedFeed
from headway_prediction.service.live.ingest import Ingest
from headway_prediction.simulate import Scenario, simulate_days
from headway_prediction.simulate.gtfs_zip import gtfs_bytes
from headway_prediction.transit.clock import service_date_and_minute, service_day_start
from headway_prediction.transit.line import Line

TRAINING_DAYS = 9
TRAINING_SEED, FEED_SEED = 1, 0
"""Different, so that the network was not trained on the days of the feed."""
PLAN_DAYS = 10 * 365
QUICK_TRAINING: Mapping[str, object] = {
    "ensemble_members": 2,
    "epochs": 4,
    "epoch_windows": 2000,
    "validation_windows": 400,
    "encoder_filters": (8, 8),
    "decoder_filters": 24,
    "head_units": 32,
    "test_days": 0,
}
"""A few minutes of training on two cores; far from the accuracy of the default settings."""
MIN_STATIONS = 3
FIRST_SERVICE_MIN, LAST_SERVICE_MIN, NIGHT_START_MIN = 390, 1410, 480
WARM_UP_MINS = 75
INTERVAL_SECS, WARM_UP_INTERVAL_SECS = 15, 60
"""Between polls, and between those before the start, which the first forecast waits for."""
UNLIMITED_SPEED = 1e9


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder where this version of the program keeps files that it can create again."""
    home = Path(environment.get("HOME", tempfile.gettempdir()))
    return Path(environment.get("XDG_CACHE_HOME") or home / ".cache") / "headway-prediction" / __version__


def simulated_bundle(scenario: Scenario, folder: Path, report: Callable[[str], None]) -> Path:
    """Return the path of the line's bundle in a folder; train it first where it is not there.

    Raises HeadwayError where it is to be trained and the training framework is not installed.
    """
    path = folder / f"{scenario.line_id}-{len(scenario.station_names)}" / "bundle"
    if not path.is_dir():
        check_framework()
        from headway_prediction.training.train import train_line

        report(f"training a small network for the simulated line; it takes some minutes, once: {path}")
        config = AppConfig.load(base=LINE_DEFAULTS, environment={}).to_dict()
        history = _training_history(scenario)
        run_dir = path.with_name("bundle.run")
        train_line(history, AppConfig.from_dict(config | dict(QUICK_TRAINING)), run_dir, quiet=True).save(
            path
        )
    return path


def _training_history(scenario: Scenario) -> LineHistory:
    """TRAINING_DAYS of the line, with a plan for PLAN_DAYS."""
    log = check_arrivals(simulate_days(scenario, days=TRAINING_DAYS, seed=TRAINING_SEED))
    line = Line.from_arrivals(log, scenario.time_zone)
    with tempfile.TemporaryDirectory() as folder:
        schedule = Path(folder) / "gtfs.zip"
        last_date = scenario.start_date + timedelta(days=PLAN_DAYS)
        schedule.write_bytes(gtfs_bytes(scenario, scenario.start_date, last_date))
        return history_from_log(log, line, read_timetable(schedule, line))


def scenario_of(line: Line) -> Scenario:
    """Return the scenario that simulates a bundle's `line`; raises HeadwayError where it is another line."""
    scenario = Scenario.of_size(max(len(line.stations), MIN_STATIONS))
    simulated = (scenario.line_id, scenario.time_zone, list(scenario.station_names))
    if (line.line_id, line.time_zone, line.station_names) != simulated:
        raise HeadwayError(
            f"the bundle is of the line {line.line_id}, which is not simulated",
            f"one of {scenario.line_id} with --simulate",
            "leave --bundle out, or serve the line's own feed with --url or --archive",
        )
    return scenario


def begin_of_service(scenario: Scenario, now: datetime) -> datetime:
    """Return `now` while the line runs, and a morning time of the same service day at night."""
    service_date, minute = service_date_and_minute(now, scenario.time_zone)
    if FIRST_SERVICE_MIN <= minute < LAST_SERVICE_MIN:
        return now
    start = service_day_start(service_date, scenario.time_zone)
    return start + timedelta(minutes=NIGHT_START_MIN)


def simulated_feed(
    scenario: Scenario, now: datetime, speed: float, interval_secs: int = INTERVAL_SECS
) -> SimulatedFeed:
    """Return the line's feed from WARM_UP_MINS before `now`; `catch_up` ingests the polls before `now`."""
    begin = now - timedelta(minutes=WARM_UP_MINS)
    return SimulatedFeed(scenario, begin, speed=speed, interval_secs=interval_secs, seed=FEED_SEED)


def catch_up(scenario: Scenario, now: datetime, ingest: Ingest) -> None:
    """Ingest polls up to `now` that are newer than the newest stored one: the line starts with a past."""
    since, until = ingest.newest_poll_at or 0.0, now.timestamp()
    for poll in simulated_feed(scenario, now, UNLIMITED_SPEED, WARM_UP_INTERVAL_SECS).polls(Event()):
        if poll.fetched_at > until:
            return
        if poll.fetched_at > since:
            ingest.add(poll)
