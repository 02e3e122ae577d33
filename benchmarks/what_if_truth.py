"""Accuracy of what-if: predicted effects of a change beside those in simulated mornings with and without it.

    python benchmarks/what_if_truth.py --bundle demo/bundle --stations 12 [--pairs 200] [--futures 40] [--json what_if.json]

The bundle is of a simulated line with `--stations` stations (`headway demo`). Every morning has its own seed, different from
those of the training days. A morning is simulated twice with common random numbers: as planned, and with changed departures
(`what_if_pairs`). These methods predict the effect from a moment before the change:

    what-if    `headway what-if`: Monte Carlo simulation of the trains under both plans
    network    the difference of two forecasts of st-convnet-60, one with the changed plan; headways alone
    prior      the difference of two forecasts of trip propagation
    bound      with --futures: the mean effect over half of the drawn futures of the same morning, the best possible
               forecast (`what_if_futures`)

`correlation` and `slope` (real effect per predicted minute; 1 is ideal) are over the cells that the change can reach, by
lead. `wait` is that of passengers who arrive until then, at platforms that the change can reach. The 95 % intervals are
bootstrapped over pairs. With --futures, every method is also scored against the mean effect over the other half, which
excludes chance. Pairs are independent: `--processes` of them run in parallel.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from common import describe_machine
from what_if_changes import ACTIONS
from what_if_pairs import Pair, SimulatedLine
from what_if_scores import evaluate, table
from what_if_waits import LEADS, Change

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.forecasters.rollout import ForecastRequest
from headway_prediction.simulate import Scenario

BATCH_PAIRS = 16


def main() -> None:
    args = _options()
    shares = [range(k, args.pairs, args.processes) for k in range(args.processes)]
    if args.processes == 1:
        parts = [pairs_of(args, shares[0])]
    else:
        with ProcessPoolExecutor(args.processes, mp_context=get_context("spawn")) as pool:
            parts = list(pool.map(partial(pairs_of, args), shares))
    by_number = sorted(
        zip((n for share in shares for n in share), (pair for part in parts for pair in part), strict=True),
        key=lambda numbered: numbered[0],
    )
    pairs = [pair for _, pair in by_number]
    found = evaluate(pairs) | {
        "machine": describe_machine(),
        "pairs": len(pairs),
        "bundle": args.bundle.name,
    }
    print(table(found))
    if args.json:
        args.json.write_text(json.dumps(found, indent=1))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--stations", type=int, required=True)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1_000_000, help="of the first morning")
    parser.add_argument("--no-network", action="store_true")
    parser.add_argument(
        "--futures", type=int, default=0, help="drawn futures of each morning: 0, or 2 and more"
    )
    parser.add_argument("--processes", type=int, default=1, help="processes to run pairs in")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.futures == 1 or min(args.futures, args.processes - 1) < 0:
        parser.error("--futures is 0, or 2 and more; --processes is 1 or more")
    return args


def pairs_of(args: argparse.Namespace, numbers: Sequence[int]) -> list[Pair]:
    """Return the pairs of these numbers, in their order."""
    bundle = Bundle.load_single_line(args.bundle)
    line = SimulatedLine(bundle, Scenario.of_size(args.stations), args.futures)
    pairs_and_requests = (line.pair(ACTIONS[number % len(ACTIONS)], args.seed + number) for number in numbers)
    return (
        [pair for pair, _ in pairs_and_requests]
        if args.no_network
        else list(_with_network(bundle, pairs_and_requests))
    )


def _with_network(
    bundle: Bundle, pairs_and_requests: Iterator[tuple[Pair, tuple[ForecastRequest, ForecastRequest]]]
) -> Iterator[Pair]:
    """Add the network's predictions, BATCH_PAIRS at a time."""
    method = bundle.method("st-convnet-60")
    for some in iter(
        lambda: [both for _, both in zip(range(BATCH_PAIRS), pairs_and_requests, strict=False)], []
    ):
        means = [f.mean[0] for f in method.forecast_each([one for _, requests in some for one in requests])]
        for (pair, _), baseline, changed in zip(some, means[::2], means[1::2], strict=True):
            none = np.full((len(LEADS), *changed.shape[1:]), np.nan)
            pair.predicted["network"] = Change(changed - baseline, none).where(pair.reached)
            yield pair


if __name__ == "__main__":
    main()
