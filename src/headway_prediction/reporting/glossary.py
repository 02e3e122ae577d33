"""How the report calls things."""

from headway_prediction.evaluation.truth import MIN_DISTURBED_IRREGULARITY
from headway_prediction.transit.line import Line

METHOD_DESCRIPTIONS = {
    "persistence": "every headway stays as it is",
    "climatology": "the usual headway of the half-hour",
    "schedule": "the timetable",
    "propagation": "every train runs on at its usual pace",
}
KIND_DEFINITIONS = {
    "bunched": "under half the usual headway",
    "gapped": "over one and a half times the usual headway",
}
NOTES = (
    "Lead: how many minutes ahead a headway is forecast, 1 to 15. Headway: the time between a train and the one "
    "before it at the same platform, held until the next one passes.",
    "Event cell: a station and a minute in which a train really passed; at all other cells the headway is still "
    "that of the last train, which is often known already.",
    "Usual headway: the median of the earlier days at that platform, weekday or weekend, and half-hour; the planned "
    "one where they do not tell. Bunched is a train whose headway is under half of it, gapped one of over one and a "
    "half times.",
    "Disturbed: at the moment of forecasting, the headways of the last half hour and the waits that are already too "
    f"long stray from the usual ones by {MIN_DISTURBED_IRREGULARITY:.0%} or more (root mean square), which the Transit Capacity and "
    "Quality of Service Manual (2nd edition) calls frequent bunching. All other moments are quiet.",
)


def towards(line: Line, direction: int) -> str:
    """Name a direction by the station its trains end at."""
    return f"towards {line.stations[line.travel_order(direction)[-1]].name}"
