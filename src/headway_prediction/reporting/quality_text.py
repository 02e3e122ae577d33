"""The findings of the quality check in sentences, the worst first within each."""

from typing import Any

import numpy as np
import polars as pl

from headway_prediction.quality.check import Quality
from headway_prediction.quality.implausible import LONG, SHORT
from headway_prediction.quality.log_rows import REPEATED_ROW, REPEATED_TRAIN, WITHIN_SECONDS
from headway_prediction.reporting.page import towards
from headway_prediction.transit.clock import gtfs_time

MAX_EXAMPLES = 4
"""Examples that a sentence names before it counts the rest."""
MIN_ROUND_SHARE = 0.1
"""Three times the share that lies on full and half minutes by chance."""
DUPLICATE_MEANINGS = {
    REPEATED_ROW: "repeated rows (`headway grid` refuses the log until they are removed)",
    WITHIN_SECONDS: "passings within 15 s of the previous one (the grid drops them)",
    REPEATED_TRAIN: "passings of a train that had already passed there",
}
EVIDENCE = {
    "plan": "the plan",
    "other days": "other days",
    "plan and other days": "the plan and other days",
    "before and after": "the hours around it",
}

GLOSSARY = (
    "Observed: the share of the expected passings that were observed. Expected are the planned passings at a platform or, "
    "where there is no plan for it, the median number on days of that day type (weekday, Saturday, Sunday), given three.",
    "Unplanned: a passing is matched to the planned one of its own train within an hour, or else to the nearest unmatched "
    "one within the tolerance; the rest are unplanned. Delay: the median of observed minus planned times.",
    "Outage: the whole line is silent in minutes in which trains typically run. Gap: one platform is, for 10 minutes or "
    "more. Either is at least three times as long as is typical there; a gap that is mostly an outage is not listed again.",
    "Duplicates: repeated rows, passings within 15 s of the previous one, and trains that pass a platform again. Misdated: "
    "past 27:00 or before 00:00 of the service day. Backwards: a train passes a station before the previous station. "
    "Overtaking: it leaves a station behind another train and reaches the next one ahead of it.",
    "Resolution: how finely times are recorded, derived from the times of that day.",
)


def overview(quality: Quality, days: pl.DataFrame) -> str:
    """Return what the log holds: passings, dates, platforms, and dates without passings."""
    ran = days.filter(pl.col("passings") > 0)["service_date"]
    without = days.filter(pl.col("passings") == 0)["service_date"]
    text = (
        f"{quality.passings.height:,} passings on {_count(len(ran), 'service day')}, {ran[0]} to {ran[-1]}, at "
        f"{quality.line.platforms().height} platforms of {len(quality.line.stations)} stations."
    )
    if without.is_empty():
        return text
    return f"{text} Dates without passings: {len(without)} ({_named(list(map(str, without)))})."


def findings(quality: Quality, days: pl.DataFrame) -> list[str]:
    """Return a sentence for each check with findings or without the data it needs, and one on all the others."""
    always = [resolution(days), _completeness(quality, days)]
    faults = {
        "outages": _outages(quality),
        "gaps": _gaps(quality),
        "duplicates": _duplicates(quality),
        "misdated rows": _misdated(quality),
        "suspicious headways": _headways(quality),
        "trains out of order": _order(quality),
    }
    none = [name for name, text in faults.items() if not text]
    absent = [f"Not found: {', '.join(none)}."] if none else []
    return [*always, *filter(None, faults.values()), *absent]


def resolution(days: pl.DataFrame) -> str:
    """Return how finely times are recorded, and on which days that differs."""
    known = days.drop_nulls("seconds")
    if known.is_empty():
        return "There are too few passings to derive the resolution of the times."
    kinds = (
        known.group_by("seconds").agg(pl.len(), pl.col("service_date").sort()).sort("len", descending=True)
    )
    if kinds.height == 1:
        text = f"Times have a resolution of {kinds['seconds'][0]} s."
    else:
        parts = [
            f"{seconds} s on {_count(count, 'day')} ({_named(list(map(str, dates)))})"
            for seconds, count, dates in kinds.rows()
        ]
        text = f"Times have a resolution of {', '.join(parts)}."
    share = float(known["round_share"].to_numpy().mean())
    if kinds["seconds"][0] > 2 or share < MIN_ROUND_SHARE:
        return text
    return f"{text} {share:.0%} of them lie on a full or half minute, against 3% by chance: these may be planned times."


