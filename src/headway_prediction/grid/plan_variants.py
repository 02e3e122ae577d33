"""The same history with another plan: its own, none, or the departures that really happened (*oracle*).

An oracle history contains departures of the future, which no forecast can know. Its label `grid.attrs["plan"]` is kept by
stores, copies and `as_of`, and the label of a method that forecasts from it names it.
"""

from dataclasses import replace
from enum import StrEnum

import polars as pl

from headway_prediction.errors import HeadwayError
from headway_prediction.grid.headway_grid import planned_terminals
from headway_prediction.grid.history import LineHistory
from headway_prediction.transit.line import DIRECTIONS, Line
from headway_prediction.transit.timetable import PLANNED_COLUMNS, Service, Timetable

PLAN_ATTRIBUTE = "plan"


class PlanKind(StrEnum):
    """What a history's terminal departures are: the planned ones, the observed ones, or unknown."""

    PLANNED = "planned"
    ORACLE = "oracle"
    NONE = "none"


def plan_kind(history: LineHistory) -> PlanKind:
    """Return what the history is labelled as; one without a label holds its own plan, or none."""
    own = PlanKind.NONE if history.timetable is None else PlanKind.PLANNED
    return PlanKind(history.grid.attrs.get(PLAN_ATTRIBUTE, own))


def with_plan(history: LineHistory, kind: PlanKind) -> LineHistory:
    """Return the same passings and cells under another plan, labelled; its own plan comes back unchanged.

    Raises HeadwayError for a history whose own plan was replaced or taken away before.
    """
    if kind is plan_kind(history):
        return history
    if kind is PlanKind.PLANNED or plan_kind(history) is PlanKind.ORACLE:
        raise HeadwayError(
            f"the plan of the grid of {history.line.line_id} is {plan_kind(history)}",
            "a grid with its planned service",
            "make the variant from the grid that `headway grid` wrote",
        )
    changed = with_timetable(history, oracle_timetable(history) if kind is PlanKind.ORACLE else None)
    return replace(changed, grid=changed.grid.assign_attrs({PLAN_ATTRIBUTE: str(kind)}))


def method_label(history: LineHistory, method: str) -> str:
    """Return what a method's forecasts from this history are called: an oracle's never go by the method's name alone."""
    return f"{method}, oracle departures" if plan_kind(history) is PlanKind.ORACLE else method


def oracle_timetable(history: LineHistory) -> Timetable:
    """Return the timetable with the departures at the first platforms replaced by the observed ones, to the second.

    Each service date is a service of its own. What is planned at all other platforms stays: the oracle is about
    terminals only, and a method that reads the plan elsewhere must not lose it.
    """
    dates = history.service_dates
    services: tuple[Service, ...] = ()
    elsewhere = pl.DataFrame(schema=PLANNED_COLUMNS)
    if history.timetable is not None:
        services = history.timetable.services
        elsewhere = history.timetable.planned.filter(~_at_terminals(history.line))
    observed = (
        history.passings.filter(_at_terminals(history.line))
        .with_columns(service=pl.col("service_date").replace_strict(dates, range(len(dates)), default=None))
        .drop_nulls("service")
        .with_columns(
            trip_id=pl.format("observed departure {}", pl.int_range(pl.len()).cast(pl.String).str.zfill(7)),
            service=pl.col("service") + len(services),
        )
        .select(pl.col(name).cast(kind) for name, kind in PLANNED_COLUMNS.items())
    )
    own = tuple(Service(f"observed on {day}", dates=frozenset([day])) for day in dates)
    return Timetable((*services, *own), pl.concat([elsewhere, observed]))


def _at_terminals(line: Line) -> pl.Expr:
    return pl.any_horizontal(
        (pl.col("direction") == direction) & (pl.col("station") == line.first_station(direction))
        for direction in DIRECTIONS
    )


def with_timetable(history: LineHistory, timetable: Timetable | None) -> LineHistory:
    """Return the same passings and cells under another timetable, whose terminal departures the grid then has."""
    cap_mins = history.grid.attrs["cap_mins"]
    headways, departures = planned_terminals(timetable, history.line, history.service_dates, cap_mins)
    grid = history.grid.assign(
        planned_terminal_headway=(("time", "direction"), headways),
        planned_departures=(("time", "direction"), departures),
    )
    return replace(history, timetable=timetable, grid=grid)
