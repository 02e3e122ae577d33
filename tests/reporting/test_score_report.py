import re
from datetime import timedelta

import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.evaluation.backtest import backtest, scored_origins
from headway_prediction.evaluation.compare import score_methods
from headway_prediction.evaluation.truth import day_truth
from headway_prediction.forecasters.base import Forecast
from headway_prediction.forecasters.baselines import Persistence
from headway_prediction.grid.history import history_from_log
from headway_prediction.reporting.score_report import most_changeable_day, report_html, write_report
from headway_prediction.transit.line import Line
from helpers.lines import MONDAY, ZONE, log_of, regular_rows
from helpers.pages import Reader, seen_on_a_phone

DAYS = [MONDAY + timedelta(days=k) for k in range(3)]
DISTURBED = DAYS[1]
HOSTILE = "<script>alert(1)</script>"


def renamed(rows, names):
    """A checked log whose stops are called by `names` instead."""
    log = log_of(rows)
    return log.with_columns(log["stop_name"].replace(names))


@pytest.fixture(scope="module")
def history():
    noise = {DAYS[0]: 0.5, DISTURBED: 4.0, DAYS[2]: 0.5}
    rows = [row for day, spread in noise.items() for row in regular_rows(days=[day], noise=spread, seed=2)]
    log = renamed(rows, {"A Street": HOSTILE, "B Street": "Übergang & Söhne"})
    return history_from_log(log, Line.from_arrivals(log, ZONE))


def oracle(history, day, offset=0.0):
    """What happened, plus `offset` minutes."""
    origins = scored_origins(history, day)
    return Forecast.of_points(day, origins, day_truth(history, day, origins).headway + offset)


@pytest.fixture(scope="module")
def forecasts(history):
    return {
        "persistence": {f.service_date: f for f in backtest(history, Persistence(), DAYS)},
        "oracle": {day: oracle(history, day) for day in DAYS},
        "far off </script>": {day: oracle(history, day, 25.0) for day in DAYS},
    }


@pytest.fixture(scope="module")
def scores(history, forecasts):
    return score_methods(history, DAYS, forecasts)


@pytest.fixture(scope="module")
def page(history, scores, forecasts):
    return report_html(history, scores, forecasts, "oracle")


@pytest.fixture(scope="module")
def banded(history, forecasts):
    """The forecasts and, one minute to either side of the truth, intervals."""
    wide = {
        day: Forecast(day, f.origins, f.mean, {0.1: f.mean - 1, 0.5: f.mean, 0.9: f.mean + 1})
        for day, f in forecasts["oracle"].items()
    }
    return forecasts | {"banded": wide}


def test_the_page_loads_nothing(page):
    elements = Reader(page).elements
    assert not [tag for tag, attributes in elements if {"src", "href"} & attributes.keys()]
    assert not {"link", "iframe", "img", "object", "embed"} & {tag for tag, _ in elements}
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_the_page_holds_one_plotly_and_stays_below_eight_megabytes(page):
    assert len(re.findall(r"plotly\.js v\d", page)) == 1
    assert len(page.encode()) < 8_000_000


def test_names_from_data_stay_text(page):
    reader = Reader(page)
    # Plotly's script, then the figures and their drawing.
    assert [tag for tag, _ in reader.elements].count("script") == 2
    assert f"towards {HOSTILE}" in reader.text
    assert "far off </script>" in reader.text
    assert "alert(1)</script>" not in page[page.index("const figures") :]


def test_every_figure_has_one_place_on_the_page(page):
    places = [a["id"] for _, a in Reader(page).elements if a.get("id", "").startswith("figure-")]
    # Per direction: error by station; truth, forecast and error of one day; map and profile of three worst moments. One
    # each: by lead, there at event cells, by hour.
    assert places == [f"figure-{k}" for k in range(2 * (1 + 3 + 3 * 2) + 3)]


def test_the_summary_names_the_best_method_and_its_lead(page, scores):
    text = Reader(page).text
    error = scores.table()["persistence"]["mae"]
    assert text.index("Scored on") < text.index("Errors")
    assert "Scored on 3 service days, 2025-09-29 to 2025-10-01" in text
    assert (
        "The mean absolute error of oracle is 0.00 minutes" in text
        and "No other method has a smaller error." in text
    )
    assert f"Better than persistence (the current headway continues) by {error:.2f} minutes (100%)" in text
    assert "3 days are too few to rule out chance" in text


