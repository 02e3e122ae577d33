"""Ablations: scores of the network trained without one of its parts or inputs, on the same days.

    python benchmarks/ablations.py --grid dublin-dart.zarr --out ablations [--seed 0 --seed 1] [--variant full]
        [--epochs 4]

Trains one ensemble member of the default configuration per variant and seed, with every fourth training day as its
validation days. Scores are over windows spread evenly over these, the same for all variants. Arrival residuals are fitted
once for all seeds. Every result is written to the folder: started again, the benchmark continues.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from headway_prediction.config import LINE_DEFAULTS, AppConfig
from headway_prediction.dataset import TimeseriesGenerator
from headway_prediction.files import atomic_path
from headway_prediction.forecasters.physics.arrival_residuals import DEFAULT_SPREAD_MINS
from headway_prediction.forecasters.physics.fit_prior import folds_of
from headway_prediction.forecasters.physics.prior import PhysicsPrior
from headway_prediction.forecasters.physics.train_following import TrainFollowing
from headway_prediction.forecasters.physics.turnarounds import Turnarounds
from headway_prediction.forecasters.prior_features import FittedPrior
from headway_prediction.grid.history import LineHistory
from headway_prediction.grid.matrices import SCHEDULE_CHANNELS
from headway_prediction.grid.store import read_history
from headway_prediction.grid.windows import LineWindows
from headway_prediction.model import ProbabilisticSTConvNet
from headway_prediction.nn.prior_channels import (
    CHANNELS_WIDTH,
    FAR_MINS,
    FORECASTS,
    PLATFORM_CHANNELS,
    TRAIN_CHANNELS,
    TRAINS_WIDTH,
)
from headway_prediction.nn.window_dataset import examples
from headway_prediction.trainer import ModelTrainer
from headway_prediction.training.ensemble import (
    day_number,
    fold_line,
    line_windows,
    with_arrival_residuals,
)
from headway_prediction.training.members import untrained_network
from headway_prediction.training.train import split_days

Change = Callable[[LineWindows], LineWindows]
PriorChange = Callable[[PhysicsPrior], PhysicsPrior]
COLUMNS = ("mae", "rmse", "ev_mae", "pinball")


def same(line: LineWindows) -> LineWindows:
    return line


def as_fitted(prior: PhysicsPrior) -> PhysicsPrior:
    return prior


def without_trips(prior: PhysicsPrior) -> PhysicsPrior:
    return without_turnarounds(
        replace(prior, trips=tuple(replace(known, source="none") for known in prior.trips))
    )


def without_turnarounds(prior: PhysicsPrior) -> PhysicsPrior:
    nothing = Turnarounds(np.empty(0), np.empty(0))
    return replace(prior, turnarounds=(nothing, nothing))


def without_train_following(prior: PhysicsPrior) -> PhysicsPrior:
    return replace(
        prior,
        train_following=tuple(TrainFollowing.none(len(known.min_headway)) for known in prior.train_following),
    )


def without_schedule(*channels: str) -> Change:
    def change(line: LineWindows) -> LineWindows:
        schedule = line.schedule.copy()
        schedule[..., [SCHEDULE_CHANNELS.index(name) for name in channels]] = 0
        return replace(line, schedule=schedule)

    return change


def without_features(*channels: str) -> Change:
    def change(line: LineWindows) -> LineWindows:
        priors = line.priors.copy()
        for name in channels:
            if name in TRAIN_CHANNELS:
                priors[..., TRAIN_CHANNELS.index(name) : TRAINS_WIDTH : len(TRAIN_CHANNELS)] = 0
            else:
                priors[..., TRAINS_WIDTH + PLATFORM_CHANNELS.index(name)] = 0
        return replace(line, priors=priors)

    return change


def with_default_spread(line: LineWindows) -> LineWindows:
    """Every train has the spread that is the default without fitted arrival residuals."""
    priors = line.priors.copy()
    for name in ("earlier_by", "later_by"):
        priors[..., TRAIN_CHANNELS.index(name) : TRAINS_WIDTH : len(TRAIN_CHANNELS)] = DEFAULT_SPREAD_MINS
    return replace(line, priors=priors)


def without_forecasts(*methods: str) -> Change:
    """Their forecasts are replaced by those of trip propagation."""

    def change(line: LineWindows) -> LineWindows:
        priors = line.priors.copy()
        by_method = priors[..., CHANNELS_WIDTH:].reshape(*priors.shape[:-1], len(FORECASTS), -1)
        for name in methods:
            by_method[..., FORECASTS.index(name), :] = by_method[..., FORECASTS.index("trip_propagation"), :]
        priors[..., CHANNELS_WIDTH:] = by_method.reshape(*priors.shape[:-1], -1)
        return replace(line, priors=priors)

    return change


def without_prior(line: LineWindows) -> LineWindows:
    """No train is expected, and every forecast of the prior is the climatology."""
    priors = line.priors.copy()
    priors[..., :TRAINS_WIDTH] = 0
    priors[..., : TRAINS_WIDTH : len(TRAIN_CHANNELS)] = FAR_MINS
    climatology = priors[..., CHANNELS_WIDTH:].reshape(*priors.shape[:-1], len(FORECASTS), -1)[..., -1, :]
    priors[..., CHANNELS_WIDTH:] = np.tile(climatology, len(FORECASTS))
    return replace(line, priors=priors)


class HeadOnly(ProbabilisticSTConvNet):
    """The head sees the prior and the present minute of each cell; the features of encoder and decoder are zero."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        spine = self.network.cell_features
        self.network.cell_features = lambda *inputs: 0 * spine(*inputs)


