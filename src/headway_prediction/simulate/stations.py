"""Names, running times and dwells for a line of any size: made up, the same every time, nothing drawn at random."""

import math

_TREES = (
    "Acacia", "Alder", "Ash", "Aspen", "Beech", "Birch", "Cedar", "Cherry", "Chestnut", "Cypress", "Elder", "Elm",
    "Fir", "Hawthorn", "Hazel", "Holly", "Juniper", "Larch", "Laurel", "Linden", "Maple", "Oak", "Pine", "Rowan",
)  # fmt: skip
_PLACES = ("Street", "Park", "Square", "Bridge", "Market")
_GOLDEN_SECTION = (math.sqrt(5) - 1) / 2


def station_names(count: int) -> tuple[str, ...]:
    """Return `count` different station names in the order of travel of direction 0."""
    return tuple(_name(index) for index in range(count))


def _name(index: int) -> str:
    # Shifting the places by one each time round the trees keeps the first 120 names apart.
    round_, tree = divmod(index, len(_TREES))
    name = f"{_TREES[tree]} {_PLACES[(tree + round_) % len(_PLACES)]}"
    return name if round_ < len(_PLACES) else f"{name} {round_ // len(_PLACES) + 1}"


def running_secs(count: int) -> tuple[int, ...]:
    """Return running times between neighbours of `count` stations, 80 to 140 s, irregular as a real line's are."""
    return tuple(80 + int(60 * _spread(index)) for index in range(1, count))


def dwell_secs(count: int) -> tuple[int, ...]:
    """Return dwells at `count` stations, 22 to 38 s: some stations are busier than others."""
    return tuple(22 + int(16 * _spread(3 * index + 2)) for index in range(count))


def turnback_stations(count: int) -> tuple[int, ...]:
    """Return the places where trains can turn short: two fifths from either end of `count` stations."""
    fifths = 2 * count // 5
    return tuple(sorted({max(1, fifths), min(count - 2, count - 1 - fifths)}))


def _spread(index: int) -> float:
    # Multiples of the golden section fill [0, 1) evenly without a period that shows along the line.
    return index * _GOLDEN_SECTION % 1.0
