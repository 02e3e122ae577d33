"""The store, against a real SQLite file and a real PostgreSQL server alike."""

import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from threading import Thread

import numpy as np
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.realtime.metadata import FeedMetadata
from headway_prediction.feeds.realtime.passing import Evidence, Passing, Run
from headway_prediction.feeds.realtime.snapshot import Poll, TripKey
from headway_prediction.forecasters.base import Forecast
from headway_prediction.service.live.published import Level, PublishedForecast, Status
from headway_prediction.service.store import Store
from headway_prediction.service.store.batches import Batch, Changes, Checkpoint, DatedPassing, StoredPoll
from headway_prediction.service.store.database import NEWEST_VERSION, connect
from headway_prediction.service.store.migrate import MIGRATIONS, migrate
from headway_prediction.service.store.tables import METADATA, PASSINGS

DAY = date(2025, 9, 8)
T0 = 1_757_340_000.0
NO_CHANGES = Changes()
LIVE = Status(Level.LIVE, (), 12.0)
LINE_METADATA = FeedMetadata("Europe/Dublin", {"A": "Ä street"})
VERSIONS = [script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()]


@pytest.fixture
def store(store_url):
    opened = Store.open(store_url)
    opened.save_line("L", LINE_METADATA)
    yield opened
    opened.close()


def dated(trip="T", stop="A", secs=10.0, day=DAY, direction=0) -> DatedPassing:
    run = Run(TripKey(f"{day:%Y%m%d}", trip), T0, "L", direction, "1")
    time = T0 + secs
    return DatedPassing(day, Passing(run, stop, time, time - 5, time + 5, Evidence.LEFT, (T0, time + 5), "V"))


def poll(secs: float, body: bytes = b"a poll") -> Poll:
    return Poll(T0 + secs, body)


def save(store, poll_, changes=NO_CHANGES, checkpoint=None, *, line_id="L", content_at=None) -> None:
    store.save_batch(line_id, Batch((StoredPoll.of(poll_, content_at, checkpoint),), changes))


def published(t0: int, day=DAY, method="st-convnet", value=5.0) -> PublishedForecast:
    mean = np.full((1, 15, 3, 2), value, dtype=np.float32)
    forecast = Forecast(day, np.array([t0]), mean, {0.1: mean - 1, 0.5: mean, 0.9: mean + 1})
    return PublishedForecast("L", method, T0, LIVE, forecast)


def test_a_passing_comes_back_as_a_row_of_an_arrival_log(store):
    save(store, poll(20), Changes((dated(secs=10.4),)))
    (row,) = store.log("L", DAY).rows(named=True)
    assert (row["line_id"], row["trip_id"], row["stop_name"], row["direction_id"]) == (
        "L",
        "T",
        "Ä street",
        0,
    )
    assert (row["service_date"], row["event_time"].timestamp()) == (DAY, T0 + 10)
    assert store.service_dates("L") == [DAY]
    assert store.log("L", date(2025, 9, 9)).is_empty()


def test_a_poll_saved_twice_changes_nothing(store):
    changes = Changes((dated(),))
    save(store, poll(20), changes)
    save(store, poll(35, b"next"), Changes((), (dated(),)))
    save(store, poll(20), changes)
    assert store.passings("L", DAY) == []
    assert store.poll_count("L") == 2
    assert [stored.fetched_at for stored in store.restart_state("L").after] == [T0 + 20, T0 + 35]


def test_corrected_passings_replace_the_old_ones(store):
    first, moved, other = dated(secs=10), dated(secs=12), dated(stop="B", secs=50)
    save(store, poll(20), Changes.between([], [first, other]))
    save(store, poll(35), Changes.between([first, other], [moved]))
    assert store.passings("L", DAY) == [moved.passing]
    tomorrow = replace(moved, service_date=DAY + timedelta(days=1))
    save(store, poll(50), Changes.between([moved], [tomorrow]))
    assert store.service_dates("L") == [DAY + timedelta(days=1)]


