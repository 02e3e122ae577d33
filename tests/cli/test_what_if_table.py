"""What the terminal prints of a what-if, on the line of `what_if_line`."""

import pytest

from headway_prediction.cli.what_if_table import print_result
from headway_prediction.what_if.request import Add, Cancel, Hold
from helpers.what_if_line import NOW, T0, Railway, delayed, line_history


@pytest.fixture(scope="module")
def overdue():
    """Three minutes after nine, when the train of nine has not left A."""
    return Railway(delayed(line_history(), NOW, 4.0), t0=T0 + 3)


def departures_of(capsys, result, direction: int = 0) -> list[list[str]]:
    print_result(result)
    part = capsys.readouterr().out.split(f"departures of direction {direction}")[1].split("\n\n")[0]
    return [line.split() for line in part.splitlines()[2:]]


def test_departures_are_listed_with_their_outcome(overdue, capsys):
    shown = departures_of(
        capsys, overdue.asked(Hold(0, NOW + 12, 1.5), Cancel(0, NOW + 17), Add(0, NOW + 20))
    )
    assert shown[0] == ["09:00", "09:00", "overdue"] and shown[1] == ["09:05", "09:05"]
    assert shown[2] == ["09:12", "09:13:30", "+1.5", "min"]
    assert shown[3] == ["09:17", "–", "cancelled"] and shown[4] == ["–", "09:20", "added"]


@pytest.mark.parametrize(("minutes", "shown"), [(20.0, "09:20"), (20.4999, "09:20:30"), (20.995, "09:21")])
def test_times_are_rounded_to_the_second(overdue, capsys, minutes, shown):
    added = [line for line in departures_of(capsys, overdue.asked(Add(0, NOW + minutes))) if "added" in line]
    assert added == [["–", shown, "added"]]
