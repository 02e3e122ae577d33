"""From the history of a line to a bundle: split by service day, train the network, fit the simple methods, keep it all."""

from pathlib import Path

import keras

from headway_prediction.bundle import Bundle
from headway_prediction.config import AppConfig
from headway_prediction.data_loader import DataLoader
from headway_prediction.dataset import TimeseriesGenerator
from headway_prediction.forecasters.registry import fit_simple_methods
from headway_prediction.grid.history import LineHistory
from headway_prediction.grid.matrices import service_days, to_matrices
from headway_prediction.grid.plan_variants import plan_kind
from headway_prediction.model import STConvNet
from headway_prediction.split import split_service_days
from headway_prediction.trainer import ModelTrainer


def train_line(history: LineHistory, config: AppConfig, run_dir: Path, quiet: bool = False) -> Bundle:
    """Train the ST-ConvNet and fit the simple methods on the training days; return the bundle, not yet saved.

    `run_dir` keeps the state of the training: a run that was killed goes on from its last finished epoch. Raises
    HeadwayError for fewer service days than the split needs.
    """
    days = split_service_days(history.service_dates, config.validation_days, config.test_days)
    training, validation = _window_sets(history, config)
    trainer = ModelTrainer(_fresh_network(config, training), config, run_dir, quiet=quiet)
    epochs = trainer.train(training, validation)
    network_path = run_dir / "network.keras"
    trainer.save_model(network_path)
    return Bundle(
        history.line,
        config,
        history.timetable,
        float(history.grid.attrs["cap_mins"]),
        days._asdict(),
        fit_simple_methods(history.select(days.training)),
        network_path,
        {
            "validation_scores": trainer.evaluate(validation),
            "epochs": epochs,
            "backend": f"{keras.backend.backend()}, Keras {keras.__version__}",
            "seed": config.seed,
            "grid": {
                name: value
                for name, value in history.grid.attrs.items()
                if name in ("sources", "code_version")
            },
            "plan": str(plan_kind(history)),
        },
    )


def _window_sets(history: LineHistory, config: AppConfig):
    matrices = DataLoader(config).preprocess(*to_matrices(history.grid))
    generator = TimeseriesGenerator(config)
    # tf.data feeds TensorFlow; the twin with the same windows in the same order feeds the other backends.
    on_tensorflow = keras.backend.backend() == "tensorflow"
    create = generator.create_train_val_datasets if on_tensorflow else generator.create_train_val_twins
    return create(*matrices, service_days(history.grid))


def _fresh_network(config: AppConfig, training) -> STConvNet:
    (headway_in, schedule_in), _ = next(iter(training))
    return STConvNet(config, headway_in.shape[1:], schedule_in.shape[1:])
