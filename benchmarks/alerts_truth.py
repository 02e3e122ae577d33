"""Do alerts come true? Every alert of the test days beside what the train it names did, by its probability.

    python benchmarks/alerts_truth.py --bundle BUNDLE --arrivals LOG.parquet [--step-mins 15]

Prints, for bunched trains and gaps and by probability: alerts, their mean probability, and the share that came true.
An alert whose train never passed its station is excluded, and counted.
"""

import argparse
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.feeds.logs.arrivals import read_arrivals
from headway_prediction.forecasters.st_convnet import STConvNetForecaster
from headway_prediction.grid.passings import passings_on_line
from headway_prediction.service.live.alerts import ALERT_THRESHOLDS, find_alerts
from headway_prediction.service.live.line_state import line_state, live_origin
from headway_prediction.service.live.published import Alert

FIRST_T0, LAST_T0 = 400, 1300
BINS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--arrivals", type=Path, required=True)
    parser.add_argument("--step-mins", type=int, default=15)
    args = parser.parse_args()
    bundle, log = Bundle.load(args.bundle), read_arrivals(args.arrivals)
    rows = [
        row
        for day in bundle.lines[0].days["test"]
        for row in alert_outcomes(bundle, log, day, args.step_mins)
    ]
    table = pl.DataFrame(rows, schema=["kind", "probability", "came true"], orient="row")
    table = table.with_columns(bin=(pl.col("probability") * BINS).floor() / BINS)
    columns = pl.len(), pl.col("probability").mean(), pl.col("came true").mean()
    never = pl.col("came true").null_count().alias("never passed")
    with pl.Config(tbl_formatting="ASCII_MARKDOWN", tbl_hide_column_data_types=True, tbl_rows=20):
        print(table.group_by("kind", "bin").agg(*columns, never).sort("kind", "bin"))


def alert_outcomes(
    bundle: Bundle, log: pl.DataFrame, day: date, step_mins: int
) -> Iterator[tuple[str, float, float | None]]:
    """Kind, probability, and whether it came true (None: the train never passed) of each alert of a day."""
    own = log.filter(pl.col("service_date") == day)
    passings, _ = passings_on_line(own, bundle.line)
    passings = passings.with_columns(headway=pl.col("minute").diff().over("direction", "station"))
    network = bundle.method(STConvNetForecaster.name)
    for t0 in range(FIRST_T0, LAST_T0, step_mins):
        origin = live_origin(bundle, own, day, t0)
        state = line_state(bundle, origin)
        for alert in find_alerts(network.forecast(origin.history, day, np.array([t0])), state):
            truth = came_true(alert, passings.filter(pl.col("minute") > t0 + 1))
            yield alert.kind.value, alert.probability, truth


def came_true(alert: Alert, later: pl.DataFrame) -> float | None:
    place = (pl.col("station") == alert.station) & (pl.col("direction") == alert.direction)
    found = later.filter(place & (pl.col("trip_id") == alert.train))
    if found.is_empty() or found["headway"][0] is None:
        return None
    return float(ALERT_THRESHOLDS[alert.kind].is_met(np.array(found["headway"][0] / alert.typical_mins)))


if __name__ == "__main__":
    main()
