"""From the stop patterns of a route to the orders of stations that its trains follow: one, or one per branch.

Every pattern orders its stations; all patterns together, and what follows from them, give a partial order. Where it leaves
two stations unordered, either no train serves both (alternating express trains) or they lie on different branches. They are
taken for neighbours on one branch where both have a station before and one after them and the way through both is hardly
longer than the way through one; everything else is a fork.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

MAX_DETOUR = 1.05
"""How much longer the way over two stations may be than the longer way over one: beyond that they lie on two ways."""
METRES_PER_DEGREE = 111_320

Position = tuple[float, float]


@dataclass(frozen=True)
class Pattern:
    """Stations that one train serves, each once, in the order of direction 0; `trains` is how many planned trains do so."""

    stations: tuple[str, ...]
    trains: float


@dataclass(frozen=True)
class Branches:
    """`orders`: the stations of each branch (trunk included), the one that most planned passings fall on first.

    `contradicting` are patterns that contradict heavier ones and count for nothing; `placed` are pairs of stations that no
    train serves both of, in the order that their positions gave them.
    """

    orders: tuple[tuple[str, ...], ...]
    contradicting: tuple[Pattern, ...] = ()
    placed: tuple[tuple[str, str], ...] = ()


def find_branches(patterns: Sequence[Pattern], positions: Mapping[str, Position]) -> Branches:
    """Return the branches of a route; `positions` are latitude and longitude in degrees, of the stations where known.

    Patterns count in the order of their trains, the heaviest first, so that a few irregular trains cannot overturn an order.
    """
    stations = sorted({station for pattern in patterns for station in pattern.stations})
    index = {station: place for place, station in enumerate(stations)}
    before, kept, contradicting = _precedence(patterns, index)
    placed = _place_by_position(before, [positions.get(station) for station in stations])
    weights = _passings(kept, index)
    chains = {_heaviest_chain(before, weights, [index[s] for s in pattern.stations]) for pattern in kept}
    ranked = sorted(chains, key=lambda chain: (-weights[list(chain)].sum(), chain))
    orders = tuple(tuple(stations[place] for place in chain) for chain in ranked)
    return Branches(orders, tuple(contradicting), tuple((stations[a], stations[b]) for a, b in placed))


def trunk(branches: Branches) -> tuple[str, ...]:
    """Return the stations that all branches share, in order."""
    shared = set(branches.orders[0]).intersection(*branches.orders[1:])
    return tuple(station for station in branches.orders[0] if station in shared)


def _precedence(
    patterns: Sequence[Pattern], index: Mapping[str, int]
) -> tuple[np.ndarray, list[Pattern], list[Pattern]]:
    """Which station comes before which (stations, stations), the patterns that agree, and those that contradict them."""
    before = np.zeros((len(index), len(index)), dtype=bool)
    kept: list[Pattern] = []
    contradicting: list[Pattern] = []
    for pattern in sorted(patterns, key=lambda pattern: (-pattern.trains, pattern.stations)):
        places = [index[station] for station in pattern.stations]
        if np.tril(before[np.ix_(places, places)]).any():
            contradicting.append(pattern)
            continue
        kept.append(pattern)
        for earlier, later in pairwise(places):
            _set_before(before, earlier, later)
    return before, kept, contradicting


def _set_before(before: np.ndarray, earlier: int, later: int) -> None:
    """Add one precedence and all that follows from it."""
    if not before[earlier, later]:
        up_to, from_on = before[:, earlier].copy(), before[later].copy()
        up_to[earlier] = from_on[later] = True
        before |= up_to[:, None] & from_on[None, :]


def _place_by_position(before: np.ndarray, positions: Sequence[Position | None]) -> list[tuple[int, int]]:
    """Order unordered stations of one branch by their positions, nearest first; return the pairs in that order."""
    undecided = np.argwhere(np.triu(~(before | before.T), 1)).tolist()
    apart = {
        (one, other): distance_metres(here, there)
        for one, other in undecided
        if (here := positions[one]) is not None and (there := positions[other]) is not None
    }
    decided = []
    for pair in sorted(apart, key=lambda pair: apart[pair]):
        order = None if (before | before.T)[pair] else _order_on_one_way(before, positions, *pair)
        if order is not None:
            _set_before(before, *order)
            decided.append(order)
    return decided


def _order_on_one_way(
    before: np.ndarray, positions: Sequence[Position | None], first: int, second: int
) -> tuple[int, int] | None:
    """The shorter order of two stations; None where they lie on two ways, at one place or without neighbours in common."""
    start = _nearest(before[:, first] & before[:, second], before.sum(axis=0), positions)
    end = _nearest(before[first] & before[second], before.sum(axis=1), positions)
    if start is None or end is None:
        return None

    def length(*between: int) -> float:
        way = [place for index in (start, *between, end) if (place := positions[index]) is not None]
        return sum(distance_metres(a, b) for a, b in pairwise(way))

    forth, back = length(first, second), length(second, first)
    if forth == back or min(forth, back) > MAX_DETOUR * max(length(first), length(second)):
        return None
    return (first, second) if forth < back else (second, first)


def _nearest(candidates: np.ndarray, rank: np.ndarray, positions: Sequence[Position | None]) -> int | None:
    places = [place for place in np.flatnonzero(candidates).tolist() if positions[place] is not None]
    return max(places, key=lambda place: rank[place], default=None)


def _passings(patterns: Sequence[Pattern], index: Mapping[str, int]) -> np.ndarray:
    weights = np.zeros(len(index))
    for pattern in patterns:
        weights[[index[station] for station in pattern.stations]] += pattern.trains
    return weights


def _heaviest_chain(before: np.ndarray, weights: np.ndarray, through: Sequence[int]) -> tuple[int, ...]:
    """The chain of stations, each before the next, with the most passings of all that go through some stations."""
    related = before | before.T | np.eye(len(before), dtype=bool)
    allowed = np.flatnonzero(related[list(through)].all(axis=0)).tolist()
    ordered = sorted(allowed, key=lambda place: (before[:, place].sum(), place))
    best: dict[int, tuple[float, tuple[int, ...]]] = {}
    for place in ordered:
        so_far = [best[other] for other in best if before[other, place]]
        weight, chain = max(so_far, default=(0.0, ()))
        best[place] = (weight + weights[place], (*chain, place))
    return max(best.values())[1]


def distance_metres(one: Position, other: Position) -> float:
    """Return the distance between two positions (latitude, longitude in degrees), flat-earth, for the size of a line."""
    shrink = math.cos(math.radians((one[0] + other[0]) / 2))
    north, east = one[0] - other[0], ((one[1] - other[1] + 180) % 360 - 180) * shrink
    return math.hypot(north, east) * METRES_PER_DEGREE