def without_state(channel: int) -> Change:
    def change(line: LineWindows) -> LineWindows:
        headway = line.headway.copy()
        headway[..., channel] = 0
        return replace(line, headway=headway)

    return change


PLAN = ("planned_terminal_headway", "planned", "departure")
CALENDAR = ("time_of_day_sine", "time_of_day_cosine", "weekend")
VARIANTS: dict[str, tuple[str, Change, dict[str, object]]] = {
    "full": ("the default configuration", same, {}),
    "no-history": ("ConvLSTM encoder sees 3 minutes, not 30", same, {"lookback_mins": 3}),
    "steps-of-1": ("encoder steps of 1 minute, not 3", same, {"encoder_step_mins": 1}),
    "no-elapsed": ("input channel elapsed", without_state(1), {}),
    "no-plan-forcing": ("planned terminal headways and departures as forcings", without_schedule(*PLAN), {}),
    "no-calendar": ("time of day and weekend", without_schedule(*CALENDAR), {}),
    "no-prior": ("physics prior (climatology stays)", without_prior, {}),
    "no-spine": ("encoder and decoder (head on the prior alone)", same, {"network": HeadOnly}),
    "no-trips": ("trips in the prior (propagation at typical headways)", same, {"prior": without_trips}),
    "no-turnarounds": ("turnarounds in the prior", same, {"prior": without_turnarounds}),
    "no-arrival-residuals": ("arrival residuals", same, {"arrival_residuals": False}),
    "no-spread": ("spread of arrival times", with_default_spread, {}),
    "no-train-following": ("train following (minimum headway, dwell, pace)", same, {"prior": without_train_following}),
    "no-propagation": ("propagation beside trip propagation", without_forecasts("propagation"), {}),
    "no-climatology": ("climatology of the valid time", without_forecasts("climatology"), {}),
    "no-lateness": ("lateness and age of the next trains", without_features("since_observed", "overdue", "late"), {}),
    "no-running-times": ("running times and served share", without_features("run_from", "run_to", "served"), {}),
    "no-event-weight": ("weight of event cells in the loss", same, {"event_weight": 0, "interval_event_weight": 0}),
    "small-mean-weight": ("(instead: a tenth of the weight of the mean)", same, {"mean_weight": 0.02}),
    "no-dropout": ("dropout", same, {"dropout": 0.0}),
    "twice-as-wide": ("(instead: twice the width of decoder and head)", same, {"decoder_filters": 96, "head_units": 96}),
}  # fmt: skip


def main() -> None:
    args = read_options()
    ablations = Ablations(read_history(args.grid))
    rows = {
        name: [result(args, ablations, name, seed) for seed in args.seed or [0]]
        for name in args.variant or VARIANTS
    }
    print(markdown(rows))


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--grid", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, help="maximum number of epochs; default: the packaged setting")
    parser.add_argument("--seed", type=int, action="append", help="repeatable; default 0")
    parser.add_argument("--variant", action="append", choices=VARIANTS, help="repeatable; default all")
    return parser.parse_args()


