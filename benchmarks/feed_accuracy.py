"""How accurately the tracker recovers the departures of a simulated line from its feed, by fault, feed content and seed.

    python benchmarks/feed_accuracy.py [--seed 1 --seed 2] [--fault outage] [--content vehicles] [--misses]

The simulator's departures between 07:00 and 09:00 are the truth. A row is a fault and a content: recall, precision and
errors of time are over all seeds together, beside the lowest recall of a single seed.
"""

import argparse
import logging
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import groupby, product
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from feed_truth import JournalAccuracy, combined, compare_journal, true_departures

from headway_prediction.feeds.gtfs.tables import open_schedule
from headway_prediction.feeds.realtime.planned import PlannedTrips, planned_trips
from headway_prediction.feeds.realtime.tracker import track_polls
from headway_prediction.simulate import Scenario, plan_day
from headway_prediction.simulate.feed.faults import FeedFaults
from headway_prediction.simulate.feed.message import FeedContent
from headway_prediction.simulate.feed.polls import polls
from headway_prediction.simulate.gtfs_zip import gtfs_bytes
from headway_prediction.simulate.trains import run_day
from headway_prediction.transit.clock import service_day_start

BETWEEN_HOURS = 7.0, 9.0
EDGE_SECS = 120
"""Departures closer than this to the first and the last poll are not scored."""
CONTENTS = {
    "both": FeedContent(),
    "trip updates": FeedContent(vehicle_positions=False),
    "vehicles": FeedContent(trip_updates=False),
    "delays": FeedContent(vehicle_positions=False, delays="stops"),
    "a delay per trip": FeedContent(vehicle_positions=False, delays="trip"),
}
FAULTS = {
    "none": FeedFaults(),
    "out of order, 20 %": FeedFaults(out_of_order=0.2),
    "repeated, 30 %": FeedFaults(repeated=0.3),
    "older, 10 %": FeedFaults(older=0.1),
    "malformed, 5 %": FeedFaults(malformed=0.05),
    "header stands still, 50 %": FeedFaults(header_stands_still=0.5),
    "clock an hour ahead": FeedFaults(clock_off_secs=3600),
    "clock an hour behind": FeedFaults(clock_off_secs=-3600),
    "vanishing trips, 30 %": FeedFaults(vanishing_trips=0.3),
    "undated trips": FeedFaults(undated_trips=True),
    "renamed trips, 30 %": FeedFaults(renamed_trips=0.3),
    "cancelled trips, 10 %": FeedFaults(cancelled_trips=0.1),
    "entities without a trip, 30 %": FeedFaults(without_trip=0.3),
    "skipped stops, 10 %": FeedFaults(skipped_stops=0.1),
    "added stops, 10 %": FeedFaults(added_stops=0.1),
    "past times that move": FeedFaults(moving_past=True),
    "ten minutes empty": FeedFaults(outages=((8 * 3600, 600),)),
}
Case = tuple[str, str, int]


def accuracy(case: Case, stations: int, interval_secs: int, planned: PlannedTrips) -> JournalAccuracy:
    logging.disable()  # The tracker logs each malformed poll.
    fault, content, seed = case
    scenario = Scenario.of_size(stations)
    plan = plan_day(scenario, scenario.start_date)
    passings = run_day(scenario, plan, seed)
    between = tuple(hours * 3600 for hours in BETWEEN_HOURS)
    settings = {"interval_secs": interval_secs, "content": CONTENTS[content], "between_secs": between}
    feed = polls(scenario, plan, passings, faults=FAULTS[fault], seed=seed, **settings)
    start = service_day_start(plan.service_date, scenario.time_zone).timestamp()
    return compare_journal(
        true_departures(scenario, plan, passings, FAULTS[fault], seed),
        track_polls(feed, planned=planned).journal(),
        (start + between[0] + EDGE_SECS, start + between[1] - EDGE_SECS),
    )


def schedule_of(stations: int) -> PlannedTrips:
    """The planned times of the line's GTFS zip, for feeds with delays alone."""
    scenario = Scenario.of_size(stations)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "gtfs.zip"
        path.write_bytes(gtfs_bytes(scenario, scenario.start_date, scenario.start_date))
        return planned_trips(open_schedule(path))


HEAD = """\
| fault | content | passings | recall | worst seed | precision | median error, s | error p95, s |
|---|---|---|---|---|---|---|---|"""


def row(fault: str, content: str, alone: list[JournalAccuracy]) -> str:
    whole, worst = combined(alone), min(each.recall for each in alone)
    return (
        f"| {fault} | {content} | {whole.expected:,} | {whole.recall:.4f} | {worst:.4f} | {whole.precision:.4f} "
        f"| {whole.median_error:.1f} | {whole.error_p95:.1f} |"
    )


def misses(case: Case, found: JournalAccuracy) -> Iterator[str]:
    fault, content, seed = case
    for kind in ("missed", "spurious"):
        for departure in getattr(found, kind):
            yield f"{fault}; {content}; seed {seed}: {kind} {departure.trip_id} at {departure.stop_id}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, action="append", help="repeatable; default 1, 2 and 3")
    parser.add_argument("--stations", type=int, default=14)
    parser.add_argument("--interval", type=int, default=15, help="seconds between polls")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument(
        "--fault", action="append", help="only faults with this word in their name; repeatable"
    )
    parser.add_argument("--content", action="append", choices=CONTENTS, help="repeatable; default all")
    parser.add_argument("--misses", action="store_true", help="list missed and spurious departures")
    args = parser.parse_args()
    faults = [fault for fault in FAULTS if not args.fault or any(word in fault for word in args.fault)]
    cases = list(product(faults, args.content or CONTENTS, args.seed or (1, 2, 3)))
    planned = schedule_of(args.stations)
    evaluate = partial(accuracy, stations=args.stations, interval_secs=args.interval, planned=planned)
    print(HEAD, flush=True)
    wrong: list[str] = []
    # Polars runs threads by now; a forked process would wait for them forever.
    with ProcessPoolExecutor(args.processes, get_context("spawn")) as pool:
        found = zip(cases, pool.map(evaluate, cases), strict=True)
        for (fault, content), group in groupby(found, key=lambda case_and_found: case_and_found[0][:2]):
            alone = list(group)
            print(row(fault, content, [each for _, each in alone]), flush=True)
            wrong += [line for case, each in alone for line in misses(case, each)]
    if args.misses:
        print("\n".join(["", *wrong]))


if __name__ == "__main__":
    main()
