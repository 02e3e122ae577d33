"""Stop patterns to orders of stations: what the patterns fix is found, and what they leave open is a branch."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.transit.branches import Branches, Pattern, distance_metres, find_branches, trunk


def found(*patterns: str, positions=None, trains=None) -> Branches:
    counts = trains or [10] * len(patterns)
    weighted = [Pattern(tuple(way), count) for way, count in zip(patterns, counts, strict=True)]
    return find_branches(weighted, positions or {})


def orders(*patterns: str, **options) -> list[str]:
    return ["".join(order) for order in found(*patterns, **options).orders]


@pytest.mark.parametrize(
    ("patterns", "order"),
    [
        (["ABCDE"], "ABCDE"),
        (["ABC", "CDE"], "ABCDE"),  # short turns that meet
        (["ABCDE", "ACE", "BCD"], "ABCDE"),  # an express, a short turn
        (["ABD", "BCD", "ACD"], "ABCD"),  # no train serves all
    ],
)
def test_patterns_that_fix_one_order_are_one_line(patterns, order):
    assert orders(*patterns) == [order]


def test_a_fork_is_one_branch_each_and_most_planned_passings_come_first():
    assert orders("TUL", "TUR", trains=[10, 20]) == ["TUR", "TUL"]
    # Passings, not trains: the long branch has fewer trains and more passings.
    assert orders("TUL", "TUABCDEFG", trains=[20, 15]) == ["TUABCDEFG", "TUL"]
    assert trunk(found("TUL", "TUR")) == ("T", "U")


def test_forks_at_both_ends_are_the_branches_that_trains_run():
    # Every branch holds the pattern it was found for; what else it holds is the heaviest way on.
    assert orders("ATUL", "BTUR", trains=[10, 5]) == ["ATUL", "BTUR"]
    assert orders("ATUL", "BTU", "TUR", trains=[10, 5, 4]) == ["ATUL", "BTUL", "ATUR"]


def test_two_ways_between_the_same_stations_are_branches_without_positions():
    assert orders("ABD", "ACD", trains=[9, 5]) == ["ABD", "ACD"]


def along(stations: str) -> dict[str, tuple[float, float]]:
    """Positions on a straight line, a hundredth of a degree apart."""
    return {station: (53 + 0.01 * place, -6.0) for place, station in enumerate(stations)}


def test_trains_that_skip_in_turn_are_one_line_where_positions_say_so():
    skipping = found("ACEG", "ABDFG", positions=along("ABCDEFG"))
    assert skipping.orders == (tuple("ABCDEFG"),)
    assert ("B", "C") in skipping.placed and ("C", "D") in skipping.placed
    assert found("ACEG", "ABDFG", positions=along("GFEDCBA")).orders == (tuple("ABCDEFG"),)


def test_two_ways_that_lie_apart_stay_branches():
    apart = {"A": (53.0, -6.0), "B": (53.05, -6.05), "C": (53.05, -5.95), "D": (53.1, -6.0)}
    assert orders("ABD", "ACD", positions=apart, trains=[9, 5]) == ["ABD", "ACD"]


def test_branches_are_not_joined_because_they_lie_in_a_row():
    assert sorted(orders("TUL", "TUR", positions=along("TULR"))) == ["TUL", "TUR"]


def test_stops_at_one_place_cannot_be_put_in_order_by_it():
    assert len(orders("ABD", "ACD", positions=dict.fromkeys("ABCD", (53.0, -6.0)))) == 2


def test_a_few_strange_trains_do_not_overturn_the_order():
    strange = found("ABCD", "ACBD", "BCD", trains=[50, 2, 30])
    assert strange.orders == (tuple("ABCD"),)
    assert strange.contradicting == (Pattern(tuple("ACBD"), 2),)


def test_parts_that_share_no_station_are_branches():
    assert orders("ABC", "XY") == ["ABC", "XY"]


def test_distances():
    assert distance_metres((0, 0), (0, 1)) == pytest.approx(111_320)
    assert distance_metres((60, 10), (60, 11)) == pytest.approx(55_660)
    assert distance_metres((0, 179.5), (0, -179.5)) == pytest.approx(111_320)


@st.composite
def cut_orders(draw, full=False):
    """A true order of stations, and patterns that are subsets of it; `full` ones run from end to end."""
    order = draw(st.permutations("ABCDEFGH"[: draw(st.integers(2, 8))]))
    subsets = st.sets(st.sampled_from(order), min_size=1)
    ends = {order[0], order[-1]} if full else set()
    kept = draw(st.lists(st.tuples(subsets, st.integers(1, 99)), min_size=1, max_size=8))
    return order, [
        Pattern(tuple(station for station in order if station in subset | ends), trains)
        for subset, trains in kept
    ]


def is_fixed(order, patterns) -> bool:
    """Whether the patterns leave one order only: every neighbour follows the one before it in some pattern."""
    said = {pair for pattern in patterns for pair in pairwise(pattern.stations)}
    return all(pair in said for pair in pairwise(order))


@given(cut_orders())
def test_every_order_found_is_consistent_with_every_pattern(cut):
    _, patterns = cut
    result = find_branches(patterns, {})
    served = {station for pattern in patterns for station in pattern.stations}
    assert result.contradicting == () and set().union(*result.orders) == served
    for pattern in patterns:
        assert any(set(pattern.stations) <= set(branch) for branch in result.orders)
        for branch in result.orders:
            both = set(branch).intersection(pattern.stations)
            assert [s for s in branch if s in both] == [s for s in pattern.stations if s in both]
    assert not any(set(one) <= set(other) for one, other in combinations(result.orders, 2))


@given(cut_orders())
def test_where_the_patterns_leave_one_order_it_is_found_whole(cut):
    order, patterns = cut
    left = [station for station in order if any(station in pattern.stations for pattern in patterns)]
    result = find_branches(patterns, {})
    assert (result.orders == (tuple(left),)) == is_fixed(left, patterns)


@given(cut_orders(full=True))
def test_whatever_trains_skip_between_the_ends_positions_give_the_whole_order(cut):
    order, patterns = cut
    result = find_branches(patterns, along("".join(order)))
    assert result.orders == (tuple(s for s in order if any(s in pattern.stations for pattern in patterns)),)
