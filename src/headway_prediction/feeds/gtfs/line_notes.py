"""What was chosen on the way from a GTFS route to a Line, in plain words: each sentence says what was done with what."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from headway_prediction.feeds.gtfs.line import RoutePatterns
from headway_prediction.feeds.gtfs.patterns import key
from headway_prediction.feeds.gtfs.stop_times import blank_times, frequencies_of
from headway_prediction.feeds.gtfs.tables import Schedule, trips_of
from headway_prediction.feeds.gtfs.trip_notes import MAX_LISTED, about_trains, listed, share
from headway_prediction.transit.branches import trunk
from headway_prediction.transit.line import DIRECTIONS, Line, Station
from headway_prediction.transit.route_line import RouteLine, station_stop_ids


def describe_choices(schedule: Schedule, route: RoutePatterns, found: RouteLine) -> list[str]:
    """Return sentences about branches, ends, skipped stations, strange trains, stop ids and times, those that apply.

    Shares are of the planned trains of all service dates.
    """
    names = {key(group): group.name for group in route.groups.values()}
    order = _keys_on_line(route, found.line)
    sentences = [
        *_about_directions(route, names),
        *_about_branches(route, order, names),
        *_about_left_out(found),
        *about_trains(route, order, names),
        *_about_ids(found.line),
        *_about_times(schedule, route),
    ]
    return [sentence[0].upper() + sentence[1:] for sentence in sentences]


def _keys_on_line(route: RoutePatterns, line: Line) -> list[str]:
    """Keys of the line's stations in order; those that the route's trains do not serve are passed over."""
    known = (sorted(station_stop_ids(station) & route.groups.keys()) for station in line.stations)
    return [key(route.groups[ids[0]]) for ids in known if ids]


def _about_directions(route: RoutePatterns, names: Mapping[str, str]) -> Iterator[str]:
    if not route.undirected:
        return
    ends = []
    for direction in DIRECTIONS:
        along = route.way(next(p for p in route.patterns if p.direction == direction))
        ends.append(names[along[-1 if direction == 0 else 0]])
    yield (
        f"The schedule does not say the direction of {route.undirected} trips. Told by the order of their stops, direction "
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


def _about_left_out(found: RouteLine) -> Iterator[str]:
    if found.excluded:
        yield f"Left out of the line: {listed([station.name for station in found.excluded])}."


def _about_ids(line: Line) -> Iterator[str]:
    several = [station for station in line.stations if any(station.alternative_ids)]
    if several:
        yield f"Stations with several stop ids for a platform, which all mean it: {len(several)}, {_ids(several[0])}."
    for direction in DIRECTIONS:
        lacking = [station.name for station in line.stations if station.stop_ids[direction] is None]
        if lacking:
            yield f"No train of direction {direction} serves {listed(lacking)}."


def _ids(station: Station) -> str:
    told = [
        f"{', '.join(station.all_stop_ids(direction))} in direction {direction}" for direction in DIRECTIONS
    ]
    return f"for example {station.name}, {' and '.join(told)}"


def _about_times(schedule: Schedule, route: RoutePatterns) -> Iterator[str]:
    trips = trips_of(schedule, route.route_id)
    blank = blank_times(schedule, route.route_id)
    if blank:
        yield f"Blank stop times, laid evenly between the timed stops of their trips: {blank}."
    never = int((~trips["service_id"].isin(list(schedule.dates_of_service))).sum())
    if never:
        yield f"Trips that run on no date and count for nothing: {never}."
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