def result(args: argparse.Namespace, ablations: "Ablations", name: str, seed: int) -> dict[str, float]:
    trained = "" if args.epochs is None else f"-{args.epochs}-epochs"
    path = args.out / f"{name}-{seed}{trained}.json"
    if not path.exists():
        print(f"training {name}, seed {seed}", file=sys.stderr, flush=True)
        _, change, settings = VARIANTS[name]
        found = ablations.score(change, {"epochs": args.epochs} | settings, seed)
        with atomic_path(path) as fresh:
            fresh.write_text(json.dumps(found), encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


class Ablations:
    """The training days of a line; the windows with the latest prior are cached for all seeds."""

    def __init__(self, history: LineHistory):
        self.history, self.config = history, AppConfig.load(base=LINE_DEFAULTS)
        self.days = split_days(history, self.config).training
        self.windows = lru_cache(maxsize=1)(self._windows)

    def score(self, change: Change, settings: dict, seed: int) -> dict[str, float]:
        """Train one member without the part and score it on its validation days."""
        settings = dict(settings)
        network = settings.pop("network", ProbabilisticSTConvNet)
        known = self.windows(settings.pop("prior", as_fitted), settings.pop("arrival_residuals", True))
        config = AppConfig.load(base=LINE_DEFAULTS, seed=seed, **settings)
        # Variants with another lookback are trained and scored on the same minutes.
        line = replace(known, starts=known.starts + self.config.lookback_mins - config.lookback_mins)
        validation_days = [day_number(day) for day in folds_of(self.days, config.ensemble_members)[0]]
        training = change(line.select(~np.isin(line.service_days, validation_days)))
        generator = TimeseriesGenerator(config)
        validation = change(line.of_days(validation_days).thin_to(config.validation_windows))
        with tempfile.TemporaryDirectory() as folder:
            trainer = ModelTrainer(untrained_network(config, line, network), config, Path(folder), quiet=True)
            epochs = trainer.train(
                generator.serve([training], shuffled=True), generator.serve([validation], shuffled=False)
            )
        return scores(trainer.model, config, validation) | {"epochs": len(epochs["loss"])}

    def _windows(self, change_prior: PriorChange, arrival_residuals: bool) -> LineWindows:
        """The windows with a changed prior, with arrival residuals fitted to it again."""
        line = fold_line(self.history, self.days, (), self.config.ensemble_members)
        changed = {id(own.physics): FittedPrior(change_prior(own.physics)) for own in line.priors.values()}
        line = replace(line, priors={day: changed[id(own.physics)] for day, own in line.priors.items()})
        if arrival_residuals:
            line, _ = with_arrival_residuals(line, self.config.seed)
        return line_windows(line, self.config)


def scores(network, config: AppConfig, line: LineWindows) -> dict[str, float]:
    inputs, target = examples(config, line)
    forecast = config.scaler * np.asarray(network.predict(inputs, batch_size=64, verbose=0))
    truth, event = config.scaler * target[..., 0], target[..., 1] > 0
    valid = np.isfinite(truth)
    errors = (forecast - truth[..., None])[valid]
    low, middle, high = errors[:, 1], errors[:, 2], errors[:, 3]
    pinball = [
        np.maximum(-q * e, (1 - q) * e).mean()
        for q, e in zip(config.quantiles, (low, middle, high), strict=True)
    ]
    return {
        "mae": float(np.abs(middle).mean()),
        "rmse": float(np.sqrt((errors[:, 0] ** 2).mean())),
        "ev_mae": float(np.abs(middle[event[valid]]).mean()),
        "pinball": float(np.mean(pinball)),
    }


def markdown(rows: dict[str, list[dict[str, float]]]) -> str:
    lines = [
        "| without | MAE | RMSE | ev_MAE | pinball | seeds |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, found in rows.items():
        means = [np.mean([one[column] for one in found]) for column in COLUMNS]
        lines.append(
            f"| {VARIANTS[name][0]} | {' | '.join(f'{mean:.3f}' for mean in means)} | {len(found)} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
