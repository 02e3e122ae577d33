"""The smallest ST-ConvNet that is one, with random weights, as a forecaster."""

from headway_prediction.config import AppConfig
from headway_prediction.forecasters.physics.prior import PhysicsPrior
from headway_prediction.forecasters.prior_features import FittedPrior
from headway_prediction.forecasters.st_convnet import STConvNetForecaster
from headway_prediction.grid.matrices import HEADWAY_CHANNELS, SCHEDULE_CHANNELS

CONFIG = AppConfig(encoder_filters=(3, 3), schedule_units=2, decoder_filters=4, head_units=6, seed=1)


def small_network_forecaster(prior: PhysicsPrior) -> STConvNetForecaster:
    """One untrained network without calibration on a fitted prior."""
    from headway_prediction.model import ProbabilisticSTConvNet

    network = ProbabilisticSTConvNet(
        CONFIG, (30, None, 2, len(HEADWAY_CHANNELS)), (15, 2, len(SCHEDULE_CHANNELS))
    )
    return STConvNetForecaster([network], CONFIG, FittedPrior(prior), None)