def test_lines_do_not_see_each_other(store):
    store.save_line("M", LINE_METADATA)
    save(store, poll(20), Changes((dated(),)))
    save(store, poll(20), Changes((dated(stop="B"),)), line_id="M")
    assert [row["stop_id"] for line in "LM" for row in store.log(line, DAY).rows(named=True)] == ["A", "B"]


def test_a_restart_gets_the_polls_that_the_checkpoint_does_not_cover(store):
    for secs in (0, 15, 10, 30):  # one comes late
        save(store, poll(secs), Changes())
    save(store, poll(45), Changes(), Checkpoint(T0 + 12, b"state"))
    save(store, poll(60), Changes())
    known = store.restart_state("L")
    assert known.state == b"state"
    assert [stored.fetched_at - T0 for stored in known.before] == [15, 30, 45]
    assert [stored.fetched_at - T0 for stored in known.after] == [60]
    assert store.poll_count("L") == 6 and store.newest_poll_at("L") == T0 + 60


def test_each_poll_has_its_content_time(store):
    for secs, content in ((0, None), (15, 12), (30, 12), (45, 44)):
        save(store, poll(secs), content_at=content and T0 + content)
    assert [moment - T0 for moment in store.content_times("L", 0.0)] == [12, 12, 44]
    assert [moment - T0 for moment in store.content_times("L", T0 + 30)] == [12, 44]


