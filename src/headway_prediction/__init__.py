"""Headway forecasts for metro lines; the names of the spine load when first used, so importing costs nothing."""

from importlib import import_module

__version__ = "0.1.0"

_SPINE = {
    "AppConfig": "config",
    "DataLoader": "data_loader",
    "TimeseriesGenerator": "dataset",
    "STConvNet": "model",
    "ModelTrainer": "trainer",
    "Bundle": "bundle.bundle",
    "Line": "transit.line",
}
__all__ = [*_SPINE, "__version__"]
_FRAMEWORK = ("keras", "tensorflow")


def __getattr__(name: str) -> object:
    if name not in _SPINE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_SPINE[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name not in _FRAMEWORK:
            raise
        remedy = "run `pip install 'headway-prediction[train]'`"
        raise ImportError(f"{name} needs {error.name}, which is not installed; {remedy}") from error
