"""`headway leakage-check`: what it prints, and its exit status."""

from headway_prediction.grid.history import LineHistory
from headway_prediction.grid.plan_variants import PLAN_ATTRIBUTE, PlanKind, with_plan
from headway_prediction.grid.store import read_history, write_history
from helpers.lines import headway


def test_a_bundle_passes_with_a_note_that_two_days_are_few(small_line, capfd):
    command = ("leakage-check", "--grid", small_line / "grid.zarr", "--bundle", small_line / "bundle")
    assert headway(*command, "--origins", 3) == 0
    printed = capfd.readouterr()
    assert printed.out == "" and "no leak found" in printed.err
    assert "st-convnet: MAE" in printed.err and "2 days are too few" in printed.err


def test_without_a_bundle_the_simple_methods_are_checked_on_the_second_half(small_line, capfd):
    assert headway("leakage-check", "--grid", small_line / "grid.zarr", "--origins", 3) == 0
    printed = capfd.readouterr().err
    assert "checking 3 service days" in printed and "st-convnet" not in printed


def test_a_leak_ends_with_status_1_and_a_sentence(small_line, tmp_path, capfd):
    oracle = with_plan(read_history(small_line / "grid.zarr"), PlanKind.ORACLE)
    unlabelled = oracle.grid.assign_attrs({PLAN_ATTRIBUTE: "planned"})
    write_history(
        LineHistory(oracle.line, oracle.passings, oracle.timetable, unlabelled), tmp_path / "g.zarr"
    )
    assert headway("leakage-check", "--grid", tmp_path / "g.zarr", "--origins", 1) == 1
    assert capfd.readouterr().out.startswith("the plan looks like the observed departures: ")
