"""Sentences about the choices between a GTFS route and its Line, and about trains that the Line does not show."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from operator import itemgetter

from headway_prediction.feeds.gtfs.line import RoutePatterns, StopPattern, passed_twice
from headway_prediction.feeds.gtfs.stop_times import blank_times, frequencies_of
from headway_prediction.feeds.gtfs.tables import Schedule, trips_of
from headway_prediction.transit.branches import trunk
from headway_prediction.transit.line import DIRECTIONS, Line, Station
from headway_prediction.transit.route_line import RouteLine, station_stop_ids


def describe_choices(schedule: Schedule, route: RoutePatterns, found: RouteLine) -> list[str]:
    """Return sentences about branches, ends, skipped stations, strange trains, stop ids and times, those that apply.

    Shares are of the planned trains of all service dates.
    """
    names = {group.key: group.name for group in route.groups.values()}
    order = _keys_on_line(route, found.line)
    sentences = [
        *_about_directions(route, names),
        *_about_branches(route, order, names),
        *_about_excluded(found),
        *about_trains(route, order, names),
        *_about_ids(found.line),
        *_about_times(schedule, route),
    ]
    return [sentence[0].upper() + sentence[1:] for sentence in sentences]


def _keys_on_line(route: RoutePatterns, line: Line) -> list[str]:
    """Keys of the line's stations in order; those that the route's trains do not serve are passed over."""
    known = (sorted(station_stop_ids(station) & route.groups.keys()) for station in line.stations)
    return [route.groups[ids[0]].key for ids in known if ids]


def _about_directions(route: RoutePatterns, names: Mapping[str, str]) -> Iterator[str]:
    if not route.undirected:
        return
    ends = []
    for direction in DIRECTIONS:
        along = route.way(next(p for p in route.patterns if p.direction == direction))
        ends.append(names[along[-1 if direction == 0 else 0]])
    yield (
        f"The schedule gives no direction for {route.undirected} trips. By the order of their stops, direction "
        f"0 is towards {ends[0]} and direction 1 towards {ends[1]}; the log has to count them alike."
    )


def _about_branches(route: RoutePatterns, order: Sequence[str], names: Mapping[str, str]) -> Iterator[str]:
    orders = route.branches.orders
    if len(orders) == 1:
        return
    on_line = set(order)
    taken = [way for way in orders if on_line <= set(way)]
    word = "Taken" if len(taken) == 1 else "Taken in part"
    own = share(_passings(route, on_line), _passings(route, set(names)))
    yield f"The route forks: it has {len(orders)} branches. {own} of its planned passings fall on the line taken."
    for way in orders[:MAX_LISTED]:
        yield f"{word if way in taken else 'Not taken'}: {_branch(route, way, names)}"
    if len(orders) > MAX_LISTED:
        yield f"{len(orders) - MAX_LISTED} more branches are not listed."
    shared = trunk(route.branches)
    if len(shared) > 1:
        yield f"What all branches share: {_span(shared, names)}; take it with --branch trunk"


def _branch(route: RoutePatterns, way: Sequence[str], names: Mapping[str, str]) -> str:
    orders = route.branches.orders

    def picks(words: Sequence[str]) -> bool:
        return next(other for other in orders if set(words) <= set(other)) == way

    words = [way[0], way[-1]]
    words += [] if picks(words) else [name for name in way if picks([*words, name])][:1]
    distinct = Counter(names.values())
    chosen = [names[word] if distinct[names[word]] == 1 else word for word in words]
    options = " ".join(f"--branch '{word}'" for word in chosen)
    return f"{_span(way, names)}; take it with {options}"


def _about_excluded(found: RouteLine) -> Iterator[str]:
    if found.excluded:
        yield f"Excluded from the line: {listed([station.name for station in found.excluded])}."


def _about_ids(line: Line) -> Iterator[str]:
    several = [station for station in line.stations if any(station.alternative_ids)]
    if several:
        yield f"Stations with several stop ids for a platform, which all mean it: {len(several)}, {_ids(several[0])}."
    for direction in DIRECTIONS:
        lacking = [station.name for station in line.stations if station.stop_ids[direction] is None]
        if lacking:
            yield f"No train of direction {direction} serves {listed(lacking)}."


def _ids(station: Station) -> str:
    platforms = [
        f"{', '.join(station.all_stop_ids(direction))} in direction {direction}" for direction in DIRECTIONS
    ]
    return f"for example {station.name}, {' and '.join(platforms)}"


def _about_times(schedule: Schedule, route: RoutePatterns) -> Iterator[str]:
    trips = trips_of(schedule, route.route_id)
    blank = blank_times(schedule, route.route_id)
    if blank:
        yield f"Blank stop times, interpolated between the timed stops of their trips: {blank}."
    never = int((~trips["service_id"].isin(list(schedule.dates_of_service))).sum())
    if never:
        yield f"Trips that run on no date and are ignored: {never}."
    frequencies = frequencies_of(schedule)
    repeated = frequencies.filter(frequencies["trip_id"].is_in(trips["trip_id"].tolist()))
    if not repeated.is_empty():
        loose = repeated.filter(~repeated["exact"])["trip_id"].n_unique()
        yield f"Trips that frequencies.txt repeats from the start of each period: {repeated['trip_id'].n_unique()}."
        if loose:
            yield f"Of {loose} of these only the headway is promised, not the minute (exact_times 0)."


def _passings(route: RoutePatterns, stations: set[str]) -> int:
    return sum(pattern.trains * len(stations.intersection(route.way(pattern))) for pattern in route.patterns)


def _span(way: Sequence[str], names: Mapping[str, str]) -> str:
    return f"{names[way[0]]} to {names[way[-1]]}, {len(way)} stations"


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
        for place, verb in ((0, "start"), (-1, "end")):
            trains = _trains_by(route, direction, order, itemgetter(place))
            own = share(trains[along[place]], trains.total())
            others = [
                f"{names[name]} ({share(count, trains.total())})"
                for name, count in trains.most_common()
                if name != along[place]
            ]
            rest = f"; the others at {listed(others)}" if others else ""
            yield f"Direction {direction}: {own} of the trains {verb} at {names[along[place]]}{rest}."


def _trains_by(
    route: RoutePatterns, direction: int, order: Sequence[str], what: Callable[[list[str]], str]
) -> Counter[str]:
    """Count the trains of a direction by something about the stations they serve on the line, in order of travel."""
    trains: Counter[str] = Counter()
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
    skipped: Counter[str] = Counter()
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
        yield f"No train serves both {names[first]} and {names[second]}: their positions decide which comes first."


def _about_loops(route: RoutePatterns, names: Mapping[str, str]) -> Iterator[str]:
    twice: Counter[str] = Counter()
    for pattern in route.patterns:
        twice.update({name: pattern.trains for name in passed_twice(pattern, route.groups)})
    if twice:
        yield (
            f"Some trains pass {listed([names[name] for name, _ in twice.most_common()])} twice: of a trip's planned "
            "passings there the first counts in direction 0, the last in direction 1, and the others are dropped; those "
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
