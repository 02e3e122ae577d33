"""A line as a file to edit: what is written is read back, edits are obeyed, mistakes are sentences."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headway_prediction.errors import HeadwayError
from headway_prediction.transit.line import Line, Station
from headway_prediction.transit.line_toml import line_toml, read_line_toml, write_line_toml
from headway_prediction.transit.route_line import (
    RouteLine,
    cut_at_terminals,
    exclude,
    find_station,
    keep_stations,
    route_line,
    station_stop_ids,
    with_line_id,
)

STATIONS = (
    Station("Alpha", ("A1", "A2"), (("A3", "SA"), ("SA",))),
    Station("Beta", ("B", "B")),
    Station("Gamma", ("G", None)),
    Station('The "Yard", Delta', ("D", "D")),
)
LINE = route_line("R", "Europe/Dublin", STATIONS, "7", [Station("Spur", ("S1", "S2"), (("S3",), ()))])


@pytest.fixture
def edited(tmp_path):
    """Read the file of LINE with every `old` replaced by `new`."""

    def read(*changes: tuple[str, str]) -> RouteLine:
        text = line_toml(LINE)
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "line.toml"
        path.write_text(text, encoding="utf-8")
        return read_line_toml(path)

    return read


def same(one: RouteLine, other: RouteLine) -> bool:
    """Whether two lines agree in all that a file holds; comparing lines passes over further stop ids."""
    excluded = [station.alternative_ids for station in one.excluded] == [
        station.alternative_ids for station in other.excluded
    ]
    return one == other and one.line.to_dict() == other.line.to_dict() and excluded


def test_what_is_written_is_read_back(tmp_path):
    write_line_toml(LINE, tmp_path / "line.toml")
    assert same(read_line_toml(tmp_path / "line.toml"), LINE)
    assert LINE.line.excluded == {"S1", "S2", "S3"}


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)


@given(
    st.lists(TEXTS, min_size=4, max_size=12, unique=True), st.lists(TEXTS, min_size=4, max_size=4), st.data()
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_line_survives_its_file(tmp_path, ids, names, data):
    further = ids[4:]
    stations = [
        Station(name, (stop, stop), (tuple(further[k::4]), tuple(further[k::4])))
        for k, (name, stop) in enumerate(zip(names, ids, strict=False))
    ]
    whole = route_line(data.draw(TEXTS), "UTC", stations[:3], data.draw(st.none() | TEXTS), stations[3:])
    write_line_toml(whole, tmp_path / "line.toml")
    assert same(read_line_toml(tmp_path / "line.toml"), whole)


def test_moving_lines_changes_the_order_and_leaves_stations_out(edited):
    beta = '  { name = "Beta", direction_0 = ["B"], direction_1 = ["B"] },\n'
    gamma = '  { name = "Gamma", direction_0 = ["G"], direction_1 = [] },\n'
    assert edited((beta, ""), (gamma, gamma + beta)).line.stop_ids(0) == ["A1", "G", "B", "D"]
    without = edited((beta, ""), ("excluded = [\n", "excluded = [\n" + beta))
    assert without.line.stop_ids(0) == ["A1", "G", "D"] and "B" in without.line.excluded


def test_names_and_stop_ids_may_be_changed_and_excluded_stops_be_bare_ids(edited):
    changed = edited(('line_id = "R"', 'line_id = "red"'), ("Beta", "Bay"), ('["A1", "A3", "SA"]', '["A3"]'))
    assert (changed.line.line_id, changed.line.station_names[1]) == ("red", "Bay")
    assert changed.line.stations[0].all_stop_ids(0) == ("A3",)
    bare = edited(("excluded = [\n", 'excluded = [\n  "X9",\n'))
    assert bare.line.excluded == {"X9", "S1", "S2", "S3"}


def test_other_terminals_cut_the_line_there(edited):
    ends = '# terminals = ["Alpha", "The \\"Yard\\", Delta"]'
    for terminals in ('["Beta", "The \\"Yard\\", Delta"]', '["D", "B"]'):
        cut = edited((ends, f"terminals = {terminals}"))
        assert cut.line.stop_ids(0) == ["B", "G", "D"]
        assert cut.line.excluded == {"A1", "A2", "A3", "SA", "S1", "S2", "S3"}
    # The ends stand there as a remark, so that moving stations needs no second edit.
    assert edited((ends, ends.removeprefix("# "))).line == edited().line == LINE.line


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('line_id = "R"', "", "a mistake at line_id"),
        ('line_id = "R"', "line_id = 7", "a mistake at line_id"),
        ('line_id = "R"', 'line_id = "R"\ncolour = "red"', "a mistake at colour"),
        ('name = "Beta", ', "", "a mistake at stations.2.name"),
        ('direction_0 = ["B"]', 'direction_0 = "B"', "a mistake at stations.2.direction_0"),
        ("Europe/Dublin", "Mars/Olympus", "time zone 'Mars/Olympus' is unknown"),
        ('["G"]', '["B"]', "has the stop 'B' twice, at Beta and at Gamma"),
        ('["S2"]', '["D"]', "has the stop 'D' twice, at The \"Yard\", Delta and at Spur"),
        (
            '# terminals = ["Alpha", ',
            'terminals = ["Omega", ',
            "R has no station 'Omega'; expected a name or stop id such as Alpha, Beta",
        ),
        ('# terminals = ["Alpha", ', 'terminals = ["Alpha", "Beta", ', "3 terminals were given"),
        ('["B"]', "[]", "fewer than two stations with a platform in direction"),
        ('line_id = "R"', "line_id = R", "could not be read"),
    ],
)
def test_a_mistake_in_the_file_is_a_sentence(edited, old, new, said):
    changes = [(old, new)] if old != '["B"]' else [(old, new), ('["A2", "SA"]', "[]")]
    with pytest.raises(HeadwayError) as refusal:
        edited(*changes)
    assert said in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_file_that_is_absent_or_no_text_is_a_sentence(tmp_path):
    (tmp_path / "line.toml").write_bytes(b"\xff\xfe\x00")
    for name in ("line.toml", "absent.toml", ""):
        with pytest.raises(HeadwayError, match="could not be read"):
            read_line_toml(tmp_path / name)


def test_stations_may_be_kept_or_excluded_by_name_or_any_stop_id():
    assert keep_stations(LINE, ["SA", "Beta"]).line.stop_ids(0) == ["A1", "B"]
    assert exclude(LINE, ["Gamma", "B"]).line.stop_ids(0) == ["A1", "D"]
    assert cut_at_terminals(LINE, ["Gamma", "A3"]).line.stop_ids(0) == ["A1", "B", "G"]
    kept = keep_stations(LINE, ["Alpha", "D"])
    assert (
        set().union(*map(station_stop_ids, kept.excluded))
        == kept.line.excluded
        == {"B", "G", "S1", "S2", "S3"}
    )
    assert with_line_id(LINE, "red").line == replace(LINE.line, line_id="red")


def test_a_name_that_two_stations_have_is_refused_and_written_as_a_stop_id(tmp_path):
    ends = (Station("West", ("W1", "W1")), Station("Mid", ("M", "M")), Station("West", ("W2", "W2")))
    twins = route_line("R", "UTC", ends)
    with pytest.raises(HeadwayError, match="R has 2 stations 'West'"):
        find_station(twins.line, "West")
    write_line_toml(twins, tmp_path / "line.toml")
    assert same(read_line_toml(tmp_path / "line.toml"), twins)


def test_further_stop_ids_survive_storage_and_do_not_make_another_line():
    again = Line.from_dict(LINE.line.to_dict())
    assert again.to_dict() == LINE.line.to_dict()
    bare = [replace(station, alternative_ids=((), ())) for station in STATIONS]
    assert again == Line("R", "Europe/Dublin", tuple(bare))
    assert "alternative_ids" not in Line("R", "Europe/Dublin", tuple(bare)).to_dict()["stations"][0]


def test_every_stop_id_of_a_platform_leads_to_it_and_its_own_is_first():
    assert LINE.line.platforms().height == 7
    alpha = LINE.line.stops().filter(station=0)
    assert alpha.select("direction_id", "stop_id").rows() == [
        (0, "A1"),
        (0, "A3"),
        (0, "SA"),
        (1, "A2"),
        (1, "SA"),
    ]
