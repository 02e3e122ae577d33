"""Cost of ingest: milliseconds per poll with its transaction, bytes stored per day, and resident memory over days.

python benchmarks/ingest.py polls [--url postgresql+psycopg://…]
python benchmarks/ingest.py days --days 7 --interval 30
"""

import argparse
import statistics
import time
from datetime import datetime, timedelta
from itertools import groupby, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from common import dense_line, describe_machine, first_day_at, line_polls

from headway_prediction.feeds.realtime.metadata import FeedMetadata
from headway_prediction.service.live.ingest import Ingest, LineFilter
from headway_prediction.service.store import Store
from headway_prediction.simulate import Scenario

LINES = {
    "14 stations": Scenario.of_size(14),
    "66 stations, a train every 3 min": dense_line(66),
}
WARM_UP, MEASURED, LOGS = 60, 200, 20


def resumed(store: Store, scenario: Scenario) -> Ingest:
    line_filter = LineFilter(scenario.line_id, FeedMetadata(scenario.time_zone))
    return Ingest.resume(store, line_of(scenario), line_filter)


def line_of(scenario: Scenario) -> str:
    return f"line-of-{scenario.station_count}"


def measure_polls(url: str | None, folder: Path) -> None:
    for name, scenario in LINES.items():
        polls = list(islice(line_polls(scenario, first_day_at(scenario, 8), 15), WARM_UP + MEASURED))
        store = Store.open(url or f"sqlite:///{folder}/{scenario.station_count}.db")
        ingest, walls, processors = resumed(store, scenario), [], []
        for poll in polls:
            wall, processor = time.perf_counter(), time.process_time()
            ingest.add(poll)
            walls.append((time.perf_counter() - wall) * 1e3)
            processors.append((time.process_time() - processor) * 1e3)
        assert ingest.issues() == ()
        wall, processor = sorted(walls[WARM_UP:]), sorted(processors[WARM_UP:])
        kilobytes = statistics.median(len(poll.body) for poll in polls[WARM_UP:]) / 1e3
        print(
            f"{name}, {kilobytes:.1f} KB: median {statistics.median(wall):.1f} ms, p99 {wall[int(0.99 * len(wall))]:.1f}"
            f" ms, p10 {wall[len(wall) // 10]:.1f} ms; of this process's own {statistics.median(processor):.1f} ms"
        )
        logs = []
        for _ in range(LOGS):
            processor = time.process_time()
            height = ingest.log(scenario.start_date).height
            logs.append((time.process_time() - processor) * 1e3)
        print(f"{name}: the log of {height:,} passings takes {statistics.median(logs):.1f} ms of CPU")
        store.close()


def measure_days(days: int, interval_secs: int, folder: Path) -> None:
    scenario = LINES["14 stations"]
    store = Store.open(f"sqlite:///{folder}/days.db")
    ingest, feed = resumed(store, scenario), line_polls(scenario, first_day_at(scenario, 3), interval_secs)
    begin = first_day_at(scenario, 3).timestamp()
    used = 0
    by_day = groupby(feed, lambda poll: int((poll.fetched_at - begin) // 86_400))
    for day, polls in islice(by_day, days):
        before = store.poll_count(line_of(scenario))
        for poll in polls:
            ingest.add(poll)
        count = store.poll_count(line_of(scenario)) - before
        with store._reading() as connection:
            pages, size, free = (
                connection.exec_driver_sql(f"PRAGMA {pragma}").scalar()
                for pragma in ("page_count", "page_size", "freelist_count")
            )
        grown, used = (pages - free) * size - used, (pages - free) * size
        rows = len(store.passings(line_of(scenario), scenario.start_date + timedelta(days=day)))
        resident = psutil.Process().memory_info().rss / 2**20
        print(
            f"day {day + 1}: {count:,} polls, {rows:,} passings, {grown / 1e6:.2f} MB more, resident {resident:.1f} MiB",
            flush=True,
        )
    store.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["polls", "days"])
    parser.add_argument("--url", help="an empty database to measure `polls` with; default: a new SQLite file")
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--interval", type=int, default=15)
    args = parser.parse_args()
    print(f"{describe_machine()}, {datetime.now():%Y-%m-%d}")
    with TemporaryDirectory() as folder:
        if args.what == "polls":
            measure_polls(args.url, Path(folder))
        else:
            measure_days(args.days, args.interval, Path(folder))


if __name__ == "__main__":
    main()
