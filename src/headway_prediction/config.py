"""AppConfig: every setting of the chain from matrices to a trained network, in one validated dataclass.

Two sets of defaults serve two purposes. The defaults of the fields are those of the starting document: whoever constructs
`AppConfig()` or calls `AppConfig.load()` gets them, as the notebook does for the point network. `line_defaults.toml`
(LINE_DEFAULTS) is what the commands `headway train` and `headway demo` start from; `headway retrain` starts from the
settings in the bundle. A TOML file, HEADWAY_ variables and options go before either.
"""

import dataclasses
import os
import tomllib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from headway_prediction.errors import HeadwayError

ENVIRONMENT_PREFIX = "HEADWAY_"
LINE_DEFAULTS = Path(__file__).with_name("line_defaults.toml")
"""Settings that train a line in minutes: what `headway train` and `headway demo` start from."""

DEFAULT_VALIDATION_DAYS = 2
MAX_FORECAST_MINS = 60
"""Forecasts are extended to this by rollout, so a network has no use for more."""

PositiveInt = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, le=1)]
Level = Annotated[float, Field(gt=0, lt=1)]


@dataclass(config=ConfigDict(extra="forbid"))
class AppConfig:
    """Settings of one line's data, windows, network and training; times in minutes unless named otherwise.

    Raises pydantic's ValidationError when a field is out of range; `AppConfig.load` turns that into a sentence.
    """

    # Data
    data_dir: str = "../data"
    headway_file: str = "headway_matrix_full.npy"
    schedule_file: str = "schedule_matrix_full.npy"
    service_day_file: str | None = None
    zero_is_missing: bool = False
    # Windows
    lookback_mins: PositiveInt = 30
    forecast_mins: Annotated[int, Field(gt=0, le=MAX_FORECAST_MINS)] = 15
    max_invalid_share: Share = 0.5
    """A window has only minutes in which a smaller share of the cells is invalid."""
    outage_mins: PositiveInt = 15
    validation_days: PositiveInt | None = None
    test_days: Annotated[int, Field(ge=0)] = 2
    # Network
    scaler: PositiveFloat = 30.0
    encoder_filters: tuple[PositiveInt, PositiveInt] = (32, 32)
    encoder_step_mins: PositiveInt = 1
    schedule_units: PositiveInt = 16
    decoder_filters: PositiveInt = 64
    head_units: PositiveInt = 48
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    quantiles: Annotated[tuple[Level, ...], Field(min_length=1)] = (0.1, 0.5, 0.9)
    # Training
    batch_size: PositiveInt = 128
    epochs: PositiveInt = 30
    learning_rate: PositiveFloat = 1e-3
    patience: PositiveInt = 6
    epoch_windows: PositiveInt | None = None
    validation_windows: PositiveInt | None = None
    ensemble_members: PositiveInt = 1
    mean_weight: NotNegative = 0.2
    event_weight: NotNegative = 0.5
    interval_event_weight: NotNegative = 4.0
    seed: int = 0

    @field_validator("quantiles")
    @classmethod
    def _rising(cls, quantiles: tuple[float, ...]) -> tuple[float, ...]:
        if any(upper <= lower for lower, upper in pairwise(quantiles)):
            raise ValueError("each quantile must be greater than the one before it")
        return quantiles

    @field_validator("encoder_step_mins")
    @classmethod
    def _whole_steps(cls, step_mins: int, others: ValidationInfo) -> int:
        lookback_mins = others.data.get("lookback_mins", step_mins)
        if lookback_mins % step_mins:
            raise ValueError(f"lookback_mins, {lookback_mins}, must be a multiple of it")
        return step_mins

    @field_validator("ensemble_members")
    @classmethod
    def _no_common_validation_days(cls, members: int, others: ValidationInfo) -> int:
        if members > 1 and others.data.get("validation_days") is not None:
            raise ValueError(
                "1 where validation_days is set, because each of several members validates on its own share of the days"
            )
        return members

    @property
    def days_to_validate(self) -> int:
        """How many service days before the test days a single network validates on: 2 unless set."""
        return self.validation_days or DEFAULT_VALIDATION_DAYS

    @property
    def headway_path(self) -> Path:
        """Where the headway matrix lies: `headway_file` inside `data_dir`."""
        return Path(self.data_dir) / self.headway_file

    @property
    def schedule_path(self) -> Path:
        """Where the schedule matrix lies: `schedule_file` inside `data_dir`."""
        return Path(self.data_dir) / self.schedule_file

    @property
    def service_day_path(self) -> Path | None:
        """Where the vector of service days lies, or None when 1440 rows are a day."""
        return Path(self.data_dir) / self.service_day_file if self.service_day_file else None

    @property
    def window_mins(self) -> int:
        """Length of a whole window: the history and the minutes to forecast."""
        return self.lookback_mins + self.forecast_mins

    @classmethod
    def load(
        cls,
        path: Path | str | None = None,
        environment: Mapping[str, str] | None = None,
        *,
        base: Path | str | None = None,
        **overrides: object,
    ) -> "AppConfig":
        """Return the defaults, then the TOML files `base` and `path`, then HEADWAY_<FIELD> variables, then `overrides`.

        A relative `data_dir` of a TOML file counts from that file's folder. Raises HeadwayError for a file that
        cannot be read or a field that is unknown or out of range.
        """
        environment = os.environ if environment is None else environment
        settings: dict[str, object] = {}
        for file in (base, path):
            settings |= _from_toml(Path(file)) if file is not None else {}
        settings |= _from_environment(environment, {field.name for field in dataclasses.fields(cls)})
        settings |= {name: value for name, value in overrides.items() if value is not None}
        return cls.from_dict(settings)

    @classmethod
    def from_dict(cls, settings: Mapping[str, object]) -> "AppConfig":
        """Validate plain settings (from TOML, JSON or variables); raises HeadwayError naming the first bad field."""
        try:
            return TypeAdapter(cls).validate_python(dict(settings))
        except ValidationError as error:
            raise _as_sentence(error) from error

    def to_dict(self) -> dict[str, object]:
        """Return the settings as plain values that JSON can hold."""
        plain: dict[str, object] = TypeAdapter(type(self)).dump_python(self, mode="json")
        return plain


