"""Whether what-if tells the truth: simulated mornings with and without a change, beside what was said of it before.

    python benchmarks/what_if_truth.py --bundle demo/bundle --stations 12 [--pairs 200] [--futures 40] [--json what_if.json]

The bundle is of a simulated line of so many stations (`headway demo`); every morning has a seed of its own, which no
training day has. A morning runs twice: as planned, and with departures changed, each train having the same luck in both
(`what_if_pairs`). As of a moment before the change these say what it will do:

    what-if        `headway what-if`: the same trains under both plans, many times over
    network        the difference of two forecasts of st-convnet-60, one with the changed plan; headways alone
    first guess    the difference of two forecasts of trip propagation
    known          with --futures: the mean change over half of so many other futures of the same morning, which is the most
                   that can be known (`what_if_futures`)

`correlation` and `slope` (real change per minute predicted; 1 is right) are over the cells that the change can reach, by the
minutes until then; `wait` is that of passengers who come until then, at platforms that are reached. The 95 % intervals are
drawn from pairs. With --futures all are held against the mean change over the other half as well: what is left there is no
longer chance. Pairs are independent: `--processes` runs so many side by side.
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
from what_if_drawn import ACTIONS
from what_if_pairs import Pair, SimulatedLine
from what_if_scores import judged, table
from what_if_waits import LEADS, Change

from headway_prediction.bundle.bundle import Bundle
from headway_prediction.forecasters.rollout import ForecastRequest
from headway_prediction.simulate import Scenario

SIDE_BY_SIDE = 16


def main() -> None:
    options = _options()
    shares = [range(k, options.pairs, options.processes) for k in range(options.processes)]
    if options.processes == 1:
        parts = [pairs_of(options, shares[0])]
    else:
        with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
            parts = list(pool.map(partial(pairs_of, options), shares))
    by_number = sorted(
        zip((n for share in shares for n in share), (pair for part in parts for pair in part), strict=True),
        key=lambda numbered: numbered[0],
    )
    pairs = [pair for _, pair in by_number]
    found = judged(pairs) | {
        "machine": describe_machine(),
        "pairs": len(pairs),
        "bundle": options.bundle.name,
    }
    print(table(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--stations", type=int, required=True)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1_000_000, help="of the first morning")
    parser.add_argument("--no-network", action="store_true")
    parser.add_argument(
        "--futures", type=int, default=0, help="other futures of each morning: none, or 2 and more"
    )
    parser.add_argument("--processes", type=int, default=1, help="that run pairs side by side")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.futures == 1 or min(options.futures, options.processes - 1) < 0:
        parser.error("--futures is 0, or 2 and more; --processes is 1 or more")
    return options


def pairs_of(options: argparse.Namespace, numbers: Sequence[int]) -> list[Pair]:
    """Run the pairs of these numbers, in their order."""
    bundle = Bundle.load_single_line(options.bundle)
    line = SimulatedLine(bundle, Scenario.of_size(options.stations), options.futures)
    drawn = (line.pair(ACTIONS[number % len(ACTIONS)], options.seed + number) for number in numbers)
    return [pair for pair, _ in drawn] if options.no_network else list(_with_network(bundle, drawn))


def _with_network(
    bundle: Bundle, drawn: Iterator[tuple[Pair, tuple[ForecastRequest, ForecastRequest]]]
) -> Iterator[Pair]:
    """Add what the network says, many pairs at a time."""
    method = bundle.method("st-convnet-60")
    for some in iter(lambda: [both for _, both in zip(range(SIDE_BY_SIDE), drawn, strict=False)], []):
        means = [f.mean[0] for f in method.forecast_each([one for _, asked in some for one in asked])]
        for (pair, _), baseline, changed in zip(some, means[::2], means[1::2], strict=True):
            none = np.full((len(LEADS), *changed.shape[1:]), np.nan)
            pair.said["network"] = Change(changed - baseline, none).where(pair.reached)
            yield pair


if __name__ == "__main__":
    main()
