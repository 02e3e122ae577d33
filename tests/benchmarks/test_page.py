"""docs/performance.md shows what the files of benchmarks/results/ hold."""

import pytest

from helpers.benchmark_modules import load_benchmark


@pytest.fixture
def page():
    return load_benchmark("page")


def test_the_page_is_made_of_the_results(page):
    assert page.PAGE.read_text(encoding="utf-8") == page.page(), "run: python benchmarks/page.py"


@pytest.mark.parametrize(
    ("value", "more", "verdict"), [(2, False, "met"), (4, False, "missed"), (4, True, "met")]
)
def test_a_bar_is_met_or_missed(page, value, more, verdict):
    bar = page.Bar("what", "figure", "before", 3, "s", more)
    assert bar.row({"figure": {"value": value, "unit": "s"}}).endswith(f"| {value} s | {verdict} |")


def test_a_bar_without_a_figure_is_not_measured(page):
    assert "not measured" in page.Bar("what", "figure", "before", 3, "s").row({})