def middle_index(levels: Sequence[float]) -> int:
    """Return the index of the quantile level nearest to a half, the first of two that are as near."""
    return min(range(len(levels)), key=lambda index: abs(levels[index] - 0.5))


def _from_toml(path: Path) -> dict[str, object]:
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise HeadwayError(
            f"the configuration {path} could not be read ({error})",
            "a TOML file of AppConfig fields such as `lookback_mins = 30`",
            "check the path and the line that is named",
        ) from error
    if "data_dir" in settings:
        settings["data_dir"] = str(path.resolve().parent / str(settings["data_dir"]))
    return settings


def _from_environment(environment: Mapping[str, str], fields: set[str]) -> dict[str, object]:
    named = {field: environment.get(ENVIRONMENT_PREFIX + field.upper()) for field in fields}
    lists = {"encoder_filters", "quantiles"}
    return {
        field: value.split(",") if field in lists else value
        for field, value in named.items()
        if value is not None
    }


def _as_sentence(error: ValidationError) -> HeadwayError:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "configuration"
    if first["type"] == "unexpected_keyword_argument":
        return HeadwayError(
            f"there is no setting {field}",
            f"one of {', '.join(known.name for known in dataclasses.fields(AppConfig))}",
            "correct its name in the TOML file or the option it came from",
        )
    reason = first["msg"].removeprefix("Value error, ")
    return HeadwayError(
        f"the setting {field} is {first['input']!r}",
        f"a value that passes: {reason[0].lower()}{reason[1:]}",
        "correct it in the TOML file, the HEADWAY_ variable or the option it came from",
    )
