"""The page: texts, tables and figures in their places, and nothing that escapes the escaping."""

import json

from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.reporting.page import Bullets, Section, environment, render_page
from headway_prediction.reporting.tables import Cell, Row, Table

JSON = st.recursive(
    st.none() | st.integers() | st.text(alphabet='<>/!-"&script'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


def rendered(template, **context):
    return environment().from_string(template).render(**context)


def block(content):
    return rendered('{% import "blocks.html" as blocks %}{{ blocks.block(content) }}', content=content)


@given(JSON)
def test_json_in_a_script_is_the_same_value_and_cannot_end_it(value):
    text = rendered("{{ value | tojson }}", value=value)
    assert "<" not in text
    assert json.loads(text) == value


def test_a_table_marks_the_main_method_and_the_best_values():
    rows = [Row("a&b", [Cell("0.5")]), Row("net", [Cell("0.7", is_best=True)])]
    text = block(Table("T", ["method", "R²<1"], rows).with_main("net"))
    assert '<th scope="col">R²&lt;1</th>' in text
    assert '<tr><th scope="row">a&amp;b</th><td>0.5</td></tr>' in text
    assert '<tr class="main"><th scope="row">net</th><td><b>0.7</b></td></tr>' in text


def test_texts_are_escaped():
    assert block("a < b") == "<p>a &lt; b</p>"
    assert block(Bullets(["a < b", "c"])) == "<ul><li>a &lt; b</li><li>c</li></ul>"
    assert block(Bullets([])) == ""


def test_figures_are_numbered_through_all_sections_in_their_order():
    figure = {"data": [], "layout": {}}
    sections = [
        Section("<One>", ["text"], [("first", figure | {"data": [1]}), ("second", figure | {"data": [2]})]),
        Section("Two", [], [("third", figure | {"data": [3]})], 3),
    ]
    text = render_page("quality_report.html", "T & T", sections, overview="summary", findings=[])
    assert "<title>T &amp; T</title>" in text
    assert "<p>summary</p>" in text
    assert "<h2>&lt;One&gt;</h2><p>text</p>" in text
    assert "<h3>Two</h3>" in text
    places = [text.index(f'<figcaption>{title}</figcaption><div id="figure-{k}">')
              for k, title in enumerate(("first", "second", "third"))]  # fmt: skip
    assert places == sorted(places)
    drawn = text[text.index("const figures = ") + len("const figures = ") :]
    assert [each["data"] for each in json.loads(drawn[: drawn.index(";\n")])] == [[1], [2], [3]]
