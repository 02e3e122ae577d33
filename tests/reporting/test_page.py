import json

from hypothesis import given
from hypothesis import strategies as st

from headway_prediction.reporting.page import (
    Section,
    bullets,
    html_table,
    page,
    paragraphs,
    script_json,
)

JSON = st.recursive(
    st.none() | st.integers() | st.text(alphabet='<>/!-"&script'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(JSON)
def test_json_in_a_script_says_the_same_and_cannot_end_it(value):
    text = script_json(value)
    assert "<" not in text
    assert json.loads(text) == value


def test_a_table_marks_the_main_method_and_the_best_values():
    table = html_table(["method", "R²<1"], {"a&b": [("0.5", False)], "net": [("0.7", True)]}, "net")
    assert '<th scope="col">R²&lt;1</th>' in table
    assert '<tr><th scope="row">a&amp;b</th><td>0.5</td></tr>' in table
    assert '<tr class="main"><th scope="row">net</th><td><b>0.7</b></td></tr>' in table


def test_texts_are_escaped():
    assert paragraphs(["a < b", "c"]) == "<p>a &lt; b</p>\n<p>c</p>"
    assert bullets(["a < b", "c"]) == "<ul><li>a &lt; b</li><li>c</li></ul>"
    assert bullets([]) == ""


def test_figures_are_numbered_through_all_sections_in_their_order():
    figure = {"data": [], "layout": {}}
    sections = [
        Section(
            "<One>", "<p>text</p>", [("first", figure | {"data": [1]}), ("second", figure | {"data": [2]})]
        ),
        Section("Two", "", [("third", figure | {"data": [3]})], 3),
    ]
    text = page("T & T", "<p>summary</p>", sections)
    assert "<title>T &amp; T</title>" in text
    assert "<h2>&lt;One&gt;</h2><p>text</p>" in text
    assert "<h3>Two</h3>" in text
    places = [text.index(f'<figcaption>{title}</figcaption><div id="figure-{k}">')
              for k, title in enumerate(("first", "second", "third"))]  # fmt: skip
    assert places == sorted(places)
    drawn = text[text.index("const figures = ") + len("const figures = ") :]
    assert [each["data"] for each in json.loads(drawn[: drawn.index(";\n")])] == [[1], [2], [3]]