@pytest.mark.parametrize("joined", range(1, 5))
def test_merged_batches_have_the_same_result_as_single_ones(store, joined):
    given_polls = [poll(secs, b"%d" % secs) for secs in (0, 15, 30, 45, 60)]
    checkpoints = [None, Checkpoint(T0, b"first"), None, Checkpoint(T0 + 20, b"second"), None]
    passings = [[], [dated(secs=1)], [dated(secs=2), dated(stop="B")], [dated(stop="B")], [dated(secs=3)]]
    batches = [
        Batch((StoredPoll.of(stored, None, checkpoint),), Changes.between(before, after))
        for stored, checkpoint, before, after in zip(
            given_polls, checkpoints, [[], *passings], passings, strict=False
        )
    ]
    together = batches[0]
    for batch in batches[1:joined]:
        together = together.then(batch)
    for batch in [together, *batches[joined:]]:
        store.save_batch("L", batch)
    known = store.restart_state("L")
    assert (known.state, store.poll_count("L")) == (b"second", 5)
    assert [stored.body for stored in known.before] == [b"30", b"45"]
    assert [stored.body for stored in known.after] == [b"60"]
    assert store.passings("L", DAY) == [dated(secs=3).passing]


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["\0", "\\", "\\x00", "\\x5c", "'; DROP TABLE passings; --", "x" * 10_000]
)
MOMENTS = st.floats(0, 4e9)
PASSING = st.builds(
    Passing,
    st.builds(Run, st.builds(TripKey, TEXT, TEXT), MOMENTS, TEXT, st.integers(0, 1), TEXT),
    TEXT,
    MOMENTS,
    MOMENTS,
    MOMENTS,
    st.sampled_from(Evidence),
    st.tuples(MOMENTS, MOMENTS),
    TEXT,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(passing=PASSING, line_id=st.sampled_from(["L", "'; DROP TABLE lines; --"]))
def test_any_passing_comes_back_to_the_last_bit(store, passing, line_id):
    entry = DatedPassing(DAY, passing)
    store.save_batch(line_id, Batch((), Changes((entry,))))
    assert store.passings(line_id, DAY) == [passing]
    store.save_batch(line_id, Batch((), Changes((), (entry,))))
    assert store.passings(line_id, DAY) == []


def test_published_forecasts(store):
    for t0 in (500, 501, 503):
        store.save_forecast(published(t0))
    store.save_forecast(published(501, value=7.0))
    store.save_forecast(published(502, method="persistence"))
    found = store.forecast("L", "st-convnet", DAY, 501)
    np.testing.assert_array_equal(found.forecast.mean, published(501, value=7.0).forecast.mean)
    assert found.status == LIVE and found.forecast.quantiles.keys() == {0.1, 0.5, 0.9}
    assert store.forecast("L", "st-convnet", DAY, 502) is None
    between = store.forecasts_between("L", "st-convnet", DAY, 501, 503)
    assert [each.t0 for each in between] == [501, 503]
    assert store.origins("L", DAY) == [500, 501, 502, 503]
    assert store.origins("M", DAY) == []


def test_earlier_dates_are_deleted_and_the_rest_stays(store):
    tomorrow = DAY + timedelta(days=1)
    save(store, poll(0), Changes((dated(),)))
    save(store, poll(86_400), Changes((dated("U", day=tomorrow),)), Checkpoint(T0, b"state"))
    store.save_forecast(published(500))
    store.save_forecast(published(500, day=tomorrow))
    store.delete_before(tomorrow)
    assert store.service_dates("L") == [tomorrow]
    assert (store.origins("L", DAY), store.origins("L", tomorrow)) == ([], [500])
    assert store.poll_count("L") == 1
    assert store.restart_state("L").state == b"state" and len(store.restart_state("L").before) == 1


def test_readers_do_not_wait_for_a_writer(store):
    save(store, poll(0), Changes((dated(),)))
    seen = []
    with store._writing() as connection:
        connection.execute(sa.delete(PASSINGS))
        reader = Thread(target=lambda: seen.append(len(store.passings("L", DAY))))
        reader.start()
        reader.join(5)
    assert seen == [1]  # as before the transaction
    assert store.passings("L", DAY) == []


def test_opening_again_changes_nothing(store, store_url):
    save(store, poll(0), Changes((dated(),)))
    again = Store.open(store_url)
    assert again.passings("L", DAY) == [dated().passing]
    again.close()


@pytest.mark.parametrize("version", [None, *VERSIONS])
def test_every_version_of_the_schema_is_migrated_to_the_newest(store_url, version):
    engine = connect(store_url)
    if version is not None:
        migrate(engine, version)
    Store.open(store_url).close()
    with engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    engine.dispose()


def test_the_newest_version_is_that_of_the_newest_migration():
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == NEWEST_VERSION


def test_opening_a_database_of_the_newest_version_imports_no_alembic(store, store_url):
    store.close()
    code = f"""
import sys
from headway_prediction.service.store import Store
Store.open({store_url!r}).close()
assert "alembic" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_database_of_a_newer_version_is_refused(store, store_url):
    engine = connect(store_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'tomorrow'")
    engine.dispose()
    with pytest.raises(HeadwayError, match="newer version"):
        Store.open(store_url)


def test_an_unknown_line_is_refused(store):
    with pytest.raises(HeadwayError, match="no line 'M'"):
        store.log("M", DAY)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://secret@host/db",
        "no url",
        "postgresql+psycopg://secret@host",
    ],
)
def test_unsupported_urls_are_refused_and_not_repeated(url):
    with pytest.raises(HeadwayError, match="--store") as refused:
        Store.open(url)
    assert "secret" not in str(refused.value)


def test_a_missing_folder_and_a_file_that_is_no_database_are_refused(tmp_path):
    with pytest.raises(HeadwayError, match="no folder"):
        Store.open(f"sqlite:///{tmp_path}/missing/store.db")
    (tmp_path / "text.db").write_text("no database " * 100)
    with pytest.raises(HeadwayError, match="cannot be written"):
        Store.open(f"sqlite:///{tmp_path}/text.db")


def test_an_unreachable_server_is_reported_without_the_password():
    with pytest.raises(HeadwayError, match="cannot be written") as refused:
        Store.open("postgresql+psycopg://someone:secret@127.0.0.1:1/none")
    assert "secret" not in str(refused.value)
