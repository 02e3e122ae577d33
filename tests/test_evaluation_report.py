import html
import re
import shutil
import subprocess
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from conftest import MONDAY, ZONE, log_of, regular_rows
from headway_prediction.errors import HeadwayError
from headway_prediction.evaluation.backtest import backtest
from headway_prediction.evaluation.compare import score_methods
from headway_prediction.evaluation.report import most_disturbed_day, report_html, towards, write_report
from headway_prediction.evaluation.truth import day_truth, scored_origins
from headway_prediction.forecasters.base import Forecast
from headway_prediction.forecasters.persistence import Persistence
from headway_prediction.grid.history import history_from_log
from headway_prediction.line import Line

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
    return report_html(history, scores, forecasts["oracle"], "oracle")


class Reader(HTMLParser):
    """Collects the elements of a page and its text outside of scripts and styles."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.words, self.hidden = [], [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.hidden = tag in ("script", "style")

    def handle_endtag(self, tag):
        self.hidden = False

    def handle_data(self, data):
        if not self.hidden:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


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


def test_every_figure_has_its_place_and_every_place_its_figure(page):
    places = [a["id"] for _, a in Reader(page).elements if a.get("id", "").startswith("figure-")]
    # Truth, forecast and error, error by station: one per direction. By lead and by hour: one each.
    assert places == [f"figure-{k}" for k in range(3 * 2 + 2 + 2)]


def test_the_summary_says_who_wins_and_by_how_much(page, scores):
    text = Reader(page).text
    error = scores.table()["persistence"]["mae"]
    assert "Judged on 3 service days, 2025-09-29 to 2025-10-01" in text
    assert "The lowest mean absolute error, 0.000 minutes, is that of oracle." in text
    assert f"oracle is better than persistence by {error:.3f} minutes (100.0%)" in text


def test_the_summary_admits_defeat(history, scores, forecasts):
    name = "far off </script>"
    text = Reader(report_html(history, scores, forecasts[name], name)).text
    assert f"{name} comes 3 of 3, with 25.000 minutes." in text
    assert f"{name} is worse than oracle by 25.000 minutes; 95 % interval 25.000 to 25.000 minutes" in text


def test_the_shown_day_is_the_one_on_which_persistence_errs_most(page, scores):
    assert most_disturbed_day(scores, "oracle") == DISTURBED
    assert f"Headways of {DISTURBED}, of the scored days the most disturbed" in Reader(page).text


def test_without_persistence_the_shown_day_is_the_worst_of_the_method_itself(history):
    offsets = dict(zip(DAYS, (1.0, 2.0, 3.0), strict=True))
    alone = {"own": {day: oracle(history, day, offset) for day, offset in offsets.items()}}
    assert most_disturbed_day(score_methods(history, DAYS, alone), "own") == DAYS[2]


def test_a_direction_is_named_by_the_last_station_of_its_trains(history):
    assert [towards(history.line, direction) for direction in (0, 1)] == [
        "towards D Street",
        f"towards {HOSTILE}",
    ]


def test_a_method_that_lacks_the_shown_day_is_shown_as_it_is_scored(history, forecasts):
    sparse = forecasts | {"sparse": {DAYS[0]: forecasts["oracle"][DAYS[0]]}}
    page = report_html(history, score_methods(history, DAYS, sparse), sparse["sparse"], "sparse")
    figures = page[page.index("const figures") :]
    forecast = re.findall(r'"z":(\[\[.*?\]\])', figures)[2]
    assert set(re.findall(r"[\d.]+|null", forecast)) == {"10.0"}


def test_intervals_have_a_table_and_a_note_of_their_own_where_a_method_gives_them(history, forecasts, page):
    assert page.count("<table>") == 1
    assert "interval score" not in Reader(page).text
    banded = {
        day: Forecast(day, f.origins, f.mean, {0.1: f.mean - 1, 0.5: f.mean, 0.9: f.mean + 1})
        for day, f in forecasts["oracle"].items()
    }
    both = forecasts | {"banded": banded}
    with_intervals = report_html(history, score_methods(history, DAYS, both), banded, "banded")
    assert with_intervals.count("<table>") == 2
    assert "cover is the share of cells whose truth lies within it" in Reader(with_intervals).text


def test_it_is_written_whole_or_not_at_all(history, scores, forecasts, page, tmp_path):
    write_report(tmp_path / "new" / "report.html", history, scores, forecasts, "oracle")
    assert (tmp_path / "new" / "report.html").read_text(encoding="utf-8") == page
    (tmp_path / "file").touch()
    with pytest.raises(HeadwayError, match="could not be written"):
        write_report(tmp_path / "file" / "report.html", history, scores, forecasts, "oracle")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "new"]


PROBE = """
<script>
const report = document.querySelector("iframe").contentWindow;
setTimeout(() => {
  const page = report.document;
  const drawn = [...page.querySelectorAll("[id^=figure-]")].filter((place) => {
    const box = place.querySelector("svg.main-svg")?.getBoundingClientRect();
    return box && box.width > 200 && box.right <= 390 && place.querySelector(".trace, .hm image, .heatmaplayer image");
  });
  document.body.dataset.seen = [
    report.mistakes.length, drawn.length, page.documentElement.scrollWidth, report.alerted ?? "quiet",
  ].join(" ");
}, 3000);
</script>
"""
LISTEN = """<script>
var mistakes = [];
addEventListener("error", (event) => mistakes.push(event.message));
console.error = console.warn = (...words) => mistakes.push(words.join(" "));
alert = () => { alerted = "alerted"; };
</script>"""


def browser():
    """A Chromium that starts, or a reason to skip."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path and subprocess.run([path, "--version"], capture_output=True).returncode == 0:
            return path
    pytest.skip("there is no Chromium to draw the page")


def test_a_browser_draws_it_on_a_phone_without_a_mistake(page, tmp_path):
    listening = html.escape(page.replace("<head>", f"<head>{LISTEN}", 1))
    frame = f'<iframe style="width:390px;height:8000px;border:0" srcdoc="{listening}"></iframe>'
    (tmp_path / "phone.html").write_text(
        f"<!doctype html><meta charset=utf-8>{frame}{PROBE}", encoding="utf-8"
    )
    switches = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        f"--user-data-dir={tmp_path / 'profile'} --virtual-time-budget=6000 --dump-dom"
    )
    seen = subprocess.run(
        [browser(), *switches.split(), (tmp_path / "phone.html").as_uri()],
        capture_output=True, text=True, check=True, timeout=120,
    ).stdout  # fmt: skip
    # No mistakes, ten figures, no page wider than the phone, no script from the data.
    assert re.search(r'data-seen="([^"]*)"', seen)[1] == "0 10 390 quiet"
