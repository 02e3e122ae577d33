"""The files of a line (arrival log, schedule, list of departures) to its history: what `headway grid` does."""

from collections.abc import Sequence
from pathlib import Path

from headway_prediction import __version__
from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.gtfs.timetable import read_time_zone, read_timetable
from headway_prediction.feeds.logs.arrival_parts import read_arrival_parts
from headway_prediction.feeds.logs.arrivals import log_files
from headway_prediction.feeds.logs.csv_lists import read_outages, read_planned_departures
from headway_prediction.files import sha256, sha256_of_files
from headway_prediction.grid.headway_grid import CAP_MINS
from headway_prediction.grid.history import LineHistory, history_from_parts
from headway_prediction.transit.line import Line
from headway_prediction.transit.line_survey import LineSurvey
from headway_prediction.transit.line_toml import read_line_toml
from headway_prediction.transit.route_line import RouteLine
from headway_prediction.transit.timetable import Timetable


def read_line_files(
    arrivals: Path | str,
    gtfs: Path | str | None = None,
    planned_departures: Path | str | None = None,
    time_zone: str | None = None,
    route: str | None = None,
    stops: Sequence[str] | None = None,
    cap_mins: float = CAP_MINS,
    line_toml: Path | str | None = None,
    outages: Path | str | None = None,
) -> LineHistory:
    """Read a line's files and build its history; its provenance names each file with its SHA-256.

    `arrivals` is a log or a folder of logs. Line and plan are found as by `line_and_plan`; no headway may span one of the
    list of `outages`. Raises HeadwayError for what the readers refuse, two plans, two lines, or no time zone.
    """
    log = read_arrival_parts(arrivals)
    line, plan = line_and_plan(log.survey, gtfs, planned_departures, time_zone, route, stops, line_toml)
    masked = None if outages is None else read_outages(outages, log.service_dates())
    paths = (arrivals, gtfs, planned_departures, line_toml, outages)
    provenance = {
        "code_version": __version__,
        "sources": [_source(Path(path)) for path in paths if path is not None],
    }
    return history_from_parts(log.drain(), line, plan, provenance, cap_mins, masked)


def _source(path: Path) -> str:
    return f"{path.name} sha256:{sha256_of_files(log_files(path)) if path.is_dir() else sha256(path)}"


def line_and_plan(
    survey: LineSurvey,
    gtfs: Path | str | None = None,
    planned_departures: Path | str | None = None,
    time_zone: str | None = None,
    route: str | None = None,
    stops: Sequence[str] | None = None,
    line_toml: Path | str | None = None,
) -> tuple[Line, Timetable | None]:
    """Return the line that an arrival log runs on, by its survey, and its plan.

    The line is that of the file `line_toml` (see line_toml.py) or, without one, of the log, in its stop sequence: `stops`
    then names the stop ids of one branch or of the trunk. The plan comes from `gtfs` (of `route` or else the route of
    `line_toml`, where the zip holds several) or `planned_departures`, the time zone from `line_toml`, `time_zone` or else
    the zip. Raises HeadwayError as `read_line_files`.
    """
    if gtfs is not None and planned_departures is not None:
        raise HeadwayError(
            "two plans were given", "a GTFS zip or a list of departures", "leave one of them out"
        )
    if line_toml is None:
        line = Line.from_survey(survey, _zone_name(time_zone, gtfs), stops)
    else:
        found = _read_line(line_toml, survey, time_zone, stops)
        line, route = found.line, route or found.route_id
    return line, _read_plan(line, gtfs, planned_departures, route)


def _read_line(
    path: Path | str, survey: LineSurvey, time_zone: str | None, stops: Sequence[str] | None
) -> RouteLine:
    redundant = [name for name, value in (("--time-zone", time_zone), ("--stop", stops)) if value is not None]
    if redundant:
        raise HeadwayError(
            f"{redundant[0]} was given together with the line {path}",
            "time zone and stops as they stand in that file",
            "change them there, or leave one of the two out",
        )
    found, line_id = read_line_toml(path), survey.line_id()
    if found.line.line_id != line_id:
        raise HeadwayError(
            f"the log is of the line {line_id}, and {path} describes {found.line.line_id}",
            "the same line_id in both",
            f'write line_id = "{line_id}" into {path}, or make it with `headway line --line-id {line_id}`',
        )
    return found


def _zone_name(time_zone: str | None, gtfs: Path | str | None) -> str:
    if time_zone is not None:
        return time_zone
    if gtfs is None:
        raise HeadwayError(
            "no time zone was given",
            "the line's IANA name, or a GTFS zip that holds it",
            "pass for instance --time-zone Europe/Dublin",
        )
    return read_time_zone(gtfs)


def _read_plan(
    line: Line, gtfs: Path | str | None, planned_departures: Path | str | None, route: str | None
) -> Timetable | None:
    if gtfs is not None:
        return read_timetable(gtfs, line, route)
    return read_planned_departures(planned_departures, line) if planned_departures is not None else None
