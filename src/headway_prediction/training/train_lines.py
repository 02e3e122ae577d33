"""From the histories of several lines to one bundle: networks for lines that they have never seen."""

from collections.abc import Sequence
from pathlib import Path

from headway_prediction.bundle.files import check_cap
from headway_prediction.bundle.multi_line_bundle import LinesBundle, TrainedLine
from headway_prediction.config import AppConfig
from headway_prediction.errors import HeadwayError
from headway_prediction.grid.history import LineHistory
from headway_prediction.grid.plan_variants import PlanKind, plan_kind
from headway_prediction.training.ensemble import fold_line, train_ensemble
from headway_prediction.training.train_line import split_days, training_details


def train_lines(
    histories: Sequence[LineHistory], config: AppConfig, run_dir: Path, quiet: bool = False
) -> LinesBundle:
    """Train the ST-ConvNet on several lines, of any lengths, at once; return the bundle, not yet saved.

    Each line's days are split as `train_line` does; the intervals are calibrated on the days left out of all lines together.
    `run_dir` keeps the state of the training. Raises HeadwayError for a line with fewer service days than the split needs,
    with another cap than the first one's, or with observed departures as its plan.
    """
    cap_mins = float(histories[0].grid.attrs["cap_mins"])
    for history in histories:
        check_cap(history, cap_mins)
        _refuse_oracle(history)
    days = [split_days(history, config) for history in histories]
    lines = [
        fold_line(history, own.training, own.validation, config.members)
        for history, own in zip(histories, days, strict=True)
    ]
    trained = train_ensemble(lines, config, run_dir, quiet)
    return LinesBundle(
        lines=tuple(
            TrainedLine(history.line, own._asdict()) for history, own in zip(histories, days, strict=True)
        ),
        config=config,
        cap_mins=cap_mins,
        network_paths=trained.network_paths,
        calibration=trained.calibration,
        rollout=trained.rollout,
        details=training_details(trained, config) | {"grids": [_sources(history) for history in histories]},
    )


def _refuse_oracle(history: LineHistory) -> None:
    if plan_kind(history) is PlanKind.ORACLE:
        raise HeadwayError(
            f"the plan of the grid of {history.line.line_id} is the observed departures (oracle)",
            "grids with their planned service or none",
            "give the grid that `headway grid` wrote without --oracle",
        )


def _sources(history: LineHistory) -> dict[str, object]:
    kept = {name: value for name, value in history.grid.attrs.items() if name in ("sources", "code_version")}
    return kept | {"plan": str(plan_kind(history))}