def _completeness(quality: Quality, days: pl.DataFrame) -> str:
    known = days.drop_nulls("share").filter(pl.col("passings") > 0)
    if known.is_empty():
        return (
            "Completeness is unknown: there is no plan, and there are too few days of a day type to compare."
        )
    worst = known.sort("share").row(0, named=True)
    share = float(known["expected_observed"].sum()) / float(known["expected"].sum())
    lowest = (
        f"; the lowest share on {worst['service_date']}, {worst['share']:.1%}"
        if worst["share"] < share
        else ""
    )
    if quality.timetable is None:
        return f"{share:.1%} of the typical number of passings (of other days of that day type) were observed{lowest}."
    planned, observed, others = (
        int(known[name].sum()) for name in ("planned", "planned_observed", "unplanned")
    )
    if not planned:
        none = "The plan has no passing on these dates"
        return f"{none}; {share:.1%} of the typical number of passings were observed{lowest}."
    delays = known["late_mins"].drop_nulls().to_numpy()
    lateness = f"; at the median they were {_late(float(np.median(delays)))}" if len(delays) else ""
    return (
        f"{observed / planned:.1%} of the {planned:,} planned passings of these days were observed{lowest}{lateness}. "
        f"{others:,} observed passings were not planned."
    )


def _late(minutes: float) -> str:
    return (
        "on time" if abs(minutes) < 0.05 else f"{abs(minutes):.1f} min {'late' if minutes > 0 else 'early'}"
    )


def _outages(quality: Quality) -> str:
    if quality.outages.is_empty():
        return ""
    shown = quality.outages.with_columns(mins=pl.col("end_minute") - pl.col("first_minute"))
    named = [
        f"{row['service_date']} {_span(row)} (by {EVIDENCE[row['evidence']]})"
        for row in shown.sort("mins", descending=True).iter_rows(named=True)
    ]
    return f"{_count(shown.height, 'outage')} of the whole line, {shown['mins'].sum():,} minutes: {_named(named)}."


def _span(silence: dict[str, Any]) -> str:
    return f"{gtfs_time(silence['first_minute'])} to {gtfs_time(silence['end_minute'])}"


def _gaps(quality: Quality) -> str:
    if quality.gaps.is_empty():
        return ""
    shown = quality.gaps.with_columns(mins=pl.col("end_minute") - pl.col("first_minute"))
    named = [
        f"{quality.line.station_names[row['station']]} {towards(quality.line, row['direction'])}, {row['service_date']} "
        f"{_span(row)}"
        for row in shown.sort("mins", descending=True).head(MAX_EXAMPLES).iter_rows(named=True)
    ]
    return f"{_count(shown.height, 'gap')} at single platforms; the longest: {'; '.join(named)}."


def _duplicates(quality: Quality) -> str:
    kinds = dict(quality.duplicates.group_by("kind").len().iter_rows())
    parts = [f"{kinds[kind]:,} {meaning}" for kind, meaning in DUPLICATE_MEANINGS.items() if kind in kinds]
    return f"Duplicates: {'; '.join(parts)}." if parts else ""


def _misdated(quality: Quality) -> str:
    if quality.misdated.is_empty():
        return ""
    late = quality.misdated.filter(pl.col("minute") > 0).height
    before = quality.misdated.height - late
    parts = [f"{late:,} past 27:00"] * (late > 0) + [f"{before:,} before 00:00"] * (before > 0)
    return f"Misdated rows: {' and '.join(parts)} of their service day; they may belong to the next or previous day."


def _headways(quality: Quality) -> str:
    kinds = dict(quality.headways.group_by("kind").len().iter_rows())
    parts = [f"{kinds[kind]:,} {kind}" for kind in (SHORT, LONG) if kind in kinds]
    return f"Suspicious headways: {', '.join(parts)}." if parts else ""


def _order(quality: Quality) -> str:
    if (quality.passings["trip_id"] == "").all():
        return "The log has no trip ids, so the order of trains cannot be checked."
    trains = ["service_date", "direction", "trip_id"]
    parts = [
        f"{own.select(trains).n_unique():,} {what}"
        for own, what in (
            (quality.backward, "pass a station before the previous one"),
            (quality.overtaking, "overtake another between two stations"),
        )
        if own.height
    ]
    return f"Trains out of order: {', '.join(parts)}." if parts else ""


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _named(names: list[str]) -> str:
    rest = len(names) - MAX_EXAMPLES
    return ", ".join(names) if rest <= 0 else f"{', '.join(names[:MAX_EXAMPLES])} and {rest} more"
