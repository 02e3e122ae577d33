"""What the trains of a GTFS route do that its Line does not show, in plain words: short turns, skipping, loops."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

from headway_prediction.feeds.gtfs.line import RoutePatterns
from headway_prediction.feeds.gtfs.patterns import StopPattern, passed_twice
from headway_prediction.transit.line import DIRECTIONS

MAX_LISTED = 8


def about_trains(route: RoutePatterns, order: Sequence[str], names: Mapping[str, str]) -> Iterator[str]:
    """Yield sentences about where trains start and end, skip stations, contradict the order or pass a station twice.

    `order` holds the keys of the line's stations, `names` the names of all stations by key.
    """
    yield from _about_ends(route, order, names)
    yield from _about_skipping(route, order, names)
    yield from _about_order(route, order, names)
    yield from _about_loops(route, names)


def _about_ends(route: RoutePatterns, order: Sequence[str], names: Mapping[str, str]) -> Iterator[str]:
    for direction in DIRECTIONS:
        along = order if direction == 0 else order[::-1]
        for place, said in ((0, "start"), (-1, "end")):
            trains = _trains_by(route, direction, order, lambda stations, at=place: stations[at])
            own = share(trains[along[place]], trains.total())
            others = [f"{names[name]} ({share(n, trains.total())})" for name, n in trains.most_common()]
            others = [
                said
                for said, (name, _) in zip(others, trains.most_common(), strict=True)
                if name != along[place]
            ]
            rest = f"; the others at {listed(others)}" if others else ""
            yield f"Direction {direction}: {own} of the trains {said} at {names[along[place]]}{rest}."


def _trains_by(
    route: RoutePatterns, direction: int, order: Sequence[str], what: Callable[[list[str]], str]
) -> Counter:
    """Count the trains of a direction by something about the stations they serve on the line, in order of travel."""
    trains: Counter = Counter()
    for pattern in route.patterns:
        stations = _on_line(route, pattern, order)
        if pattern.direction == direction and stations:
            trains[what(stations)] += pattern.trains
    return trains


def _on_line(route: RoutePatterns, pattern: StopPattern, order: Sequence[str]) -> list[str]:
    way = [name for name in route.way(pattern) if name in set(order)]
    return way if pattern.direction == 0 else way[::-1]


def _about_skipping(route: RoutePatterns, order: Sequence[str], names: Mapping[str, str]) -> Iterator[str]:
    place = {name: index for index, name in enumerate(order)}
    skipped: Counter = Counter()
    skipping = trains = 0
    for pattern in route.patterns:
        served = {place[name] for name in _on_line(route, pattern, order)}
        passed = set(range(min(served), max(served))) - served if served else set()
        skipped.update({order[index]: pattern.trains for index in passed})
        skipping += pattern.trains if passed else 0
        trains += pattern.trains
    if skipping:
        most = [names[name] for name, _ in skipped.most_common(MAX_LISTED)]
        yield f"{share(skipping, trains)} of the trains skip stations between their ends, most often {listed(most)}."


def _about_order(route: RoutePatterns, order: Sequence[str], names: Mapping[str, str]) -> Iterator[str]:
    branches = route.branches
    trains = sum(pattern.trains for pattern in route.patterns)
    place = {name: index for index, name in enumerate(order)}
    for pattern in branches.contradicting[:MAX_LISTED]:
        way = [name for name in pattern.stations if name in place]
        swapped = [(a, b) for a, b in pairwise(way) if place[a] > place[b]]
        where = (
            f"{names[swapped[0][0]]} before {names[swapped[0][1]]} along direction 0"
            if swapped
            else "stations"
        )
        yield (
            f"{share(pattern.trains, trains)} of the trains pass {where}, against the order of most: they do not count "
            "for the order, and stay in the plan."
        )
    for first, second in branches.placed[:MAX_LISTED]:
        yield f"No train serves both {names[first]} and {names[second]}: their positions say which comes first."


def _about_loops(route: RoutePatterns, names: Mapping[str, str]) -> Iterator[str]:
    twice: Counter = Counter()
    for pattern in route.patterns:
        twice.update({name: pattern.trains for name in passed_twice(pattern, route.groups)})
    if twice:
        yield (
            f"Some trains pass {listed([names[name] for name, _ in twice.most_common()])} twice: of a trip's planned "
            "passings there the first counts in direction 0, the last in direction 1, and the others are left out; those "
            "of a log all count."
        )


def share(part: float, whole: float) -> str:
    """Return a share in whole percent, and `under 1 %` for a small one."""
    percent = 100 * part / whole if whole else 0
    return f"{percent:.0f} %" if percent >= 1 or not part else "under 1 %"


def listed(names: Sequence[str]) -> str:
    """Return names with commas; many are cut short."""
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return ", ".join(names[:MAX_LISTED]) + more
