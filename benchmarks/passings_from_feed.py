"""Print how many passings are found again from a simulated line's feed, and how exactly: by fault, content and seed.

The truth is the simulator's. A row is a fault; recall, precision and errors are of all seeds together, and the worst
recall of a single seed stands beside them.
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

from headway_prediction.feeds.gtfs.tables import open_schedule
from headway_prediction.feeds.realtime.planned import PlannedTrips, planned_trips
from headway_prediction.feeds.realtime.tracker import track_polls
from headway_prediction.simulate import Scenario, plan_day
from headway_prediction.simulate.feed.faults import FeedFaults
from headway_prediction.simulate.feed.message import FeedContent
from headway_prediction.simulate.feed.polls import polls
from headway_prediction.simulate.feed.truth import JournalAccuracy, compare_journal, departures, together
from headway_prediction.simulate.gtfs_zip import gtfs_bytes
from headway_prediction.simulate.trains import run_day
from headway_prediction.transit.clock import service_day_start

BETWEEN_HOURS = 7.0, 9.0
EDGE_SECS = 120
"""What happens nearer to the first and the last poll than this is not judged."""
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


def judged(case: Case, stations: int, interval_secs: int, planned: PlannedTrips) -> JournalAccuracy:
    logging.disable()  # Each malformed poll is named.
    fault, content, seed = case
    scenario = Scenario.of_size(stations)
    plan = plan_day(scenario, scenario.start_date)
    happened = run_day(scenario, plan, seed)
    between = tuple(hours * 3600 for hours in BETWEEN_HOURS)
    settings = {"interval_secs": interval_secs, "content": CONTENTS[content], "between_secs": between}
    feed = polls(scenario, plan, happened, faults=FAULTS[fault], seed=seed, **settings)
    start = service_day_start(plan.service_date, scenario.time_zone).timestamp()
    return compare_journal(
        departures(scenario, plan, happened, FAULTS[fault], seed),
        track_polls(feed, planned=planned).journal(),
        (start + between[0] + EDGE_SECS, start + between[1] - EDGE_SECS),
    )


def schedule_of(stations: int) -> PlannedTrips:
    """What the line's GTFS zip says, for feeds that tell delays alone."""
    scenario = Scenario.of_size(stations)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "gtfs.zip"
        path.write_bytes(gtfs_bytes(scenario, scenario.start_date, scenario.start_date))
        return planned_trips(open_schedule(path))


HEAD = """\
| fault | content | passings | recall | worst seed | precision | median error, s | 95 of 100, s |
|---|---|---|---|---|---|---|---|"""


def row(fault: str, content: str, alone: list[JournalAccuracy]) -> str:
    whole, worst = together(alone), min(each.recall for each in alone)
    return (
        f"| {fault} | {content} | {whole.happened:,} | {whole.recall:.4f} | {worst:.4f} | {whole.precision:.4f} "
        f"| {whole.median_error:.1f} | {whole.error_95:.1f} |"
    )


def misses(case: Case, found: JournalAccuracy) -> Iterator[str]:
    fault, content, seed = case
    for kind in ("missed", "invented"):
        for departure in getattr(found, kind):
            yield f"{fault}; {content}; seed {seed}: {kind} {departure.trip_id} at {departure.stop_id}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="1,2,3", help="seeds, with commas")
    parser.add_argument("--stations", type=int, default=14)
    parser.add_argument("--interval", type=int, default=15, help="seconds between polls")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--faults", default="", help="only faults that hold one of these words, with commas")
    parser.add_argument("--contents", default=",".join(CONTENTS), help="with commas")
    parser.add_argument("--misses", action="store_true", help="list what was missed and what was invented")
    told = parser.parse_args()
    seeds = [int(text) for text in told.seeds.split(",")]
    faults = [fault for fault in FAULTS if any(word in fault for word in told.faults.split(","))]
    cases = list(product(faults, told.contents.split(","), seeds))
    planned = schedule_of(told.stations)
    judge = partial(judged, stations=told.stations, interval_secs=told.every, planned=planned)
    print(HEAD, flush=True)
    wrong: list[str] = []
    # Polars has threads by now, which a forked process would wait for without end.
    with ProcessPoolExecutor(told.processes, get_context("spawn")) as pool:
        found = zip(cases, pool.map(judge, cases), strict=True)
        for (fault, content), group in groupby(found, key=lambda case_and_found: case_and_found[0][:2]):
            alone = list(group)
            print(row(fault, content, [each for _, each in alone]), flush=True)
            wrong += [line for case, each in alone for line in misses(case, each)]
    if told.misses:
        print("\n".join(["", *wrong]))


if __name__ == "__main__":
    main()