def test_the_summary_names_a_better_method(history, scores, forecasts):
    name = "far off </script>"
    text = Reader(report_html(history, scores, forecasts, name)).text
    assert f"The mean absolute error of {name} is 25.00 minutes" in text
    assert "It ranks 3 of 3; the best is oracle with 0.00 minutes." in text
    assert "Worse than oracle by 25.00 minutes" in text
    assert "oracle has a smaller error 1 to 15 minutes ahead" in text


def test_the_shown_day_is_the_one_on_which_persistence_errs_most(page, scores):
    assert most_changeable_day(scores, "oracle") == DISTURBED
    assert f"Headways of {DISTURBED}, the scored day on which they changed most" in Reader(page).text


def test_without_persistence_the_shown_day_is_the_worst_of_the_method_itself(history):
    offsets = dict(zip(DAYS, (1.0, 2.0, 3.0), strict=True))
    alone = {"own": {day: oracle(history, day, offset) for day, offset in offsets.items()}}
    assert most_changeable_day(score_methods(history, DAYS, alone), "own") == DAYS[2]


def test_a_method_that_lacks_the_shown_day_is_shown_as_it_is_scored(history, forecasts):
    sparse = forecasts | {"sparse": {DAYS[0]: forecasts["oracle"][DAYS[0]]}}
    page = report_html(history, score_methods(history, DAYS, sparse), sparse, "sparse")
    figures = page[page.index("const figures") :]
    forecast = re.findall(r'"z":(\[\[.*?\]\])', figures)[-4]
    assert set(re.findall(r"[\d.]+|null", forecast)) == {"10.0"}


def test_intervals_have_a_section_of_their_own_where_a_method_gives_them(history, banded, page):
    assert "Are the intervals right?" not in Reader(page).text
    assert "oracle gives no intervals." in Reader(page).text
    text = Reader(report_html(history, score_methods(history, DAYS, banded), banded, "banded")).text
    assert "cover is the share of cells whose truth lies within" in text
    assert "On these days, at event cells, their coverage is 100.0%: the intervals are too wide." in text
    assert "all valid cells 100.0% holds at least 80%" in text
    assert "Reliability of banded, event cells" in text and "Reliability of banded, all valid cells" in text


def test_earlier_days_bring_disturbed_periods_and_detection(history, forecasts, page):
    assert "neither earlier days nor a plan to take typical headways from" in Reader(page).text
    days = DAYS[1:]
    later = {name: {day: by_date[day] for day in days} for name, by_date in forecasts.items()}
    text = Reader(report_html(history, score_methods(history, days, later), later, "oracle")).text
    assert "By lead, in disturbed periods" in text
    assert "Gapped trains (over one and a half times the typical headway): an alert in 100% of" in text
    assert "always 0.000" in text and "never 0.000" in text
    assert re.search(r"In disturbed periods \(\d+% of the scored cells\) the error is 0.00 minutes", text)


def test_differences_are_shown_for_every_metric_and_not_of_a_single_method(history, forecasts, page):
    assert "oracle minus MAE 95 % interval p RMSE 95 % interval p ev_MAE 95 % interval p" in Reader(page).text
    assert "far off </script> " + "-25.000 -25.000 to -25.000 0.250 " * 3 in Reader(page).text
    alone = {"oracle": forecasts["oracle"]}
    text = Reader(report_html(history, score_methods(history, DAYS, alone), alone, "oracle")).text
    assert "Are the differences significant?" not in text


def test_it_is_written_whole_or_not_at_all(history, scores, forecasts, page, tmp_path):
    write_report(tmp_path / "new" / "report.html", history, scores, forecasts, "oracle")
    assert (tmp_path / "new" / "report.html").read_text(encoding="utf-8") == page
    (tmp_path / "file").touch()
    with pytest.raises(HeadwayError, match="could not be written"):
        write_report(tmp_path / "file" / "report.html", history, scores, forecasts, "oracle")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "new"]


def test_a_browser_draws_it_on_a_phone_without_errors(history, banded, tmp_path):
    days = DAYS[1:]
    later = {name: {day: by_date[day] for day in days} for name, by_date in banded.items()}
    page = report_html(history, score_methods(history, days, later), later, "banded")
    figures = len(re.findall(r'id="figure-', page))
    assert figures > 20
    # No errors, every figure drawn within the phone, no page wider than it, no script from the data, nothing loaded.
    assert seen_on_a_phone(page, tmp_path) == f"0 {figures} 390 quiet 0"
