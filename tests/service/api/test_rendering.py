"""Rendered once and kept: versions, memory, failures; and the small rules of HTTP and JSON that answers follow."""

import asyncio
import gzip
import json
import threading
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from headway_prediction.forecasters.serialization import Minutes, Time, origin_time, rounded
from headway_prediction.service.api.errors import ApiError
from headway_prediction.service.api.rendering import (
    CSV,
    JSON,
    RenderCache,
    Rendered,
    accepts_gzip,
    etag_matches,
)
from headway_prediction.service.api.request_handler import parse_origin
from headway_prediction.transit.line import Line, Station


class Point(BaseModel):
    name: str = ""
    a: int | None = None


def test_whoever_asks_at_the_same_time_waits_for_one_rendering():
    rendered, begun = [], threading.Event()

    def render() -> Point:
        rendered.append(1)
        begun.wait(5)
        return Point(a=1)

    async def ask() -> None:
        render_cache = RenderCache()
        waiting = [asyncio.create_task(render_cache.get("key", 1, render)) for _ in range(5)]
        await asyncio.sleep(0.05)
        waiting[0].cancel()  # a client that hangs up takes the answer from nobody
        begun.set()
        answers = await asyncio.gather(*waiting[1:])
        assert len(rendered) == 1 and all(answer is answers[0] for answer in answers)
        assert await render_cache.get("key", 1, render) is answers[0]
        assert (await render_cache.get("key", 2, render)) is not answers[0]
        assert len(rendered) == 2

    asyncio.run(ask())


def test_what_could_not_be_rendered_is_tried_again():
    answers = iter([ApiError(404, "nothing", "something", "retry"), Point(a=1)])

    def render() -> Point:
        if isinstance(answer := next(answers), ApiError):
            raise answer
        return answer

    async def ask() -> None:
        render_cache = RenderCache()
        with pytest.raises(ApiError):
            await render_cache.get("key", 1, render)
        assert (await render_cache.get("key", 1, render)).body == b'{"name":"","a":1}'

    asyncio.run(ask())


def test_no_more_is_kept_than_there_is_room_for():
    async def ask() -> None:
        render_cache, rendered = RenderCache(max_bytes=10_000), []

        def render(key: int) -> str:
            rendered.append(key)
            return f"{key:04d}" * 500  # 2,000 bytes and a few under gzip

        for key in (1, 2, 3, 4, 1, 5, 1, 6, 1, 2):
            await render_cache.get(key, 1, lambda key=key: render(key))
        assert rendered == [1, 2, 3, 4, 5, 6, 2]  # 1 was asked for again and again, 2 had to go

    asyncio.run(ask())


def test_a_body_knows_its_tag_its_type_and_its_zipped_form():
    body = Rendered.of(Point(name="Ørsted"))
    assert json.loads(body.body) == {"name": "Ørsted", "a": None} and body.media_type == JSON
    table = Rendered.of("a,b\n" * 400)
    assert gzip.decompress(table.gzipped) == table.body and table.media_type == CSV
    assert table.etag == Rendered.of("a,b\n" * 400).etag != body.etag
    assert table.worth_compressing and not body.worth_compressing


MINUTES = st.one_of(
    st.floats(-1e6, 1e6), st.floats(0, 60, width=32), st.sampled_from([np.nan, np.inf, -np.inf])
)


@given(st.lists(MINUTES, min_size=1))
def test_numbers_are_rounded_and_never_but_a_number_or_none(values):
    body = rounded(np.array(values))
    assert json.loads(json.dumps(body, allow_nan=False)) == body
    for value, said in zip(values, body, strict=True):
        assert said == rounded(value)
        assert (said is None) == (not np.isfinite(value))
        if said is not None:
            assert abs(said - value) <= 0.005 + 1e-9


def test_a_number_that_is_not_finite_is_an_error_of_the_service_not_a_null():
    with pytest.raises(ValidationError):
        TypeAdapter(Minutes).validate_python(float("nan"))


def test_times_keep_their_offset_also_where_it_is_zero():
    time = datetime(2026, 1, 13, 8, 30, 0, 250_000, tzinfo=ZoneInfo("Europe/Dublin"))
    assert TypeAdapter(Time).dump_json(time) == b'"2026-01-13T08:30:00+00:00"'


ZONES = ("Europe/Dublin", "America/Chicago", "Australia/Sydney", "Asia/Kolkata")


@given(
    day=st.dates(date(2024, 1, 1), date(2027, 12, 31)),
    t0=st.integers(240, 1618),
    zone=st.sampled_from(ZONES),
)
def test_the_end_of_a_minute_names_its_origin_on_every_day_of_the_year(day, t0, zone):
    line = Line("toy", zone, (Station("A", ("a", "a")),))
    # Until 27:00 minutes belong to the day before, whose 27:00 clock changes move by an hour. What is published at 27:00 is
    # the first of the new day.
    assert parse_origin(origin_time(day, t0, line).isoformat(), zone) == (day, t0)
    if t0 > 1500:
        assert parse_origin(origin_time(day + timedelta(days=1), t0 - 1440, line).isoformat(), zone) in {
            (day, t0),
            (day, t0 - 60),
            (day, t0 + 60),
            (day + timedelta(days=1), t0 - 1440),
        }


@pytest.mark.parametrize(
    "body, wanted",
    [
        (None, False), ("", False), ("br", False), ("gzip", True), ("br, GZIP;q=0.1", True), ("*", True),
        ("gzip;q=0", False), ("gzip; q=0.000, *", False), ("identity", False),
    ],
)  # fmt: skip
def test_gzip_is_sent_to_who_reads_it(body, wanted):
    assert accepts_gzip(body) is wanted


@pytest.mark.parametrize(
    "body, has",
    [
        (None, False), ("", False), ('W/"abc"', True), ('"abc"', True), ('"x", W/"abc"', True), ("*", True),
        ('"abcd"', False), ("abc", False),
    ],
)  # fmt: skip
def test_tags_are_compared_weakly(body, has):
    assert etag_matches(body, 'W/"abc"') is has
